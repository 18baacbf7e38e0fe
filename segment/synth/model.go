package synth

import (
	"fmt"
	"net/netip"
	"strconv"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// nameLabel is what the API server sets on every namespace.
const nameLabel = "kubernetes.io/metadata.name"

// world is an estate in the making.
type world struct {
	c     Config
	r     *dice
	m     *segment.Model
	moods []mood // by namespace
	apps  []string
}

// mood is what a namespace denies by default.
type mood uint8

const (
	openMood mood = iota
	denyIngress
	denyBoth
)

// Model makes the estate of a configuration, which must be a valid one.
func Model(c Config) *segment.Model {
	w := &world{c: c, r: &dice{c.Seed}, m: &segment.Model{Profile: segment.Generic()}}
	w.namespaces()
	w.nodes()
	w.workloads()
	if c.Mix != None {
		w.policies()
	}
	return w.m
}

func tiers() []string { return []string{"web", "api", "worker", "cache", "db"} }

func (w *world) namespaces() {
	n := (w.c.Workloads + perNamespace - 1) / perNamespace
	w.m.Namespaces = make([]segment.Namespace, n)
	w.moods = make([]mood, n)
	envs := []string{"prod", "prod", "staging", "dev"}
	for i := range n {
		name := "team-" + strconv.Itoa(i)
		w.m.Namespaces[i] = segment.Namespace{Name: name, Declared: true, Labels: map[string]string{
			nameLabel: name, "zone": "z" + strconv.Itoa(w.r.IntN(7)), "team": "t" + strconv.Itoa(i/5), "env": envs[w.r.IntN(len(envs))]}}
		switch x := w.r.IntN(10); {
		case w.c.Mix == Open || x < 2:
			w.moods[i] = openMood
		case x < 8:
			w.moods[i] = denyIngress
		default:
			w.moods[i] = denyBoth
		}
	}
	for i := range perNamespace {
		w.apps = append(w.apps, "app-"+strconv.Itoa(i))
	}
}

// nodes makes nodes with an address each in 172.16.0.0/12.
func (w *world) nodes() {
	for i := range w.c.Nodes {
		w.m.Nodes = append(w.m.Nodes, segment.Node{Name: "node-" + strconv.Itoa(i), Labels: map[string]string{"kubernetes.io/hostname": "node-" + strconv.Itoa(i)},
			IPs: []netip.Addr{netip.AddrFrom4([4]byte{172, byte(16 + i>>16), byte(i >> 8), byte(i)})}})
	}
}

// node is where the nth pod runs. Pods of a workload are spread.
func (w *world) node(n int) string {
	if len(w.m.Nodes) == 0 {
		return ""
	}
	return w.m.Nodes[n*7919%len(w.m.Nodes)].Name
}

func (w *world) workloads() {
	w.m.Workloads = make([]segment.Workload, w.c.Workloads)
	w.m.Endpoints = make([]segment.Endpoint, 0, w.c.Pods)
	ports := [][]segment.NamedPort{
		{{Name: "http", Number: 8080}, {Name: "metrics", Number: 9090}},
		{{Name: "http", Number: 8000}},
		{{Name: "grpc", Number: 50051}, {Name: "metrics", Number: 9102}},
		{{Name: "redis", Number: 6379}},
		{{Name: "sql", Number: 5432}},
	}
	for i := range w.c.Workloads {
		ns := i / perNamespace
		app := w.apps[i%perNamespace]
		tier := i % len(tiers())
		hash := strconv.FormatUint(uint64(i)*2654435761%1e9, 36) //nolint:gosec // an index
		labels := map[string]string{"app": app, "tier": tiers()[tier], "release": "stable", "pod-template-hash": hash}
		namespace := w.m.Namespaces[ns].Name
		w.m.Workloads[i] = segment.Workload{Ref: ident.Ref{Namespace: namespace, Kind: "Deployment", Name: app}, Labels: labels}
		pods := w.c.Pods / w.c.Workloads
		if i < w.c.Pods%w.c.Workloads {
			pods++
		}
		for p := range pods {
			n := len(w.m.Endpoints)
			w.m.Endpoints = append(w.m.Endpoints, segment.Endpoint{
				Ref:      ident.Ref{Namespace: namespace, Kind: "Pod", Name: app + "-" + hash + "-" + strconv.Itoa(p)},
				Workload: i, Namespace: ns, Labels: labels, Ports: ports[tier], Node: w.node(n),
				IPs: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})}})
		}
	}
}

