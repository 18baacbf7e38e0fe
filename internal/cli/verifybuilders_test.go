package cli_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// TestVerifyWithBuilders: the SLSA level of a verified provenance, by a table of builders.
func TestVerifyWithBuilders(t *testing.T) {
	d, err := synth.New(synth.Options{At: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, content []byte) string { return filesIn[[]byte](t, t.TempDir())(name, content) }
	statement := provenance.Statement{PredicateType: provenance.SLSAProvenanceV1, Subjects: []provenance.Subject{provenance.SubjectOf("a.tar", ident.SHA256([]byte("a")))},
		Predicate: []byte(`{"buildDefinition":{"buildType":"https://ci.example/t","externalParameters":{},"resolvedDependencies":[{"uri":"pkg:docker/golang@1.26"}]},"runDetails":{"builder":{"id":"https://ci.example/runner"}}}`)}
	raw, err := statement.Write()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := d.Sign([]byte("a"), synth.Signing{Subject: "ci@example.com", Issuer: "https://issuer.example", Statement: raw})
	if err != nil {
		t.Fatal(err)
	}
	with := func(table string, more ...string) []string {
		return append([]string{"verify", "bundle", file("a.tar", []byte("a")), "--bundle", file("a.json", synth.Write(signed)), "--trusted-root", file("root.json", d.TrustedRoot()),
			"--certificate-identity", "ci@example.com", "--certificate-oidc-issuer", "https://issuer.example", "--builders", table}, more...)
	}
	args := func(table string, more ...string) []string {
		return with(file("builders.yaml", []byte(table)), more...)
	}
	const known = "builders:\n- id: https://ci.example/runner\n  level: 2\n  signers: [{subject: ci@example.com, issuer: https://issuer.example}]\n"
	for name, c := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"known":         {args(known), 0, []string{"VERIFIED", "SLSA Build level 2", "level 3 not reached: the table trusts the builder"}},
		"signed so":     {args(strings.ReplaceAll(known, "ci@", "other@")), 0, []string{"SLSA Build level 1", "repository's secrets"}},
		"explained":     {args(known, "--explain"), 0, []string{"level 1 reached", "level 2 reached", "inputs: 0 of 1 pinned", "not pinned: pkg:docker/golang@1.26", "hermetic: unknown"}},
		"level 4":       {args(strings.ReplaceAll(known, "level: 2", "level: 4")), 1, []string{"builders.yaml", "no level of the Build track", "ends at 3"}},
		"not a table":   {args("builders: 7\n"), 1, []string{"builders.yaml"}},
		"no such table": {with(filepath.Join(t.TempDir(), "missing")), 1, []string{"no such file"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(t, nil, c.args...)
			if code != c.code {
				t.Errorf("exit %d: %s%s", code, stdout, stderr)
			}
			for _, s := range c.says {
				if !strings.Contains(stdout+stderr, s) {
					t.Errorf("%q is not in %s%s", s, stdout, stderr)
				}
			}
		})
	}
	_, stdout, _ := run(t, nil, args(known, "-o", "json")...)
	var a struct {
		Results []struct {
			SLSA struct {
				Build struct{ Level int }
			}
		}
	}
	if err := json.Unmarshal([]byte(stdout), &a); err != nil || len(a.Results) != 1 || a.Results[0].SLSA.Build.Level != 2 {
		t.Errorf("%v: %s", err, stdout)
	}
}
