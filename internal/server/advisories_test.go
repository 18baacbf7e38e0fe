package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/server"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// advise loads advisories about npm packages: those below a version are affected.
func (r *rig) advise(below map[string]string) {
	r.t.Helper()
	var all []*vuln.Advisory
	for name, fixed := range below {
		all = append(all, &vuln.Advisory{ID: "TEST-" + name, Aliases: []string{"CVE-2026-" + fmt.Sprintf("%04d", len(name))}, Modified: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
			Affected: []vuln.Affected{{Ecosystem: "npm", Name: name, Ranges: []vuln.Range{{Type: vuln.RangeSemver, Events: []vuln.Event{{Introduced: "0"}, {Fixed: fixed}}}}}}})
	}
	db, err := vuln.NewDatabase(all, vuln.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.catalog.SetAdvisories(r.t.Context(), catalog.Advisories{Database: db, Loaded: time.Now()}); err != nil {
		r.t.Fatal(err)
	}
}

// Which artifacts an advisory affects, of whom nobody can tell, and where they run.
func TestAdvisoryToArtifactsToWorkloads(t *testing.T) {
	r := start(t, settings{access: server.Access{Loopback: true}})
	if got := r.do("GET", "/api/v1/advisories/CVE-2026-0006/artifacts", "", nil); got.code != http.StatusNotFound || !strings.Contains(string(got.body), "no advisories are loaded") {
		t.Fatalf("%d %s", got.code, got.body)
	}
	put := func(n int, purls ...string) {
		t.Helper()
		if got := r.do("POST", "/api/v1/documents?artifact="+hexDigest(n), "", document(fmt.Sprint("image", n), hexDigest(n), purls...)); got.code != http.StatusCreated {
			t.Fatalf("%d %s", got.code, got.body)
		}
	}
	put(1, "pkg:npm/lodash@4.17.20")
	r.advise(map[string]string{"lodash": "4.17.21", "express": "5.0.0"})
	put(2, "pkg:npm/lodash@4.17.21")      // fixed
	put(3, "pkg:npm/lodash@not-a-number") // nobody can tell
	put(4, "pkg:npm/lodash@4.17.19", "pkg:npm/express@4.0.0")
	put(5, "pkg:npm/lodash@4.17.20")
	r.do("PUT", "/api/v1/clusters/prod/workloads", "", []byte(fmt.Sprintf(`{"workloads":[{"namespace":"shop","kind":"Deployment","name":"web","container":"app","digest":%q,"zone":"dmz"},`+
		`{"namespace":"shop","kind":"Deployment","name":"odd","container":"app","digest":%q,"zone":"dmz"}]}`, hexDigest(4), hexDigest(3))))
	ask := func(path string) server.Affected {
		t.Helper()
		got := r.do("GET", path, "", nil)
		if got.code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, got.code, got.body)
		}
		var a server.Affected
		got.into(t, &a)
		return a
	}
	a := ask("/api/v1/advisories/cve-2026-0006/artifacts") // any case, by its alias
	if a.Total != 3 || len(a.Artifacts) != 3 || len(a.Doubtful) != 1 || a.Doubtful[0].Digests[0].Digest != hexDigest(3) || len(a.Unmatched) != 1 ||
		a.Unmatched[0].Version != "not-a-number" || !strings.Contains(a.Unmatched[0].Reason, "not-a-number") || a.Advisory.ID != "CVE-2026-0006" {
		t.Errorf("%+v", a)
	}
	if a.By.State != "loaded" || a.By.AsOf != "2026-11-01" || a.By.Records != 2 || a.By.Matched != a.By.Components || a.Coverage.Artifacts != 5 || a.Coverage.Workloads != 2 {
		t.Errorf("what it covers: %+v %+v", a.By, a.Coverage)
	}
	if a = ask("/api/v1/advisories/TEST-lodash/artifacts?running=true&zone=dmz"); a.Total != 1 || len(a.Artifacts[0].Running) != 1 || a.Artifacts[0].Running[0].Name != "web" || len(a.Doubtful) != 1 {
		t.Errorf("what runs: %+v", a)
	}
	if a = ask("/api/v1/advisories/TEST-lodash/artifacts?at=2020-01-01T00:00:00Z&running=true"); a.Total != 0 || a.Coverage.Workloads != 0 {
		t.Errorf("before anything ran: %+v", a)
	}
	pages, next := 0, ""
	for seen := map[uint32]bool{}; ; pages++ {
		p := ask("/api/v1/advisories/TEST-lodash/artifacts?limit=2&cursor=" + next)
		for _, x := range p.Artifacts {
			if seen[x.Artifact] {
				t.Errorf("artifact %d is on two pages", x.Artifact)
			}
			seen[x.Artifact] = true
		}
		if next = p.Next; next == "" {
			if len(seen) != 3 {
				t.Errorf("%d artifacts on all pages", len(seen))
			}
			break
		}
	}
	if pages != 1 {
		t.Errorf("%d pages after the first", pages)
	}
	for path, want := range map[string]int{
		"/api/v1/advisories/CVE-1999-0001/artifacts":                    http.StatusNotFound,
		"/api/v1/advisories/TEST-lodash/artifacts?cursor=%2F":           http.StatusBadRequest,
		"/api/v1/advisories/TEST-lodash/artifacts?at=yesterday":         http.StatusUnprocessableEntity,
		"/api/v1/where?query=CVE-1999-0001":                             http.StatusBadRequest,
		"/api/v1/where?query=shop%2Fnone":                               http.StatusNotFound,
		"/api/v1/where":                                                 http.StatusUnprocessableEntity,
		"/api/v1/where?query=" + url.QueryEscape("pkg:npm/x@<<<"):       http.StatusBadRequest,
		"/api/v1/where?query=" + url.QueryEscape("sha256:0"):            http.StatusBadRequest,
		"/api/v1/where?query=" + strings.Repeat("x", 4097):              http.StatusUnprocessableEntity,
		"/api/v1/where?query=" + url.QueryEscape(hexDigest(4)):          http.StatusOK,
		"/api/v1/advisories":                                            http.StatusOK,
		"/api/v1/advisories/" + strings.Repeat("x", 200) + "/artifacts": http.StatusNotFound,
	} {
		if got := r.do("GET", path, "", nil); got.code != want || want >= 400 && !strings.Contains(got.header.Get("Content-Type"), "problem+json") {
			t.Errorf("%.80s: %d %s, want %d", path, got.code, got.body, want)
		}
	}
	if got := r.do("GET", "/api/v1/advisories/CVE-1999-0001/artifacts", "", nil); !strings.Contains(string(got.body), "not the same as not affected") || !strings.Contains(string(got.body), "2 advisories as of 2026-11-01") {
		t.Errorf("%s", got.body)
	}
	// An answer that would be the same again is not sent again.
	got := r.do("GET", "/api/v1/where?query=CVE-2026-0006", "", nil)
	tag := got.header.Get("ETag")
	if again := r.do("GET", "/api/v1/where?query=CVE-2026-0006", "", nil, "If-None-Match", tag); again.code != http.StatusNotModified {
		t.Errorf("%q: %d %s", tag, again.code, again.body)
	}
	put(6, "pkg:npm/lodash@4.17.1")
	if again := r.do("GET", "/api/v1/where?query=CVE-2026-0006", "", nil, "If-None-Match", tag); again.code != http.StatusOK || !strings.Contains(string(again.body), "4.17.1") {
		t.Errorf("after a change: %d %s", again.code, again.body)
	}
}

