package synth_test

import (
	"context"
	"testing"

	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

func BenchmarkBuildAndCount(b *testing.B) {
	for _, mix := range synth.Mixes() {
		b.Run(string(mix), func(b *testing.B) {
			m := synth.Model(synth.Config{Pods: 100_000, Workloads: 10_000, Policies: 10_000, Mix: mix, Seed: 1})
			for b.Loop() {
				g, err := segment.Build(context.Background(), m)
				if err != nil {
					b.Fatal(err)
				}
				n, err := g.Count(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(n.Edges), "edges")
				b.ReportMetric(float64(n.Classes), "classes")
			}
		})
	}
}
