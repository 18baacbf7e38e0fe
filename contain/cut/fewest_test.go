package cut_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain/cut"
)

// cuts lists every minimum cut by brute force, as text.
func (s *small) cuts() map[string]bool {
	out := map[string]bool{}
	best, _ := s.brute()
	for of, price := range s.choices() {
		if price != best {
			continue
		}
		c := s.asCut(of)
		var named []cut.Pair
		for _, p := range c.Pairs {
			if s.kept(int(p.From), int(p.To)) || of.egress>>p.From&1 == 0 && of.ingress>>p.To&1 == 0 {
				named = append(named, p)
			}
		}
		out[fmt.Sprint(named, c.Egress, c.Ingress)] = true
	}
	return out
}

func TestFewestSeesEveryMinimumCut(t *testing.T) {
	several := 0
	for seed := range uint64(6000) {
		r := rand.New(rand.NewPCG(seed, 10))
		n := 3 + r.IntN(5)
		hard := r.IntN(3) == 0
		if hard {
			n = 3 + r.IntN(2)
		}
		s := random(r, n, 0.2+r.Float64()/2)
		s.Default = 1
		for p, price := range s.Edge {
			s.Edge[p] = min(price, 2)
		}
		s.Sources, s.Sinks = []int{0}, []int{n - 1}
		if hard {
			s.harden(r)
		}
		want := s.cuts()
		seen := map[string]bool{}
		least := 1 << 30
		score := func(c *cut.Cut) int {
			seen[fmt.Sprint(c.Pairs, c.Egress, c.Ingress)] = true
			if p := s.total(c); p != c.Price {
				t.Fatalf("seed %d: %+v costs %d", seed, c, p)
			}
			v := r.IntN(50)
			least = min(least, v)
			return v
		}
		f, err := cut.Fewest(context.Background(), &s.Network, s.hard, score, 1<<20)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !f.All || f.Score != least {
			t.Fatalf("seed %d: %+v; the least score was %d", seed, f, least)
		}
		if len(want) > 1 {
			several++
		}
		if len(seen) != len(want) {
			t.Fatalf("seed %d: saw %v, brute force finds %v", seed, seen, want)
		}
		for c := range want {
			if !seen[c] {
				t.Fatalf("seed %d: %v is a minimum cut and was not seen", seed, c)
			}
		}
		calls := 0
		f, err = cut.Fewest(context.Background(), &s.Network, s.hard, func(c *cut.Cut) int { calls++; return c.Size() }, 2)
		if err != nil || calls > 2 || f.Seen != calls || f.All && len(want) > 2 {
			t.Fatalf("seed %d: with two tries %+v after %d calls, %v; there are %d", seed, f, calls, err, len(want))
		}
	}
	if several < 1000 {
		t.Fatalf("only %d cases had several minimum cuts", several)
	}
}

func TestFewestWithoutCut(t *testing.T) {
	s := newSmall(2)
	s.adj[0][1], s.Default = true, cut.Never
	s.Sources, s.Sinks = []int{0}, []int{1}
	var none *cut.NoCutError
	if f, err := cut.Fewest(context.Background(), &s.Network, nil, func(*cut.Cut) int { return 0 }, 5); !errors.As(err, &none) {
		t.Errorf("%+v, %v", f, err)
	}
}
