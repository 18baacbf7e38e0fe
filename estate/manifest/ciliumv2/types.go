package ciliumv2

import (
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The kinds, of group cilium.io.
const (
	Group           = "cilium.io"
	Kind            = "CiliumNetworkPolicy"
	ClusterwideKind = "CiliumClusterwideNetworkPolicy"
)

// Policy is an object of either kind: the clusterwide one has no namespace.
type Policy struct {
	metav1.ObjectMeta `json:"-"`

	Spec  *Rule  `json:"spec,omitempty"`
	Specs []Rule `json:"specs,omitempty"`
}

// Rules returns the object's rules, those of spec before those of specs.
func (p *Policy) Rules() []*Rule {
	var out []*Rule
	if p.Spec != nil {
		out = append(out, p.Spec)
	}
	for i := range p.Specs {
		out = append(out, &p.Specs[i])
	}
	return out
}

// Selector selects by labels. Keys may begin with their source and a colon:
// "k8s:app", "any:app", "reserved:host".
type Selector = metav1.LabelSelector

// Rule is what one spec says about the endpoints, or the nodes, that it selects.
type Rule struct {
	EndpointSelector  *Selector       `json:"endpointSelector,omitempty"`
	NodeSelector      *Selector       `json:"nodeSelector,omitempty"`
	Ingress           []IngressRule   `json:"ingress,omitempty"`
	IngressDeny       []IngressRule   `json:"ingressDeny,omitempty"`
	Egress            []EgressRule    `json:"egress,omitempty"`
	EgressDeny        []EgressRule    `json:"egressDeny,omitempty"`
	EnableDefaultDeny DefaultDeny     `json:"enableDefaultDeny,omitempty"`
	Labels            json.RawMessage `json:"labels,omitempty"`
	Log               json.RawMessage `json:"log,omitempty"`
	Description       string          `json:"description,omitempty"`
}

// DefaultDeny says whether the rule closes a direction for what it does not
// allow; nil leaves that to whether it has rules of the direction.
type DefaultDeny struct {
	Ingress *bool `json:"ingress,omitempty"`
	Egress  *bool `json:"egress,omitempty"`
}

// IngressRule filters what enters.
type IngressRule struct {
	FromEndpoints []Selector        `json:"fromEndpoints,omitempty"`
	FromRequires  []json.RawMessage `json:"fromRequires,omitempty"`
	FromCIDR      []string          `json:"fromCIDR,omitempty"`
	FromCIDRSet   []CIDRRule        `json:"fromCIDRSet,omitempty"`
	FromEntities  []string          `json:"fromEntities,omitempty"`
	FromGroups    []json.RawMessage `json:"fromGroups,omitempty"`
	FromNodes     []Selector        `json:"fromNodes,omitempty"`
	Filter        `json:",inline"`
}

// EgressRule filters what leaves.
type EgressRule struct {
	ToEndpoints []Selector        `json:"toEndpoints,omitempty"`
	ToRequires  []json.RawMessage `json:"toRequires,omitempty"`
	ToCIDR      []string          `json:"toCIDR,omitempty"`
	ToCIDRSet   []CIDRRule        `json:"toCIDRSet,omitempty"`
	ToEntities  []string          `json:"toEntities,omitempty"`
	ToServices  []Service         `json:"toServices,omitempty"`
	ToGroups    []json.RawMessage `json:"toGroups,omitempty"`
	ToNodes     []Selector        `json:"toNodes,omitempty"`
	ToFQDNs     []DomainName      `json:"toFQDNs,omitempty"`
	Filter      `json:",inline"`
}

// Filter is what rules of both directions have beside their peers.
type Filter struct {
	ToPorts        []PortRule        `json:"toPorts,omitempty"`
	ICMPs          []json.RawMessage `json:"icmps,omitempty"`
	Authentication *Authentication   `json:"authentication,omitempty"`
}

// Authentication of the peer: required, disabled, or test-always-fail.
type Authentication struct {
	Mode string `json:"mode"`
}

// CIDRRule is a block with exceptions, or a reference to blocks elsewhere.
type CIDRRule struct {
	CIDR              string    `json:"cidr,omitempty"`
	CIDRGroupRef      string    `json:"cidrGroupRef,omitempty"`
	CIDRGroupSelector *Selector `json:"cidrGroupSelector,omitempty"`
	Except            []string  `json:"except,omitempty"`
}

// Service is a Kubernetes Service by name, or by its labels.
type Service struct {
	K8sService *struct {
		ServiceName string `json:"serviceName,omitempty"`
		Namespace   string `json:"namespace,omitempty"`
	} `json:"k8sService,omitempty"`
	K8sServiceSelector *struct {
		Selector  Selector `json:"selector"`
		Namespace string   `json:"namespace,omitempty"`
	} `json:"k8sServiceSelector,omitempty"`
}

// DomainName is a name or a pattern of names.
type DomainName struct {
	MatchName    string `json:"matchName,omitempty"`
	MatchPattern string `json:"matchPattern,omitempty"`
}

// PortRule is a list of ports, and what has to hold for the traffic on them.
type PortRule struct {
	Ports          []Port          `json:"ports,omitempty"`
	TerminatingTLS json.RawMessage `json:"terminatingTLS,omitempty"`
	OriginatingTLS json.RawMessage `json:"originatingTLS,omitempty"`
	ServerNames    []string        `json:"serverNames,omitempty"`
	Listener       json.RawMessage `json:"listener,omitempty"`
	Rules          *L7Rules        `json:"rules,omitempty"`
}

// Port is a port number or name; "0" and "" are every port. An empty protocol is
// ANY: TCP, UDP and SCTP.
type Port struct {
	Port     string `json:"port,omitempty"`
	EndPort  int32  `json:"endPort,omitempty"`
	Protocol string `json:"protocol,omitempty"`
}

// L7Rules are about what is said inside a connection.
type L7Rules struct {
	HTTP    []json.RawMessage `json:"http,omitempty"`
	Kafka   []json.RawMessage `json:"kafka,omitempty"`
	L7Proto string            `json:"l7proto,omitempty"`
	L7      []json.RawMessage `json:"l7,omitempty"`
	DNS     []DomainName      `json:"dns,omitempty"`
}
