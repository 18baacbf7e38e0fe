package segment_test

import (
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/segment"
)

// naive evaluates one pair of endpoints and one port straight from the texts of
// the specifications, one rule after the other, with no classes, no masks and no
// sets. It is the twin that the engine is held against. It enumerates possible
// worlds: each doubtful fact is a coin, and a verdict is certain if it is the
// same however the coins fall.
type naive struct {
	m *segment.Model
	// policies are those that are evaluated: all of the model's, or the ones that
	// can select either end.
	policies []*segment.Policy
	// priorities are those of all the model's policies by tier, in ascending order.
	priorities map[segment.Tier][]int
	// nodesAt names the nodes of a cluster that have an address.
	nodesAt map[clusterAddr]map[string]bool
	// coins are the doubtful facts met so far in this evaluation, by name, and how
	// they fall in the present world.
	coins map[string]bool
	order []string
}

type clusterAddr struct {
	cluster string
	addr    netip.Addr
}

// newNaive returns the evaluator of all of a model's policies. A node has the
// addresses of its status and those of the pods on its host network.
func newNaive(m *segment.Model) *naive {
	n := &naive{m: m, nodesAt: make(map[clusterAddr]map[string]bool), priorities: make(map[segment.Tier][]int)}
	for i := range m.Policies {
		p := &m.Policies[i]
		n.policies = append(n.policies, p)
		if !slices.Contains(n.priorities[p.Tier], p.Priority) {
			n.priorities[p.Tier] = append(n.priorities[p.Tier], p.Priority)
		}
	}
	for _, list := range n.priorities {
		slices.Sort(list)
	}
	has := func(cluster, node string, addrs []netip.Addr) {
		for _, a := range addrs {
			at := clusterAddr{cluster, a}
			if n.nodesAt[at] == nil {
				n.nodesAt[at] = make(map[string]bool)
			}
			n.nodesAt[at][node] = true
		}
	}
	for i := range m.Nodes {
		has(m.Nodes[i].Cluster, m.Nodes[i].Name, m.Nodes[i].IPs)
	}
	for i := range m.Endpoints {
		if e := &m.Endpoints[i]; e.HostNetwork {
			has(m.Namespaces[e.Namespace].Cluster, e.Node, e.IPs)
		}
	}
	for _, nodes := range n.nodesAt {
		if len(nodes) > 1 {
			delete(nodes, "") // it is the node that is known
		}
	}
	return n
}

// end is one end of a question: an endpoint or an address outside.
type end struct {
	ep   *segment.Endpoint // nil: outside
	addr netip.Addr
}

// verdict tries every world; more than 2^12 are refused by the generator.
func (n *naive) verdict(src, dst end, port segment.Port) segment.Verdict {
	n.order = nil
	falls := map[string]bool{}
	results := map[bool]bool{}
	for {
		n.coins = falls
		known := len(n.order)
		results[n.allowed(src, dst, port)] = true
		if len(n.order) > known {
			// New coins appeared: they fell false; they join the count.
			continue
		}
		i := 0
		for ; i < len(n.order); i++ {
			if !falls[n.order[i]] {
				falls[n.order[i]] = true
				break
			}
			falls[n.order[i]] = false
		}
		if i == len(n.order) {
			break
		}
	}
	switch {
	case results[true] && results[false]:
		return segment.Unknown
	case results[true]:
		return segment.Allowed
	}
	return segment.Denied
}

func (n *naive) coin(name string) bool {
	v, ok := n.coins[name]
	if !ok {
		n.coins[name] = false
		n.order = append(n.order, name)
	}
	return v
}

func (n *naive) host(e end) bool {
	return e.ep != nil && e.ep.HostNetwork && !n.m.Profile.HostNetworkPoliced
}

func (n *naive) allowed(src, dst end, port segment.Port) bool {
	if !n.m.Profile.Enforced {
		return true
	}
	if src.ep != nil && dst.ep != nil && n.host(src) != n.host(dst) {
		free, doubt := n.m.Profile.PodToNodeFree, n.m.Profile.PodToNodeDoubt
		if n.host(src) {
			free, doubt = n.m.Profile.NodeToPodFree, n.m.Profile.NodeToPodDoubt
		}
		if doubt != "" {
			free = n.coin(doubt)
		}
		a, b := src.ep.Node, dst.ep.Node
		if free && (a != "" && a == b || (a == "" || b == "") && n.coin("node "+src.ep.Ref.String()+" "+dst.ep.Ref.String())) {
			return true
		}
	}
	if src.ep == nil && !n.host(dst) && n.ownNode(dst, src.addr, n.m.Profile.NodeToPodFree, n.m.Profile.NodeToPodDoubt) ||
		dst.ep == nil && !n.host(src) && n.ownNode(src, dst.addr, n.m.Profile.PodToNodeFree, n.m.Profile.PodToNodeDoubt) {
		return true
	}
	return n.direction(segment.Egress, src, dst, dst, port) && n.direction(segment.Ingress, dst, src, dst, port)
}

