package manifest

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/cofferdam-io/cofferdam/ident"
)

// yamlBuilder turns one parsed YAML document into nodes.
type yamlBuilder struct {
	doc    document
	lines  []int // byte offset of each line's start, in doc.data
	limits limits
	last   position              // that was converted last: nodes come in the order of the text
	done   map[*yaml.Node]*built // anchored nodes, converted once
	shared int                   // nodes that aliases repeat
}

// built is an anchored node with what an alias to it costs.
type built struct {
	node   *node // nil while it is being converted
	size   int
	height int
}

// parseYAML reads one document. A nil node is an empty document.
func parseYAML(doc document, l limits) (*node, *parseError) {
	if n := blockYAML(doc, l); n != nil {
		return n, nil
	}
	return anyYAML(doc, l)
}

// anyYAML reads one document by yaml.v3.
func anyYAML(doc document, l limits) (*node, *parseError) {
	var root yaml.Node
	err := yaml.NewDecoder(bytes.NewReader(doc.data)).Decode(&root)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, yamlError(doc, err)
	case len(root.Content) == 0:
		return nil, nil
	}
	b := &yamlBuilder{doc: doc, limits: l}
	b.lines = append(b.lines, 0)
	for i, c := range doc.data {
		if c == '\n' {
			b.lines = append(b.lines, i+1)
		}
	}
	n, _, _, perr := b.convert(root.Content[0], 1)
	if perr != nil {
		return nil, perr
	}
	if n.kind == nullNode {
		return nil, nil
	}
	return n, nil
}

// position is a place of the parser and its byte offset in the document.
type position struct{ line, column, at int }

// offset converts a position of the parser, whose columns count characters. It
// goes on from the last one of the same line: a line may hold every node.
func (b *yamlBuilder) offset(line, column int) int {
	if line < 1 || line > len(b.lines) {
		return b.doc.start
	}
	from := position{line, 1, b.lines[line-1]}
	if line == 1 && bytes.HasPrefix(b.doc.data, []byte("\uFEFF")) {
		from.at += len("\uFEFF")
	}
	if b.last.line == line && b.last.column <= column {
		from = b.last
	}
	at := from.at
	for left := column - from.column; left > 0 && at < len(b.doc.data); left-- {
		if b.doc.data[at] < utf8.RuneSelf {
			at++
			continue
		}
		_, n := utf8.DecodeRune(b.doc.data[at:])
		at += n
	}
	b.last = position{line, column, at}
	return b.doc.start + at
}

func (b *yamlBuilder) fail(y *yaml.Node, kind ident.Kind, format string, args ...any) *parseError {
	return &parseError{line: b.doc.line + y.Line - 1, err: ident.Errorf(kind, format, args...)}
}

// convert returns the node, the number of nodes below and including it with
// aliases expanded, and its height.
func (b *yamlBuilder) convert(y *yaml.Node, depth int) (n *node, size, height int, err *parseError) {
	if depth > b.limits.depth {
		return nil, 0, 0, b.fail(y, ident.KindLimit, "nested more than %d deep", b.limits.depth)
	}
	if y.Kind == yaml.AliasNode {
		return b.alias(y, depth)
	}
	var anchored *built
	if y.Anchor != "" {
		if b.done == nil {
			b.done = map[*yaml.Node]*built{}
		}
		anchored = &built{}
		b.done[y] = anchored
	}
	n = &node{
		line:  int32(b.doc.line + y.Line - 1), //nolint:gosec // a file of 512 MB has fewer lines
		start: b.offset(y.Line, y.Column),
		flow:  y.Style&yaml.FlowStyle != 0,
	}
	size, height = 1, 1
	grow := func(s, h int) { size, height = size+s, max(height, h+1) }
	switch y.Kind {
	case yaml.MappingNode:
		n.kind = mapNode
		if err := b.mapping(n, y, depth, grow); err != nil {
			return nil, 0, 0, err
		}
	case yaml.SequenceNode:
		n.kind = listNode
		n.items = make([]*node, 0, len(y.Content))
		for _, c := range y.Content {
			item, s, h, err := b.convert(c, depth+1)
			if err != nil {
				return nil, 0, 0, err
			}
			grow(s, h)
			n.items = append(n.items, item)
		}
	default:
		if err := b.scalar(n, y); err != nil {
			return nil, 0, 0, err
		}
	}
	if anchored != nil {
		*anchored = built{n, size, height}
	}
	return n, size, height, nil
}

func (b *yamlBuilder) alias(y *yaml.Node, depth int) (*node, int, int, *parseError) {
	t := b.done[y.Alias]
	switch {
	case t == nil || t.node == nil:
		return nil, 0, 0, b.fail(y, ident.KindInvalid, "the anchor %q contains itself", y.Value)
	case depth+t.height-1 > b.limits.depth:
		return nil, 0, 0, b.fail(y, ident.KindLimit, "nested more than %d deep", b.limits.depth)
	}
	b.shared += t.size
	if b.shared > b.limits.aliasNodes {
		return nil, 0, 0, b.fail(y, ident.KindLimit, "aliases repeat more than %d values", b.limits.aliasNodes)
	}
	return t.node, t.size, t.height, nil
}

