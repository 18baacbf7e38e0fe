package segment_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// leave takes out a workload or a namespace that the delta puts nothing into; or,
// where few are left, adds some.
func (p *replay) leave(d *segment.Delta) {
	m := &p.m
	for len(m.Workloads) < 5 {
		p.putWorkload(d)
	}
	goes := make([]bool, len(m.Workloads))
	left := make([]bool, len(m.Namespaces))
	if ns := p.r.IntN(len(m.Namespaces)); p.r.IntN(4) == 0 && len(m.Namespaces) > 1 && !p.touches(d, m.Namespaces[ns], nil) {
		n := m.Namespaces[ns]
		rest := 0
		for i, w := range m.Workloads {
			if goes[i] = w.Ref.Cluster == n.Cluster && w.Ref.Namespace == n.Name; !goes[i] {
				rest++
			}
		}
		if rest == 0 {
			return
		}
		d.DropNamespaces = append(d.DropNamespaces, segment.NamespaceRef{Cluster: n.Cluster, Name: n.Name})
		left[ns] = true
		m.Policies = slices.DeleteFunc(slices.Clone(m.Policies), func(x segment.Policy) bool { return x.Cluster == n.Cluster && x.Namespace == n.Name })
	} else if len(m.Workloads) > 0 {
		w := p.r.IntN(len(m.Workloads))
		if p.touches(d, segment.Namespace{}, &m.Workloads[w].Ref) {
			return
		}
		d.DropWorkloads = append(d.DropWorkloads, m.Workloads[w].Ref)
		p.left = append(p.left, m.Workloads[w].Ref)
		goes[w] = true
	}
	p.without(goes, left)
}

// touches reports whether a delta puts a namespace or a workload, or something
// into it.
func (p *replay) touches(d *segment.Delta, n segment.Namespace, w *ident.Ref) bool {
	for _, x := range d.PutNamespaces {
		if w == nil && x.Name == n.Name && x.Cluster == n.Cluster {
			return true
		}
	}
	hit := func(r ident.Ref) bool {
		return w != nil && r == *w || w == nil && r.Namespace == n.Name && r.Cluster == n.Cluster
	}
	return slices.ContainsFunc(d.PutWorkloads, func(x segment.Workload) bool { return hit(x.Ref) }) ||
		slices.ContainsFunc(d.PutEndpoints, func(x segment.Endpoint) bool { return hit(p.m.Workloads[x.Workload].Ref) || w == nil && hit(x.Ref) }) ||
		slices.ContainsFunc(d.PutPolicies, func(x segment.Policy) bool { return w == nil && x.Namespace == n.Name && x.Cluster == n.Cluster }) ||
		w == nil && slices.ContainsFunc(d.DropPolicies, func(x segment.PolicyRef) bool { return x.Namespace == n.Name && x.Cluster == n.Cluster })
}

// without takes workloads and namespaces out of the plain model.
func (p *replay) without(goes, left []bool) {
	m := &p.m
	count := func(gone []bool) (at []int) {
		n := 0
		for _, g := range gone {
			at = append(at, n)
			if !g {
				n++
			}
		}
		return at
	}
	w, ns := count(goes), count(left)
	var workloads []segment.Workload
	for i, x := range m.Workloads {
		if !goes[i] {
			workloads = append(workloads, x)
		}
	}
	var namespaces []segment.Namespace
	for i, x := range m.Namespaces {
		if !left[i] {
			namespaces = append(namespaces, x)
		}
	}
	var endpoints []segment.Endpoint
	for _, e := range m.Endpoints {
		if !goes[e.Workload] && !left[e.Namespace] {
			e.Workload, e.Namespace = w[e.Workload], ns[e.Namespace]
			endpoints = append(endpoints, e)
		}
	}
	var entries []segment.Entry
	for _, e := range m.Entries {
		if goes[e.Workload] {
			continue
		}
		var controllers []int
		for _, c := range e.Controllers {
			if !goes[c] {
				controllers = append(controllers, w[c])
			}
		}
		e.Workload, e.Controllers = w[e.Workload], controllers
		entries = append(entries, e)
	}
	m.Workloads, m.Namespaces, m.Endpoints, m.Entries = workloads, namespaces, endpoints, entries
}

