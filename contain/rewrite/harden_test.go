package rewrite_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/contain/rewrite"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// harden makes the changes and the estates before and after them.
func harden(t *testing.T, text string, x ...rewrite.Hardening) (*rewrite.Result, *segment.Graph, *segment.Graph) {
	t.Helper()
	set := decode(t, text)
	m := modelOf(t, set, segment.Generic())
	res, err := rewrite.New(set, m, pick.New(m)).Harden(context.Background(), nil, x)
	if err != nil {
		t.Fatal(err)
	}
	after := modelOf(t, applied(set, res.Changes), segment.Generic())
	if len(after.Taints) != len(m.Taints) {
		t.Fatalf("an API server would refuse it: %+v", after.Taints)
	}
	return res, graphOf(t, m), graphOf(t, after)
}

func TestHardenAppendsADefaultDeny(t *testing.T) {
	res, before, after := harden(t, pods, rewrite.Hardening{Workload: ref("shop/api"), Direction: segment.Egress, Allow: []rewrite.Need{{Peer: ref("shop/db"), Conns: tcp(5432)}}})
	if !res.Hardened[0].Done || len(res.Changes) != 1 || res.Changes[0].Old != nil {
		t.Fatalf("%+v", res)
	}
	changes, err := segment.Diff(context.Background(), before, after)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if c.Src != ref("shop/api") || c.After != segment.Denied || c.Dst.IsCIDR() {
			t.Errorf("%+v", c)
		}
	}
	if len(changes) < 3 {
		t.Errorf("%+v", changes)
	}
}

func TestHardenChangesThePolicyThatIsThere(t *testing.T) {
	shared := pods + policy("all", "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}, {namespaceSelector: {}}, {ipBlock: {cidr: 192.0.2.0/24}}]}]}")
	res, before, after := harden(t, shared, rewrite.Hardening{Workload: ref("shop/db"), Direction: segment.Ingress, Allow: []rewrite.Need{{Peer: ref("shop/api"), Conns: tcp(5432)}}})
	if !res.Hardened[0].Done || len(res.Changes) != 2 || res.Changes[0].Old == nil || res.Changes[1].New.Name != "all-reduced" {
		t.Fatalf("%+v", res)
	}
	for _, c := range res.Changes {
		if c.Why == "" || len(c.NewPods) == 0 {
			t.Errorf("%+v", c)
		}
	}
	changes, err := segment.Diff(context.Background(), before, after)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if c.Dst != ref("shop/db") || c.After != segment.Denied || c.Src.IsCIDR() {
			t.Errorf("%+v", c)
		}
	}
	// One that isolates and grants nothing else stands as it is: the other takes the list in.
	own := pods + policy("all", "{podSelector: {}, policyTypes: [Ingress]}") + policy("db", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}")
	res, _, _ = harden(t, own, rewrite.Hardening{Workload: ref("shop/db"), Direction: segment.Ingress, Allow: []rewrite.Need{{Peer: ref("shop/api"), Conns: tcp(5432)}}})
	if len(res.Changes) != 1 || res.Changes[0].New.Name != "db" || len(res.Changes[0].New.Spec.Ingress) != 2 {
		t.Errorf("%+v", res.Changes)
	}
	// Where the input does not show the name servers, the way to where they usually are stays.
	names := pods + policy("out", "{podSelector: {matchLabels: {app: api}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}], ports: [{port: 53, protocol: UDP}]}, {to: [{podSelector: {}}]}]}")
	res, _, _ = harden(t, names, rewrite.Hardening{Workload: ref("shop/api"), Direction: segment.Egress, Names: true})
	if len(res.Changes) != 1 || len(res.Changes[0].New.Spec.Egress) != 3 || res.Changes[0].New.Spec.Egress[2].To[0].PodSelector.MatchLabels["k8s-app"] != "kube-dns" {
		t.Errorf("%+v", res.Changes)
	}
}

