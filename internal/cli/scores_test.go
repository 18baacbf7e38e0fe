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

// How good a server's documents are, by filters, in the past, and as a gate.
func TestScoresOfServer(t *testing.T) {
	config := filepath.Join(t.TempDir(), "serve.yaml")
	if err := os.WriteFile(config, []byte("quality: {floor: 30, profile: ntia-2021}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := served(t, "--config", config)
	admin := []string{"--token-file", s.dir + "/data/admin.token"}
	as := func(args ...string) []string { return append(args, admin...) }
	t.Setenv("COFFERDAM_SERVER", s.url)
	s.run(0, as("push", s.file("web.json", imageSBOM("web", 1, "pkg:npm/lodash@4.17.20")), s.file("api.json", imageSBOM("api", 2, "pkg:npm/lodash@4.17.21")))...)
	var all report.DocumentScores
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) { // until they are judged
		out, _ := s.run(-1, as("sbom", "score", "-o", "json")...)
		all = report.DocumentScores{}
		if err := json.Unmarshal([]byte(out), &all); err == nil && all.Total == 2 && all.Pending == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("documents are not judged for a minute: %s", out)
		}
	}
	if all.SchemaVersion != "1" || len(all.Items) != 2 || all.Items[0].Score > all.Items[1].Score || len(all.Items[0].Profiles) != 4 || all.Items[0].From.IsZero() {
		t.Errorf("%+v", all)
	}
	out, _ := s.run(0, as("sbom", "score", "--profile", "ntia-2021")...)
	for _, want := range []string{"2 documents: mean", "by ntia-2021", "GRADE", all.Items[0].Document} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	for _, none := range [][]string{{"--running"}, {"--zone", "dmz"}, {"--grade", "A,B"}, {"--from", "99"}, {"--owner", "nobody"}, {"--at", "2020-01-01T00:00:00Z"}, {"--since", "2099-01-01T00:00:00Z"}, {"--refused"}} {
		if out, _ := s.run(0, as(append([]string{"sbom", "score"}, none...)...)...); !strings.Contains(out, "NO DOCUMENTS") {
			t.Errorf("%v: %s", none, out)
		}
	}
	if out, _ := s.run(0, as("sbom", "score", "--unmet", "supplier", "--to", "90", "--history")...); !strings.Contains(out, "2 scores") {
		t.Errorf("%s", out)
	}
	if out, _ := s.run(3, as("sbom", "score", "--min", "99")...); !strings.Contains(out, "2 below 99") {
		t.Errorf("%s", out)
	}
	s.run(2, as("sbom", "score", "--grade", "E")...)
	s.run(2, as("sbom", "score", "--unmet", "nothing-is-called-so")...)
	s.run(2, as("sbom", "score", "--policy", config)...)
	s.run(2, "sbom", "score", s.dir+"/web.json", "--zone", "dmz")
	if _, said := s.run(2, "sbom", "score"); !strings.Contains(said, "nobody is signed in") {
		t.Errorf("without a token: %s", said)
	}
	if out, _ := s.run(0, as("changes")...); !strings.Contains(out, "scores") {
		t.Errorf("no event tells of scores: %s", out)
	}
	t.Setenv("COFFERDAM_SERVER", "")
	s.run(2, "sbom", "score")
}
