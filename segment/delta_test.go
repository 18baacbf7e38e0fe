package segment_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// replay applies deltas to a model in the plainest way.
type replay struct {
	m segment.Model
	r *rand.Rand
	n int // names given
	// hosts is true where pods on the host network come and go.
	hosts bool
	left  []ident.Ref // workloads that went
}

// event makes a random delta and applies it to the plain model.
func (p *replay) event(pods bool) *segment.Delta {
	d := &segment.Delta{}
	for range 1 + p.r.IntN(2) {
		switch k := p.r.IntN(14); {
		case p.hosts && pods && k < 4:
			p.putEndpoint(d)
		case k == 13:
			p.putTaints(d)
		case k == 10:
			p.putNamespace(d)
		case k == 11:
			p.putWorkload(d)
		case k == 12:
			p.putEntries(d)
		case k < 4 || !pods && k < 7:
			p.putPolicy(d)
		case k < 5 || !pods:
			p.dropPolicy(d)
		case k < 8:
			p.putEndpoint(d)
		default:
			p.dropEndpoint(d)
		}
	}
	if pods && p.r.IntN(3) == 0 {
		p.leave(d)
	}
	return d
}

func (p *replay) putPolicy(d *segment.Delta) {
	p.n++
	pol := randomNetworkPolicy(p.r, &p.m, p.n)
	if p.r.IntN(4) == 0 {
		pol = randomClusterPolicy(p.r, &p.m, p.n)
	}
	pol.Name = fmt.Sprintf("late%d", p.n)
	if len(p.m.Policies) > 0 && p.r.IntN(3) == 0 { // replaces
		old := p.m.Policies[p.r.IntN(len(p.m.Policies))]
		if old.Tier == pol.Tier && old.Cluster == pol.Cluster && old.Namespace == pol.Namespace && old.Kind == pol.Kind {
			pol.Name = old.Name
		}
	}
	if p.r.IntN(3) == 0 { // asks for what nobody asked so far
		rule := segment.Rule{Index: 90, Action: segment.Allow}
		switch p.r.IntN(3) {
		case 0:
			key := fmt.Sprintf("extra%d", p.r.IntN(3))
			rule.Peers = []segment.Peer{{Kind: segment.PeerPods, Pods: segment.PodSelector{InNamespace: p.m.Namespaces[0].Name,
				Pods: segment.MatchLabels(map[string]string{key: pick(p.r, "u", "v")})}}}
		case 1:
			from := uint16(70 + p.r.IntN(40))
			rule.Ports = []segment.PortMatch{{Protocol: segment.TCP, From: from, To: from + uint16(p.r.IntN(30))}}
		default:
			a := netip.AddrFrom4([4]byte{8, byte(p.r.IntN(3)), byte(p.r.IntN(3)), 0})
			rule.Peers = []segment.Peer{{Kind: segment.PeerCIDR, CIDR: netip.PrefixFrom(a, 6+p.r.IntN(19)).Masked()}}
		}
		pol.Isolates[segment.Ingress] = true
		pol.Rules[segment.Ingress] = append(slices.Clone(pol.Rules[segment.Ingress]), rule)
	}
	if slices.ContainsFunc(d.PutPolicies, func(o segment.Policy) bool { return o.Ref() == pol.Ref() }) ||
		slices.Contains(d.DropPolicies, pol.Ref()) {
		return
	}
	put := []segment.Policy{pol}
	if p.r.IntN(5) == 0 { // an object that both grants and denies
		denials := randomDenials(p.r, &p.m, p.n)
		denials.Kind, denials.Cluster, denials.Namespace, denials.Name = pol.Kind, pol.Cluster, pol.Namespace, pol.Name
		put = append(put, denials)
	}
	d.PutPolicies = append(d.PutPolicies, put...)
	p.m.Policies = slices.DeleteFunc(slices.Clone(p.m.Policies), func(o segment.Policy) bool { return o.Ref() == pol.Ref() })
	p.m.Policies = append(p.m.Policies, put...)
}

func (p *replay) dropPolicy(d *segment.Delta) {
	if len(p.m.Policies) == 0 {
		return
	}
	old := p.m.Policies[p.r.IntN(len(p.m.Policies))].Ref()
	if slices.ContainsFunc(d.PutPolicies, func(o segment.Policy) bool { return o.Ref() == old }) || slices.Contains(d.DropPolicies, old) {
		return
	}
	d.DropPolicies = append(d.DropPolicies, old)
	p.m.Policies = slices.DeleteFunc(slices.Clone(p.m.Policies), func(o segment.Policy) bool { return o.Ref() == old })
}

