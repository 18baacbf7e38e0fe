package manifest

import (
	networkingv1 "k8s.io/api/networking/v1"
	policyv1alpha1 "sigs.k8s.io/network-policy-api/apis/v1alpha1"
	policyv1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest/ciliumv2"
	"github.com/cofferdam-io/cofferdam/ident"
)

// object decodes one object by its kind and files it.
func (d *decoder) object(o *object) {
	gk := groupKind{canonicalGroup(o.group, o.kind), o.kind}
	if engineKinds[gk] {
		d.kinds[o.kind] = estate.Seen
	}
	value, bears := d.value(o, gk)
	switch {
	case o.fault != "":
		d.faulty(o, bears)
	case value == nil:
		d.ignored[o.kind]++
	default:
		d.keep(o, value)
	}
}

// value decodes what is kept of a kind; nil is a kind without bearing. bears
// says whether the loss of the object could change a verdict.
func (d *decoder) value(o *object, gk groupKind) (value any, bears bool) {
	if policyKinds[gk] {
		return o.policy(), true
	}
	if f, ok := foreignKinds[gk]; ok {
		return o.foreign(f), !f.route
	}
	switch gk {
	case groupKind{coreGroup, "Namespace"}:
		labels := map[string]string{metadataName: o.name}
		for k, v := range o.labels {
			labels[k] = v
		}
		labels[metadataName] = o.name // the API server overrides any other value
		return &estate.Namespace{Cluster: o.cluster, Name: o.name, Labels: labels, Declared: true, Source: o.source}, false
	case groupKind{coreGroup, "Pod"}:
		return o.pod(), false
	case groupKind{appsGroup, "Deployment"}, groupKind{appsGroup, "StatefulSet"}, groupKind{appsGroup, "DaemonSet"}, groupKind{appsGroup, "ReplicaSet"},
		groupKind{coreGroup, "ReplicationController"}, groupKind{batchGroup, "Job"}, groupKind{batchGroup, "CronJob"}:
		return o.workload(), false
	case groupKind{coreGroup, "Service"}:
		return o.service(), false
	case groupKind{discoveryGroup, "EndpointSlice"}:
		if s := o.endpointSlice(); s != nil {
			return []*estate.EndpointSlice{s}, false
		}
		return nil, false
	case groupKind{coreGroup, "Endpoints"}:
		return o.endpoints(), false
	case groupKind{coreGroup, "ServiceAccount"}:
		return &estate.ServiceAccount{Cluster: o.cluster, Namespace: o.namespace, Name: o.name,
			Automount: o.boolean(o.root, "automountServiceAccountToken"), Source: o.source}, false
	case groupKind{coreGroup, "ConfigMap"}:
		return o.settings(), false
	case groupKind{"crd.projectcalico.org", "FelixConfiguration"}, groupKind{"projectcalico.org", "FelixConfiguration"}:
		return o.felix(), false
	case groupKind{"cilium.io", "CiliumNodeConfig"}:
		return o.nodeConfig(), false
	case groupKind{coreGroup, "Node"}:
		return o.node(), false
	case groupKind{netGroup, "Ingress"}:
		return o.ingress(), false
	case groupKind{gatewayGroup, "Gateway"}:
		return o.gateway(), false
	case groupKind{gatewayGroup, "HTTPRoute"}, groupKind{gatewayGroup, "GRPCRoute"}, groupKind{gatewayGroup, "TLSRoute"},
		groupKind{gatewayGroup, "TCPRoute"}, groupKind{gatewayGroup, "UDPRoute"}:
		return o.gatewayRoute(), false
	case groupKind{gatewayGroup, "ReferenceGrant"}:
		return o.referenceGrant(), false
	case groupKind{"apiextensions.k8s.io", "CustomResourceDefinition"}:
		return &estate.CRD{Cluster: o.cluster, Name: o.name, Source: o.source}, false
	case groupKind{"aquasecurity.github.io", "SbomReport"}, groupKind{"aquasecurity.github.io", "ClusterSbomReport"}:
		return &Report{Cluster: o.cluster, Kind: o.kind, Namespace: o.namespace, Name: o.name, JSON: appendCanonical(nil, o.root), Source: o.source}, false
	}
	if o.isWorkload() {
		return o.workload(), false
	}
	return nil, false
}

// metadataName is the label that the API server puts on every namespace.
const metadataName = "kubernetes.io/metadata.name"

// assemble makes the Set of the records that are live.
func (d *decoder) assemble() *Set {
	e := &estate.Estate{Kinds: d.kinds, Ignored: d.ignored, Faults: d.faults}
	set := &Set{Estate: e}
	a := assembly{set: set, controllers: map[ident.Ref]*workloadRecord{}}
	for _, r := range d.records {
		if r.value == nil || r.replaced {
			continue
		}
		a.take(r.value)
	}
	a.grantBackends()
	a.settleOwners()
	a.completeNamespaces()
	return set
}

// assembly puts records together that speak of each other.
type assembly struct {
	set         *Set
	controllers map[ident.Ref]*workloadRecord
	workloads   []*workloadRecord
	pods        []*podRecord
	grants      []*grant
}

