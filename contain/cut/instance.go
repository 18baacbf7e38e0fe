package cut

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
)

// instance is a Network as a flow. In the grain of edges a workload is one
// node. In the grain of workloads it is three: what comes in, itself, and what
// goes out; hardening cuts between them:
//
//	in ──ingress──▶ itself ──egress──▶ out ──an edge's price──▶ in of another
//	                itself ──a kept edge's price──▶ itself of another
type instance struct {
	n              int
	split          bool
	self, out      int32 // workload u has the nodes u (in), self+u and out+u, which are one where not split
	f              *flow
	sources, sinks []int
	reached        []int32 // workloads that the sources reach over any edge
	direct         []Pair  // edges from a source to a sink: every cut of edges names them
	directSum      Price
	sum            float64 // of all finite prices that a cut could pay, from above
}

func build(ctx context.Context, n *Network, h *Hardening) (*instance, error) {
	if err := n.check(h); err != nil {
		return nil, err
	}
	in := &instance{n: n.N, split: h != nil, sources: sortedUnique(n.Sources), sinks: sortedUnique(n.Sinks)}
	for _, s := range in.sources {
		if _, both := slices.BinarySearch(in.sinks, s); both {
			return nil, &NoCutError{Path: []int{s}}
		}
	}
	nodes := (n.N + 63) / 64 * 64
	if in.split {
		in.self, in.out, nodes = int32(nodes), int32(2*nodes), 3*nodes
	}
	in.f = newFlow(nodes+1, n.N, int(in.out), n.Default)
	for _, s := range in.sources {
		in.f.sources = append(in.f.sources, in.self+int32(s))
	}
	for _, t := range in.sinks {
		in.f.sinks.add(in.self + int32(t))
	}
	if err := in.fetch(ctx, n); err != nil {
		return nil, err
	}
	if !in.split {
		if err := in.takeDirect(n); err != nil {
			return nil, err
		}
	}
	if err := in.setPrices(n, h); err != nil {
		return nil, err
	}
	in.f.base = len(in.f.arcs)
	return in, nil
}

// fetch asks for the rows of what the sources reach. Nothing goes on from a
// sink, and nothing need come back to a source.
func (in *instance) fetch(ctx context.Context, n *Network) error {
	words := in.f.words
	rows := make([][]uint64, n.N)
	sources, sinks, seen := newSet(n.N), newSet(n.N), newSet(n.N)
	for _, s := range in.sources {
		sources.add(int32(s))
		in.reached = append(in.reached, int32(s))
	}
	copy(seen, sources)
	for _, t := range in.sinks {
		sinks.add(int32(t))
	}
	var slab []uint64
	for i := 0; i < len(in.reached); i++ {
		if i&0xff == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		u := in.reached[i]
		if sinks.has(u) {
			continue
		}
		if len(slab) == 0 {
			slab = make([]uint64, words*min(i+1, 64))
		}
		r := slab[:words:words]
		slab = slab[words:]
		n.Row(int(u), r)
		set(r).remove(u)
		if tail := n.N & 63; tail != 0 {
			r[words-1] &= 1<<tail - 1
		}
		for w := range r {
			r[w] &^= sources[w]
			b := r[w] &^ seen[w]
			seen[w] |= b
			for ; b != 0; b &= b - 1 {
				in.reached = append(in.reached, int32(w<<6+bits.TrailingZeros64(b)))
			}
		}
		rows[u] = r
	}
	in.f.rows = rows
	return nil
}

// takeDirect names the edges that lead from a source straight to a sink.
func (in *instance) takeDirect(n *Network) error {
	sinks := in.f.sinks[:in.f.words]
	for _, s := range in.sources {
		for w, r := range in.f.rows[s] {
			for b := r & sinks[w]; b != 0; b &= b - 1 {
				p := Pair{int32(s), int32(w<<6 + bits.TrailingZeros64(b))}
				price := n.edgePrice(p)
				if price == Never {
					return &NoCutError{Path: []int{int(p.From), int(p.To)}}
				}
				in.direct = append(in.direct, p)
				in.directSum += price // setPrices refuses a sum that could have overflowed
				in.sum += float64(price)
			}
			in.f.rows[s][w] = r &^ sinks[w]
		}
	}
	return nil
}

func (n *Network) edgePrice(p Pair) Price {
	if price, ok := n.Edge[p]; ok {
		return price
	}
	return n.Default
}

