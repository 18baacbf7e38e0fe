package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
)

func policyTestCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "test DIR…", Short: "Judge recorded facts by policies, and compare with what was expected",
		Long: `Test runs every PolicyTest of a folder: cases that name the facts of an image,
a time and a place, and the verdict that policies should come to.

  kind: PolicyTest
  policies: [policy.yaml]
  cases:
  - name: an unsigned image is denied
    facts: unsigned.yaml
    at: "2026-11-20T12:00:00Z"
    expect: {decision: deny, rules: {signature: failed}}

A case that comes out otherwise fails the test: exit 3. A policy or facts that
cannot be read, or a folder without tests, is a failure: exit 1.`,
		Example: "  cofferdam policy test examples/policies",
		Args:    someFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			a, err := e.loader().TestPolicies(ctx, args)
			if err != nil {
				return err
			}
			if len(a.Cases) == 0 {
				return ident.Errorf(ident.KindFailure, "no PolicyTest was found").WithHint("cofferdam policy test --help shows one")
			}
			e.outcome.refused = a.Failed > 0
			return e.write(a, report.Options{})
		}),
	}
	return answers(c, (*report.PolicyTests)(nil))
}
