package segment

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// tally accumulates a row or column over the ends of a grain.
type tally struct {
	g       *Graph
	gr      *grain
	chunks  int
	must    []uint64 // end*chunks+chunk: allowed for some pair
	may     []uint64 // possible for some pair
	andMust []uint64 // allowed for every pair so far
	andMay  []uint64
	seen    []uint32 // end*chunks+chunk: pairs that contributed
	touched []uint32
	mark    []bool
}

func (g *Graph) newTally(by By) *tally {
	gr := &g.grains[by]
	n := len(gr.classes) * g.ports.chunks
	return &tally{g: g, gr: gr, chunks: g.ports.chunks, must: make([]uint64, n), may: make([]uint64, n), andMust: make([]uint64, n),
		andMay: make([]uint64, n), seen: make([]uint32, n), mark: make([]bool, len(gr.classes))}
}

// add evaluates the line of one class. If it stands for a single endpoint,
// endpoint is its index, else -1.
func (t *tally) add(c int, kind lineKind, endpoint int) {
	for chunk := range t.chunks {
		ps := t.g.line(c, kind, chunk)
		for i := range ps {
			x := &ps[i]
			for d := range x.who.all() {
				for _, end := range t.gr.ends[d] {
					t.put(end, chunk, x, endpoint)
				}
			}
		}
	}
}

func (t *tally) put(end uint32, chunk int, x *part, endpoint int) {
	out, least := x.out, x.out
	if x.byNode {
		least = x.policy
		if endpoint >= 0 && t.gr.endpoint != nil {
			out = t.g.onNodes(x, endpoint, t.gr.endpoint[end])
			least = out
		}
	}
	i := int(end)*t.chunks + chunk
	if !t.mark[end] {
		t.mark[end] = true
		t.touched = append(t.touched, end)
	}
	if t.seen[i] == 0 {
		t.must[i], t.may[i], t.andMust[i], t.andMay[i] = out.must, out.may, least.must, least.may
	} else {
		t.must[i] |= out.must
		t.may[i] |= out.may
		t.andMust[i] &= least.must
		t.andMay[i] &= least.may
	}
	t.seen[i]++
}

// answer is what a line says about one end.
type answer struct {
	end       int
	must, may []uint64 // by chunk; may includes must
	partMust  bool     // some pairs lack some of must
	partMay   bool     // some pairs lack some of what is only possible
}

// drain hands over the answers in the order of ends and resets the tally; the
// masks are valid during the call. Each side had the given number of classes.
func (t *tally) drain(classes int, f func(answer)) {
	slices.Sort(t.touched)
	for _, end := range t.touched {
		lo, hi := int(end)*t.chunks, int(end+1)*t.chunks
		want := uint32(classes * len(t.gr.classes[end])) //nolint:gosec // a number of pairs of classes of two ends
		a := answer{end: int(end), must: t.must[lo:hi], may: t.may[lo:hi]}
		for i := lo; i < hi; i++ {
			if t.seen[i] < want {
				t.andMust[i], t.andMay[i] = 0, 0
			}
			a.partMust = a.partMust || t.andMust[i] != t.must[i]
			maybe := t.may[i] &^ t.must[i]
			a.partMay = a.partMay || t.andMay[i]&maybe != maybe
		}
		f(a)
		for i := lo; i < hi; i++ {
			t.must[i], t.may[i], t.seen[i] = 0, 0, 0
		}
		t.mark[end] = false
	}
	t.touched = t.touched[:0]
}

// toEdges turns an answer into at most two edges: what is allowed and what is
// only possible.
func (g *Graph) toEdges(out []Edge, src, dst ident.Ref, a answer, cache map[string][]Conn) []Edge {
	if c := g.cachedConns(a.must, cache); len(c) > 0 {
		out = append(out, Edge{Src: src, Dst: dst, Connections: c, Verdict: Allowed, Partial: a.partMust})
	}
	maybe := make([]uint64, len(a.may))
	for i := range maybe {
		maybe[i] = a.may[i] &^ a.must[i]
	}
	if c := g.cachedConns(maybe, cache); len(c) > 0 {
		out = append(out, Edge{Src: src, Dst: dst, Connections: c, Verdict: Unknown, Partial: a.partMay})
	}
	return out
}

func (g *Graph) cachedConns(mask []uint64, cache map[string][]Conn) []Conn {
	key := maskKey(mask, false)
	c, ok := cache[key]
	if !ok {
		c = g.ports.conns(mask)
		cache[key] = c
	}
	return c
}

// side is one end of a question: the classes it stands for.
type side struct {
	ref      ident.Ref
	classes  []uint32
	end      int // in grains[ByWorkload] or [ByPod]; -1 for addresses
	by       By
	endpoint int // -1 unless it is one pod
}

// Workloads returns every workload, sorted.
func (g *Graph) Workloads() []ident.Ref { return slices.Clone(g.grains[ByWorkload].refs) }

// Edges streams what may be open, in the order of Src, then Dst: no self edges
// and no denied connections. External addresses appear as disjoint blocks;
// neighbouring blocks with the same answer are one. Slices in the edges are
// shared and must not be changed.
func (g *Graph) Edges(by By) iter.Seq[Edge] {
	return func(yield func(Edge) bool) {
		t := g.newTally(by)
		cache := make(map[string][]Conn)
		for i := range t.gr.inside {
			for _, e := range g.lineEdges(t, g.endSide(by, i), row, cache) {
				if !yield(e) {
					return
				}
			}
		}
		for _, e := range g.externalEdges(t, cache) {
			if !yield(e) {
				return
			}
		}
	}
}

