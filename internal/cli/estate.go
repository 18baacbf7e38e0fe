package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

func mapCommand(e *env) *cobra.Command {
	var in inputs
	c := &cobra.Command{
		Use: "map -f PATH… [--sbom PATH…] [--advisories PATH…]", GroupID: "estate",
		Short: "What runs, in which zone, what is open, what crosses zones, what has no SBOM",
		Long: `Map joins workloads, images, SBOMs, findings and policies, and answers without a
question: unprotected workloads, workloads without SBOM, SBOMs without
workload, exposure, and the flows that policies allow across zones.

-o cyclonedx (1.7), cyclonedx1.6 and spdx write the micro-segmentation SBOM;
dot, mermaid and html draw the map.

` + selectorHelp,
		Example: `  kubectl get all,ns,netpol,ingress -A -o yaml | cofferdam map -f -
  cofferdam map -f ./manifests --sbom ./sbom --advisories ./advisories
  cofferdam map -f ./manifests --sbom ./sbom -o cyclonedx --output-file estate.cdx.json`,
		Args: noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			if in.selector != "" && slices.Contains([]string{"cyclonedx", "cyclonedx1.6", "spdx"}, e.format) {
				return ident.Errorf(ident.KindUsage, "-l does not go with -o %s: a micro-segmentation SBOM speaks of the whole estate", e.format).
					WithHint("leave -l out, or take -o json")
			}
			snap, err := e.snapshot(ctx, e.loader(), &in)
			if err != nil {
				return err
			}
			only, err := in.selection(snap)
			if err != nil {
				return err
			}
			e.meter.at("matching advisories and drawing the map", 0, 0)
			m, err := snap.Map(ctx)
			if err != nil {
				return err
			}
			m = only.Map(m)
			e.outcome.incomplete = e.outcome.incomplete || len(m.Unknowns) > 0
			return e.write(m, report.Options{Inputs: in.arguments()})
		}),
	}
	in.estateFlags(c)
	in.selectorFlag(c, "list only these workloads")
	in.sbomFlags(c)
	in.advisoryFlags(c)
	return answers(c, (*inventory.Map)(nil))
}

func whereCommand(e *env) *cobra.Command {
	var in inputs
	c := &cobra.Command{
		Use: "where QUERY -f PATH… --sbom PATH…", GroupID: "estate",
		Short:   "Where a vulnerability, component or image runs",
		Long:    "Where answers in which workload and container a component runs, how its SBOM was\nmatched, which version fixes it and who owns it.\n\n" + queryHelp + "\n\n" + selectorHelp,
		Example: "  cofferdam where CVE-2023-44487 -f ./manifests --sbom ./sbom --advisories ./advisories\n  cofferdam where 'pkg:npm/lodash@<4.17.21' -f ./manifests --sbom ./sbom",
		Args:    oneQuery,
		RunE: e.run(func(ctx context.Context, args []string) error {
			q, err := inventory.ParseQuery(args[0])
			if err != nil {
				return err
			}
			snap, err := e.snapshot(ctx, e.loader(), &in)
			if err != nil {
				return err
			}
			only, err := in.selection(snap)
			if err != nil {
				return err
			}
			e.meter.at("searching components", 0, 0)
			a, err := snap.Where(ctx, q)
			if err != nil {
				return err
			}
			a = only.Where(a)
			if !a.Found && (len(a.NotCovered) > 0 || len(a.Unknowns) > 0) {
				e.outcome.incomplete = true
			}
			return e.write(a, report.Options{Inputs: in.arguments()})
		}),
	}
	in.estateFlags(c)
	in.selectorFlag(c, "list only these workloads")
	in.sbomFlags(c)
	in.advisoryFlags(c)
	c.ValidArgsFunction = e.completeWorkloads(&in, 1)
	return answers(c, (*inventory.Where)(nil))
}

func blastCommand(e *env) *cobra.Command {
	var in inputs
	var o inventory.BlastOptions
	c := &cobra.Command{
		Use: "blast QUERY -f PATH… --sbom PATH… [--protect SELECTOR…]", GroupID: "estate",
		Short: "What the affected workloads can reach, and who can reach them",
		Long: "Blast answers what runs the affected component, what those workloads can reach,\nwho can reach them, and whether something protected is among it, with the rule\nthat allows each hop.\n\n" + queryHelp + "\n\nSELECTOR: zone=NAME, namespace=NAME, workload=NS/NAME, or a label selector.\n\n" +
			"-l restricts the affected workloads whose reach is told, by their own labels or, for\nkeys that they do not carry themselves, by those of their pods; those that it leaves\nout are counted. The whole input is still read and judged.",
		Example: "  cofferdam blast CVE-2023-44487 -f ./manifests --sbom ./sbom --advisories ./advisories --protect zone=restricted",
		Args:    oneQuery,
		RunE: e.run(func(ctx context.Context, args []string) error {
			if o.MaxHops < 0 {
				return ident.Errorf(ident.KindUsage, "--max-hops is %d", o.MaxHops).WithHint("a positive number, or 0 for no limit")
			}
			q, err := inventory.ParseQuery(args[0])
			if err != nil {
				return err
			}
			snap, err := e.snapshot(ctx, e.loader(), &in)
			if err != nil {
				return err
			}
			if o.Among, err = in.selection(snap); err != nil {
				return err
			}
			e.meter.at("following connections", 0, 0)
			a, err := snap.Blast(ctx, q, o)
			if err != nil {
				return err
			}
			if len(a.Unknowns) > 0 || len(a.Affected) == 0 && len(a.NotCovered) > 0 {
				e.outcome.incomplete = true
			}
			again := in.arguments()
			if len(o.Protect) > 0 { // there --protect replaces what the estate file protects
				again += " " + repeated([]word{{"--protect", a.Protected}})
			}
			return e.write(a, report.Options{Inputs: again})
		}),
	}
	in.estateFlags(c)
	in.selectorFlag(c, "tell the reach of these affected workloads only")
	in.sbomFlags(c)
	in.advisoryFlags(c)
	c.Flags().StringArrayVar(&o.Protect, "protect", nil, "`SELECTOR` of workloads that must not be reached, besides those that the estate file names; repeatable")
	c.Flags().IntVar(&o.MaxHops, "max-hops", 0, "stop after `N` hops; 0: no limit")
	c.ValidArgsFunction = e.completeWorkloads(&in, 1)
	return answers(c, (*inventory.Blast)(nil))
}

const queryHelp = `QUERY: CVE-…, GHSA-…, GO-… or any other OSV id · pkg:TYPE/NAME, with or without
@VERSION, @<RANGE or @vers:… · a component's bare name · sha256:… of an image or
of a document · NS/NAME of a workload.`

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return ident.Errorf(ident.KindUsage, "%s takes no argument, found %q", c.CommandPath(), args[0]).WithHint("manifests go behind -f")
	}
	return nil
}

func oneQuery(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return ident.Errorf(ident.KindUsage, "%s takes one QUERY, found %d", c.CommandPath(), len(args)).
			WithHint("for example: %s CVE-2023-44487 -f ./manifests --sbom ./sbom", c.CommandPath())
	}
	return nil
}
