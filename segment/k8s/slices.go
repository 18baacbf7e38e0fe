package k8s

import (
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/segment"
)

// sliceIndex finds where Services lead to by their EndpointSlices; its maps are nil
// until asked for.
type sliceIndex struct {
	of   map[[3]string][]*estate.EndpointSlice // by cluster, namespace, Service
	at   map[clusterAddress][]int              // endpoints by address
	pods map[[3]string]int                     // endpoints without a known address by cluster, namespace, pod
}

type clusterAddress struct {
	cluster string
	address netip.Addr
}

// backend is an endpoint that a Service leads to: by its selector, or on the ports
// of a slice.
type backend struct {
	endpoint int
	sliced   bool
	ports    []estate.SlicePort
	doubt    string // why the Service may not lead there; on which port is then not known, either
}

// indexSlices is called once, when every endpoint is in the model.
func (b *builder) indexSlices() {
	if b.slices.of != nil || len(b.set.Estate.Slices) == 0 {
		return
	}
	x := sliceIndex{of: make(map[[3]string][]*estate.EndpointSlice), at: make(map[clusterAddress][]int), pods: make(map[[3]string]int)}
	for _, s := range b.set.Estate.Slices {
		k := [3]string{s.Cluster, s.Namespace, s.Service}
		x.of[k] = append(x.of[k], s)
	}
	for i := range b.m.Endpoints {
		e := &b.m.Endpoints[i]
		for _, a := range e.IPs {
			k := clusterAddress{e.Ref.Cluster, a}
			x.at[k] = append(x.at[k], i)
		}
		if len(e.IPs) == 0 && e.Ref.Kind == "Pod" {
			x.pods[[3]string{e.Ref.Cluster, e.Ref.Namespace, e.Ref.Name}] = i
		}
	}
	b.slices = x
}

// sliced returns the endpoints that the slices of a Service lead to. Traffic goes to
// an address: the pod that a slice names counts only where no pod is known to have
// the address, and that one's is not known. A slice that is stale leads nowhere.
func (b *builder) sliced(s *estate.Service) []backend {
	b.indexSlices()
	var out []backend
	for _, slice := range b.slices.of[[3]string{s.Cluster, s.Namespace, s.Name}] {
		for i := range slice.Endpoints {
			e := &slice.Endpoints[i]
			if e.Gone {
				continue
			}
			found := false
			for _, a := range e.Addresses {
				for _, at := range b.slices.at[clusterAddress{s.Cluster, a}] {
					found = true
					out = append(out, backend{endpoint: at, sliced: true, ports: slice.Ports})
				}
			}
			if at, ok := b.slices.pods[[3]string{s.Cluster, e.PodNamespace, e.PodName}]; ok && !found {
				out = append(out, backend{endpoint: at, sliced: true, ports: slice.Ports})
			}
		}
	}
	return out
}

// The doubts about where a Service without a selector leads.
const (
	unseenSlices = "where the Service leads is not in the input: it has no selector, and no EndpointSlices were read"
	unseenPods   = "the Service leads to an address that no pod of the input is known to have, and this one's is not known"
)

// perhaps returns the endpoints that a Service without a selector may lead to beside
// those that its slices name: where none were read, all of the cluster; where they
// have addresses that no pod is known to have, those whose address is not known.
func (b *builder) perhaps(s *estate.Service) []backend {
	kinds := b.set.Estate.Kinds
	unread := kinds["EndpointSlice"] < estate.Empty && kinds["Endpoints"] < estate.Empty
	doubt := unseenSlices
	if !unread {
		doubt = unseenPods
		if !b.strayAddress(s) {
			return nil
		}
	}
	var out []backend
	for i := range b.m.Endpoints {
		if e := &b.m.Endpoints[i]; e.Ref.Cluster == s.Cluster && (unread || len(e.IPs) == 0) {
			out = append(out, backend{endpoint: i, doubt: doubt})
		}
	}
	return out
}

// strayAddress reports whether a slice of a Service has an address of which nothing in
// the input says whose it is.
func (b *builder) strayAddress(s *estate.Service) bool {
	for _, slice := range b.slices.of[[3]string{s.Cluster, s.Namespace, s.Name}] {
		for i := range slice.Endpoints {
			e := &slice.Endpoints[i]
			if _, named := b.slices.pods[[3]string{s.Cluster, e.PodNamespace, e.PodName}]; e.Gone || named {
				continue
			}
			if slices.ContainsFunc(e.Addresses, func(a netip.Addr) bool {
				return len(b.slices.at[clusterAddress{s.Cluster, a}]) == 0
			}) {
				return true
			}
		}
	}
	return false
}

// lead returns the ports of a backend that a port of its Service leads to. A port of
// a slice goes by the name of that of the Service; one without a number leaves open
// which it is.
func (b *builder) lead(to backend, p *estate.ServicePort) []segment.Conn {
	if !to.sliced && to.doubt == "" {
		return b.target(to.endpoint, p)
	}
	proto, ok := segment.ParseProtocol(p.Protocol)
	if !ok {
		return nil
	}
	if to.doubt != "" {
		return []segment.Conn{segment.EveryPort()[proto]}
	}
	var out []segment.Conn
	for _, x := range to.ports {
		is, ok := segment.ParseProtocol(x.Protocol)
		switch {
		case !ok || is != proto || x.Name != p.Name:
		case x.Port == 0:
			out = append(out, segment.EveryPort()[proto])
		default:
			out = append(out, segment.Conn{Protocol: proto, From: x.Port, To: x.Port})
		}
	}
	return out
}