func (g *Graph) endSide(by By, i int) side {
	gr := &g.grains[by]
	s := side{ref: gr.refs[i], classes: gr.classes[i], end: i, by: by, endpoint: -1}
	if by == ByPod {
		s.endpoint = gr.endpoint[i]
	}
	return s
}

// lineEdges returns the edges out of (row) or into (column) a side.
func (g *Graph) lineEdges(t *tally, s side, kind lineKind, cache map[string][]Conn) []Edge {
	for _, c := range s.classes {
		t.add(int(c), kind, s.endpoint)
	}
	var out []Edge
	type block struct {
		a     answer
		parts []netip.Prefix
	}
	var blocks []*block
	byAnswer := make(map[string]*block)
	ends := func(other ident.Ref, a answer) {
		if kind == row {
			out = g.toEdges(out, s.ref, other, a, cache)
		} else {
			out = g.toEdges(out, other, s.ref, a, cache)
		}
	}
	t.drain(len(s.classes), func(a answer) {
		if a.end < t.gr.inside {
			if !g.same(s, t, a.end) {
				ends(t.gr.refs[a.end], a)
			}
			return
		}
		key := answerKey(a)
		b := byAnswer[key]
		if b == nil {
			b = &block{a: answer{must: slices.Clone(a.must), may: slices.Clone(a.may), partMust: a.partMust, partMay: a.partMay}}
			byAnswer[key] = b
			blocks = append(blocks, b)
		}
		b.parts = append(b.parts, g.parts(t.gr, a.end)...)
	})
	inside := len(out)
	for _, b := range blocks {
		for _, p := range mergePrefixes(b.parts) {
			ends(ident.Ref{CIDR: p.String()}, b.a)
		}
	}
	slices.SortStableFunc(out[inside:], func(a, b Edge) int {
		if kind == row {
			return compareBlocks(a.Dst, b.Dst)
		}
		return compareBlocks(a.Src, b.Src)
	})
	return out
}

// same reports whether an end of the tally is the side itself.
func (g *Graph) same(s side, t *tally, end int) bool {
	return s.end >= 0 && t.gr == &g.grains[s.by] && s.end == end
}

func (g *Graph) parts(gr *grain, end int) []netip.Prefix {
	return g.v.addresses.cells[g.classes[gr.classes[end][0]].cell].parts
}

func answerKey(a answer) string {
	return maskKey(a.must, a.partMust) + "|" + maskKey(a.may, a.partMay)
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
func (g *Graph) externalEdges(t *tally, cache map[string][]Conn) []Edge {
	type slot struct {
		dst int
		key string
	}
	type merged struct {
		dst   int
		a     answer
		parts []netip.Prefix
	}
	found := make(map[slot]*merged)
	var order []*merged
	for end := t.gr.inside; end < len(t.gr.classes); end++ {
		t.add(int(t.gr.classes[end][0]), row, -1)
		t.drain(1, func(a answer) {
			s := slot{a.end, answerKey(a)}
			m := found[s]
			if m == nil {
				m = &merged{dst: a.end, a: answer{must: slices.Clone(a.must), may: slices.Clone(a.may), partMust: a.partMust, partMay: a.partMay}}
				found[s] = m
				order = append(order, m)
			}
			m.parts = append(m.parts, g.parts(t.gr, end)...)
		})
	}
	var out []Edge
	for _, m := range order {
		for _, p := range mergePrefixes(m.parts) {
			out = g.toEdges(out, ident.Ref{CIDR: p.String()}, t.gr.refs[m.dst], m.a, cache)
		}
	}
	slices.SortStableFunc(out, func(a, b Edge) int {
		if c := compareBlocks(a.Src, b.Src); c != 0 {
			return c
		}
		return a.Dst.Compare(b.Dst)
	})
	return out
}

// Row returns the edges out of a workload, pod or address block, sorted by Dst.
func (g *Graph) Row(src ident.Ref) ([]Edge, error) { return g.lineOf(src, row) }

// Column returns the edges into a workload, pod or address block, sorted by Src.
func (g *Graph) Column(dst ident.Ref) ([]Edge, error) { return g.lineOf(dst, column) }

func (g *Graph) lineOf(r ident.Ref, kind lineKind) ([]Edge, error) {
	s, err := g.side(r)
	if err != nil {
		return nil, err
	}
	return g.lineEdges(g.newTally(ByWorkload), s, kind, make(map[string][]Conn)), nil
}

// Between returns the edges from src to dst: none if everything is denied, two
// if some connections are allowed and others unknown. Addresses may be on one
// side only.
func (g *Graph) Between(src, dst ident.Ref) ([]Edge, error) {
	a, err := g.side(src)
	if err != nil {
		return nil, err
	}
	b, err := g.side(dst)
	if err != nil {
		return nil, err
	}
	res := g.between(a, b)
	return g.toEdges(nil, a.ref, b.ref, res, make(map[string][]Conn)), nil
}

func (g *Graph) between(a, b side) answer {
	n := g.ports.chunks
	res := answer{must: make([]uint64, n), may: make([]uint64, n)}
	all := make([]uint64, n)
	allMay := make([]uint64, n)
	copy(all, g.ports.full)
	copy(allMay, g.ports.full)
	for _, c := range a.classes {
		for chunk := range n {
			for _, d := range b.classes {
				out, least := g.pairSpans(int(c), int(d), chunk, a.endpoint, b.endpoint)
				res.must[chunk] |= out.must
				res.may[chunk] |= out.may
				all[chunk] &= least.must
				allMay[chunk] &= least.may
			}
		}
	}
	for i := range n {
		maybe := res.may[i] &^ res.must[i]
		res.partMust = res.partMust || all[i] != res.must[i]
		res.partMay = res.partMay || allMay[i]&maybe != maybe
	}
	return res
}
