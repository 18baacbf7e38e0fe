package segment_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// largeModel makes an estate of n workloads in namespaces of 20, with about one
// policy for each workload: most namespaces deny ingress by default, some both
// directions, some are open; peers by label, by namespace and by address.
func largeModel(n int, seed uint64) *segment.Model {
	r := rand.New(rand.NewPCG(seed, 1))
	m := &segment.Model{Profile: segment.Generic()}
	const perNamespace = 20
	for ns := range (n + perNamespace - 1) / perNamespace {
		name := fmt.Sprintf("team-%d", ns)
		m.Namespaces = append(m.Namespaces, segment.Namespace{Name: name, Declared: true,
			Labels: map[string]string{"kubernetes.io/metadata.name": name, "zone": fmt.Sprintf("z%d", ns%7)}})
		mood := r.IntN(10)
		if mood < 8 { // default deny
			m.Policies = append(m.Policies, segment.Policy{Kind: "NetworkPolicy", Namespace: name, Name: "default-deny", Tier: segment.NetworkPolicyTier,
				Subject: segment.PodSelector{InNamespace: name}, Isolates: [2]bool{mood < 2, true}})
		}
	}
	for i := range n {
		ns := i / perNamespace
		app := fmt.Sprintf("app-%d", i%perNamespace)
		name := m.Namespaces[ns].Name
		m.Workloads = append(m.Workloads, segment.Workload{Ref: ident.Ref{Namespace: name, Kind: "Deployment", Name: app}})
		for p := range 3 {
			m.Endpoints = append(m.Endpoints, segment.Endpoint{Ref: ident.Ref{Namespace: name, Kind: "Pod", Name: fmt.Sprintf("%s-%d", app, p)},
				Workload: i, Namespace: ns, Labels: map[string]string{"app": app, "pod-template-hash": fmt.Sprint(i * 7)},
				Ports: []segment.NamedPort{{Name: "http", Number: []uint16{8080, 8081, 3000}[i%3]}}})
		}
		if ns%10 == 9 {
			continue // open
		}
		rule := segment.Rule{Ports: []segment.PortMatch{{From: uint16(8000 + r.IntN(20)), To: uint16(8020 + r.IntN(20))}}}
		if r.IntN(4) == 0 {
			rule.Ports = []segment.PortMatch{{Name: "http"}}
		}
		for range 1 + r.IntN(3) {
			switch r.IntN(8) {
			case 0:
				rule.Peers = append(rule.Peers, segment.Peer{Kind: segment.PeerPods, Pods: segment.PodSelector{Namespaces: segment.MatchLabels(map[string]string{"zone": fmt.Sprintf("z%d", r.IntN(7))})}})
			case 1:
				rule.Peers = append(rule.Peers, segment.Peer{Kind: segment.PeerCIDR, CIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{52, byte(r.IntN(64)), 0, 0}), 16)})
			default:
				rule.Peers = append(rule.Peers, segment.Peer{Kind: segment.PeerPods, Pods: segment.PodSelector{InNamespace: name,
					Pods: segment.MatchLabels(map[string]string{"app": fmt.Sprintf("app-%d", r.IntN(perNamespace))})}})
			}
		}
		p := segment.Policy{Kind: "NetworkPolicy", Namespace: name, Name: "allow-" + app, Tier: segment.NetworkPolicyTier,
			Subject: segment.PodSelector{InNamespace: name, Pods: segment.MatchLabels(map[string]string{"app": app})}, Isolates: [2]bool{false, true}}
		p.Rules[segment.Ingress] = []segment.Rule{rule}
		if r.IntN(5) == 0 {
			p.Isolates[segment.Egress] = true
			p.Rules[segment.Egress] = []segment.Rule{{Index: 0, Peers: rule.Peers}, {Index: 1, Ports: []segment.PortMatch{{Protocol: segment.UDP, From: 53, To: 53}}}}
		}
		m.Policies = append(m.Policies, p)
	}
	return m
}

func forSizes(b *testing.B, f func(b *testing.B, m *segment.Model)) {
	for _, n := range []int{1000, 10000} {
		m := largeModel(n, 1)
		b.Run(fmt.Sprintf("workloads=%d", n), func(b *testing.B) { f(b, m) })
	}
}