// sameModel compares what two graphs say of what there is.
func sameModel(t *testing.T, what string, got, want *segment.Graph) {
	t.Helper()
	x, y := got.Model(), want.Model()
	for name, parts := range map[string][2]any{"namespaces": {x.Namespaces, y.Namespaces}, "workloads": {x.Workloads, y.Workloads}, "policies": {x.Policies, y.Policies},
		"endpoints": {x.Endpoints, y.Endpoints}, "entries": {x.Entries, y.Entries}, "taints": {x.Taints, y.Taints}} {
		if a, b := fmt.Sprintf("%+v", parts[0]), fmt.Sprintf("%+v", parts[1]); a != b {
			t.Fatalf("%s: the model's %s are\n%s, rebuilt\n%s", what, name, a, b)
		}
	}
	for name, f := range map[string]func(*segment.Graph) any{
		"workloads":  func(g *segment.Graph) any { return g.Workloads() },
		"populated":  func(g *segment.Graph) any { return g.Populated() },
		"entrances":  func(g *segment.Graph) any { return g.Entrances() },
		"selections": func(g *segment.Graph) any { return g.Selections() },
		"in doubt": func(g *segment.Graph) any { // a reason names the first class that it concerns, which may be another
			var out []ident.Ref
			for _, c := range g.Causes() {
				out = append(out, c.Affects...)
			}
			slices.SortFunc(out, ident.Ref.Compare)
			return slices.Compact(out)
		},
	} {
		if x, y := f(got), f(want); !reflect.DeepEqual(x, y) {
			t.Fatalf("%s: %s (-rebuilt +applied):\n%.3000s", what, name, cmp.Diff(y, x))
		}
	}
}

// TestEveryKindShares: pods, workloads, namespaces, policies and Services that are
// added, changed and removed make a graph that shares with the one before, and is
// the one that is built from the changed model.
func TestEveryKindShares(t *testing.T) {
	t.Parallel()
	m := largeModel(60, 1)
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	space := func(zone string) segment.Namespace {
		return segment.Namespace{Name: "late", Declared: true, Labels: map[string]string{"kubernetes.io/metadata.name": "late", "zone": zone}}
	}
	w := ident.Ref{Namespace: "late", Kind: "Deployment", Name: "web"}
	pod := func(app string) segment.Endpoint {
		return segment.Endpoint{Ref: ident.Ref{Namespace: "late", Kind: "Pod", Name: "web-0"}, Workload: 60, Namespace: 3, Labels: map[string]string{"app": app}}
	}
	guard := func(peer string) segment.Policy {
		p := segment.Policy{Kind: "NetworkPolicy", Namespace: "late", Name: "guard", Tier: segment.NetworkPolicyTier, Subject: segment.PodSelector{InNamespace: "late"},
			Isolates: [2]bool{segment.Ingress: true}}
		p.Rules[segment.Ingress] = []segment.Rule{{Peers: []segment.Peer{{Kind: segment.PeerPods,
			Pods: segment.PodSelector{Namespaces: segment.MatchLabels(map[string]string{"zone": peer})}}}}}
		return p
	}
	entries := func(ports ...uint16) *[]segment.Entry {
		out := []segment.Entry{}
		for _, p := range ports {
			out = append(out, segment.Entry{Workload: 3, Kind: "LoadBalancer", Object: "Service web", Conns: []segment.Conn{{From: p, To: p}}})
		}
		return &out
	}
	labelled := segment.Workload{Ref: w, Labels: map[string]string{"app": "web"}}
	for _, step := range []struct {
		name string
		d    segment.Delta
	}{
		{"namespace added", segment.Delta{PutNamespaces: []segment.Namespace{space("z1")}}},
		{"workload added", segment.Delta{PutWorkloads: []segment.Workload{{Ref: w}}}},
		{"pod added", segment.Delta{PutEndpoints: []segment.Endpoint{pod("app-1")}}},
		{"policy added", segment.Delta{PutPolicies: []segment.Policy{guard("z1")}}},
		{"service added", segment.Delta{Entries: entries(80)}},
		{"namespace changed", segment.Delta{PutNamespaces: []segment.Namespace{space("z2")}}},
		{"workload changed", segment.Delta{PutWorkloads: []segment.Workload{labelled}}},
		{"pod changed", segment.Delta{PutEndpoints: []segment.Endpoint{pod("app-2")}}},
		{"policy changed", segment.Delta{PutPolicies: []segment.Policy{guard("z2")}}},
		{"service changed", segment.Delta{Entries: entries(80, 443)}},
		{"service removed", segment.Delta{Entries: entries()}},
		{"policy removed", segment.Delta{DropPolicies: []segment.PolicyRef{{Kind: "NetworkPolicy", Namespace: "late", Name: "guard"}}}},
		{"pod removed", segment.Delta{DropEndpoints: []ident.Ref{{Namespace: "late", Kind: "Pod", Name: "web-0"}}}},
		{"workload removed", segment.Delta{DropWorkloads: []ident.Ref{w}}},
		{"workload in the middle removed", segment.Delta{DropWorkloads: []ident.Ref{m.Workloads[3].Ref}}},
		{"namespace removed", segment.Delta{DropNamespaces: []segment.NamespaceRef{{Name: "late"}}}},
		{"namespace removed with what is in it", segment.Delta{DropNamespaces: []segment.NamespaceRef{{Name: m.Namespaces[1].Name}}}},
		{"namespace of the same name added", segment.Delta{PutNamespaces: m.Namespaces[1:2]}},
		{"workload of the same name added", segment.Delta{PutWorkloads: m.Workloads[20:21], PutEndpoints: []segment.Endpoint{
			{Ref: m.Endpoints[60].Ref, Workload: 39, Namespace: 2, Labels: m.Endpoints[60].Labels}}}},
	} {
		next, err := g.Apply(context.Background(), &step.d)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if !segment.Shares(g, next) {
			t.Errorf("%s: it was compiled anew", step.name)
		}
		want, err := segment.Build(context.Background(), next.Model())
		if err != nil {
			t.Fatal(err)
		}
		sameGraph(t, step.name, next, want, rand.New(rand.NewPCG(1, 1)))
		g = next
	}
	if n := len(g.Workloads()); n != 40 {
		t.Errorf("%d workloads are left", n)
	}
}

