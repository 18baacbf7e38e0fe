package segment

import (
	"net/netip"
	"slices"
)

// tally accumulates lines over the ends of a grain. It is scratch memory of one
// query, taken from the pool of a line of graphs and given back.
type tally struct {
	g       *Graph
	by      By
	gr      *grain
	chunks  int
	must    []uint64 // end*chunks+chunk: allowed for some pair
	may     []uint64 // possible for some pair
	andMust []uint64 // allowed for every pair so far
	andMay  []uint64
	seen    []uint32 // end*chunks+chunk: pairs that contributed
	touched []uint32
	mark    bitset

	ask      answer
	found    []said
	except   []uint32
	affected []changedReply
	lost     []netip.Prefix
}

// said is what a line says to an inside end.
type said struct {
	end   uint32
	reply *reply
}

// newTally takes a tally that an earlier graph of a line of changes made, if it is
// large enough: between queries all of it but its scratch is zero.
func (g *Graph) newTally(by By) *tally {
	gr, chunks := g.grain(by), g.ports.chunks
	t, _ := g.pool.tallies[by].Get().(*tally)
	if t == nil || len(t.must) < gr.len()*chunks || len(t.mark)<<6 < gr.len() {
		ends := gr.len() + gr.len()/64 + 64 // some for what changes add
		n := ends * chunks
		t = &tally{must: make([]uint64, n), may: make([]uint64, n), andMust: make([]uint64, n), andMay: make([]uint64, n),
			seen: make([]uint32, n), mark: newBitset(ends)}
	}
	t.g, t.by, t.gr, t.chunks = g, by, gr, chunks
	return t
}

// release gives a tally back, which must not hold on to its graph.
func (t *tally) release() {
	clear(t.found)
	clear(t.affected[:cap(t.affected)])
	from := &t.g.pool.tallies[t.by]
	t.g, t.gr, t.found, t.affected = nil, nil, t.found[:0], t.affected[:0]
	from.Put(t)
}

// add counts one class's line in for the classes from lo up to hi. If the class
// stands for a single endpoint, endpoint is its index, else -1.
func (t *tally) add(ps []part, chunk, lo, hi, endpoint int) {
	for i := range ps {
		x := &ps[i]
		for d := range x.who.between(lo, hi) {
			for end := range t.gr.ends(d) {
				out, least := t.answer(x, d, end, endpoint)
				t.put(end, chunk, out, least)
			}
		}
	}
}

// answer is what a part says to an end that has class d: for some of its pods, and
// for all. If the line is that of one endpoint, and the node of the other end is
// told by its class or it is one pod, it is the answer for these two.
func (t *tally) answer(x *part, d int, end uint32, endpoint int) (out, least span) {
	if !x.byNode {
		return x.out, x.out
	}
	if endpoint < 0 {
		return x.out, x.policy
	}
	e := &t.g.m.Endpoints[endpoint]
	if node, ok := t.g.nodeEnd(d, t.g.clusterOf[e.Namespace]); ok {
		out = onNodes(x, e.Node, node)
		return out, out
	}
	if t.by == ByWorkload {
		return x.out, x.policy
	}
	out = onNodes(x, t.g.m.Endpoints[t.gr.order[end]].Node, e.Node)
	return out, out
}

func (t *tally) put(end uint32, chunk int, out, least span) {
	i := int(end)*t.chunks + chunk
	if !t.mark.has(int(end)) {
		t.mark.add(int(end))
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

// order puts what was touched into the order of ends: by sorting, or by going over
// the marks where they are about as many.
func (t *tally) order() {
	if len(t.touched) < len(t.mark) {
		slices.Sort(t.touched)
		return
	}
	t.touched = t.touched[:0]
	for end := range t.mark.all() {
		t.touched = append(t.touched, uint32(end)) //nolint:gosec // an end
	}
}

// drain hands over the replies in the order of ends and resets the tally. The
// side had the given number of classes.
func (t *tally) drain(classes int, f func(uint32, *reply)) {
	t.order()
	var (
		a    answer
		last [4]uint64
		prev *reply
	)
	for _, end := range t.touched {
		lo, hi := int(end)*t.chunks, int(end+1)*t.chunks
		want := uint32(classes * len(t.gr.of(int(end)))) //nolint:gosec // a number of pairs of classes of two ends
		for i := lo; i < hi; i++ {
			if t.seen[i] < want {
				t.andMust[i], t.andMay[i] = 0, 0
			}
		}
		a.must, a.may, a.least.must, a.least.may = t.must[lo:hi], t.may[lo:hi], t.andMust[lo:hi], t.andMay[lo:hi]
		key := [4]uint64{a.must[0], a.may[0], a.least.must[0], a.least.may[0]}
		if prev == nil || t.chunks > 1 || key != last { // neighbours often agree
			prev, last = t.g.reply(&a), key
		}
		f(end, prev)
		for i := lo; i < hi; i++ {
			t.must[i], t.may[i], t.seen[i] = 0, 0, 0
		}
		t.mark[end>>6] &^= 1 << (end & 63)
	}
	t.touched = t.touched[:0]
}
