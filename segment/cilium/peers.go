package cilium

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate/manifest/ciliumv2"
	"github.com/cofferdam-io/cofferdam/segment"
)

// peerSet is the layer-3 part of a rule.
type peerSet struct {
	any   bool // no peer is named: everything, if ports are
	peers []segment.Peer
}

// member is one field of a rule that names peers: how many, and whether the
// field is there. A rule may use one (Cilium: "Combining … is not supported yet").
type member struct {
	name  string
	n     int
	given bool
	peers func() ([]segment.Peer, error)
}

// gather reads the one field of a rule that names peers.
func gather(path string, members []member) (*peerSet, error) {
	used := ""
	set := &peerSet{any: true}
	for _, m := range members {
		if m.n > 0 && used != "" {
			return nil, fmt.Errorf("%s combines %s and %s, which Cilium refuses", path, used, m.name)
		}
		if m.n > 0 {
			used = m.name
		}
		set.any = set.any && !m.given
	}
	for _, m := range members {
		if m.n == 0 {
			continue
		}
		peers, err := m.peers()
		if err != nil {
			return nil, err
		}
		set.peers = append(set.peers, peers...)
	}
	return set, nil
}

func (t *translation) from(path string, r *ciliumv2.IngressRule) (*peerSet, error) {
	if len(r.FromRequires) > 0 {
		return nil, fmt.Errorf("%s.fromRequires is not modelled (Cilium 1.19 removed it)", path)
	}
	return gather(path, []member{
		{"fromEndpoints", len(r.FromEndpoints), r.FromEndpoints != nil, func() ([]segment.Peer, error) { return t.endpoints(path+".fromEndpoints", r.FromEndpoints) }},
		{"fromCIDR", len(r.FromCIDR), r.FromCIDR != nil, func() ([]segment.Peer, error) { return blocks(path+".fromCIDR", r.FromCIDR) }},
		{"fromCIDRSet", len(r.FromCIDRSet), r.FromCIDRSet != nil, func() ([]segment.Peer, error) { return blockSet(path+".fromCIDRSet", r.FromCIDRSet) }},
		{"fromEntities", len(r.FromEntities), r.FromEntities != nil, func() ([]segment.Peer, error) {
			return entities(path+".fromEntities", r.FromEntities, segment.Ingress)
		}},
		{"fromGroups", len(r.FromGroups), r.FromGroups != nil, func() ([]segment.Peer, error) { return world("the addresses of cloud groups are not known"), nil }},
		{"fromNodes", len(r.FromNodes), r.FromNodes != nil, func() ([]segment.Peer, error) { return nodes(path+".fromNodes", r.FromNodes) }},
	})
}

func (t *translation) to(path string, r *ciliumv2.EgressRule) (*peerSet, error) {
	if len(r.ToRequires) > 0 {
		return nil, fmt.Errorf("%s.toRequires is not modelled (Cilium 1.19 removed it)", path)
	}
	return gather(path, []member{
		{"toEndpoints", len(r.ToEndpoints), r.ToEndpoints != nil, func() ([]segment.Peer, error) { return t.endpoints(path+".toEndpoints", r.ToEndpoints) }},
		{"toCIDR", len(r.ToCIDR), r.ToCIDR != nil, func() ([]segment.Peer, error) { return blocks(path+".toCIDR", r.ToCIDR) }},
		{"toCIDRSet", len(r.ToCIDRSet), r.ToCIDRSet != nil, func() ([]segment.Peer, error) { return blockSet(path+".toCIDRSet", r.ToCIDRSet) }},
		{"toEntities", len(r.ToEntities), r.ToEntities != nil, func() ([]segment.Peer, error) {
			return entities(path+".toEntities", r.ToEntities, segment.Egress)
		}},
		{"toServices", len(r.ToServices), r.ToServices != nil, func() ([]segment.Peer, error) { return t.services(r.ToServices), nil }},
		{"toGroups", len(r.ToGroups), r.ToGroups != nil, func() ([]segment.Peer, error) { return world("the addresses of cloud groups are not known"), nil }},
		{"toNodes", len(r.ToNodes), r.ToNodes != nil, func() ([]segment.Peer, error) { return nodes(path+".toNodes", r.ToNodes) }},
		{"toFQDNs", len(r.ToFQDNs), r.ToFQDNs != nil, func() ([]segment.Peer, error) { return domains(r.ToFQDNs), nil }},
	})
}

