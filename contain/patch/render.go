package patch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// isEmpty reports whether a value is a list or an object without content, which
// is written {} or [] in every style.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

func isList(v any) bool {
	_, ok := v.([]any)
	return ok
}

// isInline reports whether block style writes a value on the line of its key.
func isInline(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return isEmpty(v)
	}
	return true
}

// block writes a list or an object with its first line at column col; lines are
// divided by the style's break and the first has no indentation of its own.
func (s *style) block(v any, col int) string {
	var b strings.Builder
	s.writeBlock(&b, v, col)
	return b.String()
}

func (s *style) writeBlock(b *strings.Builder, v any, col int) {
	switch v := v.(type) {
	case map[string]any:
		for i, k := range orderedKeys(v) {
			if i > 0 {
				b.WriteString(s.eol + strings.Repeat(" ", col))
			}
			b.WriteString(s.key(k, false) + ":" + s.entry(v[k], col))
		}
	case []any:
		for i, item := range v {
			if i > 0 {
				b.WriteString(s.eol + strings.Repeat(" ", col))
			}
			b.WriteString("-" + strings.Repeat(" ", s.item-1))
			if isInline(item) {
				b.WriteString(s.inline(item, false))
			} else {
				s.writeBlock(b, item, col+s.item)
			}
		}
	}
}

// entry writes what follows the colon of a key at column col.
func (s *style) entry(v any, col int) string {
	if isInline(v) {
		return " " + s.inline(v, false)
	}
	in := col + s.unit
	if isList(v) {
		in = col + s.dash
	}
	return s.eol + strings.Repeat(" ", in) + s.block(v, in)
}

// inline writes a value on one line; flow says that it stands in brackets.
func (s *style) inline(v any, flow bool) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return string(v)
	case string:
		return s.text(v, flow)
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, s.inline(item, true))
		}
		return "[" + strings.Join(items, s.comma()) + "]"
	case map[string]any:
		var items []string
		for _, k := range orderedKeys(v) {
			items = append(items, s.pair(k, s.inline(v[k], true)))
		}
		if s.padded && len(items) > 0 {
			return "{ " + strings.Join(items, s.comma()) + " }"
		}
		return "{" + strings.Join(items, s.comma()) + "}"
	}
	panic(fmt.Sprintf("patch: %T is no canonical value", v))
}

// pair is an entry in braces. YAML needs the blank behind the colon.
func (s *style) pair(k, v string) string { return s.key(k, true) + ": " + v }

func (s *style) comma() string {
	if s.spaced {
		return ", "
	}
	return ","
}

func (s *style) key(k string, flow bool) string {
	if k == "" {
		return `""`
	}
	return s.text(k, flow)
}

// text writes a string: without quotes where no reader can take it for anything
// else, in the style's quotes otherwise.
func (s *style) text(v string, flow bool) string {
	if safePlain(v, flow) {
		return v
	}
	return quoteWith(v, s.quote)
}

func quoteWith(v string, quote byte) string {
	if quote == '\'' && printable(v) {
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	}
	return doubleQuoted(v)
}

// printable reports whether a string can stand in single quotes on one line.
func printable(v string) bool {
	for _, r := range v {
		if !unicode.IsPrint(r) || r == '\uFEFF' {
			return false
		}
	}
	return utf8.ValidString(v)
}

