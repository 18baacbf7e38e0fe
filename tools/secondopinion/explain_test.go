package secondopinion

import (
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/cofferdam-io/cofferdam/segment"
)

// The reasons for which the engines may differ.
const (
	itself      = "a pod to itself"
	oneAddress  = "a block that holds one address of a dual-stack pod"
	hostPort    = "a port that a pod on the host network names"
	sidecarPort = "a port that a sidecar names"
	mappedBlock = "a block of IPv4-mapped addresses"
)

func reasons() []string { return []string{itself, oneAddress, hostPort, sidecarPort, mappedBlock} }

// explain names the reason for a difference between the engines, or nothing.
// Each reason is as narrow as it can be put, and is listed in
// docs/design/reachability-engine.md.
func (b *both) explain(t *testing.T, q *question, ours segment.Verdict) string {
	t.Helper()
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
	case hasSidecar(q.dst) && b.withSidecars(t).second(t, q) == ours:
		// NewPodInfo reads the ports of spec.containers alone. Kubernetes itself finds
		// those of a sidecar, too, for Services.
		return sidecarPort
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

// hasSidecar reports whether a container that goes on running names a port and
// is listed among the containers that start the pod.
func hasSidecar(e *end) bool {
	return e.pod != nil && slices.ContainsFunc(e.pod.Spec.InitContainers, func(c corev1.Container) bool { return len(c.Ports) > 0 })
}

// withSidecars is the same cluster with sidecars listed among the ordinary
// containers, for the other engine only.
func (b *both) withSidecars(t *testing.T) *both {
	t.Helper()
	if b.sidecars == nil {
		o := *b.objects
		o.Pods = slices.Clone(o.Pods)
		for i, p := range o.Pods {
			o.Pods[i] = p.DeepCopy()
			o.Pods[i].Spec.Containers = slices.Concat(p.Spec.Containers, p.Spec.InitContainers)
		}
		w, err := NewWorlds(&o)
		if err != nil {
			t.Fatal(err)
		}
		b.sidecars = &both{objects: &o, theirs: w}
	}
	return b.sidecars
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