// ownNode reports whether an address is that of the pod's own node, and traffic
// between the two is free (Kubernetes documentation, "Network Policies": "traffic
// to and from the node where a Pod is running is always allowed").
func (n *naive) ownNode(pod end, a netip.Addr, free bool, doubt string) bool {
	has := n.nodesAt[clusterAddr{n.m.Namespaces[pod.ep.Namespace].Cluster, a}]
	switch {
	case len(has) == 0:
		return false
	case doubt != "" && !n.coin(doubt), doubt == "" && !free:
		return false
	case len(has) > 1, has[""], pod.ep.Node == "":
		return n.coin("node of " + a.String() + " and " + pod.ep.Ref.String())
	}
	return has[pod.ep.Node]
}

// direction applies the tiers in order: Admin, NetworkPolicy, Baseline.
func (n *naive) direction(d segment.Gress, subject, peer, dst end, port segment.Port) bool {
	if subject.ep == nil {
		return true
	}
	allow := n.tiers(d, subject, peer, dst, port)
	for i := range n.m.Taints {
		t := &n.m.Taints[i]
		if t.Tier == segment.NetworkPolicyTier || !n.tainted(t, d, subject) {
			continue
		}
		if allow && t.CanDeny && n.coin(t.Object+d.String()+"deny") || !allow && t.CanAllow && n.coin(t.Object+d.String()+"allow") {
			allow = !allow
		}
	}
	return allow
}

func (n *naive) tainted(t *segment.Taint, d segment.Gress, e end) bool {
	ns := n.m.Namespaces[e.ep.Namespace]
	if t.Only == segment.PodEndpoints && n.host(e) || t.Only == segment.HostEndpoints && !n.host(e) {
		return false
	}
	return t.Gress[d] && ns.Cluster == t.Cluster && (t.Namespace == "" || ns.Name == t.Namespace) && t.Pods.Matches(e.ep.Labels) &&
		(!n.host(e) || t.Tier != segment.NetworkPolicyTier && len(t.Pods) == 0)
}

func (n *naive) tiers(d segment.Gress, subject, peer, dst end, port segment.Port) bool {
	before := []segment.Tier{segment.DenyTier, segment.AdminTier}
	if n.m.Profile.AdminBeforeDenials {
		slices.Reverse(before)
	}
	for _, t := range before {
		if allow, decided := n.ordered(t, d, subject, peer, dst, port); decided {
			return allow
		}
	}
	selected, granted, other := false, false, false
	for _, p := range n.policies {
		if p.Tier != segment.NetworkPolicyTier || !n.selects(p, subject) {
			continue
		}
		other = other || p.Isolates[1-d]
		selected = selected || p.Isolates[d]
		for r := range p.Rules[d] {
			granted = granted || n.matches(p, &p.Rules[d][r], d, peer, dst, port)
		}
	}
	for i := range n.m.Taints {
		t := &n.m.Taints[i]
		if t.Tier == segment.NetworkPolicyTier && n.tainted(t, d, subject) {
			// An unread NetworkPolicy may select the pod, and may grant.
			if n.coin(t.Object + d.String() + "selects") {
				selected = true
			}
			if t.CanAllow && n.coin(t.Object+d.String()+"grants") {
				selected, granted = true, true
			}
		}
	}
	if selected {
		return granted
	}
	blind := n.m.Profile.BaselineDirectionBlind
	if n.m.Profile.BaselineDoubt != "" {
		blind = n.coin(n.m.Profile.BaselineDoubt)
	}
	if !(blind && other) {
		if allow, decided := n.ordered(segment.BaselineTier, d, subject, peer, dst, port); decided {
			return allow
		}
	}
	return true
}

// ordered finds the policies of the lowest priority value with a matching rule.
// Where several policies share it, any of them may be applied.
func (n *naive) ordered(t segment.Tier, d segment.Gress, subject, peer, dst end, port segment.Port) (allow, decided bool) {
	for _, prio := range n.priorities[t] {
		var outcomes []segment.Action
		for _, p := range n.policies {
			if p.Tier != t || p.Priority != prio || !n.selects(p, subject) {
				continue
			}
			for r := range p.Rules[d] {
				rule := &p.Rules[d][r]
				if n.matches(p, rule, d, peer, dst, port) {
					outcomes = append(outcomes, rule.Action)
					break
				}
			}
		}
		if len(outcomes) == 0 {
			continue
		}
		pick := outcomes[0]
		for _, o := range outcomes[1:] {
			if o != pick && n.coin("priority"+t.String()+d.String()+o.String()+pick.String()) {
				pick = o
			}
		}
		switch pick {
		case segment.Allow:
			return true, true
		case segment.Deny:
			return false, true
		}
		return false, false // Pass: on to the next tier
	}
	return false, false
}

func (n *naive) selects(p *segment.Policy, e end) bool {
	return e.ep != nil && !n.host(e) && n.selected(p.Cluster, &p.Subject, e)
}