// doubleQuoted writes a string as both JSON and YAML 1.1 read it.
func doubleQuoted(v string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range v {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case unicode.IsPrint(r) && r != '\uFEFF':
			b.WriteRune(r)
		case r > 0xffff:
			b.WriteRune(r) // JSON has no escape for it but a pair of surrogates, which YAML has not
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// safePlain errs towards quotes: 1.1, 1.2 and human readers have to agree that
// the text is a string. Words such as no and on, numbers of every notation,
// dates and times do not pass.
func safePlain(v string, flow bool) bool {
	if v == "" || len(v) > 1024 || !printable(v) {
		return false
	}
	first, last := v[0], v[len(v)-1]
	if last == ' ' || last == ':' || first == ' ' || strings.Contains(v, ": ") || strings.Contains(v, " #") {
		return false
	}
	if strings.IndexByte("-?:,[]{}#&*!|>'\"%@`=<~^+.", first) >= 0 && !(first == '.' && len(v) > 1 && v[1] == '/') {
		return false
	}
	if flow && strings.ContainsAny(v, ",[]{}:?") && !flowSafe(v) {
		return false
	}
	if meansSomething(v) {
		return false
	}
	if first >= '0' && first <= '9' && !address(v) {
		return strings.ContainsFunc(v, unicode.IsLetter) && strings.ContainsFunc(v, func(r rune) bool {
			return r == '-' || r == '/' || r >= 'g' && r != 'x' && r != 'o' && r != 'p' && r != 't' && r != 'z' && r < 0x80
		}) && !strings.Contains(v, ":") && !dated(v)
	}
	got, ok := resolve(v)
	if !ok || got != any(v) {
		return false
	}
	var n yaml.Node
	return yaml.Unmarshal([]byte("v: "+v), &n) == nil && len(n.Content) == 1 && len(n.Content[0].Content) == 2 &&
		n.Content[0].Content[1].Tag == "!!str" && n.Content[0].Content[1].Value == v
}

// flowSafe lets through what stands in flow collections without quotes as a rule:
// a colon amid letters, as in an image.
func flowSafe(v string) bool { return !strings.ContainsAny(v, ",[]{}?") && !strings.Contains(v, "::") }

// address reports whether a string is an IPv4 address or block.
func address(v string) bool {
	dots := 0
	for i := range len(v) {
		switch c := v[i]; {
		case c == '.':
			dots++
		case c != '/' && (c < '0' || c > '9'):
			return false
		}
	}
	return dots == 3
}

// dated reports whether a string begins as a date does.
func dated(v string) bool {
	return len(v) >= 8 && v[4] == '-' && v[5] >= '0' && v[5] <= '9'
}

// ranks is the order in which people write the fields of policies.
var ranks = []string{"apiVersion", "kind", "metadata", "name", "namespace", "labels", "annotations", "description", "spec", "tier", "priority", "subject",
	"namespaceSelector", "endpointSelector", "podSelector", "policyTypes", "action", "matchLabels", "matchExpressions", "key", "operator", "values",
	"ipBlock", "cidr", "except", "from", "to", "protocol", "port", "endPort", "ports", "ingressDeny", "ingress", "egressDeny", "egress", "status"}

func rank(key string) int {
	if i := slices.Index(ranks, key); i >= 0 {
		return i
	}
	return len(ranks)
}

// orderedKeys are the keys of a new object in the order that people write.
func orderedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if r := rank(a) - rank(b); r != 0 {
			return r
		}
		return strings.Compare(a, b)
	})
	return keys
}

// json writes a value as JSON: on one line, or over several with a margin.
func (s *style) json(v any, margin string, pretty bool) string {
	var b bytes.Buffer
	s.writeJSON(&b, v, margin, pretty)
	return b.String()
}

func (s *style) writeJSON(b *bytes.Buffer, v any, margin string, pretty bool) {
	open, closing := byte('['), byte(']')
	var parts []func(margin string)
	switch v := v.(type) {
	case map[string]any:
		open, closing = '{', '}'
		for _, k := range orderedKeys(v) {
			parts = append(parts, func(margin string) {
				b.WriteString(s.jsonKey(k))
				s.writeJSON(b, v[k], margin, pretty)
			})
		}
	case []any:
		for _, item := range v {
			parts = append(parts, func(margin string) { s.writeJSON(b, item, margin, pretty) })
		}
	case string:
		b.WriteString(doubleQuoted(v))
		return
	default:
		b.WriteString(s.inline(v, true))
		return
	}
	b.WriteByte(open)
	for i, write := range parts {
		switch {
		case pretty && i > 0:
			b.WriteString("," + s.eol + margin + s.jsonUnit)
		case pretty:
			b.WriteString(s.eol + margin + s.jsonUnit)
		case i > 0:
			b.WriteString(s.comma())
		}
		write(margin + s.jsonUnit)
	}
	if pretty && len(parts) > 0 {
		b.WriteString(s.eol + margin)
	}
	b.WriteByte(closing)
}

func (s *style) jsonKey(k string) string {
	if s.spaced {
		return doubleQuoted(k) + ": "
	}
	return doubleQuoted(k) + ":"
}
