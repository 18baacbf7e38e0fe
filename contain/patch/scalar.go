package patch

import (
	"bytes"
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// scalar finds the end of a scalar and reads it.
func (b *yamlBuilder) scalar(n *node, y *yaml.Node, indent int) error {
	ok := true
	n.value = y.Value
	switch {
	case y.Style&yaml.DoubleQuotedStyle != 0:
		n.kind = double
		n.end, ok = b.quoted(n.start, '"')
	case y.Style&yaml.SingleQuotedStyle != 0:
		n.kind = single
		n.end, ok = b.quoted(n.start, '\'')
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		n.kind = literal
		if y.Style&yaml.FoldedStyle != 0 {
			n.kind = folded
		}
		n.end, ok = b.block(n.start, indent)
	case y.Value == "":
		n.end = n.start // an anchor or a tag and nothing else
		if n.fixed != "a tag" || y.Tag == "!!null" {
			n.value = nil
		}
	default:
		n.kind = plain
		if n.end, ok = b.plain(n.start, y.Value); ok && n.fixed != "a tag" {
			n.value, ok = resolve(y.Value)
		}
	}
	if ok && n.fixed == "a tag" && n.kind == plain {
		n.value, ok = tagged(y.Tag, y.Value)
	}
	if !ok {
		return astray{n.start}
	}
	return nil
}

// quoted returns the offset after the quote that closes the one at off.
func (b *yamlBuilder) quoted(off int, quote byte) (int, bool) {
	if off >= len(b.text) || b.text[off] != quote {
		return 0, false
	}
	for i := off + 1; i < len(b.text); i++ {
		switch {
		case quote == '"' && b.text[i] == '\\':
			i++
		case b.text[i] == quote && quote == '\'' && i+1 < len(b.text) && b.text[i+1] == quote:
			i++
		case b.text[i] == quote:
			return i + 1, true
		}
	}
	return 0, false
}

// plain follows a plain scalar through the text, over the line breaks that were
// folded into blanks (YAML 1.2 section 7.3.3).
func (b *yamlBuilder) plain(off int, value string) (int, bool) {
	for value != "" {
		at := off
		for at < len(b.text) && (b.text[at] == ' ' || b.text[at] == '\t' || b.text[at] == '\r') {
			at++
		}
		if at >= len(b.text) {
			return 0, false
		}
		if b.text[at] != '\n' {
			if b.text[off] != value[0] {
				return 0, false
			}
			off, value = off+1, value[1:]
			continue
		}
		breaks := 0
		for at < len(b.text) && isBlank(b.text[at]) {
			if b.text[at] == '\n' {
				breaks++
			}
			at++
		}
		fold := " "
		if breaks > 1 {
			fold = strings.Repeat("\n", breaks-1)
		}
		if !strings.HasPrefix(value, fold) {
			return 0, false
		}
		off, value = at, value[len(fold):]
	}
	return off, true
}

// block returns the end of a block scalar (YAML 1.2 section 8.1): its text is
// indented more than the mapping or dash that it belongs to.
func (b *yamlBuilder) block(off, indent int) (int, bool) {
	end := lineEnd(b.text, off)
	header := b.text[off:end]
	if i := bytes.Index(header, []byte(" #")); i >= 0 {
		header = header[:i]
	}
	if len(header) == 0 || header[0] != '|' && header[0] != '>' {
		return 0, false
	}
	keep := bytes.IndexByte(header, '+') >= 0
	column := -1
	if i := bytes.IndexAny(header, "123456789"); i >= 0 {
		column = max(indent, 0) + int(header[i]-'0')
	}
	for pos := nextLine(b.text, off); pos < len(b.text); pos = nextLine(b.text, pos) {
		last := lineEnd(b.text, pos)
		spaces := len(b.text[pos:last]) - len(bytes.TrimLeft(b.text[pos:last], " "))
		if pos+spaces == last { // blank
			if keep {
				end = last
			}
			continue
		}
		if column < 0 {
			if spaces <= indent {
				break
			}
			column = spaces
		}
		if spaces < column {
			break
		}
		end = last
	}
	return end, true
}

// surelyText reports whether a plain scalar can be nothing but a string in
// YAML 1.1 by its first byte.
func surelyText(s string) bool {
	return s == "" || strings.IndexByte("~nNyYtTfFoO0123456789+-.=<", s[0]) < 0
}

// resolve gives a plain scalar the type that the decoder gives it.
func resolve(s string) (any, bool) {
	if surelyText(s) || strings.ContainsAny(s, " \n") {
		return s, true
	}
	if letter := s[0] | 0x20; letter >= 'a' && letter <= 'z' && !meansSomething(s) {
		return s, true
	}
	if s[0] >= '1' && s[0] <= '9' && len(s) < 16 && strings.Trim(s, "0123456789") == "" {
		return json.Number(s), true // a port, as a rule
	}
	j, err := sigsyaml.YAMLToJSON([]byte("v: " + s))
	if err != nil {
		return nil, false
	}
	v, err := decodeJSON(j)
	m, ok := v.(map[string]any)
	return m["v"], ok && err == nil
}

// meansSomething reports whether a word may be a boolean or null; case by case
// the decoder decides.
func meansSomething(s string) bool {
	if len(s) > len("false") {
		return false
	}
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return true
	}
	return false
}

// tagged resolves a plain scalar with a tag.
func tagged(tag, s string) (any, bool) {
	j, err := sigsyaml.YAMLToJSON([]byte("v: " + tag + " " + s))
	if err != nil {
		return nil, false
	}
	v, err := decodeJSON(j)
	m, ok := v.(map[string]any)
	return m["v"], ok && err == nil
}

// lineStart, lineEnd and nextLine find the line of an offset; its end is before
// its break.
func lineStart(text []byte, off int) int {
	at := bytes.LastIndexByte(text[:off], '\n') + 1
	if at == 0 && bytes.HasPrefix(text, []byte("\uFEFF")) {
		return len("\uFEFF") // a byte order mark is before the first line
	}
	return at
}

func lineEnd(text []byte, off int) int {
	i := bytes.IndexByte(text[off:], '\n')
	if i < 0 {
		return len(text)
	}
	if i > 0 && text[off+i-1] == '\r' {
		i--
	}
	return off + i
}

func nextLine(text []byte, off int) int {
	if i := bytes.IndexByte(text[off:], '\n'); i >= 0 {
		return off + i + 1
	}
	return len(text)
}