// putNamespace adds a namespace, or changes the labels of one.
func (p *replay) putNamespace(d *segment.Delta) {
	n := segment.Namespace{Cluster: p.m.Namespaces[0].Cluster, Name: fmt.Sprintf("late%d", p.r.IntN(4)), Declared: p.r.IntN(4) > 0}
	i := p.r.IntN(len(p.m.Namespaces))
	if p.r.IntN(3) > 0 {
		n.Cluster, n.Name = p.m.Namespaces[i].Cluster, p.m.Namespaces[i].Name
	} else {
		i = slices.IndexFunc(p.m.Namespaces, func(o segment.Namespace) bool { return o.Cluster == n.Cluster && o.Name == n.Name })
	}
	n.Labels = map[string]string{"kubernetes.io/metadata.name": n.Name}
	for _, k := range []string{"team", "zone"} {
		if n.Declared && p.r.IntN(3) > 0 {
			n.Labels[k] = pick(p.r, "x", "y")
		}
	}
	if slices.ContainsFunc(d.PutNamespaces, func(o segment.Namespace) bool { return o.Cluster == n.Cluster && o.Name == n.Name }) {
		return
	}
	d.PutNamespaces = append(d.PutNamespaces, n)
	p.m.Namespaces = slices.Clone(p.m.Namespaces)
	if i < 0 {
		p.m.Namespaces = append(p.m.Namespaces, n)
	} else {
		p.m.Namespaces[i] = n
	}
}

// putWorkload adds a workload with a pod.
func (p *replay) putWorkload(d *segment.Delta) {
	p.n++
	ns := p.r.IntN(len(p.m.Namespaces))
	of := p.m.Namespaces[ns]
	w := segment.Workload{Ref: ident.Ref{Cluster: of.Cluster, Namespace: of.Name, Kind: "Deployment", Name: fmt.Sprintf("%c-new%d", 'a'+p.r.IntN(26), p.n)}}
	if i := slices.IndexFunc(p.left, func(r ident.Ref) bool { return r.Cluster == of.Cluster && r.Namespace == of.Name }); i >= 0 { // comes back
		w.Ref = p.left[i]
		p.left = slices.Delete(p.left, i, i+1)
	}
	e := segment.Endpoint{Ref: ident.Ref{Cluster: of.Cluster, Namespace: of.Name, Kind: "Pod", Name: fmt.Sprintf("new-%d", p.n)},
		Workload: len(p.m.Workloads), Namespace: ns, Labels: randomLabels(p.r)}
	d.PutWorkloads, d.PutEndpoints = append(d.PutWorkloads, w), append(d.PutEndpoints, e)
	p.m.Workloads = append(slices.Clone(p.m.Workloads), w)
	p.m.Endpoints = append(slices.Clone(p.m.Endpoints), e)
}

// putEntries replaces the ways in.
func (p *replay) putEntries(d *segment.Delta) {
	if d.Entries != nil {
		return
	}
	entries := []segment.Entry{}
	for i := range p.r.IntN(4) {
		e := segment.Entry{Workload: p.r.IntN(len(p.m.Workloads)), Kind: "LoadBalancer", Object: fmt.Sprintf("Service s%d", i)}
		if p.r.IntN(2) == 0 {
			from := uint16(70 + p.r.IntN(40))
			e.Conns = []segment.Conn{{Protocol: segment.TCP, From: from, To: from}}
		}
		if p.r.IntN(3) == 0 {
			e.Routed, e.Controllers = true, []int{p.r.IntN(len(p.m.Workloads))}
		}
		if p.r.IntN(2) == 0 {
			e.Sources = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{9, byte(p.r.IntN(3)), 0, 0}), 16)}
		}
		entries = append(entries, e)
	}
	d.Entries, p.m.Entries = &entries, entries
}

// nodeIPs returns the addresses of a node, none if it is not known.
func nodeIPs(m *segment.Model, cluster, name string) []netip.Addr {
	i := slices.IndexFunc(m.Nodes, func(n segment.Node) bool { return n.Cluster == cluster && n.Name == name })
	if i < 0 {
		return nil
	}
	return m.Nodes[i].IPs
}

