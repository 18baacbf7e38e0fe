package segment

import "strings"

// The lengths of labels (Kubernetes documentation, "Labels and Selectors, Syntax").
const (
	maxLabelPrefix = 253
	maxLabelName   = 63
)

// ValidLabelKey reports whether an API server admits a key of a label: a name, or
// the DNS subdomain of who defines it, a slash and a name. It says what
// validation.IsQualifiedName of k8s.io/apimachinery does, which wants a regular
// expression for it and was a part of the price of every selector.
func ValidLabelKey(k string) bool {
	prefix, name, both := strings.Cut(k, "/")
	if !both {
		return k != "" && ValidLabelValue(k)
	}
	return name != "" && ValidLabelValue(name) && subdomain(prefix)
}

// ValidLabelValue reports whether an API server admits the value of a label: at
// most 63 letters, digits, hyphens, underscores and dots, the first and the last a
// letter or a digit, or nothing at all.
func ValidLabelValue(v string) bool {
	if v == "" {
		return true
	}
	if len(v) > maxLabelName || !isAlnum(v[0]) || !isAlnum(v[len(v)-1]) {
		return false
	}
	for i := range len(v) {
		if c := v[i]; !isAlnum(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// subdomain reports whether a string is a DNS subdomain: words of lower-case letters,
// digits and inner hyphens, with dots between them (RFC 1123, section 2.1).
func subdomain(s string) bool {
	if s == "" || len(s) > maxLabelPrefix {
		return false
	}
	before := byte('.')
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		case c == '.' && before != '.' && before != '-', c == '-' && before != '.':
		default:
			return false
		}
		before = c
	}
	return before != '.' && before != '-'
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
