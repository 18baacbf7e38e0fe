package cli

import (
	"context"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
)

func policyConvertCommand(e *env) *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "convert FILE…", Short: "Turn Kyverno's ImageValidatingPolicy into ClusterImagePolicy, and say what could not be turned",
		Long: `Convert reads Kyverno's ImageValidatingPolicy (policies.kyverno.io) and makes
ClusterImagePolicy resources of its attestors, its attestations and those validations
that ask for signatures or signed statements of images: one policy for each, since all
that match an image have to be satisfied.

The report says what could not be turned: what is missing (the old policy refused by it,
the new ones do not), what is stricter now, and what changes no verdict. Where something
is missing it exits 4. --out writes the new policies to a file, which policy validate
reads; without it they are in the answer of -o json only.

Resources of OPA Gatekeeper, and Kyverno's older ClusterPolicy, are named with what they
refuse by and what asks the same here; nothing of them is turned.`,
		Example: "  cofferdam policy convert kyverno/ --out policies.yaml",
		Args:    someFiles,
		RunE: e.run(func(ctx context.Context, args []string) error {
			a, err := e.loader().ConvertPolicies(ctx, args)
			if err != nil {
				return err
			}
			named := slices.ContainsFunc(a.Notes, func(n report.ConversionNote) bool { return n.Policy != "" })
			if a.Read == 0 && !named {
				return ident.Errorf(ident.KindFailure, "no ImageValidatingPolicy was found").WithHint("resources of policies.kyverno.io/v1, of kind ImageValidatingPolicy or NamespacedImageValidatingPolicy, are read")
			}
			if out != "" {
				if err := wholeFile("--out", out, func(w io.Writer) error {
					_, err := io.WriteString(w, a.Manifests)
					return err
				}); err != nil {
					return err
				}
			}
			e.outcome.incomplete = !a.Complete()
			return e.write(a, report.Options{})
		}),
	}
	c.Flags().StringVar(&out, "out", "", "write the new policies to `FILE`")
	return answers(c, (*report.PolicyConversion)(nil))
}