func BenchmarkBuild(b *testing.B) {
	forSizes(b, func(b *testing.B, m *segment.Model) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := segment.Build(context.Background(), m); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRow(b *testing.B) {
	forSizes(b, func(b *testing.B, m *segment.Model) {
		g, err := segment.Build(context.Background(), m)
		if err != nil {
			b.Fatal(err)
		}
		ws := g.Workloads()
		i, edges := 0, 0
		for b.Loop() {
			e, err := g.Row(ws[i%len(ws)])
			if err != nil {
				b.Fatal(err)
			}
			edges += len(e)
			i++
		}
		b.ReportMetric(float64(edges)/float64(i), "edges/row")
	})
}

func BenchmarkAllPairs(b *testing.B) {
	forSizes(b, func(b *testing.B, m *segment.Model) {
		g, err := segment.Build(context.Background(), m)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			n := 0
			for range g.Edges(segment.ByWorkload) {
				n++
			}
			b.ReportMetric(float64(n), "edges")
		}
	})
}

func BenchmarkWhy(b *testing.B) {
	forSizes(b, func(b *testing.B, m *segment.Model) {
		g, err := segment.Build(context.Background(), m)
		if err != nil {
			b.Fatal(err)
		}
		ws := g.Workloads()
		i := 0
		for b.Loop() {
			if _, err := g.Why(ws[i%len(ws)], ws[(i*7+3)%len(ws)], nil); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
}

func BenchmarkReach(b *testing.B) {
	forSizes(b, func(b *testing.B, m *segment.Model) {
		g, err := segment.Build(context.Background(), m)
		if err != nil {
			b.Fatal(err)
		}
		ws := g.Workloads()
		for b.Loop() {
			for _, d := range []segment.Direction{segment.Forward, segment.Backward} {
				if _, err := g.Reach(context.Background(), ws[5:6], d, 0); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// BenchmarkTravel is a transitive blast radius both ways, with one path.
func BenchmarkTravel(b *testing.B) {
	forSizes(b, func(b *testing.B, m *segment.Model) {
		g, err := segment.Build(context.Background(), m)
		if err != nil {
			b.Fatal(err)
		}
		ws := g.Workloads()
		i := 0
		for b.Loop() {
			for _, d := range []segment.Direction{segment.Forward, segment.Backward} {
				t, err := g.Travel(context.Background(), ws[i%len(ws):i%len(ws)+1], d, 0)
				if err != nil {
					b.Fatal(err)
				}
				t.Path(ws[(i+7)%len(ws)])
			}
			i += 31
		}
	})
}

// BenchmarkBuildAndCount is all pairs from the model: grouping, compiling, and
// evaluating every pair without listing it.
func BenchmarkBuildAndCount(b *testing.B) {
	forSizes(b, func(b *testing.B, m *segment.Model) {
		b.ReportAllocs()
		for b.Loop() {
			g, err := segment.Build(context.Background(), m)
			if err != nil {
				b.Fatal(err)
			}
			n, err := g.Count(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(n.Edges), "edges")
		}
	})
}

// BenchmarkApply is one change of a large graph: inside the vocabulary of its
// rules, and beyond it.
func BenchmarkApply(b *testing.B) {
	policy := func(m *segment.Model, i int) segment.Policy {
		p := segment.Policy{Kind: "NetworkPolicy", Namespace: m.Namespaces[i%len(m.Namespaces)].Name, Name: fmt.Sprint("late-", i%50),
			Tier: segment.NetworkPolicyTier, Isolates: [2]bool{false, true}}
		p.Subject = segment.PodSelector{InNamespace: p.Namespace, Pods: segment.MatchLabels(map[string]string{"app": fmt.Sprintf("app-%d", i%20)})}
		p.Rules[segment.Ingress] = []segment.Rule{{Peers: []segment.Peer{{Kind: segment.PeerPods, Pods: segment.PodSelector{InNamespace: p.Namespace,
			Pods: segment.MatchLabels(map[string]string{"app": fmt.Sprintf("app-%d", (i+7)%20)})}}}}}
		return p
	}
	for name, delta := range map[string]func(m *segment.Model, i int) *segment.Delta{
		"policy": func(m *segment.Model, i int) *segment.Delta {
			return &segment.Delta{PutPolicies: []segment.Policy{policy(m, i)}}
		},
		"label": func(m *segment.Model, i int) *segment.Delta {
			e := m.Endpoints[i%len(m.Endpoints)]
			e.Labels = map[string]string{"app": fmt.Sprintf("app-%d", i%23)}
			return &segment.Delta{PutEndpoints: []segment.Endpoint{e}}
		},
		"new-key": func(m *segment.Model, i int) *segment.Delta {
			p := policy(m, i)
			p.Rules[segment.Ingress][0].Peers[0].Pods.Pods = segment.MatchLabels(map[string]string{fmt.Sprint("key-", i): "x"})
			return &segment.Delta{PutPolicies: []segment.Policy{p}}
		},
		"new-port": func(m *segment.Model, i int) *segment.Delta {
			p := policy(m, i)
			p.Rules[segment.Ingress][0].Ports = []segment.PortMatch{{From: uint16(20000 + i%20000), To: uint16(20000 + i%20000)}}
			return &segment.Delta{PutPolicies: []segment.Policy{p}}
		},
		"new-block": func(m *segment.Model, i int) *segment.Delta {
			p := policy(m, i)
			p.Rules[segment.Ingress][0].Peers[0] = segment.Peer{Kind: segment.PeerCIDR,
				CIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{53, byte(i >> 8), byte(i), 0}), 24)}
			return &segment.Delta{PutPolicies: []segment.Policy{p}}
		},
	} {
		b.Run(name, func(b *testing.B) {
			forSizes(b, func(b *testing.B, m *segment.Model) {
				g, err := segment.Build(context.Background(), m)
				if err != nil {
					b.Fatal(err)
				}
				if g, err = g.Apply(context.Background(), delta(m, 0)); err != nil {
					b.Fatal(err)
				}
				i, shared := 1, 0
				for b.Loop() {
					next, err := g.Apply(context.Background(), delta(m, i))
					if err != nil {
						b.Fatal(err)
					}
					if segment.Shares(g, next) {
						shared++
					}
					g = next
					i++
				}
				b.ReportMetric(float64(shared)/float64(i-1), "shared")
			})
		})
	}
}
