package manifest

import (
	"errors"
	"math"
	"strconv"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// jsonValues cuts a document into the JSON values that stand in it one after
// another, as concatenated output does. It looks at brackets and quotes only.
func jsonValues(doc document) []document {
	var out []document
	depth, start, line := 0, -1, doc.line
	firstLine := line
	inString := false
	for i := 0; i < len(doc.data); i++ {
		c := doc.data[i]
		if c == '\n' {
			line++
		}
		if inString {
			if c == '\\' {
				i++
			} else if c == '"' {
				inString = false
			}
			continue
		}
		if start < 0 && c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			start, firstLine = i, line
		}
		switch c {
		case '"':
			inString = true
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				out = append(out, document{index: doc.index, line: firstLine, start: doc.start + start, data: doc.data[start : i+1]})
				start = -1
			}
		}
	}
	if start >= 0 {
		out = append(out, document{index: doc.index, line: firstLine, start: doc.start + start, data: doc.data[start:]})
	}
	return out
}

// jsonBuilder turns one JSON value into nodes.
type jsonBuilder struct {
	r    *jsonscan.Reader
	doc  document
	line int
	upTo int // the offset that line belongs to
}

func parseJSON(doc document, l limits) (*node, *parseError) {
	b := &jsonBuilder{doc: doc, line: doc.line, r: jsonscan.New(doc.data, jsonscan.Options{MaxDepth: l.depth})}
	n := b.value()
	if err := b.r.End(); err != nil {
		var syntax *jsonscan.SyntaxError
		if errors.As(err, &syntax) {
			return nil, &parseError{line: doc.line + syntax.Line - 1, err: ident.Errorf(syntax.Kind, "not JSON: %s", syntax.Message)}
		}
		return nil, &parseError{line: doc.line, err: ident.Errorf(ident.KindInvalid, "not JSON: %w", err)}
	}
	return n, nil
}

// lineAt counts lines up to an offset; offsets only grow.
func (b *jsonBuilder) lineAt(off int) int32 {
	for ; b.upTo < off && b.upTo < len(b.doc.data); b.upTo++ {
		if b.doc.data[b.upTo] == '\n' {
			b.line++
		}
	}
	return int32(b.line) //nolint:gosec // a file of 512 MB has fewer lines
}

func (b *jsonBuilder) value() *node {
	kind := b.r.Kind()
	off := b.r.Offset()
	n := &node{line: b.lineAt(off), start: b.doc.start + off, flow: true}
	switch kind {
	case jsonscan.Object:
		n.kind = mapNode
		b.r.Object()
		for {
			k, ok := b.r.NextKey()
			if !ok {
				break
			}
			key := string(k)
			n.fields = append(n.fields, field{key, b.value()})
		}
	case jsonscan.Array:
		n.kind = listNode
		b.r.Array()
		for b.r.NextItem() {
			n.items = append(n.items, b.value())
		}
	case jsonscan.String:
		n.kind, n.text = stringNode, b.r.String()
	case jsonscan.Bool:
		n.kind, n.text = boolNode, strconv.FormatBool(b.r.Bool())
	case jsonscan.Number:
		n.kind, n.text = jsonNumber(string(b.r.Raw()))
	default:
		b.r.Skip()
	}
	n.end = b.doc.start + b.r.Offset()
	return n
}

func jsonNumber(s string) (nodeKind, string) {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		return intNode, strconv.FormatInt(v, 10)
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil && v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		return intNode, strconv.FormatInt(int64(v), 10)
	}
	return floatNode, s
}
