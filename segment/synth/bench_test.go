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

func BenchmarkQueries(b *testing.B) {
	m := synth.Model(synth.Config{Pods: 100_000, Workloads: 10_000, Policies: 10_000, Mix: synth.Rich, Seed: 1})
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := g.Count(context.Background()); err != nil {
		b.Fatal(err)
	}
	ws := g.Workloads()
	b.Run("pair", func(b *testing.B) {
		i := 0
		for b.Loop() {
			if _, err := g.Between(ws[i*7919%len(ws)], ws[i*104729%len(ws)]); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
	b.Run("travel", func(b *testing.B) {
		i := 0
		for b.Loop() {
			for _, d := range []segment.Direction{segment.Forward, segment.Backward} {
				t, err := g.Travel(context.Background(), ws[i*7919%len(ws):][:1], d, 0)
				if err != nil {
					b.Fatal(err)
				}
				t.Path(ws[i*104729%len(ws)])
			}
			i++
		}
	})
}
