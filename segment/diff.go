package segment

import (
	"context"
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Change is what differs between two graphs for some connections of two ends.
type Change struct {
	Src         ident.Ref `json:"src"`
	Dst         ident.Ref `json:"dst"`
	Connections []Conn    `json:"connections"` // sorted, disjoint, merged
	Before      Verdict   `json:"before"`
	After       Verdict   `json:"after"`
}

// Opens reports whether something may pass that certainly did not.
func (c *Change) Opens() bool { return c.Before == Denied }

// Diff returns the connections of workloads on which two graphs disagree, sorted
// by Src, then Dst, those from outside last. A workload that one graph does not
// have is denied everything there. Addresses outside are blocks on which the
// change is one and the same. It compares what passes, never how that is written.
func Diff(ctx context.Context, before, after *Graph) ([]Change, error) {
	refs := slices.Concat(before.workloads.refs(), after.workloads.refs())
	slices.SortFunc(refs, ident.Ref.Compare)
	refs = slices.Compact(refs)
	d := newDifference(before, after)
	defer d.release()
	for _, r := range refs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d.inside(r, row, nil)
		d.outside(r)
	}
	return d.changes(), nil
}

// DiffOf is Diff for the connections that have one of some workloads at an end.
// What policies change is all there where the workloads are those that the
// policies select, before or after: a policy decides about its subject's
// connections only.
func DiffOf(ctx context.Context, before, after *Graph, of []ident.Ref) ([]Change, error) {
	of = slices.Clone(of)
	slices.SortFunc(of, ident.Ref.Compare)
	of = slices.Compact(of)
	d := newDifference(before, after)
	defer d.release()
	for _, r := range of {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d.inside(r, row, nil)
		d.inside(r, column, of)
		d.outside(r)
	}
	return d.changes(), nil
}

// DiffPods is DiffOf at the grain of pods, for graphs of the same pods: it finds
// what DiffOf cannot, a change between the pods of one workload, and one for some
// pods that leaves what all of a workload may open together as it was. Ends are
// pods; of those of a workload that look alike in both graphs, one speaks for all.
func DiffPods(ctx context.Context, before, after *Graph, of []ident.Ref) ([]Change, error) {
	speak := before.speakers(after, of)
	d := &difference{old: &diffSide{before, before.newTally(ByPod)}, now: &diffSide{after, after.newTally(ByPod)}}
	defer d.release()
	for _, r := range speak {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d.inside(r, row, nil)
		d.inside(r, column, speak)
		d.outside(r)
	}
	return d.changes(), nil
}

// speakers picks from the pods of some workloads one for each way that they look
// in two graphs, sorted.
func (g *Graph) speakers(other *Graph, of []ident.Ref) []ident.Ref {
	wanted := make(map[ident.Ref]bool, len(of))
	for _, r := range of {
		wanted[r] = true
	}
	type look struct {
		workload   ident.Ref
		here, then uint32
	}
	seen := make(map[look]bool)
	var out []ident.Ref
	there := other.pod()
	for i := range g.m.Endpoints {
		e := &g.m.Endpoints[i]
		x := look{workload: g.m.Workloads[e.Workload].Ref, here: g.classOf.at(i), then: gone}
		if !wanted[x.workload] || x.here == gone {
			continue
		}
		if j := there.find(&e.Ref); j >= 0 {
			x.then = other.classOf.at(int(there.order[j]))
		}
		if !seen[x] {
			seen[x] = true
			out = append(out, e.Ref)
		}
	}
	slices.SortFunc(out, ident.Ref.Compare)
	return slices.Compact(out)
}

// difference collects on what two graphs disagree.
type difference struct {
	old, now      *diffSide
	out, incoming []Change
	known         map[[2]*reply][]Change // what differs between two answers, without its ends
}

func newDifference(before, after *Graph) *difference {
	return &difference{old: newSide(before), now: newSide(after)}
}

func (d *difference) release() {
	d.old.t.release()
	d.now.t.release()
}

// changes returns what was collected, in order.
func (d *difference) changes() []Change {
	if len(d.out)+len(d.incoming) == 0 {
		return nil
	}
	slices.SortStableFunc(d.out, func(a, b Change) int {
		if c := a.Src.Compare(b.Src); c != 0 || a.Dst.IsCIDR() && b.Dst.IsCIDR() {
			return c
		}
		return a.Dst.Compare(b.Dst)
	})
	slices.SortStableFunc(d.incoming, func(a, b Change) int { return compareBlocks(a.Src, b.Src) })
	return append(d.out, d.incoming...)
}

