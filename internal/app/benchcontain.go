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

// BenchPlan says what plans BenchContain makes.
type BenchPlan struct {
	Objective contain.Objective // Separate or Isolate
	Ends      int               // workloads that are affected, and as many that are protected
}

// BenchContain makes an estate and measures plans with their proofs on it: one cut,
// and then all ways of making one, compared.
func BenchContain(ctx context.Context, c synth.Config, what BenchPlan, at func(string)) (*report.BenchContain, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if what.Ends < 1 || what.Ends > c.Workloads/4 {
		return nil, ident.Errorf(ident.KindUsage, "%d affected workloads of %d: from 1 to a quarter of them can be measured", what.Ends, c.Workloads)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	at("making the estate")
	m := synth.Model(c)
	g, n, err := benchEstate(ctx, m)
	if err != nil {
		return nil, err
	}
	out := &report.BenchContain{SchemaVersion: inventory.SchemaVersion, Mix: string(c.Mix), Seed: c.Seed, Objective: string(what.Objective), Ends: what.Ends,
		Machine: machine(), Workloads: n.Workloads, Edges: n.Edges}
	p := &contain.Problem{Query: "benchmark", Objective: what.Objective, AcceptUnobserved: what.Objective == contain.Isolate, Graph: g, Means: contain.AdminTier, Engine: "bench", First: true}
	if err := benchEnds(ctx, p, what.Ends, c.Seed); err != nil {
		return nil, err
	}
	at("one cut with its proof")
	one, err := benchPlan(ctx, p)
	if err != nil {
		return nil, err
	}
	out.BenchPlan = *one
	// A change is cheap on the newest graph of a line, which that of the estate no longer is.
	if p.Graph, _, err = benchEstate(ctx, m); err != nil {
		return nil, err
	}
	at("all ways, compared")
	p.First = false
	all, err := benchPlan(ctx, p)
	if err != nil {
		return nil, err
	}
	out.Comparison = *all
	return out, nil
}

// benchEstate builds the graph of an estate and evaluates it, as whoever has asked it
// something finds it.
func benchEstate(ctx context.Context, m *segment.Model) (*segment.Graph, segment.Count, error) {
	g, err := segment.Build(ctx, m)
	if err != nil {
		return nil, segment.Count{}, err
	}
	n, err := g.Count(ctx)
	return g, n, err
}

// benchEnds chooses affected workloads, and protected ones among those within reach.
func benchEnds(ctx context.Context, p *contain.Problem, ends int, seed uint64) error {
	g := p.Graph
	b := &bench{m: g.Model(), state: seed}
	for tries := 0; len(p.Protected) == 0; tries++ {
		if tries == 100 {
			return ident.Errorf(ident.KindFailure, "in this estate hardly anything reaches anything: there is nothing to measure").WithHint("another --seed or --mix")
		}
		p.Affected = nil
		for range ends {
			p.Affected = append(p.Affected, b.workload())
		}
		reached, err := g.Reach(ctx, p.Affected, segment.Forward, 0)
		if err != nil {
			return err
		}
		if inside := slices.DeleteFunc(reached, func(r segment.Reached) bool { return r.Workload.IsCIDR() }); len(inside) >= ends {
			for range ends {
				p.Protected = append(p.Protected, inside[b.some(len(inside))].Workload)
			}
		}
	}
	slices.SortFunc(p.Affected, ident.Ref.Compare)
	slices.SortFunc(p.Protected, ident.Ref.Compare)
	p.Affected, p.Protected = slices.Compact(p.Affected), slices.Compact(p.Protected)
	return nil
}

// benchPlan measures one plan.
func benchPlan(ctx context.Context, p *contain.Problem) (*report.BenchPlan, error) {
	runtime.GC() // the rubbish of making the estate is not the plan's
	spent := make(map[string]time.Duration)
	last, _, err := usage()
	if err != nil {
		return nil, err
	}
	stage := ""
	p.Stage = func(next string) {
		now, _, err := usage()
		if err == nil {
			spent[stage] += now - last
			last, stage = now, next
		}
	}
	plan, err := contain.Make(ctx, p)
	if err != nil {
		return nil, err
	}
	p.Stage("")
	out := &report.BenchPlan{Cuts: len(plan.Cuts), Objects: len(plan.Edits), Ways: len(plan.Alternatives)}
	out.Cut, out.Write, out.Prove = spent[contain.StageCut].Seconds(), spent[contain.StageWrite].Seconds(), spent[contain.StageProve].Seconds()
	out.Plan = out.Cut + out.Write
	_, peak, err := usage()
	out.RSS = float64(peak) / (1 << 20)
	return out, err
}
