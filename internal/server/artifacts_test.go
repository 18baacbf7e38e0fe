package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/server"
)

// What was handed over about an artifact, and where and when it ran.
func TestHistory(t *testing.T) {
	r := start(t, settings{access: server.Access{Loopback: true}})
	begun := time.Now()
	put := func(query string, doc []byte) {
		t.Helper()
		if got := r.do("POST", "/api/v1/documents?"+query, "", doc); got.code != http.StatusCreated {
			t.Fatalf("%d %s", got.code, got.body)
		}
	}
	put("service=shop&owner=team&build=42&release=v1", document("web", hexDigest(1), "pkg:npm/lodash@4.17.20"))
	put("service=shop&release=v2", document("web", hexDigest(2), "pkg:npm/lodash@4.17.21"))
	between := time.Now()
	put("service=other", document("api", hexDigest(3), "pkg:npm/koa@1.0.0"))
	for _, d := range []string{hexDigest(1), hexDigest(2)} { // a rollout
		got := r.do("PUT", "/api/v1/clusters/prod/workloads", "", []byte(fmt.Sprintf(`{"workloads":[{"namespace":"shop","kind":"Deployment","name":"web","container":"app","digest":%q}]}`, d)))
		if got.code != http.StatusOK {
			t.Fatalf("%d %s", got.code, got.body)
		}
	}
	ask := func(query string) server.History {
		t.Helper()
		got := r.do("GET", "/api/v1/history?"+query, "", nil)
		if got.code != http.StatusOK {
			t.Fatalf("%s: %d %s", query, got.code, got.body)
		}
		var h server.History
		got.into(t, &h)
		return h
	}
	h := ask("service=shop")
	if len(h.Documents) != 2 || h.Documents[0].Release != "v1" || h.Documents[0].Build != "42" || h.Documents[0].By != "loopback" || h.Documents[0].Status != "published" ||
		len(h.Runs) != 2 || h.Runs[0].Until.IsZero() || !h.Runs[1].Until.IsZero() || h.Runs[0].Digest.String() != hexDigest(1) || h.Runs[1].Cluster != "prod" {
		t.Errorf("%+v", h)
	}
	for query, want := range map[string]int{"release=v1": 1, "build=42": 1, "owner=team": 1, "name=web": 2, "release=v3": 0, "digest=" + hexDigest(3): 1,
		"digest=" + h.Documents[0].Digest: 1} {
		if got := ask(query); len(got.Documents) != want {
			t.Errorf("%s: %d documents, want %d", query, len(got.Documents), want)
		}
	}
	first := ask("service=shop&limit=1")
	second := ask("service=shop&limit=1&cursor=" + first.Next)
	if first.Next == "" || second.Next != "" || len(second.Documents) != 1 || second.Documents[0].Release != "v2" {
		t.Errorf("%+v then %+v", first, second)
	}
	for query, want := range map[string]int{"": 400, "service=a&owner=b": 400, "digest=x": 400, "digest=" + hexDigest(99): 404} {
		if got := r.do("GET", "/api/v1/history?"+query, "", nil); got.code != want {
			t.Errorf("%q: %d %s", query, got.code, got.body)
		}
	}
	// What changed since a time.
	for since, want := range map[time.Time]int{begun: 5, between: 3, time.Now().Add(time.Hour): 0} {
		got := r.do("GET", "/api/v1/changes?since="+url.QueryEscape(since.Format(time.RFC3339Nano)), "", nil)
		// A cluster's first report leaves a mark beside, which is none of these.
		if n := strings.Count(string(got.body), `"document-added"`) + strings.Count(string(got.body), `"inventory"`); n != want || got.code != http.StatusOK {
			t.Errorf("since %s: %d changes, want %d: %d %s", since, n, want, got.code, got.body)
		}
	}
}

