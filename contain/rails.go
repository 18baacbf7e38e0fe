package contain

import (
	"slices"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// rails are what a plan never cuts unless it is told so by name, and what no
// policy of this network can cut.
type rails struct {
	n       *network
	guarded map[int]bool
	mask    []uint64 // the same as a set
	vital   map[int]bool
	host    map[int]bool
	dns     map[int]bool
	api     map[int]bool
	// names are the ports that workloads resolve names on, where a Service maps port 53
	// to others.
	names  map[int][]segment.Conn
	mayCut map[string]bool
	// unpicked are workloads of which no selector picks the pods.
	unpicked map[int]bool
}

// dnsPorts are those that names are asked on (RFC 1035, section 4.2).
var dnsPorts = []segment.Conn{{Protocol: segment.TCP, From: 53, To: 53}, {Protocol: segment.UDP, From: 53, To: 53}}

func newRails(n *network) *rails {
	r := &rails{n: n, guarded: map[int]bool{}, vital: map[int]bool{}, host: map[int]bool{}, dns: map[int]bool{}, api: map[int]bool{}, names: map[int][]segment.Conn{}, mayCut: map[string]bool{}, unpicked: map[int]bool{}}
	for _, x := range n.p.MayCut {
		r.mayCut[x] = true
	}
	m := n.model
	if !m.Profile.HostNetworkPoliced {
		for i := range m.Endpoints {
			if e := &m.Endpoints[i]; e.HostNetwork {
				r.host[n.index[m.Workloads[e.Workload].Ref]] = true
			}
		}
	}
	for i, ref := range n.refs {
		if n.p.about(ref).Vital && !r.gaveUp(ref) {
			r.vital[i] = true
		}
	}
	if n.p.Set != nil {
		for _, w := range NameServers(n.p.Set.Estate) {
			if i, ok := n.index[w]; ok && !r.mayCut[GuardDNS] {
				r.dns[i] = true
			}
		}
		r.listening(n.p.Set.Estate)
		for _, w := range apiPods(n.p.Set.Estate) {
			if i, ok := n.index[w]; ok && !r.mayCut[GuardAPI] {
				r.api[i] = true
			}
		}
	}
	r.mask = make([]uint64, n.words)
	for _, set := range []map[int]bool{r.vital, r.host, r.dns, r.api} {
		for i := range set {
			r.guarded[i] = true
			r.mask[i>>6] |= 1 << (i & 63)
		}
	}
	return r
}

// CheckGuards refuses names of guard rails to give up (Problem.MayCut) that are neither
// guard rails nor workloads of the graph: what was meant would be kept unsaid.
func CheckGuards(names []string, g *segment.Graph) error {
	for _, name := range names {
		if name == GuardDNS || name == GuardAPI || slices.ContainsFunc(g.Workloads(), func(r ident.Ref) bool { return name == r.Short() || name == r.String() }) {
			continue
		}
		return ident.Errorf(ident.KindUsage, "no guard rail is called %.60q", name).WithHint("%s, %s, or NS/NAME of a workload that is declared vital", GuardDNS, GuardAPI)
	}
	return nil
}

func (r *rails) gaveUp(ref ident.Ref) bool {
	return r.mayCut[ref.Short()] || r.mayCut[ref.String()]
}

func (r *rails) isGuarded(u int) bool { return r.guarded[u] }

// why says why an edge may not be cut; "" if it may.
func (r *rails) why(u, v int) string {
	switch {
	case !r.guarded[u] && !r.guarded[v]:
		return ""
	case r.host[u]:
		return r.n.refs[u].Short() + " is on the network of its node, where " + r.n.p.Graph.Profile().Name + " enforces no policy"
	case r.host[v]:
		return r.n.refs[v].Short() + " is on the network of its node, where " + r.n.p.Graph.Profile().Name + " enforces no policy"
	case r.unpicked[u] || r.unpicked[v]:
		return "no label selector picks the pods of " + r.n.refs[u].Short() + " or " + r.n.refs[v].Short()
	case r.vital[u]:
		return r.n.refs[u].Short() + " is declared vital"
	case r.vital[v]:
		return r.n.refs[v].Short() + " is declared vital"
	case r.api[v]:
		return r.n.refs[v].Short() + " is the API server"
	case r.dns[v] && len(r.kept(u, v)) > 0:
		return r.n.refs[v].Short() + " resolves names"
	}
	return ""
}

// kept returns the ports of an edge that stay open when the rest of it is cut.
func (r *rails) kept(u, v int) []segment.Conn {
	if !r.dns[v] {
		return nil
	}
	edges, err := r.n.connections(u, v)
	if err != nil {
		return r.namePorts(v) // what cannot be asked is kept
	}
	var open []segment.Conn
	for _, e := range edges {
		open = segment.Union(open, e.Connections)
	}
	return segment.Common(r.namePorts(v), open)
}

// namePorts are those that a workload resolves names on.
func (r *rails) namePorts(u int) []segment.Conn { return segment.Union(dnsPorts, r.names[u]) }

// listening notes the ports of name servers that Services map port 53 to: policies
// are about the ports of pods.
func (r *rails) listening(e *estate.Estate) {
	m := r.n.model
	for i := range m.Endpoints {
		p := &m.Endpoints[i]
		ref := m.Workloads[p.Workload].Ref
		u := r.n.index[ref]
		if !r.dns[u] {
			continue
		}
		for _, s := range e.Services {
			if s.Cluster != ref.Cluster || s.Namespace != ref.Namespace || !servesNames(s) || !selects(s.Selector, p.Labels) {
				continue
			}
			for _, port := range s.Ports {
				proto, ok := segment.ParseProtocol(port.Protocol)
				if !ok || port.Port != 53 {
					continue
				}
				if port.TargetPort != 0 {
					r.names[u] = segment.Union(r.names[u], []segment.Conn{{Protocol: proto, From: port.TargetPort, To: port.TargetPort}})
				}
				for _, named := range p.Ports {
					if port.TargetName != "" && named.Name == port.TargetName && named.Protocol == proto {
						r.names[u] = segment.Union(r.names[u], []segment.Conn{{Protocol: proto, From: named.Number, To: named.Number}})
					}
				}
			}
		}
	}
}

// NameServers returns the workloads that resolve names for the cluster: those
// behind a Service on port 53 in kube-system or openshift-dns, and those that carry the labels of
// the DNS add-ons.
func NameServers(e *estate.Estate) []ident.Ref {
	var out []ident.Ref
	services := slices.DeleteFunc(slices.Clone(e.Services), func(s *estate.Service) bool {
		return s.Namespace != "kube-system" && s.Namespace != "openshift-dns" || !servesNames(s)
	})
	for _, w := range e.Workloads {
		labels := podLabels(w)
		if l := labels["k8s-app"]; l == "kube-dns" || l == "node-local-dns" || l == "coredns" {
			out = append(out, w.Ref)
			continue
		}
		for _, s := range services {
			if s.Cluster == w.Ref.Cluster && s.Namespace == w.Ref.Namespace && selects(s.Selector, labels) {
				out = append(out, w.Ref)
				break
			}
		}
	}
	return out
}

func servesNames(s *estate.Service) bool {
	return slices.ContainsFunc(s.Ports, func(p estate.ServicePort) bool { return p.Port == 53 })
}

func selects(want, labels map[string]string) bool {
	for k, v := range want {
		if labels[k] != v {
			return false
		}
	}
	return len(want) > 0
}

// apiServers returns the workloads that are API servers, which the input shows
// where they are static pods.
func apiServers(e *estate.Estate) []ident.Ref {
	var out []ident.Ref
	for _, w := range e.Workloads {
		if w.Ref.Namespace == "kube-system" && podLabels(w)["component"] == "kube-apiserver" {
			out = append(out, w.Ref)
		}
	}
	return out
}

func podLabels(w *estate.Workload) map[string]string {
	if w.Template != nil {
		return w.Template.Labels
	}
	for _, p := range w.Pods {
		return p.Labels
	}
	return w.Labels
}
