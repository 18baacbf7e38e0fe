package cut_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/cofferdam-io/cofferdam/contain/cut"
)

// joining are edges given as the ends of each node's.
func joining(open [][]int) func(u int, into []uint64) {
	return func(u int, into []uint64) {
		for _, v := range open[u] {
			into[0] |= 1 << v
		}
	}
}

// web → cart → {redis, orders} → db: what keeps web from db?
func ExampleEdges() {
	n := &cut.Network{
		N:       5,
		Row:     joining([][]int{{1}, {2, 3}, {4}, {4}, {}}),
		Default: 1,
		Edge:    map[cut.Pair]cut.Price{{From: 0, To: 1}: 100}, // observed: dear
		Sources: []int{0}, Sinks: []int{4},
	}
	r, err := cut.Edges(context.Background(), n)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Value, "near:", r.Near.Pairs, "far:", r.Far.Pairs)

	n.Edge = map[cut.Pair]cut.Price{{From: 0, To: 1}: cut.Never, {From: 1, To: 2}: cut.Never, {From: 2, To: 4}: cut.Never}
	_, err = cut.Edges(context.Background(), n)
	var none *cut.NoCutError
	fmt.Println(errors.As(err, &none), none.Path)
	// Output:
	// 2 near: [{1 2} {1 3}] far: [{2 4} {3 4}]
	// true [0 1 2 4]
}

// Hardening cart's egress once is cheaper than naming both of its edges.
func ExampleWorkloads() {
	n := &cut.Network{
		N:       5,
		Row:     joining([][]int{{1}, {2, 3}, {4}, {4}, {}}),
		Default: 10,
		Sources: []int{0}, Sinks: []int{4},
	}
	r, err := cut.Workloads(context.Background(), n, &cut.Hardening{
		Egress: []cut.Price{4, 3, 4, 4, 4},
		Kept:   map[cut.Pair]bool{{From: 0, To: 1}: true},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Value, r.Near.Pairs, r.Near.Egress, r.Near.Ingress, r.Near.Reach)
	// Output: 3 [] [1] [] [0 1]
}

// What reaches at most three workloads further, and costs least?
func ExampleBelow() {
	n := &cut.Network{
		N:       5,
		Row:     joining([][]int{{1, 2}, {3}, {3, 4}, {4}, {}}),
		Default: 1,
		Sources: []int{0},
	}
	b, err := cut.Below(context.Background(), n, nil, cut.Radius{Limit: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(b.Price, b.LowerBound, b.Exact, b.Cut.Pairs, b.Cut.Reach)
	// Output: 1 1 true [{0 1}] [0 2 3 4]
}

// Two edges into db are held by one ingress.
func ExampleCover() {
	one := func(int) cut.Price { return 1 }
	e, err := cut.Cover([]cut.Pair{{From: 1, To: 4}, {From: 2, To: 4}}, one, one)
	fmt.Println(e.Price, e.Ingress, e.EgressOf, e.IngressOf, err)
	// Output: 1 [true true] [] [4] <nil>
}
