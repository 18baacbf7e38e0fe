package segment

import (
	"context"
	"math/bits"
)

// Count is the size of a graph and of its list of edges by workload.
type Count struct {
	Pods      int // or pod templates
	Workloads int
	Policies  int // that are enforced
	Classes   int // of pods that no rule tells apart
	Edges     int // what Edges(ByWorkload) yields
	Unknown   int // of them, those that are only possible
}

// Count evaluates all pairs of workloads, and addresses outside, and counts the
// edges without listing them: lines stay factorised into what classes share and
// what they do not, and what it computed serves later queries.
func (g *Graph) Count(ctx context.Context) (Count, error) {
	gr := &g.workloads
	n := Count{Workloads: gr.inside()}
	for i := range g.policies.len() {
		if g.policies.at(i) != nil {
			n.Policies++
		}
	}
	for c := range g.pods {
		if size := g.classes.ref(c).size; size > 0 {
			n.Classes++
			n.Pods += size
		}
	}
	if weights, ok := g.weights(); ok {
		err := g.countClasses(ctx, weights, &n)
		return n, err
	}
	t := g.newTally(ByWorkload)
	defer t.release()
	for end := range gr.inside() {
		if err := ctx.Err(); err != nil {
			return Count{}, err
		}
		s := g.endSide(ByWorkload, end)
		g.eachInside(t, s, row, func(other uint32, r *reply) bool {
			if !g.same(s, t, int(other)) {
				n.add(r, 1)
			}
			return true
		})
		g.countOutside(t, gr.of(end), 1, &n)
	}
	return n, nil
}

// add counts the edges of a reply, as often as it is given.
func (n *Count) add(r *reply, times int) {
	for i := range r.edges {
		n.Edges += times
		if r.edges[i].Verdict == Unknown {
			n.Unknown += times
		}
	}
}

// weights returns how many workloads each class of pods stands for, if each
// workload is one class, so that classes can be counted for workloads; nil if
// that is one everywhere.
func (g *Graph) weights() ([]int, bool) {
	gr := &g.workloads
	for end := range gr.inside() {
		if len(gr.of(end)) > 1 {
			return nil, false
		}
	}
	out := make([]int, g.pods)
	one := true
	for c := range out {
		out[c] = len(gr.members.at(c))
		one = one && (out[c] == 1 || g.classes.ref(c).size == 0)
	}
	if one {
		return nil, true
	}
	return out, true
}

// countClasses counts the edges line by line.
func (g *Graph) countClasses(ctx context.Context, weights []int, n *Count) error {
	t := g.newTally(ByWorkload)
	defer t.release()
	for c := range g.pods {
		if err := ctx.Err(); err != nil {
			return err
		}
		times := len(g.workloads.members.at(c))
		if g.classes.ref(c).size == 0 || times == 0 {
			continue
		}
		allowed, unknown := g.countInside(c, weights)
		n.Edges += times * (allowed + unknown)
		n.Unknown += times * unknown
		g.countOutside(t, []uint32{uint32(c)}, times, n) //nolint:gosec // a class number
	}
	return nil
}

// countOutside counts the edges to and from addresses outside.
func (g *Graph) countOutside(t *tally, classes []uint32, times int, n *Count) {
	for _, kind := range []lineKind{row, column} {
		if len(classes) == 1 {
			g.countBlocks(t, int(classes[0]), kind, times, n)
			continue
		}
		blocks := g.blocks(t, side{classes: classes, endpoint: -1}, kind)
		for i := range blocks {
			n.add(blocks[i].reply, times)
		}
	}
}

// countInside counts the edges from one workload of class c to every other.
func (g *Graph) countInside(c int, weights []int) (allowed, unknown int) {
	weight := func(c int) int {
		if weights == nil {
			return 1
		}
		return weights[c]
	}
	l := g.lineOf(c, row)
	allowed, unknown = l.base.counts(g.pods, weights)
	if l.base.must.has(c) {
		allowed--
	}
	if l.base.perhaps != nil && l.base.perhaps.has(c) {
		unknown--
	}
	for _, d := range l.except {
		if int(d) >= g.pods {
			break
		}
		times := weight(int(d))
		if int(d) == c {
			times-- // not itself, but the others of its class
		}
		if l.base.must.has(int(d)) {
			allowed -= times
		}
		if l.base.perhaps != nil && l.base.perhaps.has(int(d)) {
			unknown -= times
		}
		must, maybe := true, false
		if g.doubtful() {
			must = false
			for chunk := range g.ports.chunks {
				x := g.exception(c, int(d), row, chunk).out
				must = must || x.must != 0
				maybe = maybe || x.may&^x.must != 0
			}
		}
		if must {
			allowed += times
		}
		if maybe {
			unknown += times
		}
	}
	return allowed, unknown
}

// counts returns how many workloads, by weight, of the classes before pods are
// open on some port, certainly
// and only possibly.
func (b *base) counts(pods int, weights []int) (allowed, unknown int) {
	if n := b.count.Load(); n != nil {
		return n[0], n[1]
	}
	count := func(s bitset) int {
		n := 0
		for i, w := range s {
			if i<<6 >= pods {
				break
			}
			if i<<6+64 > pods {
				w &= 1<<(pods&63) - 1
			}
			if weights == nil {
				n += bits.OnesCount64(w)
				continue
			}
			for ; w != 0; w &= w - 1 {
				n += weights[i<<6+bits.TrailingZeros64(w)]
			}
		}
		return n
	}
	allowed, unknown = count(b.must), count(b.perhaps)
	b.count.Store(&[2]int{allowed, unknown})
	return allowed, unknown
}
