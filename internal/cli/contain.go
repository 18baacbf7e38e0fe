package cli

import (
	"bytes"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/segment/intent"
)

// containFlags are what the user says about a plan.
type containFlags struct {
	protect          []string
	objective        string
	most             int
	mayCut           []string
	using            string
	observed         []string
	needs            string
	acceptUnobserved bool
	out              string
}

func containCommand(e *env) *cobra.Command {
	var in inputs
	var f containFlags
	c := &cobra.Command{
		Use: "contain QUERY -f PATH… --sbom PATH… [--protect SELECTOR…] [--out DIR]", GroupID: "estate",
		Short: "The smallest change that contains a vulnerability, proved before it is applied",
		Long: `Contain finds the fewest connections to cut so that no path leads from the affected
workloads to the protected ones, writes the policies that cut them, and proves it:
the engine evaluates the estate with the change applied, everything meant to go is
gone, and nothing else changed. It applies nothing.

--objective separate (default where something is protected) keeps the affected
workloads from those that --protect names, or else those that the estate file
protects; isolate leaves them no connection with any pod; shrink leaves at most
--most workloads within their reach, with a bound on how much better a plan could
be; close-internet leaves no path from the internet to them.

Name resolution, the API server and what the estate file declares vital are never
cut unless --may-cut names them. Without flow records what a plan costs is unknown.

` + queryHelp + "\n\nSELECTOR: zone=NAME, namespace=NAME, workload=NS/NAME, or a label selector.",
		Example: `  cofferdam contain CVE-2023-44487 -f ./manifests --sbom ./sbom --advisories ./advisories --out plan
  cofferdam contain shop/web -f ./manifests --protect zone=restricted
  cofferdam contain verify plan -f ./manifests`,
		Args: oneQuery,
		RunE: e.run(func(ctx context.Context, args []string) error {
			plan, err := e.plan(ctx, &in, &f, args[0])
			if err != nil {
				return err
			}
			if err := plan.Seal(); err != nil {
				return err
			}
			a := &report.Containment{Plan: plan, Proof: plan.Proof, Out: f.out}
			o := report.Options{Inputs: in.arguments()}
			if f.out != "" {
				var ticket bytes.Buffer
				t := report.Options{Format: "markdown", All: true, Inputs: o.Inputs, Command: "cofferdam"}
				if err := report.Write(&ticket, a, t); err != nil {
					return err
				}
				files, err := plan.Folder(ticket.Bytes())
				if err != nil {
					return err
				}
				if err := app.WritePlan(f.out, files); err != nil {
					return err
				}
			}
			e.outcome.incomplete = e.outcome.incomplete || len(plan.AffectedItself) > 0 || len(plan.Proof.Assumptions.Unknowns) > 0
			return e.write(a, o)
		}),
	}
	in.estateFlags(c)
	in.sbomFlags(c)
	in.advisoryFlags(c)
	fl := c.Flags()
	fl.StringArrayVar(&f.protect, "protect", nil, "`SELECTOR` of the workloads to keep the affected ones from (default: those that the estate file protects); repeatable")
	fl.StringVar(&f.objective, "objective", "", "`WHAT` the plan is for: separate, isolate, shrink, close-internet (default: separate where something is protected, else isolate)")
	fl.StringArrayVar(&f.mayCut, "may-cut", nil, "`GUARD RAIL` that the plan may cut: dns, api-server, or NS/NAME of a vital workload; repeatable")
	fl.StringVar(&f.using, "using", "", "`KIND` of object to contain with: ClusterNetworkPolicy, CiliumNetworkPolicy, NetworkPolicy (default: what is enforced and changes least)")
	fl.StringArrayVar(&f.observed, "observed", nil, "`FLOWS` that were seen: Hubble, Envoy, VPC or conntrack records, a file, folder or glob; an addresses.csv beside them says who had which address; repeatable")
	fl.StringVar(&f.needs, "needs", "", "`FILE` of connections that must go on, one a line: allow shop/web -> payments/api tcp/8443")
	fl.BoolVar(&f.acceptUnobserved, "accept-unobserved", false, "cut connections although no flow records say whether they are in use")
	fl.StringVar(&f.out, "out", "", "write the plan to `DIR`: plan.json, proof.json, ticket.md, change.diff, apply/, remove.txt")
	complete(c, "using", fixed(string(contain.AdminTier), string(contain.CiliumDeny), string(contain.Rewrite)))
	fl.IntVar(&f.most, "most", 0, "`N` workloads that may stay within reach, for --objective shrink")
	complete(c, "objective", fixed(objectives()...))
	c.ValidArgsFunction = e.completeWorkloads(&in, 1)
	c = answers(c, (*report.Containment)(nil))
	c.AddCommand(containVerifyCommand(e))
	return c
}

