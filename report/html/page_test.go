package html_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report/html"
	"github.com/cofferdam-io/cofferdam/segment"
)

func estate(name string) *inventory.Map {
	web := ident.Ref{Namespace: "shop", Name: name, Kind: "Deployment"}
	db := ident.Ref{Namespace: "data", Name: "db", Kind: "StatefulSet"}
	conn := []segment.Conn{{Protocol: segment.TCP, From: 5432, To: 5432}}
	return &inventory.Map{
		Cluster: name, At: "2026-01-02T03:04:05Z",
		Workloads: []inventory.WorkloadRow{
			{Workload: web, Zone: "dmz", Owner: name, Exposure: segment.ExposedInternet, Findings: []inventory.FindingRow{{ID: name, Severity: ident.SeverityHigh, PURL: name}}},
			{Workload: db, Zone: "restricted", Protected: true},
		},
		Edges:    []segment.Edge{{Src: web, Dst: db, Connections: conn, Verdict: segment.Allowed}, {Src: ident.Ref{CIDR: "0.0.0.0/0"}, Dst: web, Connections: conn, Verdict: segment.Unknown}},
		Unknowns: []inventory.Unknown{{Object: name, Reason: name}},
		Coverage: inventory.Coverage{Workloads: 2, Enforcement: "generic (assumed)", NotSeen: []string{"Ingress"}},
	}
}

func page(t testing.TB, m *inventory.Map) string {
	t.Helper()
	var b bytes.Buffer
	if err := html.Page(&b, m, html.Options{ToolName: "cofferdam"}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageIsSelfContainedAndSaysWhatItCovers(t *testing.T) {
	p := page(t, estate("web"))
	for _, want := range []string{"default-src &#39;none&#39;", "0 of 2 workloads have an SBOM", "not seen: Ingress", ">restricted<", "shop/Deployment/web", `class="edge unknown"`, "no advisories were loaded"} {
		if !strings.Contains(p, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	// Nothing is fetched: no address of another place stands where a browser would load it.
	if m := regexp.MustCompile(`(?i)(src|href|url|action)\s*[=(]\s*["']?(https?:)?//`).FindString(p); m != "" {
		t.Errorf("the page fetches: %s", m)
	}
	if page(t, estate("web")) != p {
		t.Error("the same map gives two pages")
	}
	page(t, &inventory.Map{})
}

func TestZonesFollowTheWayIn(t *testing.T) {
	p := page(t, estate("web"))
	if strings.Index(p, ">dmz<") > strings.Index(p, ">restricted<") {
		t.Error("the zone that the internet reaches stands left of the one that is protected")
	}
}

// FuzzForeignText: whatever a workload, a zone or a finding is called, it adds no
// element and no attribute to the page.
func FuzzForeignText(f *testing.F) {
	for _, s := range []string{"web", "<script>alert(1)</script>", `" onmouseover="alert(1)`, "</title><img src=x onerror=alert(1)>", "{{.}}", "javascript:alert(1)", "\x00\xff"} {
		f.Add(s)
	}
	tags := regexp.MustCompile(`<[a-zA-Z/!][^<>]*>`)
	attrs := regexp.MustCompile(`"[^"]*"`)
	shape := func(p string) string {
		var b strings.Builder
		for _, t := range tags.FindAllString(p, -1) {
			b.WriteString(attrs.ReplaceAllString(t, `""`))
		}
		return b.String()
	}
	want := shape(page(f, estate("web")))
	f.Fuzz(func(t *testing.T, name string) {
		if got := shape(page(t, estate(name))); got != want {
			t.Errorf("%q changed the elements of the page", name)
		}
	})
}
