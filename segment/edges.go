package segment

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// side is one end of a question: the classes it stands for.
type side struct {
	ref      ident.Ref
	classes  []uint32
	end      int // in grains[ByWorkload] or [ByPod]; -1 for addresses
	by       By
	endpoint int // -1 unless it is one pod
}

// Workloads returns every workload, sorted.
func (g *Graph) Workloads() []ident.Ref { return g.workloads.refs() }

// Populated returns the workloads that have pods, or a pod template in their
// place, sorted: those that edges can start and end at.
func (g *Graph) Populated() []ident.Ref {
	var out []ident.Ref
	for end := range g.workloads.inside() {
		if len(g.workloads.of(end)) > 0 {
			out = append(out, *g.workloads.ref(end))
		}
	}
	return out
}

// Edges streams what may be open, in the order of Src, then Dst: no self edges
// and no denied connections. External addresses appear as disjoint blocks;
// neighbouring blocks with the same answer are one. Slices in the edges are
// shared and must not be changed.
func (g *Graph) Edges(by By) iter.Seq[Edge] {
	return func(yield func(Edge) bool) {
		t := g.newTally(by)
		defer t.release()
		for i := range t.gr.inside() {
			if !g.eachEdge(t, g.endSide(by, i), row, yield) {
				return
			}
		}
		for _, e := range g.externalEdges(t) {
			if !yield(e) {
				return
			}
		}
	}
}

func (g *Graph) endSide(by By, i int) side { return g.memberSide(by, g.grain(by).order[i]) }

func (g *Graph) memberSide(by By, m uint32) side {
	gr := g.grain(by)
	s := side{ref: *gr.member(m), classes: gr.classes.at(int(m)), end: int(gr.rank[m]), by: by, endpoint: -1}
	if by == ByPod {
		s.endpoint = int(m)
	}
	return s
}

// eachEdge hands over the edges out of (row) or into (column) a side, first
// those with the ends inside, in their order, then those with addresses outside,
// in theirs. It reports whether yield wanted all of them.
func (g *Graph) eachEdge(t *tally, s side, kind lineKind, yield func(Edge) bool) bool {
	emit := func(other ident.Ref, r *reply) bool {
		for _, e := range r.edges {
			if kind == row {
				e.Src, e.Dst = s.ref, other
			} else {
				e.Src, e.Dst = other, s.ref
			}
			if !yield(e) {
				return false
			}
		}
		return true
	}
	inside := func(end uint32, r *reply) bool {
		return g.same(s, t, int(end)) || emit(*t.gr.ref(int(end)), r)
	}
	if !g.eachInside(t, s, kind, inside) {
		return false
	}
	for _, b := range g.blocks(t, s, kind) {
		if !emit(b.ref, b.reply) {
			return false
		}
	}
	return true
}

// eachInside hands over what a side says to each end inside, in their order.
func (g *Graph) eachInside(t *tally, s side, kind lineKind, yield func(uint32, *reply) bool) bool {
	if len(s.classes) != 1 || t.by == ByPod || s.endpoint >= 0 && g.freesOwnNode() {
		return g.eachTallied(t, s, kind, yield)
	}
	c := int(s.classes[0])
	l := g.listOf(t, c, kind)
	t.except = g.exceptEnds(t, c, kind, t.except[:0])
	next := 0
	for i, end := range l.ends {
		for ; next < len(t.except) && t.except[next] <= end; next++ {
			if r := g.replyBetween(t, c, t.except[next], kind); len(r.edges) > 0 && !yield(t.except[next], r) {
				return false
			}
		}
		if next > 0 && t.except[next-1] == end {
			continue
		}
		if !yield(end, l.replies[l.which[i]]) {
			return false
		}
	}
	for ; next < len(t.except); next++ {
		if r := g.replyBetween(t, c, t.except[next], kind); len(r.edges) > 0 && !yield(t.except[next], r) {
			return false
		}
	}
	return true
}