// plan reads the inputs and makes the plan.
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
	if len(found.Affected) == 0 {
		e.outcome.incomplete = len(found.NotCovered)+len(found.Unknowns) > 0
		return nil, ident.Errorf(ident.KindNotFound, "no workload that was searched runs %s: there is nothing to contain", query).
			WithHint("cofferdam where %s … says what was searched and what was not", quote(query))
	}
	at, err := e.now()
	if err != nil {
		return nil, err
	}
	p := &contain.Problem{Query: query, Objective: contain.Objective(f.objective), Graph: snap.Graph(), Set: est.Set, About: snap.About,
		Most: f.most, Text: e.sourceText(ctx), MayCut: f.mayCut, AcceptUnobserved: f.acceptUnobserved, At: at, Coverage: found.Coverage, Engine: engine()}
	for _, a := range found.Affected {
		p.Affected = append(p.Affected, a.Workload)
	}
	slices.SortFunc(p.Affected, ident.Ref.Compare)
	if p.Protected, err = snap.Protected(f.protect); err != nil {
		return nil, err
	}
	if p.Objective == "" && len(p.Protected) == 0 {
		p.Objective = contain.Isolate
	}
	if p.Objective != "" && p.Objective != contain.Separate {
		p.Protected = nil
	}
	if err := e.inUse(ctx, est, snap, f, p); err != nil {
		return nil, err
	}
	if f.using != "" {
		if p.Means, err = contain.ParseMeans(f.using); err != nil {
			return nil, err
		}
	}
	p.Stage = func(s string) { e.meter.at(s, 0, 0) }
	return contain.Make(ctx, p)
}

// inUse reads what was seen on the network and what is declared necessary.
func (e *env) inUse(ctx context.Context, est *app.Estate, snap *inventory.Snapshot, f *containFlags, p *contain.Problem) error {
	l := e.loader()
	if len(f.observed) > 0 {
		book, problems, err := l.Book(ctx, est.Set.Estate, f.observed)
		if err != nil {
			return err
		}
		seen, more, err := l.Flows(ctx, f.observed, book)
		if err != nil {
			return err
		}
		e.problems(append(problems, more...))
		p.Traffic = contain.Watched(seen, snap.Graph().Workloads(), p.At)
	}
	if f.needs == "" {
		return nil
	}
	text, err := l.Manifest(ctx, f.needs)
	if err != nil {
		return err
	}
	rules, err := intent.Parse(f.needs, text)
	if err != nil {
		return err
	}
	p.Needs, err = contain.Needs(rules, snap.Members())
	return err
}

func objectives() []string {
	var out []string
	for _, o := range contain.Objectives() {
		out = append(out, string(o))
	}
	return out
}

// sourceText reads a manifest again, so that it can be edited where it stands.
func (e *env) sourceText(ctx context.Context) func(string) ([]byte, error) {
	l := e.loader()
	return func(file string) ([]byte, error) { return l.Manifest(ctx, file) }
}

func containVerifyCommand(e *env) *cobra.Command {
	var in inputs
	c := &cobra.Command{
		Use: "verify DIR -f PATH…", Short: "Whether a plan still holds: the proof is made anew",
		Long: `Verify holds the files of a plan's folder against its digests, the estate against
the one that the plan was made for, and proves the plan anew, on all connections
of all workloads. A plan that does not hold, proves nothing, or was made for
another estate is refused (exit 3).`,
		Example: "  cofferdam contain verify plan -f ./manifests",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return ident.Errorf(ident.KindUsage, "%s takes one DIR, found %d", c.CommandPath(), len(args)).WithHint("the folder that contain --out wrote")
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			a, err := e.verifyPlan(ctx, &in, args[0])
			if err != nil {
				return err
			}
			e.outcome.refused = !a.Holds
			return e.write(a, report.Options{Inputs: in.arguments()})
		}),
	}
	in.estateFlags(c)
	return answers(c, (*report.PlanCheck)(nil))
}

func (e *env) verifyPlan(ctx context.Context, in *inputs, dir string) (*report.PlanCheck, error) {
	l := e.loader()
	files, err := l.ReadPlan(ctx, dir)
	if err != nil {
		return nil, err
	}
	a := &report.PlanCheck{SchemaVersion: inventory.SchemaVersion, Folder: dir}
	plan, faults, err := contain.Open(files)
	if err != nil {
		return nil, err
	}
	a.Plan, a.Why = plan.ID, faults
	if len(faults) > 0 {
		return a, nil
	}
	before, err := l.Estate(ctx, in.estate)
	if err != nil {
		return nil, err
	}
	e.problems(before.Problems)
	after, err := l.Planned(ctx, in.estate, dir, plan.Removed())
	if err != nil {
		return nil, err
	}
	if a.Proof, a.Why, err = plan.Check(ctx, before.Graph, after.Graph, before.Set.Estate, engine()); err != nil {
		return nil, err
	}
	a.Holds = a.Proof != nil && a.Proof.Proved && len(a.Why) == 0
	return a, nil
}

// engine names the program in a proof.
func engine() string { return "cofferdam " + version() }

// planned is the estate at a path with a plan's folder applied. A plan whose files
// were changed after it was proved is refused: its effect is not the plan's.
func (e *env) planned(ctx context.Context, in *inputs, path, dir string) (*app.Estate, *inventory.Snapshot, error) {
	l := e.loader()
	files, err := l.ReadPlan(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	plan, faults, err := contain.Open(files)
	if err != nil {
		return nil, nil, err
	}
	if len(faults) > 0 {
		return nil, nil, ident.Errorf(ident.KindRefused, "%s", faults[0]).At(dir).WithHint("cofferdam contain verify %s … names everything that was changed", quote(dir))
	}
	at, err := e.now()
	if err != nil {
		return nil, nil, err
	}
	side := in.estate
	side.Manifests = []string{path}
	est, err := l.Planned(ctx, side, dir, plan.Removed())
	if err != nil {
		return nil, nil, err
	}
	snap, err := l.Join(ctx, est, nil, nil, app.SBOMInputs{}, len(est.Problems), at)
	return est, snap, err
}
