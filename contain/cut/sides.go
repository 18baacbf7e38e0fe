package cut

import (
	"math/bits"
	"slices"
)

// near is the smallest source side of a minimum cut: what the sources reach
// in the residual network, after run; dead ends, which no cut concerns, left out.
func (f *flow) near() set {
	s := newSet(f.nodes)
	for i := range s {
		s[i] = f.alive[i] &^ f.left[i]
	}
	return s
}

// coreach is the nodes that can reach a sink in the residual network: after
// run, the smallest sink side of a minimum cut.
func (f *flow) coreach() set {
	c := coreach{flow: f, seen: newSet(f.nodes), fresh: make(set, f.words)}
	for w, b := range f.sinks {
		for ; b != 0; b &= b - 1 {
			c.mark(int32(w<<6 + bits.TrailingZeros64(b)))
		}
	}
	tails := 0
	for i, r := range f.rows {
		if x := int32(f.tail + i); r != nil && !c.seen.has(x) {
			c.pending = append(c.pending, x)
			tails++
		}
	}
	// Turning the rows into columns costs as much as looking at every word four
	// times; as long as scanning rows for what is newly seen has cost less, it goes on.
	for budget := 4 * tails * f.words; ; {
		c.explicit()
		if len(c.fresh.words()) == 0 {
			return c.seen
		}
		if budget <= 0 {
			c.byColumns()
			return c.seen
		}
		budget -= c.byRows()
	}
}

type coreach struct {
	*flow
	seen    set
	queue   []int32 // seen, their explicit arcs not yet followed back
	fresh   set     // heads that were seen since the rows were last scanned
	pending []int32 // tails not seen when the rows were last scanned
}

func (c *coreach) mark(x int32) {
	c.seen.add(x)
	c.queue = append(c.queue, x)
	if int(x) < c.heads {
		c.fresh.add(x)
	}
}

func (c *coreach) explicit() {
	for len(c.queue) > 0 {
		y := c.queue[len(c.queue)-1]
		c.queue = c.queue[:len(c.queue)-1]
		for a := c.first[y]; a >= 0; a = c.arcs[a].next {
			if x := c.arcs[a].to; c.arcs[a^1].res > 0 && !c.seen.has(x) {
				c.mark(x)
			}
		}
	}
}

// words lists the words of a set that are not empty.
func (s set) words() []layerWord {
	var out []layerWord
	for w, b := range s {
		if b != 0 {
			out = append(out, layerWord{int32(w), b})
		}
	}
	return out
}

// byRows marks the pending tails that lead to a fresh head, and returns how
// many words it looked at.
func (c *coreach) byRows() int {
	fresh := c.fresh.words()
	clear(c.fresh)
	cost, kept := len(c.fresh), c.pending[:0]
	for _, x := range c.pending {
		if c.seen.has(x) {
			continue
		}
		r, hit := c.row(x), false
		for i := range fresh {
			cost++
			if hit = r[fresh[i].word]&fresh[i].bits != 0; hit {
				break
			}
		}
		if hit {
			c.mark(x)
		} else {
			kept = append(kept, x)
		}
	}
	c.pending = kept
	return cost
}

// byColumns finishes the search over the columns of the pending tails' rows.
func (c *coreach) byColumns() {
	pending := make([]int32, 0, len(c.pending))
	for _, x := range c.pending {
		if !c.seen.has(x) {
			pending = append(pending, x)
		}
	}
	width := (len(pending) + 63) / 64
	columns := make(set, c.words*64*width) // column y: pending tails with an arc to head y
	var block [64]uint64
	for w := range c.words {
		for i := range width {
			clear(block[:])
			for k, x := range pending[i*64 : min(i*64+64, len(pending))] {
				block[k] = c.row(x)[w]
			}
			transpose(&block)
			for k, b := range block {
				columns[(w*64+k)*width+i] = b
			}
		}
	}
	unseen := newSet(len(pending))
	for i := range pending {
		unseen.add(int32(i))
	}
	for {
		fresh := c.fresh.words()
		if len(fresh) == 0 {
			return
		}
		clear(c.fresh)
		for _, l := range fresh {
			for b := l.bits; b != 0; b &= b - 1 {
				y := int(l.word)<<6 + bits.TrailingZeros64(b)
				for i, col := range columns[y*width : (y+1)*width] {
					for n := col & unseen[i]; n != 0; n &= n - 1 {
						if x := pending[i<<6+bits.TrailingZeros64(n)]; !c.seen.has(x) {
							c.mark(x)
						}
					}
					unseen[i] &^= col
				}
			}
		}
		c.explicit()
	}
}

// transpose turns a block of 64 × 64 bits about its diagonal, halving the
// blocks that are exchanged.
func transpose(a *[64]uint64) {
	for j, m := 32, uint64(0x00000000ffffffff); j != 0; j, m = j>>1, m^m<<(j>>1) {
		for k := 0; k < 64; k = (k + j + 1) &^ j {
			t := (a[k]>>j ^ a[k+j]) & m
			a[k] ^= t << j
			a[k+j] ^= t
		}
	}
}

// closure is what the sources reach over the network's own arcs, flow or no
// flow, without leaving the nodes that allowed holds.
func (f *flow) closure(allowed set) set {
	seen := newSet(f.nodes)
	left := slices.Clone(allowed)
	var queue []int32
	for _, s := range f.sources {
		if left.has(s) {
			left.remove(s)
			seen.add(s)
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		x := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for a := f.first[x]; a >= 0; a = f.arcs[a].next {
			if y := f.arcs[a].to; a&1 == 0 && left.has(y) {
				left.remove(y)
				seen.add(y)
				queue = append(queue, y)
			}
		}
		for w, r := range f.row(x) {
			b := r & left[w]
			seen[w] |= b
			left[w] &^= b
			for ; b != 0; b &= b - 1 {
				queue = append(queue, int32(w<<6+bits.TrailingZeros64(b)))
			}
		}
	}
	return seen
}

// bare is a shortest path of infinite arcs from a source to a sink, nil if
// there is none: then a finite cut exists, and rigid is all that the sources
// reach over infinite arcs. It is called before run.
func (f *flow) bare() (path []int32, rigid set) {
	parent := make([]int32, f.nodes) // the node before plus one, 0 at a source
	left := slices.Clone(f.alive)
	var queue []int32
	visit := func(y, from int32) (sink bool) {
		left.remove(y)
		parent[y] = from + 1
		queue = append(queue, y)
		return f.sinks.has(y)
	}
	for _, s := range f.sources {
		if left.has(s) {
			visit(s, -1)
		}
	}
	for i := 0; i < len(queue); i++ {
		x := queue[i]
		for a := f.first[x]; a >= 0; a = f.arcs[a].next {
			if y := f.arcs[a].to; f.arcs[a].res == infinite && left.has(y) && visit(y, x) {
				return trail(parent, y), nil
			}
		}
		if f.price != infinite {
			continue
		}
		for w, r := range f.row(x) {
			for b := r & left[w]; b != 0; b &= b - 1 {
				if y := int32(w<<6 + bits.TrailingZeros64(b)); visit(y, x) {
					return trail(parent, y), nil
				}
			}
		}
	}
	for w := range left {
		left[w] = f.alive[w] &^ left[w]
	}
	return nil, left
}

func trail(parent []int32, y int32) []int32 {
	out := []int32{y}
	for parent[y] != 0 {
		y = parent[y] - 1
		out = append(out, y)
	}
	slices.Reverse(out)
	return out
}
