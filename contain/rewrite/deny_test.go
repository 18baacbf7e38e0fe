package rewrite_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/contain/rewrite"
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

const nameServers = `
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec: {selector: {k8s-app: kube-dns}, ports: [{port: 53, targetPort: 5353, protocol: UDP}, {port: 53, targetPort: 5353, protocol: TCP}]}
---
apiVersion: v1
kind: Pod
metadata: {name: coredns, namespace: kube-system, labels: {k8s-app: kube-dns}}
---
`

func tcp(port uint16) []segment.Conn {
	return []segment.Conn{{Protocol: segment.TCP, From: port, To: port}}
}

// deny makes the policy and the estate with it.
func deny(t *testing.T, text string, x *rewrite.Default) (*rewrite.Denial, *segment.Graph, *segment.Graph) {
	t.Helper()
	set := decode(t, text)
	m := modelOf(t, set, segment.Generic())
	got, err := rewrite.New(set, m, pick.New(m)).DefaultDeny(x)
	if err != nil {
		t.Fatal(err)
	}
	with := *set
	with.NetworkPolicies = append(slices.Clone(set.NetworkPolicies), manifest.Typed[networkingv1.NetworkPolicy]{Object: got.Policy,
		Policy: &estate.Policy{Namespace: got.Policy.Namespace, Name: got.Policy.Name, Kind: "NetworkPolicy"}})
	after := modelOf(t, &with, segment.Generic())
	if len(after.Taints) != len(m.Taints) {
		t.Fatalf("an API server would refuse it: %+v", after.Taints)
	}
	return got, graphOf(t, m), graphOf(t, after)
}

func TestDefaultDenyLetsNeedsThrough(t *testing.T) {
	got, before, after := deny(t, pods+nameServers, &rewrite.Default{Workload: ref("shop/api"), Direction: segment.Egress, Allow: []rewrite.Need{
		{Peer: ref("shop/db"), Conns: tcp(5432)}, {Peer: ref("watch/mail"), Conns: tcp(5432)}, {Peer: ident.Ref{CIDR: "192.0.2.0/24"}, Conns: tcp(443)},
		{Peer: ref("shop/nobody"), Conns: tcp(1)}, {Peer: ref("shop/web")},
	}})
	if len(got.Unwritten) != 2 || len(got.Wider) > 0 || got.Isolated || len(got.Also) > 0 || !strings.Contains(got.DNS, "Service kube-system/kube-dns") {
		t.Errorf("%+v", got)
	}
	if got.Policy.Name != "api-default-deny-egress" {
		t.Error(got.Policy.Name)
	}
	changes, err := segment.Diff(context.Background(), before, after)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if c.Src != ref("shop/api") || c.After != segment.Denied {
			t.Errorf("%+v", c)
		}
	}
	for _, want := range []struct {
		dst   ident.Ref
		conns string
	}{
		{ref("shop/db"), "5432/TCP"}, {ref("watch/mail"), "5432/TCP"}, {ref("shop/web"), ""}, {ref("watch/scraper"), ""},
		{ref("kube-system/coredns"), "53/TCP, 5353/TCP, 53/UDP, 5353/UDP"}, {ident.Ref{CIDR: "192.0.2.7/32"}, "443/TCP"}, {ident.Ref{CIDR: "8.8.8.8/32"}, ""},
	} {
		edges, err := after.Between(ref("shop/api"), want.dst)
		if err != nil {
			t.Fatal(err)
		}
		var conns []segment.Conn
		for _, e := range edges {
			conns = append(conns, e.Connections...)
		}
		if s := segment.Summary(conns, 9); s != want.conns {
			t.Errorf("%s: %q, want %q", want.dst, s, want.conns)
		}
	}
}

func TestDefaultDenyOfIngress(t *testing.T) {
	got, _, after := deny(t, pods, &rewrite.Default{Workload: ref("shop/db"), Direction: segment.Ingress})
	b, err := yaml.Marshal(got.Policy.Spec)
	if err != nil || string(b) != "podSelector:\n  matchLabels:\n    app: db\npolicyTypes:\n- Ingress\n" || got.DNS != "" {
		t.Errorf("%s %v %+v", b, err, got)
	}
	if i := after.Isolation(ref("shop/db")); i.Ingress != segment.Yes || i.Egress != segment.No {
		t.Errorf("%+v", i)
	}
}

func TestDefaultDenyNamesNeighbours(t *testing.T) {
	twins := strings.ReplaceAll(pods, "{app: api}", "{app: web}")
	got, _, _ := deny(t, twins+policy("all", "{podSelector: {}}"), &rewrite.Default{Workload: ref("shop/web"), Direction: segment.Ingress})
	if len(got.Also) != 1 || got.Quarantine != pick.QuarantineKey+"=web" || !got.Isolated {
		t.Errorf("%+v", got)
	}
	got, _, _ = deny(t, twins, &rewrite.Default{Workload: ref("shop/db"), Direction: segment.Ingress, Allow: []rewrite.Need{{Peer: ref("shop/web"), Conns: tcp(80)}}})
	if len(got.Wider) != 1 || !strings.Contains(got.Wider[0].Reason, "shop/api") {
		t.Errorf("%+v", got)
	}
}

