package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/report/html"
)

func mapCommand(e *env) *cobra.Command {
	in := inputs{trust: &sbomTrust{}, source: &serverFlags{}}
	var plan string
	c := &cobra.Command{
		Use: "map -f PATH… [--sbom PATH…] [--advisories PATH…] [--plan DIR]", GroupID: "estate",
		Short: "What runs, in which zone, what is open, what crosses zones, what has no SBOM",
		Long: `Map joins workloads, images, SBOMs, findings and policies, and answers without a
question: unprotected workloads, workloads without SBOM, SBOMs without
workload, exposure, and the flows that policies allow across zones.

-o cyclonedx (1.7), cyclonedx1.6 and spdx write the micro-segmentation SBOM;
dot, mermaid and html draw the map. With --plan the page draws a plan of contain over
it: what it cuts, for which workloads, and what still goes. The plan is proved anew
first; one that does not hold for this estate is refused (exit 3).

` + selectorHelp,
		Example: `  kubectl get all,ns,netpol,ingress -A -o yaml | cofferdam map -f -
  cofferdam map -f ./manifests --sbom ./sbom --advisories ./advisories
  cofferdam map -f ./manifests --sbom ./sbom -o cyclonedx --output-file estate.cdx.json
  cofferdam map -f ./manifests --plan ./plan -o html --output-file plan.html`,
		Args: noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, _ []string) error {
			if in.selector != "" && slices.Contains([]string{"cyclonedx", "cyclonedx1.6", "spdx"}, e.format) {
				return ident.Errorf(ident.KindUsage, "-l does not go with -o %s: a micro-segmentation SBOM speaks of the whole estate", e.format).
					WithHint("leave -l out, or take -o json")
			}
			var layer *html.Layer
			if plan != "" {
				if e.format != "html" {
					return ident.Errorf(ident.KindUsage, "--plan is drawn on the page of -o html alone").WithHint("cofferdam reach diff … --plan %s lists what it changes", quote(plan))
				}
				var err error
				if layer, err = e.planLayer(ctx, &in, plan); err != nil {
					return err
				}
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
			return e.write(m, report.Options{Inputs: in.arguments(), Layer: layer})
		}),
	}
	in.estateFlags(c)
	in.selectorFlag(c, "list only these workloads")
	in.sbomFlags(c)
	in.advisoryFlags(c)
	in.intelligenceFlags(c)
	in.trust.add(c)
	c.Flags().StringVar(&plan, "plan", "", "draw the plan in `DIR` over the map, for -o html")
	return answers(c, (*inventory.Map)(nil))
}

// planLayer proves a plan anew for an estate, so that what is drawn is what it does there.
func (e *env) planLayer(ctx context.Context, in *inputs, dir string) (*html.Layer, error) {
	if slices.Contains(in.estate.Manifests, "-") {
		return nil, ident.Errorf(ident.KindUsage, "--plan reads the estate more than once, and standard input can be read once only").WithHint("-f with a file or folder")
	}
	c, err := e.open(ctx, dir)
	if err != nil {
		return nil, err
	}
	if c.of == nil {
		return nil, ident.Errorf(ident.KindUnsupported, "is a proposal of tighten, which no layer draws").At(dir).WithHint("cofferdam reach diff … --plan %s lists what it changes", quote(dir))
	}
	check, err := e.prove(ctx, in, dir, c)
	if err != nil {
		return nil, err
	}
	if !check.Holds {
		return nil, ident.Errorf(ident.KindRefused, "does not hold for this estate: %s", strings.Join(check.Why, "; ")).At(dir).
			WithHint("cofferdam contain verify %s … says why; contain … --out makes a plan for this one", quote(dir))
	}
	return report.PlanLayer(c.of, check.Proof), nil
}

func whereCommand(e *env) *cobra.Command {
	in := inputs{server: &serverFlags{}, trust: &sbomTrust{}}
	c := &cobra.Command{
		Use: "where QUERY (-f PATH… --sbom PATH… | --server URL)", GroupID: "estate",
		Short:   "Where a vulnerability, component or image runs",
		Long:    "Where answers in which workload and container a component runs, how its SBOM was\nmatched, which version fixes it and who owns it.\n\nWith --server a server is asked instead of files: what runs in its clusters, by the\ndocuments and advisories that it has. --at asks what ran at a time in the past: it\nmoves what runs, not which documents and advisories there are; those are of now.\n\n" + queryHelp + "\n\n" + selectorHelp,
		Example: "  cofferdam where CVE-2023-44487 -f ./manifests --sbom ./sbom --advisories ./advisories\n  cofferdam where 'pkg:npm/lodash@<4.17.21' -f ./manifests --sbom ./sbom\n  cofferdam where CVE-2023-44487 --server https://sbom.example --at 2026-11-01T00:00:00Z",
		Args:    oneQuery,
		RunE: e.run(func(ctx context.Context, args []string) error {
			q, err := inventory.ParseQuery(args[0])
			if err != nil {
				return err
			}
			if in.server.asks(len(in.estate.Manifests)+len(in.sboms.Paths) > 0) {
				return e.whereOnServer(ctx, in.server, q)
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
			e.judgeWhere(a)
			return e.write(a, report.Options{Inputs: in.arguments()})
		}),
	}
	in.estateFlags(c)
	in.selectorFlag(c, "list only these workloads")
	in.sbomFlags(c)
	in.advisoryFlags(c)
	in.intelligenceFlags(c)
	in.trust.add(c)
	in.notWithServer(c, "filename", "sbom", "image-map", "image-alias", "advisories", "kev", "epss", "vex", "vex-trust", "findings", "estate", "cni", "namespace", "selector",
		"sbom-trust", "verify", "key", "certificate-identity", "certificate-identity-regexp", "certificate-oidc-issuer", "certificate-oidc-issuer-regexp", "certificate-extension",
		"trusted-root", "distrust", "min-logs", "min-timestamps", "min-scts", "registry-auth", "plain-http", "registry-mirror")
	c.ValidArgsFunction = e.completeWorkloads(&in, 1)
	return answers(c, (*inventory.Where)(nil))
}

func blastCommand(e *env) *cobra.Command {
	in := inputs{trust: &sbomTrust{}, source: &serverFlags{}}
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
			if len(a.Unknowns) > 0 || len(a.Affected) == 0 && len(a.NotCovered) > 0 || a.Reports.Open() {
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
	in.intelligenceFlags(c)
	in.trust.add(c)
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
		err := ident.Errorf(ident.KindUsage, "%s takes no argument, found %q", c.CommandPath(), args[0])
		if c.Flags().Lookup("filename") == nil {
			return err.WithHint("%s --help lists what it takes", c.CommandPath())
		}
		return err.WithHint("manifests go behind -f")
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
