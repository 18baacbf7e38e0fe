package cut_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain/cut"
)

// rows is a network whose rows stand ready, so that a benchmark measures the
// cut and a copy of each row.
func rows(n int, edges func(add func(u, v int))) *cut.Network {
	words := (n + 63) / 64
	bits := make([]uint64, n*words)
	edges(func(u, v int) { bits[u*words+v/64] |= 1 << (v % 64) })
	return &cut.Network{N: n, Default: 1, Row: func(u int, into []uint64) { copy(into, bits[u*words:(u+1)*words]) }}
}

// estate has the shape of segment/synth's rich mix: namespaces of some 40
// workloads that talk among themselves, to some other namespaces, and to a
// few services that everybody uses; about 4.6 % of all pairs.
func estate(n int) *cut.Network {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	const size = 40
	spaces := (n + size - 1) / size
	net := rows(n, func(add func(u, v int)) {
		for a := range spaces {
			for b := range spaces {
				if a != b && r.IntN(30) != 0 {
					continue
				}
				for u := a * size; u < min(a*size+size, n); u++ {
					for v := b * size; v < min(b*size+size, n); v++ {
						if u != v && r.IntN(10) != 0 {
							add(u, v)
						}
					}
				}
			}
		}
		for v := range n / 100 {
			for u := range n {
				add(u, v*97%n)
			}
		}
	})
	net.Edge = map[cut.Pair]cut.Price{}
	for range 5 * n { // observed flows
		net.Edge[cut.Pair{From: int32(r.IntN(n)), To: int32(r.IntN(n))}] = cut.Price(10 + r.IntN(1000))
	}
	net.Sources, net.Sinks = []int{n / 2}, []int{97 % n}
	return net
}

func layered(width, layers int) *cut.Network {
	r := rand.New(rand.NewPCG(5, 5))
	n := width*layers + 2
	net := rows(n, func(add func(u, v int)) {
		for i := range width {
			add(n-2, i)
			add((layers-1)*width+i, n-1)
		}
		for l := range layers - 1 {
			for i := range width {
				for range 3 {
					add(l*width+i, (l+1)*width+r.IntN(width))
				}
				if l > 0 {
					add(l*width+i, (l-1)*width+r.IntN(width))
				}
			}
		}
	})
	net.Sources, net.Sinks = []int{n - 2}, []int{n - 1}
	return net
}

func grid(side int) *cut.Network {
	net := rows(side*side, func(add func(u, v int)) {
		for y := range side {
			for x := range side {
				for _, d := range [][2]int{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
					if i, j := x+d[0], y+d[1]; i >= 0 && j >= 0 && i < side && j < side {
						add(y*side+x, j*side+i)
					}
				}
			}
		}
	})
	for i := range side {
		net.Sources, net.Sinks = append(net.Sources, i*side), append(net.Sinks, i*side+side-1)
	}
	return net
}

func chain(n int) *cut.Network {
	net := rows(n, func(add func(u, v int)) {
		for u := range n - 1 {
			add(u, u+1)
			if u > 0 {
				add(u, u-1)
			}
		}
	})
	net.Sources, net.Sinks = []int{0}, []int{n - 1}
	return net
}

func bipartite(n int) *cut.Network {
	r := rand.New(rand.NewPCG(9, 9))
	net := rows(n, func(add func(u, v int)) {
		for u := range n / 2 {
			for v := n / 2; v < n; v++ {
				if r.IntN(8) == 0 {
					add(u, v)
				}
			}
		}
		for v := n / 2; v < n; v++ {
			for u := range n / 2 {
				if r.IntN(50) == 0 {
					add(v, u)
				}
			}
		}
	})
	for i := range n / 20 {
		net.Sources, net.Sinks = append(net.Sources, i), append(net.Sinks, n-1-i)
	}
	return net
}

// priced gives most edges prices that differ by orders of magnitude, which is
// where augmenting along shortest paths is at its worst.
func priced(n *cut.Network) *cut.Network {
	r := rand.New(rand.NewPCG(11, 11))
	if n.Edge == nil {
		n.Edge = map[cut.Pair]cut.Price{}
	}
	into := make([]uint64, (n.N+63)/64)
	for u := range n.N {
		clear(into)
		n.Row(u, into)
		for v := range n.N {
			if into[v/64]>>(v%64)&1 == 1 && r.IntN(10) == 0 {
				n.Edge[cut.Pair{From: int32(u), To: int32(v)}] = 1 + cut.Price(r.IntN(1<<r.IntN(24)))
			}
		}
	}
	n.Default = 100
	return n
}

func many(n *cut.Network, k int) *cut.Network {
	r := rand.New(rand.NewPCG(3, 3))
	order := r.Perm(n.N)
	n.Sources, n.Sinks = order[:k], order[k:2*k]
	return n
}

func hardening(n *cut.Network) *cut.Hardening {
	h := &cut.Hardening{Kept: map[cut.Pair]bool{}}
	for range n.N {
		h.Egress, h.Ingress = append(h.Egress, 5), append(h.Ingress, 5)
	}
	for p := range n.Edge {
		h.Kept[p] = true
	}
	return h
}

func BenchmarkEdges(b *testing.B) {
	for _, c := range []struct {
		name string
		net  *cut.Network
	}{
		{"estate-1000", estate(1000)},
		{"estate-10000", estate(10_000)},
		{"estate-10000-from-100-to-100", many(estate(10_000), 100)},
		{"estate-10000-from-1000-to-1000", many(estate(10_000), 1000)},
		{"layered-100x100", layered(100, 100)},
		{"grid-100", grid(100)},
		{"layered-100x100-priced", priced(layered(100, 100))},
		{"grid-100-priced", priced(grid(100))},
		{"estate-10000-priced", priced(many(estate(10_000), 100))},
		{"chain-10000", chain(10_000)},
		{"bipartite-10000", bipartite(10_000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var value cut.Price
			for b.Loop() {
				r, err := cut.Edges(context.Background(), c.net)
				if err != nil {
					b.Fatal(err)
				}
				value = r.Value
			}
			b.ReportMetric(float64(value), "price")
		})
	}
}

func BenchmarkWorkloads(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		for _, k := range []int{1, 100} {
			net := many(estate(n), k)
			h := hardening(net)
			b.Run(fmt.Sprintf("estate-%d-from-%d", n, k), func(b *testing.B) {
				b.ReportAllocs()
				var value cut.Price
				for b.Loop() {
					r, err := cut.Workloads(context.Background(), net, h)
					if err != nil {
						b.Fatal(err)
					}
					value = r.Value
				}
				b.ReportMetric(float64(value), "price")
			})
		}
	}
}

func BenchmarkBelow(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		net := estate(n)
		net.Sources, net.Sinks = []int{0}, nil
		b.Run(fmt.Sprintf("estate-%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := cut.Below(context.Background(), net, nil, cut.Radius{Limit: int64(n / 2)})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(r.Price), "price")
				b.ReportMetric(float64(r.LowerBound), "bound")
			}
		})
	}
}
