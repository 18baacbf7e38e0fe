package manifest

import (
	"slices"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
	policyv1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
)

// policyRecord is one decoded policy and what in it is not known.
type policyRecord struct {
	policy  *estate.Policy
	np      *networkingv1.NetworkPolicy
	cnp     *policyv1alpha2.ClusterNetworkPolicy
	strange *estate.Unmodelled // fields that the engine does not know
}

// digest identifies what the policy says, whatever its formatting.
func (p *policyRecord) digest() ident.Digest { return p.policy.Digest }

// policy decodes a NetworkPolicy or ClusterNetworkPolicy into its API type. A
// field that the type does not have may change a verdict, so it is kept as
// something that is not modelled; a value of a wrong type is a fault.
func (o *object) policy() *policyRecord {
	spec := o.in(o.root, "spec")
	raw := appendCanonical(nil, spec)
	p := &policyRecord{policy: &estate.Policy{
		Cluster: o.cluster, Namespace: o.namespace, Name: o.name, Kind: o.kind, APIVersion: o.apiVersion(),
		Labels: o.labels, Annotations: ownershipMarks(o.annotations), Source: o.source, Digest: ident.SHA256(raw), Tier: "networkpolicy",
	}}
	meta := metav1.ObjectMeta{Name: o.name, Namespace: o.namespace, Labels: o.labels}
	var strict []error
	var err error
	if o.kind == "NetworkPolicy" {
		p.np = &networkingv1.NetworkPolicy{ObjectMeta: meta}
		strict, err = kjson.UnmarshalStrict(raw, &p.np.Spec)
	} else {
		p.cnp = &policyv1alpha2.ClusterNetworkPolicy{ObjectMeta: meta}
		strict, err = kjson.UnmarshalStrict(raw, &p.cnp.Spec)
		p.policy.Tier = strings.ToLower(string(p.cnp.Spec.Tier))
	}
	if err != nil {
		o.fail(spec, "cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
		return p
	}
	if spec == nil {
		o.fail(nil, "spec is not set")
		return p
	}
	if len(strict) > 0 {
		var names []string
		for _, e := range strict {
			names = append(names, strings.TrimPrefix(e.Error(), "unknown field "))
		}
		p.strange = &estate.Unmodelled{Cluster: o.cluster, Namespace: o.namespace, Name: o.name, Kind: o.kind, APIVersion: o.apiVersion(),
			Reason: "field spec." + strings.Trim(names[0], `"`) + " is not known, and may change what the policy does", Source: o.source}
		if p.np != nil {
			p.strange.Selector = p.np.Spec.PodSelector.MatchLabels
		}
	}
	return p
}

// appendCanonical writes a node as JSON with sorted keys and without nulls: the
// form whose digest stays the same however a file is formatted.
func appendCanonical(b []byte, n *node) []byte {
	if n.absent() {
		return append(b, "null"...)
	}
	switch n.kind {
	case stringNode:
		return appendQuoted(b, n.text)
	case mapNode:
		fields := slices.Clone(n.fields)
		slices.SortFunc(fields, func(x, y field) int { return strings.Compare(x.key, y.key) })
		b = append(b, '{')
		first := true
		for _, f := range fields {
			if f.value.absent() {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(appendQuoted(b, f.key), ':')
			b = appendCanonical(b, f.value)
		}
		return append(b, '}')
	case listNode:
		b = append(b, '[')
		for i, item := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendCanonical(b, item)
		}
		return append(b, ']')
	default:
		if _, err := strconv.ParseFloat(n.text, 64); err != nil && n.kind != boolNode {
			return appendQuoted(b, n.text) // .inf, .nan: no JSON number
		}
		return append(b, n.text...)
	}
}

// appendQuoted writes a JSON string (RFC 8259, section 7). The text is valid UTF-8:
// inputs that are not are refused before they are parsed.
func appendQuoted(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// foreign describes a kind that bears on pod traffic and that no front end models.
type foreign struct {
	reason   string
	effect   estate.Effect
	selector []string // path of a metav1.LabelSelector over pods, if it has one
	spaces   []string // path of a metav1.LabelSelector over namespaces
	route    bool     // it leads traffic from outside and permits nothing between pods
	// root is the namespace whose objects are about the whole mesh.
	root string
}

var foreignKinds = map[groupKind]foreign{
	{policyAPIGroup, "AdminNetworkPolicy"}:         {reason: "AdminNetworkPolicy v1alpha1 is not modelled", spaces: []string{"spec", "subject", "namespaces"}},
	{policyAPIGroup, "BaselineAdminNetworkPolicy"}: {reason: "BaselineAdminNetworkPolicy v1alpha1 is not modelled", spaces: []string{"spec", "subject", "namespaces"}},
	{"cilium.io", "CiliumNetworkPolicy"}:           {reason: "Cilium policies are not modelled", selector: []string{"spec", "endpointSelector"}},
	{"cilium.io", "CiliumClusterwideNetworkPolicy"}: {reason: "Cilium policies are not modelled",
		selector: []string{"spec", "endpointSelector"}},
	{"projectcalico.org", "NetworkPolicy"}:           {reason: "Calico policies are not modelled"},
	{"projectcalico.org", "GlobalNetworkPolicy"}:     {reason: "Calico policies are not modelled"},
	{"crd.projectcalico.org", "NetworkPolicy"}:       {reason: "Calico policies are not modelled"},
	{"crd.projectcalico.org", "GlobalNetworkPolicy"}: {reason: "Calico policies are not modelled"},
	{"crd.antrea.io", "NetworkPolicy"}:               {reason: "Antrea policies are not modelled"},
	{"crd.antrea.io", "ClusterNetworkPolicy"}:        {reason: "Antrea policies are not modelled"},
	{"security.istio.io", "AuthorizationPolicy"}:     {reason: "Istio authorisation is not modelled", effect: estate.Restricts, selector: []string{"spec", "selector"}, root: "istio-system"},
	{"security.istio.io", "PeerAuthentication"}:      {reason: "Istio's mutual TLS is not modelled", effect: estate.Restricts, selector: []string{"spec", "selector"}, root: "istio-system"},
	{"networking.istio.io", "Sidecar"}:               {reason: "Istio's sidecar scope is not modelled", effect: estate.Restricts, selector: []string{"spec", "workloadSelector"}, root: "istio-system"},
	{"policy.linkerd.io", "Server"}:                  {reason: "Linkerd authorisation is not modelled", effect: estate.Restricts, selector: []string{"spec", "podSelector"}},
	{"policy.linkerd.io", "AuthorizationPolicy"}:     {reason: "Linkerd authorisation is not modelled", effect: estate.Restricts},
	{"k8s.ovn.org", "EgressFirewall"}:                {reason: "OVN egress firewalls are not modelled", effect: estate.Restricts},
	{"networking.istio.io", "Gateway"}:               {reason: "Istio gateways are not modelled", route: true},
	{"networking.istio.io", "VirtualService"}:        {reason: "Istio routing is not modelled", route: true},
	{"traefik.io", "IngressRoute"}:                   {reason: "Traefik routes are not modelled", route: true},
	{"traefik.containo.us", "IngressRoute"}:          {reason: "Traefik routes are not modelled", route: true},
	{"projectcontour.io", "HTTPProxy"}:               {reason: "Contour routes are not modelled", route: true},
	{"route.openshift.io", "Route"}:                  {reason: "OpenShift routes are not modelled", route: true},
}

// foreignRecord is an object of a foreign kind.
type foreignRecord struct {
	*estate.Unmodelled
	route bool
}

func (o *object) foreign(f foreign) *foreignRecord {
	u := &estate.Unmodelled{Cluster: o.cluster, Namespace: o.namespace, Name: o.name, Kind: o.kind, APIVersion: o.apiVersion(),
		Reason: f.reason, Effect: f.effect, Source: o.source}
	if f.root != "" && o.namespace == f.root {
		u.Namespace = "" // the root namespace speaks for the whole mesh
	}
	// Only plain labels narrow what it touches: Cilium's prefixed keys, and
	// expressions, are left aside, which errs towards touching more.
	if len(f.selector) > 0 {
		if s := o.selector(o.root, f.selector...); s != nil {
			plain := map[string]string{}
			for k, v := range s.MatchLabels {
				if !strings.Contains(k, ":") && !strings.HasPrefix(k, "io.kubernetes.pod.") && !strings.HasPrefix(k, "io.cilium.") {
					plain[k] = v
				}
			}
			if len(plain) > 0 {
				u.Selector = plain
			}
		}
	}
	if len(f.spaces) > 0 {
		u.NamespaceSelector = o.selector(o.root, f.spaces...)
	}
	return &foreignRecord{u, f.route}
}
