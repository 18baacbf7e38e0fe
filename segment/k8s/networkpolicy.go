package k8s

import (
	"fmt"
	"net/netip"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/clusterpolicy"
)

const (
	networkPolicyKind = "NetworkPolicy"
	maxPort           = 65535
)

// networkPolicy translates one object. If an API server would refuse it, the
// result is a taint on what it would select, in the directions it would isolate.
func networkPolicy(cluster string, o *networkingv1.NetworkPolicy, profile segment.Profile) (*segment.Policy, *segment.Taint) {
	p := &segment.Policy{Kind: networkPolicyKind, Cluster: cluster, Namespace: o.Namespace, Name: o.Name, Tier: segment.NetworkPolicyTier}
	p.Subject.InNamespace = o.Namespace
	t := &segment.Taint{Object: object(networkPolicyKind, o.Namespace, o.Name), Cluster: cluster, Namespace: o.Namespace,
		CanAllow: true, CanDeny: true, Gress: [2]bool{true, true}, Tier: segment.NetworkPolicyTier}
	fail := func(err error) (*segment.Policy, *segment.Taint) {
		t.Reason = "its effect is not known: " + err.Error()
		return nil, t
	}
	var err error
	if p.Subject.Pods, err = clusterpolicy.Selector("spec.podSelector", &o.Spec.PodSelector); err != nil {
		return fail(err)
	}
	t.Pods = p.Subject.Pods
	if p.Isolates, err = isolates(&o.Spec); err != nil {
		return fail(err)
	}
	t.Gress = p.Isolates
	if p.Isolates[segment.Ingress] {
		for i := range o.Spec.Ingress {
			in := &o.Spec.Ingress[i]
			r, err := npRule(fmt.Sprintf("spec.ingress[%d]", i), "from", i, o.Namespace, in.From, in.Ports, profile)
			if err != nil {
				return fail(err)
			}
			p.Rules[segment.Ingress] = append(p.Rules[segment.Ingress], unread(r, &profile)...)
		}
	}
	if p.Isolates[segment.Egress] {
		for i := range o.Spec.Egress {
			e := &o.Spec.Egress[i]
			r, err := npRule(fmt.Sprintf("spec.egress[%d]", i), "to", i, o.Namespace, e.To, e.Ports, profile)
			if err != nil {
				return fail(err)
			}
			p.Rules[segment.Egress] = append(p.Rules[segment.Egress], unread(r, &profile)...)
		}
	}
	if n := len(portRanges(make(map[segment.PortMatch]bool), p)); n > maxPortRanges {
		return fail(fmt.Errorf("spec names %d different ranges of ports, and more than %d are not evaluated", n, maxPortRanges))
	}
	return p, nil
}

// isolates applies the default of policyTypes: Ingress always, Egress where the
// object has an egress rule (NetworkPolicySpec, field policyTypes). Rules of a
// direction that policyTypes leaves out have no effect.
func isolates(s *networkingv1.NetworkPolicySpec) ([2]bool, error) {
	var out [2]bool
	if len(s.PolicyTypes) == 0 {
		out[segment.Ingress] = true
		out[segment.Egress] = len(s.Egress) > 0
		return out, nil
	}
	for i, t := range s.PolicyTypes {
		switch t {
		case networkingv1.PolicyTypeIngress:
			out[segment.Ingress] = true
		case networkingv1.PolicyTypeEgress:
			out[segment.Egress] = true
		default:
			return [2]bool{true, true}, fmt.Errorf("spec.policyTypes[%d] %q is neither Ingress nor Egress", i, t)
		}
	}
	return out, nil
}

func npRule(path, list string, index int, namespace string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort, profile segment.Profile) (segment.Rule, error) {
	r := segment.Rule{Index: index, Action: segment.Allow}
	for i := range peers {
		p, err := npPeer(fmt.Sprintf("%s.%s[%d]", path, list, i), namespace, &peers[i], profile)
		if err != nil {
			return r, err
		}
		r.Peers = append(r.Peers, inDoubt(p, &profile)...)
	}
	for i := range ports {
		pm, err := npPort(fmt.Sprintf("%s.ports[%d]", path, i), &ports[i])
		if err != nil {
			return r, err
		}
		r.Ports = append(r.Ports, pm)
	}
	return r, nil
}

func npPeer(path, namespace string, p *networkingv1.NetworkPolicyPeer, profile segment.Profile) (segment.Peer, error) {
	if p.IPBlock != nil {
		if p.PodSelector != nil || p.NamespaceSelector != nil {
			return segment.Peer{}, fmt.Errorf("%s has ipBlock beside a selector", path)
		}
		return npBlock(path+".ipBlock", p.IPBlock, profile)
	}
	if p.PodSelector == nil && p.NamespaceSelector == nil {
		return segment.Peer{}, fmt.Errorf("%s names no peer", path)
	}
	var s segment.PodSelector
	if p.NamespaceSelector == nil {
		s.InNamespace = namespace
	} else {
		ns, err := selectorAt(path+".namespaceSelector", p.NamespaceSelector)
		if err != nil {
			return segment.Peer{}, err
		}
		s.Namespaces = ns
	}
	pods, err := selectorAt(path+".podSelector", p.PodSelector)
	s.Pods = pods
	return segment.Peer{Kind: segment.PeerPods, Pods: s}, err
}

