package app

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
	"github.com/cofferdam-io/cofferdam/internal/testenv/tuf"
	"github.com/cofferdam-io/cofferdam/policy"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// clusterPolicy is a ClusterImagePolicy over every image, with authorities in YAML.
func clusterPolicy(authorities string) string {
	return "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: cip}\nspec:\n  images: [{glob: \"**\"}]\n  authorities:\n" + authorities
}

// ownPolicy is a VerificationPolicy of one rule.
func ownPolicy(expression string) string {
	return "apiVersion: cofferdam.dev/v1alpha1\nkind: VerificationPolicy\nmetadata: {name: own}\nspec:\n  mode: Enforce\n  rules:\n  - name: rule\n    expression: '" + expression + "'\n    message: what is asked\n    hint: do it\n"
}

func indented(pem []byte) string {
	return "\n        " + strings.ReplaceAll(strings.TrimSpace(string(pem)), "\n", "\n        ") + "\n"
}

// trustRootOf is a TrustRoot resource of a deployment.
func trustRootOf(d *synth.Deployment, name string) string {
	root := d.Root()
	text := func(o any, path ...string) string {
		for _, p := range path {
			o = o.(synth.Object)[p]
		}
		return o.(string)
	}
	pem := func(kind string, b64 string) string {
		return fmt.Sprintf("-----BEGIN %s-----\n%s\n-----END %s-----\n", kind, b64, kind)
	}
	chains := func(list any) string {
		var out strings.Builder
		for _, a := range list.([]any) {
			var chain strings.Builder
			for _, c := range a.(synth.Object)["certChain"].(synth.Object)["certificates"].([]any) {
				chain.WriteString(pem("CERTIFICATE", text(c, "rawBytes")))
			}
			fmt.Fprintf(&out, "    - {subject: {organization: synth.example, commonName: x}, uri: %q, certChain: %s}\n", text(a, "uri"), base64.StdEncoding.EncodeToString([]byte(chain.String())))
		}
		return out.String()
	}
	logs := func(list any) string {
		var out strings.Builder
		for _, g := range list.([]any) {
			fmt.Fprintf(&out, "    - {baseURL: %q, hashAlgorithm: sha-256, publicKey: %s}\n", text(g, "baseUrl"), base64.StdEncoding.EncodeToString([]byte(pem("PUBLIC KEY", text(g, "publicKey", "rawBytes")))))
		}
		return out.String()
	}
	return "apiVersion: policy.sigstore.dev/v1alpha1\nkind: TrustRoot\nmetadata: {name: " + name + "}\nspec:\n  sigstoreKeys:\n    certificateAuthorities:\n" + chains(root["certificateAuthorities"]) +
		"    timestampAuthorities:\n" + chains(root["timestampAuthorities"]) + "    tLogs:\n" + logs(root["tlogs"]) + "    ctLogs:\n" + logs(root["ctlogs"])
}

// carriedRoot is a TrustRoot with the repository of the other deployment, packed at a time.
func carriedRoot(v *vouching, at time.Time) string {
	m := tuf.New(v.t, at)
	m.Publish(v.t, 1, at, "trusted_root.json", string(v.theirs.TrustedRoot()))
	return fmt.Sprintf("apiVersion: policy.sigstore.dev/v1alpha1\nkind: TrustRoot\nmetadata: {name: private}\nspec:\n  repository:\n    root: %s\n    mirrorFS: %s\n",
		base64.StdEncoding.EncodeToString(m.Root), base64.StdEncoding.EncodeToString(m.Archive(v.t, "repository/")))
}

