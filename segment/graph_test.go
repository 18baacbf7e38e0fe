package segment_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

func build(t testing.TB, m *segment.Model) *segment.Graph {
	t.Helper()
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestBuildRefusesWhatDoesNotFit(t *testing.T) {
	for name, spoil := range map[string]func(*segment.Model){
		"a workload twice":        func(m *segment.Model) { m.Workloads = append(m.Workloads, m.Workloads[0]) },
		"no such workload":        func(m *segment.Model) { m.Endpoints[0].Workload = 9 },
		"no such namespace":       func(m *segment.Model) { m.Endpoints[0].Namespace = -1 },
		"a port range of nothing": func(m *segment.Model) { m.Policies[0].Rules[segment.Ingress][0].Ports[0].From = 0 },
		"a range that ends before it begins": func(m *segment.Model) {
			m.Policies[0].Rules[segment.Ingress][0].Ports[0] = segment.PortMatch{From: 9, To: 8}
		},
		"no such protocol": func(m *segment.Model) { m.Policies[0].Rules[segment.Ingress][0].Ports[0].Protocol = 7 },
		"a zero block": func(m *segment.Model) {
			m.Policies[0].Rules[segment.Ingress][0].Peers[0] = segment.Peer{Kind: segment.PeerCIDR}
		},
		"no such tier":     func(m *segment.Model) { m.Policies[0].Tier = 8 },
		"a way to nothing": func(m *segment.Model) { m.Entries = []segment.Entry{{Workload: 5}} },
	} {
		m := shopModel()
		spoil(m)
		if _, err := segment.Build(context.Background(), m); ident.KindOf(err) != ident.KindInvalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := segment.Build(ctx, shopModel()); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled build: %v", err)
	}
}

func TestResolve(t *testing.T) {
	m := shopModel()
	m.Endpoints[0].IPs = []netip.Addr{netip.MustParseAddr("10.0.0.7")}
	m.Endpoints[0].Ref = ident.Ref{Namespace: "shop", Kind: "Pod", Name: "web-0"}
	g := build(t, m)
	for in, want := range map[string]string{
		"shop/web": "shop/Deployment/web", "shop/deployment/web": "shop/Deployment/web", "shop/web-0": "shop/Pod/web-0",
		"10.0.0.7": "shop/Pod/web-0", "10.0.0.8": "10.0.0.8/32", "10.0.0.0/8": "10.0.0.0/8", "internet": "internet",
	} {
		r, err := ident.ParseRef(in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := g.Resolve(r)
		if err != nil || len(got) != 1 || got[0].String() != want {
			t.Errorf("%s resolves to %v, %v; want %s", in, got, err, want)
		}
	}
	_, err := g.Resolve(ident.Ref{Namespace: "shop", Name: "wep"})
	var e *ident.Error
	if !errors.As(err, &e) || e.Kind != ident.KindNotFound || !strings.Contains(e.Hint, "shop/web") {
		t.Errorf("%v, %+v", err, e)
	}
	_, err = g.Resolve(ident.Ref{Namespace: "prod", Name: "db"})
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "shop/db") {
		t.Errorf("the same name elsewhere: %v, %+v", err, e)
	}
	if _, err := g.Why(ident.Ref{CIDR: "internet"}, ident.Ref{CIDR: "10.0.0.0/8"}, nil); ident.KindOf(err) != ident.KindUsage {
		t.Errorf("outside to outside: %v", err)
	}
}

func TestSegmentsAndPolicies(t *testing.T) {
	m := shopModel()
	for _, name := range []string{"a", "b"} {
		ref := ident.Ref{Namespace: "shop", Kind: "Deployment", Name: name}
		m.Workloads = append(m.Workloads, segment.Workload{Ref: ref, Labels: map[string]string{"tier": "batch", "pod-template-hash": "x"}})
		m.Endpoints = append(m.Endpoints, segment.Endpoint{Ref: ref, Workload: len(m.Workloads) - 1, Labels: map[string]string{"app": name}})
	}
	g := build(t, m)
	got := map[string]int{}
	for _, s := range g.Segments() {
		got[s.Name] = len(s.Members)
	}
	if len(got) != 3 || got["shop/tier=batch"] != 2 || got["shop/web"] != 1 || got["shop/db"] != 1 {
		t.Errorf("%v", got)
	}
	db := ident.Ref{Namespace: "shop", Name: "db"}
	if p := g.PoliciesOf(db); len(p) != 1 || p[0].Name != "db" || p[0].Direction != "ingress" {
		t.Errorf("%+v", p)
	}
	if i := g.Isolation(db); i.Ingress != segment.Yes || i.Egress != segment.No {
		t.Errorf("%+v", i)
	}
	if i := g.Isolation(ident.Ref{Namespace: "shop", Name: "none"}); i.Ingress != segment.Maybe {
		t.Errorf("of nothing: %+v", i)
	}
}

// TestRolloutLabels: labels that change with every rollout make no new segment.
func TestRolloutLabels(t *testing.T) {
	m := shopModel()
	for i := range 50 {
		e := m.Endpoints[0]
		e.Labels = map[string]string{"app": "web", "pod-template-hash": strings.Repeat("x", i)}
		m.Endpoints = append(m.Endpoints, e)
	}
	if n := len(build(t, m).Segments()); n != 2 {
		t.Errorf("%d segments", n)
	}
}

func TestConcurrentReaders(t *testing.T) {
	g := build(t, randomModel(3))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range g.Edges(segment.ByWorkload) {
				continue
			}
			for _, w := range g.Workloads() {
				if _, err := g.Why(w, ident.Ref{CIDR: ident.Internet}, nil); err != nil {
					t.Error(err)
				}
				if _, err := g.Reach(context.Background(), []ident.Ref{w}, segment.Backward, 3); err != nil {
					t.Error(err)
				}
				g.Exposure(w)
			}
			g.Segments()
		})
	}
	wg.Wait()
}

