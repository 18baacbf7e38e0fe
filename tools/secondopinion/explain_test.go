package secondopinion

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/cofferdam-io/cofferdam/segment"
)

// The reasons for which the engines may differ.
const (
	itself      = "a pod to itself"
	oneAddress  = "a block that holds one address of a dual-stack pod"
	hostPort    = "a port that a pod on the host network names"
	mappedBlock = "a block of IPv4-mapped addresses"
)

func reasons() []string { return []string{itself, oneAddress, hostPort, mappedBlock} }

// explain names the reason for a difference between the engines, or nothing.
// Each reason is as narrow as it can be put, and is listed in
// docs/design/reachability-engine.md.
func (b *both) explain(q *question, ours segment.Verdict) string {
	switch {
	case q.src == q.dst && q.src.pod != nil && ours == segment.Allowed:
		// NetworkPolicy: "a Pod cannot block access to itself". Such a packet never
		// leaves the pod, so that their engine is never asked.
		return itself
	case ours == segment.Unknown && (b.split(q.src) || b.split(q.dst)):
		// The model holds which addresses a pod has, and not which of them a
		// connection uses.
		return oneAddress
	case ours == segment.Unknown && b.mapped(q):
		// API servers with StrictIPCIDRValidation refuse such a block. Their engine
		// reads it as IPv4, as Go's net package does; others need not.
		return mappedBlock
	case ours == segment.Unknown && q.namesHostPort():
		// The specification does not say whether the name of a port is resolved on a
		// pod that has no network of its own; their engine knows no such pod.
		return hostPort
	}
	return ""
}

// mapped reports whether a NetworkPolicy names a block of IPv4-mapped addresses
// that holds an end.
func (b *both) mapped(q *question) bool {
	return slices.ContainsFunc(b.objects.NetworkPolicies, func(p *networkingv1.NetworkPolicy) bool {
		return slices.ContainsFunc(peersOf(p), func(peer networkingv1.NetworkPolicyPeer) bool {
			if peer.IPBlock == nil {
				return false
			}
			block, is := unmapped(peer.IPBlock.CIDR)
			return is && slices.ContainsFunc(slices.Concat(q.src.ips, q.dst.ips), block.Contains)
		})
	})
}

// namesHostPort reports whether the destination is on the host network and has a
// name for the port.
func (q *question) namesHostPort() bool {
	p := q.dst.pod
	return p != nil && p.Spec.HostNetwork && slices.ContainsFunc(slices.Concat(p.Spec.Containers, p.Spec.InitContainers), func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(c corev1.ContainerPort) bool { return c.Protocol == q.protocol && c.ContainerPort == int32(q.port) })
	})
}

// split reports whether a policy names a block that holds one address of an end
// and not the other.
func (b *both) split(e *end) bool {
	return slices.ContainsFunc(b.blocks, func(p netip.Prefix) bool {
		in := 0
		for _, a := range e.ips {
			if p.Contains(a) {
				in++
			}
		}
		return in > 0 && in < len(e.ips)
	})
}
