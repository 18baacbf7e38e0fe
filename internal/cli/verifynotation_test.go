package cli_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"golang.org/x/crypto/ocsp"

	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
	"github.com/cofferdam-io/cofferdam/verify"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// TestVerifyNotation has signatures of the Notary Project in a registry, as notation
// attaches them, judged by the command.
func TestVerifyNotation(t *testing.T) {
	at := time.Now()
	n, err := synth.NewNotary(synth.NotaryOptions{At: at})
	if err != nil {
		t.Fatal(err)
	}
	listed, err := synth.NewNotary(synth.NotaryOptions{At: at, Lists: []string{"http://crl.example/acme.crl"}})
	if err != nil {
		t.Fatal(err)
	}
	r := oci.New(t, oci.Options{Referrers: true})
	put := func(repository string, by *synth.Notary, about string, s synth.NotationSigning) string {
		t.Helper()
		i := r.Image(t, repository, "1")
		raw, kind, err := by.Sign(cmp.Or(about, i.Digest.String()), s)
		if err != nil {
			t.Fatal(err)
		}
		r.Attach(t, i, verify.NotationArtifact, oci.Layer{MediaType: kind, Content: raw})
		return r.Host + "/" + repository + ":1"
	}
	jws, cose := put("shop/web", n, "", synth.NotationSigning{}), put("shop/cose", n, "", synth.NotationSigning{COSE: true})
	copied := put("shop/copied", n, r.Image(t, "shop/web", "1").Digest.String(), synth.NotationSigning{})
	unlisted, asks := put("shop/unlisted", n, "", synth.NotationSigning{}), put("shop/asks", listed, "", synth.NotationSigning{})

	const profile = "com.amazonaws.signer.signingProfileVersion"
	aws := func(repository, plugin string) string {
		t.Helper()
		return put(repository, n, "", synth.NotationSigning{Authority: true, Attributes: []signature.Attribute{
			{Key: "io.cncf.notary.verificationPlugin", Critical: true, Value: plugin}, {Key: profile, Critical: true, Value: "arn:aws:signer:us-west-2:1:/signing-profiles/web/v1"}}})
	}
	platform, elsewhere := aws("shop/aws", "com.amazonaws.signer.notation.plugin"), aws("shop/elsewhere", "../../../../bin/sh")

	dir := t.TempDir()
	file := filesIn[[]byte](t, dir)
	file("store/x509/ca/acme/root.pem", append(n.Root(), listed.Root()...))
	file("store/x509/ca/acme/readme.txt", []byte("not read"))
	stranger, err := synth.NewNotary(synth.NotaryOptions{At: at})
	if err != nil {
		t.Fatal(err)
	}
	file("strange/x509/ca/acme/root.pem", stranger.Root())
	file("strange/x509/signingAuthority/aws-signer-ts/root.pem", stranger.Root())
	doc := func(name, level string) string {
		t.Helper()
		scopes := `"` + strings.Join([]string{r.Host + "/shop/web", r.Host + "/shop/cose", r.Host + "/shop/copied", r.Host + "/shop/asks"}, `","`) + `"`
		return file(name, []byte(`{"version":"1.0","trustPolicies":[{"name":"ours","registryScopes":[`+scopes+`],"signatureVerification":{"level":"`+level+`"},"trustStores":["ca:acme"],"trustedIdentities":["x509.subject: C=US, ST=WA, O=acme"]}]}`))
	}
	// Programs in the place of AWS Signer's plugin, which answer as it does.
	plugins := func(name, result string) string {
		t.Helper()
		const plugin = "com.amazonaws.signer.notation.plugin"
		at := file(name+"/"+plugin+"/notation-"+plugin, []byte(`#!/bin/sh
cat > request
case $1 in
get-plugin-metadata) echo '{"name":"'`+plugin+`'","description":"d","version":"1.0.0","url":"u","supportedContractVersions":["1.0"],"capabilities":["SIGNATURE_VERIFIER.TRUSTED_IDENTITY","SIGNATURE_VERIFIER.REVOCATION_CHECK"]}';;
verify-signature) grep -q '"aws-region":"us-west-2"' request || exit 9
`+result+`;;
esac
`))
		if err := os.Chmod(at, 0o755); err != nil { //nolint:gosec // a program is run by others
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	answers := func(identity, revocation string) string {
		return `echo '{"verificationResults":{"SIGNATURE_VERIFIER.TRUSTED_IDENTITY":{"success":` + identity + `},"SIGNATURE_VERIFIER.REVOCATION_CHECK":{"success":` + revocation + `}},"processedAttributes":["` + profile + `"]}'`
	}
	yes, no := plugins("yes", answers("true", "true")), plugins("no", answers(`false,"reason":"no trusted identity"`, "true"))
	revokes, away := plugins("revokes", answers("true", `false,"reason":"revoked"`)), plugins("away", `echo '{"errorCode":"TIMEOUT","errorMessage":"the service does not answer"}' >&2; exit 1`)
	arns := file("aws.json", []byte(`{"version":"1.0","trustPolicies":[{"name":"aws","registryScopes":["*"],"signatureVerification":{"level":"strict"},"trustStores":["signingAuthority:aws-signer-ts"],"trustedIdentities":["arn:aws:signer:us-west-2:1:/signing-profiles/web"]}]}`))
	file("store/x509/signingAuthority/aws-signer-ts/root.pem", n.Root())
	byProfile := file("profile.yaml", []byte(`apiVersion: cofferdam.dev/v1alpha1
kind: VerificationPolicy
metadata: {name: profile}
spec:
  mode: Enforce
  rules:
  - name: profile
    expression: facts.exists(f, f.signer.issuer == "notation:aws" && f.signer.extensions["`+profile+`"].startsWith("arn:aws:signer:us-west-2:1:/signing-profiles/web/"))
    message: a signature of our profile
    hint: sign with AWS Signer
`))
	policy, audit := doc("trustpolicy.json", "strict"), doc("audit.json", "audit")
	rules := file("policy.yaml", []byte(`apiVersion: cofferdam.dev/v1alpha1
kind: VerificationPolicy
metadata: {name: ours}
spec:
  mode: Enforce
  rules:
  - name: signature
    expression: facts.signedBy("notation:ours", "CN=builder,O=acme,ST=WA,C=US").signatures().size() > 0
    message: a signature of our builder
    hint: notation sign
`))
	list, err := listed.RevocationList(at.Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	revoked, err := listed.RevocationList(at.Add(-time.Minute), 2)
	if err != nil {
		t.Fatal(err)
	}
	answered := func(status int) string {
		t.Helper()
		raw, err := listed.OCSP(synth.Answer{Status: status, From: -time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return file(fmt.Sprintf("answer%d.der", status), raw)
	}
	busy := file("busy.der", ocsp.TryLaterErrorResponse)
	free, gone := file("free.crl", list), file("gone.crl", revoked)
	store, strange := filepath.Join(dir, "store"), filepath.Join(dir, "strange")
	if err := os.MkdirAll(filepath.Join(dir, "linked/x509/ca"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(store, "x509/ca/acme"), filepath.Join(dir, "linked/x509/ca/acme")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("COFFERDAM_CACHE", t.TempDir())
	for name, c := range map[string]struct {
		args         []string
		code         int
		says, stderr string
	}{
		"JWS":                        {[]string{jws, "--notation-policy", policy, "--notation-store", store}, 0, "by the trust policy ours, authority in the store ca:acme", ""},
		"COSE, explained":            {[]string{cose, "--notation-policy", policy, "--notation-store", store, "--explain"}, 0, "scheme notary.x509", ""},
		"a policy over facts":        {[]string{jws, "--notation-policy", policy, "--notation-store", store, "--policy", rules}, 0, "passed  signature", ""},
		"… without the trust policy": {[]string{jws, "--policy", rules}, 3, "wrong-material", ""},
		"… over audited signatures":  {[]string{jws, "--notation-policy", audit, "--notation-store", strange, "--policy", rules}, 3, "expected: a signature of our builder", ""},
		"audited":                    {[]string{jws, "--notation-policy", audit, "--notation-store", strange}, 0, "not known who signed", ""},
		"a stranger's":               {[]string{jws, "--notation-policy", policy, "--notation-store", strange}, 3, "certificate-untrusted", ""},
		"copied":                     {[]string{copied, "--notation-policy", policy, "--notation-store", store}, 3, "artifact-mismatch", ""},
		"no scope":                   {[]string{unlisted, "--notation-policy", policy, "--notation-store", store}, 3, "trust-policy-missing", ""},
		"revocation is not known":    {[]string{asks, "--notation-policy", policy, "--notation-store", store}, 1, "COULD NOT CHECK", ""},
		"not revoked":                {[]string{asks, "--notation-policy", policy, "--notation-store", store, "--notation-crl", free}, 0, "VERIFIED", ""},
		"revoked":                    {[]string{asks, "--notation-policy", policy, "--notation-store", store, "--notation-crl", gone}, 3, "certificate-revoked", ""},
		"not revoked, says OCSP":     {[]string{asks, "--notation-policy", policy, "--notation-store", store, "--notation-ocsp", answered(ocsp.Good)}, 0, "VERIFIED", ""},
		"revoked, says OCSP":         {[]string{asks, "--notation-policy", policy, "--notation-store", store, "--notation-ocsp", answered(ocsp.Revoked)}, 3, "certificate-revoked", ""},
		"not known, says OCSP":       {[]string{asks, "--notation-policy", policy, "--notation-store", store, "--notation-ocsp", answered(ocsp.Unknown)}, 1, "COULD NOT CHECK", ""},
		"a responder that is busy":   {[]string{asks, "--notation-policy", policy, "--notation-store", store, "--notation-ocsp", busy}, 1, "did not answer: try later", ""},
		"an answer that is none":     {[]string{asks, "--notation-policy", policy, "--notation-store", store, "--notation-ocsp", policy}, 1, "", "no OCSP response"},
		"an answer without policy":   {[]string{asks, "--notation-ocsp", busy, "--key", "x"}, 2, "", "no --notation-policy"},
		"no stores":                  {[]string{jws, "--notation-policy", policy}, 2, "", "--notation-store"},
		"an empty store":             {[]string{jws, "--notation-policy", policy, "--notation-store", dir + "/none"}, 2, "", "ca:acme"},
		"a store that is a link":     {[]string{jws, "--notation-policy", policy, "--notation-store", dir + "/linked"}, 1, "", "links"},
		"a list that is none":        {[]string{jws, "--notation-policy", policy, "--notation-store", store, "--notation-crl", policy}, 1, "", "trustpolicy.json"},
		"a document that is none":    {[]string{jws, "--notation-policy", free, "--notation-store", store}, 1, "", "free.crl"},
		"a plugin":                   {[]string{platform, "--notation-policy", arns, "--notation-store", store, "--notation-plugins", yes, "--notation-plugin-config", "aws-region=us-west-2", "--explain"}, 0, "with the plugin com.amazonaws.signer.notation.plugin 1.0.0, which was asked for authenticity and revocation", ""},
		"… over facts":               {[]string{platform, "--notation-policy", arns, "--notation-store", store, "--notation-plugins", yes, "--notation-plugin-config", "aws-region=us-west-2", "--policy", byProfile}, 0, "passed  profile", ""},
		"a plugin says no":           {[]string{platform, "--notation-policy", arns, "--notation-store", store, "--notation-plugins", no, "--notation-plugin-config", "aws-region=us-west-2"}, 3, "no trusted identity", ""},
		"a plugin says revoked":      {[]string{platform, "--notation-policy", arns, "--notation-store", store, "--notation-plugins", revokes, "--notation-plugin-config", "aws-region=us-west-2"}, 3, "plugin-refused", ""},
		"a plugin's service is away": {[]string{platform, "--notation-policy", arns, "--notation-store", store, "--notation-plugins", away, "--notation-plugin-config", "aws-region=us-west-2"}, 1, "the service does not answer (TIMEOUT)", ""},
		"a plugin that fails":        {[]string{platform, "--notation-policy", arns, "--notation-store", store, "--notation-plugins", yes}, 1, "exit status 9", ""},
		"no folder of plugins":       {[]string{platform, "--notation-policy", arns, "--notation-store", store}, 1, "--notation-plugins DIR", ""},
		"a folder without it":        {[]string{platform, "--notation-policy", arns, "--notation-store", store, "--notation-plugins", store}, 1, "not installed", ""},
		"a name that is a path":      {[]string{elsewhere, "--notation-policy", arns, "--notation-store", store, "--notation-plugins", yes}, 1, "no name of one", ""},
		"… of a stranger":            {[]string{elsewhere, "--notation-policy", arns, "--notation-store", strange, "--notation-plugins", yes}, 3, "certificate-untrusted", ""},
		"plugins without a document": {[]string{jws, "--notation-plugins", yes, "--key", "x"}, 2, "", "no --notation-policy"},
		"a word that is none":        {[]string{jws, "--notation-policy", policy, "--notation-store", store, "--notation-plugins", yes, "--notation-plugin-config", "x"}, 2, "", "no NAME=VALUE"},
		"a word for no plugin":       {[]string{jws, "--notation-policy", policy, "--notation-store", store, "--notation-plugin-config", "a=b"}, 2, "", "no --notation-plugins"},
		"stores without a document":  {[]string{jws, "--notation-store", store}, 2, "", "no --notation-policy"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := run(t, nil, append([]string{"verify", "image"}, c.args...)...)
			if code != c.code || !strings.Contains(out, c.says) || !strings.Contains(errs, c.stderr) {
				t.Errorf("exit %d\n%s\n%s\nwant %d, %q, %q", code, out, errs, c.code, c.says, c.stderr)
			}
		})
	}
}
