package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
)

func verifyCommitCommand(e *env) *cobra.Command {
	var s signers
	var in app.CommitInputs
	var explain bool
	c := &cobra.Command{
		Use: "commit REV… (--allowed-signers FILE | --certificate-identity I --certificate-oidc-issuer U)", Short: "Verify the signatures of git commits and tags",
		Long: `Commit verifies commits and tags of a repository, offline: signatures of SSH keys by
a file of allowed signers, with its namespaces and times, and gitsign's by the
certificate in them, the log entry or timestamp beside it, and the identity that the
flags name.

gitsign keeps the log entry in the commit only with rekorMode = offline; without it or
a timestamp a commit could not be checked. OpenPGP is not judged. Times of SSH keys
are compared with the committer's own word, as git does.

What is refused, unsigned commits included, exits 3; what could not be checked exits 1.`,
		Example: "  cofferdam verify commit HEAD --allowed-signers .git-signers\n" +
			"  cofferdam verify commit v1.4.0 --certificate-identity dev@shop.example --certificate-oidc-issuer https://accounts.example",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return ident.Errorf(ident.KindUsage, "%s needs a REV", c.CommandPath()).WithHint("%s HEAD", c.CommandPath())
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			if err := s.check(e, in.AllowedSigners != ""); err != nil {
				return err
			}
			if len(s.in.Keys) > 0 {
				return ident.Errorf(ident.KindUsage, "keys of commits are SSH keys").WithHint("--allowed-signers FILE")
			}
			in.Revisions, in.Verify = args, s.in
			var err error
			if in.Verify.At, err = e.now(); err != nil {
				return err
			}
			a, err := e.loader().VerifyCommits(ctx, in)
			if err != nil {
				return err
			}
			a.Explain = explain
			e.concludes(a.Verdict)
			return e.write(a, report.Options{})
		}),
	}
	s.flags(c)
	c.Flags().StringVar(&in.Repository, "repo", "", "the repository in `DIR` (default: the current folder)")
	c.Flags().StringVar(&in.AllowedSigners, "allowed-signers", "", "accept signatures of the SSH keys in `FILE`, a file of OpenSSH's allowed signers")
	c.Flags().BoolVar(&explain, "explain", false, "show the key or certificate, the log entry and the trust that the verdict rests on")
	_ = c.Flags().MarkHidden("key") // it is of bundles and images
	return answers(c, (*report.Verification)(nil))
}