// putTaints lets something that is not modelled appear, or go.
func (p *replay) putTaints(d *segment.Delta) {
	if d.Taints != nil {
		return
	}
	p.n++
	taints := slices.Clone(p.m.Taints)
	if len(taints) > 0 && p.r.IntN(2) == 0 {
		i := p.r.IntN(len(taints))
		taints = slices.Delete(taints, i, i+1)
	} else {
		t := randomTaint(p.r, &p.m, fmt.Sprintf("Thing %d", p.n))
		if p.r.IntN(3) == 0 {
			t.Pods = segment.MatchLabels(map[string]string{fmt.Sprintf("extra%d", p.r.IntN(3)): "u"})
		}
		taints = slices.Insert(taints, p.r.IntN(len(taints)+1), t)
	}
	d.Taints, p.m.Taints = &taints, taints
}

func (p *replay) putEndpoint(d *segment.Delta) {
	p.n++
	w := p.r.IntN(len(p.m.Workloads))
	ref := p.m.Workloads[w].Ref
	ns := slices.IndexFunc(p.m.Namespaces, func(n segment.Namespace) bool { return n.Cluster == ref.Cluster && n.Name == ref.Namespace })
	e := segment.Endpoint{Ref: ident.Ref{Cluster: ref.Cluster, Namespace: ref.Namespace, Kind: "Pod", Name: fmt.Sprintf("late-%d", p.n)},
		Workload: w, Namespace: ns, Labels: randomLabels(p.r), HostNetwork: p.hosts && p.r.IntN(3) == 0}
	if p.hosts {
		e.Node = pick(p.r, "n1", "n2", "")
	}
	if e.HostNetwork {
		e.IPs = nodeIPs(&p.m, ref.Cluster, e.Node)
	} else if p.r.IntN(2) == 0 {
		e.IPs = []netip.Addr{netip.AddrFrom4([4]byte{10, byte(p.r.IntN(3)), 1, byte(p.n)})}
	}
	if len(p.m.Endpoints) > 0 && p.r.IntN(3) == 0 { // replaces, with other labels
		old := p.m.Endpoints[p.r.IntN(len(p.m.Endpoints))]
		e.Ref, e.Workload, e.Namespace, e.HostNetwork, e.Node, e.IPs = old.Ref, old.Workload, old.Namespace, old.HostNetwork, old.Node, old.IPs
	}
	for i := range 3 {
		if p.r.IntN(3) == 0 {
			e.Labels[fmt.Sprintf("extra%d", i)] = pick(p.r, "u", "v")
		}
	}
	if p.r.IntN(2) == 0 {
		e.Ports = append(e.Ports, segment.NamedPort{Name: "http", Protocol: segment.TCP, Number: uint16(8000 + p.r.IntN(3))})
	}
	if slices.ContainsFunc(d.PutEndpoints, func(o segment.Endpoint) bool { return o.Ref == e.Ref }) || slices.Contains(d.DropEndpoints, e.Ref) {
		return
	}
	d.PutEndpoints = append(d.PutEndpoints, e)
	p.m.Endpoints = slices.DeleteFunc(slices.Clone(p.m.Endpoints), func(o segment.Endpoint) bool { return o.Ref == e.Ref })
	p.m.Endpoints = append(p.m.Endpoints, e)
}

func (p *replay) dropEndpoint(d *segment.Delta) {
	if len(p.m.Endpoints) == 0 {
		return
	}
	old := p.m.Endpoints[p.r.IntN(len(p.m.Endpoints))].Ref
	if slices.ContainsFunc(d.PutEndpoints, func(o segment.Endpoint) bool { return o.Ref == old }) || slices.Contains(d.DropEndpoints, old) {
		return
	}
	d.DropEndpoints = append(d.DropEndpoints, old)
	p.m.Endpoints = slices.DeleteFunc(slices.Clone(p.m.Endpoints), func(o segment.Endpoint) bool { return o.Ref == old })
}

