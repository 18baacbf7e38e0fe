package segment

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// block is a block of addresses outside and what is open to or from it.
type block struct {
	prefix netip.Prefix
	ref    ident.Ref
	reply  *reply
}

// blocks returns what the lines of a side say to addresses outside, neighbouring
// blocks with the same answer merged, in the order of addresses.
func (g *Graph) blocks(t *tally, s side, kind lineKind) []block {
	if len(s.classes) != 1 || s.endpoint >= 0 && !g.nodes.address.empty() {
		for _, c := range s.classes {
			for chunk := range t.chunks {
				t.add(g.line(int(c), kind, chunk), chunk, g.pods, g.classes.len(), s.endpoint)
			}
		}
		return g.drainBlocks(t, len(s.classes))
	}
	c := int(s.classes[0])
	if g.classes.ref(c).cell >= 0 || g.pods == g.classes.len() {
		return nil
	}
	shared := g.sharedBlocks(t, g.baseOf(c, kind))
	return g.exceptBlocks(t, shared, c, kind)
}

// sharedBlocks returns what a base says to addresses outside.
func (g *Graph) sharedBlocks(t *tally, b *base) []block {
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

// changedReply is a reply of which exceptions take addresses away, or give it some:
// parts are all that it holds of then.
type changedReply struct {
	reply *reply
	parts []netip.Prefix
}

// same reports whether two replies say the same.
func (r *reply) same(o *reply) bool { return r == o || r.key == o.key }

// exceptReplies returns what the exceptions of c's line change of what its base
// says; valid until the next call. They are few, and addresses are many: nothing
// else is looked at again.
func (g *Graph) exceptReplies(t *tally, shared []block, c int, kind lineKind) []changedReply {
	affected, lost := t.affected[:0], t.lost[:0]
	of := func(r *reply) *changedReply {
		i := affectedAt(affected, r)
		if i < 0 {
			if i = len(affected); i < cap(affected) {
				affected = affected[:i+1]
				affected[i] = changedReply{reply: r, parts: affected[i].parts[:0]}
			} else {
				affected = append(affected, changedReply{reply: r})
			}
		}
		return &affected[i]
	}
	except := func(d uint32, tell func(was *reply) *reply) {
		parts := g.v.addresses.cells[g.classes.ref(int(d)).cell].parts
		var was *reply
		if i := blockAt(shared, parts[0]); i >= 0 {
			was = shared[i].reply
		}
		r := tell(was)
		if was == nil && len(r.edges) == 0 || was != nil && was.same(r) {
			return
		}
		lost = append(lost, parts...)
		if was != nil {
			of(was)
		}
		if len(r.edges) > 0 {
			x := of(r)
			x.parts = append(x.parts, parts...)
		}
	}
	narrow, own := g.exceptCells(t, c, kind)
	for _, d := range narrow {
		except(d, func(*reply) *reply { return g.replyOf(t, c, int(d), kind) })
	}
	// The addresses of the nodes that c's pods run on are told apart by what the base
	// says to them and by nothing else.
	var last, told *reply
	for i, d := range own {
		except(d, func(was *reply) *reply {
			if i == 0 || was != last {
				last, told = was, g.replyOf(t, c, int(d), kind)
			}
			return told
		})
	}
	t.affected, t.lost = affected, lost
	if len(affected) == 0 {
		return nil
	}
	slices.SortFunc(lost, comparePrefix)
	for i := range shared {
		at := affectedAt(affected, shared[i].reply)
		if at < 0 {
			continue
		}
		p := shared[i].prefix
		lo, _ := slices.BinarySearchFunc(lost, p, comparePrefix)
		hi := lo
		for hi < len(lost) && contains(p, lost[hi]) {
			hi++
		}
		affected[at].parts = subtract(affected[at].parts, p, lost[lo:hi])
	}
	for i := range affected {
		affected[i].parts = mergeInPlace(affected[i].parts)
	}
	return affected
}

// affectedAt returns the index of a reply, -1 if it is not affected.
func affectedAt(affected []changedReply, r *reply) int {
	return slices.IndexFunc(affected, func(x changedReply) bool { return x.reply.same(r) })
}

// exceptBlocks puts the exceptions of c's line into what its base says.
func (g *Graph) exceptBlocks(t *tally, shared []block, c int, kind lineKind) []block {
	affected := g.exceptReplies(t, shared, c, kind)
	if len(affected) == 0 {
		return shared
	}
	known := make(map[netip.Prefix]ident.Ref)
	out := make([]block, 0, len(shared)+4*len(affected))
	for _, b := range shared {
		if affectedAt(affected, b.reply) < 0 {
			out = append(out, b)
		} else {
			known[b.prefix] = b.ref
		}
	}
	for _, x := range affected {
		for _, p := range x.parts {
			ref, ok := known[p]
			if !ok {
				ref = ident.Ref{CIDR: p.String()}
			}
			out = append(out, block{p, ref, x.reply})
		}
	}
	slices.SortFunc(out, func(a, b block) int { return comparePrefix(a.prefix, b.prefix) })
	return out
}

// countBlocks counts the edges of the blocks that c's line leads to, without
// making them.
func (g *Graph) countBlocks(t *tally, c int, kind lineKind, times int, n *Count) {
	b := g.baseOf(c, kind)
	shared := g.sharedBlocks(t, b)
	affected := g.exceptReplies(t, shared, c, kind)
	for i := range shared {
		if len(affected) == 0 || affectedAt(affected, shared[i].reply) < 0 {
			n.add(shared[i].reply, times)
		}
	}
	for i := range affected {
		n.add(affected[i].reply, times*len(affected[i].parts))
	}
}

// replyOf asks for one cell of a line by itself.
func (g *Graph) replyOf(t *tally, c, cell int, kind lineKind) *reply {
	t.ask.reset(g.ports.chunks)
	for chunk := range t.chunks {
		x := g.exception(c, cell, kind, chunk)
		least := x.out
		if x.byNode {
			least = x.policy
		}
		t.ask.must[chunk], t.ask.may[chunk] = x.out.must, x.out.may
		t.ask.least.must[chunk], t.ask.least.may[chunk] = least.must, least.may
	}
	return g.reply(&t.ask)
}

// blockAt returns the index of the block that holds another, -1 if none does.
// Blocks are disjoint and sorted.
func blockAt(blocks []block, p netip.Prefix) int {
	i, found := slices.BinarySearchFunc(blocks, p, func(b block, p netip.Prefix) int { return comparePrefix(b.prefix, p) })
	if !found {
		i--
	}
	if i >= 0 && contains(blocks[i].prefix, p) {
		return i
	}
	return -1
}

// exceptCells returns the exceptions of c's line that are addresses outside, sorted,
// those that only are its own nodes' by themselves; valid until the next call.
func (g *Graph) exceptCells(t *tally, c int, kind lineKind) (narrow, own []uint32) {
	if l := g.pool.line(kind, c); l != nil && !g.freesOwnNode() {
		first, _ := slices.BinarySearch(l.except, uint32(g.pods)) //nolint:gosec // a class number
		return l.except[first:], nil
	}
	narrow, own = g.exceptions(t.except[:0], c, kind, func(who members) members {
		switch n := len(who.ids); {
		case who.bits != nil:
			var cells members
			for d := range (classSet{bits: who.bits}).between(g.pods, g.classes.len()) {
				cells.ids = append(cells.ids, uint32(d)) //nolint:gosec // a class number
			}
			return cells
		case n > 0 && int(who.ids[n-1]) >= g.pods:
			first, _ := slices.BinarySearch(who.ids, uint32(g.pods)) //nolint:gosec // a class number
			return members{ids: who.ids[first:]}
		}
		return members{}
	})
	if cap(narrow) > cap(t.except) {
		t.except = narrow
	}
	own = slices.DeleteFunc(own, func(d uint32) bool { _, also := slices.BinarySearch(narrow, d); return also })
	return narrow, own
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
		found[i].cells.add(int(end) - t.gr.inside())
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
	return g.v.addresses.cells[g.classes.ref(int(gr.of(end)[0])).cell].parts
}