func TestHardenRefuses(t *testing.T) {
	half := pods + policy("half", "{podSelector: {matchLabels: {app: web, track: canary}}, policyTypes: [Ingress]}") +
		"apiVersion: v1\nkind: Pod\nmetadata: {name: twin, namespace: shop, labels: {app: db}}\n---\n"
	for _, tc := range []struct {
		what string
		x    rewrite.Hardening
		want string
	}{
		{"nobody", rewrite.Hardening{Workload: ref("shop/nobody")}, "no workload"},
		{"a twin", rewrite.Hardening{Workload: ref("shop/db"), Direction: segment.Ingress}, "labels cannot separate"},
		{"a peer that is not there", rewrite.Hardening{Workload: ref("shop/api"), Allow: []rewrite.Need{{Peer: ref("shop/gone"), Conns: tcp(1)}}}, "cannot be written"},
	} {
		set := decode(t, half)
		m := modelOf(t, set, segment.Generic())
		res, err := rewrite.New(set, m, pick.New(m)).Harden(context.Background(), nil, []rewrite.Hardening{tc.x})
		if err != nil || res.Hardened[0].Done || !strings.Contains(res.Hardened[0].Reason, tc.want) || len(res.Changes) > 0 {
			t.Errorf("%s: %+v, %v", tc.what, res, err)
		}
	}
	set := decode(t, pods)
	m := modelOf(t, set, segment.Generic())
	x := rewrite.Hardening{Workload: ref("shop/db"), Direction: segment.Ingress}
	if _, err := rewrite.New(set, m, pick.New(m)).Harden(context.Background(), nil, []rewrite.Hardening{x, x}); ident.KindOf(err) != ident.KindUsage {
		t.Error(err)
	}
	edge := rewrite.Edge{Src: ref("shop/api"), Dst: ref("shop/db"), At: segment.Ingress}
	if _, err := rewrite.New(set, m, pick.New(m)).Harden(context.Background(), []rewrite.Edge{edge}, []rewrite.Hardening{x}); ident.KindOf(err) != ident.KindUsage {
		t.Error(err)
	}
	blocks := segment.Generic()
	blocks.IPBlockMatchesPods = true
	m = modelOf(t, set, blocks)
	res, err := rewrite.New(set, m, pick.New(m)).Harden(context.Background(), nil, []rewrite.Hardening{x})
	if err != nil || !strings.Contains(res.Hardened[0].Reason, "addresses outside") {
		t.Errorf("%+v %v", res, err)
	}
}

