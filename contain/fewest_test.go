package contain_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// chain is an estate in which workloads, each in a namespace of its own, may open
// connections as arrows say ("a>x") and not otherwise.
func chain(t *testing.T, arrows ...string) *contain.Problem {
	t.Helper()
	m := &segment.Model{Profile: segment.Generic()}
	m.Profile.ClusterNetworkPolicy = segment.Yes
	at := make(map[string]int)
	of := func(name string) int {
		i, known := at[name]
		if !known {
			i = len(m.Workloads)
			at[name] = i
			m.Namespaces = append(m.Namespaces, segment.Namespace{Name: name, Declared: true, Labels: map[string]string{"kubernetes.io/metadata.name": name}})
			ref := ident.Ref{Namespace: name, Kind: "Deployment", Name: name}
			labels := map[string]string{"app": name}
			m.Workloads = append(m.Workloads, segment.Workload{Ref: ref, Labels: labels})
			m.Endpoints = append(m.Endpoints, segment.Endpoint{Ref: ref, Workload: i, Namespace: i, Labels: labels})
			m.Policies = append(m.Policies, segment.Policy{Kind: "NetworkPolicy", Namespace: name, Name: name, Tier: segment.NetworkPolicyTier,
				Subject: segment.PodSelector{InNamespace: name}, Isolates: [2]bool{segment.Ingress: true}})
		}
		return i
	}
	for _, a := range arrows {
		from, to, _ := strings.Cut(a, ">")
		of(from)
		p := &m.Policies[of(to)]
		p.Rules[segment.Ingress] = append(p.Rules[segment.Ingress], segment.Rule{Action: segment.Allow, Peers: []segment.Peer{{Kind: segment.PeerPods, Pods: segment.PodSelector{InNamespace: from}}}})
	}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return &contain.Problem{Query: "chain", Graph: g, Engine: "test"}
}

func named(p *contain.Problem, names ...string) []ident.Ref {
	var out []ident.Ref
	for _, r := range p.Graph.Workloads() {
		if slices.Contains(names, r.Name) {
			out = append(out, r)
		}
	}
	return out
}

// TestFewestPolicies: between the cut nearest the affected workloads and the one
// nearest the protected, both of two policies, lies one of a single policy.
func TestFewestPolicies(t *testing.T) {
	p := chain(t, "a1>x1", "a2>x2", "x1>y", "x2>y", "y>z1", "y>z2", "z1>t1", "z2>t2")
	p.Affected, p.Protected = named(p, "a1", "a2"), named(p, "t1", "t2")
	plan, err := contain.Make(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Nearest != "fewest" || len(plan.Edits) != 1 || len(plan.Cuts) != 2 || !strings.Contains(plan.Why, "of all") {
		t.Errorf("nearest %s, %d edits, %d cuts: %s", plan.Nearest, len(plan.Edits), len(plan.Cuts), plan.Why)
	}
	nearest := make(map[string]bool)
	for _, a := range plan.Alternatives {
		nearest[a.Nearest] = nearest[a.Nearest] || a.Proved
	}
	if !nearest["source"] || !nearest["sink"] || !nearest["fewest"] {
		t.Errorf("%+v", plan.Alternatives)
	}
}

// TestHardeningIsToldFromNaming: of a workload that no record mentions only what is
// on the path goes; one that was watched is reduced.
func TestHardeningIsToldFromNaming(t *testing.T) {
	p := chain(t, "a>x", "a>t", "x>t", "b>t", "a>b")
	p.Affected, p.Protected, p.Grain = named(p, "a"), named(p, "t"), contain.Workloads
	port := segment.Conn{Protocol: segment.TCP, From: 80, To: 80}
	a, b, x := named(p, "a")[0], named(p, "b")[0], named(p, "x")[0]
	seen := traffic{flows: []contain.Flow{{Src: b, Dst: x, Conn: port, Count: 1}, {Src: a, Dst: x, Conn: port, Count: 1}}}
	p.Traffic = seen
	plan, err := contain.Make(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	// t is silent: what opens to it is reduced where it begins, and x → t with it.
	var hard []string
	for _, h := range plan.Hardened {
		hard = append(hard, h.Workload.Name+" "+h.Direction)
	}
	if !slices.Equal(hard, []string{"a egress", "x egress"}) || len(plan.Cost.Observed) > 0 || !plan.Cost.Known {
		t.Errorf("%v, %+v", hard, plan.Cost)
	}
	// One whose other end is not known is not reduced either.
	seen.doubtful = []ident.Ref{x}
	p.Traffic = seen
	if plan, err = contain.Make(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	for _, h := range plan.Hardened {
		if h.Workload == x {
			t.Errorf("%+v", h)
		}
	}
	// Without records nothing is reduced, and auto says so.
	p.Traffic = nil
	if _, err := contain.Make(context.Background(), p); ident.KindOf(err) != ident.KindUsage {
		t.Error(err)
	}
	p.Grain = contain.Auto
	if plan, err = contain.Make(context.Background(), p); err != nil || plan.Grain != contain.Edges || !strings.Contains(plan.Why, "no flow records") || plan.Cost.Known {
		t.Errorf("%+v, %v", plan, err)
	}
	p.AcceptUnobserved, p.Grain = true, contain.Workloads
	if plan, err = contain.Make(context.Background(), p); err != nil || len(plan.Hardened) != 1 || plan.Hardened[0].Workload != a || plan.Cost.Known {
		t.Errorf("%+v, %v", plan, err)
	}
}
