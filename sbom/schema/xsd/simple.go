package xsd

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/sbom/schema/decimal"
	"github.com/cofferdam-io/cofferdam/sbom/schema/phrase"
)

// whitespace is the whiteSpace facet (XML Schema part 2, section 4.3.6).
type whitespace uint8

const (
	preserve whitespace = iota
	replace
	collapse
)

// A simple is a simple type: a builtin narrowed by facets, or a union.
type simple struct {
	rule    string
	base    *simple
	builtin string // of a builtin type: its local name
	white   whitespace
	check   func(string) error // of a builtin type
	facets  facets             // of a restriction
	union   []*simple
}

// facets are those of one restriction step.
type facets struct {
	enum                     []string
	allowed                  map[string]bool
	patterns                 []*regexp.Regexp // one must match
	patternText              []string
	minLength, maxLength     int // -1 is none
	minInclusive, maxIncl    *decimal.Value
	minText, maxText         string
	fractionDigits           int
	hasFraction, hasInterval bool
}

// normalize applies the whiteSpace facet.
func (t *simple) normalize(s string) string {
	switch t.white {
	case replace:
		return strings.Map(func(r rune) rune {
			if r == '\t' || r == '\n' || r == '\r' {
				return ' '
			}
			return r
		}, s)
	case collapse:
		return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }), " ")
	}
	return s
}

// judge returns what is wrong with a literal, worded as "must …", and the rule; "" means valid.
func (t *simple) judge(literal string) (message, rule string) {
	if t.union != nil {
		return t.judgeUnion(literal)
	}
	value := t.normalize(literal)
	for step := t; step != nil; step = step.base {
		if step.check != nil {
			if err := step.check(value); err != nil {
				return "must be " + err.Error() + ", found " + phrase.Quote(value), "xs:" + step.builtin
			}
			return "", ""
		}
		if m := step.facets.judge(value); m != "" {
			return m, step.rule
		}
	}
	return "", ""
}

// judgeUnion accepts what any member type accepts (XML Schema part 2, section 2.5.1.3).
func (t *simple) judgeUnion(literal string) (string, string) {
	var messages []string
	for _, m := range t.union {
		msg, _ := m.judge(literal)
		if msg == "" {
			return "", ""
		}
		messages = append(messages, msg)
	}
	return phrase.Or(messages), t.rule
}

func (f *facets) judge(value string) string {
	switch {
	case f.allowed != nil && !f.allowed[value]:
		return "must be " + phrase.OneOf(f.enum) + ", found " + phrase.Quote(value) + phrase.DidYouMean(value, f.enum)
	case f.patterns != nil && !f.matches(value):
		return "must match " + phrase.Or(f.patternText) + ", found " + phrase.Quote(value)
	case f.minLength > 0 && utf8.RuneCountInString(value) < f.minLength:
		if value == "" {
			return "must not be empty"
		}
		return fmt.Sprintf("must have at least %d characters, found %s", f.minLength, phrase.Quote(value))
	case f.maxLength >= 0 && utf8.RuneCountInString(value) > f.maxLength:
		return fmt.Sprintf("must have at most %d characters, found %s", f.maxLength, phrase.Quote(value))
	}
	if !f.hasInterval && !f.hasFraction || !isDecimal(value) {
		return "" // the builtin below says that it is not a number
	}
	d := decimal.Parse(value)
	switch {
	case f.minInclusive != nil && d.Cmp(*f.minInclusive) < 0:
		return "must be at least " + f.minText + ", found " + phrase.Quote(value)
	case f.maxIncl != nil && d.Cmp(*f.maxIncl) > 0:
		return "must be at most " + f.maxText + ", found " + phrase.Quote(value)
	case f.hasFraction && d.FractionDigits() > int64(f.fractionDigits):
		return fmt.Sprintf("must have at most %d digits after the decimal point, found %s", f.fractionDigits, phrase.Quote(value))
	}
	return ""
}

func (f *facets) matches(value string) bool {
	for _, p := range f.patterns {
		if p.MatchString(value) {
			return true
		}
	}
	return false
}

// add reads one facet of a restriction.
func (f *facets) add(n *node) error {
	v := n.attrs["value"]
	var err error
	switch n.kind {
	case "enumeration":
		f.enum = append(f.enum, v)
		if f.allowed == nil {
			f.allowed = map[string]bool{}
		}
		f.allowed[v] = true
	case "pattern":
		var re *regexp.Regexp
		if re, err = compilePattern(v); err == nil {
			f.patterns = append(f.patterns, re)
			f.patternText = append(f.patternText, v)
		}
	case "minLength":
		f.minLength, err = strconv.Atoi(v)
	case "maxLength":
		f.maxLength, err = strconv.Atoi(v)
	case "minInclusive", "maxInclusive":
		if !isDecimal(v) {
			return fmt.Errorf("%s %q is not a number", n.kind, v)
		}
		d := decimal.Parse(v)
		f.hasInterval = true
		if n.kind == "minInclusive" {
			f.minInclusive, f.minText = &d, v
		} else {
			f.maxIncl, f.maxText = &d, v
		}
	case "fractionDigits":
		f.hasFraction = true
		f.fractionDigits, err = strconv.Atoi(v)
	default:
		return fmt.Errorf("unknown facet %s", n.kind)
	}
	return err
}

// derives reports whether t is other or was derived from it.
func (t *simple) derives(other *simple) bool {
	for s := t; s != nil; s = s.base {
		if s == other {
			return true
		}
	}
	return other.union != nil && func() bool {
		for _, m := range other.union {
			if t.derives(m) {
				return true
			}
		}
		return false
	}()
}

// compilePattern compiles an XSD regular expression (XML Schema part 2, appendix F): always anchored, with ^ and $ as
// ordinary characters. Character class subtraction and the name escapes \i and \c are refused.
func compilePattern(src string) (*regexp.Regexp, error) {
	var b strings.Builder
	b.WriteString("^(?:")
	depth := 0
	for i := 0; i < len(src); i++ {
		c := src[i]
		switch {
		case c == '\\' && i+1 < len(src):
			i++
			switch n := src[i]; n {
			case 'i', 'I', 'c', 'C', 'w', 'W', 'd', 'D', 's', 'S':
				return nil, fmt.Errorf("pattern %q: \\%c is not supported", src, n)
			default:
				b.WriteByte(c)
				b.WriteByte(n)
			}
			continue
		case depth == 0 && (c == '^' || c == '$'):
			b.WriteByte('\\')
		case c == '[' && depth > 0:
			return nil, fmt.Errorf("pattern %q: character class subtraction is not supported", src)
		case c == '[':
			depth++
		case c == ']' && depth > 0:
			depth--
		}
		if c == '.' && depth == 0 {
			b.WriteString(`[^\n\r]`)
			continue
		}
		b.WriteByte(c)
	}
	b.WriteString(")$")
	return regexp.Compile(b.String())
}
