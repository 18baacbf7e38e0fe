package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/report"
)

// What a server keeps can be searched, reviewed, archived and united by command.
func TestDocumentsOfAServer(t *testing.T) {
	s := served(t)
	t.Setenv("COFFERDAM_SERVER", s.url)
	said := func(out string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%q is not in\n%s", w, out)
			}
		}
	}
	out, _ := s.run(0, "search", "pkg:npm/lodash")
	said(out, "NOT FOUND", "searched 0 artifacts")
	web := s.file("web.json", strings.Replace(imageSBOM("registry.example/web", 1, "pkg:npm/lodash@4.17.20", "pkg:npm/express@4.18.0"), `"name":"lodash",`, `"name":"lodash","licenses":[{"license":{"id":"MIT"}}],"supplier":{"name":"Dash Ltd"},`, 1))
	s.run(0, "push", web, s.file("web2.json", imageSBOM("registry.example/web", 1, "pkg:npm/lodash@4.17.20", "pkg:npm/left-pad@1.3.0")), s.file("api.json", imageSBOM("registry.example/api", 2, "pkg:npm/lodash@4.17.21")))
	s.report(container("web", 1) + "," + container("dark", 9))

	for _, q := range [][]string{{"pkg:npm/lodash@<4.17.21"}, {"--licence", "MIT"}, {"--supplier", "Dash Ltd"}, {"--name", "LOD", "--match", "prefix", "--running"}, {"pkg:npm/lodash", "--zone", "dmz"}} {
		out, _ = s.run(0, append([]string{"search"}, q...)...)
		said(out, "IN 1 artifact, 1 container running", "registry.example/web", "prod:shop/web", "pkg:npm/lodash@4.17.20")
	}
	out, _ = s.run(0, "search", "pkg:npm/lodash", "-o", "json")
	var found report.Search
	if err := json.Unmarshal([]byte(out), &found); err != nil || found.Total != 2 || len(found.Artifacts) != 2 || found.Coverage.WithSBOM != 1 || found.SchemaVersion != "1" {
		t.Errorf("%v\n%s", err, out)
	}
	out, _ = s.run(4, "search", "pkg:npm/absent") // what runs in dark may have it
	said(out, "NOT FOUND among what is covered", "1 of 2 containers")
	s.run(2, "search")
	s.run(2, "search", "pkg:npm/lodash", "--licence", "MIT")
	s.run(2, "search", "pkg:npm/lodash", "--match", "prefix")

	// Both documents of one artifact together.
	out, _ = s.run(0, "sbom", "diff", "--same-artifact", fmt.Sprintf("sha256:%064x", 1))
	said(out, "express", "left-pad")
	s.run(2, "sbom", "diff", fmt.Sprintf("sha256:%064x", 1))

	// The token in the data folder may do everything; who handed it over does not review it.
	b, err := os.ReadFile(filepath.Join(s.dir, "data", "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	digest := regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(func() string {
		out, _ := s.run(0, "history", "--by", "name", "registry.example/api", "-o", "json")
		return out
	}())
	status := []string{"documents", "status", digest, "reviewed"}
	if _, errs := s.run(2, status...); !strings.Contains(errs, "sbom-approver") {
		t.Error(errs)
	}
	s.run(2, "documents", "status", digest, "splendid")
	t.Setenv("COFFERDAM_TOKEN", strings.TrimSpace(string(b)))
	s.run(0, status...)
	out, _ = s.run(0, "history", "--by", "name", "registry.example/api")
	said(out, "reviewed")
	s.run(0, "documents", "archive", digest)
	out, _ = s.run(0, "documents", "archived")
	said(out, "registry.example/api", digest[:19])
	s.run(2, "documents", "archive", "web.json")
	if _, errs := s.run(1, "documents", "retention"); !strings.Contains(errs, "retention:") {
		t.Error(errs)
	}

	// What could not be read.
	out, _ = s.run(0, "documents", "quarantine")
	said(out, "EMPTY")
	s.run(1, "push", s.file("bad.json", `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":`))
	out, _ = s.run(0, "documents", "quarantine", "-o", "json")
	var q report.Quarantine
	if err := json.Unmarshal([]byte(out), &q); err != nil || len(q.Items) != 1 || q.Items[0].Reason == "" {
		t.Fatalf("%v\n%s", err, out)
	}
	id := fmt.Sprint(q.Items[0].ID)
	out, _ = s.run(0, "documents", "quarantine", "--raw", id)
	said(out, `"components":[{"name":`)
	s.run(0, "documents", "quarantine", "--drop", id)
	s.run(1, "documents", "quarantine", "--raw", id)

	// What may be deployed.
	list := s.file("digests.txt", "# what the channel has\n"+fmt.Sprintf("sha256:%064x\n\nsha256:%064x # api\n", 1, 2))
	_, errs := s.run(0, "deployable", "set", "stable", list)
	said(errs, "stable: 2 images, 2 changed")
	out, _ = s.run(0, "deployable")
	said(out, "stable", "prod", "source", "cluster")
	s.run(0, "deployable", "forget", "stable")
	s.run(1, "deployable", "set", "stable", s.file("wrong.txt", "sha256:beef\n"))
	out, _ = s.run(0, "deployable")
	if strings.Contains(out, "stable") {
		t.Error(out)
	}
	s.run(0, "drift", "--history", "-o", "json")
}

// The same bytes of two services are two documents: a review is of the one that is meant.
func TestReviewOfOneOfTwo(t *testing.T) {
	s := served(t)
	t.Setenv("COFFERDAM_SERVER", s.url)
	token, err := os.ReadFile(filepath.Join(s.dir, "data", "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	text := imageSBOM("shop/web", 1, "pkg:npm/a@1")
	doc, d := s.file("a.cdx.json", text), digestOf(text)
	s.run(0, "push", "--service", "a", doc)
	s.run(0, "push", "--service", "b", doc)
	t.Setenv("COFFERDAM_TOKEN", strings.TrimSpace(string(token)))
	if _, stderr := s.run(2, "documents", "status", d, "draft"); !strings.Contains(stderr, "2 documents have the bytes") || !strings.Contains(stderr, "of 0, 1;") {
		t.Error(stderr)
	}
	statuses := func() (out []string) {
		t.Helper()
		text, _ := s.run(0, "history", d, "-o", "json")
		var h report.History
		if err := json.Unmarshal([]byte(text), &h); err != nil {
			t.Fatal(err)
		}
		for i := range h.Documents {
			if h.Documents[i].Document != uint32(i) { //nolint:gosec // of two
				t.Errorf("document %d has the number %d", i, h.Documents[i].Document)
			}
			out = append(out, h.Documents[i].Status)
		}
		return out
	}
	s.run(0, "documents", "status", d, "draft", "--document", "0")
	if got := strings.Join(statuses(), " "); got != "draft published" {
		t.Error(got)
	}
	s.run(2, "documents", "archive", d)
	s.run(0, "documents", "archive", d, "--document", "1")
	if got := strings.Join(statuses(), " "); got != "draft" {
		t.Error(got)
	}
	s.run(1, "documents", "archive", d, "--document", "7")
}
