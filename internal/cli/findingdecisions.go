package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
)

func findingDecisionsCommand(e *env) *cobra.Command {
	var f serverFlags
	var history bool
	var pending bool
	var expiring time.Duration
	c := &cobra.Command{
		Use: "decisions --server URL [VULNERABILITY]", Short: "What was decided about findings, by whom, and does it count?",
		Long: `Decisions lists what people decided about vulnerabilities of what runs: who triaged or
accepted what, until when, who approved it, and whether it counts. --pending lists the
acceptances that wait for somebody else's approval, --expiring those that end soon. With
--at it lists what stood then, with --history all that ever did.`,
		Example: `  cofferdam findings decisions --server https://sbom.example --pending
  cofferdam findings decisions --server https://sbom.example --expiring 336h -o json`,
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			var id string
			if len(args) == 1 {
				id = args[0]
			}
			var at time.Time
			var err error
			if e.at != "" {
				if at, err = e.now(); err != nil {
					return err
				}
			}
			srv, err := e.client(ctx, &f)
			if err != nil {
				return err
			}
			defer srv.Close()
			a, err := srv.FindingDecisions(ctx, id, at, history)
			if err != nil {
				return err
			}
			a.Items = slices.DeleteFunc(a.Items, func(d report.FindingDecision) bool {
				soon := !d.Until.IsZero() && d.Until.After(a.At) && !d.Until.After(a.At.Add(expiring))
				return pending && d.Standing(a.At) != "awaits approval" || expiring > 0 && !soon
			})
			return e.write(a, report.Options{})
		}),
	}
	f.add(c)
	fl := c.Flags()
	fl.BoolVar(&history, "history", false, "also what no longer stands")
	fl.BoolVar(&pending, "pending", false, "only acceptances that wait to be approved")
	fl.DurationVar(&expiring, "expiring", 0, "only acceptances that end within this `TIME`, such as 336h")
	return answers(c, (*report.FindingDecisions)(nil))
}

func approveCommand(e *env) *cobra.Command {
	var f serverFlags
	var about report.FindingDecision
	c := &cobra.Command{
		Use: "approve --server URL VULNERABILITY", Short: "Approve that somebody else accepted findings",
		Long: `Approve reads the acceptance of a vulnerability's findings, says what it is, and approves
it: what is approved is what was read, and nobody's own. It takes the role triager; the
journal keeps who approved. The flags name the decision as findings decide did.`,
		Example: `  cofferdam findings approve --server https://sbom.example CVE-2021-44228 --cluster prod --container shop/Deployment/web/app`,
		Args:    cobra.ExactArgs(1), ValidArgsFunction: noFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			about.ID = args[0]
			srv, err := e.client(ctx, &f)
			if err != nil {
				return err
			}
			defer srv.Close()
			a, err := srv.FindingDecisions(ctx, about.ID, time.Time{}, false)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(a.Items, func(d report.FindingDecision) bool {
				return d.Component == about.Component && d.Cluster == about.Cluster && d.Container == about.Container
			})
			if i < 0 {
				return ident.Errorf(ident.KindFailure, "nobody decided anything about %s for just these components, clusters and containers", about.ID).WithHint("cofferdam findings decisions --server URL lists what was decided, and about what")
			}
			d := &a.Items[i]
			if err := srv.ApproveDecision(ctx, d); err != nil {
				return err
			}
			e.notef("%s: accepted by %s until %s: %s; approved", d.ID, d.By, d.Until.UTC().Format(time.DateOnly), d.Reason)
			return nil
		}),
	}
	f.add(c)
	addAbout(c, &about)
	return c
}

// addAbout adds the flags that say which findings of a vulnerability a decision is about.
func addAbout(c *cobra.Command, d *report.FindingDecision) {
	fl := c.Flags()
	fl.StringVar(&d.Component, "component", "", "only in a component: `PURL` with its version")
	fl.StringVar(&d.Cluster, "cluster", "", "only in a cluster: `NAME`")
	fl.StringVar(&d.Container, "container", "", "only in a container of the cluster: `NAMESPACE/KIND/NAME/CONTAINER`")
}
