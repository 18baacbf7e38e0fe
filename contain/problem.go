package contain

import (
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Objective is what a plan is to achieve.
type Objective string

// The objectives.
const (
	// Separate keeps the affected workloads from the protected ones: no path of
	// connections leads from one to the other, however many hops it has.
	Separate Objective = "separate"
	// Isolate leaves the affected workloads no connection with any pod.
	Isolate Objective = "isolate"
	// Shrink leaves at most a number of workloads within reach of the affected ones.
	Shrink Objective = "shrink"
	// CloseInternet leaves no path from the internet to the affected workloads.
	CloseInternet Objective = "close-internet"
)

// Objectives returns all of them, the default first.
func Objectives() []Objective { return []Objective{Separate, Isolate, Shrink, CloseInternet} }

// Grain is what a cut is made of.
type Grain string

// The grains.
const (
	// Edges denies exactly the connections on the cut and nothing else.
	Edges Grain = "edges"
	// Workloads restricts whole workloads, in one direction, to what was seen or
	// declared, which holds for connections that the next deployment brings, too.
	Workloads Grain = "workloads"
	// Auto takes whichever breaks less, and hardens workloads among equals.
	Auto Grain = "auto"
)

// Grains returns all of them, the default first.
func Grains() []Grain { return []Grain{Edges, Workloads, Auto} }

// Problem is what a plan is made from.
type Problem struct {
	Query     string // that found the affected workloads
	Objective Objective
	Most      int   // of Shrink: workloads that may stay within reach
	Grain     Grain // "" is Edges
	Affected  []ident.Ref
	Protected []ident.Ref // of Separate
	// NonPivots are workloads that an attacker cannot go on from, sorted, each with the
	// reason; every other one is taken to be a pivot.
	NonPivots []NonPivot

	Graph *segment.Graph
	Set   *manifest.Set
	// Text returns a file that the set was decoded from, by the name that it has
	// there, so that it can be edited; nil: none can.
	Text func(file string) ([]byte, error)
	// About says what is declared about a workload; nil: nothing is.
	About func(ident.Ref) inventory.About
	// Traffic is what was seen on the network; nil: nothing was watched, and what a
	// cut costs is unknown.
	Traffic Traffic
	// Needs are connections that the owners declare necessary.
	Needs []Need
	// Doubts are causes of other kinds that could change what is affected, such as SBOMs
	// that nobody vouches for.
	Doubts []inventory.Unknown
	// MayCut lists guard rails that the user gives up by name: "dns", "api-server",
	// or a vital workload.
	MayCut []string
	// Means, if not empty, is the only kind of object that the plan may use.
	Means Means
	// AcceptUnobserved allows what cuts connections that nobody named, without
	// knowing whether they are in use.
	AcceptUnobserved bool

	// QuarantineLabels lets the plan put labels on pods where their own do not tell
	// workloads from others, instead of naming the neighbours that it cuts, too.
	QuarantineLabels bool

	// First takes the first way that is proved, the cut nearest the source by the means
	// that is preferred, and compares it with no other: it is one of the fewest
	// connections, and need not be one of the fewest policies.
	First bool

	// Stage, if not nil, is told what is begun: StageCut, StageWrite, StageProve.
	Stage func(stage string)

	At       time.Time
	Coverage inventory.Coverage
	Engine   string // name and version of the program, for the proof
}

// NonPivot is a workload that an attacker who reaches it cannot go on from.
type NonPivot struct {
	Workload ident.Ref `json:"workload"`
	Why      string    `json:"why"`
}

// Traffic is what was seen on the network. Its methods are called by one
// goroutine at a time.
type Traffic interface {
	// Flows returns the connections that were opened between workloads, or from outside
	// to one, in any order.
	Flows() []Flow
	// Doubtful are workloads that were seen with an end that is no certain workload:
	// what hardening one would break is not known.
	Doubtful() []ident.Ref
	// Window says from when to when was watched, and what was not.
	Window() Window
}

// Flow is what was seen on one destination port.
type Flow struct {
	Src   ident.Ref    `json:"src"`
	Dst   ident.Ref    `json:"dst"`
	Conn  segment.Conn `json:"connection"`
	Count uint64       `json:"count"` // connections
	Last  time.Time    `json:"last"`
	// Guessed is true where the record did not say which end opened it.
	Guessed bool `json:"guessed,omitempty"`
}

// Window is the time that Traffic covers, and what it cannot tell.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Age is how long before the question the last record is.
	Age time.Duration `json:"age"`
	// Silent counts workloads that no record mentions: not seen is not "talks to
	// nobody".
	Silent int `json:"silentWorkloads"`
	// Unplaced counts records of which an end is no certain workload.
	Unplaced uint64 `json:"unplacedRecords"`
	Sources  string `json:"sources"`
	// Incomplete, if not empty, says what was lost of the records.
	Incomplete string `json:"incomplete,omitempty"`
}

