package rego_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/rego"

	"github.com/cofferdam-io/cofferdam/internal/cli"
	"github.com/cofferdam-io/cofferdam/internal/testenv/keyring"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
)

// TestConftest asks the rules of deploy/conftest, as Conftest does (data.main.deny, Rego
// v1), about what gate and verify image really write of images.
func TestConftest(t *testing.T) {
	t.Setenv("COFFERDAM_CACHE", t.TempDir())
	deny := conftest(t, "../../deploy/conftest/policy.rego")
	r := oci.New(t, oci.Options{Referrers: true})
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	command := func(want int, args ...string) []byte {
		t.Helper()
		var out, errs bytes.Buffer
		if code := cli.Run(context.Background(), args, strings.NewReader(""), &out, &errs); code != want {
			t.Fatalf("%v: exit %d, want %d: %s%s", args, code, want, out.String(), errs.String())
		}
		return out.Bytes()
	}
	key := keyring.All(t)["p256"]
	private, public := keyring.Write(t, key), file("key.pub", keyring.Public(t, key))
	sbom := file("sbom.json", []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{"type":"library","name":"lodash","version":"4.17.20","purl":"pkg:npm/lodash@4.17.20"}]}`))
	advisory := file("advisory.json", []byte(`{"id":"GHSA-35jh-r3h4-6jhm","aliases":["CVE-2021-23337"],"modified":"2024-01-01T00:00:00Z","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H"}],
		"affected":[{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"4.17.21"}]}]}]}`))
	kev := file("kev.json", []byte(`{"catalogVersion":"2026.11.20","dateReleased":"2026-11-20T00:00:00Z","count":1,"vulnerabilities":[{"cveID":"CVE-2021-23337","dateAdded":"2026-11-01"}]}`))
	policy := file("policy.yaml", []byte("apiVersion: cofferdam.dev/v1alpha1\nkind: VerificationPolicy\nmetadata: {name: signed}\nspec:\n  mode: Enforce\n  rules:\n  - {name: signed, expression: facts.signatures().size() > 0, message: m, hint: h}\n"))
	image := func(name string, steps ...[]string) string {
		r.Image(t, "shop/"+name, "1")
		ref := r.Host + "/shop/" + name + ":1"
		for _, s := range steps {
			command(0, append([]string{s[0], ref, "--key", private}, s[1:]...)...)
		}
		return ref
	}
	provenance := file("provenance.json", []byte(`{"buildDefinition":{"buildType":"https://ci.example/t","externalParameters":{}},"runDetails":{"builder":{"id":"https://ci.example/runner"}}}`))
	attested := []string{"attest", "--type", "cyclonedx", "--predicate", sbom}
	good := image("good", []string{"sign"}, attested, []string{"attest", "--type", "slsaprovenance", "--predicate", provenance})
	bare, signed := image("bare"), image("signed", []string{"sign"}, attested)
	gate := func(ref string, more ...string) []byte {
		return command(0, append([]string{"gate", ref, "--key", public, "--policy", policy, "--advisories", advisory, "--kev", kev, "--warn-only", "-o", "json"}, more...)...)
	}
	for name, c := range map[string]struct {
		document []byte
		want     []string // each in one of the refusals; none: nothing is refused
	}{
		"gate, exploited":     {gate(good), []string{"CVE-2021-23337 in pkg:npm/lodash@4.17.20 is known to be exploited", "findings: ", "the gate failed"}},
		"gate, passed":        {gate(good, "--fail-on", "none"), nil},
		"gate, nothing":       {gate(bare), []string{"sbom: none is attached", "signed/signed: "}},
		"image, good":         {command(0, "verify", "image", good, "--key", public, "-o", "json"), nil},
		"image, no more":      {command(0, "verify", "image", signed, "--key", public, "-o", "json"), []string{"nobody whom this policy knows attests provenance"}},
		"image, nothing":      {command(3, "verify", "image", bare, "--key", public, "-o", "json"), []string{"refused: nothing is attached", "attests provenance"}},
		"image, not answered": {command(1, "verify", "image", r.Host+"/shop/absent:1", "--key", public, "-o", "json"), []string{"indeterminate", "not everything could be checked"}},
		"something else":      {[]byte(`{"kind":"Deployment"}`), []string{"neither the answer"}},
		"empty":               {[]byte(`{}`), []string{"neither the answer"}},
		"gate, cut off":       {[]byte(`{"schemaVersion":"v1","image":"x","checks":[]}`), []string{"nothing was resolved", "has no result"}},
		"gate, a check cut":   {[]byte(`{"schemaVersion":"v1","digest":"sha256:00","result":"passed","checks":[{"name":"sbom"}]}`), []string{"sbom"}},
		"image, cut off":      {[]byte(`{"schemaVersion":"v1","candidates":[{"verdict":"verified","fact":{"predicateType":"https://slsa.dev/provenance/v1","signer":{"key":{"id":"sha256:00"}}}}]}`), []string{"no verdict", "not everything"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := deny(c.document)
			for _, w := range c.want {
				if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, w) }) {
					t.Errorf("nothing says %q: %q", w, got)
				}
			}
			if len(c.want) == 0 && len(got) > 0 {
				t.Errorf("refused: %q", got)
			}
		})
	}
}

// conftest returns what a file of rules denies of a document.
func conftest(t *testing.T, file string) func(document []byte) []string {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	query, err := opa.New(opa.Query("data.main.deny"), opa.Module(file, string(source)), opa.SetRegoVersion(ast.RegoV1), opa.StrictBuiltinErrors(true)).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func(document []byte) []string {
		var input any
		if err := json.Unmarshal(document, &input); err != nil {
			t.Fatal(err)
		}
		results, err := query.Eval(t.Context(), opa.EvalInput(input))
		if err != nil || len(results) != 1 {
			t.Fatal(results, err)
		}
		var out []string
		for _, v := range results[0].Expressions[0].Value.([]any) { //nolint:forcetypeassert // a set
			out = append(out, v.(string)) //nolint:forcetypeassert // of texts
		}
		return out
	}
}