// TestImagePolicies has policies of both kinds judge what is attached to an image; most
// of all, what one policy does without is no gift to another.
func TestImagePolicies(t *testing.T) {
	ours := fmt.Sprintf("  - keyless: {url: \"https://fulcio.example\", identities: [{issuer: %q, subject: %q}]%%s}\n", signerIssuer, workflow)
	keyless := fmt.Sprintf(ours, "")
	signedByUs := `facts.signedBy("` + signerIssuer + `", "` + strings.ReplaceAll(workflow, "*", "") + `").signatures().size() > 0`
	theirRoot := fmt.Sprintf(ours, ", trustRootRef: private") + "    ctlog: {url: \"" + synth.LogV2 + "\", trustRootRef: private}\n"
	keyed := func(v *vouching) string {
		return "  - key:\n      data: |" + indented(publicPEM(v.t, v.key))
	}
	byKey := func(v *vouching) synth.Signing { return synth.Signing{Key: v.key, NoLog: true, NoStamp: true} }
	signed := func(v *vouching, i oci.Image) { v.attach(i, v.sign(v.ours, i.Raw, byCertificate)) }
	private := func(v *vouching, i oci.Image) { v.attach(i, v.sign(v.theirs, i.Raw, byCertificate)) }
	for name, c := range map[string]struct {
		attach   func(v *vouching, i oci.Image)
		policies func(v *vouching) []string
		verdict  report.VerdictWord
		reason   string
	}{
		"ours, signed":           {signed, func(*vouching) []string { return []string{ownPolicy(signedByUs)} }, report.Verified, ""},
		"ours, nothing":          {func(*vouching, oci.Image) {}, func(*vouching) []string { return []string{ownPolicy(signedByUs)} }, report.Refused, report.NothingSigned},
		"ours, by a private one": {private, func(*vouching) []string { return []string{ownPolicy(signedByUs)} }, report.Refused, report.PolicyDenied},
		"keyless":                {signed, func(*vouching) []string { return []string{clusterPolicy(keyless)} }, report.Verified, ""},
		"keyless, nothing":       {func(*vouching, oci.Image) {}, func(*vouching) []string { return []string{clusterPolicy(keyless)} }, report.Refused, report.NothingSigned},
		"keyless, a private one": {private, func(*vouching) []string { return []string{clusterPolicy(keyless)} }, report.Refused, report.PolicyDenied},
		"a TrustRoot": {private, func(v *vouching) []string {
			return []string{clusterPolicy(theirRoot), trustRootOf(v.theirs, "private")}
		}, report.Verified, ""},
		"a TrustRoot that carries its repository": {private, func(v *vouching) []string {
			return []string{clusterPolicy(theirRoot), carriedRoot(v, factsAt.Add(-time.Hour))}
		}, report.Verified, ""},
		"a TrustRoot that carries its repository, default signed": {signed, func(v *vouching) []string {
			return []string{clusterPolicy(theirRoot), carriedRoot(v, factsAt.Add(-time.Hour))}
		}, report.Refused, report.PolicyDenied},
		"a TrustRoot that carries what has expired": {private, func(v *vouching) []string {
			return []string{clusterPolicy(theirRoot), carriedRoot(v, factsAt.Add(-30*24*time.Hour))}
		}, report.Indeterminate, report.NotAnswered},
		"a TrustRoot, default signed": {signed, func(v *vouching) []string {
			return []string{clusterPolicy(theirRoot), trustRootOf(v.theirs, "private")}
		}, report.Refused, report.PolicyDenied},
		"a TrustRoot that is not there": {private, func(*vouching) []string { return []string{clusterPolicy(theirRoot)} }, report.Refused, report.PolicyDenied},
		"a TrustRoot of one policy, another asks for the default": {private, func(v *vouching) []string {
			return []string{clusterPolicy(theirRoot), trustRootOf(v.theirs, "private"), strings.Replace(clusterPolicy(keyless), "name: cip", "name: other", 1)}
		}, report.Refused, report.PolicyDenied},
		"a TrustRoot of one policy is none of ours": {private, func(v *vouching) []string {
			return []string{clusterPolicy(theirRoot), trustRootOf(v.theirs, "private"), ownPolicy(signedByUs)}
		}, report.Refused, report.PolicyDenied},
		"no SCT, and the policy does without": {func(v *vouching, i oci.Image) {
			s := byCertificate
			s.NoSCT = true
			v.attach(i, v.sign(v.ours, i.Raw, s))
		}, func(*vouching) []string {
			return []string{clusterPolicy(fmt.Sprintf(ours, ", insecureIgnoreSCT: true"))}
		}, report.Verified, ""},
		"no SCT, and another policy does without": {func(v *vouching, i oci.Image) {
			s := byCertificate
			s.NoSCT = true
			v.attach(i, v.sign(v.ours, i.Raw, s))
		}, func(*vouching) []string {
			return []string{clusterPolicy(fmt.Sprintf(ours, ", insecureIgnoreSCT: true")), ownPolicy(signedByUs)}
		}, report.Refused, report.PolicyDenied},
		"a key":                {func(v *vouching, i oci.Image) { v.attach(i, v.sign(v.ours, i.Raw, byKey(v))) }, func(v *vouching) []string { return []string{clusterPolicy(keyed(v))} }, report.Verified, ""},
		"a key, another signs": {signed, func(v *vouching) []string { return []string{clusterPolicy(keyed(v))} }, report.Refused, report.PolicyDenied},
		"a key, in a log that nobody knows": {func(v *vouching, i oci.Image) {
			v.attach(i, v.sign(v.theirs, i.Raw, synth.Signing{Key: v.key}))
		}, func(v *vouching) []string { return []string{clusterPolicy(keyed(v))} }, report.Verified, ""},
		"a key, and the log that must know it does not": {func(v *vouching, i oci.Image) { v.attach(i, v.sign(v.theirs, i.Raw, synth.Signing{Key: v.key})) },
			func(v *vouching) []string {
				return []string{clusterPolicy(keyed(v) + "    ctlog: {url: \"" + synth.LogV2 + "\"}\n")}
			}, report.Refused, report.PolicyDenied},
		"a key in a Secret": {func(v *vouching, i oci.Image) { v.attach(i, v.sign(v.ours, i.Raw, byKey(v))) }, func(*vouching) []string {
			return []string{clusterPolicy("  - key: {secretRef: {name: signing}}\n")}
		}, report.Verified, ""},
		"a key in a Secret that is not there": {func(v *vouching, i oci.Image) { v.attach(i, v.sign(v.ours, i.Raw, byKey(v))) }, func(*vouching) []string {
			return []string{clusterPolicy("  - key: {secretRef: {name: other}}\n")}
		}, report.Refused, report.PolicyDenied},
		"an attested SBOM": {func(v *vouching, i oci.Image) {
			v.attach(i, v.sign(v.ours, nil, stating("https://cyclonedx.org/bom", `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"a","version":"1"}]}`, i.Digest)))
		}, func(*vouching) []string {
			return []string{ownPolicy(`sboms.exists(s, s.verified && s.components == 1)`)}
		}, report.Verified, ""},
		"nobody's image": {signed, func(*vouching) []string {
			return []string{strings.Replace(clusterPolicy(keyless), `"**"`, `"elsewhere.example/**"`, 1)}
		}, report.Refused, report.PolicyDenied},
	} {
		t.Run(name, func(t *testing.T) {
			v := newVouching(t, true)
			i := v.reg.Image(t, "shop/web", "1.4")
			c.attach(v, i)
			in := v.inputs(i)
			in.Verify.Options.Identities = nil
			secret := v.file("secret.yaml", []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: signing, namespace: cosign-system}\ndata:\n  cosign.key: AAAA\n  cosign.pub: "+base64.StdEncoding.EncodeToString(publicPEM(t, v.key))+"\n"))
			var err error
			if in.Policies, err = (&Loader{}).Policies(t.Context(), []string{v.file("policy.yaml", []byte(strings.Join(c.policies(v), "---\n")))}, []string{secret}); err != nil {
				t.Fatal(err)
			}
			a := v.verify(in)
			want(t, a, c.verdict, c.reason)
			if a.Policy == nil || (a.Policy.Decision == policy.Deny) != (c.verdict != report.Verified) {
				t.Errorf("%+v, notes %v", a.Policy, a.Notes)
			}
			if t.Failed() {
				t.Logf("%+v %v", a.Policy, a.Notes)
			}
		})
	}
}

