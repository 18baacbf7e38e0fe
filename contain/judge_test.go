package contain

import (
	"context"
	"fmt"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// TestProofSeesSinglePods: a change that takes a connection from one pod of a
// workload and leaves it to another changes nothing that the workload may open,
// and is a change all the same.
func TestProofSeesSinglePods(t *testing.T) {
	m := &segment.Model{Profile: segment.Generic(), Namespaces: []segment.Namespace{{Name: "n", Declared: true}}}
	for i, pods := range []int{2, 1} {
		ref := ident.Ref{Namespace: "n", Kind: "Deployment", Name: fmt.Sprint("w", i)}
		m.Workloads = append(m.Workloads, segment.Workload{Ref: ref})
		for k := range pods {
			m.Endpoints = append(m.Endpoints, segment.Endpoint{Ref: ident.Ref{Namespace: "n", Kind: "Pod", Name: fmt.Sprint("w", i, "-", k)}, Workload: i,
				Labels: map[string]string{"app": fmt.Sprint("w", i), "track": fmt.Sprint(k)}})
		}
	}
	before, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	deny := segment.Policy{Kind: "ClusterNetworkPolicy", Name: "deny", Tier: segment.AdminTier,
		Subject: segment.PodSelector{InNamespace: "n", Pods: segment.MatchLabels(map[string]string{"app": "w0", "track": "1"})}}
	deny.Rules[segment.Egress] = []segment.Rule{{Action: segment.Deny, Peers: []segment.Peer{{Kind: segment.PeerPods,
		Pods: segment.PodSelector{InNamespace: "n", Pods: segment.MatchLabels(map[string]string{"app": "w1"})}}}}}
	after, err := before.Apply(context.Background(), &segment.Delta{PutPolicies: []segment.Policy{deny}})
	if err != nil {
		t.Fatal(err)
	}
	p := &Problem{Objective: Isolate, Graph: before, Affected: []ident.Ref{m.Workloads[1].Ref}}
	proof, err := newNetwork(p).prove(context.Background(), after, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(proof.Changed) != 0 {
		t.Errorf("workloads changed: %+v", proof.Changed)
	}
	if proof.Proved || len(proof.Undeclared) != 1 || proof.Undeclared[0].Src.Name != "w0-1" {
		t.Errorf("proved %t, undeclared %+v", proof.Proved, proof.Undeclared)
	}
}
