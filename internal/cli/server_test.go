package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// shell runs commands as a user does, beside a server that a user started.
type shell struct {
	t   *testing.T
	url string
	dir string
}

// urlOf is written to by the server, and gives its address once it is said.
type urlOf struct{ found chan string }

func (u urlOf) Write(b []byte) (int, error) {
	if _, rest, ok := strings.Cut(string(b), "serving "); ok {
		url, _, _ := strings.Cut(rest, "/ (")
		select {
		case u.found <- url:
		default:
		}
	}
	return len(b), nil
}

func served(t *testing.T, args ...string) *shell {
	t.Helper()
	s := &shell{t: t, dir: t.TempDir()}
	t.Setenv("COFFERDAM_CACHE", filepath.Join(s.dir, "cache"))
	ctx, stop := context.WithCancel(context.Background())
	said, done := urlOf{make(chan string, 1)}, make(chan int, 1)
	go func() {
		done <- Run(ctx, append([]string{"serve", "--data", filepath.Join(s.dir, "data"), "--addr", "127.0.0.1:0", "--log-level", "error"}, args...), strings.NewReader(""), io.Discard, said)
	}()
	t.Cleanup(func() {
		stop()
		<-done
		http.DefaultClient.CloseIdleConnections()
	})
	select {
	case s.url = <-said.found:
	case code := <-done:
		done <- code // for the cleanup
		t.Fatalf("serve ended with %d", code)
	case <-time.After(time.Minute):
		t.Fatal("serve does not answer")
	}
	return s
}

