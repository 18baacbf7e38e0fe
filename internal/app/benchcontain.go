package app

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

// benchEnds is how many workloads are affected, and how many protected.
const benchEnds = 3

// BenchContain makes an estate and measures one plan with its proof on it: some
// workloads are kept from others.
func BenchContain(ctx context.Context, c synth.Config, at func(string)) (*report.BenchContain, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	at("making the estate")
	g, err := segment.Build(ctx, synth.Model(c))
	if err != nil {
		return nil, err
	}
	n, err := g.Count(ctx)
	if err != nil {
		return nil, err
	}
	out := &report.BenchContain{SchemaVersion: inventory.SchemaVersion, Mix: string(c.Mix), Seed: c.Seed,
		Machine: runtime.GOOS + "/" + runtime.GOARCH + ", " + runtime.Version(), Workloads: n.Workloads, Edges: n.Edges}
	p := &contain.Problem{Query: "benchmark", Graph: g, Means: contain.AdminTier, Engine: "bench"}
	b := &bench{m: g.Model(), state: c.Seed}
	for tries := 0; len(p.Protected) == 0; tries++ {
		if tries == 100 {
			return nil, ident.Errorf(ident.KindFailure, "in this estate hardly anything reaches anything: there is nothing to measure").WithHint("another --seed or --mix")
		}
		p.Affected = nil
		for range benchEnds {
			p.Affected = append(p.Affected, b.workload())
		}
		reached, err := g.Reach(ctx, p.Affected, segment.Forward, 0)
		if err != nil {
			return nil, err
		}
		if inside := slices.DeleteFunc(reached, func(r segment.Reached) bool { return r.Workload.IsCIDR() }); len(inside) >= benchEnds {
			for range benchEnds {
				p.Protected = append(p.Protected, inside[b.some(len(inside))].Workload)
			}
		}
	}
	slices.SortFunc(p.Affected, ident.Ref.Compare)
	slices.SortFunc(p.Protected, ident.Ref.Compare)
	p.Affected, p.Protected = slices.Compact(p.Affected), slices.Compact(p.Protected)
	runtime.GC() // the rubbish of making the estate is not the plan's
	spent := make(map[string]time.Duration)
	last, _, err := usage()
	if err != nil {
		return nil, err
	}
	stage := ""
	turn := func(next string) {
		now, _, err := usage()
		if err == nil {
			spent[stage] += now - last
			last, stage = now, next
		}
	}
	p.Stage = turn
	plan, err := contain.Make(ctx, p)
	if err != nil {
		return nil, err
	}
	turn("")
	out.Cut, out.Write, out.Prove = spent[contain.StageCut].Seconds(), spent[contain.StageWrite].Seconds(), spent[contain.StageProve].Seconds()
	out.Plan, out.Cuts, out.Objects, out.Ways = out.Cut+out.Write, len(plan.Cuts), len(plan.Edits), len(plan.Alternatives)
	_, peak, err := usage()
	out.RSS = float64(peak) / (1 << 20)
	return out, err
}