// policies makes the default denies first, then one shape after the other.
func (w *world) policies() {
	w.m.Policies = make([]segment.Policy, 0, w.c.Policies+64)
	for i := range w.m.Namespaces {
		if len(w.m.Policies) >= w.c.Policies || w.c.Mix == Scale {
			break
		}
		if w.moods[i] == openMood {
			continue
		}
		w.add(i, "default-deny", nil, [2]bool{w.moods[i] == denyBoth, true})
	}
	var targets []int // workloads of namespaces that are not open
	for i := range w.c.Workloads {
		if w.c.Mix == Open || w.c.Mix == Scale || w.moods[i/perNamespace] != openMood {
			targets = append(targets, i)
		}
	}
	for n := 0; len(w.m.Policies) < w.c.Policies && len(targets) > 0; n++ {
		i := targets[n%len(targets)]
		name := "allow-" + w.apps[i%perNamespace] + "-" + strconv.Itoa(n/len(targets))
		p := w.add(i/perNamespace, name, map[string]string{"app": w.apps[i%perNamespace]}, [2]bool{})
		switch w.c.Mix {
		case Open:
			w.let(p, segment.Ingress, nil, w.ports(1+w.r.IntN(2)))
		case Scale:
			w.scale(p, n)
		default:
			w.shape(p, i)
		}
	}
	if w.c.Mix == Tiered {
		w.clusterPolicies()
	}
}

// add starts a policy of a namespace.
func (w *world) add(ns int, name string, subject map[string]string, isolates [2]bool) *segment.Policy {
	namespace := w.m.Namespaces[ns].Name
	w.m.Policies = append(w.m.Policies, segment.Policy{Kind: "NetworkPolicy", Namespace: namespace, Name: name, Tier: segment.NetworkPolicyTier,
		Subject: segment.PodSelector{InNamespace: namespace, Pods: segment.MatchLabels(subject)}, Isolates: isolates})
	return &w.m.Policies[len(w.m.Policies)-1]
}

// let adds a rule, and lets the policy isolate in its direction.
func (w *world) let(p *segment.Policy, d segment.Gress, peers []segment.Peer, ports []segment.PortMatch) {
	p.Isolates[d] = true
	p.Rules[d] = append(p.Rules[d], segment.Rule{Index: len(p.Rules[d]), Peers: peers, Ports: ports})
}

// shape gives a policy of workload i one of eight shapes.
func (w *world) shape(p *segment.Policy, i int) {
	own := p.Namespace
	switch w.r.IntN(8) {
	case 0: // neighbours by name, on a port
		w.let(p, segment.Ingress, []segment.Peer{w.neighbour(own), w.neighbour(own)}, w.ports(1))
	case 1: // neighbours by tier, on a named port
		w.let(p, segment.Ingress, []segment.Peer{w.pods(own, nil, segment.MatchLabels(map[string]string{"tier": w.pick(tiers())}))},
			[]segment.PortMatch{{Name: w.pick([]string{"http", "grpc", "sql"})}})
	case 2: // a tier of another team's namespaces
		team := "t" + strconv.Itoa(w.r.IntN(1+len(w.m.Namespaces)/5))
		w.let(p, segment.Ingress, []segment.Peer{w.pods("", segment.MatchLabels(map[string]string{"team": team}),
			segment.MatchLabels(map[string]string{"tier": w.pick(tiers())}))}, w.ports(2))
	case 3: // a zone, on a range of ports
		w.let(p, segment.Ingress, []segment.Peer{w.pods("", segment.MatchLabels(map[string]string{"zone": "z" + strconv.Itoa(w.r.IntN(7))}), nil), w.neighbour(own)},
			[]segment.PortMatch{w.portRange()})
	case 4: // addresses, with an exception
		w.let(p, segment.Ingress, []segment.Peer{w.block(), w.neighbour(own)}, w.ports(1))
	case 5: // out to a neighbour's tier, and to ask for names
		w.let(p, segment.Egress, []segment.Peer{w.pods(own, nil, segment.NewSelector([]segment.Requirement{{Key: "tier", Op: segment.In, Values: []string{"db", "cache"}}}))}, w.ports(2))
		w.let(p, segment.Egress, []segment.Peer{w.pods("", segment.MatchLabels(map[string]string{nameLabel: w.m.Namespaces[0].Name}), nil)},
			[]segment.PortMatch{{Protocol: segment.UDP, From: 53, To: 53}, {Protocol: segment.TCP, From: 53, To: 53}})
	case 6: // out to addresses
		w.let(p, segment.Egress, []segment.Peer{w.block()}, []segment.PortMatch{{From: 443, To: 443}})
		w.let(p, segment.Ingress, []segment.Peer{w.neighbour(own)}, nil)
	default: // everybody but some, and the collector of metrics
		w.let(p, segment.Ingress, []segment.Peer{w.pods(own, nil, segment.NewSelector([]segment.Requirement{
			{Key: "tier", Op: segment.NotIn, Values: []string{"db", w.pick(tiers())}}, {Key: "release", Op: segment.Exists}}))}, nil)
		w.let(p, segment.Ingress, []segment.Peer{w.pods("", segment.MatchLabels(map[string]string{nameLabel: w.m.Namespaces[len(w.m.Namespaces)/2].Name}),
			segment.MatchLabels(map[string]string{"app": w.apps[i%4]}))}, []segment.PortMatch{{From: 9090, To: 9102}})
	}
}

