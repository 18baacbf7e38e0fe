package contain

import (
	"cmp"
	"context"
	"slices"

	"github.com/cofferdam-io/cofferdam/contain/cut"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Proof is what the engine finds with the change applied, and what that rests on.
// It is data: another evaluator can read Before and After and check them.
type Proof struct {
	SchemaVersion string `json:"schemaVersion"`
	// Checked says on what: "model" until packets or flows confirm it.
	Checked string `json:"checked"`
	Engine  string `json:"engine"`
	// Proved is true where everything meant to go is gone, nothing else changed, and
	// no unknown could make either untrue. NotProved says why not.
	Proved      bool        `json:"proved"`
	NotProved   []string    `json:"notProved,omitempty"`
	Assumptions Assumptions `json:"assumptions"`
	Inputs      Inputs      `json:"inputs"`
	Objective   string      `json:"objective"` // as a sentence
	// Declared are the connections that the plan cuts; all of Changed lies in them.
	Declared []Cut `json:"declared"`
	// Changed is every connection of every workload on which the estate before and
	// after disagrees.
	Changed []segment.Change `json:"changed"`
	// Undeclared is what changed and should not have; a plan with any is never offered.
	Undeclared []segment.Change `json:"undeclared,omitempty"`
	// StillOpen is what was to go and is not certainly gone.
	StillOpen []segment.Edge `json:"stillOpen,omitempty"`
	// Workloads are all of the estate, as Before and After number them, from 0.
	Workloads []ident.Ref `json:"workloads"`
	// Before and After are all edges of the affected workloads, in and out.
	Before   []Line   `json:"before"`
	After    []Line   `json:"after"`
	Residual Residual `json:"residual"`
}

// Line is all edges out of a workload ("egress") or into it ("ingress"), put
// together by what is open: many edges have few answers.
type Line struct {
	Workload  ident.Ref       `json:"workload"`
	Direction string          `json:"direction"`
	Peers     []segment.Peers `json:"peers"`
}

// Edges writes lines of the proof out, edge by edge. One between two affected
// workloads is in the lines of both, and comes once.
func (p *Proof) Edges(lines []Line) []segment.Edge {
	rows := make(map[ident.Ref]bool)
	for _, l := range lines {
		rows[l.Workload] = rows[l.Workload] || l.Direction == segment.Egress.String()
	}
	var out []segment.Edge
	for _, l := range lines {
		leaves := l.Direction == segment.Egress.String()
		for _, x := range l.Peers {
			put := func(other ident.Ref) {
				e := segment.Edge{Src: l.Workload, Dst: other, Connections: x.Connections, Verdict: x.Verdict, Partial: x.Partial}
				if !leaves {
					if rows[other] {
						return
					}
					e.Src, e.Dst = other, l.Workload
				}
				out = append(out, e)
			}
			for _, i := range x.Workloads {
				if int(i) < len(p.Workloads) {
					put(p.Workloads[i])
				}
			}
			for _, b := range x.Blocks {
				put(ident.Ref{CIDR: b})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b segment.Edge) int { return cmp.Or(a.Src.Compare(b.Src), a.Dst.Compare(b.Dst)) })
	return out
}

// Assumptions are what a proof rests on.
type Assumptions struct {
	Enforcement string `json:"enforcement"`
	// Unknowns are causes that could change the plan: doubts about connections that its
	// cut and its sentence hang on, and about what is affected.
	Unknowns []inventory.Unknown `json:"unknowns"`
	Coverage inventory.Coverage  `json:"coverage"`
	Flows    *Window             `json:"flows,omitempty"`
	// Pivots says from which workloads an attacker is taken not to go on; "" where from
	// every one.
	Pivots      string      `json:"pivots,omitempty"`
	Established Established `json:"established"`
}

// Residual is what stays within reach of the affected workloads.
type Residual struct {
	Before    int         `json:"before"` // workloads within reach
	After     int         `json:"after"`
	Workloads []ident.Ref `json:"workloads"` // after, the nearest first
	// ProtectedReached are protected workloads that some path still leads to.
	ProtectedReached []ident.Ref `json:"protectedReached"`
	// ThroughNodes are workloads on the network of their node that are within reach.
	// Paths that go on from there are not cut and not counted: no policy holds them.
	ThroughNodes []ident.Ref `json:"throughNodes,omitempty"`
	// FromInternet are affected workloads that some path from the internet leads to.
	FromInternet []ident.Ref `json:"fromInternet,omitempty"`
	LeftOpen     []Opening   `json:"leftOpen"`
}

// Opening is a way out that a plan leaves, on purpose or because no policy holds it.
type Opening struct {
	Workload ident.Ref `json:"workload"`
	What     string    `json:"what"`
	Why      string    `json:"why"`
}

// prove compares the estate before and after a change of policies, of which the
// connections of the workloads that they select, before or after, are all that can differ.
func (n *network) prove(ctx context.Context, after *segment.Graph, cuts []Cut, policies []segment.PolicyRef) (*Proof, error) {
	changed, pods, ok, err := segment.DiffPolicies(ctx, n.p.Graph, after)
	if err != nil {
		return nil, err
	}
	if !ok { // the graph was compiled anew
		touched := slices.Clone(n.labelled)
		for _, r := range policies {
			touched = append(append(touched, n.p.Graph.Selected(r)...), after.Selected(r)...)
		}
		if changed, err = segment.DiffOf(ctx, n.p.Graph, after, touched); err != nil {
			return nil, err
		}
		if pods, err = segment.DiffPods(ctx, n.p.Graph, after, touched); err != nil {
			return nil, err
		}
	}
	return n.judge(ctx, after, cuts, changed, pods)
}

// judge says whether a change is the one that was declared and does what it is for.
// pods are the changes for single pods of workloads whose pods differ.
func (n *network) judge(ctx context.Context, after *segment.Graph, cuts []Cut, changed, pods []segment.Change) (*Proof, error) {
	p := &Proof{
		SchemaVersion: inventory.SchemaVersion, Checked: "model", Engine: n.p.Engine, Declared: cuts, Changed: changed,
		Objective: n.sentence(), Workloads: n.refs, Before: make([]Line, 0, 2*len(n.p.Affected)), After: make([]Line, 0, 2*len(n.p.Affected)),
	}
	if p.Changed == nil {
		p.Changed = []segment.Change{}
	}
	declared := make(map[cut.Pair]*Cut, len(cuts))
	for i := range cuts {
		if k, ok := n.ends(&cuts[i].From, &cuts[i].To); ok {
			declared[k] = &cuts[i]
		}
	}
	of := n.workloadsOf(pods)
	for _, some := range [][]segment.Change{changed, pods} {
		for i := range some {
			c := &some[i]
			src, dst := c.Src, c.Dst
			if w, pod := of[src]; pod {
				src = w
			}
			if w, pod := of[dst]; pod {
				dst = w
			}
			if src.IsCIDR() && onlyInternet(src) {
				src = internet
			}
			k, ok := n.ends(&src, &dst)
			d := declared[k]
			if !ok || d == nil || c.After == segment.Allowed || c.After == segment.Unknown && c.Before == segment.Denied || len(segment.Common(c.Connections, d.Keep)) > 0 {
				p.Undeclared = append(p.Undeclared, *c)
			}
		}
	}
	left := make(map[cut.Pair]bool) // by pair of a cut: something is open after
	for i := range cuts {
		c := &cuts[i]
		if c.Neighbour {
			continue // nobody asked for it to go
		}
		edges, err := n.leftOf(after, c)
		if err != nil {
			return nil, err
		}
		if k, ok := n.ends(&c.From, &c.To); ok {
			left[k] = len(edges) > 0
		}
		for _, e := range edges {
			if e.Connections = segment.Minus(e.Connections, c.Keep); len(e.Connections) > 0 {
				p.StillOpen = append(p.StillOpen, e)
			}
		}
	}
	for _, r := range n.p.Affected {
		for _, d := range []segment.Gress{segment.Egress, segment.Ingress} {
			was, err := n.p.Graph.PeersOf(r, d)
			if err != nil {
				return nil, err
			}
			is, err := after.PeersOf(r, d)
			if err != nil {
				return nil, err
			}
			p.Before, p.After = append(p.Before, Line{r, d.String(), was}), append(p.After, Line{r, d.String(), is})
		}
	}
	if err := n.residual(ctx, after, p, left); err != nil {
		return nil, err
	}
	for i := range cuts {
		if cuts[i].From == internet {
			p.Residual.LeftOpen = append(p.Residual.LeftOpen, Opening{Workload: cuts[i].To, What: "the internet, where a load balancer or a node puts its own address in place of the client's",
				Why: "policies then see that address, which the plan leaves; externalTrafficPolicy: Local keeps the client's"})
		}
	}
	n.verdict(p)
	return p, nil
}

// leftOf lists what of a cut is open after a change.
func (n *network) leftOf(after *segment.Graph, c *Cut) ([]segment.Edge, error) {
	if c.From != internet {
		return after.Between(c.From, c.To)
	}
	edges, err := after.Column(c.To)
	return slices.DeleteFunc(edges, func(e segment.Edge) bool { return !fromInternet(e.Src) }), err
}

// workloadsOf maps the pods in changes to their workloads.
func (n *network) workloadsOf(pods []segment.Change) map[ident.Ref]ident.Ref {
	out := make(map[ident.Ref]ident.Ref)
	if len(pods) == 0 {
		return out
	}
	for i := range n.model.Endpoints {
		e := &n.model.Endpoints[i]
		out[e.Ref] = n.model.Workloads[e.Workload].Ref
	}
	return out
}

// residual fills what stays within reach. left says of pairs of cuts whether something
// is open after.
func (n *network) residual(ctx context.Context, after *segment.Graph, p *Proof, left map[cut.Pair]bool) error {
	before, err := n.beyond(ctx, n.numbers(n.p.Affected))
	if err != nil {
		return err
	}
	then, err := n.after(after, p.Changed, left)
	if err != nil {
		return err
	}
	within, err := then.reach(ctx, n.p.Affected)
	if err != nil {
		return err
	}
	p.Residual = Residual{Before: len(members(before)), After: len(within), Workloads: within, ProtectedReached: []ident.Ref{}, LeftOpen: n.leftOpen(p.After)}
	if n.p.Objective == CloseInternet {
		entrances := n.entrances(after)
		entered, err := then.reach(ctx, entrances)
		if err != nil {
			return err
		}
		for _, r := range n.p.Affected {
			if slices.Contains(entered, r) || slices.Contains(entrances, r) {
				p.Residual.FromInternet = append(p.Residual.FromInternet, r)
			}
		}
	}
	if n.pastNodes {
		for _, r := range within {
			if n.rails.host[n.index[r]] {
				p.Residual.ThroughNodes = append(p.Residual.ThroughNodes, r)
			}
		}
	}
	for _, r := range within {
		if slices.Contains(n.p.Protected, r) && !slices.Contains(n.p.Affected, r) {
			p.Residual.ProtectedReached = append(p.Residual.ProtectedReached, r)
		}
	}
	return nil
}

// after is the network once a change took place: the rows in which something
// changed are its own, the others those of before. left is what is known already.
func (n *network) after(g *segment.Graph, changed []segment.Change, left map[cut.Pair]bool) (*network, error) {
	out := *n
	out.rows = slices.Clone(n.rows)
	own := make(map[int]bool)
	for i := range changed {
		c := &changed[i]
		k, inside := n.pair(c.Src, c.Dst)
		if !inside || !n.leadsOn(int(k.From)) {
			continue
		}
		u, v := int(k.From), int(k.To)
		if !own[u] {
			out.rows[u], own[u] = slices.Clone(n.row(u)), true
		}
		open, known := left[k]
		if !known {
			edges, err := g.Between(c.Src, c.Dst)
			if err != nil {
				return nil, err
			}
			open = len(edges) > 0
			left[k] = open
		}
		if out.rows[u][v>>6] &^= 1 << (v & 63); open {
			out.rows[u][v>>6] |= 1 << (v & 63)
		}
	}
	return &out, nil
}

// reach lists the workloads within reach of some, these left out, unknown steps
// walked; an attacker goes on from pivots only.
func (n *network) reach(ctx context.Context, from []ident.Ref) ([]ident.Ref, error) {
	set, err := n.beyond(ctx, n.numbers(from))
	if err != nil {
		return nil, err
	}
	return n.refsOf(members(set)), nil
}

// beyond is the set of what reach lists.
func (n *network) beyond(ctx context.Context, from []int) ([]uint64, error) {
	set, err := n.within(ctx, from)
	if err != nil {
		return nil, err
	}
	for _, u := range from {
		set[u>>6] &^= 1 << (u & 63)
	}
	return set, nil
}

// verdict decides whether the proof holds.
func (n *network) verdict(p *Proof) {
	no := func(s string) { p.NotProved = append(p.NotProved, s) }
	for _, c := range p.Undeclared {
		no(c.Src.Short() + " → " + c.Dst.Short() + " changes from " + c.Before.String() + " to " + c.After.String() + ", which the plan does not declare")
	}
	for _, e := range p.StillOpen {
		if e.Verdict == segment.Allowed {
			no(e.Src.Short() + " → " + e.Dst.Short() + " is still open")
		} else {
			no("whether " + e.Src.Short() + " → " + e.Dst.Short() + " is closed is unknown")
		}
	}
	switch n.p.Objective {
	case Separate:
		for _, r := range p.Residual.ProtectedReached {
			no("a path to " + r.Short() + " is left")
		}
	case Shrink:
		if p.Residual.After > n.p.Most {
			no("more than the asked number of workloads stay within reach")
		}
	case CloseInternet:
		for _, r := range p.Residual.FromInternet {
			no("a path from the internet to " + r.Short() + " is left")
		}
	case Isolate: // what is declared is all there is to it
	}
	p.Proved = len(p.NotProved) == 0
}