// eachTallied does the same for sides of several classes, between pods, and for
// a pod where its node may decide.
func (g *Graph) eachTallied(t *tally, s side, kind lineKind, yield func(uint32, *reply) bool) bool {
	for _, c := range s.classes {
		for chunk := range t.chunks {
			t.add(g.line(int(c), kind, chunk), chunk, 0, g.pods, s.endpoint)
		}
	}
	more := true
	t.drain(len(s.classes), func(end uint32, r *reply) {
		more = more && yield(end, r)
	})
	return more
}

// exceptEnds appends the inside ends, sorted, of the exceptions of c's line.
func (g *Graph) exceptEnds(t *tally, c int, kind lineKind, buf []uint32) []uint32 {
	for _, d := range g.lineOf(c, kind).except {
		if int(d) < g.pods {
			buf = slices.AppendSeq(buf, t.gr.ends(int(d)))
		}
	}
	slices.Sort(buf)
	return slices.Compact(buf)
}

// replyBetween asks for one end of a line by itself.
func (g *Graph) replyBetween(t *tally, c int, end uint32, kind lineKind) *reply {
	a, b := side{classes: []uint32{uint32(c)}, endpoint: -1}, side{classes: t.gr.of(int(end)), endpoint: -1} //nolint:gosec // a class number
	if kind == column {
		a, b = b, a
	}
	g.betweenInto(&t.ask, a, b)
	return g.reply(&t.ask)
}

// same reports whether an end of the tally is the side itself.
func (g *Graph) same(s side, t *tally, end int) bool {
	return s.end >= 0 && t.by == s.by && s.end == end
}

// compareBlocks orders CIDR references by address, IPv4 first.
func compareBlocks(a, b ident.Ref) int {
	pa, err := netip.ParsePrefix(a.CIDR)
	pb, errB := netip.ParsePrefix(b.CIDR)
	if err != nil || errB != nil {
		return a.Compare(b)
	}
	return comparePrefix(pa, pb)
}

// externalEdges returns the edges that start outside, neighbouring blocks with
// the same answer merged.
func (g *Graph) externalEdges(t *tally) []Edge {
	type entry struct {
		b   *block
		dst uint32
	}
	var found []entry
	for end := range t.gr.inside() {
		blocks := g.blocks(t, g.endSide(t.by, end), column)
		for i := range blocks {
			found = append(found, entry{&blocks[i], uint32(end)}) //nolint:gosec // an index
		}
	}
	slices.SortStableFunc(found, func(a, b entry) int { return comparePrefix(a.b.prefix, b.b.prefix) })
	out := make([]Edge, 0, len(found))
	for _, f := range found {
		for _, e := range f.b.reply.edges {
			e.Src, e.Dst = f.b.ref, *t.gr.ref(int(f.dst))
			out = append(out, e)
		}
	}
	return out
}

// Row returns the edges out of a workload, pod or address block, sorted by Dst.
func (g *Graph) Row(src ident.Ref) ([]Edge, error) { return g.edgesOf(src, row) }

// Column returns the edges into a workload, pod or address block, sorted by Src.
func (g *Graph) Column(dst ident.Ref) ([]Edge, error) { return g.edgesOf(dst, column) }

func (g *Graph) edgesOf(r ident.Ref, kind lineKind) ([]Edge, error) {
	s, err := g.side(r)
	if err != nil {
		return nil, err
	}
	t := g.newTally(ByWorkload)
	defer t.release()
	return g.gather(t, s, kind), nil
}

// gather returns what eachEdge hands over. It looks up what is said to whom first
// and writes the edges after, whose number is known then: they are large, and a
// list that grows is copied several times.
func (g *Graph) gather(t *tally, s side, kind lineKind) []Edge {
	t.found = t.found[:0]
	n := 0
	g.eachInside(t, s, kind, func(end uint32, r *reply) bool {
		if !g.same(s, t, int(end)) {
			t.found = append(t.found, said{end, r})
			n += len(r.edges)
		}
		return true
	})
	blocks := g.blocks(t, s, kind)
	for i := range blocks {
		n += len(blocks[i].reply.edges)
	}
	if n == 0 {
		return nil
	}
	out := make([]Edge, 0, n)
	put := func(other *ident.Ref, r *reply) {
		for i := range r.edges {
			out = append(out, r.edges[i])
			e := &out[len(out)-1]
			if e.Src, e.Dst = s.ref, *other; kind == column {
				e.Src, e.Dst = *other, s.ref
			}
		}
	}
	for _, x := range t.found {
		put(t.gr.ref(int(x.end)), x.reply)
	}
	for i := range blocks {
		put(&blocks[i].ref, blocks[i].reply)
	}
	return out
}