// blocks are addresses outside the cluster: Cilium gives pods and nodes
// identities of their own, and a CIDR matches neither.
func blocks(path string, cidrs []string) ([]segment.Peer, error) {
	var out []segment.Peer
	for i, c := range cidrs {
		p, err := block(fmt.Sprintf("%s[%d]", path, i), c, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func blockSet(path string, rules []ciliumv2.CIDRRule) ([]segment.Peer, error) {
	var out []segment.Peer
	for i := range rules {
		r := &rules[i]
		at := fmt.Sprintf("%s[%d]", path, i)
		set := 0
		for _, b := range []bool{r.CIDR != "", r.CIDRGroupRef != "", r.CIDRGroupSelector != nil} {
			if b {
				set++
			}
		}
		switch {
		case set != 1:
			return nil, fmt.Errorf("%s must have exactly one of cidr, cidrGroupRef and cidrGroupSelector", at)
		case r.CIDR == "":
			out = append(out, world("the addresses of a CiliumCIDRGroup are not read")...)
			continue
		}
		p, err := block(at+".cidr", r.CIDR, r.Except)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// block reads one CIDR, or one address, which means the address alone.
func block(path, cidr string, except []string) (segment.Peer, error) {
	p := segment.Peer{Kind: segment.PeerCIDR, SkipsNodes: true}
	prefix, err := parseBlock(cidr)
	if err != nil {
		return p, fmt.Errorf("%s: %.60q is not a CIDR", path, cidr)
	}
	p.CIDR = prefix
	for _, e := range except {
		x, err := parseBlock(e)
		if err != nil {
			return p, fmt.Errorf("%s: except %.60q is not a CIDR", path, e)
		}
		if x.Bits() < prefix.Bits() || !prefix.Contains(x.Addr()) {
			return p, fmt.Errorf("%s: except %s is not inside %s", path, e, cidr)
		}
		p.Except = append(p.Except, x)
	}
	return p, nil
}

func parseBlock(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

// world is every address outside the cluster.
func world(doubt string) []segment.Peer {
	return append(family("0.0.0.0/0", doubt), family("::/0", doubt)...)
}

func family(all, doubt string) []segment.Peer {
	return []segment.Peer{{Kind: segment.PeerCIDR, CIDR: netip.MustParsePrefix(all), SkipsNodes: true, Doubt: doubt}}
}

func everyNode(doubt string) segment.Peer { return segment.Peer{Kind: segment.PeerNodes, Doubt: doubt} }

const ownNodeDoubt = "whether it is the pod's own node or another is not told apart"

// entities translates the names that Cilium gives to what is not a pod
// (documentation, "Entities based").
func entities(path string, list []string, d segment.Gress) ([]segment.Peer, error) {
	has := make(map[string]bool, len(list))
	for _, e := range list {
		has[e] = true
	}
	var out []segment.Peer
	for i, e := range list {
		switch e {
		case "all":
			out = append(out, segment.Peer{Kind: segment.PeerAny})
		case "world":
			out = append(out, world("")...)
		case "world-ipv4":
			out = append(out, family("0.0.0.0/0", "")...)
		case "world-ipv6":
			out = append(out, family("::/0", "")...)
		case "cluster":
			// The API server is part of it; where its address is outside the cluster
			// no manifest says which that is, and it is not among the peers.
			out = append(out, segment.Peer{Kind: segment.PeerPods}, everyNode(""))
		case "remote-node":
			switch {
			case d == segment.Ingress, has["host"]:
				// What comes from a pod's own node enters without a rule.
				out = append(out, everyNode(""))
			default:
				out = append(out, everyNode(ownNodeDoubt))
			}
		case "host":
			// What comes from a pod's own node enters without a rule, so that this
			// one adds nothing to ingress.
			if d == segment.Egress && !has["remote-node"] {
				out = append(out, everyNode(ownNodeDoubt))
			}
		case "kube-apiserver":
			doubt := "which address the API server has is not known"
			out = append(out, append(world(doubt), everyNode(doubt))...)
		case "health", "init", "ingress", "unmanaged", "none":
			// Endpoints of Cilium's own, which no manifest holds.
		default:
			return nil, fmt.Errorf("%s[%d]: %.40q is no entity", path, i, e)
		}
	}
	return out, nil
}

// nodes selects nodes by their labels, which works where the agent's option
// enable-node-selector-labels is on.
func nodes(path string, list []ciliumv2.Selector) ([]segment.Peer, error) {
	var out []segment.Peer
	for i := range list {
		reqs, err := requirements(fmt.Sprintf("%s[%d]", path, i), &list[i])
		if err != nil {
			return nil, err
		}
		p := everyNode("whether node labels are selected depends on the agent's option enable-node-selector-labels")
		var sel []segment.Requirement
		for _, r := range reqs {
			sel = append(sel, segment.Requirement{Key: r.key, Op: r.op, Values: r.values})
		}
		p.Nodes = segment.NewSelector(sel)
		out = append(out, p)
	}
	return out, nil
}

func domains(list []ciliumv2.DomainName) []segment.Peer {
	p := segment.Peer{Kind: segment.PeerDomain}
	for _, n := range list {
		if n.MatchName != "" {
			p.Domains = append(p.Domains, n.MatchName)
		}
		if n.MatchPattern != "" {
			p.Domains = append(p.Domains, n.MatchPattern)
		}
	}
	return []segment.Peer{p}
}

// services are in doubt: versions of Cilium differ in which Services they follow,
// and to which of their backends.
func (t *translation) services(list []ciliumv2.Service) []segment.Peer {
	const doubt = "versions of Cilium differ in which backends of a Service toServices opens"
	out := world(doubt)
	for _, s := range list {
		p := segment.Peer{Kind: segment.PeerPods, Doubt: doubt}
		switch {
		case s.K8sService != nil:
			p.Pods.InNamespace = s.K8sService.Namespace
		case s.K8sServiceSelector != nil:
			p.Pods.InNamespace = s.K8sServiceSelector.Namespace
		}
		if p.Pods.InNamespace == "" {
			p.Pods.InNamespace = t.namespace // "" for the clusterwide kind: every namespace
		}
		out = append(out, p)
	}
	return out
}
