package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/segment/intent"
)

func reachCheckCommand(e *env) *cobra.Command {
	var in inputs
	var file string
	c := &cobra.Command{
		Use: "check -f PATH… --rules FILE", Short: "Whether the estate keeps to rules that say what is meant", Args: noArgs, ValidArgsFunction: noFiles,
		Long: `Check judges what the policies allow by rules, one on a line:

  deny internet -> zone=restricted
  deny zone=public -> zone=restricted transitively
  allow shop/web -> shop/api tcp/8443
  pci: allow only shop/api -> payments/db tcp/5432
  warning deny lab/toy -> namespace=payments

A side is internet, an address or CIDR, ns/name, zone=…, namespace=… or a label
selector. Without ports a rule speaks of every port. transitively asks for ways
of any number of hops; allow wants every pair to be connected on every port it
names, and allow only also that nothing else gets in. From internet, ways in
count, as reach from there does everywhere. What passes between a pod and its own
node no policy stops: it counts where a rule names that node's very address, and
for workloads on the host network. # begins a comment.

A name may stand before a rule, and warning or note before its verb: what breaks
it is then told, and fails nothing. A rule that selects nothing is broken. A broken
rule fails the check (exit 3); one that an unknown could break makes the answer
incomplete (exit 4).`,
		Example: "  cofferdam reach check -f ./manifests --rules intentions.txt\n  cofferdam reach check -f ./manifests --rules intentions.txt -o sarif > check.sarif",
		RunE: e.run(func(ctx context.Context, _ []string) error {
			if file == "" {
				return ident.Errorf(ident.KindUsage, "--rules is needed").WithHint("a file with lines such as: deny internet -> zone=restricted")
			}
			data, err := app.Files{Stdin: e.stdin}.Text(ctx, file)
			if err != nil {
				return err
			}
			rules, err := intent.Parse(file, data)
			if err != nil {
				return err
			}
			est, snap, err := e.reachability(ctx, &in)
			if err != nil {
				return err
			}
			e.meter.at("judging rules", 0, 0)
			results, err := intent.Check(ctx, est.Graph, snap.Members(), rules)
			if err != nil {
				return err
			}
			a := report.NewCheck(file, results, orEmpty(est.Graph.Causes()), snap.Coverage(), report.NewPlaces(est.Set.Estate))
			failed, _, unknown := a.Failed()
			e.outcome.refused = failed > 0
			e.outcome.incomplete = e.outcome.incomplete || unknown > 0
			return e.write(a, report.Options{})
		}),
	}
	in.estateFlags(c)
	c.Flags().StringVar(&file, "rules", "", "`FILE` of rules, or - for standard input")
	return answers(c, (*report.Check)(nil))
}
