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

// imageQuestion are the flags of commands that ask an image's registry who vouches for it.
type imageQuestion struct {
	signers   signers
	registry  registryFlags
	policies  []string
	manifests []string
	approvals []string
	platform  string
	namespace string
	// pluginConfig is what plugins are told, NAME=VALUE.
	pluginConfig []string
}

func (q *imageQuestion) flags(c *cobra.Command) {
	q.signers.flags(c)
	q.registry.add(c)
	f := c.Flags()
	f.StringArrayVar(&q.policies, "policy", nil, "judge by the policies in `FILE` or folder: VerificationPolicy, ClusterImagePolicy, TrustRoot; repeatable")
	f.StringArrayVarP(&q.manifests, "filename", "f", nil, "manifests in `FILE` or folder, with the Secrets and ConfigMaps that policies name; repeatable")
	f.StringVar(&q.signers.in.Notation.Policy, "notation-policy", "", "accept signatures of the Notary Project by the trust policy document in `FILE` (trustpolicy.json)")
	f.StringVar(&q.signers.in.Notation.Store, "notation-store", "", "the trust stores that it names, in `DIR`: x509/ca/NAME/*.pem, x509/tsa/NAME/*.pem")
	f.StringArrayVar(&q.signers.in.Notation.Revoked, "notation-crl", nil, "what its authorities revoked, by the list in `FILE`; without it that is unknown; repeatable")
	f.StringArrayVar(&q.signers.in.Notation.Answers, "notation-ocsp", nil, "… or what their OCSP responder said of a certificate, in `FILE` (DER, as openssl ocsp -respout writes it); repeatable")
	f.StringVar(&q.signers.in.Notation.Plugins, "notation-plugins", "", "run the verification plugin that a signature names, if `DIR` has it as NAME/notation-NAME; without it such a signature could not be checked")
	f.StringArrayVar(&q.pluginConfig, "notation-plugin-config", nil, "tell plugins `NAME=VALUE`; repeatable")
	f.StringArrayVar(&q.approvals, "approval", nil, "the bundle in `FILE` approves an exception of the policies; repeatable")
	f.StringVar(&q.platform, "platform", "", "judge this `PLATFORM` of an index, such as linux/amd64, by what is attached to it and to the index")
	f.StringVar(&q.namespace, "namespace", "", "judge as if the image were to run in `NAMESPACE`; without it policies that select namespaces govern none")
}

// inputs turn the flags into what facts are gathered by.
func (q *imageQuestion) inputs(ctx context.Context, e *env, image string) (app.FactInputs, error) {
	in := app.FactInputs{Image: image, Platform: q.platform, Registry: q.registry.inputs()}
	notation := &q.signers.in.Notation
	if notation.Policy == "" && (notation.Store != "" || notation.Plugins != "" || len(notation.Revoked)+len(notation.Answers)+len(q.pluginConfig) > 0) {
		return in, ident.Errorf(ident.KindUsage, "--notation-store, --notation-crl, --notation-ocsp, --notation-plugins and --notation-plugin-config are for a trust policy, and no --notation-policy is given")
	}
	if notation.Plugins == "" && len(q.pluginConfig) > 0 {
		return in, ident.Errorf(ident.KindUsage, "--notation-plugin-config is for plugins, and no --notation-plugins is given")
	}
	notation.PluginConfig = map[string]string{}
	for _, x := range q.pluginConfig {
		name, value, ok := strings.Cut(x, "=")
		if !ok || name == "" {
			return in, ident.Errorf(ident.KindUsage, "--notation-plugin-config %.80q is no NAME=VALUE", x).WithHint("such as aws-region=us-west-2")
		}
		notation.PluginConfig[name] = value
	}
	if err := q.signers.check(e, len(q.policies) > 0 || notation.Policy != ""); err != nil {
		return in, err
	}
	if len(q.manifests) > 0 && len(q.policies) == 0 {
		return in, ident.Errorf(ident.KindUsage, "-f is for the Secrets and ConfigMaps that policies name, and no --policy is given")
	}
	if len(q.approvals) > 0 && len(q.policies) == 0 {
		return in, ident.Errorf(ident.KindUsage, "--approval is for exceptions of policies, and no --policy is given").WithHint("--policy exception.yaml, beside the policy")
	}
	in.Verify = q.signers.in
	var err error
	if in.Verify.At, err = e.now(); err != nil {
		return in, err
	}
	in.Verify.Mirror = func(ctx context.Context, m app.Mirror, at time.Time) ([]byte, []string, error) {
		e.meter.at("asking for the trusted root", 0, 0)
		return app.MirrorRoot(ctx, filepath.Join(e.loader().Cache, "trustroot"), m, at)
	}
	if len(q.policies) > 0 {
		if in.Policies, err = e.loader().Policies(ctx, q.policies, q.manifests); err == nil {
			err = e.loader().Approve(ctx, q.approvals, in.Policies.Exceptions, in.Verify)
		}
	}
	return in, err
}

