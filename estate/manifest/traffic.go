package manifest

import (
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/estate"
)

// internalMarks are the annotations by which cloud providers are told to keep a
// load balancer inside the network; "" stands for any value but "false".
var internalMarks = map[string]string{
	"service.beta.kubernetes.io/aws-load-balancer-scheme":                "internal",
	"service.beta.kubernetes.io/aws-load-balancer-internal":              "",
	"service.beta.kubernetes.io/azure-load-balancer-internal":            "true",
	"networking.gke.io/load-balancer-type":                               "Internal",
	"cloud.google.com/load-balancer-type":                                "Internal",
	"service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type":     "private",
	"service.beta.kubernetes.io/openstack-internal-load-balancer":        "true",
	"service.beta.kubernetes.io/oci-load-balancer-internal":              "true",
	"service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type": "intranet",
}

func (o *object) service() *estate.Service {
	spec := o.in(o.root, "spec")
	s := &estate.Service{
		Cluster: o.cluster, Namespace: o.namespace, Name: o.name, Labels: o.labels, Source: o.source,
		Type: orElse(o.str(spec, "type"), "ClusterIP"), Selector: o.textMap(spec, "selector"), ExternalIPs: o.texts(spec, "externalIPs"),
		ExternalName: o.str(spec, "externalName"), SourceRanges: o.texts(spec, "loadBalancerSourceRanges"),
		ExternalTrafficPolicy: o.str(spec, "externalTrafficPolicy"), ClusterIPs: o.texts(spec, "clusterIPs"),
	}
	if ip := o.str(spec, "clusterIP"); ip != "" && len(s.ClusterIPs) == 0 {
		s.ClusterIPs = []string{ip}
	}
	for k, want := range internalMarks {
		if v, ok := o.annotations[k]; ok && (v == want || want == "" && v != "false") {
			s.Internal = true
		}
	}
	for _, i := range o.list(o.root, "status", "loadBalancer", "ingress") {
		if ip := orElse(o.str(i, "ip"), o.str(i, "hostname")); ip != "" {
			s.LoadBalancerIPs = append(s.LoadBalancerIPs, ip)
		}
	}
	for _, p := range o.list(spec, "ports") {
		sp := estate.ServicePort{Name: o.str(p, "name"), Port: o.port(p, "port"), Protocol: orElse(o.str(p, "protocol"), "TCP"), NodePort: o.port(p, "nodePort")}
		sp.TargetPort, sp.TargetName = o.portOrName(p, "targetPort")
		if sp.TargetPort == 0 && sp.TargetName == "" {
			sp.TargetPort = sp.Port // the API's default
		}
		s.Ports = append(s.Ports, sp)
	}
	return s
}

func (o *object) ingress() *estate.Route {
	spec := o.in(o.root, "spec")
	r := o.newRoute()
	r.Class = orElse(o.str(spec, "ingressClassName"), o.annotations["kubernetes.io/ingress.class"])
	backend := func(n *node) {
		if n == nil {
			return
		}
		b := estate.Backend{Namespace: o.namespace, Granted: true}
		if s := o.in(n, "service"); s != nil {
			b.Service, b.Port, b.PortName = o.str(s, "name"), o.port(s, "port", "number"), o.str(s, "port", "name")
		} else { // extensions/v1beta1 and networking.k8s.io/v1beta1
			b.Service = o.str(n, "serviceName")
			b.Port, b.PortName = o.portOrName(n, "servicePort")
		}
		r.addBackend(b)
	}
	backend(o.in(spec, "defaultBackend"))
	backend(o.in(spec, "backend"))
	for _, rule := range o.list(spec, "rules") {
		if h := o.str(rule, "host"); h != "" && !slices.Contains(r.Hosts, h) {
			r.Hosts = append(r.Hosts, h)
		}
		for _, p := range o.list(rule, "http", "paths") {
			backend(o.in(p, "backend"))
		}
	}
	return r.Route
}

// route is a Route that leaves out repeated backends.
type route struct{ *estate.Route }

func (o *object) newRoute() route {
	return route{&estate.Route{Cluster: o.cluster, Namespace: o.namespace, Name: o.name, Kind: o.kind, Source: o.source}}
}

