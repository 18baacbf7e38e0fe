package cli

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
)

// The public conformance suite of Sigstore clients asks every client by one protocol
// (sigstore-conformance, docs/cli_protocol.md): two commands, whose flags are ours. They
// are hidden, since people have verify bundle and sign.

func conformVerifyCommand(e *env) *cobra.Command {
	s := new(signers)
	c := bundleCommand(e, s)
	c.Use, c.Hidden = "verify-bundle [--staging] --bundle F (--key K | --certificate-identity I --certificate-oidc-issuer U) [--trusted-root F] FILE|sha256:HEX", true
	c.Short = "verify bundle, as Sigstore's conformance suite calls it"
	c.Long = c.Short + ": docs/verification.md."
	c.Example = "  cofferdam verify-bundle --bundle b.json --key key.pub --trusted-root root.json a.txt"
	c.Flags().BoolVar(&s.staging, "staging", false, "Sigstore's staging deployment instead of the public good")
	return c
}

func conformSignCommand(e *env) *cobra.Command {
	var s signFlags
	var token string
	c := &cobra.Command{
		Use: "sign-bundle [--staging] [--in-toto] --identity-token TOKEN --bundle F [--trusted-root F] [--signing-config F] FILE", Hidden: true,
		Short:   "sign, as Sigstore's conformance suite calls it",
		Long:    "sign, as Sigstore's conformance suite calls it: docs/verification.md.",
		Example: "  cofferdam sign-bundle --identity-token eyJhbGciOi… --bundle b.json a.txt",
		Args:    someSubjects,
		RunE: e.run(func(ctx context.Context, args []string) error {
			if token == "" || s.in.Bundle == "" {
				return ident.Errorf(ident.KindUsage, "sign-bundle needs --identity-token TOKEN and --bundle FILE")
			}
			e.stdin = strings.NewReader(token)
			in, err := s.inputs(e, args)
			if err != nil {
				return err
			}
			in.Token = "-"
			if in.Staging {
				in.Roots = func(ctx context.Context, at time.Time) ([]byte, []string, error) {
					return app.StagingRoot(ctx, filepath.Join(e.loader().Cache, "trustroot"), at)
				}
			}
			return e.signed(e.loader().Sign(ctx, in))
		}),
	}
	f := c.Flags()
	f.BoolVar(&s.in.Staging, "staging", false, "Sigstore's staging deployment instead of the public good")
	f.BoolVar(&s.in.Statement, "in-toto", false, "FILE is an in-toto statement, and is signed in an envelope")
	f.StringVar(&token, "identity-token", "", "the OIDC `TOKEN` itself")
	f.StringVar(&s.in.Bundle, "bundle", "", "write the bundle to `FILE`")
	f.StringArrayVar(&s.in.TrustedRoots, "trusted-root", nil, "check what was signed by the trusted root in `FILE`")
	f.StringVar(&s.in.Config, "signing-config", "", "the signing configuration in `FILE`")
	return answers(c, (*report.Signed)(nil))
}
