package license

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Operator says how an Expression is made of its parts.
type Operator uint8

// The operators.
const (
	Single Operator = iota // one licence
	And                    // all parts apply
	Or                     // whoever takes it chooses a part
)

// Expression is a license expression. It is immutable.
type Expression struct {
	Operator  Operator
	Parts     []*Expression // of And and Or, two or more
	ID        string        // of Single: as the list spells it, without "+"; or a LicenseRef
	OrLater   bool          // of Single: "+"
	Exception string        // of Single: what stands behind WITH, as the list spells it
}

// Parse reads what Valid calls an expression. Errors are of kind invalid and name what
// is wrong.
func Parse(s string) (*Expression, error) {
	if len(s) > MaxBytes {
		return nil, ident.Errorf(ident.KindLimit, "a license expression of more than %d bytes", MaxBytes)
	}
	p := parser{rest: s, build: true}
	p.next()
	e, ok := p.expression(0)
	switch {
	case ok && p.token == "":
		return e, nil
	case p.token == "":
		return nil, ident.Errorf(ident.KindInvalid, "the license expression ends where a licence or a parenthesis is due")
	case p.exceptions:
		return nil, ident.Errorf(ident.KindInvalid, "%.60q is no exception on the SPDX License List", p.token)
	case ok, p.token == "(", p.token == ")", p.token == "AND", p.token == "OR", p.token == "WITH":
		return nil, ident.Errorf(ident.KindInvalid, "%.60q is not due there in a license expression", p.token)
	}
	return nil, ident.Errorf(ident.KindInvalid, "%.60q is no licence on the SPDX License List", p.token)
}

// String writes the expression with as few parentheses as it needs.
func (e *Expression) String() string {
	var b strings.Builder
	e.write(&b, Single)
	return b.String()
}

func (e *Expression) write(b *strings.Builder, around Operator) {
	if e.Operator == Single {
		b.WriteString(e.ID)
		if e.OrLater {
			b.WriteByte('+')
		}
		if e.Exception != "" {
			b.WriteString(" WITH " + e.Exception)
		}
		return
	}
	word := " AND "
	if e.Operator == Or {
		word = " OR "
	}
	if around == And {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	for i, part := range e.Parts {
		if i > 0 {
			b.WriteString(word)
		}
		part.write(b, e.Operator)
	}
}

// Each calls f for every licence that the expression names, in order.
func (e *Expression) Each(f func(*Expression)) {
	if e.Operator == Single {
		f(e)
		return
	}
	for _, p := range e.Parts {
		p.Each(f)
	}
}

func (p *parser) single(id, exception string) *Expression {
	if !p.build {
		return nil
	}
	e := &Expression{ID: id, Exception: exception}
	if isRef(id) {
		return e
	}
	l := lists()
	if e.ID = l.folded[strings.ToLower(id)]; e.ID == "" { // the list has some with "+" in their names
		e.ID, e.OrLater = l.folded[strings.ToLower(strings.TrimSuffix(id, "+"))], true
	}
	return e
}

// part appends a part, where an Expression is built.
func (p *parser) part(parts []*Expression, e *Expression) []*Expression {
	if !p.build {
		return nil
	}
	return append(parts, e)
}

func (p *parser) joined(op Operator, parts []*Expression) *Expression {
	if !p.build {
		return nil
	}
	flat := make([]*Expression, 0, len(parts))
	for _, e := range parts {
		if e.Operator == op {
			flat = append(flat, e.Parts...)
		} else {
			flat = append(flat, e)
		}
	}
	return &Expression{Operator: op, Parts: flat}
}
