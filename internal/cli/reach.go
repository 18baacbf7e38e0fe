package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/segment"
)

func reachCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "reach", GroupID: "reach", Short: "Who may talk to whom, and which rule decides it",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ident.Errorf(ident.KindUsage, "unknown command %q for %q", args[0], c.CommandPath()).WithHint("reach list, reach why, reach check, reach diff, reach test")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(reachListCommand(e), reachWhyCommand(e), reachCheckCommand(e), reachDiffCommand(e), reachTestCommand(e))
	return c
}

func reachListCommand(e *env) *cobra.Command {
	var in inputs
	var by string
	c := &cobra.Command{
		Use: "list -f PATH…", Short: "Every connection that the policies allow or leave unknown", Args: noArgs, ValidArgsFunction: noFiles,
		Long:    "List streams every connection that the policies allow, and every one that they may\nallow for all that the input shows (unknown). Self edges are left out; addresses\noutside stand as disjoint ranges.\n\n" + selectorHelp + "\nWith --by pod a pod is selected by its own labels. An edge is listed if one of its ends is.",
		Example: "  cofferdam reach list -f ./manifests\n  cofferdam reach list -f ./manifests -l app=web\n  cofferdam reach list -f ./manifests --by pod -o json",
		RunE: e.run(func(ctx context.Context, _ []string) error {
			grain, ok := map[string]segment.By{"workload": segment.ByWorkload, "pod": segment.ByPod}[by]
			if !ok {
				return ident.Errorf(ident.KindUsage, "--by is %q", by).WithHint("one of: workload, pod")
			}
			est, snap, err := e.reachability(ctx, &in)
			if err != nil {
				return err
			}
			only, err := in.selection(snap)
			if err != nil {
				return err
			}
			e.meter.at("listing connections", 0, 0)
			a := &report.ReachList{
				SchemaVersion: inventory.SchemaVersion, Unknowns: orEmpty(est.Graph.Causes()), Coverage: only.Cover(snap.Coverage()),
				Stream: only.Among(est.Graph.Edges(grain)),
			}
			if e.format != "json" { // edges by the million are written as they come
				a.Edges, a.Stream = slices.AppendSeq([]segment.Edge{}, a.Stream), nil
			}
			a.SameNode = snap.SameNode(a.Each())
			e.outcome.incomplete = e.outcome.incomplete || len(a.Unknowns) > 0
			return e.write(a, report.Options{})
		}),
	}
	in.estateFlags(c)
	in.selectorFlag(c, "list only edges from or to these workloads")
	c.Flags().StringVar(&by, "by", "workload", "`GRAIN` of the edges: workload or pod")
	complete(c, "by", fixed("workload", "pod"))
	return answers(c, (*report.ReachList)(nil))
}

func reachWhyCommand(e *env) *cobra.Command {
	var in inputs
	var port string
	c := &cobra.Command{
		Use: "why FROM TO [--port 80/TCP] -f PATH…", Short: "Which rule allows or denies a connection, and what was considered",
		Long:    "Why names the rule that decides a connection, for both directions, and every rule\nthat was considered on the way.\n\nFROM and TO: [cluster:]ns/name, [cluster:]ns/Kind/name, an address, a CIDR, internet,\nor '*' for every workload, one after the other.",
		Example: "  cofferdam reach why '*' payments/api --port 8443/TCP -f ./manifests\n  helm template shop ./chart | cofferdam reach why shop/web shop/db --port 5432/TCP -f -",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return ident.Errorf(ident.KindUsage, "%s takes FROM and TO, found %d arguments", c.CommandPath(), len(args)).
					WithHint("for example: %s shop/web shop/db --port 5432/TCP -f ./manifests", c.CommandPath())
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			var ends [2]ident.Ref
			many := false
			for i, a := range args {
				if a == everyWorkload {
					many = true
					continue
				}
				r, err := ident.ParseRef(a)
				if err != nil {
					return err
				}
				ends[i] = r
			}
			var p *segment.Port
			if port != "" {
				parsed, err := segment.ParsePort(port)
				if err != nil {
					return err
				}
				p = &parsed
			}
			est, snap, err := e.reachability(ctx, &in)
			if err != nil {
				return err
			}
			if many {
				return e.writeWhyAll(ctx, est.Graph, args, ends, p, snap.Coverage())
			}
			x, err := est.Graph.Why(ends[0], ends[1], p)
			if err != nil {
				return err
			}
			e.outcome.incomplete = e.outcome.incomplete || x.Verdict == segment.Unknown || p == nil && len(x.Undecided) > 0
			return e.write(report.NewWhy(x, p, snap.Coverage()), report.Options{})
		}),
	}
	in.estateFlags(c)
	c.Flags().StringVar(&port, "port", "", "destination `PORT`, as 80/TCP or tcp/80; without it all ports are answered for, and one that tells is explained")
	complete(c, "port", fixed())
	c.ValidArgsFunction = e.completeWorkloads(&in, 2, ident.Internet)
	return answers(c, (*report.Why)(nil))
}

// everyWorkload is the FROM or TO that stands for each workload in turn.
const everyWorkload = "*"

// writeWhyAll explains each pair but those of a workload with itself.
func (e *env) writeWhyAll(ctx context.Context, g *segment.Graph, args []string, ends [2]ident.Ref, p *segment.Port, c inventory.Coverage) error {
	var of [2][]ident.Ref
	for i := range of {
		of[i] = ends[i : i+1]
		if args[i] == everyWorkload {
			of[i] = g.Populated()
		}
	}
	each := func(yield func(*report.PairWhy, error) bool) {
		for n, src := range of[0] {
			e.meter.at("explaining connections", n, len(of[0]))
			for _, dst := range of[1] {
				if err := ctx.Err(); err != nil {
					yield(nil, err)
					return
				}
				x, err := g.Why(src, dst, p)
				if err != nil {
					yield(nil, err)
					return
				}
				if x.Src == x.Dst {
					continue
				}
				e.outcome.incomplete = e.outcome.incomplete || x.Verdict == segment.Unknown || p == nil && len(x.Undecided) > 0
				if !yield(report.NewPairWhy(x), nil) {
					return
				}
			}
		}
	}
	a := &report.WhyAll{SchemaVersion: inventory.SchemaVersion, Coverage: c, Stream: each, Asked: p}
	if e.format != "json" {
		a.Explanations = []*report.PairWhy{}
		for x, err := range each {
			if err != nil {
				return err
			}
			a.Explanations = append(a.Explanations, x)
		}
		a.Stream = nil
	}
	return e.write(a, report.Options{})
}

// reachability reads manifests alone; the coverage then speaks of no SBOM.
func (e *env) reachability(ctx context.Context, in *inputs) (*app.Estate, *inventory.Snapshot, error) {
	at, err := e.now()
	if err != nil {
		return nil, nil, err
	}
	l := e.loader()
	est, err := l.Estate(ctx, in.estate)
	if err != nil {
		return nil, nil, err
	}
	e.problems(est.Problems)
	snap, err := l.Join(ctx, est, nil, app.Knowledge{}, app.SBOMInputs{}, len(est.Problems), at)
	return est, snap, err
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
