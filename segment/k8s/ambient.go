package k8s

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/segment"
)

// Istio's ambient mode carries the traffic between two pods of the mesh in a
// tunnel (HBONE) to port 15008 of the destination: what enforces NetworkPolicies
// sees that port and not the one that was called (Istio documentation, "Ambient
// and Kubernetes NetworkPolicy").
const (
	dataplaneMode = "istio.io/dataplane-mode" // label of a namespace or a pod
	hbonePort     = 15008
	// ambientKey is a label that this front end gives to the endpoints of the
	// mesh; its form is none that Kubernetes admits, so no pod can bring it.
	ambientKey = "in the ambient mesh"
)

// ambientDoubt is why a rule for ports leaves traffic inside the mesh open.
const ambientDoubt = "both pods are in an ambient mesh, which carries every port in a tunnel to 15008/TCP, and policies see that port only"

// inAmbient reports whether an endpoint's traffic goes through the mesh.
func (b *builder) inAmbient(e *segment.Endpoint) bool {
	if e.HostNetwork {
		return false
	}
	mode, ok := e.Labels[dataplaneMode]
	if !ok {
		mode = b.m.Namespaces[e.Namespace].Labels[dataplaneMode]
	}
	return mode == "ambient"
}

// ambient marks the endpoints of an ambient mesh and puts in doubt what policies
// say about them.
func (b *builder) ambient() {
	for i := range b.m.Endpoints {
		e := &b.m.Endpoints[i]
		if !b.inAmbient(e) {
			continue
		}
		e.Labels = maps.Clone(e.Labels)
		if e.Labels == nil {
			e.Labels = make(map[string]string, 1)
		}
		e.Labels[ambientKey] = ""
	}
	b.policiesInMesh()
}

// policiesInMesh puts in doubt what rules for ports say about traffic inside an
// ambient mesh, the endpoints of which are marked. Rules that name no port hold
// for the tunnel as for anything else.
func (b *builder) policiesInMesh() {
	if !slices.ContainsFunc(b.m.Endpoints, func(e segment.Endpoint) bool { _, in := e.Labels[ambientKey]; return in }) {
		return
	}
	out := make([]segment.Policy, 0, len(b.m.Policies))
	for i := range b.m.Policies {
		p := b.m.Policies[i]
		if !slices.ContainsFunc(p.Rules[0], ports) && !slices.ContainsFunc(p.Rules[1], ports) {
			out = append(out, p)
			continue
		}
		out = append(out, on(p, false), inMesh(on(p, true)))
	}
	b.m.Policies = out
}

func ports(r segment.Rule) bool { return len(r.Ports) > 0 }

// on narrows a policy to the pods of the mesh, or to the others.
func on(p segment.Policy, mesh bool) segment.Policy {
	p.Subject.Pods = narrowed(p.Subject.Pods, mesh)
	return p
}

func narrowed(s segment.Selector, mesh bool) segment.Selector {
	op := segment.DoesNotExist
	if mesh {
		op = segment.Exists
	}
	return segment.NewSelector(append(slices.Clone(s), segment.Requirement{Key: ambientKey, Op: op}))
}

// inMesh rewrites the rules of a policy whose subjects are in the mesh: for peers
// in it a rule for TCP ports holds perhaps, and one for the tunnel's port perhaps
// for every TCP port. Other peers, and other protocols, which the tunnel does not
// carry, are as they stand.
func inMesh(p segment.Policy) segment.Policy {
	for d := range p.Rules {
		var rules []segment.Rule
		for _, r := range p.Rules[d] {
			tcp, others := byTunnel(r.Ports)
			if len(tcp) == 0 {
				rules = append(rules, r)
				continue
			}
			outside, inside := split(r.Peers)
			if len(others) > 0 {
				x := r
				x.Ports = others
				rules = append(rules, x)
			}
			x := r
			x.Ports, x.Peers = tcp, outside
			rules = append(rules, x)
			if len(inside) == 0 {
				continue
			}
			x.Peers = inside
			if slices.ContainsFunc(tcp, func(m segment.PortMatch) bool { return m.Name == "" && m.From <= hbonePort && hbonePort <= m.To }) {
				x.Ports = []segment.PortMatch{{Protocol: segment.TCP, From: 1, To: maxPort}}
			}
			rules = append(rules, x)
		}
		p.Rules[d] = rules
	}
	return p
}

// byTunnel tells ports that the tunnel carries from the others. A name may stand
// for either, and counts as carried.
func byTunnel(list []segment.PortMatch) (tcp, others []segment.PortMatch) {
	for _, m := range list {
		if m.Protocol == segment.TCP || m.AnyProtocol {
			tcp = append(tcp, m)
		} else {
			others = append(others, m)
		}
	}
	return tcp, others
}

// split returns the peers without the pods of the mesh, and those pods in doubt.
// The first list is empty for no list of peers.
func split(peers []segment.Peer) (outside, inside []segment.Peer) {
	if len(peers) == 0 {
		peers = []segment.Peer{{Kind: segment.PeerAny}}
	}
	for _, p := range peers {
		in := p
		in.Doubt = ambientDoubt
		switch {
		case p.Kind == segment.PeerPods:
			in.Pods.Pods, p.Pods.Pods = narrowed(p.Pods.Pods, true), narrowed(p.Pods.Pods, false)
			outside, inside = append(outside, p), append(inside, in)
		case p.Kind == segment.PeerAny:
			// Everything is the other pods, the nodes, every address outside the
			// cluster, and the pods of the mesh.
			outside = append(outside, segment.Peer{Kind: segment.PeerPods, Pods: segment.PodSelector{Pods: narrowed(nil, false)}, Doubt: p.Doubt},
				segment.Peer{Kind: segment.PeerNodes, Doubt: p.Doubt})
			for _, all := range []string{"0.0.0.0/0", "::/0"} {
				outside = append(outside, segment.Peer{Kind: segment.PeerCIDR, CIDR: netip.MustParsePrefix(all), SkipsNodes: true, Doubt: p.Doubt})
			}
			inside = append(inside, segment.Peer{Kind: segment.PeerPods, Pods: segment.PodSelector{Pods: narrowed(nil, true)}, Doubt: ambientDoubt})
		case p.Kind == segment.PeerCIDR && p.MatchesPods:
			// Which of the pods in the block are in the mesh is left open.
			p.MatchesPods = false
			outside, inside = append(outside, p), append(inside, in)
		default:
			outside = append(outside, p)
		}
	}
	return outside, inside
}