func verifyImageCommand(e *env) *cobra.Command {
	var q imageQuestion
	var rec recording
	var explain bool
	c := &cobra.Command{
		Use: "image IMAGE (--policy FILE… | --key K | --certificate-identity I --certificate-oidc-issuer U | --notation-policy F --notation-store D)", Short: "Verify what a registry has that vouches for an image",
		Long: `Image resolves the reference once, reads every signature and attestation that is
attached to that digest (referrers of OCI 1.1 by the API and by the tag schema,
Sigstore bundles, cosign's tags .sig and .att), verifies each by itself, and has
policies judge what is left: facts. Without --policy one signature or attestation
of the key or identity that the flags name is enough.

Signatures of the Notary Project (notation; JWS and COSE) are judged by a trust
policy document and its trust stores, and are facts like the others: to policies their
signer is that of the issuer "notation:NAME", NAME being the trust policy's. Nothing
is asked of authorities: whether a certificate is revoked is known from the lists that
--notation-crl and the answers that --notation-ocsp name (docs/notation.md). What a
signature by AWS Signer or another service needs a plugin for is asked of the plugin
in --notation-plugins: nothing else that a signature names is ever run.

--approval gives bundles by which exceptions of the policies are approved (attest
--type approval): an exception that is not approved excuses nothing under Enforce.

Nothing that a registry says of types is believed, and no predicate is read before
its signature has verified. What is about another digest does not count.

Of an index it is the index that is judged; --platform judges one platform of it,
by what is attached to that and to the index.

Verified exits 0. Refused exits 3: nothing is attached and every place where it could
be has answered, or what is attached does not do. What could not be checked (401, 403,
429, an outage, a mirror's "not found", no trusted root) exits 1 and is never called
unsigned.`,
		Example: "  cofferdam verify image registry.example/shop/web:1.4 --policy policy.yaml\n" +
			"  cofferdam verify image registry.example/shop/web:1.4 --key cosign.pub --explain\n" +
			"  cofferdam verify image registry.example/shop/web:1.4 --notation-policy trustpolicy.json --notation-store ~/.config/notation/trust-store\n" +
			"  cofferdam verify image 111122223333.dkr.ecr.us-west-2.amazonaws.com/web:1.4 --notation-policy trustpolicy.json --notation-store trust-store --notation-plugins ~/.config/notation/plugins",
		Args: oneImage,
		RunE: e.run(func(ctx context.Context, args []string) error {
			if err := rec.check(ctx, e); err != nil {
				return err
			}
			in, err := q.inputs(ctx, e, args[0])
			if err != nil {
				return err
			}
			a, err := e.loader().VerifyImage(ctx, in, q.namespace)
			if err != nil {
				return err
			}
			a.Explain = explain
			e.concludes(a.Verdict)
			return rec.conclude(ctx, e, a)
		}),
	}
	q.flags(c)
	rec.add(c)
	c.Flags().BoolVar(&explain, "explain", false, "show the certificate, the log entries and the trust that facts rest on, and where each was attached")
	return answers(c, (*report.ImageVerification)(nil))
}

func oneImage(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return ident.Errorf(ident.KindUsage, "%s needs one IMAGE", c.CommandPath())
	}
	return nil
}
