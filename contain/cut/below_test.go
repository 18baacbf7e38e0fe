package cut_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain/cut"
)

// bruteBelow is the least price of all choices that leave a weight within the limit.
func (s *small) bruteBelow(limit int64, weight []int64) cut.Price {
	best, sources := cut.Never, mask(s.Sources)
	for c, p := range s.choices() {
		if p < best && s.weigh(c.side&^sources, weight) <= limit {
			best = p
		}
	}
	return best
}

func (s *small) weigh(side int, weight []int64) (sum int64) {
	for u := range s.N {
		if side>>u&1 == 1 {
			sum += weightOf(weight, u)
		}
	}
	return sum
}

func weightOf(weight []int64, u int) int64 {
	if weight == nil {
		return 1
	}
	return weight[u]
}

func (s *small) checkBelow(t *testing.T, seed uint64, b *cut.Bounded, r cut.Radius) {
	t.Helper()
	reach := s.reach(&b.Cut)
	var size int64
	for _, u := range reach {
		if !slices.Contains(s.Sources, u) {
			size += weightOf(r.Weight, u)
		}
	}
	if !slices.Equal(reach, b.Cut.Reach) || size != b.Size || size > r.Limit {
		t.Fatalf("seed %d: %+v reaches %v of weight %d, at most %d are allowed", seed, b, reach, size, r.Limit)
	}
	if slices.ContainsFunc(s.Sinks, func(v int) bool { return slices.Contains(reach, v) }) {
		t.Fatalf("seed %d: a sink is reached", seed)
	}
	if got := s.total(&b.Cut); got != b.Price || b.Cut.Price != got || b.LowerBound > b.Price || b.Exact != (b.LowerBound == b.Price) {
		t.Fatalf("seed %d: %+v, whose parts cost %d", seed, b, got)
	}
}

func TestBelowAgainstBruteForce(t *testing.T) {
	found, impossible := 0, 0
	for seed := range uint64(12_000) {
		r := rand.New(rand.NewPCG(seed, 7))
		n := 2 + r.IntN(6)
		hard := r.IntN(3) == 0
		switch {
		case hard:
			n = 2 + r.IntN(3)
		case seed%100 == 0:
			n = 9 + r.IntN(4) // branches go deep
		}
		s := random(r, n, r.Float64())
		if r.IntN(3) > 0 {
			s.Sinks = nil
		}
		if hard {
			s.harden(r)
		}
		radius := cut.Radius{Limit: int64(r.IntN(n))}
		if r.IntN(2) == 0 {
			for range n {
				radius.Weight = append(radius.Weight, int64(r.IntN(5)))
			}
			radius.Limit = int64(r.IntN(2 * n))
		}
		if r.IntN(4) == 0 { // so great that tolls must be rounded
			s.Default = min(s.Default, 3) << 46
			for p, price := range s.Edge {
				if price != cut.Never {
					s.Edge[p] = price<<46 - cut.Price(r.IntN(1000))
				}
			}
			for u := range radius.Weight {
				radius.Weight[u] <<= 27
			}
			if radius.Weight != nil {
				radius.Limit = radius.Limit<<27 + int64(r.IntN(1<<27))
			}
		}
		want := s.bruteBelow(radius.Limit, radius.Weight)
		got, err := cut.Below(context.Background(), &s.Network, s.hard, radius)
		if want == cut.Never {
			impossible++
			var noCut *cut.NoCutError
			var noRadius *cut.NoRadiusError
			switch {
			case errors.As(err, &noCut):
				s.checkNoCut(t, err)
			case !errors.As(err, &noRadius):
				t.Fatalf("seed %d: %+v, %v where nothing keeps to the limit", seed, got, err)
			case s.weigh(mask(noRadius.Reach)&^mask(s.Sources), radius.Weight) != noRadius.Size || noRadius.Size <= radius.Limit || noRadius.Error() == "":
				t.Fatalf("seed %d: %+v is no reason", seed, noRadius)
			}
			continue
		}
		found++
		if err != nil {
			t.Fatalf("seed %d: %v, although %d keeps to %d", seed, err, want, radius.Limit)
		}
		s.checkBelow(t, seed, got, radius)
		if !got.Exact || got.Price != want {
			t.Fatalf("seed %d: %+v; brute force finds %d for %d", seed, got, want, radius.Limit)
		}
	}
	if found < 5000 || impossible < 500 {
		t.Fatalf("%d cases had a cut, %d none: the test shows too little", found, impossible)
	}
}

