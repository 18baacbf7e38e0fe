package k8s

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/segment"
)

// gatewayLabel is what an implementation that deploys pods for a Gateway puts on
// them (Gateway API, GEP-1762: In Cluster Gateway Deployments).
const gatewayLabel = "gateway.networking.k8s.io/gateway-name"

// controllerNames are values of app.kubernetes.io/name that widely used ingress
// controllers' own manifests set, with the class that each serves by default.
var controllerNames = map[string]string{
	"ingress-nginx": "nginx", "traefik": "traefik", "haproxy-ingress": "haproxy", "contour": "contour", "kong": "kong",
}

// entries adds the ways in from outside; docs/design/exposure.md gives the rules.
func (b *builder) entries() {
	for _, s := range b.set.Estate.Services {
		b.service(s)
	}
	for i := range b.m.Endpoints {
		b.host(i)
	}
	b.m.Entries = dedupe(b.m.Entries)
	for _, r := range b.set.Estate.Routes {
		b.route(r)
	}
	for _, u := range b.set.Estate.UnmodelledRoutes {
		b.unmodelledRoute(u)
	}
	b.m.Entries = dedupe(b.m.Entries)
}

// dedupe joins entries of one object to one workload: its pods may differ in ports.
func dedupe(in []segment.Entry) []segment.Entry {
	type key struct {
		workload     int
		kind, object string
	}
	index := make(map[key]int)
	out := in[:0]
	for _, e := range in {
		k := key{e.Workload, e.Kind, e.Object}
		i, ok := index[k]
		if !ok {
			index[k] = len(out)
			out = append(out, e)
			continue
		}
		if len(out[i].Conns) == 0 || len(e.Conns) == 0 {
			out[i].Conns = nil // every port
		} else {
			for _, c := range e.Conns {
				if !slices.Contains(out[i].Conns, c) {
					out[i].Conns = append(out[i].Conns, c)
				}
			}
		}
		for _, c := range e.Controllers {
			if !slices.Contains(out[i].Controllers, c) {
				out[i].Controllers = append(out[i].Controllers, c)
			}
		}
		if e.Doubt == "" {
			out[i].Doubt = ""
		}
	}
	return out
}

// backends returns the endpoints that a service leads to: those that it selects,
// whether or not they are ready now, and those of its slices, whoever wrote them; of
// one without a selector also those that it perhaps leads to.
func (b *builder) backends(s *estate.Service) []backend {
	if s.Type == "ExternalName" {
		return nil
	}
	out := b.sliced(s)
	if len(s.Selector) == 0 {
		return append(out, b.perhaps(s)...)
	}
	sel := segment.MatchLabels(s.Selector)
	for _, i := range b.byNS[[2]string{s.Cluster, s.Namespace}] {
		if sel.Matches(b.m.Endpoints[i].Labels) {
			out = append(out, backend{endpoint: i})
		}
	}
	return out
}

// target resolves a service port on an endpoint's containers.
func (b *builder) target(endpoint int, p *estate.ServicePort) []segment.Conn {
	proto, ok := segment.ParseProtocol(p.Protocol)
	if !ok {
		return nil
	}
	if p.TargetName == "" {
		n := p.TargetPort
		if n == 0 {
			n = p.Port
		}
		if n == 0 {
			return nil
		}
		return []segment.Conn{{Protocol: proto, From: n, To: n}}
	}
	var out []segment.Conn
	for _, np := range b.m.Endpoints[endpoint].Ports {
		if np.Name == p.TargetName && np.Protocol == proto {
			out = append(out, segment.Conn{Protocol: proto, From: np.Number, To: np.Number})
		}
	}
	return out
}

func (b *builder) service(s *estate.Service) {
	type way struct {
		kind     string
		internal bool
		sources  []netip.Prefix
		nodePort bool // only ports that have one
		doubt    string
	}
	var ways []way
	switch s.Type {
	case "LoadBalancer":
		sources, doubt := prefixes(s.SourceRanges)
		ways = append(ways, way{kind: "LoadBalancer", internal: s.Internal, sources: sources, doubt: doubt})
		if slices.ContainsFunc(s.Ports, func(p estate.ServicePort) bool { return p.NodePort != 0 }) {
			ways = append(ways, way{kind: "NodePort", internal: !b.publicNodes(s.Cluster), nodePort: true})
		}
	case "NodePort":
		ways = append(ways, way{kind: "NodePort", internal: !b.publicNodes(s.Cluster)})
	}
	if len(s.ExternalIPs) > 0 {
		public := false
		for _, ip := range s.ExternalIPs {
			a, err := netip.ParseAddr(ip)
			public = public || err == nil && segment.Public(a)
		}
		ways = append(ways, way{kind: "externalIPs", internal: !public})
	}
	if len(ways) == 0 {
		return
	}
	for _, to := range b.backends(s) {
		for _, w := range ways {
			var conns []segment.Conn
			for i := range s.Ports {
				if w.nodePort && s.Ports[i].NodePort == 0 {
					continue
				}
				conns = append(conns, b.lead(to, &s.Ports[i])...)
			}
			if len(conns) == 0 {
				continue // no port of the service leads to this pod
			}
			b.m.Entries = append(b.m.Entries, segment.Entry{Workload: b.m.Endpoints[to.endpoint].Workload, Kind: w.kind,
				Object: object("Service", s.Namespace, s.Name), Internal: w.internal, Conns: conns, Sources: w.sources, Doubt: cmp.Or(w.doubt, to.doubt)})
		}
	}
}