// TestApplyIsRebuild holds the graph after every one of many random changes
// against the graph of the changed model: the same edges by workload and by pod,
// the same counts, isolation, reach and deciding rules.
func TestApplyIsRebuild(t *testing.T) {
	t.Parallel()
	const estates, events = 40, 25
	shared, total, onNodes, onHosts, tainted, gone := 0, 0, 0, 0, 0, 0
	for seed := range uint64(estates) {
		m := randomModel(seed)
		for i := range m.Endpoints { // nodes matter to few of them only
			e := &m.Endpoints[i]
			if e.HostNetwork = e.HostNetwork && seed%4 == 0; e.HostNetwork && seed%16 > 0 {
				e.IPs = nodeIPs(m, m.Namespaces[e.Namespace].Cluster, e.Node)
			}
		}
		if seed%8 == 4 || seed%8 == 1 { // every label that is asked for is new
			m.Policies = nil
		}
		g, err := buildVaried(m, seed)
		if err != nil {
			t.Fatal(err)
		}
		p := &replay{m: *m, r: rand.New(rand.NewPCG(seed, 3)), hosts: seed%4 == 0}
		for n := range events {
			d := p.event(seed%3 > 0)
			next, err := g.Apply(context.Background(), d)
			if err != nil {
				t.Fatalf("seed %d, event %d: %v", seed, n, err)
			}
			if total++; segment.Shares(g, next) {
				shared++
				if p.hosts {
					onNodes++
				}
				if d.Taints != nil {
					tainted++
				}
				if len(d.DropWorkloads)+len(d.DropNamespaces) > 0 {
					gone++
				}
				if slices.ContainsFunc(d.PutEndpoints, func(e segment.Endpoint) bool { return e.HostNetwork }) {
					onHosts++
				}
			}
			plain := p.m
			want, err := segment.Build(context.Background(), &plain)
			if err != nil {
				t.Fatal(err)
			}
			sameGraph(t, fmt.Sprintf("seed %d, event %d: %+v", seed, n, d), next, want, p.r)
			if a, b := next.Segments(), want.Segments(); seed%4 == 0 && !reflect.DeepEqual(a, b) { // with as many peers to a rule's one atom
				t.Fatalf("seed %d, event %d: segments (-rebuilt +applied):\n%s", seed, n, cmp.Diff(b, a))
			}
			g = next
		}
	}
	said := fmt.Sprintf("%d of %d changes shared the graph before, %d where nodes matter, %d with pods on the host network, %d of taints, %d where workloads or namespaces went",
		shared, total, onNodes, onHosts, tainted, gone)
	if t.Log(said); shared*3 < total*2 || onNodes < total/10 || onHosts < 10 || tainted < total/20 || gone < total/10 {
		t.Error(said)
	}
}

// sameEdge is what cmp.Equal says of two edges, which takes a hundred times as long.
func sameEdge(a, b segment.Edge) bool {
	return a.Src == b.Src && a.Dst == b.Dst && a.Verdict == b.Verdict && a.Partial == b.Partial && slices.Equal(a.Connections, b.Connections)
}

func sameGraph(t *testing.T, what string, got, want *segment.Graph, r *rand.Rand) {
	t.Helper()
	defer sameModel(t, what, got, want)
	for _, by := range []segment.By{segment.ByWorkload, segment.ByPod} {
		a, b := slices.Collect(got.Edges(by)), slices.Collect(want.Edges(by))
		if !slices.EqualFunc(a, b, sameEdge) {
			t.Fatalf("%s: edges by %d (-rebuilt +applied):\n%.2000s", what, by, cmp.Diff(b, a))
		}
	}
	ctx := context.Background()
	a, errA := got.Count(ctx)
	b, errB := want.Count(ctx)
	a.Classes, b.Classes = 0, 0 // what nobody asks any more still tells apart
	if a != b || errA != nil || errB != nil {
		t.Fatalf("%s: count %+v %v, rebuilt %+v %v", what, a, errA, b, errB)
	}
	ws := want.Workloads()
	if len(ws) == 0 {
		return
	}
	for range 3 {
		x, y := ws[r.IntN(len(ws))], ws[r.IntN(len(ws))]
		if got.Isolation(x) != want.Isolation(x) {
			t.Fatalf("%s: isolation of %s is %+v, rebuilt %+v", what, x, got.Isolation(x), want.Isolation(x))
		}
		if a, b := got.Exposure(x), want.Exposure(x); !reflect.DeepEqual(a, b) {
			t.Fatalf("%s: exposure of %s is %+v, rebuilt %+v", what, x, a, b)
		}
		if a, b := got.PoliciesOf(x), want.PoliciesOf(x); !reflect.DeepEqual(a, b) {
			t.Fatalf("%s: policies of %s: %s", what, x, cmp.Diff(b, a))
		}
		ra, err := got.Reach(ctx, []ident.Ref{x}, segment.Direction(r.IntN(2)), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, z := range ra {
			for _, h := range z.Path {
				if edges, err := want.Between(h.From, h.To); err != nil || len(edges) == 0 {
					t.Fatalf("%s: the step %+v is none rebuilt: %v %v", what, h, edges, err)
				}
			}
		}
		port := segment.Port{Protocol: segment.TCP, Number: randomPort(r)}
		wa, errA := got.Why(x, y, &port)
		wb, errB := want.Why(x, y, &port)
		if (errA == nil) != (errB == nil) {
			t.Fatalf("%s: why %s -> %s: %v, rebuilt %v", what, x, y, errA, errB)
		}
		if errA == nil && (wa.Verdict != wb.Verdict || wa.Egress.Rule != wb.Egress.Rule || wa.Ingress.Rule != wb.Ingress.Rule) && !wa.Partial {
			t.Fatalf("%s: why %s -> %s on %s: %s %+v %+v, rebuilt %s %+v %+v", what, x, y, port, wa.Verdict, wa.Egress.Rule, wa.Ingress.Rule,
				wb.Verdict, wb.Egress.Rule, wb.Ingress.Rule)
		}
	}
}

// TestApplyLeavesTheOrigin says that a graph answers as before after changes were
// applied to it, and that a second change of the same graph is right too.
func TestApplyLeavesTheOrigin(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		m := randomModel(seed)
		g, err := segment.Build(context.Background(), m)
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Collect(g.Edges(segment.ByWorkload))
		for branch := range uint64(3) {
			p := &replay{m: *m, r: rand.New(rand.NewPCG(seed, branch))}
			next, err := g.Apply(context.Background(), p.event(true))
			if err != nil {
				t.Fatal(err)
			}
			want, err := segment.Build(context.Background(), &p.m)
			if err != nil {
				t.Fatal(err)
			}
			sameGraph(t, fmt.Sprintf("seed %d, branch %d", seed, branch), next, want, p.r)
			if now := slices.Collect(g.Edges(segment.ByWorkload)); !slices.EqualFunc(before, now, sameEdge) {
				t.Fatalf("seed %d: the origin changed: %s", seed, cmp.Diff(before, now))
			}
		}
	}
}

