package app

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

// BenchmarkOneCut measures what bench contain calls one cut with its proof, on the
// estates of its first twenty seeds.
func BenchmarkOneCut(b *testing.B) {
	for seed := range uint64(20) {
		b.Run(fmt.Sprintf("seed-%d", seed+1), func(b *testing.B) {
			m := synth.Model(synth.Config{Pods: 1000, Workloads: 1000, Policies: 1000, Mix: synth.Rich, Seed: seed + 1})
			ctx := context.Background()
			p := &contain.Problem{Query: "benchmark", Objective: contain.Separate, Means: contain.AdminTier, First: true}
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				var err error
				if p.Graph, _, err = benchEstate(ctx, m); err != nil { // changes are cheap on the newest graph of a line only
					b.Fatal(err)
				}
				if i == 0 {
					if err := benchEnds(ctx, p, 3, seed+1); err != nil {
						b.Fatal(err)
					}
				}
				runtime.GC()
				b.StartTimer()
				if _, err := contain.Make(ctx, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
