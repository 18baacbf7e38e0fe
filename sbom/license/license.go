package license

import (
	_ "embed"
	"strings"
	"sync"
)

// The identifiers of licenses and of exceptions, one a line, as CycloneDX 1.7
// embeds them (its spdx.schema.json); and those of them that the list calls deprecated.
var (
	//go:embed licenses.txt
	licenseLines string
	//go:embed deprecated.txt
	deprecatedLines string
	//go:embed exceptions.txt
	exceptionLines string
)

// lists holds the identifiers as they are written, and by how they are written in
// lower case: they match without regard to case (annex D.2).
var lists = sync.OnceValue(func() (l struct {
	exact, deprecated  map[string]bool
	folded, exceptions map[string]string
}) {
	l.exact, l.deprecated, l.folded, l.exceptions = map[string]bool{}, map[string]bool{}, map[string]string{}, map[string]string{}
	for id := range strings.Lines(licenseLines) {
		id = strings.TrimSpace(id)
		l.exact[id], l.folded[strings.ToLower(id)] = true, id
	}
	for id := range strings.Lines(exceptionLines) {
		id = strings.TrimSpace(id)
		l.exceptions[strings.ToLower(id)] = id
	}
	for id := range strings.Lines(deprecatedLines) {
		l.deprecated[strings.TrimSpace(id)] = true
	}
	return l
})

// Listed reports whether id is written as the list of SPDX writes an identifier
// of a license.
func Listed(id string) bool { return lists().exact[id] }

// Deprecated reports whether the list calls an identifier deprecated. It stays valid.
func Deprecated(id string) bool { return lists().deprecated[id] }

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
	_, ok := p.expression(0)
	return ok && p.token == ""
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
	rest       string
	token      string // "" at the end; of a text that is no expression, where it went wrong
	build      bool   // an Expression; without, none is allocated
	exceptions bool   // it went wrong at an exception
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

// expression reads alternatives, of which AND binds closer than OR (annex D.4.5).
func (p *parser) expression(depth int) (*Expression, bool) {
	all, ok := p.conjunction(depth)
	if !ok || p.token != "OR" {
		return all, ok
	}
	parts := p.part(nil, all)
	for p.token == "OR" {
		p.next()
		next, ok := p.conjunction(depth)
		if !ok {
			return nil, false
		}
		parts = p.part(parts, next)
	}
	return p.joined(Or, parts), true
}

func (p *parser) conjunction(depth int) (*Expression, bool) {
	one, ok := p.term(depth)
	if !ok || p.token != "AND" {
		return one, ok
	}
	parts := p.part(nil, one)
	for p.token == "AND" {
		p.next()
		next, ok := p.term(depth)
		if !ok {
			return nil, false
		}
		parts = p.part(parts, next)
	}
	return p.joined(And, parts), true
}

func (p *parser) term(depth int) (*Expression, bool) {
	if p.token == "(" {
		if depth == maxDepth {
			return nil, false
		}
		p.next()
		inner, ok := p.expression(depth + 1)
		if !ok || p.token != ")" {
			return nil, false
		}
		p.next()
		return inner, true
	}
	id := p.token
	switch {
	case isRef(id):
	case lists().folded[strings.ToLower(strings.TrimSuffix(id, "+"))] != "":
	default:
		return nil, false
	}
	p.next()
	exception := ""
	if p.token == "WITH" {
		p.next()
		if exception = lists().exceptions[strings.ToLower(p.token)]; exception == "" {
			p.exceptions = true
			return nil, false
		}
		p.next()
	}
	return p.single(id, exception), true
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
