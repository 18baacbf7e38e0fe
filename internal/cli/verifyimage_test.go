package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// TestVerifyImage runs the command as a user does: words and exit codes tell what is
// verified, what is refused and what could not be checked.
func TestVerifyImage(t *testing.T) {
	d, err := synth.New(synth.Options{At: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	r := lockedRegistry(t)
	const bundle = "application/vnd.dev.sigstore.bundle.v0.3+json"
	signed := func(name string, content []byte, i oci.Image) string {
		t.Helper()
		b, err := d.Sign(content, synth.Signing{Subject: "ci@example.com", Issuer: "https://issuer.example"})
		if err != nil {
			t.Fatal(err)
		}
		r.Attach(t, i, bundle, oci.Layer{MediaType: bundle, Content: synth.Write(b)})
		return r.Host + "/shop/" + name + ":1"
	}
	i := r.Image(t, "shop/web", "1")
	web := signed("web", i.Raw, i)
	copied := signed("copied", i.Raw, r.Image(t, "shop/copied", "1"))
	r.Image(t, "shop/bare", "1")
	r.Image(t, "shop/locked", "1")
	bare, locked := r.Host+"/shop/bare:1", r.Host+"/shop/locked:1"
	dir := t.TempDir()
	file := filesIn[string](t, dir)
	root := file("root.json", string(d.TrustedRoot()))
	policy := file("policy.yaml", `apiVersion: cofferdam.dev/v1alpha1
kind: VerificationPolicy
metadata: {name: ours}
spec:
  mode: Enforce
  rules:
  - name: signature
    expression: facts.signedBy("https://issuer.example", "ci@example.com").signatures().size() > 0
    message: a signature of our pipeline
    hint: let the pipeline sign it
`)
	who := []string{"--certificate-identity", "ci@example.com", "--certificate-oidc-issuer", "https://issuer.example", "--trusted-root", root}
	t.Setenv("COFFERDAM_CACHE", t.TempDir())
	for name, c := range map[string]struct {
		args         []string
		code         int
		says, stderr string
	}{
		"good":                     {append([]string{web}, who...), 0, "VERIFIED", ""},
		"good, explained":          {append([]string{web, "--explain"}, who...), 0, "log: entry", ""},
		"good by policy":           {[]string{web, "--policy", policy, "--trusted-root", root}, 0, "passed  signature", ""},
		"nothing is signed":        {append([]string{bare}, who...), 3, "reason: nothing-signed", ""},
		"nothing for the policy":   {[]string{bare, "--policy", policy, "--trusted-root", root}, 3, "expected: a signature of our pipeline", ""},
		"copied":                   {append([]string{copied}, who...), 3, "artifact-mismatch", ""},
		"the registry refuses":     {append([]string{locked}, who...), 1, "COULD NOT CHECK", ""},
		"… and the policy asks":    {[]string{locked, "--policy", policy, "--trusted-root", root}, 1, "not-answered", ""},
		"no such image":            {append([]string{r.Host + "/shop/nowhere:1"}, who...), 1, "COULD NOT CHECK", ""},
		"nobody is accepted":       {[]string{web}, 2, "", "whose signature"},
		"no image":                 {nil, 2, "", "one IMAGE"},
		"manifests without policy": {append([]string{web, "-f", policy}, who...), 2, "", "no --policy"},
		"a policy that is broken":  {[]string{web, "--policy", file("broken.yaml", "kind: VerificationPolicy\napiVersion: cofferdam.dev/v1alpha1\n"), "--trusted-root", root}, 1, "", "broken.yaml"},
		"no policy in the file":    {[]string{web, "--policy", file("other.yaml", "kind: Pod\napiVersion: v1\n"), "--trusted-root", root}, 1, "", "polic"},
		"a platform of no index":   {append([]string{web, "--platform", "linux/amd64"}, who...), 0, "VERIFIED", ""},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := run(t, nil, append([]string{"verify", "image"}, c.args...)...)
			if code != c.code || !strings.Contains(out, c.says) || !strings.Contains(errs, c.stderr) {
				t.Errorf("exit %d\n%s\n%s\nwant %d, %q, %q", code, out, errs, c.code, c.says, c.stderr)
			}
		})
	}
	for _, format := range []string{"json", "yaml", "sarif", "junit", "markdown"} {
		for image, code := range map[string]int{web: 0, bare: 3, locked: 1} {
			got, out, errs := run(t, nil, "verify", "image", image, "--policy", policy, "--trusted-root", root, "-o", format)
			if got != code || out == "" {
				t.Errorf("%s: exit %d, want %d: %s", format, got, code, errs)
			}
			if format == "sarif" && strings.Contains(out, `"executionSuccessful": false`) != (code == 1) {
				t.Errorf("%s: %s", image, out)
			}
		}
	}
	_, out, _ := run(t, nil, append([]string{"verify", "image", web, "-o", "json"}, who...)...)
	var a struct {
		Digests    []string
		Candidates []struct {
			How, Format, Verdict string
			Fact                 *struct{ Artifact string }
		}
	}
	if err := json.Unmarshal([]byte(out), &a); err != nil || len(a.Digests) != 1 || len(a.Candidates) != 1 || a.Candidates[0].Fact == nil || a.Candidates[0].Fact.Artifact != i.Digest.String() ||
		a.Candidates[0].How != "referrers-api" || a.Candidates[0].Format != "bundle" || a.Candidates[0].Verdict != "verified" {
		t.Errorf("%v %s", err, out)
	}
}

// TestVerifyCommitUsage: what git and its signatures come to is tested where they are
// read; this is about the command.
func TestVerifyCommitUsage(t *testing.T) {
	dir := t.TempDir()
	allowed := filepath.Join(dir, "allowed")
	if err := os.WriteFile(allowed, []byte("# nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args         []string
		code         int
		says, stderr string
	}{
		"nobody":        {[]string{"HEAD"}, 2, "", "whose signature"},
		"no revision":   {[]string{"--allowed-signers", allowed}, 2, "", "needs a REV"},
		"no repository": {[]string{"HEAD", "--allowed-signers", allowed, "--repo", dir}, 1, "COULD NOT CHECK", ""},
		"no file":       {[]string{"HEAD", "--allowed-signers", filepath.Join(dir, "missing")}, 1, "", "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := run(t, nil, append([]string{"verify", "commit"}, c.args...)...)
			if code != c.code || !strings.Contains(out, c.says) || !strings.Contains(errs, c.stderr) {
				t.Errorf("exit %d\n%s\n%s\nwant %d, %q, %q", code, out, errs, c.code, c.says, c.stderr)
			}
		})
	}
}