func (r route) addBackend(b estate.Backend) {
	if b.Service != "" && !slices.Contains(r.Backends, b) {
		r.Backends = append(r.Backends, b)
	}
}

// gatewayRoute reads an HTTPRoute, GRPCRoute, TLSRoute, TCPRoute or UDPRoute
// (Gateway API). Whether another namespace grants a backend is settled once
// every ReferenceGrant is read.
func (o *object) gatewayRoute() *estate.Route {
	spec := o.in(o.root, "spec")
	r := o.newRoute()
	r.Hosts = o.texts(spec, "hostnames")
	for _, p := range o.list(spec, "parentRefs") {
		if k := o.str(p, "kind"); k != "" && k != "Gateway" {
			continue // a Service as parent is traffic inside a mesh
		}
		r.Parents = append(r.Parents, estate.ParentRef{Namespace: orElse(o.str(p, "namespace"), o.namespace), Name: o.str(p, "name"), Section: o.str(p, "sectionName")})
	}
	for _, rule := range o.list(spec, "rules") {
		for _, b := range o.list(rule, "backendRefs") {
			if k := o.str(b, "kind"); k != "" && k != "Service" {
				continue
			}
			ns := orElse(o.str(b, "namespace"), o.namespace)
			r.addBackend(estate.Backend{Namespace: ns, Service: o.str(b, "name"), Port: o.port(b, "port"), Granted: ns == o.namespace})
		}
	}
	return r.Route
}

// grant is a ReferenceGrant as far as routes and services go.
type grant struct {
	cluster, namespace string
	fromKind, fromNS   []string // pairwise
	services           []string // names; "" is every service
}

func (o *object) referenceGrant() *grant {
	g := &grant{cluster: o.cluster, namespace: o.namespace}
	for _, f := range o.list(o.root, "spec", "from") {
		g.fromKind = append(g.fromKind, o.str(f, "kind"))
		g.fromNS = append(g.fromNS, o.str(f, "namespace"))
	}
	for _, t := range o.list(o.root, "spec", "to") {
		if o.str(t, "kind") == "Service" {
			g.services = append(g.services, o.str(t, "name"))
		}
	}
	return g
}

func (g *grant) allows(r *estate.Route, b estate.Backend) bool {
	if g.cluster != r.Cluster || g.namespace != b.Namespace || !slices.Contains(g.services, "") && !slices.Contains(g.services, b.Service) {
		return false
	}
	for i := range g.fromKind {
		if g.fromKind[i] == r.Kind && g.fromNS[i] == r.Namespace {
			return true
		}
	}
	return false
}

func (o *object) gateway() *estate.Gateway {
	spec := o.in(o.root, "spec")
	g := &estate.Gateway{Cluster: o.cluster, Namespace: o.namespace, Name: o.name, Labels: o.labels, Class: o.str(spec, "gatewayClassName"), Source: o.source}
	for _, a := range o.list(spec, "addresses") {
		g.Addresses = append(g.Addresses, o.str(a, "value"))
	}
	for _, a := range o.list(o.root, "status", "addresses") {
		g.Addresses = append(g.Addresses, o.str(a, "value"))
	}
	for _, n := range o.list(spec, "listeners") {
		l := estate.Listener{Name: o.str(n, "name"), Port: o.port(n, "port"), Protocol: o.str(n, "protocol"), Hostname: o.str(n, "hostname")}
		from := o.in(n, "allowedRoutes", "namespaces")
		l.From = orElse(o.str(from, "from"), "Same")
		if s := o.selector(from, "selector"); s != nil {
			l.Selector, l.SelectorExpressions = s.MatchLabels, s.MatchExpressions
		}
		g.Listeners = append(g.Listeners, l)
	}
	return g
}

func (o *object) node() *estate.Node {
	n := &estate.Node{Cluster: o.cluster, Name: o.name, Labels: o.labels, Source: o.source}
	for _, a := range o.list(o.root, "status", "addresses") {
		if ip, err := netip.ParseAddr(o.str(a, "address")); err == nil {
			n.IPs = append(n.IPs, ip.Unmap())
		}
	}
	return n
}
