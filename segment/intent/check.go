package intent

import (
	"context"
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Outcome of a rule.
type Outcome string

// The outcomes.
const (
	Holds   Outcome = "holds"
	Fails   Outcome = "fails"
	Unknown Outcome = "unknown" // an unknown edge could break it
	Empty   Outcome = "empty"   // a side selects nothing: it fails
)

// Violation is one pair of ends that breaks a rule, or may break it.
type Violation struct {
	From ident.Ref `json:"from"`
	To   ident.Ref `json:"to"`
	// Connections are those that must not pass, or, with Missing, those that must.
	Connections []segment.Conn  `json:"connections"`
	Missing     bool            `json:"missing,omitempty"`
	Verdict     segment.Verdict `json:"verdict"` // of the connections
	// Path holds each step with the rules that decide it; one for a direct edge.
	Path []segment.Hop `json:"path"`
}

// Result is what became of one rule.
type Result struct {
	Rule       Rule
	Outcome    Outcome
	Reason     string // of Empty
	Column     int    // of what Reason is about, from 1
	Violations []Violation
	// More is how many violations are not listed.
	More int
}

// maxViolations bounds what is listed of one rule.
const maxViolations = 100

// Check judges every rule. members are the workloads of the graph as selectors
// see them, with their zones.
func Check(ctx context.Context, g *segment.Graph, members []estate.Member, rules []Rule) ([]Result, error) {
	c := &checker{ctx: ctx, g: g, members: members}
	out := make([]Result, 0, len(rules))
	for _, r := range rules {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		res, err := c.rule(r)
		if err != nil {
			return nil, err
		}
		out = append(out, res)
	}
	return out, nil
}

type checker struct {
	ctx     context.Context //nolint:containedctx // lives as long as one Check
	g       *segment.Graph
	members []estate.Member
}

func (c *checker) rule(r Rule) (Result, error) {
	res := Result{Rule: r, Outcome: Holds}
	from, to := c.ends(&r.From), c.ends(&r.To)
	for _, side := range []struct {
		refs []ident.Ref
		of   *Side
	}{{from, &r.From}, {to, &r.To}} {
		if len(side.refs) == 0 {
			res.Outcome, res.Reason, res.Column = Empty, side.of.Text+" selects no workload, so the rule says nothing", side.of.Column
			return res, nil
		}
	}
	var err error
	switch {
	case r.Transitively:
		err = c.walk(&res, from, to)
	case r.Verb == Deny && r.From.Address.CIDR == ident.Internet:
		// What the policies let in matters where a way leads in.
		err = c.internet(&res, to)
	case r.Verb == Deny:
		err = c.deny(&res, from, to)
	default:
		err = c.allow(&res, from, to)
		if err == nil && r.Verb == AllowOnly {
			err = c.only(&res, from, to)
		}
	}
	return res, err
}

// ends returns the ends of a side.
func (c *checker) ends(s *Side) []ident.Ref {
	if s.outside() {
		return []ident.Ref{s.Address}
	}
	var out []ident.Ref
	for i := range c.members {
		if s.Selector.Matches(&c.members[i]) {
			out = append(out, c.members[i].Ref)
		}
	}
	return out
}

// eachPair hands over the edges of every pair of different ends. Of a block of
// addresses policies alone decide: what passes between a pod and its own node,
// which may be among them, no policy stops. Who asks for a node's very address
// is told.
func (c *checker) eachPair(from, to []ident.Ref, f func(src, dst ident.Ref, edges []segment.Edge)) error {
	for _, src := range from {
		for _, dst := range to {
			if err := c.ctx.Err(); err != nil {
				return err
			}
			if src == dst {
				continue
			}
			judge := c.g.Between
			if block(src) || block(dst) {
				judge = c.g.Policed
			}
			edges, err := judge(src, dst)
			if err != nil {
				return err
			}
			f(src, dst, edges)
		}
	}
	return nil
}

// block reports whether a reference is a block of several addresses.
func block(r ident.Ref) bool {
	p, err := netip.ParsePrefix(r.CIDR)
	return err == nil && !p.IsSingleIP()
}

// ofNodes reports whether a reference is a block of nodes' addresses.
func (c *checker) ofNodes(r ident.Ref) bool {
	p, err := netip.ParsePrefix(r.CIDR)
	return err == nil && c.g.NodesOnly(p)
}

// deny looks for edges between the sides.
func (c *checker) deny(res *Result, from, to []ident.Ref) error {
	return c.eachPair(from, to, func(src, dst ident.Ref, edges []segment.Edge) {
		for _, e := range edges {
			if over := overlap(e.Connections, res.Rule.Ports); len(over) > 0 {
				c.violate(res, Violation{From: src, To: dst, Connections: over, Verdict: e.Verdict})
			}
		}
	})
}

// allow wants every connection of the rule between every pair.
func (c *checker) allow(res *Result, from, to []ident.Ref) error {
	return c.eachPair(from, to, func(src, dst ident.Ref, edges []segment.Edge) {
		missing := wanted(res.Rule.Ports)
		var unknown []segment.Conn
		for _, e := range edges {
			switch {
			case everywhere(e):
				missing = segment.Minus(missing, e.Connections)
			case e.Verdict == segment.Unknown:
				unknown = append(unknown, overlap(e.Connections, res.Rule.Ports)...)
			}
		}
		unknown = segment.Minus(unknown, segment.Minus(unknown, missing)) // what is in both
		missing = segment.Minus(missing, unknown)
		lacks := Violation{From: src, To: dst, Connections: missing, Missing: true, Verdict: segment.Denied}
		named := len(res.Rule.Ports) > 0
		switch {
		case named && len(missing) > 0:
			c.violate(res, lacks)
		case !named && slices.ContainsFunc(edges, everywhere):
			// Without ports, any connection that all pods have is enough.
		case len(unknown) > 0:
			lacks.Connections, lacks.Verdict = unknown, segment.Unknown
			c.violate(res, lacks)
		case !named:
			c.violate(res, lacks)
		}
	})
}

// everywhere reports whether every pod of the one end has the connections to
// every pod of the other.
func everywhere(e segment.Edge) bool { return e.Verdict == segment.Allowed && !e.Partial }

// only looks for whatever else reaches the targets.
func (c *checker) only(res *Result, from, to []ident.Ref) error {
	allowed := make(map[ident.Ref]bool, len(from))
	for _, r := range from {
		allowed[r] = true
	}
	for _, dst := range to {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		column, err := c.policedColumn(dst)
		if err != nil {
			return err
		}
		for _, e := range column {
			over := e.Connections
			if allowed[e.Src] || e.Src.IsCIDR() && res.Rule.From.outside() && inside(e.Src, res.Rule.From.Address) {
				if len(res.Rule.Ports) == 0 {
					continue
				}
				over = segment.Minus(over, res.Rule.Ports)
			}
			if len(over) > 0 {
				c.violate(res, Violation{From: e.Src, To: dst, Connections: over, Verdict: e.Verdict})
			}
		}
	}
	return nil
}

// policedColumn returns what reaches a workload, but of the addresses of nodes
// only what the policies let pass: the rest no policy stops.
func (c *checker) policedColumn(dst ident.Ref) ([]segment.Edge, error) {
	column, err := c.g.Column(dst)
	if err != nil {
		return nil, err
	}
	out := make([]segment.Edge, 0, len(column))
	seen := make(map[ident.Ref]bool)
	for _, e := range column {
		if !c.ofNodes(e.Src) {
			out = append(out, e)
			continue
		}
		if seen[e.Src] {
			continue
		}
		seen[e.Src] = true
		edges, err := c.g.Policed(e.Src, dst)
		if err != nil {
			return nil, err
		}
		out = append(out, edges...)
	}
	return out, nil
}

// walk looks for ways of any number of hops. Such a rule has no ports.
func (c *checker) walk(res *Result, from, to []ident.Ref) error {
	trip, err := c.g.Travel(c.ctx, from, segment.Forward, 0)
	if err != nil {
		return err
	}
	reached, err := trip.Reached(c.ctx)
	if err != nil {
		return err
	}
	wanted := make(map[ident.Ref]bool, len(to))
	for _, r := range to {
		wanted[r] = true
	}
	for _, x := range reached {
		hit := wanted[x.Workload]
		for _, r := range to {
			hit = hit || r.IsCIDR() && x.Workload.IsCIDR() && overlaps(x.Workload, r)
		}
		if hit {
			delete(wanted, x.Workload)
			c.violate(res, Violation{From: x.Path[0].From, To: x.Workload, Connections: x.Path[len(x.Path)-1].Connections, Verdict: x.Verdict, Path: x.Path})
		}
	}
	if res.Rule.From.Address.CIDR == ident.Internet {
		for _, r := range to {
			if wanted[r] {
				c.routed(res, r, nil) // its controller may not be in the input
			}
		}
	}
	return nil
}

// violate records a violation and what it means for the rule.
func (c *checker) violate(res *Result, v Violation) {
	switch {
	case v.Verdict != segment.Unknown:
		res.Outcome = Fails
	case res.Outcome == Holds:
		res.Outcome = Unknown
	}
	if len(res.Violations) >= maxViolations {
		res.More++
		return
	}
	if v.Path == nil {
		v.Path = c.path(v)
	}
	res.Violations = append(res.Violations, v)
}

// path explains a direct edge, or why there is none.
func (c *checker) path(v Violation) []segment.Hop {
	hop := segment.Hop{From: v.From, To: v.To, Connections: v.Connections, Verdict: v.Verdict, AllowedBy: []segment.RuleRef{}}
	port := segment.Port{Protocol: v.Connections[0].Protocol, Number: v.Connections[0].From}
	if why, err := c.g.Why(v.From, v.To, &port); err == nil {
		hop.AllowedBy = []segment.RuleRef{why.Egress.Rule, why.Ingress.Rule}
	}
	return []segment.Hop{hop}
}
