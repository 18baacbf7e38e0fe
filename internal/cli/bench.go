package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/segment/synth"
)

func benchCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "bench", Short: "Measure the engines on estates of any size",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ident.Errorf(ident.KindUsage, "unknown command %q for %q", args[0], c.CommandPath()).WithHint("bench segment, bench contain, bench index, bench document, bench match, bench verify")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(benchSegmentCommand(e), benchContainCommand(e), benchIndexCommand(e), benchDocumentCommand(e), benchMatchCommand(e), benchVerifyCommand(e))
	return c
}

func benchSegmentCommand(e *env) *cobra.Command {
	var (
		config = synth.Config{}
		mix    string
		export string
	)
	c := &cobra.Command{
		Use: "segment", Short: "Measure the reachability engine", Args: noArgs, ValidArgsFunction: noFiles,
		Long: `Segment makes an estate, the same for the same flags, and measures the
reachability engine on it: CPU seconds of the whole process on one processor,
which hold up on a shared machine where wall time does not.

The mixes: rich (most namespaces deny by default, policies of eight shapes),
open, none, tiered (rich with ClusterNetworkPolicies) and scale (the shape of
the Kubernetes network policy community's scale tests).

With --export the estate is written as manifests, for other programs to be measured
on; it is then measured only where -o says how to print that.`,
		Example: "  cofferdam bench segment --pods 100000 --workloads 10000 --policies 10000 -o json\n  cofferdam bench segment --workloads 1000 --pods 1000 --policies 1000 --export ./estate",
		RunE: e.run(func(ctx context.Context, _ []string) error {
			config.Mix = synth.Mix(mix)
			if export != "" {
				if err := app.ExportEstate(config, export); err != nil {
					return err
				}
				if !e.quiet {
					_, _ = fmt.Fprintf(e.stderr, "wrote %d workloads to %s; cofferdam reach list -f %s reads them\n", config.Workloads, export, export)
				}
				if e.format == "" {
					return nil
				}
			}
			b, err := app.BenchSegment(ctx, config, func(what string) { e.meter.at(what, 0, 0) })
			if err != nil {
				return err
			}
			return e.write(b, report.Options{})
		}),
	}
	f := c.Flags()
	f.IntVar(&config.Pods, "pods", 100_000, "pods")
	f.IntVar(&config.Workloads, "workloads", 10_000, "workloads, in namespaces of twenty")
	f.IntVar(&config.Policies, "policies", 10_000, "NetworkPolicies")
	f.IntVar(&config.Nodes, "nodes", 0, "nodes that the pods run on; 0: it is not known where they run")
	mixFlags(c, &mix, &config.Seed)
	f.StringVar(&export, "export", "", "write the estate as manifests into this new `DIR`, and measure nothing without -o")
	return answers(c, &report.BenchSegment{})
}

// mixFlags declares what a made estate is like.
func mixFlags(c *cobra.Command, mix *string, seed *uint64) {
	c.Flags().StringVar(mix, "mix", string(synth.Rich), "rich, open, none, tiered or scale")
	c.Flags().Uint64Var(seed, "seed", 1, "of the estate")
	complete(c, "mix", func(*cobra.Command) []string {
		var out []string
		for _, m := range synth.Mixes() {
			out = append(out, string(m))
		}
		return out
	})
}

func benchContainCommand(e *env) *cobra.Command {
	var (
		workloads int
		mix       string
		seed      uint64
		what      app.BenchPlan
		objective string
	)
	c := &cobra.Command{
		Use: "contain", Short: "Measure a containment plan with its proof", Args: noArgs, ValidArgsFunction: noFiles,
		Long: `Contain makes an estate, the same for the same flags, and measures plans on it: CPU
seconds of the whole process on one processor. First one cut with its proof: a
minimum cut between affected and protected workloads, the policies that close it, and
the proof. Then, as comparison, what contain does without --first: every way is
written and proved to choose from.`,
		Example: "  cofferdam bench contain --workloads 10000 -o json\n  cofferdam bench contain --workloads 10000 --objective isolate --ends 100",
		RunE: e.run(func(ctx context.Context, _ []string) error {
			config := synth.Config{Pods: workloads, Workloads: workloads, Policies: workloads, Mix: synth.Mix(mix), Seed: seed}
			if what.Objective = contain.Objective(objective); what.Objective != contain.Separate && what.Objective != contain.Isolate {
				return ident.Errorf(ident.KindUsage, "no plan for %.60q is measured", objective).WithHint("%s or %s", contain.Separate, contain.Isolate)
			}
			b, err := app.BenchContain(ctx, config, what, func(what string) { e.meter.at(what, 0, 0) })
			if err != nil {
				return err
			}
			return e.write(b, report.Options{})
		}),
	}
	c.Flags().IntVar(&workloads, "workloads", 10_000, "workloads, each with a pod and about a policy")
	c.Flags().IntVar(&what.Ends, "ends", 3, "workloads that are affected, and as many that are protected")
	c.Flags().StringVar(&objective, "objective", string(contain.Separate), "separate or isolate")
	complete(c, "objective", fixed(string(contain.Separate), string(contain.Isolate)))
	mixFlags(c, &mix, &seed)
	return answers(c, &report.BenchContain{})
}
