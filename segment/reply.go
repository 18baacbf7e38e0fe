package segment

import "encoding/binary"

// answer is what is open between two ends, by chunk of ports.
type answer struct {
	must, may []uint64 // for some pair of pods; may includes must
	least     struct{ must, may []uint64 }
}

func (a *answer) reset(chunks int) {
	if len(a.must) == chunks {
		for _, m := range [][]uint64{a.must, a.may, a.least.must, a.least.may} {
			clear(m)
		}
		return
	}
	all := make([]uint64, 4*chunks)
	for _, m := range []*[]uint64{&a.must, &a.may, &a.least.must, &a.least.may} {
		*m, all = all[:chunks:chunks], all[chunks:]
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
	l := &list{ends: make([]uint32, 0, len(t.touched)), which: make([]uint32, 0, len(t.touched))}
	index := make(map[string]uint32)
	var (
		last *reply
		at   uint32
	)
	t.drain(1, func(end uint32, r *reply) {
		if r != last {
			i, ok := index[r.key]
			if !ok {
				i = uint32(len(l.replies)) //nolint:gosec // fewer than ends
				index[r.key] = i
				l.replies = append(l.replies, r)
			}
			last, at = r, i
		}
		l.ends, l.which = append(l.ends, end), append(l.which, at)
	})
	b.list.Store(l)
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()
	g.pool.room(len(l.ends))
	return l
}
