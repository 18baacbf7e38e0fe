package segment

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// travel is a breadth-first search over workloads.
type travel struct {
	g     *Graph
	gr    *grain
	kind  lineKind
	start bitset
	outer bool                     // a start is outside, so addresses outside are no answer
	inlet bitset                   // inside ends that addresses outside can get to; nil: every one
	lines map[uint32][]travelGroup // class → where one step leads
}

// travelGroup is a part of a line: ends that are open on some port.
type travelGroup struct {
	ends bitset
	must bool
}

// step is how an end was first reached.
type step struct {
	dist int // 0: not reached
	prev int // end
}

// Reach returns what can be reached from (Forward) or what can reach (Backward)
// any of a set of workloads, pods or address blocks, along at most maxHops edges
// (0: any number), sorted by hops, then reference. A path without unknown steps
// is preferred to any with one. Addresses outside are ends of paths, never
// intermediate. The starting ends are not in the answer.
//
// From the word internet the first step leads only to workloads with a way in
// from there (Exposure): a policy that lets the internet in opens nothing where
// nothing leads in. Backward, addresses outside count where the workload has
// any way in. Where the input held no Service, the ways are not known and the
// policies alone decide.
func (g *Graph) Reach(ctx context.Context, from []ident.Ref, dir Direction, maxHops int) ([]Reached, error) {
	t := &travel{g: g, gr: &g.grains[ByWorkload], kind: row, lines: make(map[uint32][]travelGroup)}
	if dir == Backward {
		t.kind = column
		t.inlet = g.inlets(ExposedInternet, ExposedUnknown, ExposedInternal)
	}
	t.start = newBitset(len(t.gr.classes))
	type source struct {
		ends    []int
		classes map[int][]uint32 // end → the classes to start from
	}
	src := source{classes: map[int][]uint32{}}
	named := make(map[int]ident.Ref)
	for _, r := range from {
		refs, err := g.Resolve(r)
		if err != nil {
			return nil, err
		}
		for _, ref := range refs {
			s, err := g.side(ref)
			if err != nil {
				return nil, err
			}
			if ref.IsCIDR() {
				t.outer = true
			}
			if ref.CIDR == ident.Internet {
				t.inlet = g.inlets(ExposedInternet, ExposedUnknown)
			}
			for _, c := range s.classes {
				for _, e := range t.gr.ends[c] {
					end := int(e)
					if end < t.gr.inside && !t.owns(s, end) {
						continue
					}
					if !t.start.has(end) {
						t.start.add(end)
						src.ends = append(src.ends, end)
					}
					if !slices.Contains(src.classes[end], c) {
						src.classes[end] = append(src.classes[end], c)
					}
					named[end] = ref
				}
			}
		}
	}
	if maxHops <= 0 {
		maxHops = len(t.gr.classes)
	}
	sure, err := t.search(ctx, src.ends, src.classes, maxHops, false)
	if err != nil {
		return nil, err
	}
	perhaps, err := t.search(ctx, src.ends, src.classes, maxHops, true)
	if err != nil {
		return nil, err
	}
	return t.collect(ctx, sure, perhaps, src.classes, named)
}

// owns reports whether a workload end belongs to the side: it is the workload,
// or the workload of the pod.
func (t *travel) owns(s side, end int) bool {
	if s.by == ByWorkload {
		return s.end == end
	}
	return t.g.byRef[t.g.m.Workloads[t.g.m.Endpoints[s.endpoint].Workload].Ref] == end
}

// search finds the distance of every end. With unknown it also walks steps that
// are only possible.
func (t *travel) search(ctx context.Context, starts []int, classes map[int][]uint32, maxHops int, unknown bool) ([]step, error) {
	steps := make([]step, len(t.gr.classes))
	unseen := newBitset(len(t.gr.classes))
	for e := range len(t.gr.classes) {
		unseen.add(e)
	}
	unseen.andNot(t.start)
	if t.outer {
		for e := t.gr.inside; e < len(t.gr.classes); e++ {
			if unseen.has(e) {
				unseen[e>>6] &^= 1 << (e & 63)
			}
		}
	}
	frontier := slices.Sorted(slices.Values(starts))
	for hop := 1; hop <= maxHops && len(frontier) > 0; hop++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var next []int
		for _, end := range frontier {
			cs := t.gr.classes[end]
			if t.start.has(end) {
				cs = classes[end]
			} else if end >= t.gr.inside {
				continue // addresses outside are ends of paths
			}
			for _, c := range cs {
				for _, x := range t.from(c) {
					if !x.must && !unknown {
						continue
					}
					for i, w := range x.ends {
						fresh := w & unseen[i]
						if t.inlet != nil {
							fresh &= t.passable(end, i)
						}
						if fresh == 0 {
							continue
						}
						unseen[i] &^= fresh
						for b := range (bitset{fresh}).all() {
							steps[i<<6+b] = step{hop, end}
							next = append(next, i<<6+b)
						}
					}
				}
			}
		}
		slices.Sort(next)
		frontier = next
	}
	return steps, nil
}

// passable masks the ends of word i that the ways in let a step from end get to:
// from outside, only inlets; from inside, addresses outside only from an inlet
// when travelling backward.
func (t *travel) passable(end, i int) uint64 {
	if end >= t.gr.inside {
		return t.inlet[i]
	}
	if t.kind == row || t.inlet.has(end) {
		return ^uint64(0)
	}
	first := t.gr.inside - i<<6 // bits before this one are inside
	switch {
	case first >= 64:
		return ^uint64(0)
	case first <= 0:
		return 0
	}
	return 1<<first - 1
}

