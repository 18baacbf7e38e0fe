package segment

import (
	"slices"
)

// tally accumulates lines over the ends of a grain. It is scratch memory of one
// query, taken from the graph's pool and given back.
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

	ask    answer
	except []uint32
}

func (g *Graph) newTally(by By) *tally {
	if t, ok := g.pool.tallies[by].Get().(*tally); ok {
		return t
	}
	gr := g.grain(by)
	n := gr.classes.len() * g.ports.chunks
	return &tally{g: g, by: by, gr: gr, chunks: g.ports.chunks, must: make([]uint64, n), may: make([]uint64, n), andMust: make([]uint64, n),
		andMay: make([]uint64, n), seen: make([]uint32, n), mark: newBitset(gr.classes.len())}
}

func (t *tally) release() { t.g.pool.tallies[t.by].Put(t) }

// add counts one class's line in for the classes from lo up to hi. If the class
// stands for a single endpoint, endpoint is its index, else -1.
func (t *tally) add(ps []part, chunk, lo, hi, endpoint int) {
	for i := range ps {
		x := &ps[i]
		for d := range x.who.between(lo, hi) {
			for _, end := range t.gr.ends.at(d) {
				t.put(end, chunk, x, endpoint)
			}
		}
	}
}

// addBut counts a line in for the classes from lo up, but for some, which are
// sorted.
func (t *tally) addBut(ps []part, chunk, lo int, but []uint32) {
	for i := range ps {
		for d := range ps[i].who.between(lo, t.g.classes.len()) {
			if _, found := slices.BinarySearch(but, uint32(d)); found { //nolint:gosec // a class number
				continue
			}
			for _, end := range t.gr.ends.at(d) {
				t.put(end, chunk, &ps[i], -1)
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

// drain hands over the replies in the order of ends and resets the tally. The
// side had the given number of classes.
func (t *tally) drain(classes int, f func(uint32, *reply)) {
	slices.Sort(t.touched)
	var (
		a    answer
		last [4]uint64
		prev *reply
	)
	for _, end := range t.touched {
		lo, hi := int(end)*t.chunks, int(end+1)*t.chunks
		want := uint32(classes * len(t.gr.classes.at(int(end)))) //nolint:gosec // a number of pairs of classes of two ends
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
