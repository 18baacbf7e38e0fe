package flow

import (
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/segment"
)

// serving is a workload that a Service leads to: by its selector, or on the ports of
// slices.
type serving struct {
	of       *estate.Workload
	selected bool
	ports    []estate.SlicePort
}

// serving finds the workloads that a Service leads to. certain is false where it
// leads to something that is none of them, too.
func (b *Book) serving(e *estate.Estate, s *estate.Service) (out []serving, certain bool) {
	if len(s.Selector) > 0 {
		for _, w := range e.Workloads {
			if w.Ref.Cluster == s.Cluster && w.Ref.Namespace == s.Namespace && selects(s.Selector, w) {
				out = append(out, serving{of: w, selected: true})
			}
		}
	}
	certain = true
	for _, slice := range b.slices[[3]string{s.Cluster, s.Namespace, s.Name}] {
		for i := range slice.Endpoints {
			x := &slice.Endpoints[i]
			if x.Gone {
				continue
			}
			for _, a := range x.Addresses {
				w := b.podAt[clusterAddress{s.Cluster, plain(a)}]
				if w == nil { // nothing that is known has the address, or several have
					certain = certain && len(s.Selector) > 0 // what follows the selector may be stale
					continue
				}
				at := slices.IndexFunc(out, func(o serving) bool { return o.of == w })
				if at < 0 {
					at = len(out)
					out = append(out, serving{of: w})
				}
				out[at].ports = append(out[at].ports, slice.Ports...)
			}
		}
	}
	return out, certain
}

// target returns the port that a Service port leads to; 0 where it is not certain.
func (s *serving) target(p estate.ServicePort, proto segment.Protocol) uint16 {
	if s.selected {
		return target(s.of, p, proto)
	}
	var found uint16
	for _, x := range s.ports {
		if is, ok := segment.ParseProtocol(x.Protocol); !ok || is != proto || x.Name != p.Name {
			continue
		}
		if x.Port == 0 || found != 0 && found != x.Port {
			return 0
		}
		found = x.Port
	}
	return found
}

// clusterAddress is an address of a cluster's pods.
type clusterAddress struct {
	cluster string
	addr    netip.Addr
}

// indexSlices takes note of slices, and of the workloads that their addresses are of.
func (b *Book) indexSlices(e *estate.Estate) {
	if len(e.Slices) == 0 {
		return
	}
	b.slices = make(map[[3]string][]*estate.EndpointSlice)
	for _, s := range e.Slices {
		k := [3]string{s.Cluster, s.Namespace, s.Service}
		b.slices[k] = append(b.slices[k], s)
	}
	b.podAt = make(map[clusterAddress]*estate.Workload)
	for _, w := range e.Workloads {
		for _, p := range w.Pods {
			if p.Finished() {
				continue
			}
			for _, a := range p.IPs {
				k := clusterAddress{w.Ref.Cluster, plain(a)}
				if was, taken := b.podAt[k]; p.Spec.HostNetwork || taken && was != w {
					b.podAt[k] = nil
				} else {
					b.podAt[k] = w
				}
			}
		}
	}
}
