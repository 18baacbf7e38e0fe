package tighten

import (
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/flow"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Problem is what a proposal is made from.
type Problem struct {
	Graph *segment.Graph
	Set   *manifest.Set // that the graph's model was made of
	// Text returns a file that the set was decoded from, by the name that it has
	// there, so that it can be edited; nil: none can.
	Text func(file string) ([]byte, error)
	// About says what is declared about a workload; nil: nothing is.
	About func(ident.Ref) inventory.About
	// Observed is what was seen on the network.
	Observed *flow.Observed
	// Needs are connections that the owners declare necessary, whether or not
	// anybody saw them.
	Needs []contain.Need
	// Only are the workloads to tighten; none: all of them.
	Only []ident.Ref
	// Directions are those to tighten; none: both.
	Directions []segment.Gress
	// MayCut lists guard rails that the user gives up by name: contain.GuardDNS, or a
	// workload that is declared vital.
	MayCut []string
	// AcceptUnobserved tightens workloads that no record mentions, too.
	AcceptUnobserved bool
	At               time.Time
	Coverage         inventory.Coverage
	Engine           string // name and version of the program, for the proof
}

func (p *Problem) about(r ident.Ref) inventory.About {
	if p.About == nil {
		return inventory.About{}
	}
	return p.About(r)
}

func (p *Problem) mayCut(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(p.MayCut, n) })
}

// check refuses what nothing can come of.
func (p *Problem) check() error {
	if p.Observed == nil {
		return ident.Errorf(ident.KindUsage, "nothing says what is in use").WithHint("--observed FLOWS with what was seen on the network")
	}
	profile := p.Graph.Profile()
	if !profile.Enforced || profile.NetworkPolicy != segment.Yes {
		return ident.Errorf(ident.KindUnsupported, "this network is not known to enforce NetworkPolicies (%s): none tightens anything", p.Graph.Enforcement()).
			WithHint("install a network plugin that enforces NetworkPolicy, or name the plugin that is there with --cni")
	}
	known := p.Graph.Workloads()
	for _, r := range p.Only {
		if _, found := slices.BinarySearchFunc(known, r, ident.Ref.Compare); !found {
			return ident.Errorf(ident.KindNotFound, "%s is no workload of the input", r)
		}
	}
	return contain.CheckGuards(p.MayCut, p.Graph)
}
