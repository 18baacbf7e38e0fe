package html_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

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

// Of a hostile name nothing is lost but what cannot be seen, in every place where it stands.
func TestPageShowsOnlyWhatCanBeSeen(t *testing.T) {
	p := page(t, estate("we\u202eb\x1b[2J\u009b\x00é→\xff"))
	if i := strings.IndexFunc(p, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("the page holds %q", p[max(i-20, 0):min(i+20, len(p))])
	}
	if !strings.Contains(p, "we\ufffdb\ufffd[2J\ufffd\ufffdé→\ufffd") {
		t.Error("the name is not there")
	}
	plain := page(t, estate("web"))
	if strings.ContainsRune(plain, '\ufffd') {
		t.Error("the page itself holds what cannot be seen")
	}
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

var (
	tags  = regexp.MustCompile(`<[a-zA-Z/!][^<>]*>`)
	attrs = regexp.MustCompile(`"[^"]*"`)
)

// shapeOf is a page without its text and the values of attributes.
func shapeOf(p string) string {
	var b strings.Builder
	for _, t := range tags.FindAllString(p, -1) {
		b.WriteString(attrs.ReplaceAllString(t, `""`))
	}
	return b.String()
}

// FuzzForeignText: whatever a workload, a zone or a finding is called, it adds no
// element and no attribute to the page.
func FuzzForeignText(f *testing.F) {
	for _, s := range []string{"web", "<script>alert(1)</script>", `" onmouseover="alert(1)`, "</title><img src=x onerror=alert(1)>", "{{.}}", "javascript:alert(1)", "\x00\xff"} {
		f.Add(s)
	}
	want := shapeOf(page(f, estate("web")))
	f.Fuzz(func(t *testing.T, name string) {
		if got := shapeOf(page(t, estate(name))); got != want {
			t.Errorf("%q changed the elements of the page", name)
		}
	})
}

// layered is the estate with a plan over it that cuts its only edge inside.
func layered(m *inventory.Map, name string) *html.Layer {
	web, db := m.Workloads[0].Workload, m.Workloads[1].Workload
	return &html.Layer{Name: name, Sentence: name, Proof: name, Affected: []ident.Ref{web}, Protected: []ident.Ref{db},
		Cuts: []html.Cut{{From: web, To: db, Connections: m.Edges[0].Connections, At: "egress", AllowedBy: name}},
		Goes: []segment.Edge{{Src: ident.Ref{CIDR: "0.0.0.0/0"}, Dst: web, Connections: m.Edges[1].Connections, Verdict: segment.Unknown}}}
}

func layeredPage(t testing.TB, name string) string {
	t.Helper()
	m := estate(name)
	var b bytes.Buffer
	if err := html.Page(&b, m, html.Options{ToolName: "cofferdam", Layer: layered(m, name)}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestLayer: what a plan cuts is told by a line, a mark, words at both ends and a row
// of a table; it can be taken away without a script, and without one there is nothing of it.
func TestLayer(t *testing.T) {
	p := layeredPage(t, "Plan x")
	for _, want := range []string{
		`<input type="checkbox" id="layer" checked><label class="layer" for="layer"><b>Plan x</b>`,
		`class="cutting" data-from="w0" data-to="w1"><path class="cut"`, `<path class="x"`, `5432/TCP: cut</title>`, `class="edge gone"`,
		`data-role="affected"><rect`, `data-role="protected"><rect`, `>affected</text>`, `, affected"`, `class="goes unknown" data-from="outside" data-to="w0"`,
		`<table id="cut">`, `<td>dmz</td><td>restricted</td><td>shop/Plan x</td><td>data/db</td><td>5432/TCP</td><td>egress</td><td>Plan x</td>`,
		`<table id="goes">`, `<td>affected</td><td>dmz</td><td>shop/Deployment/Plan x</td>`, `cut by the plan</li>`,
	} {
		if !strings.Contains(p, want) {
			t.Errorf("the page does not hold %s", want)
		}
	}
	if strings.Index(p, `<table id="cut">`) > strings.Index(p, "<h2>Unknown") {
		t.Error("what the plan cuts does not stand beside the picture")
	}
	without := page(t, estate("Plan x"))
	for _, no := range []string{`id="layer"`, `class="overlay"`, ` data-role="`, "gone\"", `id="cut"`, "cut by the plan</li>"} {
		if strings.Contains(without, no) {
			t.Errorf("without a plan the page holds %s", no)
		}
	}
	m := estate("web")
	l := layered(m, "web")
	m.OfNodes = map[ident.Ref]bool{{CIDR: "0.0.0.0/0"}: true}
	l.Cuts = append(l.Cuts, html.Cut{From: ident.Ref{Namespace: "gone", Name: "gone"}, To: m.Workloads[1].Workload})
	var b bytes.Buffer
	if err := html.Page(&b, m, html.Options{Layer: l}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), `class="goes`) || strings.Count(b.String(), `class="cutting"`) != 1 {
		t.Error("what has no end in the picture is drawn")
	}
}

// FuzzForeignTextInLayer: whatever a plan calls itself, it adds no element.
func FuzzForeignTextInLayer(f *testing.F) {
	for _, s := range []string{"web", "<script>alert(1)</script>", `" onmouseover="alert(1)`, "</label><img src=x>", "{{.}}", "\x00\xff"} {
		f.Add(s)
	}
	want := shapeOf(layeredPage(f, "web"))
	f.Fuzz(func(t *testing.T, name string) {
		if got := shapeOf(layeredPage(t, name)); got != want {
			t.Errorf("%q changed the elements of the page", name)
		}
	})
}
