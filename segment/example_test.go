package segment_test

import (
	"context"
	"fmt"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// shopModel is a web front end, its database, and a policy that lets only the
// front end in, on one port.
func shopModel() *segment.Model {
	m := &segment.Model{
		Profile:    segment.Generic(),
		Namespaces: []segment.Namespace{{Name: "shop", Declared: true, Labels: map[string]string{"kubernetes.io/metadata.name": "shop"}}},
	}
	for i, app := range []string{"web", "db"} {
		ref := ident.Ref{Namespace: "shop", Kind: "Deployment", Name: app}
		m.Workloads = append(m.Workloads, segment.Workload{Ref: ref})
		m.Endpoints = append(m.Endpoints, segment.Endpoint{Ref: ref, Workload: i, Labels: map[string]string{"app": app}})
	}
	p := segment.Policy{Kind: "NetworkPolicy", Namespace: "shop", Name: "db", Tier: segment.NetworkPolicyTier,
		Subject:  segment.PodSelector{InNamespace: "shop", Pods: segment.MatchLabels(map[string]string{"app": "db"})},
		Isolates: [2]bool{segment.Ingress: true}}
	p.Rules[segment.Ingress] = []segment.Rule{{
		Peers: []segment.Peer{{Kind: segment.PeerPods, Pods: segment.PodSelector{InNamespace: "shop", Pods: segment.MatchLabels(map[string]string{"app": "web"})}}},
		Ports: []segment.PortMatch{{Protocol: segment.TCP, From: 5432, To: 5432}},
	}}
	m.Policies = []segment.Policy{p}
	return m
}

func Example() {
	g, err := segment.Build(context.Background(), shopModel())
	if err != nil {
		fmt.Println(err)
		return
	}
	web, db := ident.Ref{Namespace: "shop", Name: "web"}, ident.Ref{Namespace: "shop", Name: "db"}
	edges, err := g.Between(web, db)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range edges {
		fmt.Println(e.Src.Short(), "->", e.Dst.Short(), e.Connections[0], e.Verdict)
	}
	why, err := g.Why(web, db, &segment.Port{Protocol: segment.TCP, Number: 80})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(why.Verdict, "by", why.Ingress.Rule.Kind, why.Ingress.Rule.Name)
	for _, c := range why.Ingress.Considered {
		fmt.Println(c.Outcome+":", c.Reason)
	}
	// Output:
	// shop/web -> shop/db 5432/TCP allowed
	// denied by NetworkPolicy db
	// no match: port 80/TCP is not among 5432/TCP
}