func selectorAt(path string, s *metav1.LabelSelector) (segment.Selector, error) {
	return clusterpolicy.Selector(path, s)
}

func npBlock(path string, b *networkingv1.IPBlock, profile segment.Profile) (segment.Peer, error) {
	peer := segment.Peer{Kind: segment.PeerCIDR, MatchesPods: profile.IPBlockMatchesPods, SkipsNodes: profile.IPBlockSkipsNodes}
	cidr, err := netip.ParsePrefix(b.CIDR)
	if err != nil {
		return peer, fmt.Errorf("%s.cidr %.60q is not a CIDR", path, b.CIDR)
	}
	peer.CIDR = cidr.Masked()
	for i, e := range b.Except {
		except, err := netip.ParsePrefix(e)
		if err != nil {
			return peer, fmt.Errorf("%s.except[%d] %.60q is not a CIDR", path, i, e)
		}
		if except.Bits() <= cidr.Bits() || !peer.CIDR.Contains(except.Addr()) {
			return peer, fmt.Errorf("%s.except[%d] %s is not strictly inside %s", path, i, e, b.CIDR)
		}
		peer.Except = append(peer.Except, except.Masked())
	}
	if peer.CIDR.Addr().Is4In6() {
		mapped(&peer)
	}
	return peer, nil
}

// mapped turns a block of IPv4-mapped IPv6 addresses (RFC 4291, section 2.5.5.2)
// into one of IPv4, in doubt. An API server with StrictIPCIDRValidation refuses
// such a block, older ones admitted it, and what networks make of it differs.
func mapped(p *segment.Peer) {
	const ahead = 96 // bits before the IPv4 address
	p.Doubt = "its block " + p.CIDR.String() + " is of IPv4-mapped addresses, and whether the network reads them as IPv4 is not known"
	unmap := func(b netip.Prefix) netip.Prefix { return netip.PrefixFrom(b.Addr().Unmap(), b.Bits()-ahead) }
	p.CIDR = unmap(p.CIDR)
	for i, e := range p.Except {
		p.Except[i] = unmap(e)
	}
}

// inDoubt splits a block of which it is not known whether it is compared with
// addresses of pods, or of nodes, into what it certainly matches and all that it
// perhaps does.
func inDoubt(p segment.Peer, profile *segment.Profile) []segment.Peer {
	pods, nodes := profile.PodBlockDoubt, profile.NodeBlockDoubt
	if p.Kind != segment.PeerCIDR || pods == "" && nodes == "" {
		return []segment.Peer{p}
	}
	sure, perhaps := p, p
	perhaps.Doubt = pods
	if pods != "" {
		sure.MatchesPods, perhaps.MatchesPods = false, true
	}
	if nodes != "" {
		sure.SkipsNodes, perhaps.SkipsNodes = true, false
		perhaps.Doubt = nodes
	}
	return []segment.Peer{sure, perhaps}
}

func npPort(path string, p *networkingv1.NetworkPolicyPort) (segment.PortMatch, error) {
	pm := segment.PortMatch{From: 1, To: maxPort}
	if p.Protocol != nil {
		proto, ok := segment.ParseProtocol(string(*p.Protocol))
		if !ok || string(*p.Protocol) != proto.String() {
			return pm, fmt.Errorf("%s.protocol %.20q is none of TCP, UDP, SCTP", path, *p.Protocol)
		}
		pm.Protocol = proto
	}
	switch {
	case p.Port == nil:
		if p.EndPort != nil {
			return pm, fmt.Errorf("%s has endPort without port", path)
		}
		return pm, nil
	case p.Port.Type == intstr.String:
		if p.EndPort != nil {
			return pm, fmt.Errorf("%s has endPort beside the port name %.20q", path, p.Port.StrVal)
		}
		if p.Port.StrVal == "" {
			return pm, fmt.Errorf("%s.port is an empty name", path)
		}
		if msgs := validation.IsValidPortName(p.Port.StrVal); len(msgs) > 0 { // "8080" in quotes is a name, too, and none that a container may have
			return pm, fmt.Errorf("%s.port %.20q is not a port name: %s", path, p.Port.StrVal, msgs[0])
		}
		return segment.PortMatch{Protocol: pm.Protocol, Name: p.Port.StrVal}, nil
	}
	from, to := p.Port.IntVal, p.Port.IntVal
	if p.EndPort != nil {
		to = *p.EndPort
	}
	if from < 1 || from > maxPort || to > maxPort {
		return pm, fmt.Errorf("%s: %d–%d is not within 1–%d", path, from, to, maxPort)
	}
	if to < from {
		return pm, fmt.Errorf("%s.endPort %d is below port %d", path, to, from)
	}
	pm.From, pm.To = uint16(from), uint16(to)
	return pm, nil
}
