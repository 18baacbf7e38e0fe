package cut_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain/cut"
)

func TestCoverAgainstBruteForce(t *testing.T) {
	impossible := 0
	for seed := range uint64(10_000) {
		r := rand.New(rand.NewPCG(seed, 4))
		n := 1 + r.IntN(5)
		egress, ingress := make([]cut.Price, n), make([]cut.Price, n)
		for i := range n {
			egress[i], ingress[i] = 1, 1
			if r.IntN(2) == 0 {
				egress[i], ingress[i] = randomPrice(r), randomPrice(r)
			}
		}
		var pairs []cut.Pair
		for range r.IntN(12) {
			pairs = append(pairs, cut.Pair{From: int32(r.IntN(n)), To: int32(r.IntN(n))})
		}
		best := cut.Never
		for m := range 1 << (2 * n) {
			var price cut.Price
			for i := range n {
				if m>>i&1 == 1 {
					price = plus(price, egress[i])
				}
				if m>>(n+i)&1 == 1 {
					price = plus(price, ingress[i])
				}
			}
			if price < best && !slices.ContainsFunc(pairs, func(p cut.Pair) bool { return m>>p.From&1 == 0 && m>>(n+int(p.To))&1 == 0 }) {
				best = price
			}
		}
		e, err := cut.Cover(pairs, func(u int) cut.Price { return egress[u] }, func(u int) cut.Price { return ingress[u] })
		if best == cut.Never {
			impossible++
			var none *cut.UnenforceableError
			if !errors.As(err, &none) || egress[none.Pair.From] != cut.Never || ingress[none.Pair.To] != cut.Never || !slices.Contains(pairs, none.Pair) {
				t.Fatalf("seed %d: error %v where nothing can enforce", seed, err)
			}
			continue
		}
		if err != nil || e.Price != best {
			t.Fatalf("seed %d: price %d (%v), brute force finds %d", seed, e.Price, err, best)
		}
		var sum cut.Price
		for _, u := range e.EgressOf {
			sum = plus(sum, egress[u])
		}
		for _, u := range e.IngressOf {
			sum = plus(sum, ingress[u])
		}
		if sum != best || !slices.IsSorted(e.EgressOf) || !slices.IsSorted(e.IngressOf) {
			t.Fatalf("seed %d: subjects %+v cost %d, not %d", seed, e, sum, best)
		}
		usedOut, usedIn := map[int]bool{}, map[int]bool{}
		for i, p := range pairs {
			in := e.Ingress[i]
			if in && !slices.Contains(e.IngressOf, int(p.To)) || !in && !slices.Contains(e.EgressOf, int(p.From)) {
				t.Fatalf("seed %d: pair %v is enforced where nothing is: %+v", seed, p, e)
			}
			if in {
				usedIn[int(p.To)] = true
			} else {
				usedOut[int(p.From)] = true
			}
		}
		if len(usedOut) != len(e.EgressOf) || len(usedIn) != len(e.IngressOf) {
			t.Fatalf("seed %d: a subject of %+v enforces nothing", seed, e)
		}
	}
	if impossible == 0 || impossible == 10_000 {
		t.Fatalf("%d of the cases were impossible: the test shows nothing", impossible)
	}
}

func BenchmarkCover(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	var pairs []cut.Pair
	for range 100_000 {
		pairs = append(pairs, cut.Pair{From: int32(r.IntN(3000)), To: int32(r.IntN(3000))})
	}
	one := func(int) cut.Price { return 1 }
	for b.Loop() {
		if _, err := cut.Cover(pairs, one, one); err != nil {
			b.Fatal(err)
		}
	}
}
