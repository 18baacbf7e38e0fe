package segment

import (
	"net/netip"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Model is everything that bears on reachability, free of Kubernetes objects.
// Front ends fill it; Build compiles it. Indexes between its parts are
// positions in its slices.
type Model struct {
	Profile    Profile
	Namespaces []Namespace
	Workloads  []Workload
	Endpoints  []Endpoint
	Nodes      []Node
	Policies   []Policy // in any order; Build sorts by tier and priority
	Taints     []Taint
	Entries    []Entry
	// NotSeen lists kinds of which the input held no object and no index that
	// says there is none. It is stated in every answer; it changes no verdict.
	NotSeen []string
	// WithoutEffect lists policies that the network does not enforce.
	WithoutEffect []WithoutEffect
}

// WithoutEffect is an object that says something which nothing enforces.
type WithoutEffect struct {
	Object string `json:"object"` // "ClusterNetworkPolicy guard"
	Reason string `json:"reason"`
}

// Namespace of a cluster.
type Namespace struct {
	Cluster string
	Name    string
	Labels  map[string]string // with kubernetes.io/metadata.name
	// Declared is false where only kubernetes.io/metadata.name is known: a
	// selector on another key may or may not match.
	Declared bool
}

// Workload is one end of the edge list.
type Workload struct {
	Ref    ident.Ref
	Labels map[string]string // of its pods; used only for names of segments
}

// Endpoint is a pod, or the pod template of a workload without pods.
type Endpoint struct {
	Ref         ident.Ref // the pod; the workload's own reference for a template
	Workload    int
	Namespace   int
	Labels      map[string]string
	Ports       []NamedPort
	IPs         []netip.Addr // none: unknown
	HostNetwork bool
	Node        string // "" if unknown
}

// NamedPort is a container port with a name.
type NamedPort struct {
	Name     string
	Protocol Protocol
	Number   uint16
	// Doubt, if not empty, says why it is not known whether the name means the
	// port to policies.
	Doubt string
}

// Node of a cluster.
type Node struct {
	Cluster string
	Name    string
	Labels  map[string]string
	IPs     []netip.Addr
}

// Tier orders policies: a final decision in an earlier tier ends evaluation.
type Tier uint8

// The tiers, in the order of evaluation.
const (
	// DenyTier holds the denials that stand above every grant of any object, as
	// those of a CiliumNetworkPolicy do.
	DenyTier Tier = iota
	AdminTier
	NetworkPolicyTier
	BaselineTier

	numTiers
)

var tierNames = [...]string{"deny", "admin", "networkpolicy", "baseline"}

// orderedTiers returns the tiers in which the first matching rule decides, in
// the order of evaluation.
func orderedTiers() [3]Tier { return [...]Tier{DenyTier, AdminTier, BaselineTier} }

// tiersBeforeGrants returns those that are evaluated before the NetworkPolicy tier.
func (p *Profile) tiersBeforeGrants() [2]Tier {
	if p.AdminBeforeDenials {
		return [...]Tier{AdminTier, DenyTier}
	}
	return [...]Tier{DenyTier, AdminTier}
}

// String returns the tier as RULE spells it.
func (t Tier) String() string { return tierNames[min(int(t), len(tierNames)-1)] }

// Action of a rule. In the NetworkPolicy tier every rule allows.
type Action uint8

// The actions.
const (
	Allow Action = iota
	Deny
	Pass // on to the next tier
)

var actionNames = [...]string{"allow", "deny", "pass"}

// String returns the action in lower case.
func (a Action) String() string { return actionNames[min(int(a), len(actionNames)-1)] }

// Gress is the direction in which a rule filters, seen from its subject.
type Gress uint8

// The directions of rules.
const (
	Egress Gress = iota
	Ingress
)

// String returns "egress" or "ingress".
func (g Gress) String() string { return [...]string{"egress", "ingress"}[g&1] }

// Policy is one object that filters the traffic of the endpoints it selects.
type Policy struct {
	Kind      string // as the user wrote it: "NetworkPolicy"
	Cluster   string
	Namespace string // "" for a cluster-wide object
	Name      string
	Tier      Tier
	Priority  int // within the tier, lower first; equal ones have no order
	Subject   PodSelector
	// Isolates says for the NetworkPolicy tier, by Gress, in which directions the
	// selected endpoints accept only what a rule allows.
	Isolates [2]bool
	Rules    [2][]Rule // by Gress
}

// Unknown returns the taint of a policy of which it is not known whether it has
// any effect: on what it selects, in the directions that it filters.
func (p *Policy) Unknown(reason string) Taint {
	t := Taint{Object: p.Object(), Reason: reason, Cluster: p.Cluster, Namespace: p.Subject.InNamespace, Pods: p.Subject.Pods,
		Namespaces: p.Subject.Namespaces, Only: PodEndpoints, Tier: p.Tier}
	for d, rules := range p.Rules {
		t.Gress[d] = len(rules) > 0 || p.Isolates[d]
		t.CanDeny = t.CanDeny || p.Isolates[d]
		for i := range rules {
			t.CanAllow = t.CanAllow || rules[i].Action != Deny
			t.CanDeny = t.CanDeny || rules[i].Action == Deny
		}
	}
	return t
}

// Rule matches traffic between the policy's subject and peers.
type Rule struct {
	Index  int    // zero-based position in the object
	Name   string // "" if it has none
	Action Action
	Peers  []Peer      // none: every peer
	Ports  []PortMatch // none: every port
}

// PodSelector selects endpoints that are pods by their namespace and labels.
type PodSelector struct {
	// InNamespace is the one namespace that is meant; "" leaves it to Namespaces.
	InNamespace string
	Namespaces  Selector
	Pods        Selector
}

// PeerKind tells what a peer names.
type PeerKind uint8

// The kinds of peer.
const (
	PeerPods       PeerKind = iota
	PeerCIDR                // addresses in a block and outside its exceptions
	PeerNodes               // nodes, and so the pods on their host network
	PeerDomain              // addresses behind domain names
	PeerAny                 // everything, inside the cluster and outside
	PeerUnreadable          // a peer of which no field is understood
)

// Peer is one element of a rule's list of peers.
type Peer struct {
	Kind   PeerKind
	Pods   PodSelector
	CIDR   netip.Prefix
	Except []netip.Prefix
	// MatchesPods is true where the block is compared with pod addresses too.
	MatchesPods bool
	// SkipsNodes is true where the block is not compared with the addresses of
	// nodes, and so not with those of host-network pods.
	SkipsNodes bool
	Nodes      Selector // by node labels
	Domains    []string
	// Doubt, if not empty, says why it is not known whether the peer matches what
	// the other fields describe.
	Doubt string
}

// PortMatch is a set of destination ports.
type PortMatch struct {
	Protocol    Protocol
	AnyProtocol bool   // with Name only
	From, To    uint16 // inclusive; 1–65535 is every port of the protocol
	Name        string // resolved on each destination pod; From and To are unused
}

// Endpoints tells endpoints by the network that they are on.
type Endpoints uint8

// The kinds of endpoint.
const (
	AllEndpoints  Endpoints = iota
	PodEndpoints            // with a network of their own
	HostEndpoints           // on the network of their node
)

func (e Endpoints) has(host bool) bool { return e == AllEndpoints || host == (e == HostEndpoints) }

// Taint is something that could change verdicts and that the model cannot
// evaluate.
type Taint struct {
	Object string // "AuthorizationPolicy shop/web"
	Reason string
	// Cluster and Namespace bound what it can touch; an empty Namespace is the
	// whole cluster. Pods and Namespaces narrow it further.
	Cluster    string
	Namespace  string
	Pods       Selector
	Namespaces Selector // narrows it by the labels of namespaces, too
	// Only narrows it to pods on the host network, or to the others.
	Only     Endpoints
	CanAllow bool    // could allow what is denied
	CanDeny  bool    // could deny what is allowed
	Gress    [2]bool // by Gress: the directions it can touch
	// Tier is where it would be evaluated: a final decision of an earlier tier
	// stands. Taints of AdminTier touch every verdict.
	Tier Tier
}

// Entry is one way in from outside the cluster to the pods of a workload,
// before policies are applied.
type Entry struct {
	Workload int
	Kind     string // see Way.Kind
	Object   string // see Way.Object
	// Internal is true where the way starts inside the owner's network only.
	Internal bool
	Conns    []Conn         // ports of the pod
	Sources  []netip.Prefix // none: every source
	// Routed is true where a controller terminates the connection and opens its
	// own to the workload: the policies then see the controller's pods.
	Routed bool
	// Controllers are the workloads that were identified as the controller.
	Controllers []int
	// Doubt, if not empty, says why the way may not exist.
	Doubt string
}