// TestBelowIsBounded: with few flows the answer need not be exact, but what is
// said about it is true.
func TestBelowIsBounded(t *testing.T) {
	exact, open := 0, 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 8))
		s := shape(r, 40+r.IntN(60))
		s.Sinks = nil
		if r.IntN(2) == 0 {
			s.harden(r)
		}
		radius := cut.Radius{Limit: int64(r.IntN(s.N / 2)), Flows: 1}
		few, err := cut.Below(context.Background(), &s.Network, s.hard, radius)
		if err != nil {
			continue
		}
		radius.Flows = 500
		many, err := cut.Below(context.Background(), &s.Network, s.hard, radius)
		if err != nil {
			t.Fatalf("seed %d: %v with more flows", seed, err)
		}
		s.checkBelow(t, seed, few, radius)
		s.checkBelow(t, seed, many, radius)
		if few.LowerBound > many.Price || many.LowerBound > few.Price || many.Price > few.Price || many.LowerBound < few.LowerBound {
			t.Fatalf("seed %d: %d…%d with one flow, %d…%d with many", seed, few.LowerBound, few.Price, many.LowerBound, many.Price)
		}
		if many.Exact {
			exact++
		} else {
			open++
		}
	}
	t.Logf("%d exact, %d bounded", exact, open)
}

// TestBelowOfTwentyIsExact: up to SmallRadius workloads the gap is always closed.
func TestBelowOfTwentyIsExact(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 9))
		s := newSmall(cut.SmallRadius + 1)
		for u := range s.N {
			for v := range s.N {
				s.adj[u][v] = true
				s.Edge[cut.Pair{From: int32(u), To: int32(v)}] = cut.Price(1 + r.IntN(20))
			}
		}
		s.Sources = []int{0}
		radius := cut.Radius{Limit: int64(5 + r.IntN(10)), Flows: 1}
		for range s.N {
			radius.Weight = append(radius.Weight, int64(1+r.IntN(3)))
		}
		b, err := cut.Below(context.Background(), &s.Network, nil, radius)
		if err != nil || !b.Exact {
			t.Fatalf("seed %d: %+v, %v", seed, b, err)
		}
		s.checkBelow(t, seed, b, radius)
	}
}

func TestBadRadius(t *testing.T) {
	s := newSmall(2)
	s.adj[0][1] = true
	s.Sources = []int{0}
	for name, r := range map[string]cut.Radius{
		"negative": {Limit: -1},
		"short":    {Weight: []int64{1}},
		"light":    {Weight: []int64{0, -1}},
		"heavy":    {Weight: []int64{0, cut.MaxWeight + 1}},
	} {
		if b, err := cut.Below(context.Background(), &s.Network, nil, r); err == nil {
			t.Errorf("%s: no error but %+v", name, b)
		}
	}
	s.Default = cut.MaxPrice
	s.Row, s.N = func(int, []uint64) {}, 1<<6
	s.Sources = nil
	for u := range s.N {
		s.Sources = append(s.Sources, u)
	}
	if b, err := cut.Below(context.Background(), &s.Network, nil, cut.Radius{}); !errors.Is(err, cut.ErrPrices) {
		t.Errorf("prices that leave no room: %+v, %v", b, err)
	}
	none := newSmall(3)
	if b, err := cut.Below(context.Background(), &none.Network, nil, cut.Radius{}); err != nil || !b.Exact || b.Price != 0 || b.Size != 0 {
		t.Errorf("no sources: %+v, %v", b, err)
	}
}
