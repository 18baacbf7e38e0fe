package cut

import (
	"context"
	"math/bits"
)

// infinite is the capacity of an arc that may not be cut. Finite capacities
// are checked to sum to less than half of it (checkSum), so that neither a
// flow over an infinite arc nor the sum of a finite cut ever comes near it.
const infinite Price = 1 << 62

// dense marks a step of a path that goes over a bit of a row.
const dense int32 = -1

// notBegun says that a node's explicit arcs were not yet looked at in this phase.
const notBegun int32 = -2

// arc is half of an explicit arc; its other half is at index^1. Even halves
// are those of the network, odd ones let flow be taken back.
type arc struct {
	to, next int32
	res      Price // what may still flow
}

// flow is a residual network in two parts. Arcs of the default price that
// carry no flow are bits of rows. Every other arc (of another price, of a
// split workload, or one that carries flow) is explicit. So the dense part
// costs a bit per pair, and the explicit part grows only with the flow.
//
// Nodes 0…heads-1 are the heads of dense arcs, node tail+i is the tail of row i.
type flow struct {
	heads, words, nodes int
	tail                int
	rows                [][]uint64
	price               Price // capacity of a dense arc

	first []int32 // by node: its newest arc, -1 where there is none
	arcs  []arc
	base  int // arcs below this are the network's own, not raised from rows

	sources []int32
	sinks   set
	alive   set // nodes that can reach a sink; the others are never entered

	level, queue, cur, at []int32
	left, next            set
	live                  []int32 // words of left, among the heads, that may hold a bit
	layer                 []layerWord
	start                 []int32 // layer[start[d]:start[d+1]] are the heads at level d
	found                 []int32
	path, via             []int32
}

type layerWord struct {
	word int32
	bits uint64
}

type set []uint64

func newSet(n int) set { return make(set, (n+63)/64) }

func (s set) has(i int32) bool { return s[i>>6]&(1<<(i&63)) != 0 }
func (s set) add(i int32)      { s[i>>6] |= 1 << (i & 63) }
func (s set) remove(i int32)   { s[i>>6] &^= 1 << (i & 63) }

// newFlow has no arcs. Heads are padded to whole words, so that the nodes
// after them begin at a word.
func newFlow(nodes, heads, tail int, price Price) *flow {
	f := &flow{heads: heads, words: (heads + 63) / 64, nodes: nodes, tail: tail, price: capacity(price)}
	ints := make([]int32, 4*nodes)
	f.first, f.level, f.cur, f.at = ints[:nodes], ints[nodes:2*nodes], ints[2*nodes:3*nodes], ints[3*nodes:]
	for i := range f.first {
		f.first[i] = -1
	}
	f.sinks, f.alive, f.left, f.next = newSet(nodes), newSet(nodes), newSet(nodes), newSet(nodes)
	return f
}

func capacity(p Price) Price {
	if p == Never {
		return infinite
	}
	return p
}

func (f *flow) row(x int32) []uint64 {
	if i := int(x) - f.tail; i >= 0 && i < len(f.rows) {
		return f.rows[i]
	}
	return nil
}

// add makes an explicit arc and returns its even half.
func (f *flow) add(x, y int32, res Price) int32 {
	a := int32(len(f.arcs))
	f.arcs = append(f.arcs, arc{to: y, next: f.first[x], res: res}, arc{to: x, next: f.first[y]})
	f.first[x], f.first[y] = a, a+1
	return a
}

// raise makes the dense arc from x to head y explicit.
func (f *flow) raise(x, y int32) int32 {
	set(f.row(x)).remove(y)
	return f.add(x, y, f.price)
}

// from is the node that an arc leaves.
func (f *flow) from(a int32) int32 { return f.arcs[a^1].to }

// run sends the greatest flow from the sources to the sinks and returns its
// value. No path of infinite arcs may lead there (bare says so).
func (f *flow) run(ctx context.Context) (Price, error) {
	var total Price
	for f.levels() {
		v, err := f.block(ctx)
		total += v
		if err != nil {
			return total, err
		}
	}
	return total, ctx.Err()
}

// levels numbers the nodes by their distance from the sources in the
// residual network, no further than the nearest sink, and reports whether
// there is one. Afterwards left holds the nodes of alive that were not reached.
func (f *flow) levels() bool {
	for i := range f.level {
		f.level[i] = -1
	}
	copy(f.left, f.alive)
	f.queue, f.layer, f.start = f.queue[:0], f.layer[:0], append(f.start[:0], 0, 0)
	for _, s := range f.sources {
		if f.left.has(s) {
			f.left.remove(s)
			f.level[s] = 0
			f.queue = append(f.queue, s)
		}
	}
	f.live = f.live[:0]
	for w := range f.words {
		f.live = append(f.live, int32(w))
	}
	for lo, d := 0, int32(1); lo < len(f.queue); d++ {
		hi, hit := len(f.queue), false
		f.found = f.found[:0]
		for _, x := range f.queue[lo:hi] {
			hit = f.expand(x) || hit
		}
		f.closeLevel(d, hit)
		if hit {
			return true
		}
		lo = hi
	}
	return false
}

// expand marks in next and found what x leads to and nothing led to before,
// and reports whether a sink is among it.
func (f *flow) expand(x int32) (hit bool) {
	for a := f.first[x]; a >= 0; a = f.arcs[a].next {
		y := f.arcs[a].to
		if f.arcs[a].res == 0 || !f.left.has(y) {
			continue
		}
		f.left.remove(y)
		if int(y) < f.heads {
			f.next.add(y)
		} else {
			f.found = append(f.found, y)
		}
		hit = hit || f.sinks.has(y)
	}
	r := f.row(x)
	if r == nil {
		return hit
	}
	for i := 0; i < len(f.live); {
		w := f.live[i]
		l := f.left[w]
		if l == 0 {
			f.live[i] = f.live[len(f.live)-1]
			f.live = f.live[:len(f.live)-1]
			continue
		}
		if b := r[w] & l; b != 0 {
			f.next[w] |= b
			f.left[w] = l &^ b
			hit = hit || b&f.sinks[w] != 0
		}
		i++
	}
	return hit
}

