package contain

import (
	"context"
	"math/bits"
	"slices"

	"github.com/cofferdam-io/cofferdam/contain/cut"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// network is the estate as a graph to be cut: workloads, numbered as in
// Graph.Workloads, and what each may open to others. An edge that is unknown
// counts as open.
type network struct {
	p      *Problem
	model  *segment.Model // that policies are written for, see solver.quarantine
	estate *segment.Model // as it is
	refs   []ident.Ref
	index  map[ident.Ref]int
	rails  *rails
	words  int
	rows   [][]uint64 // nil until asked for
	// pastNodes is true where pods on the network of their node lead nowhere: no
	// policy closes a path through them, and the plan says that they stay.
	pastNodes bool
	affected  []uint64
	flows     map[cut.Pair][]Flow
	needs     map[cut.Pair][]Need
	arrivals  map[int][]Flow   // from addresses of the internet
	with      [2]map[int][]int // see partners; nil until asked for
	seen      map[int]bool     // see watched; nil until asked for
	labelled  []ident.Ref      // whose pods the plan labels
	closed    map[int]bool     // no attacker goes on from there
	priority  map[string]int   // of denials in the Admin tier, by cluster
}

func newNetwork(p *Problem) *network {
	m := p.Graph.Model()
	n := &network{p: p, model: m, estate: m, refs: p.Graph.Workloads(), flows: make(map[cut.Pair][]Flow), needs: make(map[cut.Pair][]Need), arrivals: make(map[int][]Flow), priority: make(map[string]int)}
	n.words = (len(n.refs) + 63) / 64
	n.rows = make([][]uint64, len(n.refs))
	n.index = make(map[ident.Ref]int, len(n.refs))
	for i, r := range n.refs {
		n.index[r] = i
	}
	n.affected = make([]uint64, n.words)
	for _, r := range p.Affected {
		if u, ok := n.index[r]; ok {
			n.affected[u>>6] |= 1 << (u & 63)
		}
	}
	n.closed = make(map[int]bool, len(p.NonPivots))
	for _, x := range p.NonPivots {
		if i, ok := n.index[x.Workload]; ok {
			n.closed[i] = true
		}
	}
	n.rails = newRails(n)
	if p.Traffic != nil {
		for _, f := range p.Traffic.Flows() {
			if k, ok := n.pair(f.Src, f.Dst); ok {
				n.flows[k] = append(n.flows[k], f)
			} else if v, ok := n.index[f.Dst]; ok && fromInternet(f.Src) {
				n.arrivals[v] = append(n.arrivals[v], f)
			}
		}
	}
	for _, x := range p.Needs {
		if k, ok := n.pair(x.Src, x.Dst); ok {
			n.needs[k] = append(n.needs[k], x)
		}
	}
	return n
}

func (n *network) pair(src, dst ident.Ref) (cut.Pair, bool) {
	i, a := n.index[src]
	j, b := n.index[dst]
	return cut.Pair{From: int32(i), To: int32(j)}, a && b && i != j //nolint:gosec // numbers of workloads
}

// fromOutside is the number of the internet as a source.
const fromOutside = -1

// ends numbers a source and a destination, where those are a workload or, as a
// source, the internet.
func (n *network) ends(src, dst *ident.Ref) (cut.Pair, bool) {
	v, ok := n.index[*dst]
	u, inside := n.index[*src]
	if !inside {
		u = fromOutside
	}
	return cut.Pair{From: int32(u), To: int32(v)}, ok && (inside || *src == internet) //nolint:gosec // numbers of workloads
}

// row returns the workloads that u may open something to. Of a workload that an
// attacker cannot go on from, nothing goes out.
func (n *network) row(u int) []uint64 {
	if n.rows[u] == nil {
		n.rows[u] = make([]uint64, n.words)
		if n.leadsOn(u) {
			n.p.Graph.Openings(u, n.rows[u])
		}
	}
	return n.rows[u]
}

// leadsOn reports whether an attacker in a workload can go on from there.
func (n *network) leadsOn(u int) bool {
	switch {
	case n.affected[u>>6]>>(u&63)&1 == 1:
		return true
	case n.pastNodes && n.rails.host[u]:
		return false
	}
	return !n.closed[u]
}

// passNodes leaves paths through pods on the network of their node out of what
// follows.
func (n *network) passNodes() {
	n.pastNodes = true
	for u := range n.rails.host {
		n.rows[u] = nil
	}
}

func (n *network) opens(u, v int) bool { return n.row(u)[v>>6]>>(v&63)&1 == 1 }

// within returns the workloads that can be reached from some, with these.
func (n *network) within(ctx context.Context, from []int) ([]uint64, error) {
	seen := make([]uint64, n.words)
	queue := slices.Clone(from)
	for _, u := range from {
		seen[u>>6] |= 1 << (u & 63)
	}
	for len(queue) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		u := queue[0]
		queue = queue[1:]
		for w, word := range n.row(u) {
			for fresh := word &^ seen[w]; fresh != 0; fresh &= fresh - 1 {
				queue = append(queue, w<<6+bits.TrailingZeros64(fresh))
			}
			seen[w] |= word
		}
	}
	return seen, nil
}

