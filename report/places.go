package report

import (
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Places finds objects in the input, for formats that point into files.
type Places struct {
	Policies  map[segment.PolicyRef]estate.Source
	Workloads map[ident.Ref]estate.Source
}

// NewPlaces indexes what an estate was read from.
func NewPlaces(e *estate.Estate) Places {
	p := Places{Policies: make(map[segment.PolicyRef]estate.Source, len(e.Policies)), Workloads: make(map[ident.Ref]estate.Source, len(e.Workloads))}
	for _, x := range e.Policies {
		p.Policies[segment.PolicyRef{Kind: x.Kind, Cluster: x.Cluster, Namespace: x.Namespace, Name: x.Name}] = x.Source
	}
	for _, w := range e.Workloads {
		p.Workloads[w.Ref] = w.Source
	}
	return p
}

// policy is the place of the object of a rule.
func (p *Places) policy(r segment.RuleRef) (sarifLocation, bool) {
	s, ok := p.Policies[segment.PolicyRef{Kind: r.Kind, Cluster: r.Cluster, Namespace: r.Namespace, Name: r.Name}]
	if !ok || s.File == "" {
		return sarifLocation{}, false
	}
	return inFile(s.File, s.Line, sarifLogical{FullyQualifiedName: rule(r), Kind: "object"}), true
}

// workload is the place of a workload's own object.
func (p *Places) workload(r ident.Ref) (sarifLocation, bool) {
	s, ok := p.Workloads[r]
	if !ok || s.File == "" {
		return sarifLocation{}, false
	}
	return inFile(s.File, s.Line, sarifLogical{FullyQualifiedName: r.String(), Kind: "object"}), true
}

// hop is the place of the rule that lets a step pass: of the policy that stands
// nearest to its end, or else of the end itself, which no policy closes.
func (p *Places) hop(h *segment.Hop) (at sarifLocation, by string, ok bool) {
	for i := len(h.AllowedBy) - 1; i >= 0; i-- {
		if at, ok := p.policy(h.AllowedBy[i]); ok {
			return at, rule(h.AllowedBy[i]), true
		}
	}
	for _, end := range []ident.Ref{h.To, h.From} {
		if at, ok := p.workload(end); ok {
			return at, "", true
		}
	}
	return sarifLocation{}, "", false
}