// Between returns the edges from src to dst: none if everything is denied, two
// if some connections are allowed and others unknown. Addresses may be on one
// side only.
func (g *Graph) Between(src, dst ident.Ref) ([]Edge, error) {
	return g.edgesBetween(src, dst, g.between)
}

// Number returns the position of a workload in Workloads.
func (g *Graph) Number(r ident.Ref) (int, bool) {
	i := g.workloads.find(&r)
	return i, i >= 0
}

// Opens is Between for workloads by their positions in Workloads. Its edges are
// shared, must not be changed, and do not say between which ends they are.
func (g *Graph) Opens(src, dst int) []Edge {
	t := g.newTally(ByWorkload)
	defer t.release()
	g.betweenInto(&t.ask, g.endSide(ByWorkload, src), g.endSide(ByWorkload, dst))
	return g.reply(&t.ask).edges
}

// Policed is Between for the policies alone: what passes between a pod and its
// own node whatever they say is left out, unless they let it pass, too.
func (g *Graph) Policed(src, dst ident.Ref) ([]Edge, error) {
	return g.edgesBetween(src, dst, g.policed)
}

func (g *Graph) edgesBetween(src, dst ident.Ref, judge func(a, b side) answer) ([]Edge, error) {
	a, err := g.side(src)
	if err != nil {
		return nil, err
	}
	b, err := g.side(dst)
	if err != nil {
		return nil, err
	}
	res := judge(a, b)
	edges := slices.Clone(g.reply(&res).edges)
	for i := range edges {
		edges[i].Src, edges[i].Dst = a.ref, b.ref
	}
	return edges, nil
}

func (g *Graph) policed(a, b side) answer {
	var res answer
	if res.start(g, a, b) {
		return res
	}
	for chunk := range g.ports.chunks {
		for _, c := range a.classes {
			for _, d := range b.classes {
				out := g.pair(int(c), int(d), chunk)
				res.add(chunk, out, out)
			}
		}
	}
	return res
}

// start empties an answer, and reports whether it is complete: all is open of a
// pod to itself.
func (a *answer) start(g *Graph, src, dst side) bool {
	a.reset(g.ports.chunks)
	copy(a.least.must, g.ports.full)
	copy(a.least.may, g.ports.full)
	if src.end < 0 || !src.onePod(dst) {
		return false
	}
	copy(a.must, g.ports.full)
	copy(a.may, g.ports.full)
	return true
}

// add counts a pair of classes in.
func (a *answer) add(chunk int, out, least span) {
	a.must[chunk] |= out.must
	a.may[chunk] |= out.may
	a.least.must[chunk] &= least.must
	a.least.may[chunk] &= least.may
}

func (g *Graph) between(a, b side) answer {
	var res answer
	g.betweenInto(&res, a, b)
	return res
}

// onePod reports whether both sides are one and the same pod. A workload has the
// kind Pod only where it is a pod without a controller.
func (s side) onePod(other side) bool { return s.ref == other.ref && s.ref.Kind == "Pod" }

// betweenInto evaluates two sides into res, whose memory it reuses.
func (g *Graph) betweenInto(res *answer, a, b side) {
	if res.start(g, a, b) {
		return
	}
	for chunk := range g.ports.chunks {
		for _, c := range a.classes {
			for _, d := range b.classes {
				out, least := g.pairSpans(int(c), int(d), chunk, a.endpoint, b.endpoint)
				res.add(chunk, out, least)
			}
		}
	}
}
