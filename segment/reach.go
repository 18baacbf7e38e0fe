package segment

import (
	"cmp"
	"context"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Travel is what a set of ends can reach, or what can reach it. Paths are
// written out on demand.
type Travel struct {
	g       *Graph
	gr      *grain
	kind    lineKind
	start   bitset
	sources map[int][]uint32 // starting end → the classes to start from
	named   map[int]ident.Ref
	outer   bool   // a start is outside, so addresses outside are no answer
	inlet   bitset // inside ends that addresses outside can get to; nil: every one
	entry   bitset // classes of inlets
	sure    []step
	perhaps []step // nil: nothing is in doubt
}

// step is how an end was first reached.
type step struct {
	dist int32 // 0: not reached
	prev int32 // end
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
// policies alone decide. An address that is known to be a node's needs no way in,
// and is not the internet.
func (g *Graph) Reach(ctx context.Context, from []ident.Ref, dir Direction, maxHops int) ([]Reached, error) {
	t, err := g.Travel(ctx, from, dir, maxHops)
	if err != nil {
		return nil, err
	}
	return t.Reached(ctx)
}

// Travel answers as Reach does, without writing out the paths.
func (g *Graph) Travel(ctx context.Context, from []ident.Ref, dir Direction, maxHops int) (*Travel, error) {
	t := &Travel{g: g, gr: &g.workloads, kind: row, sources: make(map[int][]uint32), named: make(map[int]ident.Ref)}
	if dir == Backward {
		t.kind = column
		t.inlet = g.inlets(ExposedInternet, ExposedUnknown, ExposedInternal)
	}
	t.start = newBitset(t.gr.len())
	for _, r := range from {
		if err := t.from(r); err != nil {
			return nil, err
		}
	}
	if t.inlet != nil {
		t.entry = newBitset(g.classes.len())
		for end := range t.inlet.all() {
			for _, c := range t.gr.of(end) {
				t.entry.add(int(c))
			}
		}
	}
	if maxHops <= 0 {
		maxHops = t.gr.len()
	}
	var err error
	if t.sure, err = t.search(ctx, maxHops, false); err != nil {
		return nil, err
	}
	if g.doubtful() {
		t.perhaps, err = t.search(ctx, maxHops, true)
	}
	return t, err
}

// from adds one start.
func (t *Travel) from(r ident.Ref) error {
	refs, err := t.g.Resolve(r)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		s, err := t.g.side(ref)
		if err != nil {
			return err
		}
		if ref.IsCIDR() {
			t.outer = true
		}
		if ref.CIDR == ident.Internet {
			t.inlet = t.g.inlets(ExposedInternet, ExposedUnknown)
		}
		for _, c := range s.classes {
			for e := range t.gr.ends(int(c)) {
				end := int(e)
				if end < t.gr.inside() && !t.owns(s, end) {
					continue
				}
				t.start.add(end)
				if !slices.Contains(t.sources[end], c) {
					t.sources[end] = append(t.sources[end], c)
				}
				t.named[end] = ref
			}
		}
	}
	return nil
}

// owns reports whether a workload end belongs to the side: it is the workload,
// or the workload of the pod.
func (t *Travel) owns(s side, end int) bool {
	if s.by == ByWorkload {
		return s.end == end
	}
	return t.g.workloads.find(&t.g.m.Workloads[t.g.m.Endpoints[s.endpoint].Workload].Ref) == end
}

// search is one breadth-first search.
type search struct {
	t       *Travel
	unknown bool // walks steps that are only possible, too
	steps   []step
	done    bitset    // ends: starts and what was reached
	unseen  bitset    // classes with an end that is not done
	bases   []walked  // by number
	walked  [2]bitset // classes whose line was walked: within the cluster; with addresses outside
	next    bitset    // ends that the next hop sets out from
}

// walked says how far a base was walked.
type walked uint8

const (
	notWalked walked = iota
	withinCluster
	withOutside
)

// search finds the distance of every end.
func (t *Travel) search(ctx context.Context, maxHops int, unknown bool) ([]step, error) {
	g := t.g
	s := &search{t: t, unknown: unknown, steps: make([]step, t.gr.len()), done: slices.Clone(t.start),
		unseen: newBitset(g.classes.len()), walked: [2]bitset{newBitset(g.classes.len()), newBitset(g.classes.len())}}
	last := g.classes.len()
	if t.outer {
		last = g.pods
	}
	for c := range last {
		s.unseen.add(c)
	}
	frontier := slices.Clone(t.start)
	s.next = newBitset(t.gr.len())
	for hop := int32(1); int(hop) <= maxHops && !frontier.empty(); hop++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for end := range frontier.all() {
			cs, ok := t.sources[end]
			if !ok {
				if end >= t.gr.inside() {
					continue // addresses outside are ends of paths
				}
				cs = t.gr.of(end)
			}
			for _, c := range cs {
				s.walk(int(c), end, hop)
			}
		}
		frontier, s.next = s.next, frontier
		clear(s.next)
	}
	return s.steps, nil
}

