package patch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// Text writes a new object, a tree of maps, lists, texts and whole numbers, as YAML.
func Text(tree map[string]any) ([]byte, error) { return appendYAML(nil, tree, 0, false) }

// appendYAML writes a tree of maps, lists, texts and numbers in block style, keys
// sorted, at a column: as sigs.k8s.io/yaml does, which writes JSON, reads it as
// YAML and writes that, and was a quarter of what a plan cost. inList says that
// the first line follows a dash.
func appendYAML(b []byte, v any, column int, inList bool) ([]byte, error) {
	indent := func(first bool) {
		if !first || !inList {
			b = append(b, strings.Repeat(" ", column)...)
		}
	}
	var err error
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for i, k := range keys {
			indent(i == 0)
			if b, err = appendScalar(b, k); err != nil {
				return nil, err
			}
			b = append(b, ':')
			switch x := v[k].(type) {
			case map[string]any:
				if len(x) > 0 {
					if b, err = appendYAML(append(b, '\n'), x, column+2, false); err != nil {
						return nil, err
					}
					continue
				}
			case []any:
				if len(x) > 0 {
					if b, err = appendYAML(append(b, '\n'), x, column, false); err != nil {
						return nil, err
					}
					continue
				}
			}
			if b, err = appendScalar(append(b, ' '), v[k]); err != nil {
				return nil, err
			}
			b = append(b, '\n')
		}
		return b, nil
	case []any:
		for i, x := range v {
			indent(i == 0)
			b = append(b, '-', ' ')
			m, isMap := x.(map[string]any)
			l, isList := x.([]any)
			if isMap && len(m) > 0 || isList && len(l) > 0 {
				b, err = appendYAML(b, x, column+2, true)
			} else if b, err = appendScalar(b, x); err == nil {
				b = append(b, '\n')
			}
			if err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	return nil, fmt.Errorf("%T is neither a map nor a list", v)
}

// appendScalar writes what stands on one line.
func appendScalar(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return appendText(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case float64: // as a decoder of JSON has whole numbers
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.AppendInt(b, int64(v), 10), nil
		}
	case json.Number:
		return append(b, v...), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case map[string]any:
		return append(b, '{', '}'), nil
	case []any:
		return append(b, '[', ']'), nil
	}
	return nil, fmt.Errorf("%v is neither a text nor a whole number", v)
}

// appendText writes a text so that it is read as one. Names that can be nothing
// else stand as they are; whether others can is left to who knows all of YAML.
func appendText(b []byte, s string) ([]byte, error) {
	if isPlain(s) {
		return append(b, s...), nil
	}
	if s == "<<" || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return appendQuoted(b, s), nil
	}
	text, err := yaml.Marshal(s)
	if err != nil {
		return nil, err
	}
	if text = bytes.TrimSuffix(text, []byte{'\n'}); slices.Contains(text, '\n') { // folded to the width of a page
		return appendQuoted(b, s), nil
	}
	return append(b, text...), nil
}

// appendQuoted writes a text in double quotes. The escapes of Go are among those
// of YAML (1.2, section 5.7), and what is not ASCII is escaped.
func appendQuoted(b []byte, s string) []byte {
	return strconv.AppendQuoteToASCII(b, strings.ToValidUTF8(s, "\uFFFD"))
}

// hexadecimal reports whether a text is eight hexadecimal digits that cannot be read
// as a number: one is a letter that no number of YAML has (1.1, "float" and "int" types:
// an e is an exponent, and b, o and x follow a zero).
func hexadecimal(s string) bool {
	if len(s) != 8 || strings.Trim(s, "0123456789abcdef") != "" || s[:2] == "0b" {
		return false
	}
	return strings.ContainsAny(s, "acdf")
}

// isPlain reports whether a text is letters, digits, hyphens, dots, slashes and
// underscores, begins with a letter and ends with one or a digit, and is no word of
// YAML's for a truth value or for nothing (YAML 1.1, bool and null types). Numbers and
// times begin otherwise.
func isPlain(s string) bool {
	if hexadecimal(s) {
		return true
	}
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	if s == "" || !letter(s[0]) || !letter(s[len(s)-1]) && !digit(s[len(s)-1]) || meansSomething(s) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !letter(c) && !digit(c) && c != '-' && c != '.' && c != '/' && c != '_' {
			return false
		}
	}
	return true
}