// manyFields is the size from which a mapping's keys are checked by a hash.
const manyFields = 24

func (b *yamlBuilder) mapping(n *node, y *yaml.Node, depth int, grow func(size, height int)) *parseError {
	n.fields = make([]field, 0, len(y.Content)/2)
	var merges []*node
	var seen map[string]bool
	if len(y.Content) > 2*manyFields {
		seen = make(map[string]bool, len(y.Content)/2)
	}
	for i := 0; i+1 < len(y.Content); i += 2 {
		k := y.Content[i]
		value, s, h, err := b.convert(y.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		grow(s, h)
		if k.Kind == yaml.ScalarNode && k.Value == "<<" && (k.Tag == "!!merge" || k.Tag == "") && k.Style == 0 {
			if value.kind == listNode {
				merges = append(merges, value.items...)
			} else {
				merges = append(merges, value)
			}
			continue
		}
		key, err := b.key(k, depth)
		if err != nil {
			return err
		}
		if seen != nil && seen[key] || seen == nil && n.lookup(key) != nil {
			return b.fail(k, ident.KindInvalid, "the key %q occurs twice in one mapping", clip(key))
		}
		if seen != nil {
			seen[key] = true
		}
		n.fields = append(n.fields, field{key, value})
	}
	for _, m := range merges {
		if m.kind != mapNode {
			return b.fail(y, ident.KindInvalid, "a merge key (<<) needs a mapping")
		}
		if seen == nil && len(n.fields)+len(m.fields) > manyFields {
			seen = make(map[string]bool, len(n.fields)+len(m.fields))
			for _, f := range n.fields {
				seen[f.key] = true
			}
		}
		for _, f := range m.fields {
			if seen == nil && n.lookup(f.key) == nil || seen != nil && !seen[f.key] {
				n.fields = append(n.fields, f)
				if seen != nil {
					seen[f.key] = true
				}
			}
		}
	}
	return nil
}

// key gives a mapping's key as JSON has it: a boolean or number becomes text.
func (b *yamlBuilder) key(k *yaml.Node, depth int) (string, *parseError) {
	if k.Kind == yaml.ScalarNode && k.Anchor == "" && k.Style == 0 {
		if kind, _ := resolvePlain(k.Value); kind == stringNode {
			return k.Value, nil
		}
	}
	n, _, _, err := b.convert(k, depth+1)
	if err != nil {
		return "", err
	}
	switch n.kind {
	case mapNode, listNode:
		return "", b.fail(k, ident.KindInvalid, "%s cannot be a key", n.kind)
	case nullNode:
		return "null", nil
	}
	return n.text, nil
}

func (b *yamlBuilder) scalar(n *node, y *yaml.Node) *parseError {
	n.block = y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	if y.Style&yaml.TaggedStyle == 0 {
		if y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			n.kind, n.text = stringNode, y.Value
		} else {
			n.kind, n.text = resolvePlain(y.Value)
		}
		return nil
	}
	switch y.Tag {
	case "!!str", "!":
		n.kind, n.text = stringNode, y.Value
	case "!!null", "!!bool", "!!int", "!!float":
		n.kind, n.text = resolvePlain(y.Value)
		want := map[string][2]nodeKind{"!!null": {nullNode, nullNode}, "!!bool": {boolNode, boolNode}, "!!int": {intNode, intNode}, "!!float": {floatNode, intNode}}[y.Tag]
		if n.kind != want[0] && n.kind != want[1] {
			return b.fail(y, ident.KindInvalid, "%q is not of the type %s", clip(y.Value), y.Tag)
		}
	default:
		n.kind, n.text = stringNode, y.Value
	}
	return nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// yamlError moves the parser's line to the file's.
func yamlError(doc document, err error) *parseError {
	msg, line := err.Error(), doc.line
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		msg = strings.TrimPrefix(msg, m[0])
		if n, e := strconv.Atoi(m[1]); e == nil {
			line += n - 1
		}
	}
	pe := &parseError{line: line, err: ident.Errorf(ident.KindInvalid, "not YAML: %s", msg)}
	if strings.Contains(msg, "cannot start any token") && bytes.Contains(doc.data, []byte("\t")) {
		pe.err = pe.err.WithHint("YAML is indented with spaces; this document holds a tab")
	}
	if bytes.Contains(doc.data, []byte("{{")) {
		pe.err = pe.err.WithHint("it looks like a template: render it first, for instance with helm template")
	}
	return pe
}

// clip shortens a foreign text for a message.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	for i := most; i > 0; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i] + "…"
		}
	}
	return "…"
}
