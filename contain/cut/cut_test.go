package cut_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain/cut"
)

// check holds a result against the brute answer: price, separation, what is
// still reached, and that near and far bound all minimum cuts.
func check(t *testing.T, s *small, r *cut.Result, err error) {
	t.Helper()
	best, reaches := s.brute()
	if best == cut.Never {
		s.checkNoCut(t, err)
		return
	}
	if err != nil {
		t.Fatalf("%v, although a cut of %d exists", err, best)
	}
	if r.Value != best {
		t.Fatalf("value %d, brute force finds %d", r.Value, best)
	}
	s.checkCuts(t, r)
	near, far := mask(r.Near.Reach), mask(r.Far.Reach)
	for _, m := range reaches {
		if near&^m != 0 || m&^far != 0 {
			t.Fatalf("a minimum cut leaves %b, which is not between near %b and far %b", m, near, far)
		}
	}
	if !slices.Contains(reaches, near) || !slices.Contains(reaches, far) {
		t.Fatalf("near %b or far %b is no minimum cut of %b", near, far, reaches)
	}
}

func (s *small) checkCuts(t *testing.T, r *cut.Result) {
	t.Helper()
	for _, c := range []*cut.Cut{&r.Near, &r.Far} {
		if got := s.total(c); got != r.Value || c.Price != got {
			t.Fatalf("the parts of %+v cost %d, its value is %d", c, got, r.Value)
		}
		reach := s.reach(c)
		if !slices.Equal(reach, c.Reach) {
			t.Fatalf("after %+v the sources reach %v", c, reach)
		}
		for _, v := range s.Sinks {
			if slices.Contains(reach, v) {
				t.Fatalf("sink %d is reached after %+v", v, c)
			}
		}
		if !slices.IsSortedFunc(c.Pairs, func(a, b cut.Pair) int { return int(a.From-b.From)*s.N*2 + int(a.To-b.To) }) || !slices.IsSorted(c.Egress) || !slices.IsSorted(c.Ingress) {
			t.Fatalf("not sorted: %+v", c)
		}
	}
	if same := slices.Equal(r.Near.Pairs, r.Far.Pairs) && slices.Equal(r.Near.Egress, r.Far.Egress) && slices.Equal(r.Near.Ingress, r.Far.Ingress); same != r.Unique {
		t.Fatalf("unique is %v", r.Unique)
	}
	if s.rows > s.N {
		t.Fatalf("Row was called %d times for %d workloads", s.rows, s.N)
	}
}

func (s *small) checkNoCut(t *testing.T, err error) {
	t.Helper()
	var none *cut.NoCutError
	if !errors.As(err, &none) {
		t.Fatalf("error %v where no cut exists", err)
	}
	p := none.Path
	if !slices.Contains(s.Sources, p[0]) || !slices.Contains(s.Sinks, p[len(p)-1]) || len(p) < 2 {
		t.Fatalf("path %v does not lead from %v to %v", p, s.Sources, s.Sinks)
	}
	for i, v := range p[1:] {
		u := p[i]
		hardened := s.hard != nil && !s.kept(u, v) && (s.hard.Egress[u] != cut.Never || s.hard.Ingress[v] != cut.Never)
		if !s.adj[u][v] || s.price(u, v) != cut.Never || hardened {
			t.Fatalf("path %v: %d → %d can be cut", p, u, v)
		}
	}
}

func TestEdgesAgainstBruteForce(t *testing.T) {
	for seed := range uint64(20_000) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := random(r, 2+r.IntN(6), r.Float64())
		got, err := cut.Edges(context.Background(), &s.Network)
		check(t, s, got, err)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestWorkloadsAgainstBruteForce(t *testing.T) {
	for seed := range uint64(10_000) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := random(r, 2+r.IntN(3), r.Float64())
		s.harden(r)
		got, err := cut.Workloads(context.Background(), &s.Network, s.hard)
		check(t, s, got, err)
		if err != nil {
			continue
		}
		edges, err := cut.Edges(context.Background(), &s.Network)
		if err == nil && edges.Value < got.Value {
			t.Fatalf("seed %d: hardening costs %d, naming edges %d", seed, got.Value, edges.Value)
		}
	}
}

// TestEdgesAgainstEverySubset takes nothing for granted about cuts and sides:
// it removes every subset of the edges and walks.
func TestEdgesAgainstEverySubset(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := random(r, 3+r.IntN(2), 0.6)
		var pairs []cut.Pair
		for u := range s.N {
			for v := range s.N {
				if u != v && s.adj[u][v] {
					pairs = append(pairs, cut.Pair{From: int32(u), To: int32(v)})
				}
			}
		}
		best := cut.Never
		for m := range 1 << len(pairs) {
			c := &cut.Cut{}
			for i, p := range pairs {
				if m>>i&1 == 1 {
					c.Pairs = append(c.Pairs, p)
				}
			}
			if p := s.total(c); p < best && !slices.ContainsFunc(s.reach(c), func(u int) bool { return slices.Contains(s.Sinks, u) }) {
				best = p
			}
		}
		got, err := cut.Edges(context.Background(), &s.Network)
		if best == cut.Never {
			s.checkNoCut(t, err)
		} else if err != nil || got.Value != best {
			t.Fatalf("seed %d: %v, %v; removing subsets finds %d", seed, got, err, best)
		}
	}
}