// TestImagePoliciesWithoutTheirRoot: with no trusted root to be had, what is signed under
// a certificate could not be checked, and nobody calls it refused.
func TestImagePoliciesWithoutTheirRoot(t *testing.T) {
	v := newVouching(t, true)
	i := v.reg.Image(t, "shop/web", "1.4")
	v.attach(i, v.sign(v.ours, i.Raw, byCertificate))
	in := v.inputs(i)
	in.Verify.TrustedRoots, in.Verify.Roots = nil, noRoot
	want(t, v.verify(in), report.Indeterminate, report.NotAnswered)
	in.Verify.Options.Identities = nil
	var err error
	keyless := fmt.Sprintf("  - keyless: {url: \"https://fulcio.example\", identities: [{issuer: %q, subject: %q}]}\n", signerIssuer, workflow)
	if in.Policies, err = (&Loader{}).Policies(t.Context(), []string{v.file("policy.yaml", []byte(clusterPolicy(keyless)))}, nil); err != nil {
		t.Fatal(err)
	}
	a := v.verify(in)
	want(t, a, report.Indeterminate, report.NotAnswered)
	if !a.Policy.Indeterminate {
		t.Errorf("%+v", a.Policy)
	}
}

func noRoot(context.Context, time.Time) ([]byte, []string, error) {
	return nil, nil, ident.Errorf(ident.KindIndeterminate, "there is no trusted root: nobody answers")
}
