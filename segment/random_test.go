package segment_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// randomModel makes a small estate in which everything is likely to meet: few
// keys, few values, few ports. Each seed gives one estate.
func randomModel(seed uint64) *segment.Model {
	r := rand.New(rand.NewPCG(seed, 7))
	m := &segment.Model{Profile: segment.Generic()}
	m.Profile.IPBlockMatchesPods = r.IntN(3) == 0
	m.Profile.BaselineDirectionBlind = r.IntN(4) == 0
	m.Profile.HostNetworkPoliced = r.IntN(5) == 0
	m.Profile.NodeToPodFree, m.Profile.PodToNodeFree = r.IntN(3) > 0, r.IntN(3) > 0
	m.Profile.AdminBeforeDenials = r.IntN(2) == 0
	for _, doubt := range []*string{&m.Profile.BaselineDoubt, &m.Profile.NodeToPodDoubt, &m.Profile.PodToNodeDoubt} {
		if r.IntN(6) == 0 {
			*doubt = "doubt of one of them"
		}
	}
	clusters := []string{""}
	if r.IntN(5) == 0 {
		clusters = []string{"a", "b"}
	}
	for i := range 2 + r.IntN(3) {
		name := fmt.Sprintf("ns%d", i)
		labels := map[string]string{"kubernetes.io/metadata.name": name}
		declared := r.IntN(8) > 0
		if declared {
			for _, k := range []string{"team", "zone"} {
				if r.IntN(3) > 0 {
					labels[k] = pick(r, "x", "y")
				}
			}
		}
		m.Namespaces = append(m.Namespaces, segment.Namespace{Cluster: clusters[i%len(clusters)], Name: name, Labels: labels, Declared: declared})
	}
	for i := range 3 + r.IntN(10) {
		ns := r.IntN(len(m.Namespaces))
		ref := ident.Ref{Cluster: m.Namespaces[ns].Cluster, Namespace: m.Namespaces[ns].Name, Kind: "Deployment", Name: fmt.Sprintf("w%d", i)}
		m.Workloads = append(m.Workloads, segment.Workload{Ref: ref})
		base := randomLabels(r)
		for p := range 1 + r.IntN(3) {
			e := segment.Endpoint{Ref: ident.Ref{Cluster: ref.Cluster, Namespace: ref.Namespace, Kind: "Pod", Name: fmt.Sprintf("w%d-%d", i, p)},
				Workload: i, Namespace: ns, Labels: base, HostNetwork: r.IntN(8) == 0}
			if r.IntN(4) == 0 {
				e.Labels = randomLabels(r)
			}
			if r.IntN(5) > 0 {
				subnet := byte(0)
				if e.HostNetwork { // of nodes: the rest of a block around one of their addresses holds no pod's
					subnet = 128
				}
				e.IPs = []netip.Addr{netip.AddrFrom4([4]byte{10, byte(r.IntN(3)), subnet, byte(1 + len(m.Endpoints))})}
			}
			if r.IntN(3) > 0 {
				e.Node = pick(r, "n1", "n2")
			}
			for _, name := range []string{"http", "dns"} {
				if r.IntN(2) == 0 {
					p := segment.NamedPort{Name: name, Protocol: randomProtocol(r), Number: randomPort(r)}
					if r.IntN(8) == 0 {
						p.Doubt = "doubt of a name"
					}
					e.Ports = append(e.Ports, p)
				}
			}
			m.Endpoints = append(m.Endpoints, e)
		}
	}
	for _, c := range clusters {
		for i, name := range []string{"n1", "n2"} {
			if r.IntN(3) > 0 {
				node := segment.Node{Cluster: c, Name: name, Labels: map[string]string{"role": pick(r, "a", "b")}}
				if r.IntN(4) > 0 {
					node.IPs = []netip.Addr{netip.AddrFrom4([4]byte{172, 18, 0, byte(1 + i)})}
				}
				m.Nodes = append(m.Nodes, node)
			}
		}
	}
	for i := range r.IntN(9) {
		m.Policies = append(m.Policies, randomNetworkPolicy(r, m, i))
	}
	if r.IntN(3) == 0 {
		for i := range 1 + r.IntN(3) {
			m.Policies = append(m.Policies, randomDenials(r, m, i))
		}
	}
	if r.IntN(2) == 0 {
		for i := range r.IntN(5) {
			m.Policies = append(m.Policies, randomClusterPolicy(r, m, i))
		}
	}
	if r.IntN(4) == 0 {
		m.Taints = append(m.Taints, randomTaint(r, m, "Foreign thing"))
	}
	return m
}

