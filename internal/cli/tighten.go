package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/contain/tighten"
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/segment"
)

// tightenFlags are what the user says about a proposal.
type tightenFlags struct {
	observed         []string
	needs            string
	only             []string
	direction        string
	mayCut           []string
	acceptUnobserved bool
	out              string
}

func tightenCommand(e *env) *cobra.Command {
	var in inputs
	var f tightenFlags
	c := &cobra.Command{
		Use: "tighten -f PATH… --observed FLOWS… [--needs FILE] [--out DIR]", GroupID: "estate", Args: noArgs, ValidArgsFunction: noFiles,
		Short: "The least policies that allow what was seen and what is needed, and the permissions nobody used",
		Long: `Tighten compares what the policies allow with what was seen on the network. It
lists the permissions that nobody used, with the rule that grants each; proposes
for each workload the least NetworkPolicy that allows what was seen, what --needs
declares, and name resolution as it passes now; proves on the model that nothing
seen or needed is lost and nothing is opened; and says in what order to roll it
out. It applies nothing.

A workload is held back, and named, where the records cannot tell: no record
mentions it (--accept-unobserved takes that for not in use), the other end of one of
its flows is unknown, or something passed that the policies deny. So are vital
workloads and those that resolve names, unless --may-cut names them. "Not seen" is
no proof of absence: watch for as long as your rarest job takes to run.

A policy that selects one workload alone is replaced. One that many share stays
until the last stage, which removes it if all that it selects is tightened.

Where workloads were left out for lack of data, or records could not be read, the
answer is incomplete (exit 4).

` + selectorHelp + "\n\nSELECTOR: zone=NAME, namespace=NAME, workload=NS/NAME, or a label selector.",
		Example: `  cofferdam tighten -f ./manifests --observed ./flows
  cofferdam tighten -f ./manifests --observed ./flows --needs needs.txt --only namespace=payments --out tightened`,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			plan, err := e.tighten(ctx, &in, &f)
			if err != nil {
				return err
			}
			if f.out != "" {
				files, err := plan.Folder()
				if err != nil {
					return err
				}
				if err := app.WritePlan(f.out, files); err != nil {
					return err
				}
			}
			e.outcome.incomplete = e.outcome.incomplete || plan.LacksData() || plan.Observed.Incomplete != "" || len(plan.Unknowns) > 0
			return e.write(&report.Tightening{Plan: plan, Out: f.out}, report.Options{Inputs: in.arguments()})
		}),
	}
	in.estateFlags(c)
	in.selectorFlag(c, "tighten only these workloads")
	fl := c.Flags()
	fl.StringArrayVar(&f.observed, "observed", nil, "`FLOWS` that were seen: Hubble, Envoy, VPC or conntrack records, or our own CSV; a file, folder or glob; an addresses.csv beside them says who had which address; repeatable")
	fl.StringVar(&f.needs, "needs", "", "`FILE` of connections that must go on, one a line: allow shop/web -> payments/api tcp/8443")
	fl.StringArrayVar(&f.only, "only", nil, "`SELECTOR` of the workloads to tighten (default: all); repeatable")
	fl.StringVar(&f.direction, "direction", "both", "`DIRECTION` to tighten: ingress, egress, both")
	fl.StringArrayVar(&f.mayCut, "may-cut", nil, "`GUARD RAIL` that the proposal may tighten: dns, or NS/NAME of a vital workload; repeatable")
	fl.BoolVar(&f.acceptUnobserved, "accept-unobserved", false, "tighten workloads that no record mentions, too")
	fl.StringVar(&f.out, "out", "", "write the proposal to `DIR`: plan.json, proof.json, change.diff, apply/, remove.txt, remove-last.txt")
	complete(c, "direction", fixed("ingress", "egress", "both"))
	return answers(c, (*report.Tightening)(nil))
}

// tighten reads the inputs and makes the proposal.
func (e *env) tighten(ctx context.Context, in *inputs, f *tightenFlags) (*tighten.Plan, error) {
	directions, ok := map[string][]segment.Gress{"both": nil, "ingress": {segment.Ingress}, "egress": {segment.Egress}}[f.direction]
	if !ok {
		return nil, ident.Errorf(ident.KindUsage, "--direction is %q", f.direction).WithHint("one of: ingress, egress, both")
	}
	if len(f.observed) == 0 {
		return nil, ident.Errorf(ident.KindUsage, "--observed is needed: nothing else says what is in use").
			WithHint("records of Hubble, Istio, VPC flow logs or conntrack, or CSV as docs/flows.md has it")
	}
	est, snap, err := e.reachability(ctx, in)
	if err != nil {
		return nil, err
	}
	at, err := e.now()
	if err != nil {
		return nil, err
	}
	only, err := in.selection(snap)
	if err != nil {
		return nil, err
	}
	p := &tighten.Problem{Graph: est.Graph, Set: est.Set, Text: e.sourceText(ctx), About: snap.About, Directions: directions, MayCut: f.mayCut,
		AcceptUnobserved: f.acceptUnobserved, At: at, Engine: engine(), Coverage: only.Cover(snap.Coverage())}
	if p.Only, err = chosen(snap, only, f.only); err != nil {
		return nil, err
	}
	if p.Observed, p.Needs, err = e.inUse(ctx, est, snap, f.observed, f.needs); err != nil {
		return nil, err
	}
	e.meter.at("finding and proving the least policies", 0, 0)
	return tighten.Make(ctx, p)
}

// chosen are the workloads of -l and --only; nil for all. Both restrict.
func chosen(snap *inventory.Snapshot, labels *inventory.Selection, texts []string) ([]ident.Ref, error) {
	if labels == nil && len(texts) == 0 {
		return nil, nil
	}
	members := snap.Members()
	var sels []estate.Selector
	for _, t := range texts {
		sel, err := estate.ParseSelector(t)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(members, func(m estate.Member) bool { return sel.Matches(&m) }) {
			return nil, ident.Errorf(ident.KindUsage, "--only %s selects no workload", t).WithHint("cofferdam map shows zones and names")
		}
		sels = append(sels, sel)
	}
	var out []ident.Ref
	for i := range members {
		m := &members[i]
		if labels.Holds(m.Ref) && (len(sels) == 0 || slices.ContainsFunc(sels, func(s estate.Selector) bool { return s.Matches(m) })) {
			out = append(out, m.Ref)
		}
	}
	if len(out) == 0 {
		return nil, ident.Errorf(ident.KindUsage, "-l and --only select no workload together")
	}
	return out, nil
}