// What others run is counted for a tenant and not named, and no tenant says what runs: a
// report ends what it does not name.
func TestRunningKeepsTenantsApart(t *testing.T) {
	r := start(t, settings{})
	all, b := r.token("all", "", authz.Publisher), r.token("b", "b", authz.Publisher)
	r.do("POST", "/api/v1/documents?artifact="+hexDigest(2), b, document("of-b", hexDigest(2), "pkg:npm/lodash@4.17.5"))
	report := `{"workloads": [{"namespace": "hidden-ns", "kind": "Deployment", "name": "hidden", "container": "c", "image": "hidden-image:1", "digest": "` + hexDigest(1) + `"}, {"namespace": "hidden-ns", "kind": "Pod", "name": "hidden-unknown", "container": "c", "image": "hidden-image:2"}]}`
	if x := r.do("PUT", "/api/v1/clusters/hidden-cluster/workloads", all, []byte(report)); x.code != http.StatusOK {
		t.Fatalf("%d %s", x.code, x.body)
	}
	mine := `{"workloads": [{"namespace": "shop", "kind": "Deployment", "name": "web", "container": "c", "image": "web:1", "digest": "` + hexDigest(2) + `"}]}`
	if x := r.do("PUT", "/api/v1/clusters/shop-cluster/workloads", all, []byte(mine)); x.code != http.StatusOK {
		t.Fatalf("%d %s", x.code, x.body)
	}
	r.advise(map[string]string{"lodash": "4.17.21"})
	for _, path := range []string{"/api/v1/advisories/TEST-lodash/artifacts", "/api/v1/where?query=TEST-lodash", "/api/v1/where?query=pkg:npm/none", "/api/v1/search?name=lodash", "/api/v1/coverage", "/api/v1/where?query=shop/nothing"} {
		if got := r.do("GET", path, b, nil); strings.Contains(string(got.body), "hidden") {
			t.Errorf("%s: %d %s", path, got.code, got.body)
		}
	}
	var found server.Search
	r.do("GET", "/api/v1/search?name=lodash", b, nil).into(t, &found)
	if !slices.Equal(found.Coverage.Clusters, []string{"shop-cluster"}) || found.Coverage.Workloads != 3 {
		t.Errorf("coverage of a tenant: %+v", found.Coverage)
	}
	var absent server.Where
	r.do("GET", "/api/v1/where?query=pkg:npm/none", b, nil).into(t, &absent)
	if absent.Found || len(absent.NotCovered) != 0 || !slices.ContainsFunc(absent.Unknowns, func(u inventory.Unknown) bool { return strings.HasPrefix(u.Reason, "2 running containers") }) {
		t.Errorf("absent, and what others run is not told to be unsearched: %+v", absent)
	}
	r.do("GET", "/api/v1/where?query=pkg:npm/none", all, nil).into(t, &absent)
	if len(absent.NotCovered) == 0 {
		t.Errorf("who has no tenant is not told what was not searched: %+v", absent)
	}
	for _, x := range []*reply{
		r.do("PUT", "/api/v1/clusters/hidden-cluster/workloads", b, []byte(mine)),
		r.do("DELETE", "/api/v1/clusters/hidden-cluster", b, nil),
		r.do("PUT", "/api/v1/deployable/release", b, []byte(`{"images": []}`)),
		r.do("DELETE", "/api/v1/deployable/release", b, nil),
	} {
		if x.code != http.StatusForbidden || !strings.Contains(string(x.body), "concerns all of them") {
			t.Errorf("a tenant says what runs: %d %s", x.code, x.body)
		}
	}
}