// TestDropIsRefused: what goes is there, and takes nothing along that the same
// change brings.
func TestDropIsRefused(t *testing.T) {
	t.Parallel()
	m := largeModel(40, 1)
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	ns := segment.NamespaceRef{Name: m.Namespaces[0].Name}
	policy := segment.Policy{Kind: "NetworkPolicy", Namespace: ns.Name, Name: "late", Tier: segment.NetworkPolicyTier}
	for _, c := range []struct {
		want ident.Kind
		d    segment.Delta
	}{
		{ident.KindNotFound, segment.Delta{DropWorkloads: []ident.Ref{{Namespace: "x", Name: "y"}}}},
		{ident.KindNotFound, segment.Delta{DropNamespaces: []segment.NamespaceRef{{Name: "x"}}}},
		{ident.KindNotFound, segment.Delta{DropNamespaces: []segment.NamespaceRef{{Cluster: "x", Name: ns.Name}}}},
		{ident.KindInvalid, segment.Delta{DropNamespaces: []segment.NamespaceRef{ns}, PutNamespaces: m.Namespaces[:1]}},
		{ident.KindInvalid, segment.Delta{DropNamespaces: []segment.NamespaceRef{ns}, PutPolicies: []segment.Policy{policy}}},
		{ident.KindInvalid, segment.Delta{DropNamespaces: []segment.NamespaceRef{ns}, PutWorkloads: m.Workloads[:1]}},
		{ident.KindInvalid, segment.Delta{DropNamespaces: []segment.NamespaceRef{ns}, PutEndpoints: m.Endpoints[:1]}},
		{ident.KindInvalid, segment.Delta{DropWorkloads: []ident.Ref{m.Workloads[0].Ref}, PutEndpoints: m.Endpoints[:1]}},
		{ident.KindInvalid, segment.Delta{DropWorkloads: []ident.Ref{m.Workloads[0].Ref}, PutWorkloads: m.Workloads[:1]}},
	} {
		if _, err := g.Apply(context.Background(), &c.d); ident.KindOf(err) != c.want {
			t.Errorf("%+v: %v", c.d, err)
		}
	}
	next, err := g.Apply(context.Background(), &segment.Delta{DropWorkloads: []ident.Ref{m.Workloads[0].Ref}}) // a refusal changes nothing
	if err != nil || !segment.Shares(g, next) {
		t.Error(err)
	}
}