// TestHardenIsExact reduces workloads of random estates: of what they had in that
// direction what is listed stays, all else that pods have goes, and nothing else
// changes, addresses outside least of all.
func TestHardenIsExact(t *testing.T) {
	done, kept, rewritten, refused := 0, 0, 0, 0
	estates := uint64(estatesTried) / 10
	for seed := range estates {
		set, profile := randomEstate(seed)
		set.ClusterNetworkPolicies, set.Estate.Unmodelled = nil, nil
		m := modelOf(t, set, profile)
		before := graphOf(t, m)
		r := rand.New(rand.NewPCG(seed, 17))
		var hard []rewrite.Hardening
		needs := map[[2]ident.Ref][2][]segment.Conn{}
		for range 1 + r.IntN(2) {
			x := rewrite.Hardening{Workload: m.Workloads[r.IntN(len(m.Workloads))].Ref, Direction: segment.Gress(r.IntN(2))} //nolint:gosec // two of them
			if slices.ContainsFunc(hard, func(o rewrite.Hardening) bool { return o.Workload == x.Workload && o.Direction == x.Direction }) {
				continue
			}
			for i := range m.Workloads {
				peer := m.Workloads[i].Ref
				src, dst := x.Workload, peer
				if x.Direction == segment.Ingress {
					src, dst = peer, x.Workload
				}
				if peer == x.Workload || r.IntN(2) == 0 || !alike(t, before, m, src, dst) {
					continue
				}
				open, err := before.Between(src, dst)
				if err != nil {
					t.Fatal(err)
				}
				var passing []segment.Conn
				for _, e := range open {
					passing = append(passing, e.Connections...)
				}
				conns := segment.Common(randomKeep(r), passing)
				if len(conns) == 0 {
					continue
				}
				x.Allow = append(x.Allow, rewrite.Need{Peer: peer, Conns: conns})
				k := needs[[2]ident.Ref{x.Workload, peer}]
				k[x.Direction] = conns
				needs[[2]ident.Ref{x.Workload, peer}] = k
			}
			hard = append(hard, x)
		}
		res, err := rewrite.New(set, m, pick.New(m)).Harden(context.Background(), nil, hard)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		sides := map[ident.Ref][2]bool{}
		wide := false
		picker := pick.New(m)
		for _, h := range res.Hardened {
			if !h.Done {
				refused++
				continue
			}
			done++
			s := sides[h.Hardening.Workload]
			s[h.Hardening.Direction] = true
			sides[h.Hardening.Workload] = s
			for _, n := range h.Hardening.Allow {
				i := slices.IndexFunc(m.Workloads, func(w segment.Workload) bool { return w.Ref == n.Peer })
				wide = wide || len(picker.Pick([]int{i}).Also) > 0
			}
		}
		if wide {
			continue // a peer that labels cannot separate brings others along, which the caller knows
		}
		for _, c := range res.Changes {
			if c.Old != nil {
				rewritten++
			}
		}
		changed := modelOf(t, applied(set, res.Changes), profile)
		if len(changed.Taints) != len(m.Taints) {
			t.Fatalf("seed %d: an API server would refuse it: %+v", seed, changed.Taints)
		}
		after := graphOf(t, changed)
		for i := range m.Endpoints {
			for j := range m.Endpoints {
				if i == j {
					continue
				}
				src, dst := m.Workloads[m.Endpoints[i].Workload].Ref, m.Workloads[m.Endpoints[j].Workload].Ref
				was, err1 := before.Between(m.Endpoints[i].Ref, m.Endpoints[j].Ref)
				is, err2 := after.Between(m.Endpoints[i].Ref, m.Endpoints[j].Ref)
				if err1 != nil || err2 != nil {
					t.Fatalf("%v %v", err1, err2)
				}
				out, in := needs[[2]ident.Ref{src, dst}][segment.Egress], needs[[2]ident.Ref{dst, src}][segment.Ingress]
				host := (m.Endpoints[i].HostNetwork || m.Endpoints[j].HostNetwork) && !profile.HostNetworkPoliced
				for _, port := range probes(was, is, slices.Concat(out, in)) {
					want := at(was, port)
					lost := sides[src][segment.Egress] && !slices.ContainsFunc(out, func(c segment.Conn) bool { return c.Contains(port) }) ||
						sides[dst][segment.Ingress] && !slices.ContainsFunc(in, func(c segment.Conn) bool { return c.Contains(port) })
					if lost && !host && src != dst {
						want = segment.Denied
					} else if want != segment.Denied && (sides[src][segment.Egress] || sides[dst][segment.Ingress]) {
						kept++
					}
					if s := at(is, port); s != want {
						t.Fatalf("seed %d: %s -> %s on %s: was %s, is %s, want %s\n%+v", seed, m.Endpoints[i].Ref, m.Endpoints[j].Ref, port, at(was, port), s, want, res)
					}
				}
			}
		}
		changes, err := segment.Diff(context.Background(), before, after)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if c.Src.IsCIDR() || c.Dst.IsCIDR() {
				t.Fatalf("seed %d: an address outside changes: %+v\n%+v", seed, c, res)
			}
		}
	}
	t.Logf("%d sides reduced, %d refused, %d policies rewritten, %d connections kept", done, refused, rewritten, kept)
	if done < int(estates)/4 || kept == 0 || rewritten == 0 {
		t.Error("the estates do not exercise it")
	}
}

// alike reports whether what passes between two workloads passes between all of their pods.
func alike(t *testing.T, g *segment.Graph, m *segment.Model, src, dst ident.Ref) bool {
	t.Helper()
	var first []segment.Edge
	seen := false
	for i := range m.Endpoints {
		for j := range m.Endpoints {
			if i == j || m.Workloads[m.Endpoints[i].Workload].Ref != src || m.Workloads[m.Endpoints[j].Workload].Ref != dst {
				continue
			}
			got, err := g.Between(m.Endpoints[i].Ref, m.Endpoints[j].Ref)
			if err != nil {
				t.Fatal(err)
			}
			if !seen {
				first, seen = got, true
			}
			if len(got) != len(first) {
				return false
			}
			for k := range got {
				if got[k].Verdict != first[k].Verdict || got[k].Verdict != segment.Allowed || !slices.Equal(got[k].Connections, first[k].Connections) {
					return false
				}
			}
		}
	}
	return true
}