// run runs a command and wants an exit code; -1 is any.
func (s *shell) run(code int, args ...string) (stdout, stderr string) {
	s.t.Helper()
	var out, errs bytes.Buffer
	if got := Run(s.t.Context(), args, strings.NewReader(""), &out, &errs); code >= 0 && got != code {
		s.t.Errorf("%s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func (s *shell) file(name, text string) string {
	s.t.Helper()
	p := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// report says what runs in a cluster.
func (s *shell) report(workloads string) {
	s.t.Helper()
	if _, code, body := s.call(http.MethodPut, "/api/v1/clusters/prod/workloads", "", []byte(`{"workloads":[`+workloads+`]}`)); code != http.StatusOK {
		s.t.Fatalf("%d %s", code, body)
	}
}

// call asks the server's API, with the token of the environment; known is the tag of an
// answer that the caller has.
func (s *shell) call(method, path, known string, body []byte) (tag string, code int, answer string) {
	s.t.Helper()
	q, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	if token := os.Getenv("COFFERDAM_TOKEN"); token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	if known != "" {
		q.Header.Set("If-None-Match", known)
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.Header.Get("ETag"), res.StatusCode, string(b)
}

func imageSBOM(name string, n int, purls ...string) string {
	var list []string
	for i, p := range purls {
		base, version, _ := strings.Cut(p[strings.LastIndexByte(p, '/')+1:], "@")
		list = append(list, fmt.Sprintf(`{"type":"library","bom-ref":"c%d","name":%q,"version":%q,"purl":%q}`, i, base, version, p))
	}
	return fmt.Sprintf(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","bom-ref":"image","name":%q,"version":"sha256:%064x"}},
"components":[%s],"dependencies":[{"ref":"image","dependsOn":["c0"]}]}`, name, n, strings.Join(list, ","))
}

const lodashRecord = `{"schema_version":"1.6.0","id":"GHSA-35jh-r3h4-6jhm","aliases":["CVE-2021-23337"],"modified":"2026-01-02T00:00:00Z","summary":"Command injection","database_specific":{"severity":"HIGH"},
"affected":[{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"4.17.21"}]}]}]}`

func container(name string, n int) string {
	return fmt.Sprintf(`{"namespace":"shop","kind":"Deployment","name":%q,"container":"app","image":"registry.example/%s:1","digest":"sha256:%064x","zone":"dmz","owner":"team-shop"}`, name, name, n)
}

// where, asked of a server: its answers and exit codes are those of the command.
func TestWhereOnServer(t *testing.T) {
	records := t.TempDir()
	if err := os.WriteFile(filepath.Join(records, "a.json"), []byte(lodashRecord), 0o600); err != nil {
		t.Fatal(err)
	}
	s := served(t, "--advisories", records)
	web := s.file("sbom/web.json", imageSBOM("registry.example/web", 1, "pkg:npm/lodash@4.17.20", "pkg:npm/express@4.18.0"))
	s.run(0, "push", "--server", s.url, web)
	before := time.Now().UTC().Format(time.RFC3339Nano)
	s.run(4, "where", "pkg:npm/absent", "--server", s.url) // nobody said what runs
	s.report(container("web", 1))
	out, _ := s.run(0, "where", "CVE-2021-23337", "--server", s.url)
	for _, want := range []string{"RUNS in 1 workload", "shop/web", "4.17.21", "team-shop", "advisories of 2026-01-02"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	out, _ = s.run(0, "where", "lodash@<4.17.21", "--server", s.url, "-o", "json")
	var a inventory.Where
	if err := json.Unmarshal([]byte(out), &a); err != nil || a.SchemaVersion != "1" || !a.Found || len(a.Sites) != 1 || a.Sites[0].Workload.Cluster != "prod" || a.Coverage.WithSBOM != 1 {
		t.Errorf("%v %s", err, out)
	}
	if out, _ = s.run(0, "where", "pkg:npm/absent", "--server", s.url); !strings.Contains(out, "NOT FOUND") {
		t.Error(out)
	}
	for _, q := range []string{"shop/web", fmt.Sprintf("sha256:%064x", 1), "pkg:npm/express@4.18.0"} {
		if out, _ = s.run(0, "where", q, "--server", s.url); !strings.Contains(out, "shop/web") {
			t.Errorf("%s: %s", q, out)
		}
	}
	if out, _ = s.run(0, "where", "CVE-2021-23337", "--server", s.url, "--at", before); strings.Contains(out, "shop/web") || !strings.Contains(out, "KNOWN") {
		t.Error(out)
	}
	// A container that no document describes makes absence incomplete, and presence not.
	s.report(container("web", 1) + "," + container("mystery", 7))
	if out, _ = s.run(4, "where", "pkg:npm/absent", "--server", s.url); !strings.Contains(out, "mystery") {
		t.Error(out)
	}
	s.run(0, "where", "pkg:npm/absent", "--server", s.url, "--allow-incomplete")
	// So does a document that says itself that it does not list everything.
	s.report(container("web", 1) + "," + container("part", 8))
	part := strings.Replace(imageSBOM("registry.example/part", 8, "pkg:npm/express@4.18.0"), `"components":`, `"compositions":[{"aggregate":"incomplete"}],"components":`, 1)
	s.run(0, "push", "--server", s.url, s.file("part.json", part))
	if out, _ = s.run(4, "where", "pkg:npm/absent", "--server", s.url); !strings.Contains(out, "does not list everything") || !strings.Contains(out, "shop/part") {
		t.Error(out)
	}
	s.run(0, "where", "CVE-2021-23337", "--server", s.url)
	t.Setenv("COFFERDAM_SERVER", s.url)
	s.run(0, "where", "CVE-2021-23337")

	if _, errs := s.run(2, "where", "CVE-1999-0001", "--server", s.url); !strings.Contains(errs, "not the same as not affected") {
		t.Error(errs)
	}
	s.run(1, "where", "shop/none", "--server", s.url)
	s.run(2, "where", "lodash", "--server", s.url, "--sbom", web)
	s.run(2, "where", "lodash", "--server", s.url, "--at", "yesterday")
	s.run(2, "where", "lodash", "--server", "ftp://x")
	if _, errs := s.run(2, "reach", "list", "--server", s.url); !strings.Contains(errs, "cofferdam where QUERY --server URL") {
		t.Error(errs)
	}
}

// An estate's manifests are joined with the SBOMs that a server has: the answers are those
// beside the same SBOMs in files.
func TestEstateWithServer(t *testing.T) {
	records := t.TempDir()
	if err := os.WriteFile(filepath.Join(records, "a.json"), []byte(lodashRecord), 0o600); err != nil {
		t.Fatal(err)
	}
	s := served(t)
	var manifests strings.Builder
	for i, name := range []string{"web", "api", "db"} {
		fmt.Fprintf(&manifests, "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s, namespace: shop}\nspec: {selector: {matchLabels: {app: %[1]s}}, template: {metadata: {labels: {app: %[1]s}}, spec: {containers: [{name: app, image: 'registry.example/%[1]s@sha256:%064x'}]}}}\n", name, i+1)
	}
	estate := s.file("estate.yaml", manifests.String()+"---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: api, namespace: shop}\nspec: {podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {}}]}]}\n")
	s.file("sbom/web.json", imageSBOM("registry.example/web", 1, "pkg:npm/lodash@4.17.20"))
	s.file("sbom/api.json", imageSBOM("registry.example/api", 2, "pkg:npm/koa@2.0.0"))
	// This one does not say which image it is of: its sender does.
	nameless := s.file("db.json", strings.Replace(imageSBOM("db", 3, "pkg:npm/lodash@4.17.19"), fmt.Sprintf(`"version":"sha256:%064x"`, 3), `"version":"1"`, 1))
	s.run(0, "push", "--server", s.url, s.dir+"/sbom")
	s.run(0, "push", "--server", s.url, "--artifact", fmt.Sprintf("sha256:%064x", 3), nameless)
	with := []string{"-f", estate, "--advisories", records}
	type answer struct {
		Affected   []struct{ Workload ident.Ref }
		NotCovered []any
	}
	var theirs, ours answer
	read := func(into *answer, args ...string) {
		t.Helper()
		out, errs := s.run(-1, append(append([]string{"blast", "CVE-2021-23337", "-o", "json"}, with...), args...)...)
		if err := json.Unmarshal([]byte(out), into); err != nil {
			t.Fatalf("%v: %s%s", err, out, errs)
		}
	}
	read(&theirs, "--server", s.url)
	read(&ours, "--sbom", s.dir+"/sbom")
	if len(ours.Affected) != 1 || len(theirs.Affected) != 2 || theirs.Affected[0].Workload.Name != "db" || theirs.Affected[1].Workload.Name != ours.Affected[0].Workload.Name || len(theirs.NotCovered) != 0 {
		t.Errorf("by the server's SBOMs %+v\nby files %+v", theirs.Affected, ours.Affected)
	}
	if out, _ := s.run(-1, append([]string{"map", "--server", s.url}, with...)...); strings.Contains(out, "no SBOM") && !strings.Contains(out, "0 without") {
		t.Errorf("a workload has no SBOM:\n%s", out)
	}
	if out, errs := s.run(-1, append([]string{"contain", "CVE-2021-23337", "--protect", "workload=shop/api", "--accept-unobserved", "--cni", "calico", "--server", s.url}, with...)...); !strings.Contains(out, "shop/db") || !strings.Contains(out, "--server "+s.url) {
		t.Errorf("a plan by the server's SBOMs:\n%s%s", out, errs)
	}
	// What the server has never heard of has no SBOM, and costs the others nothing; a server
	// that has never heard of the question is an error.
	unheard := s.file("unheard.yaml", fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: cron, namespace: shop}\nspec: {containers: [{name: app, image: 'registry.example/cron@sha256:%064x'}]}\n", 9))
	theirs = answer{}
	read(&theirs, "--server", s.url, "-f", unheard)
	if len(theirs.Affected) != 2 || len(theirs.NotCovered) != 1 {
		t.Errorf("beside an image that the server does not know: %+v", theirs)
	}
	if out, errs := s.run(1, append([]string{"map", "--server", s.url + "/elsewhere"}, with...)...); out != "" || !strings.Contains(errs, "nothing is at this path") {
		t.Errorf("a path that is no catalogue: %s%s", out, errs)
	}
	s.run(2, append([]string{"map", "--server", s.url, "--at", "2026-01-01T00:00:00Z"}, with...)...)
	s.run(2, append([]string{"map", "--server", "ftp://x"}, with...)...)
	s.run(2, "map", "--server", s.url) // a server knows no policies
	// A server that does not answer is no server without SBOMs.
	if out, _ := s.run(2, append([]string{"map", "--server", s.url, "--token", "wrong"}, with...)...); out != "" {
		t.Error(out)
	}
}

func digestOf(text string) string { return ident.SHA256([]byte(text)).String() }

// What a server has is looked at, compared and scanned by its digest.
func TestDocumentsOfServer(t *testing.T) {
	records := t.TempDir()
	if err := os.WriteFile(filepath.Join(records, "a.json"), []byte(lodashRecord), 0o600); err != nil {
		t.Fatal(err)
	}
	s := served(t, "--advisories", records)
	oldText := imageSBOM("registry.example/web", 1, "pkg:npm/lodash@4.17.20", "pkg:npm/express@4.18.0")
	newText := imageSBOM("registry.example/web", 2, "pkg:npm/lodash@4.17.21", "pkg:npm/koa@2.0.0")
	s.run(0, "push", "--server", s.url, "--release", "v1", s.file("old.json", oldText))
	s.run(0, "push", "--server", s.url, "--release", "v2", s.file("new.json", newText))
	before, after := digestOf(oldText), digestOf(newText)
	image := fmt.Sprintf("sha256:%064x", 1)

	for _, d := range []string{before, image} {
		if out, _ := s.run(0, "sbom", "show", "--raw", d, "--server", s.url); out != oldText {
			t.Errorf("%s: %s", d, out)
		}
	}
	if out, _ := s.run(0, "sbom", "show", before, "--server", s.url); !strings.Contains(out, "registry.example/web") {
		t.Error(out)
	}
	if out, _ := s.run(0, "sbom", "validate", before, image, "--server", s.url); !strings.Contains(out, "2 valid, 0 invalid") {
		t.Error(out)
	}
	if out, _ := s.run(0, "sbom", "why", before, "lodash", "--server", s.url); !strings.Contains(out, "lodash") {
		t.Error(out)
	}
	if out, _ := s.run(0, "sbom", "merge", image, "--name", "shop", "-o", "cyclonedx", "--server", s.url); !strings.Contains(out, `"shop"`) || !strings.Contains(out, "pkg:npm/lodash") {
		t.Errorf("merge of what a server has:\n%s", out)
	}
	key := s.file("redact.key", strings.Repeat("k", 32))
	if out, _ := s.run(0, "sbom", "redact", image, "--component", "lodash", "--key-file", key, "-o", "cyclonedx", "--server", s.url); strings.Contains(out, "lodash") || !strings.Contains(out, "redacted") {
		t.Errorf("redacting what a server has:\n%s", out)
	}
	if out, _ := s.run(0, "scan", image, "--base", image, "--server", s.url); !strings.Contains(out, "of the base") {
		t.Errorf("the base of what a server has:\n%s", out)
	}
	if out, _ := s.run(0, "sbom", "convert", image, "-o", "spdx", "--server", s.url); !strings.Contains(out, "SPDX-2.3") {
		t.Error(out)
	}
	out, _ := s.run(0, "sbom", "diff", before, after, "--server", s.url, "-o", "json")
	var d report.SBOMDiff
	if err := json.Unmarshal([]byte(out), &d); err != nil || len(d.Releases) != 1 || d.Releases[0].Diff == nil || len(d.Releases[0].Diff.Added) != 1 || len(d.Releases[0].Diff.Removed) != 1 ||
		len(d.Releases[0].Diff.Changed) != 1 || d.Releases[0].Vulnerabilities == nil || len(d.Releases[0].Vulnerabilities.Gone) != 1 || d.Coverage.AdvisoriesAsOf != "2026-01-02" {
		t.Errorf("%v %s", err, out)
	}
	// A server says what the command says of the same files.
	local, _ := s.run(0, "sbom", "diff", s.file("old.json", oldText), s.file("new.json", newText), "--advisories", records)
	remote, _ := s.run(0, "sbom", "diff", before, after, "--server", s.url)
	if strip(local) != strip(remote) {
		t.Errorf("by files\n%s\nby the server\n%s", local, remote)
	}
	if !strings.Contains(remote, " → sha256:") {
		t.Errorf("documents that a server keeps have no name:\n%s", remote)
	}
	s.run(3, "sbom", "diff", after, before, "--server", s.url, "--fail-on", "new-vulnerability")
	s.run(0, "sbom", "diff", before, s.file("new.json", newText), "--server", s.url, "--advisories", records)

	out, _ = s.run(0, "scan", image, "--server", s.url, "-o", "json")
	var scan report.Scan
	if err := json.Unmarshal([]byte(out), &scan); err != nil || len(scan.Findings) != 1 || scan.Findings[0].ID != "CVE-2021-23337" || scan.Findings[0].Document.String() != before || scan.Documents != 1 || scan.Coverage.AdvisoriesAsOf != "2026-01-02" {
		t.Errorf("%v %s", err, out)
	}
	s.run(3, "scan", before, "--server", s.url, "--fail-on", "high")
	s.run(0, "scan", after, "--server", s.url, "--fail-on", "any")
	for code, args := range map[int][]string{
		1: {"sbom", "show", digestOf("nobody's"), "--server", s.url},
		2: {"scan", "file.json", "--server", s.url},
	} {
		s.run(code, args...)
	}
	s.run(1, "scan", digestOf("nobody's"), "--server", s.url)
	s.run(2, "scan", before, "--server", s.url, "--advisories", records)

	// Two documents of one artifact: which is meant has to be said, and scans unite them.
	other := imageSBOM("registry.example/web", 1, "pkg:npm/lodash@4.17.20", "pkg:npm/left-pad@1.0.0")
	s.run(0, "push", "--server", s.url, s.file("other.json", other))
	if _, errs := s.run(2, "sbom", "show", image, "--server", s.url); !strings.Contains(errs, digestOf(other)) {
		t.Error(errs)
	}
	if out, _ = s.run(0, "scan", image, "--server", s.url, "-o", "json"); strings.Count(out, `"id": "CVE-2021-23337"`) != 1 || !strings.Contains(out, `"documents": 2`) {
		t.Error(out)
	}
}

// What a server does not take in is told with the place of the fault, as a command
// that reads the file tells it, and with whether the server keeps it.
func TestPushSaysWhereTheFaultIs(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(config, []byte("limits: {documentBytes: 4096}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := served(t, "--config", config)
	token, err := os.ReadFile(filepath.Join(s.dir, "data", "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("COFFERDAM_TOKEN", strings.TrimSpace(string(token)))
	for _, c := range []struct {
		name, text   string
		where, error string
		kept         bool
	}{
		{"cut.json", "{\"bomFormat\": \"CycloneDX\", \"specVersion\": \"1.6\",\n \"components\": [{\"name\": \"a", "line 2, column ", "the input ends inside a string", true},
		{"cut.spdx.json", "{\"spdxVersion\": \"SPDX-2.3\",\n\"name\" 1}", "line 2, column 8", "a colon is due", true},
		{"tags.xml", "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\">\n<metadata></bom>", "line 2, column 17", "not well-formed: element <metadata> closed by </bom>", true},
		{"cut.xml", "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\">\n<metadata>", "line 2, column 11", "not well-formed: unexpected EOF", true},
		{"tag.spdx", "SPDXVersion: SPDX-2.3\nSPDXID: SPDXRef-DOCUMENT\nPackageComment: <text>never", "line 3", "<text> is not closed", true},
		{"large.json", "{\"bomFormat\": \"CycloneDX\"" + strings.Repeat(" ", 5000) + "}", "", "larger than", false},
	} {
		path := s.file(c.name, c.text)
		out, _ := s.run(1, "push", "--server", s.url, path, "-o", "json")
		var got report.Pushed
		if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Documents) != 1 || got.Refused != 1 {
			t.Fatalf("%s: %v\n%s", c.name, err, out)
		}
		d := got.Documents[0]
		if !strings.HasPrefix(d.Where, c.where) || !strings.Contains(d.Error, c.error) || (d.Quarantine == digestOf(c.text)) != c.kept {
			t.Errorf("%s: %+v", c.name, d)
		}
		table, _ := s.run(1, "push", "--server", s.url, path)
		if !strings.Contains(table, d.Where) || !strings.Contains(table, d.Error) || strings.Contains(table, "it is not kept") == c.kept {
			t.Errorf("%s: the table says\n%s", c.name, table)
		}
		if c.where == "" {
			continue
		}
		// The file itself, read by a command.
		if _, stderr := s.run(-1, "sbom", "show", path); !strings.Contains(stderr, d.Where) {
			t.Errorf("%s: pushed %q, read %s", c.name, d.Where, stderr)
		}
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/documents", strings.NewReader(c.text))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", "Bearer "+os.Getenv("COFFERDAM_TOKEN"))
		raw, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		var problem struct{ Where, Detail, Quarantine string }
		if err := errors.Join(json.NewDecoder(raw.Body).Decode(&problem), raw.Body.Close()); err != nil || problem.Where != d.Where || problem.Quarantine != d.Quarantine {
			t.Errorf("%s: over HTTP %+v, %v", c.name, problem, err)
		}
	}
}

// A server that sends other bytes than were asked for is not believed.
func TestServerSendsOtherBytes(t *testing.T) {
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, imageSBOM("other", 9)) }))
	defer liar.Close()
	s := &shell{t: t, dir: t.TempDir()}
	if _, errs := s.run(3, "sbom", "show", digestOf("x"), "--server", liar.URL); !strings.Contains(errs, "the server sent") {
		t.Error(errs)
	}
}

// strip leaves out what only files have: their names.
func strip(s string) string {
	var out []string
	for _, l := range strings.Split(s, "\n") {
		if !strings.Contains(l, ".json") && !strings.Contains(l, "sha256:") {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}