// TestManyPorts needs more than one word of port bits.
func TestManyPorts(t *testing.T) {
	m := shopModel()
	rule := &m.Policies[0].Rules[segment.Ingress][0]
	rule.Ports = nil
	for p := uint16(1); p < 600; p += 2 {
		rule.Ports = append(rule.Ports, segment.PortMatch{Protocol: segment.Protocol(p % 3), From: p, To: p})
	}
	g := build(t, m)
	edges, err := g.Between(m.Workloads[0].Ref, m.Workloads[1].Ref)
	if err != nil || len(edges) != 1 || len(edges[0].Connections) != 300 || edges[0].Partial {
		t.Fatalf("%+v, %v", edges, err)
	}
	n := 0
	for e := range g.Edges(segment.ByWorkload) {
		if e.Src == edges[0].Src && e.Dst == edges[0].Dst {
			n++
			if !sameConns(e.Connections, edges[0].Connections) {
				t.Errorf("%v", e)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d edges", n)
	}
}

func TestReachAgainstClosure(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		m := randomModel(seed)
		g := build(t, m)
		next := map[ident.Ref]map[ident.Ref]segment.Verdict{}
		for e := range g.Edges(segment.ByWorkload) {
			if e.Src.IsCIDR() || e.Dst.IsCIDR() {
				continue
			}
			if next[e.Src] == nil {
				next[e.Src] = map[ident.Ref]segment.Verdict{}
			}
			if v, ok := next[e.Src][e.Dst]; !ok || v == segment.Unknown {
				next[e.Src][e.Dst] = e.Verdict
			}
		}
		distance := func(from ident.Ref, unknown bool) map[ident.Ref]int {
			dist := map[ident.Ref]int{from: 0}
			for queue := []ident.Ref{from}; len(queue) > 0; queue = queue[1:] {
				for to, v := range next[queue[0]] {
					if _, seen := dist[to]; !seen && (v == segment.Allowed || unknown) {
						dist[to] = dist[queue[0]] + 1
						queue = append(queue, to)
					}
				}
			}
			return dist
		}
		for _, w := range g.Workloads() {
			got, err := g.Reach(context.Background(), []ident.Ref{w}, segment.Forward, 0)
			if err != nil {
				t.Fatal(err)
			}
			sure, all := distance(w, false), distance(w, true)
			n := 0
			for _, r := range got {
				if r.Workload.IsCIDR() {
					continue
				}
				n++
				want, v := sure[r.Workload], segment.Allowed
				if want == 0 {
					want, v = all[r.Workload], segment.Unknown
				}
				if r.Hops != want || r.Verdict != v || len(r.Path) != want || r.Path[0].From != w || r.Path[want-1].To != r.Workload {
					t.Fatalf("seed %d: from %s: %+v, want %d hops, %s", seed, w, r, want, v)
				}
				for i := 1; i < len(r.Path); i++ {
					if r.Path[i].From != r.Path[i-1].To {
						t.Fatalf("seed %d: broken path %+v", seed, r.Path)
					}
				}
			}
			if n != len(all)-1 {
				t.Fatalf("seed %d: from %s %d reached, want %d", seed, w, n, len(all)-1)
			}
		}
	}
}

func TestParsePort(t *testing.T) {
	for in, want := range map[string]segment.Port{
		"80": {Protocol: segment.TCP, Number: 80}, "80/TCP": {Protocol: segment.TCP, Number: 80}, "tcp/80": {Protocol: segment.TCP, Number: 80},
		"53/udp": {Protocol: segment.UDP, Number: 53}, "SCTP/65535": {Protocol: segment.SCTP, Number: 65535},
	} {
		if got, err := segment.ParsePort(in); err != nil || got != want {
			t.Errorf("%q is %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "0", "65536", "tcp", "80/", "/80", "80/icmp", "-1", "+80", "tcp/+80", "80/80", strings.Repeat("8", 99)} {
		if got, err := segment.ParsePort(in); ident.KindOf(err) != ident.KindUsage || err == nil {
			t.Errorf("%q is %v, %v; want a usage error", in, got, err)
		}
	}
}

func FuzzParsePort(f *testing.F) {
	for _, s := range []string{"80", "tcp/80", "53/UDP", "x/y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := segment.ParsePort(s)
		if err != nil {
			return
		}
		if again, err := segment.ParsePort(p.String()); err != nil || again != p || p.Number == 0 {
			t.Fatalf("%q is %v, which reads back as %v, %v", s, p, again, err)
		}
	})
}

func TestSelector(t *testing.T) {
	s := segment.NewSelector([]segment.Requirement{{Key: "b", Op: segment.In, Values: []string{"y", "x", "x"}}, {Key: "a", Op: segment.Exists}, {Key: "a", Op: segment.Exists},
		{Key: "c", Op: segment.NotIn, Values: []string{"1"}}, {Key: "d", Op: segment.DoesNotExist}})
	if got := s.String(); got != "a,b in (x,y),c!=1,!d" {
		t.Errorf("%s", got)
	}
	many := segment.Requirement{Key: "k", Op: segment.In}
	for i := range 10_000 {
		many.Values = append(many.Values, strings.Repeat("v", i%100)+string(rune('a'+i%26)))
	}
	if big := segment.NewSelector([]segment.Requirement{many}); !big.Matches(map[string]string{"k": many.Values[77]}) || big.Matches(map[string]string{"k": "none"}) {
		t.Error("a selector with ten thousand values")
	}
	if segment.Public(netip.MustParseAddr("10.1.2.3")) || !segment.Public(netip.MustParseAddr("8.8.8.8")) || segment.Public(netip.MustParseAddr("fd00::1")) ||
		!segment.Public(netip.MustParseAddr("2001:4860::1")) || segment.Public(netip.Addr{}) || segment.Public(netip.MustParseAddr("::ffff:192.168.0.1")) {
		t.Error("public addresses")
	}
}

// TestPoliciesThatOnlyGrant says that a policy that grants without isolating is
// among those of a workload.
func TestPoliciesThatOnlyGrant(t *testing.T) {
	ref := ident.Ref{Namespace: "n", Kind: "Deployment", Name: "w"}
	m := &segment.Model{Profile: segment.Generic(), Namespaces: []segment.Namespace{{Name: "n", Declared: true}},
		Workloads: []segment.Workload{{Ref: ref}}, Endpoints: []segment.Endpoint{{Ref: ref}}}
	p := segment.Policy{Kind: "CiliumNetworkPolicy", Namespace: "n", Name: "p", Tier: segment.NetworkPolicyTier, Subject: segment.PodSelector{InNamespace: "n"}}
	p.Rules[segment.Ingress] = []segment.Rule{{}}
	m.Policies = []segment.Policy{p}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	if got := g.PoliciesOf(ref); len(got) != 1 || got[0].Name != "p" || got[0].Direction != "ingress" {
		t.Errorf("%+v", got)
	}
	if i := g.Isolation(ref); i.Ingress != segment.No {
		t.Errorf("it isolates nobody: %+v", i)
	}
}

// TestOwnNodeByWorkload says that where a workload's pods run decides for that
// workload only, though another's pods look the same to every rule.
func TestOwnNodeByWorkload(t *testing.T) {
	ref := func(kind, name string) ident.Ref { return ident.Ref{Namespace: "shop", Kind: kind, Name: name} }
	m := &segment.Model{Profile: segment.Generic(),
		Namespaces: []segment.Namespace{{Name: "shop", Labels: map[string]string{"kubernetes.io/metadata.name": "shop"}, Declared: true}},
		Policies: []segment.Policy{{Kind: "NetworkPolicy", Namespace: "shop", Name: "close", Tier: segment.NetworkPolicyTier,
			Subject: segment.PodSelector{InNamespace: "shop"}, Isolates: [2]bool{false, true}}}}
	for i, w := range []struct {
		name, node string
		host       bool
	}{{"agent", "n1", true}, {"near", "n1", false}, {"far", "n2", false}} {
		m.Workloads = append(m.Workloads, segment.Workload{Ref: ref("Deployment", w.name)})
		m.Endpoints = append(m.Endpoints, segment.Endpoint{Ref: ref("Pod", w.name+"-0"), Workload: i, Node: w.node, HostNetwork: w.host})
	}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	for dst, want := range map[string]int{"near": 1, "far": 0} {
		got, err := g.Between(ref("Deployment", "agent"), ref("Deployment", dst))
		if err != nil || len(got) != want || want == 1 && got[0].Verdict != segment.Allowed {
			t.Errorf("agent -> %s: %v %v", dst, got, err)
		}
	}
	// Freedom in one direction opens that direction only.
	m.Profile.NodeToPodFree = false
	if g, err = segment.Build(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	if got, err := g.Between(ref("Deployment", "agent"), ref("Deployment", "near")); err != nil || len(got) != 0 {
		t.Errorf("agent -> near without freedom from the node: %v %v", got, err)
	}
}

// TestPerhapsGrantedBeforeBaseline says that what a policy that perhaps selects a
// pod would grant is perhaps allowed, whatever the Baseline tier denies.
func TestPerhapsGrantedBeforeBaseline(t *testing.T) {
	ref := func(ns, kind, name string) ident.Ref { return ident.Ref{Namespace: ns, Kind: kind, Name: name} }
	m := &segment.Model{Profile: segment.Generic(),
		Namespaces: []segment.Namespace{{Name: "shop", Declared: true}, {Name: "far"}}, // the labels of far are not known
		Policies: []segment.Policy{
			{Kind: "CiliumClusterwideNetworkPolicy", Name: "team", Tier: segment.NetworkPolicyTier, Isolates: [2]bool{false, true},
				Subject: segment.PodSelector{Namespaces: segment.MatchLabels(map[string]string{"team": "a"})},
				Rules:   [2][]segment.Rule{nil, {{Ports: []segment.PortMatch{{Protocol: segment.TCP, From: 80, To: 80}}}}}},
			{Kind: "ClusterNetworkPolicy", Name: "base", Tier: segment.BaselineTier, Rules: [2][]segment.Rule{nil, {{Action: segment.Deny}}}},
		}}
	for i, ns := range []string{"shop", "far"} {
		m.Workloads = append(m.Workloads, segment.Workload{Ref: ref(ns, "Deployment", "w")})
		m.Endpoints = append(m.Endpoints, segment.Endpoint{Ref: ref(ns, "Pod", "w-0"), Workload: i, Namespace: i})
	}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	for port, want := range map[uint16]segment.Verdict{80: segment.Unknown, 81: segment.Denied} {
		x, err := g.Why(ref("shop", "Deployment", "w"), ref("far", "Deployment", "w"), &segment.Port{Protocol: segment.TCP, Number: port})
		if err != nil || x.Verdict != want || x.Ingress.Verdict != want {
			t.Errorf("%d: %+v, %v; want %s", port, x, err, want)
		}
	}
}