// inside compares what workload r may open to others (row), or they to it
// (column), but for those in but, which is sorted.
func (d *difference) inside(r ident.Ref, kind lineKind, but []ident.Ref) {
	a, b := d.old.inside(r, kind), d.now.inside(r, kind)
	differ := func(other ident.Ref, x, y []Edge) {
		if _, found := slices.BinarySearchFunc(but, other, ident.Ref.Compare); found {
			return
		}
		if kind == row {
			d.out = appendChanges(d.out, r, other, x, y)
		} else {
			d.out = appendChanges(d.out, other, r, x, y)
		}
	}
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case j == len(b) || i < len(a) && a[i].ref.Compare(b[j].ref) < 0:
			differ(a[i].ref, a[i].reply.edges, nil)
			i++
		case i == len(a) || a[i].ref.Compare(b[j].ref) > 0:
			differ(b[j].ref, nil, b[j].reply.edges)
			j++
		default:
			if a[i].reply.key != b[j].reply.key || d.old.g.ports != d.now.g.ports {
				differ(a[i].ref, a[i].reply.edges, b[j].reply.edges)
			}
			i, j = i+1, j+1
		}
	}
}

// outside compares what is open between workload r and addresses outside.
func (d *difference) outside(r ident.Ref) {
	for _, x := range diffBlocks(d.old.blocks(r, row), d.now.blocks(r, row)) {
		x.Src = r
		d.out = append(d.out, x)
	}
	for _, x := range diffBlocks(d.old.blocks(r, column), d.now.blocks(r, column)) {
		x.Src, x.Dst = x.Dst, r
		d.incoming = append(d.incoming, x)
	}
}

// ChangedBy names the rule that makes a change of Diff's, on its first port: in the
// direction whose answer changed, the one that decides after it; or, where no rule
// does any more (gone), the one that did before. ok is false where it is no rule:
// a workload came or went, or what is not known changed.
func ChangedBy(c *Change, before, after *Graph) (by RuleRef, gone, ok bool) {
	port := Port{c.Connections[0].Protocol, c.Connections[0].From}
	is, err := after.Why(c.Src, c.Dst, &port)
	if err != nil {
		return RuleRef{}, false, false
	}
	was, err := before.Why(c.Src, c.Dst, &port)
	if err != nil {
		was = &Explanation{}
	}
	for _, d := range [][2]*Decision{{&was.Ingress, &is.Ingress}, {&was.Egress, &is.Egress}} {
		switch {
		case err == nil && d[0].Verdict == d[1].Verdict:
		case !d[1].Rule.Default:
			return d[1].Rule, false, true
		case err == nil && !d[0].Rule.Default:
			return d[0].Rule, true, true
		}
	}
	return RuleRef{}, false, false
}

// DiffExposure compares the ways in from the internet to a workload, port by port.
// The changes have the word internet as Src. It finds what Diff cannot: a way
// that is new to connections which the policies allowed all along.
func DiffExposure(r ident.Ref, before, after Exposure) []Change {
	return appendChanges(nil, ident.Ref{CIDR: ident.Internet}, r, before.asEdges(), after.asEdges())
}

// asEdges holds what the internet reaches: the certain first, since the first
// edge with a port decides.
func (x *Exposure) asEdges() []Edge {
	sure, perhaps := Edge{Verdict: Allowed}, Edge{Verdict: Unknown}
	for _, w := range x.Ways {
		switch w.Level {
		case ExposedInternet:
			sure.Connections = append(sure.Connections, w.Conns...)
		case ExposedUnknown:
			perhaps.Connections = append(perhaps.Connections, w.Conns...)
		}
	}
	return []Edge{sure, perhaps}
}

// diffSide reads one of the graphs.
type diffSide struct {
	g *Graph
	t *tally
}

func newSide(g *Graph) *diffSide { return &diffSide{g, g.newTally(ByWorkload)} }

type replyTo struct {
	ref   ident.Ref
	reply *reply
}

// end returns the number of an end at the grain of the comparison, -1 if it has
// no such end.
func (s *diffSide) end(r ident.Ref) int {
	if s.t.by == ByPod {
		return s.g.pod().find(&r)
	}
	return s.g.workloads.find(&r)
}

func (s *diffSide) inside(r ident.Ref, kind lineKind) []replyTo {
	end := s.end(r)
	if end < 0 {
		return nil
	}
	var out []replyTo
	from := s.g.endSide(s.t.by, end)
	s.g.eachInside(s.t, from, kind, func(other uint32, x *reply) bool {
		if int(other) != end {
			out = append(out, replyTo{*s.t.gr.ref(int(other)), x})
		}
		return true
	})
	return out
}

