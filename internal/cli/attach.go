package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
)

func attachCommand(e *env) *cobra.Command {
	var s signers
	var reg registryFlags
	var in app.AttachInputs
	c := &cobra.Command{
		Use: "attach IMAGE --bundle FILE… (--key K | --certificate-identity I --certificate-oidc-issuer U)", Short: "Take in what a supplier signed about an image, once it verifies", GroupID: "policy",
		Long: `Attach verifies Sigstore bundles of others (a supplier's SBOM, VEX, provenance, test
result), as verify bundle does: the signature, by whom the flags name, and that it is
about the digest that IMAGE means. What it says is read where its type is known. Then it
is attached to the image in your registry, byte for byte, beside what your own pipelines
attested; verify image, gate and policies see both, each with its signer.

Nothing is attached unless every bundle verifies (exit 3), or where one could not be
checked (exit 1). The same bundle twice is one attachment.`,
		Example: "  cofferdam attach registry.example/vendor/db:7 --bundle sbom.sigstore.json --certificate-identity release@vendor.example --certificate-oidc-issuer https://accounts.vendor.example",
		Args:    oneImage,
		RunE: e.run(func(ctx context.Context, args []string) error {
			if in.Image = args[0]; len(in.Bundles) == 0 {
				return ident.Errorf(ident.KindUsage, "what is taken in?").WithHint("--bundle FILE: what the supplier signed")
			}
			if err := s.check(e, false); err != nil {
				return err
			}
			in.Verify, in.Registry = s.in, reg.inputs()
			var err error
			if in.Verify.At, err = e.now(); err != nil {
				return err
			}
			a, err := e.loader().Attach(ctx, in)
			if err != nil {
				return err
			}
			return e.write(a, report.Options{})
		}),
	}
	s.who(c)
	reg.add(c)
	c.Flags().StringArrayVar(&in.Bundles, "bundle", nil, "the Sigstore bundle in `FILE`; repeatable")
	return answers(c, (*report.Attached)(nil))
}