// setPrices makes arcs of what is not a dense arc of the default price.
func (in *instance) setPrices(n *Network, h *Hardening) error {
	type odd struct {
		Pair
		price Price
		kept  bool
	}
	var odds []odd
	note := func(p Pair, price Price, kept bool) {
		if r := in.f.rows[p.From]; r != nil && set(r).has(p.To) {
			odds = append(odds, odd{p, price, kept})
		}
	}
	for p, price := range n.Edge {
		if price != n.Default && (h == nil || !h.Kept[p]) {
			note(p, price, false)
		}
	}
	if h != nil {
		for p, kept := range h.Kept {
			if kept {
				note(p, n.edgePrice(p), true)
			}
		}
	}
	slices.SortFunc(odds, func(a, b odd) int { return a.compare(b.Pair) })
	in.f.arcs = make([]arc, 0, 2*len(odds)+4*len(in.reached))
	add := func(x, y int32, price Price) {
		if price != Never {
			in.sum += float64(price)
		}
		in.f.add(x, y, capacity(price))
	}
	if n.Default != Never {
		in.sum += float64(n.Default) * float64(len(in.reached)) * float64(n.N)
	}
	for _, o := range odds {
		set(in.f.rows[o.From]).remove(o.To)
		from, to := in.out+o.From, o.To
		if o.kept {
			from, to = in.self+o.From, in.self+o.To
		}
		add(from, to, o.price)
	}
	for i, u := range in.reached {
		if h != nil && in.f.rows[u] != nil {
			add(in.self+u, in.out+u, harden(h.Egress, u))
		}
		if h != nil && i >= len(in.sources) { // nothing comes back to a source
			add(u, in.self+u, harden(h.Ingress, u))
		}
	}
	return checkSum(in.sum)
}

// separate solves the instance, which has sinks.
func (in *instance) separate(ctx context.Context) (*Result, error) {
	value, err := in.solve(ctx)
	if err != nil {
		return nil, err
	}
	nearSinks := slices.Clone(in.f.left)
	farSinks := in.f.coreach()
	r := &Result{Value: value + in.directSum, Near: in.sever(nearSinks), Far: in.sever(farSinks)}
	r.Unique = slices.Equal(r.Near.Pairs, r.Far.Pairs) && slices.Equal(r.Near.Egress, r.Far.Egress) && slices.Equal(r.Near.Ingress, r.Far.Ingress)
	if r.Near.Price != r.Value || r.Far.Price != r.Value {
		// What flows proves that nothing cheaper separates; a cut of another price would not be proved.
		return nil, fmt.Errorf("cuts of %d and %d against a flow of %d", r.Near.Price, r.Far.Price, r.Value)
	}
	return r, nil
}

// solve sends the greatest flow, or says why no finite cut exists.
func (in *instance) solve(ctx context.Context) (Price, error) {
	in.f.alive = in.f.coreach()
	if path, _ := in.f.bare(); path != nil {
		return 0, &NoCutError{Path: in.workloads(path)}
	}
	return in.f.run(ctx)
}

// terminal is a node that is no workload's: it takes the tolls of Below.
func (in *instance) terminal() int32 { return int32(in.f.nodes - 1) }

// workloads names the workloads that a path of nodes goes through.
func (in *instance) workloads(path []int32) []int {
	var out []int
	for _, x := range path {
		u := in.workload(x)
		if len(out) == 0 || out[len(out)-1] != u {
			out = append(out, u)
		}
	}
	return out
}

func (in *instance) workload(x int32) int {
	switch {
	case x >= in.out:
		return int(x - in.out)
	case x >= in.self:
		return int(x - in.self)
	}
	return int(x)
}

// sever is the cut that parts sinkSide, a set of nodes, from all others. Its
// arcs are full, so all of them are explicit.
func (in *instance) sever(sinkSide set) Cut {
	c := Cut{Pairs: slices.Clone(in.direct), Price: in.directSum}
	f := in.f
	for a := int32(0); int(a) < len(f.arcs); a += 2 {
		x, y := f.from(a), f.arcs[a].to
		if sinkSide.has(x) || !sinkSide.has(y) || y == in.terminal() {
			continue
		}
		c.Price += f.arcs[a].res + f.arcs[a^1].res
		u, v := in.workload(x), in.workload(y)
		switch {
		case u != v:
			c.Pairs = append(c.Pairs, Pair{int32(u), int32(v)})
		case x >= in.self:
			c.Egress = append(c.Egress, u)
		default:
			c.Ingress = append(c.Ingress, u)
		}
	}
	slices.SortFunc(c.Pairs, Pair.compare)
	slices.Sort(c.Egress)
	slices.Sort(c.Ingress)
	sourceSide := newSet(f.nodes)
	for i := range sourceSide {
		sourceSide[i] = ^sinkSide[i]
	}
	c.Reach = in.selves(f.closure(sourceSide))
	return c
}

// selves lists the workloads whose own node a set holds.
func (in *instance) selves(s set) []int {
	var out []int
	first := int(in.self) >> 6
	for w, b := range s[first : first+in.f.words] {
		for ; b != 0; b &= b - 1 {
			out = append(out, w<<6+bits.TrailingZeros64(b))
		}
	}
	return out
}