// prefixes parses loadBalancerSourceRanges. Ranges that do not parse leave open
// whom the load balancer admits.
func prefixes(list []string) ([]netip.Prefix, string) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, "its loadBalancerSourceRanges hold something that is not a CIDR"
		}
		out = append(out, p.Masked())
	}
	return out, ""
}

// publicNodes reports whether a node of the cluster has an address of the public
// internet: only then does a port of the nodes lie open to it.
func (b *builder) publicNodes(cluster string) bool {
	for _, n := range b.m.Nodes {
		if n.Cluster == cluster && slices.ContainsFunc(n.IPs, segment.Public) {
			return true
		}
	}
	return false
}

// host adds hostPorts and the host network of an endpoint.
func (b *builder) host(i int) {
	e := &b.m.Endpoints[i]
	var conns, declared []segment.Conn
	for _, c := range b.specs[i].Containers {
		if c.Kind != estate.Ordinary && c.Kind != estate.Sidecar {
			continue
		}
		for _, p := range c.Ports {
			proto, ok := segment.ParseProtocol(p.Protocol)
			if !ok || p.Port == 0 {
				continue
			}
			conn := segment.Conn{Protocol: proto, From: p.Port, To: p.Port}
			declared = append(declared, conn)
			if p.HostPort != 0 {
				conns = append(conns, conn)
			}
		}
	}
	ref := b.m.Workloads[e.Workload].Ref
	entry := segment.Entry{Workload: e.Workload, Object: object(ref.Kind, ref.Namespace, ref.Name), Internal: !b.publicNodes(ref.Cluster)}
	switch {
	case e.HostNetwork:
		// Every port that its processes open; those that are declared, if any are.
		entry.Kind, entry.Conns = "hostNetwork", declared
	case len(conns) > 0:
		entry.Kind, entry.Conns = "hostPort", conns
	default:
		return
	}
	b.m.Entries = append(b.m.Entries, entry)
}

// route adds the ways through an Ingress or a route of the Gateway API.
func (b *builder) route(r *estate.Route) {
	controllers, doubt, ok := b.controllersOf(r)
	if !ok {
		return
	}
	for _, be := range r.Backends {
		if !be.Granted && be.Namespace != r.Namespace {
			continue // refused without a ReferenceGrant (Gateway API, ReferenceGrant)
		}
		for _, s := range b.set.Estate.Services {
			if s.Cluster != r.Cluster || s.Namespace != be.Namespace || s.Name != be.Service {
				continue
			}
			for i := range s.Ports {
				p := &s.Ports[i]
				if be.Port != 0 && p.Port != be.Port || be.Port == 0 && be.PortName != "" && p.Name != be.PortName {
					continue
				}
				for _, to := range b.backends(s) {
					conns := b.lead(to, p)
					if len(conns) == 0 {
						continue
					}
					b.m.Entries = append(b.m.Entries, segment.Entry{Workload: b.m.Endpoints[to.endpoint].Workload, Kind: r.Kind,
						Object: object(r.Kind, r.Namespace, r.Name), Conns: conns, Routed: true,
						Controllers: controllers, Doubt: cmp.Or(doubt, to.doubt)})
				}
			}
		}
	}
}

// controllersOf identifies the pods that serve a route. ok is false where the
// route is attached to nothing.
func (b *builder) controllersOf(r *estate.Route) (controllers []int, doubt string, ok bool) {
	if r.Kind == "Ingress" {
		return b.byClass(r), "", true
	}
	if len(r.Parents) == 0 {
		return nil, "", false
	}
	missing := ""
	for _, p := range r.Parents {
		ns := p.Namespace
		if ns == "" {
			ns = r.Namespace
		}
		gw := b.gateway(r.Cluster, ns, p.Name)
		if gw == nil {
			missing = "the Gateway " + ns + "/" + p.Name + " is not in the input"
			continue
		}
		switch b.admits(gw, p.Section, r) {
		case segment.Yes:
			ok = true
		case segment.Maybe:
			missing = "whether Gateway " + ns + "/" + p.Name + " admits the route depends on labels of namespace " + r.Namespace + ", which are not in the input"
		default:
			continue
		}
		for _, w := range b.ofGateway(gw) {
			if !slices.Contains(controllers, w) {
				controllers = append(controllers, w)
			}
		}
	}
	if !ok && missing != "" {
		return controllers, missing, true
	}
	return controllers, "", ok
}