func (a *assembly) take(value any) {
	e := a.set.Estate
	switch v := value.(type) {
	case *estate.Fault:
		e.Faults = append(e.Faults, *v)
	case *estate.Namespace:
		e.Namespaces = append(e.Namespaces, v)
	case *workloadRecord:
		a.workloads = append(a.workloads, v)
		a.controllers[v.Ref] = v
	case *podRecord:
		a.pods = append(a.pods, v)
	case *estate.Service:
		e.Services = append(e.Services, v)
	case []*estate.EndpointSlice:
		e.Slices = append(e.Slices, v...)
	case *estate.ServiceAccount:
		e.ServiceAccounts = append(e.ServiceAccounts, v)
	case *estate.ConfigMap:
		e.ConfigMaps = append(e.ConfigMaps, v)
	case *estate.Node:
		e.Nodes = append(e.Nodes, v)
	case *estate.Route:
		e.Routes = append(e.Routes, v)
	case *estate.Gateway:
		e.Gateways = append(e.Gateways, v)
	case *estate.CRD:
		e.CRDs = append(e.CRDs, *v)
	case *grant:
		a.grants = append(a.grants, v)
	case *Report:
		a.set.SBOMReports = append(a.set.SBOMReports, *v)
	case *policyRecord:
		e.Policies = append(e.Policies, v.policy)
		a.set.add(v)
		if v.strange != nil {
			e.Unmodelled = append(e.Unmodelled, v.strange)
		}
	case *foreignRecord:
		if v.route {
			e.UnmodelledRoutes = append(e.UnmodelledRoutes, v.Unmodelled)
		} else {
			e.Unmodelled = append(e.Unmodelled, v.Unmodelled)
		}
	}
}

func (s *Set) add(r *policyRecord) {
	switch o := r.object.(type) {
	case *networkingv1.NetworkPolicy:
		s.NetworkPolicies = append(s.NetworkPolicies, typed(r.policy, o))
	case *policyv1alpha2.ClusterNetworkPolicy:
		s.ClusterNetworkPolicies = append(s.ClusterNetworkPolicies, typed(r.policy, o))
	case *policyv1alpha1.AdminNetworkPolicy:
		s.AdminNetworkPolicies = append(s.AdminNetworkPolicies, typed(r.policy, o))
	case *policyv1alpha1.BaselineAdminNetworkPolicy:
		s.BaselineAdminNetworkPolicies = append(s.BaselineAdminNetworkPolicies, typed(r.policy, o))
	case *ciliumv2.Policy:
		s.CiliumPolicies = append(s.CiliumPolicies, typed(r.policy, o))
	}
}

func typed[T any](p *estate.Policy, obj *T) Typed[T] { return Typed[T]{Policy: p, Object: obj} }

// grantBackends settles which backends in other namespaces are granted.
func (a *assembly) grantBackends() {
	for _, r := range a.set.Estate.Routes {
		for i := range r.Backends {
			b := &r.Backends[i]
			for _, g := range a.grants {
				b.Granted = b.Granted || g.allows(r, *b)
			}
		}
	}
}

// maxOwners bounds a chain of owners; the API knows chains of three.
const maxOwners = 16

// ownerOf returns the controller that an ownerReference proves: the object is
// in the input, of that kind and name, and of that UID where both have one.
func (a *assembly) ownerOf(cluster, namespace string, r *ownerRef) *workloadRecord {
	if r == nil {
		return nil
	}
	w := a.controllers[ident.Ref{Cluster: cluster, Namespace: namespace, Kind: r.kind, Name: r.name}]
	if w == nil || w.group != canonicalGroup(r.group, r.kind) || r.uid != "" && w.UID != "" && r.uid != w.UID {
		return nil
	}
	return w
}

// settleOwners gives every pod its workload: the topmost controller that the
// input proves, or the pod itself. Controllers that others own are no
// workloads of their own.
func (a *assembly) settleOwners() {
	e := a.set.Estate
	top := func(w *workloadRecord) *workloadRecord {
		for range maxOwners {
			up := a.ownerOf(w.Ref.Cluster, w.Ref.Namespace, w.owner)
			if up == nil || up == w {
				return w
			}
			w = up
		}
		return w // owners in a circle: any of them will do
	}
	for _, w := range a.workloads {
		if top(w) == w {
			e.Workloads = append(e.Workloads, w.Workload)
		}
	}
	for _, p := range a.pods {
		if w := a.ownerOf(p.Cluster, p.Namespace, p.owner); w != nil {
			p.Workload = top(w).Workload
		} else {
			p.Workload = &estate.Workload{Ref: ident.Ref{Cluster: p.Cluster, Namespace: p.Namespace, Name: p.Name, Kind: "Pod"},
				UID: p.uid, Labels: p.Labels, Annotations: p.annotations, Source: p.Source, Management: p.management, Dumped: p.dumped}
			e.Workloads = append(e.Workloads, p.Workload)
		}
		p.Workload.Pods = append(p.Workload.Pods, p.Pod)
		e.Pods = append(e.Pods, p.Pod)
	}
}

// completeNamespaces adds the namespaces that objects lie in and that the input
// does not declare: all that is known of them is their name.
func (a *assembly) completeNamespaces() {
	e := a.set.Estate
	type key struct{ cluster, name string }
	known := map[key]bool{}
	for _, n := range e.Namespaces {
		known[key{n.Cluster, n.Name}] = true
	}
	add := func(cluster, name string) {
		k := key{cluster, name}
		if name == "" || known[k] {
			return
		}
		known[k] = true
		e.Namespaces = append(e.Namespaces, &estate.Namespace{Cluster: cluster, Name: name, Labels: map[string]string{metadataName: name}})
	}
	for _, w := range e.Workloads {
		add(w.Ref.Cluster, w.Ref.Namespace)
	}
	for _, s := range e.Services {
		add(s.Cluster, s.Namespace)
	}
	for _, p := range e.Policies {
		add(p.Cluster, p.Namespace)
	}
	for _, r := range e.Routes {
		add(r.Cluster, r.Namespace)
	}
	for _, g := range e.Gateways {
		add(g.Cluster, g.Namespace)
	}
}