// Several documents of one artifact are one in answers, and how they differ is told.
func TestArtifactQuestions(t *testing.T) {
	r := start(t, settings{access: server.Access{Loopback: true}})
	put := func(doc []byte) string {
		t.Helper()
		if got := r.do("POST", "/api/v1/documents", "", doc); got.code != http.StatusCreated {
			t.Fatalf("%d %s", got.code, got.body)
		}
		return ident.SHA256(doc).String()
	}
	a := put(document("web", hexDigest(1), "pkg:npm/lodash@4.17.20", "pkg:npm/express@4.18.0"))
	b := put(document("web", hexDigest(1), "pkg:npm/lodash@4.17.20", "pkg:npm/koa@1.0.0"))
	next := put(document("web", hexDigest(2), "pkg:npm/lodash@4.17.21", "pkg:npm/express@4.18.0"))
	if got := r.do("GET", "/api/v1/artifacts/"+hexDigest(1)+"/findings", "", nil); got.code != http.StatusBadRequest || !strings.Contains(string(got.body), "no advisories are loaded") {
		t.Errorf("%d %s", got.code, got.body)
	}
	r.advise(map[string]string{"lodash": "4.17.21", "koa": "2.0.0"})
	get := func(path string, into any) {
		t.Helper()
		got := r.do("GET", path, "", nil)
		if got.code != http.StatusOK || got.header.Get("ETag") == "" {
			t.Fatalf("%s: %d %s", path, got.code, got.body)
		}
		got.into(t, into)
		if again := r.do("GET", path, "", nil, "If-None-Match", got.header.Get("ETag")); again.code != http.StatusNotModified {
			t.Errorf("%s again: %d", path, again.code)
		}
	}
	var f server.Findings
	get("/api/v1/artifacts/"+hexDigest(1)+"/findings", &f)
	if len(f.Findings) != 2 || len(f.Documents) != 2 || f.Coverage.AdvisoriesAsOf != "2026-11-01" {
		t.Errorf("%+v", f)
	}
	for _, x := range f.Findings {
		if want := map[string]int{"lodash": 2, "koa": 1}[x.Component.Name]; len(x.Seen) != want {
			t.Errorf("%s is seen by %v", x.Component.Name, x.Seen)
		}
	}
	var one server.Findings
	if get("/api/v1/artifacts/"+a+"/findings", &one); len(one.Findings) != 1 || len(one.Documents) != 1 {
		t.Errorf("of one document: %+v", one)
	}
	var u struct {
		Documents []struct{ Digest string }
		Union     struct{ Packages, Agreed int }
	}
	if get("/api/v1/artifacts/"+hexDigest(1)+"/union", &u); len(u.Documents) != 2 || u.Union.Packages != 3 || u.Union.Agreed != 1 {
		t.Errorf("%+v", u)
	}
	var d struct {
		Releases []struct {
			Old, New        struct{ Digest string }
			Diff            struct{ Added, Removed, Changed []any }
			Vulnerabilities struct{ Appeared, Gone []struct{ ID string } }
		}
	}
	get("/api/v1/compare?old="+hexDigest(1)+"&new="+hexDigest(2), &d)
	// The vulnerability that only the older document of the old release shows is gone, too.
	if x := d.Releases[0]; x.Old.Digest != b || x.New.Digest != next || len(x.Diff.Changed) != 1 || len(x.Vulnerabilities.Gone) != 2 || len(x.Vulnerabilities.Appeared) != 0 {
		t.Errorf("%+v", d)
	}
	var why struct {
		Documents []struct {
			Document   string
			Components []struct{ Name string }
		}
	}
	if get("/api/v1/artifacts/"+hexDigest(1)+"/why?component=koa", &why); len(why.Documents) != 1 || why.Documents[0].Document != b || why.Documents[0].Components[0].Name != "koa" {
		t.Errorf("%+v", why)
	}
	for path, want := range map[string]int{
		"/api/v1/artifacts/" + hexDigest(1) + "/why?component=none": 404,
		"/api/v1/artifacts/" + hexDigest(9) + "/findings":           404,
		"/api/v1/artifacts/nonsense/findings":                       400,
		"/api/v1/artifacts/" + hexDigest(2) + "/union":              400,
		"/api/v1/compare?old=" + a:                                  422,
		"/api/v1/compare?old=" + a + "&new=" + hexDigest(9):         404,
	} {
		if got := r.do("GET", path, "", nil); got.code != want {
			t.Errorf("%s: %d %s, want %d", path, got.code, got.body, want)
		}
	}
}

// Somebody of another tenant learns nothing of an artifact, not even that it is there.
func TestArtifactQuestionsKeepTenantsApart(t *testing.T) {
	r := start(t, settings{})
	a, b := r.token("a", "a", authz.Publisher), r.token("b", "b", authz.Publisher)
	doc := document("secret", hexDigest(1), "pkg:npm/lodash@4.17.20")
	r.do("POST", "/api/v1/documents?service=s", a, doc)
	r.advise(map[string]string{"lodash": "4.17.21"})
	for _, d := range []string{hexDigest(1), ident.SHA256(doc).String()} {
		for _, path := range []string{"/api/v1/artifacts/" + d + "/findings", "/api/v1/artifacts/" + d + "/union", "/api/v1/artifacts/" + d + "/why?component=lodash",
			"/api/v1/compare?old=" + d + "&new=" + d, "/api/v1/history?digest=" + d} {
			if got := r.do("GET", path, b, nil); got.code != http.StatusNotFound || strings.Contains(string(got.body), "secret") {
				t.Errorf("%s: %d %s", path, got.code, got.body)
			}
			if got := r.do("GET", path+tenantOf(path, "a"), b, nil); got.code != http.StatusForbidden && got.code != http.StatusNotFound {
				t.Errorf("%s as another: %d %s", path, got.code, got.body)
			}
		}
	}
	if got := r.do("GET", "/api/v1/history?service=s", b, nil); got.code != http.StatusOK || !strings.Contains(string(got.body), `"documents":[]`) {
		t.Errorf("%d %s", got.code, got.body)
	}
}

func tenantOf(path, tenant string) string {
	if strings.Contains(path, "?") {
		return "&tenant=" + tenant
	}
	return "?tenant=" + tenant
}
