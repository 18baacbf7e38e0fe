package inventory

import (
	"iter"
	"maps"
	"slices"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Selection is a set of workloads that an answer lists. It restricts rows and
// nothing else: every policy, namespace and workload is still read and judged,
// since an answer about some of them hangs on all of them. The nil Selection
// holds everything.
type Selection struct {
	text      string
	refs      map[ident.Ref]bool // workloads and pods
	workloads int
}

// Select returns the workloads that a label selector selects, as kubectl writes
// it ("app=web,tier in (front,back),!canary"). It is evaluated over the labels
// of the workload object itself and, for keys that the object does not have,
// over those of its pods; a pod is selected by its own labels. A selector that
// is malformed or selects nothing is an error of kind usage: a list that is
// empty for a typing error would look safe.
func (s *Snapshot) Select(text string) (*Selection, error) {
	sel, err := estate.ParseLabelSelector(text)
	if err != nil {
		return nil, err
	}
	x := &Selection{text: text, refs: map[ident.Ref]bool{}}
	for _, w := range s.workloads {
		labels := maps.Clone(w.member.Labels)
		if labels == nil {
			labels = map[string]string{}
		}
		maps.Copy(labels, w.Labels)
		if sel.Matches(labels) {
			x.refs[w.Ref] = true
			x.workloads++
		}
		for _, p := range w.Pods {
			if sel.Matches(p.Labels) {
				x.refs[podRef(p)] = true
			}
		}
	}
	if len(x.refs) == 0 {
		return nil, ident.Errorf(ident.KindUsage, "-l %s selects no workload", text).
			WithHint("labels of a workload or of its pods, as in app=web,tier in (front,back); namespaces are no labels")
	}
	return x, nil
}

func podRef(p *estate.Pod) ident.Ref {
	return ident.Ref{Cluster: p.Cluster, Namespace: p.Namespace, Name: p.Name, Kind: "Pod"}
}

// Holds reports whether a workload or pod is selected.
func (x *Selection) Holds(r ident.Ref) bool { return x == nil || x.refs[r] }

// Cover notes in a coverage that rows are restricted, and to how many workloads.
func (x *Selection) Cover(c Coverage) Coverage {
	if x != nil {
		c.Selector, c.Selected = x.text, x.workloads
	}
	return c
}

// Among keeps the edges with a selected end.
func (x *Selection) Among(es iter.Seq[segment.Edge]) iter.Seq[segment.Edge] {
	if x == nil {
		return es
	}
	return func(yield func(segment.Edge) bool) {
		for e := range es {
			if (x.refs[e.Src] || x.refs[e.Dst]) && !yield(e) {
				return
			}
		}
	}
}

// Edges keeps those with a selected end.
func (x *Selection) Edges(es []segment.Edge) []segment.Edge {
	return slices.Collect(x.Among(slices.Values(es)))
}

// unknowns keeps those of images and documents that a selected workload runs.
// What the graph does not know is never restricted: it names one end of an edge,
// and may stand for the other.
func (x *Selection) unknowns(us []Unknown) []Unknown {
	return keep(x, us, func(u Unknown) bool { return len(u.Affects) == 0 || slices.ContainsFunc(u.Affects, x.Holds) })
}

func (x *Selection) uncovered(ns []NotCovered) []NotCovered {
	return keep(x, ns, func(n NotCovered) bool { return x.refs[n.Workload] })
}

// keep filters into a new slice, and leaves all as it is for the nil Selection.
func keep[T any](x *Selection, in []T, want func(T) bool) []T {
	if x == nil {
		return in
	}
	out := make([]T, 0, len(in))
	for _, v := range in {
		if want(v) {
			out = append(out, v)
		}
	}
	return out
}

// Map restricts a map to the workloads of the selection: their rows, the edges
// with an end among them, and what is derived of those. Policies, unknowns
// and SBOMs without workload stand as they were read.
func (x *Selection) Map(m *Map) *Map {
	if x == nil {
		return m
	}
	out := *m
	out.Workloads = keep(x, m.Workloads, func(w WorkloadRow) bool { return x.refs[w.Workload] })
	out.Edges = x.Edges(m.Edges)
	out.Unprotected = keep(x, m.Unprotected, x.Holds)
	out.Coverage = x.Cover(m.Coverage)
	out.Segments = []Segment{}
	for _, g := range m.Segments {
		if g.Members = keep(x, g.Members, x.Holds); len(g.Members) > 0 {
			out.Segments = append(out.Segments, g)
		}
	}
	out.CrossZone = []CrossZone{}
	for _, c := range m.CrossZone {
		if c.Edges = x.Edges(c.Edges); len(c.Edges) > 0 {
			out.CrossZone = append(out.CrossZone, c)
		}
	}
	out.WithoutSBOM = []ImageGap{}
	for _, g := range m.WithoutSBOM {
		if g.Workloads = keep(x, g.Workloads, x.Holds); len(g.Workloads) > 0 {
			out.WithoutSBOM = append(out.WithoutSBOM, g)
		}
	}
	out.SameNode = m.SameNode.among(out.Edges)
	return &out
}

// Where restricts an answer to the sites in selected workloads. Found still says
// whether it was found anywhere; LeftOut counts the workloads that are not listed.
func (x *Selection) Where(a *Where) *Where {
	if x == nil {
		return a
	}
	out := *a
	out.Sites = keep(x, a.Sites, func(s Site) bool { return x.refs[s.Workload] })
	out.NotCovered = x.uncovered(a.NotCovered)
	out.Unknowns = x.unknowns(a.Unknowns)
	out.Coverage = x.Cover(a.Coverage)
	others := map[ident.Ref]bool{}
	for _, s := range a.Sites {
		if !x.refs[s.Workload] {
			others[s.Workload] = true
		}
	}
	out.LeftOut = len(others)
	return &out
}