func (b *builder) gateway(cluster, namespace, name string) *estate.Gateway {
	for _, g := range b.set.Estate.Gateways {
		if g.Cluster == cluster && g.Namespace == namespace && g.Name == name {
			return g
		}
	}
	return nil
}

// admits applies allowedRoutes of the listeners that a route asks for.
func (b *builder) admits(g *estate.Gateway, section string, r *estate.Route) segment.Answer {
	out := segment.No
	for i := range g.Listeners {
		l := &g.Listeners[i]
		if section != "" && l.Name != section {
			continue
		}
		a := segment.No
		switch l.From {
		case "All":
			a = segment.Yes
		case "Selector":
			ns := b.m.Namespaces[b.ns(r.Cluster, r.Namespace)]
			sel := fromEstate(&estate.LabelSelector{MatchLabels: l.Selector, MatchExpressions: l.SelectorExpressions})
			switch {
			case sel.Matches(ns.Labels) && ns.Declared:
				a = segment.Yes
			case !ns.Declared:
				a = segment.Maybe
			}
		case "None":
		default:
			if g.Namespace == r.Namespace {
				a = segment.Yes
			}
		}
		if a == segment.Yes || out == segment.No {
			out = a
		}
	}
	return out
}

// ofGateway returns the workloads that serve a Gateway: those whose pods carry
// its label, else those behind the only Service of its namespace that is open to
// outside on a port of each of its listeners.
func (b *builder) ofGateway(g *estate.Gateway) []int {
	if len(g.Listeners) == 0 {
		return nil
	}
	var out []int
	for _, i := range b.byNS[[2]string{g.Cluster, g.Namespace}] {
		e := &b.m.Endpoints[i]
		if e.Labels[gatewayLabel] == g.Name && !slices.Contains(out, e.Workload) {
			out = append(out, e.Workload)
		}
	}
	if len(out) > 0 {
		return out
	}
	var only *estate.Service
	for _, s := range b.set.Estate.Services {
		if s.Cluster != g.Cluster || s.Namespace != g.Namespace || s.Type != "LoadBalancer" && s.Type != "NodePort" && len(s.ExternalIPs) == 0 {
			continue
		}
		serves := true
		for i := range g.Listeners {
			serves = serves && slices.ContainsFunc(s.Ports, func(p estate.ServicePort) bool { return p.Port == g.Listeners[i].Port })
		}
		if !serves {
			continue
		}
		if only != nil {
			return nil // two could be it: neither is
		}
		only = s
	}
	if only == nil {
		return nil
	}
	for _, to := range b.backends(only) {
		if w := b.m.Endpoints[to.endpoint].Workload; to.doubt == "" && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// byClass returns the workloads whose pods are labelled as the well-known
// controller of an Ingress's class, and that have a way in themselves.
func (b *builder) byClass(r *estate.Route) []int {
	open := make(map[int]bool)
	for _, e := range b.m.Entries {
		if !e.Routed {
			open[e.Workload] = true
		}
	}
	var out []int
	for _, w := range slices.Sorted(maps.Keys(open)) {
		ref := b.m.Workloads[w].Ref
		if class, ok := controllerNames[b.m.Workloads[w].Labels["app.kubernetes.io/name"]]; ok && class == r.Class && ref.Cluster == r.Cluster {
			out = append(out, w)
		}
	}
	return out
}

// unmodelledRoute makes the exposure of what the object could lead to unknown.
func (b *builder) unmodelledRoute(u *estate.Unmodelled) {
	seen := make(map[int]bool)
	for i := range b.m.Endpoints {
		e := &b.m.Endpoints[i]
		ref := b.m.Workloads[e.Workload].Ref
		if ref.Cluster != u.Cluster || u.Namespace != "" && ref.Namespace != u.Namespace || seen[e.Workload] ||
			len(u.Selector) > 0 && !segment.MatchLabels(u.Selector).Matches(e.Labels) {
			continue
		}
		seen[e.Workload] = true
		b.m.Entries = append(b.m.Entries, segment.Entry{Workload: e.Workload, Kind: u.Kind, Object: object(u.Kind, u.Namespace, u.Name), Routed: true,
			Doubt: u.Kind + " " + u.Name + " may lead to it, and objects of that kind are not modelled"})
	}
}
