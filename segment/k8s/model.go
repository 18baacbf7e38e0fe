package k8s

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// nameLabel is set by the API server on every namespace.
const nameLabel = "kubernetes.io/metadata.name"

// builder gathers a model.
type builder struct {
	set       *manifest.Set
	m         *segment.Model
	namespace map[[2]string]int
	workload  map[*estate.Workload]int
	specs     []*estate.PodSpec   // by endpoint
	byNS      map[[2]string][]int // endpoints by namespace
	slices    sliceIndex
}

// Model translates everything in the set that bears on reachability. Objects
// that cannot be translated cost only themselves and become taints; an error
// means that the set contradicts itself.
func Model(set *manifest.Set, profile segment.Profile) (*segment.Model, error) {
	if set == nil || set.Estate == nil {
		return nil, ident.Errorf(ident.KindFailure, "there is no decoded estate to evaluate")
	}
	b := &builder{set: set, m: &segment.Model{Profile: profile}, namespace: make(map[[2]string]int),
		workload: make(map[*estate.Workload]int), byNS: make(map[[2]string][]int)}
	b.namespaces()
	b.workloads()
	b.nodes()
	b.policies()
	b.cutFromNodes()
	b.taints()
	b.entries()
	for _, kind := range bearing() {
		if p := set.Estate.Kinds[kind]; p == estate.NotSeen || p == estate.Forbidden {
			b.m.NotSeen = append(b.m.NotSeen, kind)
		}
	}
	return b.m, nil
}

// bearing returns the kinds, sorted, whose absence from the input could change
// what is reachable, and which are therefore named where none was seen.
func bearing() []string {
	return []string{"ClusterNetworkPolicy", "Gateway", "HTTPRoute", "Ingress", "Namespace", "NetworkPolicy", "Service"}
}

func (b *builder) namespaces() {
	for _, n := range b.set.Estate.Namespaces {
		key := [2]string{n.Cluster, n.Name}
		if _, dup := b.namespace[key]; dup {
			continue
		}
		labels := maps.Clone(n.Labels)
		if labels == nil {
			labels = make(map[string]string, 1)
		}
		labels[nameLabel] = n.Name // the API server sets it whatever the manifest says
		b.namespace[key] = len(b.m.Namespaces)
		b.m.Namespaces = append(b.m.Namespaces, segment.Namespace{Cluster: n.Cluster, Name: n.Name, Labels: labels, Declared: n.Declared})
	}
}

// ns returns the index of a namespace, adding it undeclared if need be.
func (b *builder) ns(cluster, name string) int {
	key := [2]string{cluster, name}
	i, ok := b.namespace[key]
	if !ok {
		i = len(b.m.Namespaces)
		b.namespace[key] = i
		b.m.Namespaces = append(b.m.Namespaces, segment.Namespace{Cluster: cluster, Name: name, Labels: map[string]string{nameLabel: name}})
	}
	return i
}

// workloads adds every workload with its live pods, or with its pod template
// where the input has none. A workload all of whose pods have finished has no
// endpoint: it holds no address any more.
func (b *builder) workloads() {
	pods := make(map[*estate.Workload][]*estate.Pod, len(b.set.Estate.Workloads))
	for _, p := range b.set.Estate.Pods {
		if p.Workload != nil {
			pods[p.Workload] = append(pods[p.Workload], p)
		}
	}
	for _, w := range b.set.Estate.Workloads {
		b.workload[w] = len(b.m.Workloads)
		sw := segment.Workload{Ref: w.Ref, Labels: w.Labels}
		if w.Template != nil {
			sw.Labels = w.Template.Labels
		} else if len(pods[w]) > 0 {
			sw.Labels = pods[w][0].Labels
		}
		b.m.Workloads = append(b.m.Workloads, sw)
		for _, p := range pods[w] {
			if p.Finished() {
				continue
			}
			ref := ident.Ref{Cluster: p.Cluster, Namespace: p.Namespace, Kind: "Pod", Name: p.Name}
			b.endpoint(w, ref, p.Labels, &p.Spec, p.IPs)
		}
		if len(pods[w]) == 0 && w.Template != nil {
			b.endpoint(w, w.Ref, w.Template.Labels, &w.Template.Spec, nil)
		}
	}
}