// walk follows every line out of a class that belongs to an end.
func (s *search) walk(c, end int, hop int32) {
	t := s.t
	g := t.g
	outside := end >= t.gr.inside()
	// Addresses outside are met, going backward, only where a way leads in.
	cells := t.inlet == nil || t.kind == row || t.inlet.has(end)
	if s.walked[1].has(c) || !cells && s.walked[0].has(c) {
		return // from another workload of the class
	}
	if s.walked[0].add(c); cells {
		s.walked[1].add(c)
	}
	l := g.lineOf(c, t.kind)
	open, except := l.open(s.unknown)
	// A base is walked once, or once more if only now the outside counts.
	far := withinCluster
	if cells {
		far = withOutside
	}
	if n := int(l.base.number) + 1; n > len(s.bases) {
		s.bases = append(s.bases, make([]walked, n-len(s.bases))...)
	}
	if s.bases[l.base.number] < far {
		s.bases[l.base.number] = far
		for i, w := range open {
			w &= s.unseen[i]
			if outside && t.inlet != nil {
				w &= t.entry[i]
			}
			for ; w != 0; w &= w - 1 {
				s.reach(i<<6+bits.TrailingZeros64(w), end, hop, cells)
			}
		}
	}
	for _, d := range except {
		if s.unseen.has(int(d)) {
			s.reach(int(d), end, hop, cells)
		}
	}
}

// reach marks the ends of a class.
func (s *search) reach(d, from int, hop int32, cells bool) {
	t := s.t
	if d >= t.g.pods && !cells && !t.g.nodes.address.has(d) {
		return
	}
	all := true
	for e := range t.gr.ends(d) {
		end := int(e)
		if s.done.has(end) {
			continue
		}
		if from >= t.gr.inside() && t.inlet != nil && !t.inlet.has(end) {
			all = false
			continue
		}
		s.done.add(end)
		s.steps[end] = step{hop, int32(from)} //nolint:gosec // Build limits the number of ends
		s.next.add(end)
	}
	if all {
		s.unseen[d>>6] &^= 1 << (d & 63)
	}
}

// inlets returns the workloads whose exposure is one of the levels, or nil where
// the input does not show the ways in.
func (g *Graph) inlets(levels ...ExposureLevel) bitset {
	if slices.Contains(g.m.NotSeen, "Service") {
		return nil
	}
	gr := &g.workloads
	out := newBitset(gr.len())
	for m, list := range g.entriesOf {
		if gr.rank[m] == gone {
			continue
		}
		end := int(gr.rank[m])
		for _, i := range list {
			if e := &g.m.Entries[i]; !e.Routed && slices.Contains(levels, g.way(e, g.endSide(ByWorkload, end), 0).Level) {
				out.add(end)
				break
			}
		}
	}
	return out
}

// end returns how an end was reached, and in which search.
func (t *Travel) end(end int) (step, Verdict, []step) {
	if st := t.sure[end]; st.dist > 0 {
		return st, Allowed, t.sure
	}
	if t.perhaps == nil {
		return step{}, Denied, nil
	}
	return t.perhaps[end], Unknown, t.perhaps
}

// Count returns how many workloads were reached: certainly, and perhaps only.
func (t *Travel) Count() (allowed, unknown int) {
	for end := range t.gr.inside() {
		switch st, v, _ := t.end(end); {
		case st.dist == 0:
		case v == Allowed:
			allowed++
		default:
			unknown++
		}
	}
	return allowed, unknown
}

// Path returns one shortest path to (or, backward, from) a workload, in the
// order of travel, with the rules that decide each step; nil if it was not
// reached or is a start.
func (t *Travel) Path(r ident.Ref) []Hop {
	end := t.g.workloads.find(&r)
	if end < 0 {
		return nil
	}
	st, _, tree := t.end(end)
	if st.dist == 0 {
		return nil
	}
	return t.path(tree, end, make(map[[2]int]Hop))
}

// Reached returns every end with its path, sorted by hops, then reference.
func (t *Travel) Reached(ctx context.Context) ([]Reached, error) {
	type blockKey struct {
		step    step
		verdict Verdict
	}
	blocks := make(map[blockKey][]int)
	hops := make(map[[2]int]Hop)
	var out []Reached
	for end := range t.gr.len() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		st, v, tree := t.end(end)
		if st.dist == 0 {
			continue
		}
		if end >= t.gr.inside() {
			k := blockKey{st, v}
			blocks[k] = append(blocks[k], end)
			continue
		}
		out = append(out, Reached{Workload: *t.gr.ref(end), Hops: int(st.dist), Verdict: v, Path: t.path(tree, end, hops)})
	}
	for k, ends := range blocks {
		tree := t.sure
		if k.verdict == Unknown {
			tree = t.perhaps
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
			path := t.path(tree, end, hops)
			if t.kind == row {
				path[len(path)-1].To = ref
			} else {
				path[0].From = ref
			}
			out = append(out, Reached{Workload: ref, Hops: int(k.step.dist), Verdict: k.verdict, Path: path})
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
func (t *Travel) path(tree []step, end int, memo map[[2]int]Hop) []Hop {
	path := make([]Hop, 0, tree[end].dist)
	for at := end; tree[at].dist > 0; at = int(tree[at].prev) {
		key := [2]int{int(tree[at].prev), at}
		h, ok := memo[key]
		if !ok {
			h = t.hop(key[0], at)
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
func (t *Travel) hop(prev, end int) Hop {
	a, b := t.endSide(prev), t.endSide(end)
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

func (t *Travel) endSide(end int) side {
	s := side{classes: t.gr.of(end), end: end, endpoint: -1}
	if end < t.gr.inside() {
		s.ref = *t.gr.ref(end)
	} else {
		s.end = -1
		s.ref = ident.Ref{CIDR: t.g.parts(t.gr, end)[0].String()}
	}
	if cs, ok := t.sources[end]; ok {
		s.classes, s.ref = cs, t.named[end]
	}
	return s
}
