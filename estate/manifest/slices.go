package manifest

import (
	"net/netip"

	"github.com/cofferdam-io/cofferdam/estate"
)

// serviceName is the label by which a slice belongs to a Service (Kubernetes
// documentation, "EndpointSlices, Ownership").
const serviceName = "kubernetes.io/service-name"

// endpointSlice reads an EndpointSlice (discovery.k8s.io/v1); nil where it belongs
// to no Service, or holds names and no addresses, which nothing routes to.
func (o *object) endpointSlice() *estate.EndpointSlice {
	s := &estate.EndpointSlice{Cluster: o.cluster, Namespace: o.namespace, Name: o.name, Kind: o.kind, Service: o.labels[serviceName], Source: o.source}
	if s.Service == "" || o.str(o.root, "addressType") == "FQDN" {
		return nil
	}
	s.Ports = o.slicePorts(o.list(o.root, "ports"))
	for _, n := range o.list(o.root, "endpoints") {
		var e estate.SliceEndpoint
		for _, a := range o.list(n, "addresses") {
			o.address(&e, a, o.str(a))
		}
		o.targetPod(&e, n)
		serving := o.boolean(n, "conditions", "serving")
		e.Gone = o.isTrue(n, "conditions", "terminating") && serving != nil && !*serving
		s.Endpoints = append(s.Endpoints, e)
	}
	return s
}

// endpoints reads Endpoints (core/v1), which belong to the Service of their name. One
// that is not ready may become so.
func (o *object) endpoints() []*estate.EndpointSlice {
	var out []*estate.EndpointSlice
	for _, subset := range o.list(o.root, "subsets") {
		s := &estate.EndpointSlice{Cluster: o.cluster, Namespace: o.namespace, Name: o.name, Kind: o.kind, Service: o.name, Source: o.source}
		s.Ports = o.slicePorts(o.list(subset, "ports"))
		for _, list := range []string{"addresses", "notReadyAddresses"} {
			for _, n := range o.list(subset, list) {
				var e estate.SliceEndpoint
				o.address(&e, n, o.str(n, "ip"))
				o.targetPod(&e, n)
				s.Endpoints = append(s.Endpoints, e)
			}
		}
		out = append(out, s)
	}
	return out
}

func (o *object) slicePorts(list []*node) []estate.SlicePort {
	var out []estate.SlicePort
	for _, p := range list {
		out = append(out, estate.SlicePort{Name: o.str(p, "name"), Protocol: orElse(o.str(p, "protocol"), "TCP"), Port: o.port(p, "port")})
	}
	return out
}

// address adds one, which the API server refuses if it is none.
func (o *object) address(e *estate.SliceEndpoint, n *node, text string) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		o.fail(n, "%s is no address", clip(text))
		return
	}
	e.Addresses = append(e.Addresses, a.Unmap())
}

func (o *object) targetPod(e *estate.SliceEndpoint, n *node) {
	if t := o.in(n, "targetRef"); t != nil && o.str(t, "kind") == "Pod" {
		e.PodNamespace, e.PodName = orElse(o.str(t, "namespace"), o.namespace), o.str(t, "name")
	}
}