func (n *naive) selected(cluster string, s *segment.PodSelector, e end) bool {
	ns := &n.m.Namespaces[e.ep.Namespace]
	if ns.Cluster != cluster || !s.Pods.Matches(e.ep.Labels) {
		return false
	}
	if s.InNamespace != "" {
		return ns.Name == s.InNamespace
	}
	for _, r := range s.Namespaces {
		v, ok := ns.Labels[r.Key]
		if !ok && !ns.Declared {
			// Any label may be there: whether this requirement holds is a coin.
			if !n.coin("ns " + ns.Cluster + "/" + ns.Name + " " + segment.Selector{r}.String()) {
				return false
			}
			continue
		}
		holds := ok
		switch r.Op {
		case segment.In:
			holds = ok && slices.Contains(r.Values, v)
		case segment.NotIn:
			holds = !ok || !slices.Contains(r.Values, v)
		case segment.DoesNotExist:
			holds = !ok
		}
		if !holds {
			return false
		}
	}
	return true
}

func (n *naive) matches(p *segment.Policy, r *segment.Rule, d segment.Gress, peer, dst end, port segment.Port) bool {
	ok := len(r.Ports) == 0
	for _, pm := range r.Ports {
		ok = ok || n.portMatches(&pm, dst, port)
	}
	if !ok {
		return false
	}
	if peer.ep != nil && n.m.Namespaces[peer.ep.Namespace].Cluster != p.Cluster {
		return false
	}
	if len(r.Peers) == 0 {
		return true
	}
	for i := range r.Peers {
		if n.peerMatches(p, &r.Peers[i], peer) {
			return true
		}
	}
	return false
}

func (n *naive) portMatches(pm *segment.PortMatch, dst end, port segment.Port) bool {
	if pm.Name == "" {
		return pm.Protocol == port.Protocol && pm.From <= port.Number && port.Number <= pm.To
	}
	if dst.ep == nil {
		return false
	}
	for _, np := range dst.ep.Ports {
		if np.Name == pm.Name && (pm.AnyProtocol || np.Protocol == pm.Protocol) && np.Protocol == port.Protocol && np.Number == port.Number {
			if n.host(dst) {
				return n.coin("name on host " + dst.ep.Ref.String())
			}
			if np.Doubt == "" || n.coin("name "+np.Doubt+" of "+dst.ep.Ref.String()) {
				return true
			}
		}
	}
	return false
}

func (n *naive) peerMatches(p *segment.Policy, peer *segment.Peer, e end) bool {
	if !n.peerDescribes(p, peer, e) {
		return false
	}
	return peer.Doubt == "" || n.coin("peer of "+p.Name+" "+peer.Doubt)
}

func (n *naive) peerDescribes(p *segment.Policy, peer *segment.Peer, e end) bool {
	switch peer.Kind {
	case segment.PeerAny:
		return true
	case segment.PeerPods:
		return e.ep != nil && !n.host(e) && n.selected(p.Cluster, &peer.Pods, e)
	case segment.PeerCIDR:
		in := func(a netip.Addr) bool {
			return peer.CIDR.Contains(a) && !slices.ContainsFunc(peer.Except, func(x netip.Prefix) bool { return x.Contains(a) })
		}
		if e.ep == nil {
			return in(e.addr)
		}
		if !n.host(e) && !peer.MatchesPods || n.host(e) && peer.SkipsNodes {
			return false
		}
		if len(e.ep.IPs) == 0 {
			if peer.CIDR.Bits() == 0 && len(peer.Except) == 0 && peer.CIDR.Addr().Is4() {
				return true // the generator makes IPv4 estates
			}
			return peer.CIDR.Addr().Is4() && n.coin("address of "+e.ep.Ref.String()+" in "+peer.CIDR.String())
		}
		return in(e.ep.IPs[0])
	case segment.PeerNodes:
		if e.ep == nil {
			return n.nodeAddress(p.Cluster, peer.Nodes, e.addr)
		}
		if !n.host(e) || len(peer.Nodes) == 0 {
			return n.host(e)
		}
		for _, node := range n.m.Nodes {
			if node.Name == e.ep.Node && node.Cluster == p.Cluster {
				return peer.Nodes.Matches(node.Labels)
			}
		}
		return n.coin("node of " + e.ep.Ref.String())
	case segment.PeerDomain:
		return e.ep == nil && n.coin("domains of "+e.addr.String())
	}
	return false
}

// nodeAddress reports whether a node that a selector matches has an address. Of
// what the input does not show, any address may be that is not public.
func (n *naive) nodeAddress(cluster string, s segment.Selector, a netip.Addr) bool {
	seen, unknown := false, false
	for _, node := range n.m.Nodes {
		if node.Cluster != cluster {
			continue
		}
		seen = true
		if s.Matches(node.Labels) {
			if slices.Contains(node.IPs, a) {
				return true
			}
			unknown = unknown || len(node.IPs) == 0
		}
	}
	return (unknown || !seen) && !segment.Public(a) && n.coin("node at "+a.String()+" "+cluster+" "+s.String())
}