// What other tenants have is in no answer, its components neither.
func TestAdvisoriesKeepTenantsApart(t *testing.T) {
	r := start(t, settings{})
	a, b := r.token("a", "a", authz.Publisher), r.token("b", "b", authz.Publisher)
	r.do("POST", "/api/v1/documents?artifact="+hexDigest(1), a, document("secret-of-a", hexDigest(1), "pkg:npm/lodash@4.17.20"))
	r.do("POST", "/api/v1/documents?artifact="+hexDigest(2), b, document("of-b", hexDigest(2), "pkg:npm/lodash@4.17.5"))
	r.do("POST", "/api/v1/documents?artifact="+hexDigest(3), a, document("odd-of-a", hexDigest(3), "pkg:npm/lodash@odd-of-a"))
	r.advise(map[string]string{"lodash": "4.17.21"})
	for _, path := range []string{"/api/v1/advisories/TEST-lodash/artifacts", "/api/v1/where?query=TEST-lodash", "/api/v1/where?query=lodash", "/api/v1/search?name=lodash", "/api/v1/where?query=" + url.QueryEscape(hexDigest(1))} {
		got := r.do("GET", path, b, nil)
		if got.code != http.StatusOK || strings.Contains(string(got.body), "of-a") || strings.Contains(string(got.body), "4.17.20") {
			t.Errorf("%s: %d %s", path, got.code, got.body)
		}
		if refused := r.do("GET", path, "", nil); refused.code != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", path, refused.code)
		}
	}
}
