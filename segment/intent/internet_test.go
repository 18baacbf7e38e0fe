package intent_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/intent"
)

// harbour has a front that two blocks of public addresses reach on different
// ports, an app behind a controller, and a port of the app in doubt.
func harbour(t *testing.T) (*segment.Graph, []estate.Member) {
	t.Helper()
	m := &segment.Model{Profile: segment.Generic(), Namespaces: []segment.Namespace{{Name: "shop", Declared: true}}}
	var members []estate.Member
	for i, app := range []string{"front", "controller", "app", "orphan"} {
		ref := ident.Ref{Namespace: "shop", Kind: "Deployment", Name: app}
		labels := map[string]string{"app": app}
		m.Workloads = append(m.Workloads, segment.Workload{Ref: ref})
		m.Endpoints = append(m.Endpoints, segment.Endpoint{Ref: ref, Workload: i, Labels: labels})
		members = append(members, estate.Member{Ref: ref, Labels: labels})
	}
	pods := func(app string) segment.PodSelector {
		return segment.PodSelector{InNamespace: "shop", Pods: segment.MatchLabels(map[string]string{"app": app})}
	}
	block := func(cidr string) []segment.Peer {
		return []segment.Peer{{Kind: segment.PeerCIDR, CIDR: netip.MustParsePrefix(cidr)}}
	}
	policy := func(app string, rules ...segment.Rule) {
		p := segment.Policy{Kind: "NetworkPolicy", Namespace: "shop", Name: app, Tier: segment.NetworkPolicyTier,
			Isolates: [2]bool{segment.Ingress: true}, Subject: pods(app)}
		p.Rules[segment.Ingress] = rules
		m.Policies = append(m.Policies, p)
	}
	fromController := []segment.Peer{{Kind: segment.PeerPods, Pods: pods("controller")}}
	policy("front", segment.Rule{Peers: block("8.0.0.0/8"), Ports: []segment.PortMatch{{From: 80, To: 80}}},
		segment.Rule{Index: 1, Peers: block("9.1.0.0/16"), Ports: []segment.PortMatch{{From: 22, To: 22}}})
	policy("app", segment.Rule{Peers: fromController, Ports: []segment.PortMatch{{From: 8080, To: 8080}}})
	policy("orphan", segment.Rule{Peers: fromController})
	for name, action := range map[string]segment.Action{"one": segment.Allow, "two": segment.Deny} {
		p := segment.Policy{Kind: "ClusterNetworkPolicy", Name: name, Tier: segment.AdminTier, Priority: 5, Subject: pods("app")}
		p.Rules[segment.Ingress] = []segment.Rule{{Action: action, Peers: fromController, Ports: []segment.PortMatch{{From: 443, To: 443}}}}
		m.Policies = append(m.Policies, p)
	}
	m.Entries = []segment.Entry{
		{Workload: 0, Kind: "LoadBalancer", Object: "Service shop/front"},
		{Workload: 1, Kind: "LoadBalancer", Object: "Service shop/controller"},
		{Workload: 2, Kind: "Ingress", Object: "Ingress shop/app", Routed: true, Controllers: []int{1}, Conns: []segment.Conn{{From: 8080, To: 8080}}},
		{Workload: 3, Kind: "Ingress", Object: "Ingress shop/orphan", Routed: true, Conns: []segment.Conn{{From: 80, To: 80}}},
	}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return g, members
}

// TestNothingPassesForHeld holds the cases in which one path, or one edge, is not
// the whole answer.
func TestNothingPassesForHeld(t *testing.T) {
	g, members := harbour(t)
	for _, c := range []struct {
		rule string
		want intent.Outcome
		says string // of the first violation
		hops int
	}{
		{"deny internet -> shop/front tcp/80", intent.Fails, "internet shop/front 80/TCP", 1},
		{"deny internet -> shop/front tcp/22", intent.Fails, "internet shop/front 22/TCP", 1}, // of another block
		{"deny internet -> shop/front tcp/81", intent.Holds, "", 0},
		{"deny internet -> shop/app", intent.Fails, "internet shop/app 8080/TCP", 2}, // by way of the controller
		{"deny internet -> shop/app tcp/8081", intent.Holds, "", 0},
		{"deny internet -> shop/orphan", intent.Unknown, "internet shop/orphan 80/TCP", 2}, // a controller that it may be
		{"deny internet -> shop/orphan transitively", intent.Fails, "internet shop/orphan", 2},
		{"allow shop/controller -> shop/app tcp/8080", intent.Holds, "", 0},
		{"allow shop/controller -> shop/app tcp/443", intent.Unknown, "shop/controller shop/app 443/TCP", 1},
		{"allow shop/controller -> shop/app tcp/443 tcp/8080", intent.Unknown, "shop/controller shop/app 443/TCP", 1},
		{"allow shop/controller -> shop/app tcp/443 tcp/81", intent.Fails, "shop/controller shop/app 81/TCP", 1},
		{"allow shop/controller -> shop/app", intent.Holds, "", 0},
		{"allow 9.0.0.0/8 -> shop/front tcp/22", intent.Fails, "", 1}, // half of it is let in
	} {
		rules, err := intent.Parse("rules", []byte(c.rule))
		if err != nil {
			t.Fatal(err)
		}
		res, err := intent.Check(context.Background(), g, members, rules)
		if err != nil {
			t.Fatal(err)
		}
		if res[0].Outcome != c.want || !strings.HasPrefix(first(res[0]), c.says) || (len(res[0].Violations) > 0) != (c.hops > 0) {
			t.Errorf("%s: %s, want %s: %+v", c.rule, res[0].Outcome, c.want, res[0].Violations)
			continue
		}
		if c.hops > 0 && len(res[0].Violations[0].Path) != c.hops {
			t.Errorf("%s: %d hops, want %d: %+v", c.rule, len(res[0].Violations[0].Path), c.hops, res[0].Violations[0].Path)
		}
	}
}
