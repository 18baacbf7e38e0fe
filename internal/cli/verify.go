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
	"github.com/cofferdam-io/cofferdam/verify"
)

func verifyCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "verify", Short: "Who vouches for an artifact, what they say of it, and under which trust", GroupID: "policy",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ident.Errorf(ident.KindUsage, "unknown command %q for %q", args[0], c.CommandPath()).WithHint("verify image, verify instructions, verify record, verify bundle, verify commit, verify layout, verify rebuild")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(verifyImageCommand(e), verifyInstructionsCommand(e), verifyRecordCommand(e), verifyBundleCommand(e), verifyCommitCommand(e), verifyLayoutCommand(e), verifyRebuildCommand(e))
	return c
}

// signers are the flags that say whose signature is accepted.
type signers struct {
	in         app.VerifyInputs
	identity   verify.Identity
	extensions []string
	mirror     string // address of a TUF repository; "": the public good's
	firstRoot  string // file of its first root
	staging    bool   // Sigstore's staging deployment instead of the public good
}

func (s *signers) flags(c *cobra.Command) {
	s.who(c)
	c.Flags().StringVar(&s.in.BuildersFile, "builders", "", "say what verified provenance is worth, by the table of trusted builders in `FILE` (docs/provenance.md)")
}

// who declares the flags that name signers and what they are judged by.
func (s *signers) who(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&s.in.Keys, "key", nil, "accept signatures of the public key in `FILE` (PEM), or of one that a service keeps: NAME://KEY (docs/kms.md); repeat it for several keys")
	f.StringVar(&s.identity.Subject, "certificate-identity", "", "accept certificates of this `SUBJECT`: an address, a workflow, a workload")
	f.StringVar(&s.identity.SubjectRegexp, "certificate-identity-regexp", "", "accept certificates whose subject matches this `EXPRESSION` anywhere; ^…$ is the whole of it")
	f.StringVar(&s.identity.Issuer, "certificate-oidc-issuer", "", "… for whom this `ISSUER` vouched")
	f.StringVar(&s.identity.IssuerRegexp, "certificate-oidc-issuer-regexp", "", "… for whom an issuer vouched that matches this `EXPRESSION` anywhere")
	f.StringArrayVar(&s.extensions, "certificate-extension", nil, "… and that has this `NAME=VALUE`, such as sourceRepositoryURI=https://…; repeat it for several")
	f.StringArrayVar(&s.in.TrustedRoots, "trusted-root", nil, "judge by the trusted root in `FILE`; several are trusted at once; without it, the public good's, kept by TUF")
	f.StringVar(&s.mirror, "tuf-mirror", "", "without --trusted-root, ask the TUF repository at `URL` for it, and keep it as the public good's is; needs --tuf-root")
	f.StringVar(&s.firstRoot, "tuf-root", "", "the root.json in `FILE` is the first that is trusted of --tuf-mirror")
	f.StringVar(&s.in.DistrustFile, "distrust", "", "keys and identities in `FILE` that are not trusted, for some time or at all")
	f.IntVar(&s.in.Options.Logs, "min-logs", 0, "transparency logs that must hold the signature; 0: one for certificates, for keys what the bundle brings; -1: none")
	f.IntVar(&s.in.Options.Times, "min-timestamps", 0, "logs and timestamp authorities that must vouch for the time; 0: one for certificates")
	f.IntVar(&s.in.Options.SCTs, "min-scts", 0, "certificate logs that must have seen the certificate; 0: one; -1: none")
	complete(c, "certificate-extension", func(*cobra.Command) []string { return verify.ExtensionNames() })
}

// check turns the flags into options, before anything is read. With policies nobody need
// be named: they ask who it was.
func (s *signers) check(e *env, policies bool) error {
	if !e.verifies(s) && !policies {
		return ident.Errorf(ident.KindUsage, "whose signature is accepted?").WithHint("--key FILE, or --certificate-identity SUBJECT --certificate-oidc-issuer ISSUER")
	}
	if len(s.in.Keys) > 0 && s.named() {
		return ident.Errorf(ident.KindUsage, "a key or an identity, not both").WithHint("a signature is of one or the other: leave out --key or the --certificate flags")
	}
	if len(s.in.Keys) > 0 && s.in.Options.SCTs > 0 {
		return ident.Errorf(ident.KindUsage, "--min-scts is about certificates, and a key has none")
	}
	if s.named() {
		for _, x := range s.extensions {
			name, value, ok := strings.Cut(x, "=")
			if !ok || value == "" {
				return ident.Errorf(ident.KindUsage, "--certificate-extension %.80q is no NAME=VALUE", x).WithHint("such as sourceRepositoryRef=refs/heads/main")
			}
			if s.identity.Extensions == nil {
				s.identity.Extensions = map[string]string{}
			}
			s.identity.Extensions[name] = value
		}
		s.in.Options.Identities = []verify.Identity{s.identity}
	}
	return s.roots(e)
}

