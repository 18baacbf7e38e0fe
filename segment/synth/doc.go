// Package synth makes estates of any size for tests and benchmarks: seeded, so
// that the same configuration gives the same estate, and shaped like those of
// real life, so that what is fast on them is fast.
//
// It is not a model of any particular cluster, and its policies are not an
// example to follow.
//
//	m := synth.Model(synth.Config{Pods: 3000, Workloads: 1000, Policies: 1000, Mix: synth.Rich, Seed: 1})
//	g, err := segment.Build(ctx, m)
//	n, err := g.Count(ctx)
package synth
