package cyclonedx

import (
	"cmp"
	"slices"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// maxNesting bounds how deep components are written inside each other; what is
// deeper is said by a note. Readers bound depth, ours at 256 levels of JSON.
const maxNesting = 16

// nesting says which component is written inside which: one that exactly one
// other contains. The rest of containment, which is no tree, becomes notes.
type nesting struct {
	parent  []int32 // noParent: written at the top
	child   []int32 // first child, or -1
	sibling []int32 // next child of the same parent, or -1
	all     bool    // the subject contains exactly the components at the top
	// others are the further containers, by component; the subject's own are at
	// sbom.SubjectIndex.
	others map[int32][]int32
}

func (n *nesting) containers(i int32) []int32 { return n.others[i] }

func (e *encoder) nest() {
	size := len(e.d.Components)
	p := nesting{parent: make([]int32, size), child: make([]int32, size), sibling: make([]int32, size), others: map[int32][]int32{}}
	containers := make([]int32, size) // how many, the subject apart
	bySubject := make([]bool, size)
	for i := range size {
		p.parent[i], p.child[i], p.sibling[i] = noParent, -1, -1
	}
	edges := e.edges(func(k sbom.DependencyKind) bool { return k == sbom.Contains })
	for _, x := range edges {
		switch {
		case x.To == sbom.SubjectIndex:
			p.others[sbom.SubjectIndex] = append(p.others[sbom.SubjectIndex], x.From)
		case x.From == sbom.SubjectIndex:
			bySubject[x.To] = true
		default:
			containers[x.To]++
			p.parent[x.To] = x.From
		}
	}
	for i := range size {
		if containers[i] > 1 || containers[i] == 1 && !p.nestable(int32(i)) { //nolint:gosec // as above
			p.parent[i] = noParent
		}
	}
	for i := size - 1; i >= 0; i-- {
		if up := p.parent[i]; up != noParent {
			p.sibling[i], p.child[up] = p.child[up], int32(i) //nolint:gosec // as above
		}
	}
	some := false
	p.all = true
	for i := range size {
		p.all = p.all && bySubject[i] == (p.parent[i] == noParent)
		some = some || bySubject[i]
	}
	p.all = p.all && some
	for _, x := range edges {
		switch {
		case x.To == sbom.SubjectIndex:
		case x.From == sbom.SubjectIndex:
			if !p.all {
				p.others[x.To] = append(p.others[x.To], x.From)
			}
		case p.parent[x.To] != x.From:
			p.others[x.To] = append(p.others[x.To], x.From)
		}
	}
	e.plan = p
}

// nestable reports whether the way up from i ends soon, and not at i.
func (n *nesting) nestable(i int32) bool {
	steps := 0
	for up := n.parent[i]; up != noParent; up = n.parent[up] {
		if steps++; up == i || steps > maxNesting {
			return false
		}
	}
	return true
}

// edges are the document's edges of some kinds, by their ends, each once, and
// none from a component to itself.
func (e *encoder) edges(want func(sbom.DependencyKind) bool) []sbom.Dependency {
	var out []sbom.Dependency
	for _, x := range e.d.Dependencies {
		if want(x.Kind) && x.From != x.To {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b sbom.Dependency) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.To, b.To))
	})
	return slices.Compact(out)
}

// dependencies writes an entry for each component that needs or provides another.
func (e *encoder) dependencies() error {
	edges := e.edges(func(k sbom.DependencyKind) bool { return k != sbom.Contains })
	if len(edges) == 0 {
		return nil
	}
	w := e.w
	w.Name("dependencies")
	w.Array()
	for n := 0; len(edges) > 0; n++ {
		if n%1024 == 0 {
			if err := e.ctx.Err(); err != nil {
				return err
			}
		}
		from := edges[0].From
		w.Object()
		w.Member("ref", e.ref(from))
		for _, k := range []struct {
			kind sbom.DependencyKind
			name string
		}{{sbom.DependsOn, "dependsOn"}, {sbom.Provides, "provides"}} {
			if len(edges) == 0 || edges[0].From != from || edges[0].Kind != k.kind {
				continue
			}
			w.Name(k.name)
			w.Array()
			for len(edges) > 0 && edges[0].From == from && edges[0].Kind == k.kind {
				w.String(e.ref(edges[0].To))
				edges = edges[1:]
			}
			w.EndArray()
		}
		w.EndObject()
	}
	w.EndArray()
	return w.Err()
}