// roots says where the trusted root comes from that no flag names.
func (s *signers) roots(e *env) error {
	cache := filepath.Join(e.loader().Cache, "trustroot")
	s.in.Roots = e.publicRoot
	switch {
	case (s.mirror == "") != (s.firstRoot == ""):
		return ident.Errorf(ident.KindUsage, "a TUF repository is its address and its first root: --tuf-mirror and --tuf-root go together").WithHint("the first root comes from whoever runs the repository, and not from the repository")
	case s.mirror != "" && len(s.in.TrustedRoots) > 0:
		return ident.Errorf(ident.KindUsage, "--trusted-root is judged by, and --tuf-mirror would not be asked").WithHint("leave out one of them")
	case s.mirror != "":
		s.in.Roots = func(ctx context.Context, at time.Time) ([]byte, []string, error) {
			e.meter.at("asking for the trusted root", 0, 0)
			return e.loader().MirroredRoot(ctx, cache, s.mirror, s.firstRoot, at)
		}
	case s.staging:
		s.in.Roots = func(ctx context.Context, at time.Time) ([]byte, []string, error) {
			return app.StagingRoot(ctx, cache, at)
		}
	}
	return nil
}

// publicRoot is the public good's trusted root, kept in the cache.
func (e *env) publicRoot(ctx context.Context, at time.Time) ([]byte, []string, error) {
	e.meter.at("asking for the trusted root", 0, 0)
	return app.PublicRoot(ctx, filepath.Join(e.loader().Cache, "trustroot"), at)
}

func (e *env) verifies(s *signers) bool { return len(s.in.Keys) > 0 || s.named() }

func (s *signers) named() bool {
	i := &s.identity
	return i.Subject != "" || i.SubjectRegexp != "" || i.Issuer != "" || i.IssuerRegexp != "" || len(s.extensions) > 0
}

func verifyBundleCommand(e *env) *cobra.Command { return bundleCommand(e, new(signers)) }

func bundleCommand(e *env, s *signers) *cobra.Command {
	var rec recording
	var explain bool
	c := &cobra.Command{
		Use: "bundle [--bundle F] (--key K | --certificate-identity I --certificate-oidc-issuer U) FILE|sha256:HEX…", Short: "Verify Sigstore bundles of files or digests",
		Long: `Bundle verifies what was signed with cosign or any other Sigstore client, offline:
the signature, the certificate with its log, the transparency log's proof, the
times, who signed, and that all of it is about this very artifact.

The artifact is a file, or a digest where there is no such file. Several at once
have their bundles beside them, as FILE.sigstore.json.

Under a certificate one transparency log, one time and one certificate log are
asked for, which the flags change. A key needs none of them; log entries and
times that a bundle brings are verified all the same.

Without --trusted-root the public good's is fetched when it is needed, kept, and
fetched again half-way through its life. A --distrust file takes trust back:

  distrust:
  - key: sha256:4e2a…           # or subject and issuer; --explain shows both
    from: 2026-11-02T00:00:00Z
    why: the signing host was broken into

With --builders the SLSA Build level of a verified provenance is told, and why it is
none higher; --explain adds its source, inputs and what is claimed of the build.

What is refused, malformed documents included, exits 3; what could not be checked
(a file or the trusted root cannot be had) exits 1 and is never called refused.`,
		Example: "  cofferdam verify bundle --bundle app.tar.sigstore.json --certificate-identity ci@example.com --certificate-oidc-issuer https://issuer.example app.tar\n" +
			"  cofferdam verify bundle --key cosign.pub --explain dist/*.tar.gz",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return ident.Errorf(ident.KindUsage, "%s needs a FILE or a digest", c.CommandPath())
			}
			return nil
		},
		RunE: e.run(func(ctx context.Context, args []string) error {
			if err := rec.check(ctx, e); err != nil {
				return err
			}
			if s.in.Artifacts = args; s.in.Bundle != "" && len(args) > 1 {
				return ident.Errorf(ident.KindUsage, "--bundle is of one artifact, and %d are named", len(args)).WithHint("without --bundle each FILE has its bundle beside it: FILE%s", app.BundleSuffix)
			}
			if err := s.check(e, false); err != nil {
				return err
			}
			var err error
			if s.in.At, err = e.now(); err != nil {
				return err
			}
			a, err := e.loader().VerifyBundles(ctx, s.in)
			if err != nil {
				return err
			}
			a.Explain = explain
			e.concludes(a.Verdict)
			return rec.conclude(ctx, e, a)
		}),
	}
	s.flags(c)
	rec.add(c)
	c.Flags().StringVar(&s.in.Bundle, "bundle", "", "the Sigstore bundle in `FILE`, or - for standard input")
	c.Flags().BoolVar(&explain, "explain", false, "show the certificate, the log entries and the trust that the verdict rests on, or the cause of a refusal")
	return answers(c, (*report.Verification)(nil))
}

// concludes sets the exit code that a verdict has: what could not be checked is a
// failure and no refusal.
func (e *env) concludes(v report.VerdictWord) {
	e.outcome.failed, e.outcome.refused = v == report.Indeterminate, v == report.Refused
}