// scale gives a policy the shape of the scale tests.
func (w *world) scale(p *segment.Policy, n int) {
	spaces := make([]string, 0, 3)
	for k := range min(3, len(w.m.Namespaces)) {
		spaces = append(spaces, w.m.Namespaces[(n*7+k*(1+n%11))%len(w.m.Namespaces)].Name)
	}
	peer := w.pods("", segment.NewSelector([]segment.Requirement{{Key: nameLabel, Op: segment.In, Values: spaces}}),
		segment.MatchLabels(map[string]string{"app": w.apps[n%perNamespace]}))
	ports := []segment.PortMatch{{From: 1001, To: 1001}, {From: 5000, To: 5005}}
	block := segment.Peer{Kind: segment.PeerCIDR, CIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(20 + n>>16&63), byte(n >> 8), byte(n), 0}), 24)}
	d := segment.Gress(n % 2) //nolint:gosec // two directions
	w.let(p, d, []segment.Peer{peer}, ports)
	w.let(p, d, []segment.Peer{block}, ports)
}

// clusterPolicies guard some zones by the Admin tier, and close others by the
// Baseline tier. No two share a priority.
func (w *world) clusterPolicies() {
	for i := range 6 {
		zone := segment.MatchLabels(map[string]string{"zone": "z" + strconv.Itoa(i)})
		p := segment.Policy{Kind: "ClusterNetworkPolicy", Name: fmt.Sprintf("guard-z%d", i), Tier: segment.AdminTier, Priority: 10 + i,
			Subject: segment.PodSelector{Namespaces: zone, Pods: segment.MatchLabels(map[string]string{"tier": "db"})}}
		p.Rules[segment.Ingress] = []segment.Rule{
			{Index: 0, Name: "metrics", Action: segment.Allow, Ports: []segment.PortMatch{{From: 9090, To: 9090}},
				Peers: []segment.Peer{w.pods("", segment.MatchLabels(map[string]string{nameLabel: w.m.Namespaces[0].Name}), nil)}},
			{Index: 1, Name: "own-zone", Action: segment.Pass, Peers: []segment.Peer{w.pods("", zone, nil)}},
			{Index: 2, Name: "dev", Action: segment.Deny, Peers: []segment.Peer{w.pods("", segment.MatchLabels(map[string]string{"env": "dev"}), nil)}},
		}
		w.m.Policies = append(w.m.Policies, p)
	}
	base := segment.Policy{Kind: "ClusterNetworkPolicy", Name: "close-staging", Tier: segment.BaselineTier, Priority: 10,
		Subject: segment.PodSelector{Namespaces: segment.MatchLabels(map[string]string{"env": "staging"})}}
	base.Rules[segment.Ingress] = []segment.Rule{{Index: 0, Name: "all", Action: segment.Deny,
		Peers: []segment.Peer{w.pods("", segment.NewSelector([]segment.Requirement{{Key: "env", Op: segment.NotIn, Values: []string{"staging"}}}), nil)}}}
	w.m.Policies = append(w.m.Policies, base)
}

func (w *world) pick(of []string) string { return of[w.r.IntN(len(of))] }

// pods is a peer of pods: of a namespace, or of those that a selector matches.
func (w *world) pods(own string, namespaces, pods segment.Selector) segment.Peer {
	return segment.Peer{Kind: segment.PeerPods, Pods: segment.PodSelector{InNamespace: own, Namespaces: namespaces, Pods: pods}}
}

func (w *world) neighbour(own string) segment.Peer {
	return w.pods(own, nil, segment.MatchLabels(map[string]string{"app": w.pick(w.apps)}))
}

func (w *world) ports(n int) []segment.PortMatch {
	known := []uint16{80, 443, 5432, 6379, 8000, 8080, 8443, 9090, 50051}
	out := make([]segment.PortMatch, n)
	for i := range out {
		p := known[w.r.IntN(len(known))]
		out[i] = segment.PortMatch{From: p, To: p}
	}
	return out
}

func (w *world) portRange() segment.PortMatch {
	from := uint16(8000 + 10*w.r.IntN(20))
	return segment.PortMatch{From: from, To: from + uint16(9+10*w.r.IntN(5))}
}

// block is one of some thousand blocks of addresses outside, half of them with an
// exception.
func (w *world) block() segment.Peer {
	a := [4]byte{byte(52 + w.r.IntN(8)), byte(w.r.IntN(128)), 0, 0}
	p := segment.Peer{Kind: segment.PeerCIDR, CIDR: netip.PrefixFrom(netip.AddrFrom4(a), 16)}
	if w.r.IntN(2) == 0 {
		a[2] = byte(w.r.IntN(4)) << 6
		p.Except = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4(a), 24)}
	}
	return p
}
