package inventory

import (
	"slices"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// About is what an owner declares about a workload, and what it may do besides
// talking on the network.
type About struct {
	Zone        string
	Owner       string
	Contact     string
	Criticality string // "low", "medium", "high", "critical"; "" if nothing says it
	Vital       bool   // its traffic is never to be cut
	// UsesAPI is true where its pods may talk to the API server: a service account's
	// token is mounted.
	UsesAPI bool
	// OtherWays are the ways out that no network policy holds.
	OtherWays []string
}

// About returns what is known of a workload; nothing of one that is not there.
func (s *Snapshot) About(r ident.Ref) About {
	w := s.byRef[r]
	if w == nil {
		return About{}
	}
	a := About{Zone: w.zone, Owner: w.owner, Contact: w.contact, Criticality: w.criticality, Vital: w.vital}
	if w.spec != nil {
		a.UsesAPI = automounts(w)
		a.OtherWays = s.otherWays(w)
	}
	return a
}

// Protected returns the workloads that SELECTORs name, or those that the estate
// file protects where there is none. A selector that selects nothing is an error
// of kind usage: it would always look safe.
func (s *Snapshot) Protected(selectors []string) ([]ident.Ref, error) {
	sels, err := s.selectors(selectors)
	if err != nil {
		return nil, err
	}
	var out []ident.Ref
	for _, w := range s.workloads {
		if len(sels) == 0 && w.protected || slices.ContainsFunc(sels, func(x estate.Selector) bool { return x.Matches(&w.member) }) {
			out = append(out, w.Ref)
		}
	}
	return out, nil
}

// selectors reads the SELECTORs of --protect.
func (s *Snapshot) selectors(texts []string) ([]estate.Selector, error) {
	var out []estate.Selector
	for _, t := range texts {
		sel, err := estate.ParseSelector(t)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(s.workloads, func(w *workload) bool { return sel.Matches(&w.member) }) {
			return nil, ident.Errorf(ident.KindUsage, "--protect %s selects no workload", t).
				WithHint("a selector that selects nothing would always look safe: cofferdam map shows zones and names")
		}
		out = append(out, sel)
	}
	return out, nil
}

// Graph is the reachability that the snapshot was joined with.
func (s *Snapshot) Graph() *segment.Graph { return s.in.Graph }
