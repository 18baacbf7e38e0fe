package cut

import (
	"container/heap"
	"context"
	"encoding/binary"
	"slices"
)

// Found is the best of the minimum cuts that were looked at.
type Found struct {
	Cut   Cut
	Score int
	// Seen is how many minimum cuts were looked at. All says that there are no
	// others, so that no minimum cut scores less; where it is false, Cut is the
	// best found and no more.
	Seen int
	All  bool
}

// Fewest looks among the minimum cuts for the one of the least score, such as
// how many policies or namespaces it touches; among equals it takes the one
// that is found first, beginning at the source-nearest. score is called for at
// most tries cuts (at least one), first for those that follow from the best so
// far; h is nil for the grain of edges.
func Fewest(ctx context.Context, n *Network, h *Hardening, score func(*Cut) int, tries int) (*Found, error) {
	in, err := build(ctx, n, h)
	if err != nil {
		return nil, err
	}
	if _, err := in.solve(ctx); err != nil {
		return nil, err
	}
	near := newSet(in.f.nodes)
	for i := range near {
		near[i] = ^in.f.left[i] // with dead ends, which no cut parts
	}
	l := lattice{instance: in, score: score, tries: max(tries, 1), beyond: in.f.coreach(), seen: make(map[string]bool)}
	l.look(near)
	for all := true; ; {
		if len(l.open) == 0 || !all {
			return &Found{Cut: l.best.cut, Score: l.best.score, Seen: len(l.seen), All: all}, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		all = l.follow(heap.Pop(&l.open).(*closed))
	}
}

// lattice is the minimum cuts of a network: their source sides are the closed
// sets of the residual network. Every closed set is reached from a smaller one
// by adding the head of an edge that this one cuts, and all that it leads to.
type lattice struct {
	*instance
	score  func(*Cut) int
	tries  int
	beyond set
	seen   map[string]bool
	open   frontier // looked at, what follows from them is not
	best   *closed
}

type closed struct {
	side         set
	cut          Cut
	score, found int
}

// look scores the cut of a closed set, unless it was seen; false where tries are spent.
func (l *lattice) look(side set) bool {
	key := make([]byte, 0, 8*len(side))
	for _, w := range side {
		key = binary.LittleEndian.AppendUint64(key, w)
	}
	if l.seen[string(key)] {
		return true
	}
	if len(l.seen) == l.tries {
		return false
	}
	c := &closed{side: side, cut: l.sever(side.complement()), found: len(l.seen)}
	l.seen[string(key)] = true
	c.score = l.score(&c.cut)
	if l.best == nil || c.score < l.best.score {
		l.best = c
	}
	heap.Push(&l.open, c)
	return true
}

// follow looks at the closed sets next above one; false where tries are spent.
func (l *lattice) follow(c *closed) bool {
	for _, y := range l.heads(c.side) {
		side := slices.Clone(c.side)
		l.f.grow(side, y, func(int32) bool { return false })
		if !l.look(side) {
			return false
		}
	}
	return true
}

// heads are the ends of the arcs that leave a closed set, without those from
// which a sink can be reached; they ascend.
func (l *lattice) heads(side set) []int32 {
	var out []int32
	for a := int32(0); int(a) < len(l.f.arcs); a += 2 {
		if y := l.f.arcs[a].to; side.has(l.f.from(a)) && !side.has(y) && !l.beyond.has(y) {
			out = append(out, y)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s set) complement() set {
	out := make(set, len(s))
	for i, w := range s {
		out[i] = ^w
	}
	return out
}

// frontier is a heap: the least score first, then the first found.
type frontier []*closed

func (f frontier) Len() int { return len(f) }
func (f frontier) Less(i, j int) bool {
	return f[i].score < f[j].score || f[i].score == f[j].score && f[i].found < f[j].found
}
func (f frontier) Swap(i, j int) { f[i], f[j] = f[j], f[i] }

// Push is heap.Interface's.
func (f *frontier) Push(x any) { *f = append(*f, x.(*closed)) }

// Pop is heap.Interface's.
func (f *frontier) Pop() any {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}
