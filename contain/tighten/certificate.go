package tighten

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Certificate is the proof of a proposal as proof.json carries it: what it rests
// on, what must pass as before, and what no longer passes. It is data: another
// evaluator can read it and hold it against the same estate.
type Certificate struct {
	SchemaVersion string `json:"schemaVersion"`
	Of            string `json:"of"` // "tighten": a plan of contain says nothing here
	// Checked says on what: "model" until packets or flows confirm it.
	Checked     string         `json:"checked"`
	Engine      string         `json:"engine"`
	Proved      bool           `json:"proved"`
	NotProved   []string       `json:"notProved,omitempty"`
	Assumptions Assumptions    `json:"assumptions"`
	Inputs      contain.Inputs `json:"inputs"`
	Objective   string         `json:"objective"`
	Kept        []Connection   `json:"kept"` // must pass as before, in both states
	Applied     Closed         `json:"applied"`
	Final       Closed         `json:"final"` // after the last stage
}

// Assumptions are what a certificate rests on.
type Assumptions struct {
	Enforcement string              `json:"enforcement"`
	Unknowns    []inventory.Unknown `json:"unknowns"`
	Coverage    inventory.Coverage  `json:"coverage"`
	Flows       contain.Window      `json:"flows"`
}

// Connection is one that was seen, declared, or resolves names.
type Connection struct {
	Src         ident.Ref      `json:"src"`
	Dst         ident.Ref      `json:"dst"`
	Connections []segment.Conn `json:"connections"`
}

// Closed is what no longer passes in a state.
type Closed struct {
	Edges   int              `json:"edges"`   // that are left, of workloads and addresses
	Changes int              `json:"changes"` // how many there are
	Listed  []segment.Change `json:"listed"`  // the first of them, up to mostListed
}

// mostListed bounds the changes that a certificate lists: in an open estate of ten
// thousand workloads there are a hundred million.
const mostListed = 20_000

const ofTighten = "tighten"

// changes fills what each state closes.
func (s *solver) changes(plan *Plan, applied, final *segment.Graph) error {
	plan.Certificate = &Certificate{}
	for _, x := range []struct {
		g    *segment.Graph
		into *Closed
	}{{final, &plan.Certificate.Final}, {applied, &plan.Certificate.Applied}} { // final was judged last
		x.into.Listed = []segment.Change{}
		if x.g == s.p.Graph {
			continue
		}
		got, err := s.compare(x.g)
		if err != nil {
			return err
		}
		x.into.list(got)
	}
	return nil
}

// compare returns what a state changes for what is tightened; of the state that
// was compared last it is known.
func (s *solver) compare(g *segment.Graph) ([]segment.Change, error) {
	if s.compared != g {
		changes, err := segment.DiffOf(s.ctx, s.p.Graph, g, s.subjects())
		if err != nil {
			return nil, err
		}
		s.compared, s.changed = g, changes
	}
	return s.changed, nil
}

func (c *Closed) list(changes []segment.Change) {
	c.Changes = len(changes)
	c.Listed = append(c.Listed, changes[:min(len(changes), mostListed)]...)
}

// certify writes down what the proof rests on and what it asked.
func (s *solver) certify(plan *Plan) {
	c := plan.Certificate
	c.SchemaVersion, c.Of, c.Checked, c.Engine, c.Proved = inventory.SchemaVersion, ofTighten, "model", s.p.Engine, true
	c.Objective = "nothing opens, and what was seen, is declared or resolves names passes as before"
	c.Assumptions = Assumptions{Enforcement: s.p.Graph.Enforcement(), Unknowns: plan.Unknowns, Coverage: plan.Coverage, Flows: plan.Observed}
	c.Applied.Edges, c.Final.Edges = plan.Proof.Applied.Edges, plan.Proof.Final.Edges
	c.Kept = []Connection{}
	for _, u := range s.units {
		if u.denial == nil {
			continue
		}
		for _, w := range u.wants {
			src, dst := u.ends(w.peer)
			c.Kept = append(c.Kept, Connection{src, dst, w.conns})
		}
	}
	slices.SortStableFunc(c.Kept, func(a, b Connection) int { return cmp.Or(a.Src.Compare(b.Src), a.Dst.Compare(b.Dst)) })
}

// IsFolder reports whether a folder says of itself that it holds a proposal of
// this package. One that lies is refused by Open.
func IsFolder(folder []contain.File) bool {
	i := slices.IndexFunc(folder, func(f contain.File) bool { return f.Name == proofFile })
	var proof struct {
		Of string `json:"of"`
	}
	return i >= 0 && json.Unmarshal(folder[i].Data, &proof) == nil && proof.Of == ofTighten
}

