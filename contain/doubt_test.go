package contain_test

import (
	"context"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// TestDoubtsBear holds the doubts that a plan names against walks found one by one:
// it names some where an edge of a walk from what is affected to what is protected
// is only perhaps open, and none where all of them certainly are.
func TestDoubtsBear(t *testing.T) {
	t.Parallel()
	seen := map[bool]int{}
	idle := 0 // doubts of the estate that bear on nothing
	for seed := range max(uint64(estatesTried)/5, 300) {
		p := small(t, seed)
		if m := *p.Graph.Model(); seed%2 == 0 { // something that is not modelled touches the pods of a workload
			e := &m.Endpoints[seed%uint64(len(m.Endpoints))]
			m.Taints = append(slices.Clip(m.Taints), segment.Taint{Object: "a mesh", Reason: "it is not modelled", Pods: segment.MatchLabels(e.Labels), CanDeny: true, CanAllow: seed%4 == 0,
				Gress: [2]bool{seed%3 > 0, seed%3 < 2}, Tier: []segment.Tier{segment.AdminTier, segment.NetworkPolicyTier}[seed/4%2]})
			var err error
			if p.Graph, err = segment.Build(context.Background(), &m); err != nil {
				t.Fatal(err)
			}
		}
		plan, err := contain.Make(context.Background(), p)
		if err != nil || len(plan.Neighbours)+len(plan.Hardened) > 0 {
			continue
		}
		type open struct{ certain, perhaps bool }
		edges := map[[2]ident.Ref]open{}
		for e := range p.Graph.Edges(segment.ByWorkload) {
			if e.Src.IsCIDR() || e.Dst.IsCIDR() {
				continue // walks go from workload to workload
			}
			k := [2]ident.Ref{e.Src, e.Dst}
			o := edges[k]
			o.certain, o.perhaps = o.certain || e.Verdict == segment.Allowed, true
			edges[k] = o
		}
		hosts := map[ident.Ref]bool{}
		if m := p.Graph.Model(); plan.PastNodes {
			for i := range m.Endpoints {
				if m.Endpoints[i].HostNetwork {
					hosts[m.Workloads[m.Endpoints[i].Workload].Ref] = true
				}
			}
		}
		isAffected := map[ident.Ref]bool{}
		for _, r := range p.Affected {
			isAffected[r] = true
		}
		walk := func(from []ident.Ref, back bool) map[ident.Ref]bool {
			in := map[ident.Ref]bool{}
			for _, r := range from {
				in[r] = true
			}
			for more := true; more; {
				more = false
				for k, o := range edges {
					a, b := k[0], k[1]
					if back {
						a, b = b, a
					}
					if o.perhaps && in[a] && !in[b] && (!hosts[k[0]] || isAffected[k[0]]) {
						in[b], more = true, true
					}
				}
			}
			return in
		}
		reached, leads := walk(p.Affected, false), walk(p.Protected, true)
		bears := false
		for k, o := range edges {
			if reached[k[0]] && leads[k[1]] && (!hosts[k[0]] || isAffected[k[0]]) && !o.certain {
				bears = true
			}
		}
		named := len(plan.Proof.Assumptions.Unknowns) > 0
		if named != bears {
			t.Fatalf("seed %d: a doubt bears on the plan: %v, and it names %+v", seed, bears, plan.Proof.Assumptions.Unknowns)
		}
		seen[named]++
		if !named && len(p.Graph.Causes()) > 0 {
			idle++
		}
	}
	t.Logf("%d plans with doubts, %d without, of which %d in estates that have some", seen[true], seen[false], idle)
	if seen[true] == 0 || idle == 0 {
		t.Error("the estates do not exercise it")
	}
}
