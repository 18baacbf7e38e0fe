package segment

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// answer is what is open between two ends, by chunk of ports.
type answer struct {
	must, may []uint64 // for some pair of pods; may includes must
	least     struct{ must, may []uint64 }
}

func (a *answer) reset(chunks int) {
	for _, m := range []*[]uint64{&a.must, &a.may, &a.least.must, &a.least.may} {
		if len(*m) != chunks {
			*m = make([]uint64, chunks)
		} else {
			clear(*m)
		}
	}
}

// reply is a distinct answer with its edges, ready but for their ends: at most
// two, one for what is allowed and one for what is only possible.
type reply struct {
	key   string
	edges []Edge
}

// reply interns an answer.
func (g *Graph) reply(a *answer) *reply {
	key := make([]byte, 0, 256)
	for _, m := range [][]uint64{a.must, a.may, a.least.must, a.least.may} {
		for _, w := range m {
			key = binary.LittleEndian.AppendUint64(key, w)
		}
	}
	in := g.pool.interned
	in.mu.Lock()
	defer in.mu.Unlock()
	r, ok := in.replies[string(key)]
	if !ok {
		r = g.newReply(a)
		r.key = string(key)
		in.room(len(key)/8 + 16*len(r.edges))
		in.replies[r.key] = r
	}
	return r
}

func (g *Graph) newReply(a *answer) *reply {
	r := &reply{}
	maybe := make([]uint64, len(a.may))
	partMust, partMay := false, false
	for i := range maybe {
		maybe[i] = a.may[i] &^ a.must[i]
		partMust = partMust || a.least.must[i] != a.must[i]
		partMay = partMay || a.least.may[i]&maybe[i] != maybe[i]
	}
	if c := g.ports.conns(a.must); len(c) > 0 {
		r.edges = append(r.edges, Edge{Connections: c, Verdict: Allowed, Partial: partMust})
	}
	if c := g.ports.conns(maybe); len(c) > 0 {
		r.edges = append(r.edges, Edge{Connections: c, Verdict: Unknown, Partial: partMay})
	}
	return r
}

// list is what a base says to the workloads, in their order.
type list struct {
	ends    []uint32
	which   []uint32 // reply of each end
	replies []*reply
}

// listOf returns the list of the base of c's line.
func (g *Graph) listOf(t *tally, c int, kind lineKind) *list {
	b := g.lineOf(c, kind).base
	if l := b.list.Load(); l != nil {
		return l
	}
	for chunk := range t.chunks {
		t.add(b.parts[chunk], chunk, 0, g.pods, -1)
	}
	l := &list{}
	index := make(map[string]uint32)
	t.drain(1, func(end uint32, r *reply) {
		i, ok := index[r.key]
		if !ok {
			i = uint32(len(l.replies)) //nolint:gosec // fewer than ends
			index[r.key] = i
			l.replies = append(l.replies, r)
		}
		l.ends, l.which = append(l.ends, end), append(l.which, i)
	})
	b.list.Store(l)
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()
	g.pool.room(len(l.ends))
	return l
}

// block is a block of addresses outside and what is open to or from it.
type block struct {
	prefix netip.Prefix
	ref    ident.Ref
	reply  *reply
}

// blocks returns what the lines of some classes say to addresses outside,
// neighbouring blocks with the same answer merged, in the order of addresses.
func (g *Graph) blocks(t *tally, classes []uint32, kind lineKind) []block {
	if len(classes) != 1 {
		for _, c := range classes {
			for chunk := range t.chunks {
				t.add(g.line(int(c), kind, chunk), chunk, g.pods, g.classes.len(), -1)
			}
		}
		return g.drainBlocks(t, len(classes))
	}
	c := int(classes[0])
	if g.classes.ref(c).cell >= 0 || g.pods == g.classes.len() {
		return nil
	}
	b := g.baseOf(c, kind)
	if cells := g.exceptCells(t, c, kind); len(cells) > 0 {
		for chunk := range t.chunks {
			t.addBut(b.parts[chunk], chunk, g.pods, cells)
			for _, d := range cells {
				x := g.exception(c, int(d), kind, chunk)
				if x.out.may != 0 {
					t.put(t.gr.ends.at(int(d))[0], chunk, &x, -1)
				}
			}
		}
		return g.drainBlocks(t, 1)
	}
	if bs := b.blocks.Load(); bs != nil {
		return *bs
	}
	for chunk := range t.chunks {
		t.add(b.parts[chunk], chunk, g.pods, g.classes.len(), -1)
	}
	out := g.drainBlocks(t, 1)
	b.blocks.Store(&out)
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()
	g.pool.room(16 * len(out))
	return out
}

// exceptCells returns the exceptions of c's line that are addresses outside,
// sorted; valid until the next call.
func (g *Graph) exceptCells(t *tally, c int, kind lineKind) []uint32 {
	if l := g.pool.line(kind, c); l != nil {
		first, _ := slices.BinarySearch(l.except, uint32(g.pods)) //nolint:gosec // a class number
		return l.except[first:]
	}
	t.except = t.except[:0]
	g.eachException(c, kind, func(who members) {
		if n := len(who.ids); who.bits != nil || n > 0 && int(who.ids[n-1]) >= g.pods {
			for d := range (classSet{ids: who.ids, bits: who.bits}).between(g.pods, g.classes.len()) {
				t.except = append(t.except, uint32(d)) //nolint:gosec // a class number
			}
		}
	})
	slices.Sort(t.except)
	t.except = slices.Compact(t.except)
	return t.except
}

func (g *Graph) drainBlocks(t *tally, classes int) []block {
	type merged struct {
		r     *reply
		cells bitset
	}
	var found []merged
	index := make(map[string]int)
	t.drain(classes, func(end uint32, r *reply) {
		i, ok := index[r.key]
		if !ok {
			i = len(found)
			index[r.key] = i
			found = append(found, merged{r, newBitset(g.classes.len() - g.pods)})
		}
		found[i].cells.add(int(end) - t.gr.inside)
	})
	var out []block
	for _, m := range found {
		for _, x := range g.merged(m.cells) {
			out = append(out, block{x.prefix, x.ref, m.r})
		}
	}
	if len(found) > 1 {
		slices.SortStableFunc(out, func(a, b block) int { return comparePrefix(a.prefix, b.prefix) })
	}
	return out
}

// outside is a block of addresses and its reference.
type outside struct {
	prefix netip.Prefix
	ref    ident.Ref
}

// merged returns the fewest blocks that make up a set of cells. Few sets occur,
// and many times each.
func (g *Graph) merged(cells bitset) []outside {
	key := make([]byte, 0, 8*len(cells))
	for _, w := range cells {
		key = binary.LittleEndian.AppendUint64(key, w)
	}
	in := g.pool.interned
	in.mu.Lock()
	out, ok := in.outside[string(key)]
	in.mu.Unlock()
	if ok {
		return out
	}
	var parts []netip.Prefix
	for i := range cells.all() {
		parts = append(parts, g.v.addresses.cells[g.classes.ref(g.pods+i).cell].parts...)
	}
	for _, p := range mergePrefixes(parts) {
		out = append(out, outside{p, ident.Ref{CIDR: p.String()}})
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.room(len(cells) + 16*len(out))
	in.outside[string(key)] = out
	return out
}

func (g *Graph) parts(gr *grain, end int) []netip.Prefix {
	return g.v.addresses.cells[g.classes.ref(int(gr.classes.at(end)[0])).cell].parts
}
