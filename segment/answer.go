package segment

import (
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Verdict is three-valued: what the engine does not know is neither allowed
// nor denied.
type Verdict uint8

// The verdicts.
const (
	Unknown Verdict = iota
	Allowed
	Denied
)

var verdictNames = [...]string{"unknown", "allowed", "denied"}

// String returns the verdict in lower case.
func (v Verdict) String() string { return verdictNames[min(int(v), len(verdictNames)-1)] }

// MarshalText writes String.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (v *Verdict) UnmarshalText(b []byte) error {
	i := slices.Index(verdictNames[:], string(b))
	if i < 0 {
		return ident.Errorf(ident.KindInvalid, "%.20q is no verdict", b)
	}
	*v = Verdict(i) //nolint:gosec // one of three
	return nil
}

// Protocol is a transport protocol that policies speak of.
type Protocol uint8

// The protocols, in the order in which connections are listed.
const (
	TCP Protocol = iota
	UDP
	SCTP
	numProtocols
)

var protocolNames = [...]string{"TCP", "UDP", "SCTP"}

// String returns the protocol in upper case.
func (p Protocol) String() string { return protocolNames[min(int(p), len(protocolNames)-1)] }

// MarshalText writes String.
func (p Protocol) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (p *Protocol) UnmarshalText(b []byte) error {
	got, ok := ParseProtocol(string(b))
	if !ok {
		return ident.Errorf(ident.KindInvalid, "%.20q is no protocol", b)
	}
	*p = got
	return nil
}

// Port is one destination port.
type Port struct {
	Protocol Protocol
	Number   uint16 // 1–65535
}

// Conn is an interval of destination ports of one protocol; all ports are
// 1–65535. It is the CONN of the command-line contract.
type Conn struct {
	Protocol Protocol `json:"protocol"`
	From     uint16   `json:"from"`
	To       uint16   `json:"to"`
}

// RuleRef names the rule that decides a connection: the RULE of the
// command-line contract. Default is true where no rule applied and the
// default of the tier decided.
type RuleRef struct {
	Kind      string `json:"kind,omitempty"`
	Cluster   string `json:"cluster,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Direction string `json:"direction,omitempty"` // "ingress" or "egress"
	Rule      int    `json:"rule"`                // zero-based; -1: the policy selects the endpoint and no rule of it matches
	RuleName  string `json:"ruleName,omitempty"`
	Tier      string `json:"tier,omitempty"` // "admin", "networkpolicy", "baseline"
	Default   bool   `json:"default,omitempty"`
}

// Edge is what one end may open to another: the union over the pods of both.
// Several edges between the same ends differ in Verdict and do not overlap.
type Edge struct {
	Src         ident.Ref `json:"src"`
	Dst         ident.Ref `json:"dst"`
	Connections []Conn    `json:"connections"` // sorted, disjoint, merged
	Verdict     Verdict   `json:"verdict"`     // Allowed or Unknown; denied connections have no edge
	// Partial is true where not every pod pair has all of Connections.
	Partial bool `json:"partial,omitempty"`
}

// Hop is one step of a path with the rules that allow it, one for each direction.
type Hop struct {
	From        ident.Ref `json:"from"`
	To          ident.Ref `json:"to"`
	Connections []Conn    `json:"connections"`
	Verdict     Verdict   `json:"verdict"`
	AllowedBy   []RuleRef `json:"allowedBy"` // egress first, then ingress
}

// Reached is one end that a set of workloads can reach, or that can reach it.
type Reached struct {
	Workload ident.Ref `json:"workload"`
	Hops     int       `json:"hops"`
	Verdict  Verdict   `json:"verdict"` // Allowed only if some path has no unknown step
	Path     []Hop     `json:"path"`    // one shortest path, in the order of travel
}

// Explanation is the answer to "why": both directions and everything that was
// considered, in the order of evaluation.
type Explanation struct {
	Src         ident.Ref `json:"src"`
	Dst         ident.Ref `json:"dst"`
	Port        Conn      `json:"port"`
	Verdict     Verdict   `json:"verdict"`
	Egress      Decision  `json:"egress"`
	Ingress     Decision  `json:"ingress"`
	Enforcement string    `json:"enforcement"`
	Unknowns    []Cause   `json:"unknowns,omitempty"`
	// Allowed and Undecided are all connections between the two, whatever Port
	// the question was about.
	Allowed   []Conn `json:"allowedConnections"`
	Undecided []Conn `json:"unknownConnections,omitempty"`
	// Partial is true where pods of one workload get different answers; the
	// explanation is then of the pair that is allowed, if any.
	Partial bool `json:"partial,omitempty"`
}

// Decision is one direction's verdict, the rule behind it, and what was looked
// at on the way.
type Decision struct {
	Verdict    Verdict      `json:"verdict"`
	Rule       RuleRef      `json:"rule"`
	Considered []Considered `json:"considered"`
}

// Considered is one rule that was evaluated and what came of it.
type Considered struct {
	Rule    RuleRef `json:"rule"`
	Outcome string  `json:"outcome"` // "allow", "deny", "pass", "no match", "unknown"
	Reason  string  `json:"reason"`  // why it did or did not match, as an engineer would say it
}

// Cause is something that could change a verdict and that the model does not
// hold: the UNKNOWN of the command-line contract.
type Cause struct {
	Reason  string      `json:"reason"`
	Object  string      `json:"object"` // "NetworkPolicy shop/web", "file.yaml:12"
	Affects []ident.Ref `json:"affects"`
}

// Answer is yes, no or unknown.
type Answer uint8

// The answers.
const (
	Maybe Answer = iota
	Yes
	No
)

var answerNames = [...]string{"unknown", "yes", "no"}

// String returns "yes", "no" or "unknown".
func (a Answer) String() string { return answerNames[min(int(a), len(answerNames)-1)] }

// MarshalText writes String.
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Isolation says per direction whether any policy selects every pod of a
// workload, so that only listed connections pass.
type Isolation struct {
	Ingress Answer `json:"ingress"`
	Egress  Answer `json:"egress"`
}

// ExposureLevel is from where a workload can be reached from outside its cluster.
type ExposureLevel string

// The levels.
const (
	ExposedInternet ExposureLevel = "internet"
	ExposedInternal ExposureLevel = "internal" // by an internal load balancer or NodePort only
	ExposedNone     ExposureLevel = "none"
	ExposedUnknown  ExposureLevel = "unknown"
)

// Exposure of a workload and the objects that cause it.
type Exposure struct {
	Level ExposureLevel `json:"level"`
	Ways  []Way         `json:"ways,omitempty"`
}

// Way is one way in from outside: a LoadBalancer, a NodePort, a hostPort, an
// Ingress or a route through a Gateway, with the controller's workload in
// between where the input shows it.
type Way struct {
	Kind   string        `json:"kind"`   // "LoadBalancer", "NodePort", "hostPort", "hostNetwork", "externalIPs", "Ingress", "HTTPRoute", …
	Object string        `json:"object"` // "Service edge/ingress-nginx"
	Level  ExposureLevel `json:"level"`
	Conns  []Conn        `json:"connections"` // ports of the pod that are reached
	Via    []ident.Ref   `json:"via,omitempty"`
	Reason string        `json:"reason,omitempty"` // why Level is unknown
}

// By is the grain of an edge list.
type By uint8

// The grains.
const (
	ByWorkload By = iota
	ByPod
)

// Direction of travel along edges.
type Direction uint8

// The directions.
const (
	Forward  Direction = iota // what can these reach
	Backward                  // who can reach these
)
