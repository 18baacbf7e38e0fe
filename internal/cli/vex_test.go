package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/report"
)

// Statements are handed over, move what runs, are listed and withdrawn, by those who may.
func TestVEXCommands(t *testing.T) {
	records := t.TempDir()
	config := filepath.Join(records, "serve.yaml")
	for name, text := range map[string]string{filepath.Join(records, "a.json"): lodashRecord, config: "vexUploaders: [{name: 'token:admin'}]\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := served(t, "--advisories", filepath.Join(records, "a.json"), "--config", config)
	t.Setenv("COFFERDAM_SERVER", s.url)
	t.Setenv("COFFERDAM_TOKEN", strings.TrimSpace(readText(t, s.dir+"/data/admin.token")))
	s.run(0, "push", s.file("web.json", imageSBOM("web", 1, "pkg:npm/lodash@4.17.20")), "-f", "prod="+s.file("web.yaml", `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: app, image: "registry.example/web@sha256:`+strings.Repeat("0", 63)+`1"}]}
`))
	listed := func() report.RunningFindings {
		t.Helper()
		var a report.RunningFindings
		for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // until the advisories are read
			out, _ := s.run(-1, "findings", "-o", "json")
			if json.Unmarshal([]byte(out), &a) == nil && len(a.Items) == 1 {
				return a
			}
			if time.Now().After(end) {
				t.Fatalf("nothing is found for a minute: %s", out)
			}
		}
	}
	if a := listed(); a.Items[0].Status != "affected" || a.Cleared != 0 {
		t.Errorf("%+v", a)
	}
	const doc = `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://vendor.example/1","author":"Vendor","timestamp":"2026-01-02T03:04:05Z","version":1,
"statements":[{"vulnerability":{"name":"CVE-2021-23337"},"products":[{"@id":"pkg:npm/lodash"}],"status":"not_affected","justification":"vulnerable_code_not_present"}]}`
	out, _ := s.run(0, "vex", "push", s.file("v.json", doc), "-o", "json")
	var pushed report.VEXPushed
	if err := json.Unmarshal([]byte(out), &pushed); err != nil || len(pushed.Documents) != 1 || !pushed.Documents[0].Trusted || pushed.Documents[0].Uploader != "token:admin" {
		t.Fatalf("%v %s", err, out)
	}
	if a := listed(); a.Items[0].Status != "not_affected" || a.Cleared != 1 || !strings.Contains(a.Items[0].VEXSource, "https://vendor.example/1 (handed over by token:admin)") {
		t.Errorf("%+v", a.Items[0])
	}
	if out, _ = s.run(0, "vex", "push", s.dir+"/v.json"); !strings.Contains(out, "there already") {
		t.Errorf("%s", out)
	}
	if out, _ = s.run(3, "vex", "push", s.dir+"/web.yaml"); !strings.Contains(out, "refused") {
		t.Errorf("%s", out)
	}
	id := pushed.Documents[0].ID
	if out, _ = s.run(0, "vex", "list", "cve-2021-23337"); !strings.Contains(out, id) || !strings.Contains(out, "applied") || !strings.Contains(out, "Vendor") {
		t.Errorf("%s", out)
	}
	for _, none := range [][]string{{"CVE-1999-1"}, {"--by", "somebody"}, {"--at", "2020-01-01T00:00:00Z"}} {
		if out, _ = s.run(0, append([]string{"vex", "list"}, none...)...); !strings.Contains(out, "NO STATEMENTS") {
			t.Errorf("%v: %s", none, out)
		}
	}

	// Somebody who may triage, and whom the configuration does not name; and one who may not.
	out, _ = s.run(0, "token", "create", "--data", s.dir+"/data", "--name", "other", "--roles", "triager")
	if said, _ := s.run(0, "vex", "push", s.dir+"/v.json", "--token", strings.Fields(out)[0]); !strings.Contains(said, "shown and not applied") {
		t.Errorf("%s", said)
	}
	out, _ = s.run(0, "token", "create", "--data", s.dir+"/data", "--name", "ci", "--roles", "publisher")
	for _, no := range [][]string{{"push", s.dir + "/v.json"}, {"withdraw", id}} {
		if _, said := s.run(2, append(append([]string{"vex"}, no...), "--token", strings.Fields(out)[0])...); !strings.Contains(said, "triager") {
			t.Errorf("%v: %s", no, said)
		}
	}
	s.run(0, "vex", "withdraw", id)
	if a := listed(); a.Items[0].Status != "affected" {
		t.Errorf("%+v", a.Items[0])
	}
	s.run(1, "vex", "withdraw", id)
	if out, _ = s.run(0, "vex", "list", "--history", "--by", "token:admin"); !strings.Contains(out, id) {
		t.Errorf("%s", out)
	}
	if out, _ = s.run(0, "changes"); !strings.Contains(out, "vex") {
		t.Errorf("%s", out)
	}
	s.run(2, "vex", "list", "a", "b")
	s.run(2, "vex", "withdraw")
	s.run(2, "vex", "push")
	s.run(2, "vex", "nonsense")
}

func readText(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