// Need is a connection that an owner declares.
type Need struct {
	Src, Dst ident.Ref
	Conns    []segment.Conn // none: every port
	Why      string
}

// The guard rails that a user can give up by name.
const (
	GuardDNS = "dns"
	GuardAPI = "api-server"
)

func (p *Problem) about(r ident.Ref) inventory.About {
	if p.About == nil {
		return inventory.About{}
	}
	return p.About(r)
}

// check refuses what contradicts itself, and returns the protected workloads that
// are affected themselves: nothing keeps those from it.
func (p *Problem) check() (inside []ident.Ref, err error) {
	if len(p.Affected) == 0 {
		return nil, ident.Errorf(ident.KindUsage, "no workload is affected: there is nothing to contain")
	}
	for _, r := range slices.Concat(p.Affected, p.Protected) {
		if _, found := p.Graph.Number(r); !found {
			return nil, ident.Errorf(ident.KindNotFound, "%s is no workload of the input", r)
		}
	}
	if err := p.checkGrain(); err != nil {
		return nil, err
	}
	if err := CheckGuards(p.MayCut, p.Graph); err != nil {
		return nil, err
	}
	switch p.Objective {
	case Separate:
		if len(p.Protected) == 0 {
			return nil, ident.Errorf(ident.KindUsage, "nothing is protected, so there is nothing to keep the affected workloads from").
				WithHint("--protect SELECTOR, protected: in the estate file, or --objective isolate")
		}
		for _, r := range p.Protected {
			if slices.Contains(p.Affected, r) {
				inside = append(inside, r)
			}
		}
		if len(inside) == len(p.Protected) {
			return nil, ident.Errorf(ident.KindUsage, "everything protected is affected itself (%s): no cut keeps them apart", names(inside, 3)).
				WithHint("--objective isolate takes the affected workloads off the network; --protect SELECTOR names something else")
		}
	case Isolate:
		if p.Traffic == nil && !p.AcceptUnobserved {
			return nil, ident.Errorf(ident.KindUsage, "isolating denies connections that nobody has looked at: no flow records say which are in use").
				WithHint("--observed FLOWS with what was seen on the network, or --accept-unobserved to cut them all the same")
		}
	case Shrink:
		if p.Most < 0 {
			return nil, ident.Errorf(ident.KindUsage, "at most %d workloads within reach is fewer than none", p.Most)
		}
	case CloseInternet:
	default:
		return nil, ident.Errorf(ident.KindUsage, "no objective is called %.60q", string(p.Objective)).WithHint("one of: %s, %s, %s, %s", Separate, Isolate, Shrink, CloseInternet)
	}
	if !p.Graph.Profile().Enforced {
		return nil, ident.Errorf(ident.KindUnsupported, "nothing is enforced on this network (%s): no policy contains anything", p.Graph.Enforcement()).
			WithHint("install a network plugin that enforces NetworkPolicy, scale the workload down, or name the plugin that is there with --cni")
	}
	return inside, nil
}

// ParseMeans reads the kind of object that a plan is to use.
func ParseMeans(s string) (Means, error) {
	for _, m := range []Means{AdminTier, CiliumDeny, Rewrite} {
		if strings.EqualFold(s, string(m)) {
			return m, nil
		}
	}
	return "", ident.Errorf(ident.KindUsage, "no plan is made of %.60q", s).WithHint("one of: %s, %s, %s", AdminTier, CiliumDeny, Rewrite)
}

// The stages of making a plan.
const (
	StageCut   = "finding the cut"
	StageWrite = "writing policies"
	StageProve = "proving the plan"
)

func (p *Problem) stage(s string) {
	if p.Stage != nil {
		p.Stage(s)
	}
}

// names lists references for a sentence.
func names(refs []ident.Ref, most int) string {
	out := make([]string, 0, most+1)
	for i, r := range refs {
		if i == most {
			out = append(out, "…")
			break
		}
		out = append(out, r.Short())
	}
	return strings.Join(out, ", ")
}