// inlets returns the workloads whose exposure is one of the levels, or nil where
// the input does not show the ways in.
func (g *Graph) inlets(levels ...ExposureLevel) bitset {
	if slices.Contains(g.m.NotSeen, "Service") {
		return nil
	}
	gr := &g.grains[ByWorkload]
	out := newBitset(len(gr.classes))
	for end := range gr.inside {
		for _, i := range g.entriesOf[g.modelOf[end]] {
			if e := &g.m.Entries[i]; !e.Routed && slices.Contains(levels, g.way(e, g.endSide(ByWorkload, end), 0).Level) {
				out.add(end)
				break
			}
		}
	}
	return out
}

// from returns where one step leads from a class, on any port.
func (t *travel) from(c uint32) []travelGroup {
	if l, ok := t.lines[c]; ok {
		return l
	}
	n := len(t.gr.classes)
	must, may := newBitset(n), newBitset(n)
	for chunk := range t.g.ports.chunks {
		for _, x := range t.g.line(int(c), t.kind, chunk) {
			for d := range x.who.all() {
				for _, e := range t.gr.ends[d] {
					if x.out.must != 0 {
						must.add(int(e))
					}
					may.add(int(e))
				}
			}
		}
	}
	may.andNot(must)
	l := []travelGroup{{must, true}, {may, false}}
	t.lines[c] = l
	return l
}

// collect builds the answer with one path for each end.
func (t *travel) collect(ctx context.Context, sure, perhaps []step, classes map[int][]uint32, named map[int]ident.Ref) ([]Reached, error) {
	type blockKey struct {
		dist, prev int
		verdict    Verdict
	}
	blocks := make(map[blockKey][]int)
	hops := make(map[[2]int]Hop)
	var out []Reached
	for end := range t.gr.classes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		st, v, tree := sure[end], Allowed, sure
		if st.dist == 0 {
			st, v, tree = perhaps[end], Unknown, perhaps
		}
		if st.dist == 0 {
			continue
		}
		if end >= t.gr.inside {
			k := blockKey{st.dist, st.prev, v}
			blocks[k] = append(blocks[k], end)
			continue
		}
		out = append(out, Reached{Workload: t.gr.refs[end], Hops: st.dist, Verdict: v, Path: t.path(tree, end, classes, named, hops)})
	}
	for k, ends := range blocks {
		tree := sure
		if k.verdict == Unknown {
			tree = perhaps
		}
		var parts []netip.Prefix
		for _, e := range ends {
			parts = append(parts, t.g.parts(t.gr, e)...)
		}
		for _, p := range mergePrefixes(parts) {
			ref := ident.Ref{CIDR: p.String()}
			var end int
			for _, e := range ends {
				if slices.ContainsFunc(t.g.parts(t.gr, e), p.Overlaps) {
					end = e
					break
				}
			}
			path := t.path(tree, end, classes, named, hops)
			if t.kind == row {
				path[len(path)-1].To = ref
			} else {
				path[0].From = ref
			}
			out = append(out, Reached{Workload: ref, Hops: k.dist, Verdict: k.verdict, Path: path})
		}
	}
	slices.SortFunc(out, func(a, b Reached) int {
		if c := cmp.Compare(a.Hops, b.Hops); c != 0 {
			return c
		}
		if a.Workload.IsCIDR() && b.Workload.IsCIDR() {
			return cmp.Or(compareBlocks(a.Workload, b.Workload), int(a.Verdict)-int(b.Verdict))
		}
		return a.Workload.Compare(b.Workload)
	})
	return out, nil
}

// path returns the steps to an end in the order of travel.
func (t *travel) path(tree []step, end int, classes map[int][]uint32, named map[int]ident.Ref, memo map[[2]int]Hop) []Hop {
	path := make([]Hop, 0, tree[end].dist)
	for at := end; tree[at].dist > 0; at = tree[at].prev {
		key := [2]int{tree[at].prev, at}
		h, ok := memo[key]
		if !ok {
			h = t.hop(tree[at].prev, at, classes, named)
			memo[key] = h
		}
		path = append(path, h)
	}
	if t.kind == row {
		slices.Reverse(path)
	}
	return path
}

// hop describes the step that was taken between prev and end.
func (t *travel) hop(prev, end int, classes map[int][]uint32, named map[int]ident.Ref) Hop {
	a, b := t.endSide(prev, classes, named), t.endSide(end, nil, nil)
	if t.kind == column {
		a, b = b, a
	}
	res := t.g.between(a, b)
	h := Hop{From: a.ref, To: b.ref, Verdict: Allowed, Connections: t.g.ports.conns(res.must)}
	if len(h.Connections) == 0 {
		h.Verdict, h.Connections = Unknown, t.g.ports.conns(res.may)
	}
	bit := t.g.telling(res)
	c, d, _ := t.g.pickPair(a, b, bit)
	h.AllowedBy = t.g.brief(c, d, bit)
	return h
}

func (t *travel) endSide(end int, classes map[int][]uint32, named map[int]ident.Ref) side {
	s := side{classes: t.gr.classes[end], end: end, endpoint: -1}
	if end < t.gr.inside {
		s.ref = t.gr.refs[end]
	} else {
		s.end = -1
		s.ref = ident.Ref{CIDR: t.g.parts(t.gr, end)[0].String()}
	}
	if cs, ok := classes[end]; ok {
		s.classes, s.ref = cs, named[end]
	}
	return s
}
