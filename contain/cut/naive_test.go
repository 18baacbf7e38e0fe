package cut_test

import (
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/cofferdam-io/cofferdam/contain/cut"
)

// small is a network that is written out, for the obvious slow answers.
type small struct {
	cut.Network
	hard *cut.Hardening
	adj  [][]bool
	rows int // calls of Row
}

func newSmall(n int) *small {
	s := &small{adj: make([][]bool, n)}
	for u := range s.adj {
		s.adj[u] = make([]bool, n)
	}
	s.N, s.Default, s.Edge = n, 1, map[cut.Pair]cut.Price{}
	s.Row = func(u int, into []uint64) {
		s.rows++
		for v, open := range s.adj[u] {
			if open {
				into[v/64] |= 1 << (v % 64)
			}
		}
	}
	return s
}

func (s *small) price(u, v int) cut.Price {
	if p, ok := s.Edge[cut.Pair{From: int32(u), To: int32(v)}]; ok {
		return p
	}
	return s.Default
}

func (s *small) kept(u, v int) bool {
	return s.hard != nil && s.hard.Kept[cut.Pair{From: int32(u), To: int32(v)}]
}

// random is a network of n workloads; dear makes most prices alike so that there are many minimum cuts.
func random(r *rand.Rand, n int, density float64) *small {
	s := newSmall(n)
	s.Default = cut.Price(1 + r.IntN(3))
	if r.IntN(8) == 0 {
		s.Default = cut.Never
	}
	odd := r.Float64() * 0.7
	for u := range n {
		for v := range n {
			s.adj[u][v] = r.Float64() < density // self edges too: they mean nothing
			if r.Float64() < odd {
				s.Edge[cut.Pair{From: int32(u), To: int32(v)}] = randomPrice(r)
			}
		}
	}
	order := r.Perm(n)
	k := 1 + r.IntN(max(1, n/3))
	s.Sources = order[:k]
	s.Sinks = order[k : k+1+r.IntN(max(1, (n-k)/2))]
	return s
}

func randomPrice(r *rand.Rand) cut.Price {
	if r.IntN(6) == 0 {
		return cut.Never
	}
	return cut.Price(1 + r.IntN(4))
}

func (s *small) harden(r *rand.Rand) {
	s.hard = &cut.Hardening{Kept: map[cut.Pair]bool{}}
	for range s.N {
		s.hard.Egress = append(s.hard.Egress, randomPrice(r))
		s.hard.Ingress = append(s.hard.Ingress, randomPrice(r))
	}
	for u := range s.N {
		for v := range s.N {
			if r.IntN(4) == 0 {
				s.hard.Kept[cut.Pair{From: int32(u), To: int32(v)}] = true
			}
		}
	}
}

// plus adds prices, where Never absorbs.
func plus(a, b cut.Price) cut.Price {
	if a == cut.Never || b == cut.Never {
		return cut.Never
	}
	return a + b
}

// cost is the price of leaving exactly side (a mask) on the source side by
// naming edges, those gone by hardening left out.
func (s *small) cost(side, egress, ingress int) cut.Price {
	var sum cut.Price
	for u := range s.N {
		for v := range s.N {
			if u != v && s.adj[u][v] && side>>u&1 == 1 && side>>v&1 == 0 && (s.kept(u, v) || egress>>u&1 == 0 && ingress>>v&1 == 0) {
				sum = plus(sum, s.price(u, v))
			}
		}
	}
	return sum
}

// reach is what the sources reach after c, by walking.
func (s *small) reach(c *cut.Cut) []int {
	seen := make([]bool, s.N)
	queue := slices.Clone(s.Sources)
	for _, u := range queue {
		seen[u] = true
	}
	egress, ingress, named := map[int]bool{}, map[int]bool{}, map[cut.Pair]bool{}
	for _, u := range c.Egress {
		egress[u] = true
	}
	for _, u := range c.Ingress {
		ingress[u] = true
	}
	for _, p := range c.Pairs {
		named[p] = true
	}
	for i := 0; i < len(queue); i++ {
		u := queue[i]
		if slices.Contains(s.Sinks, u) {
			continue
		}
		for v := range s.N {
			gone := named[cut.Pair{From: int32(u), To: int32(v)}] || !s.kept(u, v) && (egress[u] || ingress[v])
			if s.adj[u][v] && !gone && !seen[v] {
				seen[v] = true
				queue = append(queue, v)
			}
		}
	}
	var out []int
	for u, ok := range seen {
		if ok {
			out = append(out, u)
		}
	}
	return out
}

// total is the price of a cut's parts, each summed for itself.
func (s *small) total(c *cut.Cut) cut.Price {
	var sum cut.Price
	for _, p := range c.Pairs {
		sum = plus(sum, s.price(int(p.From), int(p.To)))
	}
	for _, u := range c.Egress {
		sum = plus(sum, s.hard.Egress[u])
	}
	for _, u := range c.Ingress {
		sum = plus(sum, s.hard.Ingress[u])
	}
	return sum
}

func mask(us []int) int {
	m := 0
	for _, u := range us {
		m |= 1 << u
	}
	return m
}

// choice is a hardening and the nodes on the sources' side of a cut, as bits.
type choice struct{ side, egress, ingress int }

// choices yields every hardening with every source side that separates the
// sources from the sinks, and its price; those that have none are left out.
func (s *small) choices() iter.Seq2[choice, cut.Price] {
	sources, sinks := mask(s.Sources), mask(s.Sinks)
	hardenings := 1
	if s.hard != nil {
		hardenings = 1 << (2 * s.N)
	}
	return func(yield func(choice, cut.Price) bool) {
		for h := range hardenings {
			egress, ingress := h&(1<<s.N-1), h>>s.N
			var price cut.Price
			for u := range s.N {
				if egress>>u&1 == 1 {
					price = plus(price, s.hard.Egress[u])
				}
				if ingress>>u&1 == 1 {
					price = plus(price, s.hard.Ingress[u])
				}
			}
			if price == cut.Never {
				continue
			}
			for side := range 1 << s.N {
				if side&sources != sources || side&sinks != 0 {
					continue
				}
				if p := plus(price, s.cost(side, egress, ingress)); p != cut.Never && !yield(choice{side, egress, ingress}, p) {
					return
				}
			}
		}
	}
}

// brute returns the least price of all choices and, for every one of that price,
// what the sources reach after it.
func (s *small) brute() (best cut.Price, reaches []int) {
	best = cut.Never
	for c, p := range s.choices() {
		if p > best {
			continue
		}
		if p < best {
			best, reaches = p, reaches[:0]
		}
		reaches = append(reaches, mask(s.reach(s.asCut(c))))
	}
	return best, reaches
}

func (s *small) asCut(of choice) *cut.Cut {
	c := &cut.Cut{}
	for u := range s.N {
		if of.egress>>u&1 == 1 {
			c.Egress = append(c.Egress, u)
		}
		if of.ingress>>u&1 == 1 {
			c.Ingress = append(c.Ingress, u)
		}
		for v := range s.N {
			if s.adj[u][v] && of.side>>u&1 == 1 && of.side>>v&1 == 0 {
				c.Pairs = append(c.Pairs, cut.Pair{From: int32(u), To: int32(v)})
			}
		}
	}
	return c
}
