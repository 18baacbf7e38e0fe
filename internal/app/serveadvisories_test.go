package app_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

const exampleEstate = "../../examples/estate/"

// asFiles answers questions by files, as the commands do without a server, and says which
// SBOMs it has. Indexes are resolved by nobody, on either side, and the SBOMs name a
// digest: a server knows no tags.
func asFiles(t testing.TB) (*inventory.Snapshot, []string) {
	t.Helper()
	ctx, l := t.Context(), &app.Loader{}
	est, err := l.Estate(ctx, app.EstateInputs{Manifests: []string{exampleEstate + "manifests"}, EstateFile: exampleEstate + "cofferdam.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	docs, _, err := l.SBOMs(ctx, []string{exampleEstate + "sbom"})
	if err != nil {
		t.Fatal(err)
	}
	docs = slices.DeleteFunc(docs, func(d *sbom.Document) bool { return len(d.Subject.Digests) == 0 })
	var files []string
	for _, d := range docs {
		files = append(files, d.File)
	}
	db, _, err := l.Advisories(ctx, []string{exampleEstate + "advisories"})
	if err != nil {
		t.Fatal(err)
	}
	snap, err := l.Join(ctx, est, docs, app.Knowledge{Database: db}, app.SBOMInputs{}, 0, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return snap, files
}

// put sends JSON.
func put(t testing.TB, url string, body any) {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
}

type container map[string]string

// running is what a cluster would report of an estate.
func running(t testing.TB, s *inventory.Snapshot) []container {
	t.Helper()
	m, err := s.Map(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []container
	for _, w := range m.Workloads {
		for _, im := range w.Images {
			c := container{"namespace": w.Workload.Namespace, "kind": w.Workload.Kind, "name": w.Workload.Name, "container": im.Container, "image": im.Image, "zone": w.Zone, "owner": w.Owner}
			if len(im.Digests) > 0 {
				c["digest"] = im.Digests[0].String()
			}
			out = append(out, c)
		}
	}
	return out
}

// place is what both sides have to agree on.
type place struct{ Workload, Zone, Owner, Container, Image, PURL, Version, Fixed, Match string }

// canonical is a package URL as the catalogue keeps it, whatever way a document spells it.
func canonical(purl string) string {
	p, err := vuln.ParsePURL(purl)
	if err != nil {
		return purl
	}
	return p.String()
}

func places(sites []inventory.Site) []place {
	out := []place{}
	for _, s := range sites {
		w := s.Workload
		w.Cluster = ""
		out = append(out, place{w.String(), s.Zone, s.Owner, s.Container, s.Image, canonical(s.PURL), s.Version, strings.Join(s.Fixed, " "), s.SBOM.Match})
	}
	slices.SortFunc(out, func(a, b place) int {
		return cmp.Or(strings.Compare(a.Workload, b.Workload), strings.Compare(a.Container, b.Container), strings.Compare(a.PURL, b.PURL), strings.Compare(a.Version, b.Version))
	})
	return out
}

type component struct{ PURL, Version, Fixed, Advisory, Range, Artifacts string }

func components(hits []inventory.ComponentHit) []component {
	out := []component{}
	for _, h := range hits {
		var names []string
		for _, a := range h.Artifacts {
			names = append(names, a.Digest.String())
		}
		slices.Sort(names)
		out = append(out, component{canonical(h.PURL), h.Version, strings.Join(h.Fixed, " "), h.Advisory, h.Range, strings.Join(names, " ")})
	}
	return out
}

func uncovered(list []inventory.NotCovered) []string {
	out := []string{}
	for _, n := range list {
		w := n.Workload
		w.Cluster = ""
		out = append(out, w.String()+" "+n.Image)
	}
	slices.Sort(out)
	return out
}

// A server that was told the same says the same as the commands say of files.
func TestServerSaysWhatFilesSay(t *testing.T) {
	snap, files := asFiles(t)
	url, end := serving(t, app.ServeOptions{Data: t.TempDir(), Advisories: []string{exampleEstate + "advisories"}})
	defer end()
	c, err := client.New(url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	before := time.Now()
	if _, err := (&app.Loader{}).Push(t.Context(), c, files, client.Document{}); err != nil {
		t.Fatal(err)
	}
	// Before a cluster has said what runs, absence is worth nothing.
	a, err := c.Where(t.Context(), "pkg:npm/not-there", client.Question{})
	if err != nil || a.Found || len(a.Unknowns) != 1 || !strings.Contains(a.Unknowns[0].Reason, "no cluster has reported") {
		t.Fatalf("%+v, %v", a, err)
	}
	put(t, url+"/api/v1/clusters/shop/workloads", map[string]any{"workloads": running(t, snap)})
	queries := []string{"CVE-2023-44487", "CVE-2021-44228", "ghsa-jfh8-c2jp-5v3q", "pkg:npm/lodash", "golang.org/x/net", "openssl", "pkg:deb/debian/openssl", "log4j-core@<2.17.1",
		"pkg:maven/org.apache.logging.log4j/log4j-core", "pkg:npm/not-there", "no-such-name", "catalog/catalog-api", "orders/redis"}
	db, _, err := (&app.Loader{}).Advisories(t.Context(), []string{exampleEstate + "advisories"})
	if err != nil {
		t.Fatal(err)
	}
	for i, adv := range db.Advisories() {
		if i%7 == 0 { // a part: each asks both sides
			queries = append(queries, adv.ID)
		}
	}
	found := 0
	for _, text := range queries {
		q, err := inventory.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		want, werr := snap.Where(t.Context(), q)
		got, gerr := c.Where(t.Context(), text, client.Question{})
		if werr != nil || gerr != nil {
			if ident.KindOf(werr) != ident.KindOf(gerr) {
				t.Errorf("%s: files say %v, the server %v", text, werr, gerr)
			}
			continue
		}
		if want.Found {
			found++
		}
		if got.Found != want.Found || got.Query != want.Query {
			t.Errorf("%s: found %v, and by files %v", text, got.Found, want.Found)
		}
		if d := gocmp.Diff(places(want.Sites), places(got.Sites)); d != "" {
			t.Errorf("%s: sites, files - server +\n%s", text, d)
		}
		if d := gocmp.Diff(components(want.Components), components(got.Components)); d != "" {
			t.Errorf("%s: components, files - server +\n%s", text, d)
		}
		if d := gocmp.Diff(want.Advisory, got.Advisory); d != "" {
			t.Errorf("%s: the advisory, files - server +\n%s", text, d)
		}
		if d := gocmp.Diff(uncovered(want.NotCovered), uncovered(got.NotCovered)); d != "" {
			t.Errorf("%s: not covered, files - server +\n%s", text, d)
		}
		w, g := want.Coverage, got.Coverage
		if w.Workloads != g.Workloads || w.WithSBOM != g.WithSBOM || w.AdvisoriesAsOf != g.AdvisoriesAsOf || (w.AdvisoryKnown == nil) != (g.AdvisoryKnown == nil) {
			t.Errorf("%s: coverage by files %+v, by the server %+v", text, w, g)
		}
		// What could change the answer is said by both, for the same workloads.
		if len(want.NotRunning) != len(got.NotRunning) {
			t.Errorf("%s: not running by files %v, by the server %v", text, want.NotRunning, got.NotRunning)
		}
	}
	if found < 10 {
		t.Errorf("only %d of the queries find anything", found)
	}
	// In the past nothing ran, and that is not the same as not affected.
	a, err = c.Where(t.Context(), "CVE-2023-44487", client.Question{At: before})
	if err != nil || !a.Found || len(a.Sites) > 0 || len(a.NotRunning) == 0 || a.Coverage.Workloads != 0 {
		t.Errorf("before anything was reported: %+v, %v", a, err)
	}
	past := time.Now()
	put(t, url+"/api/v1/clusters/shop/workloads", map[string]any{"workloads": []container{}})
	now, err := c.Where(t.Context(), "CVE-2023-44487", client.Question{})
	if err != nil || len(now.Sites) > 0 {
		t.Errorf("after everything ended: %+v, %v", now, err)
	}
	then, err := c.Where(t.Context(), "CVE-2023-44487", client.Question{At: past})
	if err != nil || len(then.Sites) == 0 {
		t.Errorf("then it ran: %+v, %v", then, err)
	}
}

// Advisories are loaded again when their files change; bad ones leave the old.
func TestAdvisoriesAreReloaded(t *testing.T) {
	dir := t.TempDir()
	record := func(name, id, version string) {
		text := `{"schema_version":"1.6.0","id":"` + id + `","modified":"2026-01-02T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"` + version + `"}]}]}]}`
		tmp := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	record("a.json", "TEST-1", "4.17.21")
	sboms := t.TempDir()
	if err := os.WriteFile(filepath.Join(sboms, "a.json"), []byte(sbomText("a")), 0o600); err != nil {
		t.Fatal(err)
	}
	url, end := serving(t, app.ServeOptions{Data: t.TempDir(), Advisories: []string{dir}, Look: 20 * time.Millisecond})
	defer end()
	c, err := client.New(url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := (&app.Loader{}).Push(t.Context(), c, []string{sboms}, client.Document{}); err != nil {
		t.Fatal(err)
	}
	// until asks until the answer is as wanted: loading is not waited for by requests.
	until := func(id string, want func(*client.Where, error) bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for {
			a, err := c.Where(ctx, id, client.Question{})
			if want(a, err) {
				return
			}
			if ctx.Err() != nil {
				t.Fatalf("%s: %+v, %v", id, a, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	holds := func(yes bool) func(*client.Where, error) bool {
		return func(a *client.Where, err error) bool { return err == nil && a.Found == yes }
	}
	unknown := func(_ *client.Where, err error) bool {
		return ident.KindOf(err) == ident.KindUsage && strings.Contains(err.Error(), "no loaded advisory has")
	}
	until("TEST-1", holds(true))
	until("TEST-2", unknown)
	record("b.json", "TEST-2", "4.17.20")
	until("TEST-2", holds(false))
	record("b.json", "TEST-2", "4.17.99")
	until("TEST-2", holds(true))
	for _, f := range []string{"a.json", "b.json"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(time.Minute); !strings.Contains(get(t, url+"/api/v1/advisories"), `"fault":`); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(get(t, url+"/api/v1/advisories"))
		}
	}
	until("TEST-2", holds(true))
	if s := get(t, url+"/api/v1/advisories"); !strings.Contains(s, `"state":"loaded"`) || strings.Contains(s, dir) {
		t.Error(s)
	}
}

func TestServeWithoutAdvisories(t *testing.T) {
	url, end := serving(t, app.ServeOptions{Data: t.TempDir()})
	defer end()
	c, err := client.New(url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Where(t.Context(), "CVE-2021-44228", client.Question{}); ident.KindOf(err) != ident.KindUsage || !strings.Contains(err.Error(), "no advisories are loaded") {
		t.Errorf("%v", err)
	}
	err = (&app.Loader{}).Serve(t.Context(), app.ServeOptions{Data: t.TempDir(), Addr: "127.0.0.1:0", Advisories: []string{filepath.Join(t.TempDir(), "none")}})
	var e *ident.Error
	if !errors.As(err, &e) || !strings.Contains(e.Error(), "no such file") {
		t.Errorf("a path that is not there: %v", err)
	}
}
