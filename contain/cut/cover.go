package cut

import (
	"context"
	"fmt"
	"slices"
)

// Enforced says where each pair of a list is enforced.
type Enforced struct {
	// Price is the sum over EgressOf and IngressOf; no choice is cheaper.
	Price Price
	// Ingress says for each pair, in the order given, that it is enforced at its
	// destination's ingress and not at its source's egress.
	Ingress []bool
	// EgressOf and IngressOf are the workloads that have something to enforce in
	// that direction. They ascend.
	EgressOf, IngressOf []int
}

// UnenforceableError names a pair that neither end can enforce.
type UnenforceableError struct{ Pair Pair }

func (e *UnenforceableError) Error() string {
	return fmt.Sprintf("edge %d → %d can be enforced neither at its source's egress nor at its destination's ingress", e.Pair.From, e.Pair.To)
}

// Cover chooses for every pair of a cut the end that enforces it, so that the
// (workload, direction) subjects that are touched cost the least together; with
// a price of 1 for each they are the fewest. egress and ingress price a
// workload as subject; Never is an end that enforces nothing. Among equals it
// prefers the egress of sources. It is exact: a minimum vertex cover of a
// bipartite graph is a minimum cut (Kőnig 1931).
func Cover(pairs []Pair, egress, ingress func(node int) Price) (Enforced, error) {
	froms, tos := make([]int, len(pairs)), make([]int, len(pairs))
	for i, p := range pairs {
		froms[i], tos[i] = int(p.From), int(p.To)
	}
	froms, tos = sortedUnique(froms), sortedUnique(tos)
	source, sink := len(froms)+len(tos), len(froms)+len(tos)+1
	f := newFlow(sink+1, 0, 0, Never)
	f.sources = []int32{int32(source)}
	f.sinks.add(int32(sink))
	for x := range f.nodes {
		f.alive.add(int32(x))
	}
	sum := 0.0
	side := func(nodes []int, price func(int) Price, add func(i int32, p Price)) error {
		for i, u := range nodes {
			p := price(u)
			if err := checkPrice(p); err != nil {
				return fmt.Errorf("enforcing at workload %d: %w", u, err)
			}
			if p != Never {
				sum += float64(p)
			}
			add(int32(i), capacity(p))
		}
		return nil
	}
	f.arcs = make([]arc, 0, 2*(len(froms)+len(tos)+len(pairs)))
	if err := side(froms, egress, func(i int32, p Price) { f.add(int32(source), i, p) }); err != nil {
		return Enforced{}, err
	}
	if err := side(tos, ingress, func(i int32, p Price) { f.add(int32(len(froms))+i, int32(sink), p) }); err != nil {
		return Enforced{}, err
	}
	if err := checkSum(sum); err != nil {
		return Enforced{}, err
	}
	ends := make([][2]int32, len(pairs))
	for i, p := range pairs {
		from, _ := slices.BinarySearch(froms, int(p.From))
		to, _ := slices.BinarySearch(tos, int(p.To))
		ends[i] = [2]int32{int32(from), int32(len(froms) + to)}
		// The subjects' arcs come first and in order, so arc 2i is that of subject i.
		if f.arcs[2*from].res == infinite && f.arcs[2*(len(froms)+to)].res == infinite {
			return Enforced{}, &UnenforceableError{Pair: p}
		}
		f.add(ends[i][0], ends[i][1], infinite)
	}
	value, err := f.run(context.Background())
	if err != nil {
		return Enforced{}, err
	}
	near := f.near()
	e := Enforced{Price: value, Ingress: make([]bool, len(pairs))}
	for i := range pairs {
		// A source that is not on the source side is cut off: its egress is chosen.
		e.Ingress[i] = near.has(ends[i][0])
	}
	for i, u := range froms {
		if !near.has(int32(i)) {
			e.EgressOf = append(e.EgressOf, u)
		}
	}
	for i, u := range tos {
		if near.has(int32(len(froms) + i)) {
			e.IngressOf = append(e.IngressOf, u)
		}
	}
	return e, nil
}
