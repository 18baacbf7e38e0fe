package iri

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Reference returns nil if s is an IRI reference (RFC 3987, section 2.2): an IRI, or one relative to some base.
func Reference(s string) error {
	for i, r := range s {
		if err := character(s, i, r); err != nil {
			return err
		}
	}
	return structure(s)
}

// Absolute returns nil if s is a URI (RFC 3986, section 3): ASCII, with a scheme, with or without a fragment.
func Absolute(s string) error {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return errors.New("a URI is ASCII")
		}
	}
	if err := Reference(s); err != nil {
		return err
	}
	if !hasScheme(s) {
		return errors.New("no scheme")
	}
	return nil
}

// AnyURI returns nil if s is in the lexical space of xs:anyURI: an IRI reference once the characters that URIs exclude
// have been escaped (XML Schema part 2, section 3.2.17; XLink 1.0, section 5.4).
func AnyURI(s string) error {
	var b strings.Builder
	for _, r := range s {
		if r <= ' ' || r >= 0x7F || strings.ContainsRune("<>\"{}|\\^`", r) {
			b.WriteString("%20")
		} else {
			b.WriteRune(r)
		}
	}
	return Reference(b.String())
}

// character judges one character of a reference: reserved, unreserved, percent-encoded or ucschar.
func character(s string, i int, r rune) error {
	switch {
	case r == '%':
		if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
			return errors.New("a percent sign must begin two hexadecimal digits")
		}
	case r == ' ':
		return errors.New("a space must be percent-encoded")
	case r < ' ' || r >= 0x7F && r < 0xA0:
		return fmt.Errorf("the control character U+%04X must be percent-encoded", r)
	case strings.ContainsRune("<>\"{}|\\^`", r):
		return fmt.Errorf("the character %q must be percent-encoded", r)
	case r >= 0xA0 && (unicode.Is(unicode.Noncharacter_Code_Point, r) || r == utf8.RuneError):
		return fmt.Errorf("U+%04X is not a character of IRIs", r)
	}
	return nil
}

// structure judges the division into scheme, authority, path, query and fragment.
func structure(s string) error {
	rest, fragment, _ := strings.Cut(s, "#")
	if strings.ContainsAny(fragment, "#[]") {
		return errors.New(`"#", "[" and "]" must be percent-encoded in a fragment`)
	}
	rest, query, _ := strings.Cut(rest, "?")
	if strings.ContainsAny(query, "[]") {
		return errors.New(`"[" and "]" must be percent-encoded in a query`)
	}
	if i := strings.IndexByte(rest, ':'); i >= 0 && !strings.Contains(rest[:i], "/") {
		if !hasScheme(rest) {
			return errors.New(`what stands before the first ":" must be a scheme (a letter, then letters, digits, "+", "-", ".")`)
		}
		rest = rest[i+1:]
	}
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		auth, path, _ := strings.Cut(after, "/")
		if err := authority(auth); err != nil {
			return err
		}
		rest = path
	}
	if strings.ContainsAny(rest, "[]") {
		return errors.New(`"[" and "]" must be percent-encoded in a path`)
	}
	return nil
}

func authority(s string) error {
	user, host, ok := strings.Cut(s, "@")
	if !ok {
		user, host = "", s
	}
	if strings.ContainsAny(user, "[]") || strings.Contains(host, "@") {
		return errors.New("a user name must percent-encode brackets and at signs")
	}
	var port string
	if strings.HasPrefix(host, "[") {
		literal, after, closed := strings.Cut(host[1:], "]")
		if !closed {
			return errors.New(`"[" in the host has no "]"`)
		}
		addr, err := netip.ParseAddr(literal)
		future := strings.HasPrefix(strings.ToLower(literal), "v") && strings.Contains(literal, ".")
		if !future && (err != nil || !addr.Is6() || addr.Zone() != "") {
			return errors.New("brackets in the host must hold an IPv6 address")
		}
		if after != "" && after[0] != ':' {
			return errors.New("only a port may follow the host")
		}
		port = strings.TrimPrefix(after, ":")
	} else {
		host, port, _ = strings.Cut(host, ":")
		if strings.ContainsAny(host, "[]") {
			return errors.New("brackets may only enclose an IPv6 address in the host")
		}
	}
	for i := 0; i < len(port); i++ {
		if port[i] < '0' || port[i] > '9' {
			return errors.New("a port is a number")
		}
	}
	return nil
}

// hasScheme reports whether s begins with a scheme and a colon (RFC 3986, section 3.1).
func hasScheme(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			return true
		default:
			return false
		}
	}
	return false
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
