package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/server"
)

func asJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func workload(name string, n int) map[string]string {
	w := map[string]string{"namespace": "shop", "kind": "Deployment", "name": name, "container": "app"}
	if n > 0 {
		w["digest"] = hexDigest(n)
	}
	return w
}

const jsonType = "application/json"

// What runs and what the catalogue has, page after page, and for a tenant's people
// only what is theirs.
func TestCoverageAndDrift(t *testing.T) {
	r := start(t, settings{})
	all, theirs := r.token("ops", "", authz.Publisher, authz.Reader), r.token("shop", "shop", authz.Publisher)
	r.do("POST", "/api/v1/documents?artifact="+hexDigest(1), all, document("one", "", "pkg:npm/a@1"))
	r.do("POST", "/api/v1/documents?artifact="+hexDigest(2), theirs, document("two", "", "pkg:npm/a@1"))
	body := asJSON(t, map[string]any{"workloads": []any{workload("a", 1), workload("b", 2), workload("c", 3), workload("d", 0)}})
	if x := r.do("PUT", "/api/v1/clusters/prod%2Feu/workloads", all, body, "Content-Type", jsonType); x.code != 200 {
		t.Fatalf("%d %s", x.code, x.body)
	}
	type page struct {
		Counts map[string]int
		Total  int
		Items  []server.Stood
		Next   string
	}
	var got []string
	for cursor := ""; ; {
		var p page
		r.do("GET", "/api/v1/coverage?limit=3&cursor="+cursor, all, nil).into(t, &p)
		if p.Total != 4 || p.Counts["covered"] != 1 || p.Counts["missing"] != 2 || p.Counts["unresolved"] != 1 {
			t.Fatalf("%+v", p)
		}
		for i := range p.Items {
			got = append(got, p.Items[i].Name+" "+p.Items[i].Standing)
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if strings.Join(got, ",") != "a covered,b missing,c missing,d unresolved" {
		t.Errorf("%q", got)
	}
	var p page
	r.do("GET", "/api/v1/coverage?standing=missing,unresolved&cluster=prod/eu", all, nil).into(t, &p)
	if p.Total != 3 {
		t.Errorf("%+v", p)
	}
	p = page{}
	r.do("GET", "/api/v1/coverage", theirs, nil).into(t, &p)
	if p.Total != 1 || p.Items[0].Name != "b" || p.Items[0].Doubts[0].Kind != "only-claimed" || p.Counts["missing"] != 0 {
		t.Errorf("another tenant sees %+v", p)
	}
	for path, want := range map[string]int{"/api/v1/coverage?cursor=x": 400, "/api/v1/coverage?standing=fine": 422, "/api/v1/drift?cursor=W10": 400, "/api/v1/coverage?maxAgeDays=-1": 422} {
		if x := r.do("GET", path, all, nil); x.code != want {
			t.Errorf("%s: %d %s", path, x.code, x.body)
		}
	}
	for _, path := range []string{"/api/v1/drift", "/api/v1/reporters"} {
		if x := r.do("GET", path, theirs, nil); x.code != http.StatusForbidden {
			t.Errorf("%s as a tenant's: %d %s", path, x.code, x.body)
		}
	}
	if _, err := r.catalog.Audit(t.Context()); err != nil {
		t.Fatal(err)
	}
	drifted, next := 0, ""
	for {
		var d struct {
			Items []server.Drift
			Next  string
		}
		r.do("GET", "/api/v1/drift?limit=1&cursor="+next, all, nil).into(t, &d)
		drifted += len(d.Items)
		if next = d.Next; next == "" {
			break
		}
	}
	if drifted != 2 { // b is covered for its tenant
		t.Errorf("%d drifted", drifted)
	}
	if x := r.do("GET", "/api/v1/changes?limit=100", all, nil); !strings.Contains(string(x.body), `"kind":"drift"`) || !strings.Contains(string(x.body), `"kind":"inventory"`) || !strings.Contains(string(x.body), `"kind":"report"`) {
		t.Errorf("%s", x.body)
	}
	if x := r.do("GET", "/metrics", all, nil); !strings.Contains(string(x.body), `cofferdam_running_containers{standing="missing"} 1`) {
		t.Errorf("metrics: %.3000s", x.body)
	}
	if x := r.do("DELETE", "/api/v1/clusters/prod%2Feu", all, nil); x.code != http.StatusNoContent {
		t.Errorf("%d %s", x.code, x.body)
	}
	if x := r.do("DELETE", "/api/v1/clusters/prod%2Feu", all, nil); x.code != http.StatusNotFound {
		t.Errorf("%d %s", x.code, x.body)
	}
}

func TestBlocklists(t *testing.T) {
	r := start(t, settings{})
	ci, triager := r.token("ci", "", authz.Publisher), r.token("sec", "", authz.Triager)
	list := asJSON(t, map[string]any{"blocks": []any{
		map[string]any{"component": "pkg:npm/event-stream@3.3.6", "reason": "carries malware", "ticket": "SEC-1"},
		map[string]any{"component": "left-pad", "reason": "not maintained", "expires": time.Now().Add(time.Hour)},
	}})
	if x := r.do("PUT", "/api/v1/blocklists/security", ci, list, "Content-Type", jsonType); x.code != http.StatusForbidden {
		t.Errorf("a publisher blocks: %d %s", x.code, x.body)
	}
	if x := r.do("PUT", "/api/v1/blocklists/security", triager, list, "Content-Type", jsonType); x.code != 200 || !strings.Contains(string(x.body), `"changed":2`) {
		t.Fatalf("%d %s", x.code, x.body)
	}
	for _, bad := range []string{`{"blocks":[{"component":"pkg:","reason":"x"}]}`, `{"blocks":[{"component":"a","reason":" "}]}`, `{"blocks":[{"component":"a"}]}`} {
		if x := r.do("PUT", "/api/v1/blocklists/security", triager, []byte(bad), "Content-Type", jsonType); x.code != 422 {
			t.Errorf("%s: %d %s", bad, x.code, x.body)
		}
	}
	var receipt server.Receipt
	r.do("POST", "/api/v1/documents", ci, document("one", "", "pkg:npm/event-stream@3.3.6")).into(t, &receipt)
	if len(receipt.Blocked) != 1 || receipt.Blocked[0].Ticket != "SEC-1" || receipt.Blocked[0].Components[0].Version != "3.3.6" {
		t.Errorf("%+v", receipt)
	}
	var where struct{ Items []server.BlockedWhere }
	r.do("GET", "/api/v1/blocked", ci, nil).into(t, &where)
	if len(where.Items) != 2 || where.Items[1].Total != 1 || len(where.Items[1].Artifacts) != 1 || where.Items[1].List != "security" {
		t.Errorf("%+v", where)
	}
	if x := r.do("GET", "/api/v1/blocklists?list=security", ci, nil); !strings.Contains(string(x.body), "carries malware") {
		t.Errorf("%s", x.body)
	}
	if x := r.do("GET", "/api/v1/blocklists?at=2020-01-01T00:00:00Z", ci, nil); strings.Contains(string(x.body), "malware") {
		t.Errorf("what was blocked before it was: %s", x.body)
	}
}

func TestRetentionByAPI(t *testing.T) {
	r := start(t, settings{})
	if x := r.do("GET", "/api/v1/retention", r.token("admin", "", authz.Admin), nil); x.code != http.StatusNotFound {
		t.Errorf("no rules: %d %s", x.code, x.body)
	}
	r = start(t, settings{retention: catalog.Retention{Archive: time.Nanosecond}})
	admin, ci := r.token("admin", "", authz.Admin), r.token("ci", "", authz.Publisher)
	doc := document("one", "", "pkg:npm/a@1")
	var receipt server.Receipt
	r.do("POST", "/api/v1/documents?artifact="+hexDigest(1), ci, doc).into(t, &receipt)
	r.do("POST", "/api/v1/documents?artifact="+hexDigest(2), ci, document("two", "", "pkg:npm/a@1"))
	if x := r.do("GET", "/api/v1/retention", ci, nil); x.code != http.StatusForbidden {
		t.Errorf("a publisher: %d %s", x.code, x.body)
	}
	if x := r.do("POST", "/api/v1/retention", admin, nil); x.code != 200 || !strings.Contains(string(x.body), `"archived":0`) || !strings.Contains(string(x.body), "nobody reports") {
		t.Errorf("%d %s", x.code, x.body)
	}
	for _, bad := range []string{`{"images":["sha256:1"]}`, `{}`} {
		if x := r.do("PUT", "/api/v1/deployable/shop", ci, []byte(bad), "Content-Type", jsonType); x.code != 422 {
			t.Errorf("%s: %d %s", bad, x.code, x.body)
		}
	}
	if x := r.do("PUT", "/api/v1/deployable/registry.example%2Fshop", ci, fmt.Appendf(nil, `{"images":[%q]}`, hexDigest(2)), "Content-Type", jsonType); x.code != 200 {
		t.Errorf("%d %s", x.code, x.body)
	}
	if x := r.do("GET", "/api/v1/retention", admin, nil); !strings.Contains(string(x.body), `"total":1`) || !strings.Contains(string(x.body), receipt.Digest) {
		t.Errorf("%s", x.body)
	}
	if x := r.do("POST", "/api/v1/retention", admin, nil); !strings.Contains(string(x.body), `"archived":1`) {
		t.Errorf("%s", x.body)
	}
	if x := r.do("GET", "/api/v1/documents/"+receipt.Digest, ci, nil); x.code != http.StatusNotFound {
		t.Errorf("%d %s", x.code, x.body)
	}
	if x := r.do("GET", "/api/v1/archive", ci, nil); !strings.Contains(string(x.body), receipt.Digest) {
		t.Errorf("%s", x.body)
	}
	if x := r.do("GET", "/api/v1/archive/"+receipt.Digest+"/content", ci, nil); string(x.body) != string(doc) {
		t.Errorf("%d %s", x.code, x.body)
	}
	if x := r.do("GET", "/api/v1/archive", r.token("other", "other", authz.Reader), nil); strings.Contains(string(x.body), receipt.Digest) {
		t.Errorf("another tenant: %s", x.body)
	}
}
