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
	n := Count{Workloads: gr.inside}
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
	t := g.newTally(ByWorkload)
	defer t.release()
	add := func(r *reply) {
		for i := range r.edges {
			n.Edges++
			if r.edges[i].Verdict == Unknown {
				n.Unknown++
			}
		}
	}
	simple := g.simpleEnds()
	for end := range gr.inside {
		if err := ctx.Err(); err != nil {
			return Count{}, err
		}
		if simple {
			allowed, unknown := g.countInside(int(gr.classes.at(end)[0]))
			n.Edges += allowed + unknown
			n.Unknown += unknown
		} else {
			s := g.endSide(ByWorkload, end)
			g.eachInside(t, s, row, func(other uint32, r *reply) bool {
				if !g.same(s, t, int(other)) {
					add(r)
				}
				return true
			})
		}
		for _, kind := range []lineKind{row, column} {
			blocks := g.blocks(t, gr.classes.at(end), kind)
			for i := range blocks {
				add(blocks[i].reply)
			}
		}
	}
	return n, nil
}

// simpleEnds reports whether every workload is one class, and no class two
// workloads, so that counting classes counts workloads.
func (g *Graph) simpleEnds() bool {
	gr := &g.workloads
	for end := range gr.inside {
		if len(gr.classes.at(end)) != 1 || len(gr.ends.at(int(gr.classes.at(end)[0]))) != 1 {
			return false
		}
	}
	return true
}

// countInside counts the edges from class c to every other inside.
func (g *Graph) countInside(c int) (allowed, unknown int) {
	l := g.lineOf(c, row)
	allowed, unknown = l.base.counts(g.pods)
	if l.base.must.has(c) {
		allowed--
	}
	if l.base.perhaps != nil && l.base.perhaps.has(c) {
		unknown--
	}
	for _, d := range l.except {
		if int(d) >= g.pods || int(d) == c {
			continue
		}
		if l.base.must.has(int(d)) {
			allowed--
		}
		if l.base.perhaps != nil && l.base.perhaps.has(int(d)) {
			unknown--
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
			allowed++
		}
		if maybe {
			unknown++
		}
	}
	return allowed, unknown
}

// counts returns how many classes before pods are open on some port, certainly
// and only possibly.
func (b *base) counts(pods int) (allowed, unknown int) {
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
			n += bits.OnesCount64(w)
		}
		return n
	}
	allowed, unknown = count(b.must), count(b.perhaps)
	b.count.Store(&[2]int{allowed, unknown})
	return allowed, unknown
}
