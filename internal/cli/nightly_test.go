package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a server compares with, and what became of its job of every night.
func TestAdvisoriesOfServer(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	record := write("lodash.json", lodashRecord)
	vex := write("vex.json", `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://shop.example/vex","author":"Shop PSIRT","timestamp":"2026-11-03T00:00:00Z","version":1,
		"statements":[{"vulnerability":{"name":"CVE-2026-0001"},"products":[{"@id":"pkg:npm/x@1"}],"status":"fixed"}]}`)
	s := served(t, "--config", write("c.yaml", fmt.Sprintf("nightly: {at: %q, from: [%q]}\nvex: [%q]\n", "02:30", record, vex)))
	ask := []string{"advisories", "status", "--server", s.url, "--token-file", s.dir + "/data/admin.token"}
	var out string
	for until := time.Now().Add(time.Minute); !strings.Contains(out, "succeeded"); time.Sleep(20 * time.Millisecond) {
		if out, _ = s.run(-1, ask...); time.Now().After(until) {
			t.Fatalf("the job is not done: %s", out)
		}
	}
	out, _ = s.run(0, ask...)
	for _, want := range []string{"LOADED since ", "advisories  1        2026-01-02T00:00:00Z", "kev                  not loaded", "openvex     1        2026-11-03T00:00:00Z", "csaf                 not loaded", "EVERY NIGHT (1)  next here ", "T02:30:00Z", "1 advisories as of 2026-01-02, 0 findings"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out, _ = s.run(0, append(ask, "-o", "json")...)
	if !strings.Contains(out, `"nightly": {`) || !strings.Contains(out, `"succeeded": "20`) {
		t.Errorf("%s", out)
	}
	if _, said := s.run(2, append(ask, "CVE-2021-23337")...); !strings.Contains(said, "cofferdam where ID --server URL") {
		t.Errorf("%s", said)
	}
	bare := served(t)
	out, _ = bare.run(4, "advisories", "status", "--server", bare.url)
	if !strings.Contains(out, "NO ADVISORIES") || strings.Contains(out, "EVERY NIGHT") {
		t.Errorf("%s", out)
	}
}
