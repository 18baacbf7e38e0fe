package cli_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// TestImageLevels: verify image tells the SLSA level of what is attached, and policies ask
// it; a predicate that nobody knows stays JSON, and policies ask that, too.
func TestImageLevels(t *testing.T) {
	d, err := synth.New(synth.Options{At: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	r := oci.New(t, oci.Options{Referrers: true})
	const bundle = "application/vnd.dev.sigstore.bundle.v0.3+json"
	i := r.Image(t, "shop/web", "1")
	for predicateType, predicate := range map[string]string{
		provenance.SLSAProvenanceV1: `{"buildDefinition":{"buildType":"https://ci.example/t","externalParameters":{},"resolvedDependencies":[{"uri":"pkg:docker/golang@1.26"},
			{"uri":"git+https://git.example/web@refs/heads/main","digest":{"gitCommit":"6f1d"}}]},"runDetails":{"builder":{"id":"https://ci.example/runner"},"metadata":{"buildkit_hermetic":true}}}`,
		"https://shop.example/review/v7": `{"reviewers":["ann","ben"],"verdict":"fine"}`,
	} {
		s := provenance.Statement{PredicateType: predicateType, Subjects: []provenance.Subject{provenance.SubjectOf("web", i.Digest)}, Predicate: []byte(predicate)}
		raw, err := s.Write()
		if err != nil {
			t.Fatal(err)
		}
		b, err := d.Sign(nil, synth.Signing{Subject: "ci@example.com", Issuer: "https://issuer.example", Statement: raw})
		if err != nil {
			t.Fatal(err)
		}
		r.Attach(t, i, bundle, oci.Layer{MediaType: bundle, Content: synth.Write(b)})
	}
	dir := t.TempDir()
	file := filesIn[string](t, dir)
	policy := func(name, expression string) string {
		return file(name+".yaml", "apiVersion: cofferdam.dev/v1alpha1\nkind: VerificationPolicy\nmetadata: {name: "+name+"}\nspec:\n  mode: Enforce\n  rules:\n  - name: r\n    expression: '"+expression+"'\n    message: what is due\n    hint: build it there\n")
	}
	known := file("builders.yaml", "builders:\n- id: https://ci.example/runner\n  level: 2\n  signers: [{subject: ci@example.com, issuer: https://issuer.example}]\n")
	strangers := file("strangers.yaml", "builders:\n- id: https://ci.example/runner\n  level: 3\n  signers: [{subject: other@example.com, issuer: https://issuer.example}]\n")
	t.Setenv("COFFERDAM_CACHE", t.TempDir())
	base := []string{"verify", "image", r.Host + "/shop/web:1", "--trusted-root", file("root.json", string(d.TrustedRoot()))}
	who := []string{"--certificate-identity", "ci@example.com", "--certificate-oidc-issuer", "https://issuer.example"}
	two := policy("two", `provenance.level >= 2 && provenance.hermetic == "yes" && provenance.pinnedRatio == 0.5 && provenance.commit == "6f1d"`)
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"told":             {append([]string{"--builders", known}, who...), 0, []string{"VERIFIED", "SLSA Build level 2", "https://shop.example/review/v7"}},
		"signed by others": {append([]string{"--builders", strangers}, who...), 0, []string{"SLSA Build level 1"}},
		"policy accepts":   {[]string{"--builders", known, "--policy", two}, 0, []string{"passed  r"}},
		"policy refuses":   {[]string{"--builders", strangers, "--policy", two}, 3, []string{"failed  r", "what is due"}},
		"without a table":  {[]string{"--policy", two}, 3, []string{"failed  r"}},
		"level 1 without":  {[]string{"--policy", policy("one", `provenance.level == 1 && provenance.builder == "https://ci.example/runner"`)}, 0, []string{"passed  r"}},
		"unknown predicate": {[]string{"--policy", policy("review", `facts.attestations("https://shop.example/review").exists(f, f.predicate.verdict == "fine" && f.predicate.reviewers.size() >= 2)`)}, 0,
			[]string{"passed  r"}},
		"unknown predicate refused": {[]string{"--policy", policy("strict", `facts.attestations("https://shop.example/review").exists(f, f.predicate.reviewers.size() >= 3)`)}, 3, []string{"failed  r"}},
		"no such table":             {append([]string{"--builders", filepath.Join(dir, "missing")}, who...), 1, []string{"no such file"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := run(t, nil, append(append([]string{}, base...), c.args...)...)
			if code != c.code {
				t.Errorf("exit %d, want %d: %s%s", code, c.code, out, errs)
			}
			for _, s := range c.says {
				if !strings.Contains(out+errs, s) {
					t.Errorf("%q is not in %s%s", s, out, errs)
				}
			}
		})
	}
	_, out, _ := run(t, nil, append(append(append([]string{}, base...), "--builders", known, "-o", "json"), who...)...)
	var a struct {
		SLSA []struct {
			Build        struct{ Level int }
			Dependencies struct{ Total, Pinned int }
		}
	}
	if err := json.Unmarshal([]byte(out), &a); err != nil || len(a.SLSA) != 1 || a.SLSA[0].Build.Level != 2 || a.SLSA[0].Dependencies.Pinned != 1 {
		t.Errorf("%v %s", err, out)
	}
}
