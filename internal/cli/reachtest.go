package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/segment/reachtest"
)

func reachTestCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "test FILE.txtar…", Short: "Run tests written in the engine's own language",
		Long: `Test runs files that hold manifests and what they are expected to let pass. A
wrong answer is best reported as such a file:

  eval shop/web -> shop/db tcp/5432
  expect allow by NetworkPolicy shop/db#0
  eval internet -> shop/db tcp/5432
  expect deny by NetworkPolicy shop/db
  -- shop.yaml --
  apiVersion: networking.k8s.io/v1
  …

The statements: cni PROFILE (else what the manifests show); enforcement TEXT, the
network and how it was chosen; idle TEXT, a policy without effect there; eval FROM -> TO PORT; expect [egress|ingress]
allow|deny|unknown [by KIND ns/name#rule|by default]; ports FROM -> TO = PORTS;
reach FROM = WORKLOADS; exposed WORKLOAD internet|internal|none|unknown; cause TEXT.
# begins a comment. A failed expectation says what was found and why (exit 3).`,
		Example: "  cofferdam reach test report.txtar",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return ident.Errorf(ident.KindUsage, "%s needs a file", c.CommandPath()).WithHint("%s --help shows one", c.CommandPath())
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			a := report.NewReachTest()
			for _, name := range args {
				data, err := app.Files{Stdin: e.stdin}.Text(ctx, name)
				if err != nil {
					return err
				}
				r, err := reachtest.Run(ctx, name, data)
				if err != nil {
					return err
				}
				a.Files = append(a.Files, r)
			}
			e.outcome.refused = a.Failures() > 0
			return e.write(a, report.Options{})
		}),
	}
	return answers(c, (*report.ReachTest)(nil))
}
