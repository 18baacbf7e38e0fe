package intent_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/intent"
)

// TestOwnNode says that a rule does not fail by what no policy can stop, and that
// what the policies let a node do counts all the same.
func TestOwnNode(t *testing.T) {
	ref := ident.Ref{Namespace: "shop", Kind: "Deployment", Name: "db"}
	m := &segment.Model{Profile: segment.Generic(), Namespaces: []segment.Namespace{{Name: "shop", Declared: true}},
		Workloads: []segment.Workload{{Ref: ref}},
		Endpoints: []segment.Endpoint{{Ref: ref, Node: "n1"}},
		Nodes:     []segment.Node{{Name: "n1", IPs: []netip.Addr{netip.MustParseAddr("8.8.4.4"), netip.MustParseAddr("10.0.0.1")}}},
		Entries:   []segment.Entry{{Kind: "LoadBalancer", Object: "Service shop/db"}},
		Policies: []segment.Policy{{Kind: "NetworkPolicy", Namespace: "shop", Name: "closed", Tier: segment.NetworkPolicyTier,
			Subject: segment.PodSelector{InNamespace: "shop"}, Isolates: [2]bool{segment.Ingress: true}}}}
	members := []estate.Member{{Ref: ref}}
	judge := func(rule string, want intent.Outcome) {
		t.Helper()
		g, err := segment.Build(context.Background(), m)
		if err != nil {
			t.Fatal(err)
		}
		rules, err := intent.Parse("rules.txt", []byte(rule))
		if err != nil {
			t.Fatal(err)
		}
		got, err := intent.Check(context.Background(), g, members, rules)
		if err != nil || got[0].Outcome != want {
			t.Errorf("%s: %+v, %v; want %s", rule, got, err, want)
		}
	}
	judge("deny internet -> shop/db", intent.Holds)
	judge("deny 10.0.0.0/8 -> shop/db", intent.Holds)
	judge("deny 10.0.0.1 -> shop/db", intent.Fails)
	judge("deny 10.0.0.2 -> shop/db", intent.Holds)
	judge("allow only internet -> shop/db tcp/443", intent.Fails)
	m.Policies[0].Rules[segment.Ingress] = []segment.Rule{{Ports: []segment.PortMatch{{From: 443, To: 443}}}}
	judge("allow only internet -> shop/db tcp/443", intent.Holds)
	judge("allow 10.0.0.0/8 -> shop/db tcp/443", intent.Holds)
	judge("deny internet -> shop/db", intent.Fails)
	// The policies let a node in on a port that the rule does not name.
	m.Policies[0].Rules[segment.Ingress] = []segment.Rule{{Ports: []segment.PortMatch{{From: 80, To: 80}},
		Peers: []segment.Peer{{Kind: segment.PeerCIDR, CIDR: netip.MustParsePrefix("10.0.0.1/32")}}}}
	judge("allow only 10.0.0.1 -> shop/db tcp/443", intent.Fails)
	judge("deny 10.0.0.0/8 -> shop/db tcp/80", intent.Fails)
}
