package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
)

func policyCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "policy", GroupID: "policy", Short: "Judge policies about images before a cluster does",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ident.Errorf(ident.KindUsage, "unknown command %q for %q", args[0], c.CommandPath()).WithHint("policy validate, policy test, policy simulate, policy convert")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(policyValidateCommand(e), policyTestCommand(e), policySimulateCommand(e), policyConvertCommand(e))
	return c
}

func policyValidateCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "validate FILE…", Short: "Name everything that is wrong with policies",
		Long: `Validate reads VerificationPolicy and PolicyException (cofferdam.dev/v1alpha1),
and ClusterImagePolicy (v1alpha1, v1beta1) and TrustRoot of Sigstore's policy
controller, more strictly than a cluster does. It names every fault with its
line, column and remedy: unknown fields, contradictions, keys and expressions
that cannot be read or are of the wrong type, references that lead nowhere. A warning says
that a policy can be used and likely does not do what it was written for: a glob
that matches no image, an identity that anybody can have.

It fetches nothing. A policy with a fault that is more than a warning is refused:
exit 3. A file that cannot be opened is a failure: exit 1.`,
		Example: "  cofferdam policy validate policy.yaml\n  cofferdam policy validate ./policies -o sarif > policies.sarif",
		Args:    someFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			a, err := e.loader().ValidatePolicies(ctx, args)
			if err != nil {
				return err
			}
			if len(a.Documents) == 0 {
				return ident.Errorf(ident.KindFailure, "no policy was found").WithHint("name a file, or a folder with files of YAML or JSON that hold policies")
			}
			e.outcome.refused = a.Invalid > 0
			return e.write(a, report.Options{})
		}),
	}
	return answers(c, (*report.Validations)(nil))
}
