package contain_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

// BenchmarkMake measures a plan with its proof: three workloads kept from three.
func BenchmarkMake(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			g, err := segment.Build(context.Background(), synth.Model(synth.Config{Pods: n, Workloads: n, Policies: n, Mix: synth.Rich, Seed: 1}))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := g.Count(context.Background()); err != nil {
				b.Fatal(err)
			}
			refs := g.Workloads()
			p := &contain.Problem{Query: "benchmark", Graph: g, Means: contain.AdminTier, Affected: []ident.Ref{refs[1], refs[n/3], refs[n/2]}}
			reached, err := g.Reach(context.Background(), p.Affected, segment.Forward, 0)
			if err != nil || len(reached) < 100 {
				b.Fatal(err, len(reached))
			}
			for _, i := range []int{5, len(reached) / 2, len(reached) - 5} {
				p.Protected = append(p.Protected, reached[i].Workload)
			}
			slices.SortFunc(p.Affected, ident.Ref.Compare)
			slices.SortFunc(p.Protected, ident.Ref.Compare)
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