func randomTaint(r *rand.Rand, m *segment.Model, object string) segment.Taint {
	ns := m.Namespaces[r.IntN(len(m.Namespaces))]
	t := segment.Taint{Object: object, Reason: "it is not modelled", Cluster: ns.Cluster, CanDeny: true, CanAllow: r.IntN(2) == 0,
		Gress: [2]bool{r.IntN(2) == 0, true}, Tier: []segment.Tier{segment.AdminTier, segment.NetworkPolicyTier}[r.IntN(2)]}
	t.Only = segment.Endpoints(r.IntN(3)) //nolint:gosec // three of them
	if r.IntN(2) == 0 {
		t.Namespace = ns.Name
	}
	if r.IntN(2) == 0 {
		t.Pods = randomSelector(r)
	}
	return t
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

func randomLabels(r *rand.Rand) map[string]string {
	l := map[string]string{"pod-template-hash": fmt.Sprint(r.IntN(1000))}
	for _, k := range []string{"app", "tier"} {
		if r.IntN(4) > 0 {
			l[k] = pick(r, "a", "b", "c")
		}
	}
	return l
}

func randomSelector(r *rand.Rand) segment.Selector {
	return randomSelectorOn(r, []string{"app", "tier"}, []string{"a", "b", "c"})
}

func randomSelectorOn(r *rand.Rand, keys, values []string) segment.Selector {
	var reqs []segment.Requirement
	for range r.IntN(3) {
		q := segment.Requirement{Key: pick(r, keys...), Op: segment.Operator(r.IntN(4))} //nolint:gosec // four operators
		if q.Op == segment.In || q.Op == segment.NotIn {
			for range 1 + r.IntN(2) {
				q.Values = append(q.Values, pick(r, values...))
			}
		}
		reqs = append(reqs, q)
	}
	return segment.NewSelector(reqs)
}

func randomProtocol(r *rand.Rand) segment.Protocol {
	return segment.Protocol(min(r.IntN(5), 4) / 2) //nolint:gosec // three protocols
}

func randomPort(r *rand.Rand) uint16 { return []uint16{1, 53, 80, 81, 8080, 65535}[r.IntN(6)] }

func randomPorts(r *rand.Rand, anyProto bool) []segment.PortMatch {
	var out []segment.PortMatch
	for range r.IntN(3) {
		pm := segment.PortMatch{Protocol: randomProtocol(r)}
		switch r.IntN(4) {
		case 0:
			pm.Name = pick(r, "http", "dns", "none")
			if anyProto {
				pm.AnyProtocol, pm.Protocol = true, segment.TCP
			}
		case 1:
			pm.From, pm.To = 1, 65535
		default:
			pm.From = randomPort(r)
			pm.To = max(pm.From, randomPort(r))
		}
		out = append(out, pm)
	}
	return out
}

func randomBlock(r *rand.Rand, pods bool) segment.Peer {
	p := segment.Peer{Kind: segment.PeerCIDR, MatchesPods: pods, SkipsNodes: r.IntN(3) == 0}
	switch r.IntN(4) {
	case 0:
		p.CIDR = netip.MustParsePrefix("0.0.0.0/0")
		if r.IntN(2) == 0 {
			p.Except = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		}
	case 1:
		p.CIDR = netip.MustParsePrefix("10.0.0.0/15")
		p.Except = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	case 2:
		p.CIDR = netip.MustParsePrefix("8.8.0.0/16")
	default:
		p.CIDR = netip.MustParsePrefix("::/0")
	}
	return p
}

func randomPods(r *rand.Rand, own string) segment.PodSelector {
	s := segment.PodSelector{Pods: randomSelector(r)}
	if own != "" && r.IntN(2) == 0 {
		s.InNamespace = own
	} else {
		s.Namespaces = randomSelectorOn(r, []string{"team", "zone", "kubernetes.io/metadata.name"}, []string{"x", "y", "ns0", "ns1"})
	}
	return s
}

func randomNetworkPolicy(r *rand.Rand, m *segment.Model, i int) segment.Policy {
	ns := m.Namespaces[r.IntN(len(m.Namespaces))]
	p := segment.Policy{Kind: "NetworkPolicy", Cluster: ns.Cluster, Namespace: ns.Name, Name: fmt.Sprintf("np%d", i), Tier: segment.NetworkPolicyTier,
		Subject: segment.PodSelector{InNamespace: ns.Name, Pods: randomSelector(r)}, Isolates: [2]bool{r.IntN(2) == 0, r.IntN(3) > 0}}
	if r.IntN(6) == 0 { // selects across namespaces, as CiliumClusterwideNetworkPolicy does
		p.Namespace, p.Subject = "", randomPods(r, "")
	}
	for d := range 2 {
		if !p.Isolates[d] && r.IntN(4) > 0 { // others grant without isolating, as enableDefaultDeny: false does
			continue
		}
		for j := range r.IntN(4) {
			rule := segment.Rule{Index: j, Ports: randomPorts(r, false)}
			for range r.IntN(3) {
				rule.Peers = append(rule.Peers, randomPeer(r, m, ns.Name))
			}
			p.Rules[d] = append(p.Rules[d], rule)
		}
	}
	return p
}

// randomPeer makes a peer of any kind that a network's own policies have, now and
// then one in doubt.
func randomPeer(r *rand.Rand, m *segment.Model, own string) segment.Peer {
	var p segment.Peer
	switch r.IntN(12) {
	case 0, 1, 2:
		p = randomBlock(r, m.Profile.IPBlockMatchesPods)
	case 3:
		p = randomNodes(r)
	case 4:
		p = segment.Peer{Kind: segment.PeerAny}
	default:
		p = segment.Peer{Kind: segment.PeerPods, Pods: randomPods(r, own)}
	}
	if r.IntN(12) == 0 {
		p.Doubt = fmt.Sprintf("doubt %d", r.IntN(1000))
	}
	return p
}

func randomNodes(r *rand.Rand) segment.Peer {
	return segment.Peer{Kind: segment.PeerNodes, Nodes: randomSelectorOn(r, []string{"role"}, []string{"a", "b"})}
}

// randomDenials makes the part of an object that stands above every grant.
func randomDenials(r *rand.Rand, m *segment.Model, i int) segment.Policy {
	ns := m.Namespaces[r.IntN(len(m.Namespaces))]
	p := segment.Policy{Kind: "CiliumNetworkPolicy", Cluster: ns.Cluster, Namespace: ns.Name, Name: fmt.Sprintf("deny%d", i), Tier: segment.DenyTier,
		Subject: segment.PodSelector{InNamespace: ns.Name, Pods: randomSelector(r)}}
	for d := range 2 {
		for j := range r.IntN(3) {
			p.Rules[d] = append(p.Rules[d], segment.Rule{Index: j, Action: segment.Deny, Ports: randomPorts(r, false), Peers: []segment.Peer{randomPeer(r, m, ns.Name)}})
		}
	}
	return p
}

func randomClusterPolicy(r *rand.Rand, m *segment.Model, i int) segment.Policy {
	p := segment.Policy{Kind: "ClusterNetworkPolicy", Cluster: m.Namespaces[r.IntN(len(m.Namespaces))].Cluster, Name: fmt.Sprintf("cnp%d", i),
		Tier: []segment.Tier{segment.AdminTier, segment.BaselineTier}[r.IntN(2)], Priority: r.IntN(4), Subject: randomPods(r, "")}
	for d := range 2 {
		for j := range r.IntN(4) {
			rule := segment.Rule{Index: j, Action: segment.Action(r.IntN(3)), Ports: randomPorts(r, true)} //nolint:gosec // three actions
			for range 1 + r.IntN(2) {
				switch k := r.IntN(8); {
				case d == int(segment.Egress) && k == 0:
					rule.Peers = append(rule.Peers, randomNodes(r))
				case d == int(segment.Egress) && k == 1 && rule.Action == segment.Allow:
					rule.Peers = append(rule.Peers, segment.Peer{Kind: segment.PeerDomain, Domains: []string{"example.org"}})
				case d == int(segment.Egress) && k < 4:
					rule.Peers = append(rule.Peers, randomBlock(r, true))
				default:
					rule.Peers = append(rule.Peers, segment.Peer{Kind: segment.PeerPods, Pods: randomPods(r, "")})
				}
			}
			p.Rules[d] = append(p.Rules[d], rule)
		}
	}
	return p
}