// TestNewKeyBesideHostNetwork: a policy that is the first to ask for a label
// selects no pod on the host network, whatever its labels.
func TestNewKeyBesideHostNetwork(t *testing.T) {
	m := &segment.Model{Profile: segment.Generic(), Namespaces: []segment.Namespace{{Name: "n", Declared: true}}}
	for i, host := range []bool{false, true, false} {
		ref := ident.Ref{Namespace: "n", Kind: "Deployment", Name: fmt.Sprint("w", i)}
		m.Workloads = append(m.Workloads, segment.Workload{Ref: ref})
		e := segment.Endpoint{Ref: ref, Workload: i, Labels: map[string]string{"app": fmt.Sprint("a", i)}, HostNetwork: host}
		if host {
			e.Node = "node-1"
		}
		m.Endpoints = append(m.Endpoints, e)
	}
	guard := segment.Policy{Kind: "ClusterNetworkPolicy", Name: "guard", Tier: segment.AdminTier, Priority: 10, Subject: segment.PodSelector{Pods: segment.MatchLabels(map[string]string{"tier": "db"})}}
	guard.Rules[segment.Ingress] = []segment.Rule{{Action: segment.Deny}}
	m.Policies = []segment.Policy{guard}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	deny := segment.Policy{Kind: "ClusterNetworkPolicy", Name: "deny", Tier: segment.AdminTier, Subject: segment.PodSelector{InNamespace: "n", Pods: segment.MatchLabels(map[string]string{"app": "a0"})}}
	deny.Rules[segment.Egress] = []segment.Rule{{Action: segment.Deny, Peers: []segment.Peer{{Kind: segment.PeerPods,
		Pods: segment.PodSelector{InNamespace: "n", Pods: segment.MatchLabels(map[string]string{"app": "a1"})}}}}}
	after, err := g.Apply(context.Background(), &segment.Delta{PutPolicies: []segment.Policy{deny}})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range m.Workloads[1:] {
		edges, err := after.Between(m.Workloads[0].Ref, w.Ref)
		if err != nil || len(edges) != 1 || edges[0].Verdict != segment.Allowed {
			t.Errorf("to %s: %+v, %v", w.Ref, edges, err)
		}
	}
	changed := *m
	changed.Policies = []segment.Policy{guard, deny}
	want, err := segment.Build(context.Background(), &changed)
	if err != nil {
		t.Fatal(err)
	}
	sameGraph(t, "a policy by a new key", after, want, rand.New(rand.NewPCG(1, 2)))
}