// closeLevel gives what was found the level d. At the last level only sinks count.
func (f *flow) closeLevel(d int32, last bool) {
	for w := range f.words {
		b := f.next[w]
		if b == 0 {
			continue
		}
		f.next[w] = 0
		if last {
			b &= f.sinks[w]
		}
		if b == 0 {
			continue
		}
		f.layer = append(f.layer, layerWord{int32(w), b})
		for ; b != 0; b &= b - 1 {
			y := int32(w<<6 + bits.TrailingZeros64(b))
			f.level[y] = d
			f.queue = append(f.queue, y)
		}
	}
	for _, y := range f.found {
		if !last || f.sinks.has(y) {
			f.level[y] = d
			f.queue = append(f.queue, y)
		}
	}
	f.start = append(f.start, int32(len(f.layer)))
}

// block sends flow along shortest paths until none is left: Dinic's blocking
// flow, depth first, each node going on from the arc where it stopped.
func (f *flow) block(ctx context.Context) (Price, error) {
	for i := range f.cur {
		f.cur[i], f.at[i] = 0, notBegun
	}
	var total Price
	steps := 0
	for _, s := range f.sources {
		if f.level[s] != 0 {
			continue
		}
		f.path, f.via = append(f.path[:0], s), f.via[:0]
		for len(f.path) > 0 {
			if steps++; steps&0xfff == 0 {
				if err := ctx.Err(); err != nil {
					return total, err
				}
			}
			x := f.path[len(f.path)-1]
			if f.sinks.has(x) {
				total += f.augment()
				continue
			}
			if y, a, ok := f.advance(x); ok {
				f.path, f.via = append(f.path, y), append(f.via, a)
				continue
			}
			f.level[x] = -1
			f.path = f.path[:len(f.path)-1]
			f.via = f.via[:max(len(f.via)-1, 0)]
		}
	}
	return total, nil
}

// advance finds the next arc of x that leads one level on: first the bits of
// its row, then its explicit arcs. An arc that is raised from the row and has
// something left is among the explicit ones by the time these begin.
func (f *flow) advance(x int32) (y, a int32, ok bool) {
	d := f.level[x] + 1
	if r := f.row(x); r != nil && int(d)+1 < len(f.start) {
		layer := f.layer[f.start[d]:f.start[d+1]]
		for k := int(f.cur[x]); k < len(layer); k++ {
			l := &layer[k]
			for b := r[l.word] & l.bits; b != 0; b &= b - 1 {
				y = l.word<<6 + int32(bits.TrailingZeros64(b))
				if f.level[y] == d {
					f.cur[x] = int32(k)
					return y, dense, true
				}
				l.bits &^= b & -b
			}
		}
		f.cur[x] = int32(len(layer))
	}
	if f.at[x] == notBegun {
		f.at[x] = f.first[x]
	}
	for a = f.at[x]; a >= 0; a = f.arcs[a].next {
		if f.arcs[a].res > 0 && f.level[f.arcs[a].to] == d {
			f.at[x] = a
			return f.arcs[a].to, a, true
		}
	}
	f.at[x] = -1
	return 0, 0, false
}

// augment sends along the path what its narrowest arc lets through, and takes
// the path back to the first arc that this fills.
func (f *flow) augment() Price {
	v := infinite
	for _, a := range f.via {
		if a == dense {
			v = min(v, f.price)
		} else {
			v = min(v, f.arcs[a].res)
		}
	}
	full := len(f.via)
	for i, a := range f.via {
		if a == dense {
			a = f.raise(f.path[i], f.path[i+1])
			f.via[i] = a
		}
		f.arcs[a].res -= v
		f.arcs[a^1].res += v
		if f.arcs[a].res == 0 && i < full {
			full = i
		}
	}
	f.path, f.via = f.path[:full+1], f.via[:full]
	return v
}

// reset takes all flow back: every raised arc is a bit again, and arcs of the
// network have the capacities that are given, two places for each.
func (f *flow) reset(price Price, capacities []Price) {
	for a := len(f.arcs) - 2; a >= f.base; a -= 2 {
		x, y := f.arcs[a+1].to, f.arcs[a].to
		f.first[x], f.first[y] = f.arcs[a].next, f.arcs[a+1].next
		set(f.row(x)).add(y)
	}
	f.arcs = f.arcs[:f.base]
	for a := range f.arcs {
		f.arcs[a].res = capacities[a]
	}
	f.price = price
}

// grow adds to side, a closed set of the residual network, what x leads to in
// it, and returns true. It gives up, leaving side alone, when stop says so of a node.
func (f *flow) grow(side set, x int32, stop func(x int32) bool) bool {
	var added []int32
	enter := func(y int32) {
		side.add(y)
		added = append(added, y)
	}
	enter(x)
	for i := 0; i < len(added); i++ {
		x := added[i]
		if stop(x) {
			for _, y := range added {
				side.remove(y)
			}
			return false
		}
		for a := f.first[x]; a >= 0; a = f.arcs[a].next {
			if y := f.arcs[a].to; f.arcs[a].res > 0 && !side.has(y) {
				enter(y)
			}
		}
		for w, r := range f.row(x) {
			for b := r &^ side[w]; b != 0; b &= b - 1 {
				enter(int32(w<<6 + bits.TrailingZeros64(b)))
			}
		}
	}
	return true
}
