package xsd

import (
	"fmt"
	"slices"
)

// A term is what one place of a content model accepts: an element declaration or a wildcard.
type term struct {
	elem      *element
	other     string // of a wildcard: every namespace but this one and none (##other)
	mandatory bool   // it must occur wherever its group does
	repeats   bool   // it may occur more than once, so a path to it needs an index
}

func (t *term) accepts(n Name) bool {
	if t.elem != nil {
		return t.elem.name == n
	}
	return n.Space != t.other && n.Space != ""
}

// A model is a content model as a position automaton (Glushkov): a state is a term that was just matched, and follow
// says which may come next. Being in a set of states at once makes ambiguous models no special case.
type model struct {
	terms    []term
	first    []int
	follow   [][]int
	last     []bool
	nullable bool
}

// A part is a piece of a model under construction.
type part struct {
	first, last []int
	nullable    bool
}

func (m *model) leaf(t term) part {
	i := len(m.terms)
	m.terms = append(m.terms, t)
	m.follow = append(m.follow, nil)
	return part{first: []int{i}, last: []int{i}}
}

func (m *model) connect(from, to []int) {
	for _, f := range from {
		for _, t := range to {
			if !slices.Contains(m.follow[f], t) {
				m.follow[f] = append(m.follow[f], t)
			}
		}
	}
}

func (m *model) sequence(parts []part) part {
	out := part{nullable: true}
	for _, p := range parts {
		m.connect(out.last, p.first)
		if out.nullable {
			out.first = union(out.first, p.first)
		}
		if p.nullable {
			out.last = union(out.last, p.last)
		} else {
			out.last = p.last
		}
		out.nullable = out.nullable && p.nullable
	}
	return out
}

func (m *model) choice(parts []part) part {
	var out part
	for _, p := range parts {
		out.first = union(out.first, p.first)
		out.last = union(out.last, p.last)
		out.nullable = out.nullable || p.nullable
	}
	return out
}

// occurs applies minOccurs and maxOccurs of n to a part; the schemas use 0, 1 and unbounded.
func (m *model) occurs(n *node, p part) (part, error) {
	switch n.attrs["minOccurs"] {
	case "0":
		p.nullable = true
	case "", "1":
	default:
		return p, fmt.Errorf("minOccurs %q is not supported", n.attrs["minOccurs"])
	}
	switch n.attrs["maxOccurs"] {
	case "unbounded":
		m.connect(p.last, p.first)
	case "", "1":
	default:
		return p, fmt.Errorf("maxOccurs %q is not supported", n.attrs["maxOccurs"])
	}
	return p, nil
}

// finish makes the automaton of the outermost part.
func (m *model) finish(p part) {
	m.first, m.nullable = p.first, p.nullable
	m.last = make([]bool, len(m.terms))
	for _, i := range p.last {
		m.last[i] = true
	}
	for i := range m.terms {
		m.terms[i].repeats = m.reaches(i)
	}
}

// reaches reports whether a term can occur again after itself.
func (m *model) reaches(i int) bool {
	seen := make([]bool, len(m.terms))
	todo := slices.Clone(m.follow[i])
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if next == i {
			return true
		}
		if !seen[next] {
			seen[next] = true
			todo = append(todo, m.follow[next]...)
		}
	}
	return false
}

// next returns the terms that may follow a state; a nil state is the beginning.
func (m *model) next(state []int, begun bool) []int {
	if !begun {
		return m.first
	}
	if len(state) == 1 {
		return m.follow[state[0]]
	}
	var out []int
	for _, s := range state {
		out = union(out, m.follow[s])
	}
	return out
}

// accepting reports whether the content may end here.
func (m *model) accepting(state []int, begun bool) bool {
	if !begun {
		return m.nullable
	}
	return slices.ContainsFunc(state, func(s int) bool { return m.last[s] })
}

func union(a, b []int) []int {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}
