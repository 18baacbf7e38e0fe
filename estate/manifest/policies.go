package manifest

import (
	"slices"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"
	policyv1alpha1 "sigs.k8s.io/network-policy-api/apis/v1alpha1"
	policyv1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest/ciliumv2"
	"github.com/cofferdam-io/cofferdam/ident"
)

// policyRecord is one decoded policy and what in it is not known.
type policyRecord struct {
	policy  *estate.Policy
	object  any                // a pointer to the API type
	strange *estate.Unmodelled // fields that the engine does not know
}

// digest identifies what the policy says, whatever its formatting.
func (p *policyRecord) digest() ident.Digest { return p.policy.Digest }

// policyKinds are the kinds that are decoded into their API types.
var policyKinds = map[groupKind]bool{
	{netGroup, "NetworkPolicy"}:                    true,
	{policyAPIGroup, "ClusterNetworkPolicy"}:       true,
	{policyAPIGroup, "AdminNetworkPolicy"}:         true,
	{policyAPIGroup, "BaselineAdminNetworkPolicy"}: true,
	{ciliumv2.Group, ciliumv2.Kind}:                true,
	{ciliumv2.Group, ciliumv2.ClusterwideKind}:     true,
}

// policy decodes a policy into its API type. A field that the type does not have
// may change a verdict, so it is kept as something that is not modelled; a value
// of a wrong type is a fault.
func (o *object) policy() *policyRecord {
	spec := o.in(o.root, "spec")
	p := &policyRecord{policy: &estate.Policy{
		Cluster: o.cluster, Namespace: o.namespace, Name: o.name, Kind: o.kind, APIVersion: o.apiVersion(),
		Labels: o.labels, Annotations: ownershipMarks(o.annotations), Source: o.source, Tier: "networkpolicy",
		Management: o.management(), Dumped: o.dumped(),
	}}
	meta := metav1.ObjectMeta{Name: o.name, Namespace: o.namespace, Labels: o.labels}
	content, path := spec, "spec."
	var into any
	switch o.kind {
	case "NetworkPolicy":
		np := &networkingv1.NetworkPolicy{ObjectMeta: meta}
		p.object, into = np, &np.Spec
	case "ClusterNetworkPolicy":
		c := &policyv1alpha2.ClusterNetworkPolicy{ObjectMeta: meta}
		p.object, into = c, &c.Spec
	case "AdminNetworkPolicy":
		a := &policyv1alpha1.AdminNetworkPolicy{ObjectMeta: meta}
		p.object, into, p.policy.Tier = a, &a.Spec, "admin"
	case "BaselineAdminNetworkPolicy":
		b := &policyv1alpha1.BaselineAdminNetworkPolicy{ObjectMeta: meta}
		p.object, into, p.policy.Tier = b, &b.Spec, "baseline"
	default:
		c := &ciliumv2.Policy{ObjectMeta: meta}
		p.object, into = c, c
		content, path = o.root.only("spec", "specs"), ""
	}
	raw := appendCanonical(make([]byte, 0, 1024), content)
	p.policy.Digest = ident.SHA256(raw)
	strict, err := kjson.UnmarshalStrict(raw, into)
	if c, ok := p.object.(*policyv1alpha2.ClusterNetworkPolicy); ok {
		p.policy.Tier = strings.ToLower(string(c.Spec.Tier))
	}
	if err != nil {
		o.fail(spec, "cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
		return p
	}
	if content.absent() {
		o.fail(nil, "spec is not set")
		return p
	}
	if len(strict) > 0 {
		var names []string
		for _, e := range strict {
			names = append(names, strings.TrimPrefix(e.Error(), "unknown field "))
		}
		p.strange = &estate.Unmodelled{Cluster: o.cluster, Namespace: o.namespace, Name: o.name, Kind: o.kind, APIVersion: o.apiVersion(),
			Reason: "field " + path + strings.Trim(names[0], `"`) + " is not known, and may change what the policy does", Source: o.source}
		if np, ok := p.object.(*networkingv1.NetworkPolicy); ok {
			p.strange.Selector = np.Spec.PodSelector.MatchLabels
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
	route    bool     // it leads traffic from outside and permits nothing between pods
	// root is the namespace whose objects are about the whole mesh.
	root string
	// expression is true if spec.selector and spec.namespaceSelector are selectors
	// in Calico's own language.
	expression bool
}

var foreignKinds = map[groupKind]foreign{
	{"projectcalico.org", "NetworkPolicy"}:             {reason: "Calico policies are not modelled", expression: true},
	{"projectcalico.org", "GlobalNetworkPolicy"}:       {reason: "Calico policies are not modelled", expression: true},
	{"crd.projectcalico.org", "NetworkPolicy"}:         {reason: "Calico policies are not modelled", expression: true},
	{"crd.projectcalico.org", "GlobalNetworkPolicy"}:   {reason: "Calico policies are not modelled", expression: true},
	{"crd.antrea.io", "NetworkPolicy"}:                 {reason: "Antrea policies are not modelled"},
	{"crd.antrea.io", "ClusterNetworkPolicy"}:          {reason: "Antrea policies are not modelled"},
	{"networking.k8s.aws", "ClusterNetworkPolicy"}:     {reason: "the own policies of the Amazon VPC CNI are not modelled"},
	{"networking.k8s.aws", "ApplicationNetworkPolicy"}: {reason: "the own policies of the Amazon VPC CNI are not modelled"},
	{"security.istio.io", "AuthorizationPolicy"}:       {reason: "Istio authorisation is not modelled", effect: estate.Restricts, selector: []string{"spec", "selector"}, root: "istio-system"},
	{"security.istio.io", "PeerAuthentication"}:        {reason: "Istio's mutual TLS is not modelled", effect: estate.Restricts, selector: []string{"spec", "selector"}, root: "istio-system"},
	{"networking.istio.io", "Sidecar"}:                 {reason: "Istio's sidecar scope is not modelled", effect: estate.Restricts, selector: []string{"spec", "workloadSelector"}, root: "istio-system"},
	{"policy.linkerd.io", "Server"}:                    {reason: "Linkerd authorisation is not modelled", effect: estate.Restricts, selector: []string{"spec", "podSelector"}},
	{"policy.linkerd.io", "AuthorizationPolicy"}:       {reason: "Linkerd authorisation is not modelled", effect: estate.Restricts},
	{"k8s.ovn.org", "EgressFirewall"}:                  {reason: "OVN egress firewalls are not modelled", effect: estate.Restricts},
	{"networking.istio.io", "Gateway"}:                 {reason: "Istio gateways are not modelled", route: true},
	{"networking.istio.io", "VirtualService"}:          {reason: "Istio routing is not modelled", route: true},
	{"traefik.io", "IngressRoute"}:                     {reason: "Traefik routes are not modelled", route: true},
	{"traefik.containo.us", "IngressRoute"}:            {reason: "Traefik routes are not modelled", route: true},
	{"projectcontour.io", "HTTPProxy"}:                 {reason: "Contour routes are not modelled", route: true},
	{"route.openshift.io", "Route"}:                    {reason: "OpenShift routes are not modelled", route: true},
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
	// Only plain labels narrow what it touches: expressions are left aside, which
	// errs towards touching more.
	if len(f.selector) > 0 {
		if s := o.selector(o.root, f.selector...); s != nil && len(s.MatchLabels) > 0 {
			u.Selector = s.MatchLabels
		}
	}
	if f.expression {
		u.Selector = calicoLabels(o.str(o.root, "spec", "selector"))
		if spaces := calicoLabels(o.str(o.root, "spec", "namespaceSelector")); len(spaces) > 0 {
			u.NamespaceSelector = &estate.LabelSelector{MatchLabels: spaces}
		}
	}
	return &foreignRecord{u, f.route}
}
