package license

import (
	_ "embed"
	"strings"
	"sync"
)

// The identifiers of licenses and of exceptions, one a line, as CycloneDX 1.7
// embeds them (its spdx.schema.json).
var (
	//go:embed licenses.txt
	licenseLines string
	//go:embed exceptions.txt
	exceptionLines string
)

// lists holds the identifiers as they are written, and folded to lower case: they
// match without regard to case (annex D.2).
var lists = sync.OnceValue(func() (l struct{ exact, folded, exceptions map[string]bool }) {
	l.exact, l.folded, l.exceptions = map[string]bool{}, map[string]bool{}, map[string]bool{}
	for id := range strings.Lines(licenseLines) {
		id = strings.TrimSpace(id)
		l.exact[id], l.folded[strings.ToLower(id)] = true, true
	}
	for id := range strings.Lines(exceptionLines) {
		l.exceptions[strings.ToLower(strings.TrimSpace(id))] = true
	}
	return l
})

// Listed reports whether id is written as the list of SPDX writes an identifier
// of a license.
func Listed(id string) bool { return lists().exact[id] }

// MaxBytes bounds an expression: the longest real ones, of whole distributions in
// one package, have some kilobytes.
const MaxBytes = 64 << 10

// maxDepth bounds parentheses.
const maxDepth = 100

// Valid reports whether s is a license expression: listed identifiers, perhaps
// with "+" or an exception, and LicenseRefs of the same document, joined by AND,
// OR and parentheses. NONE and NOASSERTION are none, nor is a LicenseRef of
// another document.
func Valid(s string) bool {
	if len(s) > MaxBytes {
		return false
	}
	p := parser{rest: s}
	p.next()
	return p.expression(0) && p.token == ""
}

// Compound reports whether an expression needs parentheses as a part of another.
func Compound(s string) bool { return strings.ContainsAny(s, " \t\r\n") }

// Refs calls each for the LicenseRefs of an expression, in order.
func Refs(expression string, each func(id string)) {
	if !strings.Contains(expression, refPrefix) {
		return
	}
	p := parser{rest: expression}
	for p.next(); p.token != ""; p.next() {
		if isRef(p.token) {
			each(p.token)
		}
	}
}

const refPrefix = "LicenseRef-"

type parser struct {
	rest  string
	token string // "" at the end
}

func (p *parser) next() {
	s := strings.TrimLeft(p.rest, " \t\r\n")
	if s == "" {
		p.token, p.rest = "", ""
		return
	}
	end := 1
	if s[0] != '(' && s[0] != ')' {
		if end = strings.IndexAny(s, "() \t\r\n"); end < 0 {
			end = len(s)
		}
	}
	p.token, p.rest = s[:end], s[end:]
}

func (p *parser) expression(depth int) bool {
	for p.term(depth) {
		if p.token != "AND" && p.token != "OR" {
			return true
		}
		p.next()
	}
	return false
}

func (p *parser) term(depth int) bool {
	if p.token == "(" {
		if depth == maxDepth {
			return false
		}
		p.next()
		if !p.expression(depth+1) || p.token != ")" {
			return false
		}
		p.next()
		return true
	}
	switch {
	case isRef(p.token):
	case lists().folded[strings.ToLower(strings.TrimSuffix(p.token, "+"))]:
	default:
		return false
	}
	p.next()
	if p.token == "WITH" {
		p.next()
		if !lists().exceptions[strings.ToLower(p.token)] {
			return false
		}
		p.next()
	}
	return true
}

func isRef(token string) bool {
	id, ok := strings.CutPrefix(token, refPrefix)
	return ok && IsIDString(id)
}

// IsIDString reports whether s has the form of what follows "LicenseRef-" and
// "SPDXRef-": letters, digits, "." and "-" (SPDX 2.3 annex D.1).
func IsIDString(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '.' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != ""
}
