package rewrite

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/cofferdam-io/cofferdam/segment"
)

const maxPort = 65535

// protocolOf reads the protocol of a port that the front end has read before.
func protocolOf(p *networkingv1.NetworkPolicyPort) segment.Protocol {
	if p.Protocol == nil {
		return segment.TCP
	}
	proto, _ := segment.ParseProtocol(string(*p.Protocol))
	return proto
}

// portOn returns what one port of a rule means on a pod.
func (r *Rewriter) portOn(p *networkingv1.NetworkPolicyPort, endpoint int) []segment.Conn {
	c := segment.Conn{Protocol: protocolOf(p), From: 1, To: maxPort}
	switch {
	case p.Port == nil:
	case p.Port.Type == intstr.String:
		var out []segment.Conn
		for _, np := range r.m.Endpoints[endpoint].Ports {
			if np.Name == p.Port.StrVal && np.Protocol == c.Protocol {
				out = append(out, segment.Conn{Protocol: c.Protocol, From: np.Number, To: np.Number})
			}
		}
		return segment.Union(out, nil)
	default:
		c.From, c.To = uint16(p.Port.IntVal), uint16(p.Port.IntVal) //nolint:gosec // the front end read it as a port
		if p.EndPort != nil {
			c.To = uint16(*p.EndPort) //nolint:gosec // as above
		}
	}
	return []segment.Conn{c}
}

// within reports whether all ports of a rule, on all of some pods, are among keep.
func (r *Rewriter) within(ports []networkingv1.NetworkPolicyPort, keep []segment.Conn, on []int) bool {
	if len(ports) == 0 {
		return slices.Equal(segment.Common(segment.EveryPort(), keep), segment.EveryPort())
	}
	for i := range ports {
		for _, e := range on {
			if mean := r.portOn(&ports[i], e); !slices.Equal(segment.Common(mean, keep), mean) {
				return false
			}
		}
	}
	return true
}

// kept returns the ports of a rule, which are not all within keep, that are among
// keep on pods: none if none is. It is false if they cannot be written for all of
// the pods at once, since a name of a port means several numbers on them.
func (r *Rewriter) kept(ports []networkingv1.NetworkPolicyPort, keep []segment.Conn, on []int) ([]networkingv1.NetworkPolicyPort, bool) {
	if len(ports) == 0 {
		return asPorts(segment.Common(segment.EveryPort(), keep)), true
	}
	var out []networkingv1.NetworkPolicyPort
	var numbers []segment.Conn
	for i := range ports {
		p := &ports[i]
		if p.Port == nil || p.Port.Type == intstr.Int {
			numbers = append(numbers, segment.Common(r.portOn(p, -1), keep)...)
			continue
		}
		var first []segment.Conn
		all, none, same := true, true, true
		for j, e := range on {
			mean := r.portOn(p, e)
			both := segment.Common(mean, keep)
			all, none = all && slices.Equal(both, mean), none && len(both) == 0
			if j == 0 {
				first = mean
			}
			same = same && slices.Equal(mean, first)
		}
		switch {
		case all && !none:
			out = append(out, *p.DeepCopy())
		case none:
		case same:
			numbers = append(numbers, segment.Common(first, keep)...)
		default:
			return nil, false
		}
	}
	return append(out, asPorts(segment.Union(numbers, nil))...), true
}

// asPorts writes connections as ports of a rule; none for all of them.
func asPorts(cs []segment.Conn) []networkingv1.NetworkPolicyPort {
	if slices.Equal(segment.Union(cs, nil), segment.EveryPort()) {
		return nil
	}
	out := make([]networkingv1.NetworkPolicyPort, 0, len(cs))
	for _, c := range cs {
		proto := corev1.Protocol(c.Protocol.String())
		p := networkingv1.NetworkPolicyPort{Protocol: &proto}
		if c.From > 1 || c.To < maxPort {
			from := intstr.FromInt32(int32(c.From))
			p.Port = &from
			if c.To > c.From {
				to := int32(c.To)
				p.EndPort = &to
			}
		}
		out = append(out, p)
	}
	return out
}
