package contain

import (
	"time"

	"github.com/cofferdam-io/cofferdam/contain/trigger"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Plan is a proposed change: what it cuts, what that costs, the objects that do
// it, and the other ways that were looked at. It carries its proof.
type Plan struct {
	SchemaVersion string `json:"schemaVersion"`
	// ID names the plan: eight hexadecimal digits of what it changes.
	ID        string      `json:"id"`
	Query     string      `json:"query"`
	At        time.Time   `json:"at"`
	Objective Objective   `json:"objective"`
	Most      int         `json:"most,omitempty"` // of Shrink
	Sentence  string      `json:"sentence"`       // the objective as a person says it
	Affected  []ident.Ref `json:"affected"`
	Protected []ident.Ref `json:"protected"`
	// AffectedItself are protected workloads that are affected: no plan keeps them
	// from it.
	AffectedItself []ident.Ref `json:"affectedItself,omitempty"`
	// PastNodes is true where paths that go on from pods on the network of their node
	// are left out: no policy of this network closes them.
	PastNodes bool `json:"pastNodes,omitempty"`
	// Contained is true where there is nothing to cut: the objective holds already,
	// and the proof says so.
	Contained bool  `json:"alreadyContained"`
	Means     Means `json:"means,omitempty"`
	Grain     Grain `json:"grain,omitempty"`
	// Nearest says which of the minimum cuts: "source", "sink", or "fewest" for the one
	// that was found to take the fewest policies.
	Nearest string `json:"nearest,omitempty"`
	Why     string `json:"why"` // why this one of the alternatives
	// Bound is there where the plan need not be the cheapest.
	Bound *Bound `json:"bound,omitempty"`
	// Findings are those of a scan that asked for the plan; none where a query did.
	Findings []trigger.Match `json:"findings,omitempty"`
	Cuts     []Cut           `json:"cuts"`
	// Hardened are workloads that are reduced to what they need: in the grain of
	// workloads, and where no NetworkPolicy could be rewritten.
	Hardened []Hardened `json:"hardened,omitempty"`
	// NonPivots are workloads that paths are taken not to go on from.
	NonPivots []NonPivot `json:"nonPivots,omitempty"`
	Cost      Cost       `json:"cost"`
	Edits     []Edit     `json:"edits"`
	// Neighbours are workloads that labels cannot tell from those that are meant:
	// they lose the same connections.
	Neighbours []ident.Ref `json:"neighbours,omitempty"`
	// Labels are to be put on pods before the objects are applied: the proof has them
	// in place. Their patches are under labels/.
	Labels []Label `json:"labels,omitempty"`
	// Separating are labels that would tell the neighbours apart.
	Separating []Label `json:"separatingLabels,omitempty"`
	// NotCut are connections on the way that a guard rail keeps, with the reason.
	NotCut []Kept `json:"guardRails"`
	// Guards say whether what keeps a cluster running goes on.
	Guards       []Guard       `json:"guards"`
	Established  Established   `json:"established"`
	Alternatives []Alternative `json:"alternatives"`
	// Proof is written beside the plan, as proof.json.
	Proof *Proof `json:"-"`

	model   *segment.Model // of the estate before
	objects []*object
	text    func(file string) ([]byte, error)
}

// Redated is the plan with the dates of another: when it was made, how long
// before that the last record of a flow is, and of which day the advisories are.
// What was made again of the same input is then the same, to the byte.
func (p *Plan) Redated(as *Plan) *Plan {
	out, proof := *p, *p.Proof
	out.At, out.Proof = as.At, &proof
	proof.Assumptions.Coverage.AdvisoriesAsOf = as.Proof.Assumptions.Coverage.AdvisoriesAsOf
	for _, x := range []struct {
		of **Window
		as *Window
	}{{&out.Cost.Window, as.Cost.Window}, {&proof.Assumptions.Flows, as.Proof.Assumptions.Flows}} {
		if *x.of != nil && x.as != nil {
			dated := **x.of
			dated.Age, *x.of = x.as.Age, &dated
		}
	}
	return &out
}

// Means is how a cut is enforced.
type Means string

// The means.
const (
	// AdminTier denies in a ClusterNetworkPolicy above every NetworkPolicy.
	AdminTier Means = "ClusterNetworkPolicy"
	// CiliumDeny denies in CiliumNetworkPolicies, above every grant.
	CiliumDeny Means = "CiliumNetworkPolicy"
	// Rewrite changes the NetworkPolicies that allow what is cut.
	Rewrite Means = "NetworkPolicy"
)

// Cut is an edge that a plan closes: every connection from one workload to another
// but for what is kept.
type Cut struct {
	// From is a workload, or ident.Internet: every address of the public internet.
	From ident.Ref `json:"from"`
	To   ident.Ref `json:"to"`
	// Connections are those that were open, certainly or perhaps.
	Connections []segment.Conn `json:"connections"`
	Keep        []segment.Conn `json:"keep,omitempty"` // ports that stay open: a guard rail's, and of a hardened workload what it needs
	Verdict     string         `json:"verdict"`        // before: "allowed" or "unknown"
	// AllowedBy are the rules that open it, one for each direction.
	AllowedBy []segment.RuleRef `json:"allowedBy"`
	At        string            `json:"at,omitempty"` // "egress": enforced where it leaves, or "ingress"
	Observed  []Flow            `json:"observed,omitempty"`
	Needed    []string          `json:"needed,omitempty"` // why an owner declares it necessary
	// Neighbour is true where it is closed because labels cannot tell an end of it
	// from a workload that is meant.
	Neighbour bool `json:"neighbour,omitempty"`
}

// Bound says how near a plan is to the cheapest, in the price of a cut: one for an
// edge that nobody was seen to use, more for others.
type Bound struct {
	Price int64 `json:"price"`
	Least int64 `json:"lowerBound"` // no plan is cheaper
	Exact bool  `json:"exact"`      // this is the cheapest
}

// Cost is what a plan breaks. Without flow records nobody knows, and it is unknown.
type Cost struct {
	Known bool `json:"known"`
	// Words are what a person reads: "unknown: no flow records were given".
	Words string `json:"words"`
	// Needed counts the cuts that break what an owner declares necessary.
	Needed int `json:"needed,omitempty"`
	// Observed are the flows that break, the busiest first.
	Observed []Flow  `json:"observed"`
	Edges    int     `json:"edges"` // workload pairs that lose connections
	Window   *Window `json:"window,omitempty"`
}

// Edit is one object that a plan adds, replaces or removes.
type Edit struct {
	Action    string `json:"action"` // "create", "replace", "remove"
	Kind      string `json:"kind"`
	Cluster   string `json:"cluster,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	File      string `json:"file"` // in the plan's folder
	Why       string `json:"why"`
	Source    string `json:"source,omitempty"` // file and line of the object that is replaced
	Lasting   string `json:"lasting"`          // where the change must be made to last
	// MergePatch changes the live object (RFC 7386, kubectl patch --type merge), where
	// what was read is a dump of the cluster.
	MergePatch any `json:"mergePatch,omitempty"`
	// SourceAway says why what was read is not where the change can be made to last; ""
	// of a new object, and where the source was read.
	SourceAway string `json:"sourceAway,omitempty"`
	// Unpatched says why the file that the object came from could not be edited.
	Unpatched string `json:"unpatched,omitempty"`
	// NewPods says what pods that come later and match the edited selectors get.
	NewPods []string `json:"newPods,omitempty"`
}

// Kept is a connection that would lead on and that a guard rail keeps.
type Kept struct {
	From ident.Ref `json:"from"`
	To   ident.Ref `json:"to"`
	Why  string    `json:"why"`
}

// Label is one to put on a workload's pod template.
type Label struct {
	Workload ident.Ref `json:"workload"`
	Label    string    `json:"label"`
	Why      string    `json:"why"`
	File     string    `json:"file,omitempty"` // the patch, in the plan's folder
}

// Alternative is another way that was looked at.
type Alternative struct {
	Means      Means  `json:"means"`
	Grain      Grain  `json:"grain"`
	Nearest    string `json:"nearest"`
	Edges      int    `json:"edges"`
	Objects    int    `json:"objects"`
	Namespaces int    `json:"namespaces"`         // in which policies are changed
	Hardened   int    `json:"hardened,omitempty"` // directions of workloads
	Observed   int    `json:"observedFlows"`
	Proved     bool   `json:"proved"`
	Chosen     bool   `json:"chosen,omitempty"`
	// Why says what is better or worse about it, or why it cannot be offered.
	Why string `json:"why"`
}

// Established says what becomes of connections that are open when the change is
// applied.
type Established struct {
	Answer string   `json:"answer"` // "cut", "survive", "unknown"
	Why    string   `json:"why"`
	Drain  []string `json:"drain"` // steps that end them
}