func (b *builder) endpoint(w *estate.Workload, ref ident.Ref, labels map[string]string, spec *estate.PodSpec, ips []netip.Addr) {
	e := segment.Endpoint{Ref: ref, Workload: b.workload[w], Namespace: b.ns(ref.Cluster, ref.Namespace), Labels: labels, IPs: ips,
		HostNetwork: spec.HostNetwork, Node: spec.NodeName}
	for _, c := range spec.Containers {
		if c.Kind != estate.Ordinary && c.Kind != estate.Sidecar {
			continue // its ports are gone when the others start
		}
		if c.Kind == estate.Sidecar && b.m.Profile.SidecarPortsUnnamed {
			continue
		}
		for _, p := range c.Ports {
			proto, ok := segment.ParseProtocol(p.Protocol)
			if p.Name == "" || p.Port == 0 || !ok {
				continue
			}
			port := segment.NamedPort{Name: p.Name, Protocol: proto, Number: p.Port}
			if doubt := b.m.Profile.SidecarPortsDoubt; doubt != "" && c.Kind == estate.Sidecar {
				port.Doubt = fmt.Sprintf("%s, and it is the sidecar %s that names the port %s", doubt, c.Name, p.Name)
			}
			e.Ports = append(e.Ports, port)
		}
	}
	key := [2]string{ref.Cluster, ref.Namespace}
	b.byNS[key] = append(b.byNS[key], len(b.m.Endpoints))
	b.m.Endpoints = append(b.m.Endpoints, e)
	b.specs = append(b.specs, spec)
}

func (b *builder) nodes() {
	for _, n := range b.set.Estate.Nodes {
		b.m.Nodes = append(b.m.Nodes, segment.Node{Cluster: n.Cluster, Name: n.Name, Labels: n.Labels, IPs: n.IPs})
	}
}

// cutFromNodes adds the denial in doubt of what pods send to nodes, where the
// network may stop it whatever the policies allow.
func (b *builder) cutFromNodes() {
	doubt := b.m.Profile.PodToNodeCut
	if doubt == "" || !b.m.Profile.Enforced {
		return
	}
	seen := make(map[string]bool)
	for _, n := range b.m.Namespaces {
		if seen[n.Cluster] {
			continue
		}
		seen[n.Cluster] = true
		p := segment.Policy{Kind: "FelixConfiguration", Cluster: n.Cluster, Name: "default", Tier: segment.DenyTier}
		p.Rules[segment.Egress] = []segment.Rule{{Action: segment.Deny, Peers: []segment.Peer{{Kind: segment.PeerNodes, Doubt: doubt}}}}
		b.m.Policies = append(b.m.Policies, p)
	}
}

// taints adds what bears on traffic and cannot be translated.
func (b *builder) taints() {
	for _, u := range b.set.Estate.Unmodelled {
		t := segment.Taint{Object: object(u.Kind, u.Namespace, u.Name), Reason: u.Reason, Cluster: u.Cluster, Namespace: u.Namespace,
			Pods: segment.MatchLabels(u.Selector), CanDeny: true, CanAllow: u.Effect != estate.Restricts, Gress: [2]bool{true, true}, Tier: segment.AdminTier}
		if t.Reason == "" {
			t.Reason = u.Kind + " is not modelled"
		}
		if s := u.NamespaceSelector; s != nil {
			t.Namespaces = fromEstate(s)
		}
		if inboundOnly(u.APIVersion, u.Kind) {
			t.Gress[segment.Egress] = false
		}
		b.m.Taints = append(b.m.Taints, t)
	}
	for i := range b.set.Estate.Faults {
		f := &b.set.Estate.Faults[i]
		if !f.Bears {
			continue
		}
		t := segment.Taint{Object: f.Object, Reason: "it could not be read, so its effect is not known: " + f.Message, Cluster: f.Cluster,
			Namespace: f.Namespace, Pods: segment.MatchLabels(f.Labels), CanAllow: true, CanDeny: true, Gress: [2]bool{true, true}, Tier: segment.AdminTier}
		if t.Object == "" {
			t.Object = f.Source.File
		}
		if kind, _, _ := strings.Cut(f.Object, " "); kind == "NetworkPolicy" {
			t.Tier = segment.NetworkPolicyTier
		}
		b.m.Taints = append(b.m.Taints, t)
	}
}

// inboundOnly reports whether a kind filters only what enters a pod: the
// security policies of Istio (security.istio.io) act in the server's proxy.
func inboundOnly(apiVersion, kind string) bool {
	group, _, _ := strings.Cut(apiVersion, "/")
	return group == "security.istio.io" && (kind == "AuthorizationPolicy" || kind == "PeerAuthentication" || kind == "RequestAuthentication")
}

func object(kind, namespace, name string) string {
	if namespace == "" {
		return kind + " " + name
	}
	return kind + " " + namespace + "/" + name
}

func fromEstate(s *estate.LabelSelector) segment.Selector {
	ops := map[string]segment.Operator{"In": segment.In, "NotIn": segment.NotIn, "Exists": segment.Exists, "DoesNotExist": segment.DoesNotExist}
	reqs := make([]segment.Requirement, 0, len(s.MatchLabels)+len(s.MatchExpressions))
	for k, v := range s.MatchLabels {
		reqs = append(reqs, segment.Requirement{Key: k, Op: segment.In, Values: []string{v}})
	}
	for _, r := range s.MatchExpressions {
		if op, ok := ops[r.Operator]; ok { // an unknown operator narrows nothing
			reqs = append(reqs, segment.Requirement{Key: r.Key, Op: op, Values: r.Values})
		}
	}
	return segment.NewSelector(reqs)
}
