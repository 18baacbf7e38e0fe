package contain_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

// BenchmarkMake measures a plan with its proof: some workloads kept from others
// that they reach, or taken off the network.
func BenchmarkMake(b *testing.B) {
	for _, c := range []struct {
		n, ends   int
		seed      uint64
		objective contain.Objective
	}{
		{1000, 1, 1, contain.Separate}, {1000, 3, 1, contain.Separate}, {1000, 3, 2, contain.Separate}, {1000, 3, 3, contain.Separate},
		{1000, 30, 1, contain.Separate}, {1000, 3, 1, contain.Isolate},
		{10000, 1, 1, contain.Separate}, {10000, 3, 1, contain.Separate}, {10000, 3, 2, contain.Separate}, {10000, 3, 3, contain.Separate},
		{10000, 100, 1, contain.Separate}, {10000, 3, 1, contain.Isolate},
	} {
		b.Run(fmt.Sprintf("%d/%s/from-%d/seed-%d", c.n, c.objective, c.ends, c.seed), func(b *testing.B) {
			p := benchProblem(b, c.n, c.ends, c.seed)
			p.Objective, p.AcceptUnobserved = c.objective, true
			b.ReportAllocs()
			for b.Loop() {
				plan, err := contain.Make(context.Background(), p)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(plan.Cuts)), "cuts")
			}
		})
	}
}

func benchProblem(b *testing.B, n, ends int, seed uint64) *contain.Problem {
	b.Helper()
	g, err := segment.Build(context.Background(), synth.Model(synth.Config{Pods: n, Workloads: n, Policies: n, Mix: synth.Rich, Seed: seed}))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := g.Count(context.Background()); err != nil {
		b.Fatal(err)
	}
	refs := g.Workloads()
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	p := &contain.Problem{Query: "benchmark", Graph: g, Means: contain.AdminTier}
	for len(p.Protected) == 0 {
		p.Affected = nil
		for range ends {
			p.Affected = append(p.Affected, refs[r.IntN(n)])
		}
		reached, err := g.Reach(context.Background(), p.Affected, segment.Forward, 0)
		if err != nil {
			b.Fatal(err)
		}
		inside := slices.DeleteFunc(reached, func(x segment.Reached) bool { return x.Workload.IsCIDR() })
		if len(inside) < n/10 {
			continue
		}
		for range ends {
			p.Protected = append(p.Protected, inside[r.IntN(len(inside))].Workload)
		}
	}
	slices.SortFunc(p.Affected, ident.Ref.Compare)
	slices.SortFunc(p.Protected, ident.Ref.Compare)
	p.Affected, p.Protected = slices.Compact(p.Affected), slices.Compact(p.Protected)
	return p
}
