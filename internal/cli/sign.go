package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/report"
)

// signFlags say who signs, with which services, and where the bundle goes.
type signFlags struct {
	in            app.SignInputs
	reg           registryFlags
	passwordStdin bool
}

func (s *signFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.in.Key, "key", "", "sign with the private key in `FILE` (PEM, also as cosign encrypts it), or with one that a service keeps: NAME://KEY (docs/kms.md)")
	f.BoolVar(&s.passwordStdin, "password-stdin", false, "read the key's password from standard input instead of COSIGN_PASSWORD")
	f.StringVar(&s.in.Token, "identity-token", "", "sign as whom the OIDC token in `FILE`, - or https://… names (default: the pipeline's own)")
	f.StringVar(&s.in.Audience, "token-audience", "", "whom the token is for: `NAME` that the deployment asks for (default sigstore)")
	f.BoolVar(&s.in.Strict, "strict-credentials", false, "refuse (exit 3) to sign with a token or key that would be warned about")
	f.StringVar(&s.in.Config, "signing-config", "", "certify, log and stamp by the signing configuration in `FILE` (default without a key: the public good's)")
	f.StringVar(&s.in.Fulcio, "fulcio", "", "`URL` of the Fulcio that certifies")
	f.StringArrayVar(&s.in.Logs, "log", nil, "`URL` of a transparency log, Rekor v2; repeatable")
	f.StringArrayVar(&s.in.LogsV1, "log-v1", nil, "`URL` of a transparency log, Rekor v1; repeatable")
	f.StringArrayVar(&s.in.Stampers, "timestamp", nil, "`URL` of a timestamp authority, with its path; repeatable")
	f.StringArrayVar(&s.in.TrustedRoots, "trusted-root", nil, "check what was signed by the trusted root in `FILE` before it is handed on")
	f.StringVar(&s.in.Bundle, "bundle", "", "write the bundle to `FILE` (default: FILE"+app.BundleSuffix+" beside a file)")
	f.BoolVar(&s.in.KeepOff, "no-attach", false, "do not attach the bundle to the image in its registry")
	f.BoolVar(&s.in.Legacy, "legacy", false, "write cosign's .sig and .att tags instead of a bundle; needs --key")
	s.reg.add(c)
}

// inputs turns the flags into what is signed with.
func (s *signFlags) inputs(e *env, subjects []string) (app.SignInputs, error) {
	in := s.in
	in.Subjects, in.Registry, in.Getenv = subjects, s.reg.inputs(), os.Getenv
	if in.KeepOff && in.Bundle == "" {
		return in, ident.Errorf(ident.KindUsage, "--no-attach leaves the bundle nowhere").WithHint("--bundle FILE")
	}
	if s.passwordStdin && in.Token == "-" {
		return in, ident.Errorf(ident.KindUsage, "standard input holds one thing: a password or a token")
	}
	in.Password = func() ([]byte, error) {
		if s.passwordStdin {
			raw, err := io.ReadAll(io.LimitReader(e.stdin, maxPassword))
			return bytes.TrimRight(raw, "\r\n"), err
		}
		if p, ok := os.LookupEnv("COSIGN_PASSWORD"); ok {
			return []byte(p), nil
		}
		return nil, ident.Errorf(ident.KindUsage, "the key is encrypted, and there is no password").WithHint("COSIGN_PASSWORD holds it, or --password-stdin reads it")
	}
	cache := filepath.Join(e.loader().Cache, "trustroot")
	in.ConfigCache = cache
	in.Roots = func(ctx context.Context, at time.Time) ([]byte, []string, error) {
		return app.PublicRoot(ctx, cache, at)
	}
	in.Write = func(name string, raw []byte) error {
		return wholeFile("--bundle", name, func(w io.Writer) error {
			_, err := w.Write(raw)
			return err
		})
	}
	var err error
	in.At, err = e.now()
	return in, err
}

const maxPassword = 4 << 10

// signed prints what was signed, also where an error ended it: that much is out.
func (e *env) signed(a *report.Signed, err error) error {
	if a == nil || err != nil && len(a.Signatures) == 0 {
		if a != nil {
			for _, w := range a.Warnings {
				e.notef("warning: %s", w)
			}
		}
		return err
	}
	if werr := e.write(a, report.Options{}); err == nil {
		err = werr
	}
	return err
}

const signerHelp = `
Who signs: the key of --key, whose password COSIGN_PASSWORD or standard input has; or,
without a key, whoever an OIDC token names: --identity-token, GITHUB's own where the job
has "id-token: write", or GitLab's SIGSTORE_ID_TOKEN of id_tokens. A token that lives
longer than it need, that is for several services, or an identity that many have, is
warned about.

Without a key the public good's Fulcio, log and timestamp authority are asked, or those
of --signing-config, --fulcio, --log and --timestamp. With a key nobody is asked unless
named. What was signed is verified before it is handed on, wherever a trusted root is
known. A service that does not answer is exit 1, and "not your change".

The bundle (Sigstore's, v0.3) is attached to an image as an OCI 1.1 referrer, with the
tag schema where the registry has no referrers, and written beside a file.`

