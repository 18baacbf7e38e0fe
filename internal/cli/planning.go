package cli

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/flow"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/segment/intent"
)

// plan reads the inputs and makes the plan for a query.
func (e *env) plan(ctx context.Context, in *inputs, f *containFlags, query string) (*contain.Plan, error) {
	q, err := inventory.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	est, snap, err := e.joined(ctx, e.loader(), in)
	if err != nil {
		return nil, err
	}
	found, err := snap.Blast(ctx, q, inventory.BlastOptions{MaxHops: 1})
	if err != nil {
		return nil, err
	}
	reported := found.Reports.Standing()
	if len(found.Affected)+len(reported) == 0 {
		e.outcome.incomplete = len(found.NotCovered)+len(found.Unknowns) > 0
		return nil, ident.Errorf(ident.KindNotFound, "no workload that was searched runs %s: there is nothing to contain", query).
			WithHint("cofferdam where %s … says what was searched and what was not", quote(query))
	}
	p := &contain.Problem{Query: query, Coverage: found.Coverage}
	for _, a := range found.Affected {
		p.Affected = append(p.Affected, a.Workload)
	}
	if tools := toolsOf(reported); len(tools) > 0 {
		p.Query += " (and what only " + strings.Join(tools, " and ") + " reports)"
	}
	for _, x := range reported {
		for _, site := range x.Sites {
			p.Affected = append(p.Affected, site.Workload)
		}
	}
	slices.SortFunc(p.Affected, ident.Ref.Compare)
	p.Affected = slices.Compact(p.Affected)
	if p.Protected, err = snap.Protected(f.protect); err != nil {
		return nil, err
	}
	return e.makePlan(ctx, est, snap, f, p)
}

// makePlan completes a problem whose affected and protected workloads are known,
// and solves it.
func (e *env) makePlan(ctx context.Context, est *app.Estate, snap *inventory.Snapshot, f *containFlags, p *contain.Problem) (*contain.Plan, error) {
	at, err := e.now()
	if err != nil {
		return nil, err
	}
	p.Objective, p.Most, p.MayCut, p.AcceptUnobserved = contain.Objective(f.objective), f.most, f.mayCut, f.acceptUnobserved
	p.Graph, p.Set, p.About, p.Text, p.At, p.Engine = snap.Graph(), est.Set, snap.About, e.sourceText(ctx), at, engine()
	if p.Objective == "" && len(p.Protected) == 0 {
		p.Objective = contain.Isolate
	}
	if p.Objective != "" && p.Objective != contain.Separate {
		p.Protected = nil
	}
	seen, needs, err := e.inUse(ctx, est, snap, f.observed, f.needs)
	if err != nil {
		return nil, err
	}
	if p.Needs = needs; seen != nil {
		p.Traffic = contain.Watched(seen, snap.Graph().Workloads(), at)
	}
	if f.using != "" {
		if p.Means, err = contain.ParseMeans(f.using); err != nil {
			return nil, err
		}
	}
	if p.Doubts, err = snap.Unvouched(ctx); err != nil {
		return nil, err
	}
	p.QuarantineLabels, p.First = f.quarantineLabels, f.first
	if p.Grain, err = contain.ParseGrain(f.grain); err != nil {
		return nil, err
	}
	if p.NonPivots, err = f.nonPivots(ctx, snap, p.Affected); err != nil {
		return nil, err
	}
	p.Stage = func(s string) { e.meter.at(s, 0, 0) }
	return contain.Make(ctx, p)
}

// inUse reads what was seen on the network, nil where no records are named, and
// what a file declares necessary.
func (e *env) inUse(ctx context.Context, est *app.Estate, snap *inventory.Snapshot, observed []string, needs string) (*flow.Observed, []contain.Need, error) {
	l := e.loader()
	var seen *flow.Observed
	if len(observed) > 0 {
		book, problems, err := l.Book(ctx, est.Set.Estate, observed)
		if err != nil {
			return nil, nil, err
		}
		var more []app.Problem
		if seen, more, err = l.Flows(ctx, observed, book); err != nil {
			return nil, nil, err
		}
		e.problems(append(problems, more...))
	}
	if needs == "" {
		return seen, nil, nil
	}
	text, err := l.Manifest(ctx, needs)
	if err != nil {
		return nil, nil, err
	}
	rules, err := intent.Parse(needs, text)
	if err != nil {
		return nil, nil, err
	}
	declared, err := contain.Needs(rules, snap.Members())
	return seen, declared, err
}

// doubt makes the answer incomplete where a plan leaves something open to doubt.
func (e *env) doubt(p *contain.Plan) {
	e.outcome.incomplete = e.outcome.incomplete || len(p.AffectedItself) > 0 || len(p.Proof.Assumptions.Unknowns) > 0
}

// folder writes a plan's files, with the ticket that a person reads.
func (e *env) folder(a *report.Containment, in *inputs) ([]contain.File, error) {
	if err := a.Seal(); err != nil {
		return nil, err
	}
	carried := *a
	carried.Out = "DIR" // wherever it is carried to: the same plan is the same bytes
	var ticket bytes.Buffer
	o := report.Options{Format: "markdown", All: true, Inputs: in.arguments(), Command: "cofferdam"}
	if err := report.Write(&ticket, &carried, o); err != nil {
		return nil, err
	}
	return a.Folder(ticket.Bytes())
}

// toolsOf are the scanners that alone report findings, sorted.
func toolsOf(fs []inventory.ReportedFinding) []string {
	var out []string
	for _, f := range fs {
		out = append(out, f.Tool)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