func TestDefaultDenyRefuses(t *testing.T) {
	host := pods + "apiVersion: v1\nkind: Pod\nmetadata: {name: agent, namespace: watch, labels: {app: agent}}\nspec: {hostNetwork: true}\n"
	for _, tc := range []struct {
		who     string
		profile segment.Profile
		want    string
	}{
		{"shop/nobody", segment.Generic(), "no workload"}, {"watch/agent", segment.Generic(), "host network"}, {"shop/db", segment.None(), "not known to enforce"},
	} {
		set := decode(t, host)
		m := modelOf(t, set, tc.profile)
		_, err := rewrite.New(set, m, pick.New(m)).DefaultDeny(&rewrite.Default{Workload: ref(tc.who)})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", tc.who, err)
		}
	}
	got, _, _ := deny(t, host, &rewrite.Default{Workload: ref("shop/db"), Direction: segment.Ingress, Allow: []rewrite.Need{
		{Peer: ref("watch/agent"), Conns: tcp(80)}, {Peer: ident.Ref{CIDR: ident.Internet}, Conns: tcp(443)}, {Peer: ident.Ref{CIDR: "::ffff:1.2.3.4/128"}, Conns: tcp(443)}}})
	if len(got.Unwritten) != 2 || len(got.Policy.Spec.Ingress) != 1 {
		t.Errorf("%+v", got)
	}
}

// TestDefaultDenyIsExact isolates workloads of random estates that nothing
// isolated before: what was open and is needed stays, all else of that direction
// goes, and nothing else changes.
func TestDefaultDenyIsExact(t *testing.T) {
	checked, kept := 0, 0
	for seed := range uint64(2000) {
		set, profile := randomEstate(seed)
		set.ClusterNetworkPolicies, set.Estate.Unmodelled = nil, nil
		profile.IPBlockMatchesPods, profile.PodBlockDoubt, profile.HostNetworkPoliced = false, "", true
		r := rand.New(rand.NewPCG(seed, 13))
		ws := set.Estate.Workloads
		x := &rewrite.Default{Workload: ws[r.IntN(len(ws))].Ref, Direction: segment.Gress(r.IntN(2)), WithoutDNS: true} //nolint:gosec // two of them
		needs := map[ident.Ref][]segment.Conn{}
		for range r.IntN(4) {
			n := rewrite.Need{Peer: ws[r.IntN(len(ws))].Ref, Conns: randomKeep(r)}
			x.Allow = append(x.Allow, n)
			needs[n.Peer] = append(needs[n.Peer], n.Conns...)
		}
		m := modelOf(t, set, profile)
		got, err := rewrite.New(set, m, pick.New(m)).DefaultDeny(x)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got.Isolated || len(got.Also)+len(got.Wider) > 0 {
			continue
		}
		for _, u := range got.Unwritten {
			if len(u.Need.Conns) > 0 && u.Need.Peer.Cluster == x.Workload.Cluster {
				t.Fatalf("seed %d: %+v", seed, u)
			}
		}
		with := applied(set, []rewrite.Change{{Cluster: got.Cluster, New: got.Policy}})
		after := modelOf(t, with, profile)
		if len(after.Taints) != len(m.Taints) {
			t.Fatalf("seed %d: an API server would refuse it: %+v", seed, after.Taints)
		}
		checked++
		a, b := graphOf(t, m), graphOf(t, after)
		for i := range m.Endpoints {
			for j := range m.Endpoints {
				if i == j {
					continue
				}
				src, dst := m.Workloads[m.Endpoints[i].Workload].Ref, m.Workloads[m.Endpoints[j].Workload].Ref
				was, err1 := a.Between(m.Endpoints[i].Ref, m.Endpoints[j].Ref)
				is, err2 := b.Between(m.Endpoints[i].Ref, m.Endpoints[j].Ref)
				if err1 != nil || err2 != nil {
					t.Fatalf("%v %v", err1, err2)
				}
				subject, peer := src, dst
				if x.Direction == segment.Ingress {
					subject, peer = dst, src
				}
				for _, port := range probes(was, is, needs[peer]) {
					want := at(was, port)
					if subject == x.Workload && want != segment.Denied {
						if want = segment.Denied; slices.ContainsFunc(needs[peer], func(c segment.Conn) bool { return c.Contains(port) }) {
							want = at(was, port)
							kept++
						}
					}
					if s := at(is, port); s != want {
						t.Fatalf("seed %d: %s -> %s on %s: was %s, is %s, want %s\n%+v\n%+v", seed, src, dst, port, at(was, port), s, want, x, got.Policy.Spec)
					}
				}
			}
		}
	}
	t.Logf("%d default denials, %d connections kept", checked, kept)
	if checked < 300 || kept == 0 {
		t.Error("the estates do not exercise it")
	}
}