func signCommand(e *env) *cobra.Command {
	var s signFlags
	c := &cobra.Command{
		Use: "sign IMAGE|FILE…", Short: "Sign images and files with a key, or as a pipeline's identity", GroupID: "policy",
		Long: `Sign signs what an image's tag means now, by its digest, or a file.
` + signerHelp,
		Example: "  cofferdam sign registry.example/shop/web@sha256:…\n  cofferdam sign --key cosign.key dist/app.tar.gz",
		Args:    someSubjects,
		RunE: e.run(func(ctx context.Context, args []string) error {
			in, err := s.inputs(e, args)
			if err != nil {
				return err
			}
			return e.signed(e.loader().Sign(ctx, in))
		}),
	}
	s.add(c)
	return answers(c, (*report.Signed)(nil))
}

func someSubjects(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return ident.Errorf(ident.KindUsage, "%s needs an IMAGE or a FILE", c.CommandPath())
	}
	return nil
}

func attestCommand(e *env) *cobra.Command {
	var s signFlags
	var in app.AttestInputs
	var wrap bool
	c := &cobra.Command{
		Use: "attest SUBJECT… --type TYPE [--predicate FILE]", Short: "State something about images and files, and sign it", GroupID: "policy",
		Long: `Attest signs an in-toto statement about images, files or digests (sha256:…).

  --type slsaprovenance      how it was built: from the environment of GitHub Actions,
                             GitLab CI, Jenkins or Tekton, or --predicate FILE
  --type cyclonedx, spdx     the SBOM in --predicate
  --type vuln                a scan: scan -o json, or cosign's format
  --type openvex             statements about vulnerabilities
  --type micro-segmentation  the map of an estate: map -o cyclonedx
  --type verification-summary  what gate -o json said of an image, for the next stage's
                             policy; --verifier-id names the stage
  --type approval            whoever signs approves the PolicyException in SUBJECT
  --type https://…           any JSON object in --predicate

With --wrap the command after -- is run first, and how it ran is stated of the files
that it made, for builds that no system describes:

  cofferdam attest dist/app --type slsaprovenance --wrap --builder-id https://shop.example/build -- make dist/app

Provenance from an environment is what the build says of itself. What that cannot prove
is printed. Only named variables are read, passwords in addresses are taken out, and a
command that holds the value of a secret variable is refused.
` + signerHelp,
		Example: "  cofferdam attest registry.example/shop/web@sha256:… --type cyclonedx --predicate sbom.json\n  cofferdam attest exception.yaml --type approval --key me.key --bundle approval-me.json",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return e.run(func(ctx context.Context, args []string) error {
				dash := c.ArgsLenAtDash()
				switch {
				case wrap && (dash < 0 || dash == len(args)):
					return ident.Errorf(ident.KindUsage, "--wrap needs a command").WithHint("cofferdam attest FILE… --type slsaprovenance --wrap -- make")
				case wrap:
					args, in.Command = args[:dash], args[dash:]
				case dash >= 0:
					return ident.Errorf(ident.KindUsage, "a command is run with --wrap only")
				}
				if err := someSubjects(c, args); err != nil {
					return err
				}
				if in.Type == "" && wrap {
					in.Type = "slsaprovenance"
				}
				if in.Type == "" || wrap && in.Type != "slsaprovenance" {
					return ident.Errorf(ident.KindUsage, "--type says what is stated").WithHint("one of: %s; with --wrap slsaprovenance", strings.Join(app.PredicateTypes(), ", "))
				}
				var err error
				if in.SignInputs, err = s.inputs(e, args); err != nil {
					return err
				}
				in.Env, in.Stdout, in.Stderr = environment(), e.stderr, e.stderr
				in.Now = func() time.Time {
					now, _ := e.now() // it was read above
					return now
				}
				return e.signed(e.loader().Attest(ctx, in))
			})(c, args)
		},
	}
	s.add(c)
	f := c.Flags()
	f.StringVar(&in.Type, "type", "", "what is stated: a short `TYPE` or the address of one")
	f.StringVar(&in.Predicate, "predicate", "", "what is stated, in `FILE`")
	f.StringVar(&in.BuilderID, "builder-id", "", "who builds, as a `URI` that policies expect, where the environment does not say")
	f.StringVar(&in.VerifierID, "verifier-id", "", "of a verification summary: whose gate it was, as a `URI` that the next stage's policy expects")
	f.BoolVar(&wrap, "wrap", false, "run the command after -- as the build, and state how it ran")
	complete(c, "type", func(*cobra.Command) []string { return app.PredicateTypes() })
	return answers(c, (*report.Signed)(nil))
}

// environment is the environment as a map.
func environment() map[string]string {
	out := map[string]string{}
	for _, kv := range os.Environ() {
		if name, value, ok := strings.Cut(kv, "="); ok {
			out[name] = value
		}
	}
	return out
}