// members lists the numbers in a set.
func members(set []uint64) []int {
	var out []int
	for w, word := range set {
		for ; word != 0; word &= word - 1 {
			out = append(out, w<<6+bits.TrailingZeros64(word))
		}
	}
	return out
}

// The prices of an edge. One that nobody was seen to use costs one, so that the
// fewest are cut; one in use costs more than any number of unused ones that an
// estate has, and one that is declared necessary more than any that is in use.
const (
	unseenPrice   = 1
	seenPrice     = 1 << 26
	declaredPrice = 1 << 36
)

// price of cutting one edge.
func (n *network) price(k cut.Pair) cut.Price {
	if n.rails.why(int(k.From), int(k.To)) != "" {
		return cut.Never
	}
	price := cut.Price(unseenPrice)
	if fs := n.flows[k]; len(fs) > 0 {
		var count uint64
		for _, f := range fs {
			count += f.Count
		}
		price = seenPrice * n.weight(int(k.To)) * cut.Price(bits.Len64(count)+1)
	}
	if len(n.needs[k]) > 0 {
		price += declaredPrice * n.weight(int(k.To))
	}
	return price
}

// weight of what a workload is for, as its owner declares it.
func (n *network) weight(u int) cut.Price {
	switch n.p.about(n.refs[u]).Criticality {
	case "critical":
		return 8
	case "high":
		return 4
	case "medium", "":
		return 2
	}
	return 1
}

// prices returns those that are not the price of an unused edge, of the edges
// between the workloads in a set.
func (n *network) prices(among []uint64) map[cut.Pair]cut.Price {
	out := make(map[cut.Pair]cut.Price)
	put := func(k cut.Pair) {
		if _, done := out[k]; !done {
			out[k] = n.price(k)
		}
	}
	for k := range n.flows {
		if n.opens(int(k.From), int(k.To)) {
			put(k)
		}
	}
	for k := range n.needs {
		if n.opens(int(k.From), int(k.To)) {
			put(k)
		}
	}
	if len(n.rails.guarded) == 0 {
		return out
	}
	for _, u := range members(among) {
		row := n.row(u)
		own := n.rails.isGuarded(u)
		for w, word := range row {
			if !own {
				word &= n.rails.mask[w]
			}
			for ; word != 0; word &= word - 1 {
				v := w<<6 + bits.TrailingZeros64(word)
				k := cut.Pair{From: int32(u), To: int32(v)} //nolint:gosec // numbers of workloads
				if x := n.price(k); x != unseenPrice {
					out[k] = x
				}
			}
		}
	}
	return out
}

// problem is the network as contain/cut takes it.
func (n *network) problem(sources, sinks []int, among []uint64) *cut.Network {
	return &cut.Network{
		N: len(n.refs), Default: unseenPrice, Edge: n.prices(among), Sources: sources, Sinks: sinks,
		Row: func(u int, into []uint64) {
			for w, word := range n.row(u) {
				into[w] |= word
			}
		},
	}
}

func (n *network) numbers(refs []ident.Ref) []int {
	out := make([]int, 0, len(refs))
	for _, r := range refs {
		out = append(out, n.index[r])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// connections returns what is open on an edge, certainly and perhaps.
func (n *network) connections(u, v int) ([]segment.Edge, error) {
	return n.p.Graph.Between(n.refs[u], n.refs[v])
}
