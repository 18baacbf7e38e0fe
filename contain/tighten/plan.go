package tighten

import (
	"strconv"
	"time"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Plan is a proposal with its proof.
type Plan struct {
	SchemaVersion string         `json:"schemaVersion"`
	At            time.Time      `json:"at"`
	Observed      contain.Window `json:"observed"`
	// Caveat says what the records cannot say.
	Caveat    string     `json:"caveat"`
	Workloads []Workload `json:"workloads"` // those asked for, in order
	Edits     []Edit     `json:"edits"`     // sorted by file name
	// Left are policies that stay although a tightened workload is selected by them.
	Left   []Left  `json:"left"`
	Stages []Stage `json:"stages"`
	Proof  Proof   `json:"proof"`

	Unknowns []inventory.Unknown `json:"unknowns"`
	Coverage inventory.Coverage  `json:"coverage"`

	// Certificate is written beside the plan, as proof.json.
	Certificate *Certificate `json:"-"`

	objects []*object
	text    func(string) ([]byte, error)
	graph   *segment.Graph // before
	estate  *estate.Estate
}

// State says what becomes of a workload in one direction.
type State string

// The states.
const (
	// Tightened: a policy is proposed.
	Tightened State = "tightened"
	// Least: what NetworkPolicies of its own let pass is what is used and needed already.
	Least State = "least"
	// HeldBack: nothing is proposed, and Side.Why says why.
	HeldBack State = "held back"
)

// Workload is one workload, in the directions that were asked for.
type Workload struct {
	Workload    ident.Ref `json:"workload"`
	Criticality string    `json:"criticality,omitempty"`
	Sides       []Side    `json:"sides"`
}

// Side is one direction of a workload.
type Side struct {
	Direction string   `json:"direction"` // "ingress" or "egress"
	State     State    `json:"state"`
	Why       []string `json:"why,omitempty"` // of HeldBack
	// LacksData is true where it is held back since the records do not say enough.
	LacksData bool `json:"lacksData,omitempty"`
	// Used were seen and are allowed, or perhaps allowed.
	Used []Use `json:"used"`
	// Needed are declared, or name resolution, and are allowed.
	Needed []Use `json:"needed"`
	// Unused are permissions that nobody used and nobody needs.
	Unused []Permission `json:"unused"`
	// Denied were seen although the policies deny them, or are declared and denied.
	Denied []Use `json:"denied"`
	// Unplaced are flows whose other end is not known.
	Unplaced []Use `json:"unplaced"`
	// Names says how name resolution is kept, for egress.
	Names string   `json:"names,omitempty"`
	Notes []string `json:"notes,omitempty"`
}

// Use is a connection with another end.
type Use struct {
	Peer        ident.Ref       `json:"peer"`
	Connections []segment.Conn  `json:"connections"`
	Verdict     segment.Verdict `json:"verdict"`
	Count       uint64          `json:"count,omitempty"` // records of it
	Last        time.Time       `json:"last,omitzero"`
	// Refused is true where every record says that the network refused it.
	Refused bool `json:"refused,omitempty"`
	// Guessed is true where no record says which end opened it.
	Guessed bool `json:"guessed,omitempty"`
	// Folded is true where Peer is a range that stands for more addresses than the
	// records keep apart.
	Folded bool   `json:"folded,omitempty"`
	Why    string `json:"why,omitempty"` // of what is declared
}

// Permission is what passes and nobody used.
type Permission struct {
	Peer        ident.Ref       `json:"peer"`
	Connections []segment.Conn  `json:"connections"`
	Verdict     segment.Verdict `json:"verdict"`
	// Rule decides the first of Connections on this side; Source is where its object
	// was read, as FILE:LINE, or "".
	Rule   segment.RuleRef `json:"rule"`
	Source string          `json:"source,omitempty"`
	// Within counts the addresses of a block that were seen in use.
	Within int `json:"usedWithin,omitempty"`
	// Stays is true where some of it passes after the last stage, too.
	Stays bool `json:"stays,omitempty"`
	// MadeBy says of what stays which policy grants it that a controller makes, and
	// from what: "NetworkPolicy shop/db, which Database books makes".
	MadeBy string `json:"madeBy,omitempty"`

	standing []segment.Conn // what of it such policies grant, perhaps
	by       *policy        // one of them
}

// Edit is one object that is applied or deleted with a workload's stage.
type Edit struct {
	Action    string    `json:"action"` // "create", "replace", "remove"
	Cluster   string    `json:"cluster,omitempty"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	File      string    `json:"file,omitempty"`   // in the folder; "" of what is removed
	Source    string    `json:"source,omitempty"` // FILE:LINE of what is replaced or removed
	For       []string  `json:"for"`              // directions
	Workload  ident.Ref `json:"workload"`
	Why       string    `json:"why"`
	NewPods   string    `json:"newPods,omitempty"`
	// Lasting says where the change must be made to last.
	Lasting string `json:"lasting"`
	// Unpatched says why change.diff does not hold it.
	Unpatched string `json:"unpatched,omitempty"`
}

// Left is a policy that stays until the last stage, or beyond it.
type Left struct {
	Kind      string `json:"kind"`
	Cluster   string `json:"cluster,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Source    string `json:"source,omitempty"`
	// RemovedLast is true where everything that it selects is tightened: the last
	// stage removes it.
	RemovedLast bool `json:"removedLast"`
	Selects     int  `json:"selects"` // workloads
	// MadeBy is the controller that makes it, "" if none is known to, and Keeps how many
	// permissions stay for it that nobody used.
	MadeBy  string `json:"madeBy,omitempty"`
	Keeps   int    `json:"keeps,omitempty"`
	Why     string `json:"why"`
	Lasting string `json:"lasting,omitempty"`
}

// Stage is one step of the roll-out.
type Stage struct {
	Title     string      `json:"title"`
	Namespace string      `json:"namespace,omitempty"`
	Workloads []ident.Ref `json:"workloads,omitempty"`
	Apply     []string    `json:"apply,omitempty"`  // files of the folder
	Remove    []string    `json:"remove,omitempty"` // "networkpolicy NAMESPACE NAME"
	Do        string      `json:"do"`
	Watch     string      `json:"watch"`
}

// Proof is what the engine found with the proposal applied.
type Proof struct {
	// Kept counts the used and needed connections that were asked anew in both states.
	Kept int `json:"kept"`
	// Before, Applied and Final count what passes between any two ends: as it is, with
	// everything applied, and after the last stage.
	Before  Count `json:"before"`
	Applied Count `json:"applied"`
	Final   Count `json:"final"`
	// Opened is always zero: what would open anything is held back. Decided counts
	// connections of pairs that were unknown and are certain now.
	Opened  int `json:"opened"`
	Decided int `json:"decided"`
	// HeldBack are the sides that the proof refused.
	HeldBack    []string `json:"heldBack,omitempty"`
	Enforcement string   `json:"enforcement"`
	Words       string   `json:"words"`
}

// Count is a number of permissions.
type Count struct {
	Edges   int `json:"edges"`   // ordered pairs of ends with something open, perhaps open among them
	Unknown int `json:"unknown"` // of them, those only perhaps open
}

// LacksData reports whether a workload was left out for lack of data.
func (p *Plan) LacksData() bool {
	for i := range p.Workloads {
		for j := range p.Workloads[i].Sides {
			if p.Workloads[i].Sides[j].LacksData {
				return true
			}
		}
	}
	return false
}

// Sum counts the sides of the plan by state.
func (p *Plan) Sum() (tightened, least, heldBack int) {
	for i := range p.Workloads {
		for j := range p.Workloads[i].Sides {
			switch p.Workloads[i].Sides[j].State {
			case Tightened:
				tightened++
			case Least:
				least++
			case HeldBack:
				heldBack++
			}
		}
	}
	return tightened, least, heldBack
}

func source(s estate.Source) string {
	if s.File == "" {
		return ""
	}
	return s.File + ":" + strconv.Itoa(s.Line)
}