func (s *diffSide) blocks(r ident.Ref, kind lineKind) []block {
	end := s.end(r)
	if end < 0 {
		return nil
	}
	return s.g.blocks(s.t, s.g.endSide(s.t.by, end), kind)
}

// diffBlocks compares what is open to blocks of addresses outside, which may be
// cut differently. The changes have their block as Dst.
func diffBlocks(a, b []block) []Change {
	same := func(x, y block) bool { return x.prefix == y.prefix && sameEdges(x.reply.edges, y.reply.edges) }
	if slices.EqualFunc(a, b, same) {
		return nil
	}
	var cuts []netip.Prefix
	for _, x := range slices.Concat(a, b) {
		cuts = append(cuts, x.prefix)
	}
	type alike struct {
		changes []Change
		parts   []netip.Prefix
	}
	var found []*alike
	for _, cell := range newAddressSpace(cuts).cells {
		if len(cell.parts) == 0 {
			continue
		}
		changes := appendChanges(nil, ident.Ref{}, ident.Ref{}, edgesTo(a, cell.parts[0]), edgesTo(b, cell.parts[0]))
		if len(changes) == 0 {
			continue
		}
		i := slices.IndexFunc(found, func(x *alike) bool {
			return slices.EqualFunc(x.changes, changes, func(p, q Change) bool {
				return p.Before == q.Before && p.After == q.After && slices.Equal(p.Connections, q.Connections)
			})
		})
		if i < 0 {
			i = len(found)
			found = append(found, &alike{changes: changes})
		}
		found[i].parts = append(found[i].parts, cell.parts...)
	}
	var out []Change
	for _, x := range found {
		for _, p := range mergePrefixes(x.parts) {
			for _, c := range x.changes {
				c.Dst = ident.Ref{CIDR: p.String()}
				out = append(out, c)
			}
		}
	}
	slices.SortStableFunc(out, func(x, y Change) int { return compareBlocks(x.Dst, y.Dst) })
	return out
}

func edgesTo(blocks []block, part netip.Prefix) []Edge {
	for i := range blocks {
		if contains(blocks[i].prefix, part) {
			return blocks[i].reply.edges
		}
	}
	return nil
}

func sameEdges(a, b []Edge) bool {
	return slices.EqualFunc(a, b, func(x, y Edge) bool { return x.Verdict == y.Verdict && slices.Equal(x.Connections, y.Connections) })
}

// appendChanges compares the edges between two ends port by port.
func appendChanges(out []Change, src, dst ident.Ref, before, after []Edge) []Change {
	if sameEdges(before, after) {
		return out
	}
	verdictAt := func(edges []Edge, p Port) Verdict {
		for i := range edges {
			for _, c := range edges[i].Connections {
				if c.Contains(p) {
					return edges[i].Verdict
				}
			}
		}
		return Denied
	}
	at := make(map[[2]Verdict][]Conn)
	for proto := range numProtocols {
		cuts := []int{1}
		for _, edges := range [2][]Edge{before, after} {
			for i := range edges {
				for _, c := range edges[i].Connections {
					if c.Protocol == proto {
						cuts = append(cuts, int(c.From), int(c.To)+1)
					}
				}
			}
		}
		slices.Sort(cuts)
		cuts = slices.Compact(cuts)
		for i, from := range cuts {
			to := maxPort
			if i+1 < len(cuts) {
				to = cuts[i+1] - 1
			}
			if from > to {
				continue
			}
			p := Port{proto, uint16(from)} //nolint:gosec // a port
			was, is := verdictAt(before, p), verdictAt(after, p)
			if was == is {
				continue
			}
			key := [2]Verdict{was, is}
			list := at[key]
			if n := len(list); n > 0 && list[n-1].Protocol == proto && int(list[n-1].To)+1 == from {
				list[n-1].To = uint16(to) //nolint:gosec // a port
				continue
			}
			at[key] = append(list, Conn{proto, uint16(from), uint16(to)}) //nolint:gosec // ports
		}
	}
	for _, was := range []Verdict{Denied, Unknown, Allowed} {
		for _, is := range []Verdict{Allowed, Unknown, Denied} {
			if list := at[[2]Verdict{was, is}]; len(list) > 0 {
				out = append(out, Change{Src: src, Dst: dst, Connections: list, Before: was, After: is})
			}
		}
	}
	return out
}
