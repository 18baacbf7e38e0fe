package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cofferdam-io/cofferdam/report"
)

func verifyInstructionsCommand(e *env) *cobra.Command {
	var q imageQuestion
	c := &cobra.Command{
		Use: "instructions IMAGE (--policy FILE… | --key K | --certificate-identity I --certificate-oidc-issuer U)", Short: "The commands by which others verify an image, for release notes",
		Long: `Instructions verifies an image as verify image does, and writes the commands by which
anybody else comes to the same answer: this program's, and cosign's for each signature
and attestation of the key or identity that the flags name. All name the digest, and
none a tag. Files that the commands read, such as a key or a policy, are listed with
their SHA-256: publish them beside the notes.

An image that does not verify has no instructions (exit 3), nor has one that could not
be checked (exit 1). Whoever signed besides those whom the flags name is not in them.`,
		Example: "  cofferdam verify instructions registry.example/shop/web:1.4 --key cosign.pub -o markdown >> RELEASE_NOTES.md",
		Args:    oneImage,
	}
	c.RunE = e.run(func(ctx context.Context, args []string) error {
		in, err := q.inputs(ctx, e, args[0])
		if err != nil {
			return err
		}
		a, err := e.loader().Instructions(ctx, in, q.namespace, given(c))
		if err != nil {
			return err
		}
		return e.write(a, report.Options{})
	})
	q.flags(c)
	return answers(c, (*report.Instructions)(nil))
}

// given are the flags of a command that were set, as they were: without those of every
// command, which say how an answer is written.
func given(c *cobra.Command) []string {
	var out []string
	c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Changed {
			return
		}
		values := []string{f.Value.String()}
		if s, ok := f.Value.(pflag.SliceValue); ok {
			values = s.GetSlice()
		}
		for _, v := range values {
			if f.Value.Type() == "bool" {
				out = append(out, "--"+f.Name+"="+v)
				continue
			}
			out = append(out, "--"+f.Name, v)
		}
	})
	return slices.Clip(out)
}
