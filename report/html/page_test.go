package html_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
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
	for _, want := range []string{"default-src &#39;none&#39;", "0 of 2 workloads have an SBOM", "not seen: Ingress", ">restricted<", "shop/Deployment/web", `class="edge unknown"`, "no advisories were loaded", "no advisories loaded", ">outside</td>"} {
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

// TestRestricted: a connection to what a selector leaves out ends at a box that
// says so.
func TestRestricted(t *testing.T) {
	m := estate("web")
	m.Workloads = m.Workloads[:1]
	m.Coverage.Selector, m.Coverage.Selected = "app=web", 1
	p := page(t, m)
	for _, want := range []string{`data-from="w0" data-to="others"`, ">not listed</text>", ">not listed</td>", "listed: the 1 workloads that -l app=web selects"} {
		if !strings.Contains(p, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	if strings.Contains(page(t, estate("web")), `data-id="others"`) {
		t.Error("without a selector there is nothing that is not listed")
	}
}

func TestZonesFollowTheWayIn(t *testing.T) {
	p := page(t, estate("web"))
	if strings.Index(p, ">dmz<") > strings.Index(p, ">restricted<") {
		t.Error("the zone that the internet reaches stands left of the one that is protected")
	}
}

// TestFlowsPassZonesBy: a flow between zones that do not stand side by side runs
// above the zones, and no straight part of it crosses a card in between.
func TestFlowsPassZonesBy(t *testing.T) {
	m := &inventory.Map{}
	ref := func(zone, name string) ident.Ref { return ident.Ref{Namespace: zone, Name: name, Kind: "Deployment"} }
	for _, z := range []string{"a", "b", "c", "unzoned"} {
		for i := range 12 {
			m.Workloads = append(m.Workloads, inventory.WorkloadRow{Workload: ref(z, fmt.Sprint("w", i)), Zone: z})
		}
	}
	conn := []segment.Conn{{Protocol: segment.TCP, From: 53, To: 53}}
	for _, z := range []string{"a", "b", "c"} {
		m.Edges = append(m.Edges, segment.Edge{Src: ref(z, "w3"), Dst: ref("unzoned", "w5"), Connections: conn, Verdict: segment.Allowed},
			segment.Edge{Src: ref("unzoned", "w3"), Dst: ref(z, "w5"), Connections: conn, Verdict: segment.Unknown})
	}
	p := page(t, m)
	zone := regexp.MustCompile(`class="zone" x="(\d+)" y="(\d+)" width="(\d+)"`).FindAllStringSubmatch(p, -1)
	if len(zone) != 4 {
		t.Fatalf("%d zones", len(zone))
	}
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	top := number(zone[0][2])
	past := 0
	for _, d := range regexp.MustCompile(`<path class="(flow|edge[^"]*)"[^>]* d="([^"]*)"`).FindAllStringSubmatch(p, -1) {
		if !strings.Contains(d[2], "V") {
			continue
		}
		past++
		high := regexp.MustCompile(`^M(\d+) (\d+) H\d+ Q\d+ \d+ \d+ \d+ V\d+ Q\d+ (\d+) \d+ (\d+) H`).FindStringSubmatch(d[2])
		if high == nil || high[3] != high[4] || number(high[3]) >= top || number(high[3]) < 0 {
			t.Errorf("%s does not run above the zones, which begin at %d", d[2], top)
		}
	}
	if past != 6 { // a and b to unzoned as flow and as edge, and back as unknown edge
		t.Errorf("%d connections lead past a zone", past)
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
