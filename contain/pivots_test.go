package contain_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// TestNonPivots: paths through workloads that an attacker cannot go on from are not
// cut, the plan and its check say so, and all other paths are.
func TestNonPivots(t *testing.T) {
	planned, fewer := 0, 0
	for seed := range uint64(estatesTried) / 20 {
		p := small(t, seed)
		all, err := contain.Make(context.Background(), p)
		if err != nil {
			continue
		}
		r := rand.New(rand.NewPCG(seed, 31))
		closed := make(map[ident.Ref]bool)
		for _, ref := range p.Graph.Workloads() {
			if r.IntN(2) == 0 && !slices.Contains(p.Affected, ref) {
				p.NonPivots = append(p.NonPivots, contain.NonPivot{Workload: ref, Why: "nothing is found in it"})
				closed[ref] = true
			}
		}
		plan, err := contain.Make(context.Background(), p)
		if err != nil {
			t.Fatalf("seed %d: all paths can be cut, and some cannot: %v", seed, err)
		}
		planned++
		if len(plan.Cuts) < len(all.Cuts) {
			fewer++
		}
		folder, err := plan.Folder(nil)
		if err != nil {
			t.Fatal(err)
		}
		after := applied(t, seed, p, plan, folder)
		if to := steps(after, p, closed, hosts(p.Graph.Model()), plan.PastNodes); to != "" {
			t.Fatalf("seed %d: a path over pivots to %s is left", seed, to)
		}
		opened, faults, err := contain.Open(folder)
		if err != nil || len(faults) > 0 || len(opened.NonPivots) != len(closed) {
			t.Fatalf("seed %d: %v, %v, %v", seed, err, faults, opened.NonPivots)
		}
		proof, faults, err := opened.Check(context.Background(), p.Graph, after, nil, "test")
		if err != nil || len(faults) > 0 || !proof.Proved {
			t.Fatalf("seed %d: %v, %v", seed, err, faults)
		}
		if len(closed) > 0 && (proof.Assumptions.Pivots == "" || !strings.Contains(proof.Objective, "taken not to go on from")) {
			t.Fatalf("seed %d: the proof does not say that paths are left out: %+v", seed, proof.Assumptions)
		}
	}
	t.Logf("%d plans, %d cut less", planned, fewer)
	if fewer == 0 {
		t.Error("the estates do not exercise it")
	}
}

// steps looks for a path from the affected workloads to a protected one that goes
// on from pivots only, and returns where it ends.
func steps(g *segment.Graph, p *contain.Problem, closed, host map[ident.Ref]bool, pastNodes bool) string {
	seen := make(map[ident.Ref]bool)
	queue := slices.Clone(p.Affected)
	for len(queue) > 0 {
		u := queue[0]
		queue = queue[1:]
		if seen[u] {
			continue
		}
		seen[u] = true
		if slices.Contains(p.Protected, u) && !slices.Contains(p.Affected, u) {
			return u.String()
		}
		if own := slices.Contains(p.Affected, u); !own && (closed[u] || pastNodes && host[u]) {
			continue
		}
		edges, err := g.Row(u)
		if err != nil {
			return err.Error()
		}
		for _, e := range edges {
			if !e.Dst.IsCIDR() {
				queue = append(queue, e.Dst)
			}
		}
	}
	return ""
}

// TestIsolatingTakesNoPivotsIntoAccount: what is cut off is cut off from all, also
// from workloads that nobody could go on from.
func TestIsolatingTakesNoPivotsIntoAccount(t *testing.T) {
	p := twins(t, "Deployment")
	p.Objective, p.Protected, p.AcceptUnobserved = contain.Isolate, nil, true
	p.NonPivots = []contain.NonPivot{{Workload: p.Graph.Workloads()[0], Why: "nothing is found in it"}}
	plan, err := contain.Make(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Cuts) != 2 || len(plan.NonPivots) > 0 {
		t.Errorf("%+v", plan)
	}
}
