//go:build unix

package contain_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
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
			m := synth.Model(synth.Config{Pods: c.n, Workloads: c.n, Policies: c.n, Mix: synth.Rich, Seed: c.seed})
			p := benchProblem(b, m, c.ends, c.seed)
			p.Objective, p.AcceptUnobserved = c.objective, true
			b.ReportAllocs()
			var cuts, ways int
			var spent time.Duration
			for b.Loop() {
				b.StopTimer()
				p.Graph = benchGraph(b, m) // changes are cheap on the newest graph of a line only
				runtime.GC()
				b.StartTimer()
				from := used.CPU(b)
				plan, err := contain.Make(context.Background(), p)
				if err != nil {
					b.Fatal(err)
				}
				spent += used.CPU(b) - from
				cuts, ways = len(plan.Cuts), len(plan.Alternatives)
			}
			b.ReportMetric(float64(cuts), "cuts")
			b.ReportMetric(float64(ways), "ways")
			b.ReportMetric(float64(spent.Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// benchGraph is an estate whose lines are known already, as they are to whoever
// has asked it something.
func benchGraph(b *testing.B, m *segment.Model) *segment.Graph {
	b.Helper()
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := g.Count(context.Background()); err != nil {
		b.Fatal(err)
	}
	return g
}

func benchProblem(b *testing.B, m *segment.Model, ends int, seed uint64) *contain.Problem {
	b.Helper()
	g := benchGraph(b, m)
	refs := g.Workloads()
	n := len(refs)
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
