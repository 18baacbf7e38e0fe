package segment_test

import (
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// TestPerhapsSelectingGrant is about a policy that may or may not select a pod,
// and would grant: if it does, the connection is allowed, and if it does not, the
// Baseline tier denies it.
func TestPerhapsSelectingGrant(t *testing.T) {
	ref := func(kind, name string) ident.Ref { return ident.Ref{Namespace: "shop", Kind: kind, Name: name} }
	m := &segment.Model{Profile: segment.Generic(), Namespaces: []segment.Namespace{{Name: "shop", Labels: map[string]string{"kubernetes.io/metadata.name": "shop"}}}}
	for i, name := range []string{"web", "db"} {
		m.Workloads = append(m.Workloads, segment.Workload{Ref: ref("Deployment", name)})
		m.Endpoints = append(m.Endpoints, segment.Endpoint{Ref: ref("Pod", name+"-0"), Workload: i, Labels: map[string]string{"app": name}})
	}
	team := segment.MatchLabels(map[string]string{"team": "a"}) // the input does not show whether shop has it
	grant := segment.Policy{Kind: "CiliumClusterwideNetworkPolicy", Name: "grant", Tier: segment.NetworkPolicyTier, Isolates: [2]bool{segment.Ingress: true},
		Subject: segment.PodSelector{Namespaces: team, Pods: segment.MatchLabels(map[string]string{"app": "db"})}}
	grant.Rules[segment.Ingress] = []segment.Rule{{Ports: []segment.PortMatch{{From: 443, To: 443}}}}
	base := segment.Policy{Kind: "ClusterNetworkPolicy", Name: "base", Tier: segment.BaselineTier}
	base.Rules[segment.Ingress] = []segment.Rule{{Action: segment.Deny, Peers: []segment.Peer{{Kind: segment.PeerAny}}}}
	m.Policies = []segment.Policy{grant, base}
	for seed := range uint64(4) {
		g, err := buildVaried(m, seed)
		if err != nil {
			t.Fatal(err)
		}
		for port, want := range map[uint16]segment.Verdict{443: segment.Unknown, 80: segment.Denied} {
			p := segment.Port{Number: port}
			edges, err := g.Between(ref("Deployment", "web"), ref("Deployment", "db"))
			if err != nil {
				t.Fatal(err)
			}
			why, err := g.Why(ref("Deployment", "web"), ref("Deployment", "db"), &p)
			if err != nil {
				t.Fatal(err)
			}
			if got := verdictOn(edges, p); got != want || why.Verdict != want || why.Ingress.Verdict != want {
				t.Errorf("%d: %s is %s, and by its explanation %s, want %s", seed, p, got, why.Ingress.Verdict, want)
			}
			row, err := g.Row(ref("Deployment", "web"))
			row = slices.DeleteFunc(row, func(e segment.Edge) bool { return e.Dst.IsCIDR() })
			if err != nil || verdictOn(row, p) != want {
				t.Errorf("%d: %s of the row is %s, %v, want %s", seed, p, verdictOn(row, p), err, want)
			}
		}
	}
}
