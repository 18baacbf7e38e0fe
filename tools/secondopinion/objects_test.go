package secondopinion

import (
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
)

// blocks returns every block of addresses that a policy names.
func (o *Objects) blocks() []netip.Prefix {
	var out []netip.Prefix
	add := func(s string) { p, _ := unmapped(s); out = append(out, p) }
	for _, p := range o.NetworkPolicies {
		for _, peer := range peersOf(p) {
			if peer.IPBlock != nil {
				add(peer.IPBlock.CIDR)
				for _, e := range peer.IPBlock.Except {
					add(e)
				}
			}
		}
	}
	for _, p := range o.ClusterNetworkPolicies {
		for _, r := range p.Spec.Egress {
			for _, to := range r.To {
				for _, n := range to.Networks {
					add(string(n))
				}
			}
		}
	}
	return out
}

// unmapped reads a block, one of IPv4-mapped addresses as the IPv4 that it means.
func unmapped(s string) (p netip.Prefix, mapped bool) {
	p = netip.MustParsePrefix(s)
	if !p.Addr().Is4In6() {
		return p, false
	}
	return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96), true
}

func peersOf(p *networkingv1.NetworkPolicy) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	for _, r := range p.Spec.Ingress {
		out = append(out, r.From...)
	}
	for _, r := range p.Spec.Egress {
		out = append(out, r.To...)
	}
	return out
}

// ports returns every port that a policy names and its neighbours, and some that
// none names.
func (o *Objects) ports() []uint16 {
	out := []uint16{1, 53, 80, 443, 12345, 65535}
	add := func(n int32) {
		for _, p := range []int32{n - 1, n, n, n + 1} {
			if p > 0 && p < 65536 {
				out = append(out, uint16(p))
			}
		}
	}
	for _, p := range o.NetworkPolicies {
		var ports []networkingv1.NetworkPolicyPort
		for _, r := range p.Spec.Ingress {
			ports = append(ports, r.Ports...)
		}
		for _, r := range p.Spec.Egress {
			ports = append(ports, r.Ports...)
		}
		for _, port := range ports {
			if port.Port != nil {
				add(port.Port.IntVal)
			}
			if port.EndPort != nil {
				add(*port.EndPort)
			}
		}
	}
	for _, p := range o.ClusterNetworkPolicies {
		var protocols []v1alpha2.ClusterNetworkPolicyProtocol
		for _, r := range p.Spec.Ingress {
			protocols = append(protocols, r.Protocols...)
		}
		for _, r := range p.Spec.Egress {
			protocols = append(protocols, r.Protocols...)
		}
		for _, proto := range protocols {
			for _, port := range portsOf(&proto) {
				add(port.Number)
				if port.Range != nil {
					add(port.Range.Start)
					add(port.Range.End)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func portsOf(p *v1alpha2.ClusterNetworkPolicyProtocol) []*v1alpha2.Port {
	var out []*v1alpha2.Port
	if p.TCP != nil && p.TCP.DestinationPort != nil {
		out = append(out, p.TCP.DestinationPort)
	}
	if p.UDP != nil && p.UDP.DestinationPort != nil {
		out = append(out, p.UDP.DestinationPort)
	}
	if p.SCTP != nil && p.SCTP.DestinationPort != nil {
		out = append(out, p.SCTP.DestinationPort)
	}
	return out
}