// Open reads a proposal's folder and holds every file against the digests of its
// proof. Faults say what was changed since; an error, that it is no proposal.
func Open(folder []contain.File) (p *Plan, faults []string, err error) {
	p = &Plan{Certificate: &Certificate{}}
	if err := contain.Read(folder, planFile, p); err != nil {
		return nil, nil, err
	}
	if err := contain.Read(folder, proofFile, p.Certificate); err != nil {
		return nil, nil, err
	}
	if p.Certificate.Of != ofTighten {
		return nil, nil, ident.Errorf(ident.KindRefused, "is no proof of a tightening").At(proofFile)
	}
	return p, p.Certificate.Inputs.Changed(folder), nil
}

// Removed are the policies that are deleted after the new ones are applied.
func (p *Plan) Removed() []segment.PolicyRef {
	var out []segment.PolicyRef
	for i := range p.Edits {
		if e := &p.Edits[i]; e.Action == "remove" {
			out = append(out, segment.PolicyRef{Kind: networkPolicy, Cluster: e.Cluster, Namespace: e.Namespace, Name: e.Name})
		}
	}
	return out
}

// RemovedLast are the policies that the last stage deletes.
func (p *Plan) RemovedLast() []segment.PolicyRef { return lastRemoved(p.Left) }

// Check proves a proposal anew, on graphs of the estate before, with everything
// applied, and after the last stage, that were built from files: all connections of
// all workloads are compared. Faults say what is not as it was, or does not hold.
func (p *Plan) Check(ctx context.Context, before, applied, final *segment.Graph, e *estate.Estate, engine string) (*Certificate, []string, error) {
	was := p.Certificate
	faults, err := was.Inputs.Stale(before, e, was.Assumptions.Enforcement)
	if err != nil || len(faults) > 0 {
		return nil, faults, err
	}
	c := *was
	c.Engine, c.NotProved = engine, nil
	c.Applied, c.Final = Closed{Listed: []segment.Change{}}, Closed{Listed: []segment.Change{}}
	for _, x := range []struct {
		g    *segment.Graph
		into *Closed
		want *Closed
		when string
	}{{applied, &c.Applied, &was.Applied, "with everything applied"}, {final, &c.Final, &was.Final, "after the last stage"}} {
		if err := c.state(ctx, before, x.g, x.into, x.when, p.touched(before, x.g)); err != nil {
			return nil, nil, err
		}
		if x.into.Changes != x.want.Changes || x.into.Edges != x.want.Edges {
			c.fault("%s %d connections of workloads change and %d edges are left, where the proof has %d and %d", x.when, x.into.Changes, x.into.Edges, x.want.Changes, x.want.Edges)
		}
	}
	c.Proved = len(c.NotProved) == 0
	return &c, c.NotProved, nil
}

func (c *Certificate) fault(format string, args ...any) {
	c.NotProved = append(c.NotProved, fmt.Sprintf(format, args...))
}

// touched are the workloads that a proposal's policies select, before or after.
func (p *Plan) touched(before, after *segment.Graph) []ident.Ref {
	var out []ident.Ref
	add := func(r segment.PolicyRef) { out = append(out, append(before.Selected(r), after.Selected(r)...)...) }
	for i := range p.Edits {
		add(segment.PolicyRef{Kind: networkPolicy, Cluster: p.Edits[i].Cluster, Namespace: p.Edits[i].Namespace, Name: p.Edits[i].Name})
	}
	for _, r := range p.RemovedLast() {
		add(r)
	}
	return out
}

// state judges one state of the estate.
func (c *Certificate) state(ctx context.Context, before, after *segment.Graph, into *Closed, when string, touched []ident.Ref) error {
	changes, err := segment.Diff(ctx, before, after)
	if err != nil {
		return err
	}
	pods, err := segment.DiffPods(ctx, before, after, touched)
	if err != nil {
		return err
	}
	into.list(changes)
	n, err := after.Count(ctx)
	if err != nil {
		return err
	}
	into.Edges = n.Edges
	for _, x := range slices.Concat(changes, pods) {
		if x.Opens() {
			c.fault("%s → %s %s is opened %s", x.Src.Short(), x.Dst.Short(), segment.Summary(x.Connections, 3), when)
		}
	}
	for _, k := range c.Kept {
		lost, err := lostBetween(before, after, k.Src, k.Dst, k.Connections)
		if err != nil {
			c.fault("%s → %s: %v", k.Src.Short(), k.Dst.Short(), err)
		} else if len(lost) > 0 {
			c.fault("%s → %s %s does not pass as before %s", k.Src.Short(), k.Dst.Short(), segment.Summary(lost, 3), when)
		}
	}
	return nil
}
