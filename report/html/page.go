package html

import (
	"cmp"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

// Options name the program that writes the page, and what it draws over the map.
type Options struct {
	ToolName, ToolVersion string
	Layer                 *Layer // nil: nothing
}

//go:embed page.tmpl
var pageText string

//go:embed page.css
var styleText string

//go:embed page.js
var scriptText string

// view is what the template prints. Every text of it is escaped by where it
// stands; only our own style and script are trusted.
type view struct {
	Title, At, Tool string
	Policy          string // content security policy
	Style           template.CSS
	Script          template.JS
	Coverage        string
	Facts           []fact
	Picture         picture
	Planned         []table // of the layer
	Tables          []table
	Unknowns        []inventory.Unknown
	SameNode        string // what hangs on shared nodes, in one sentence
}

type fact struct{ Value, Label, Class string }

type table struct {
	ID, Title, Note string
	Columns         []string
	Rows            [][]string
}

// Page writes the page. The same map gives the same bytes.
func Page(w io.Writer, m *inventory.Map, o Options) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	v := view{
		Title: cmp.Or(m.Cluster, "Kubernetes estate"), At: m.At, Tool: strings.TrimSpace(cmp.Or(o.ToolName, "cofferdam") + " " + o.ToolVersion),
		Policy: "default-src 'none'; style-src " + hashOf(styleText) + "; script-src " + hashOf(scriptText) + "; img-src data:; base-uri 'none'; form-action 'none'",
		Style:  template.CSS(styleText), Script: template.JS(scriptText), //nolint:gosec // our own files, not the map's
		Coverage: coverage(m.Coverage), Facts: append(layerFacts(o.Layer), facts(m)...), Picture: layOut(m, o.Layer), Planned: layerTables(o.Layer, zones(m)), Tables: tables(m), Unknowns: m.Unknowns, SameNode: sameNode(m.SameNode),
	}
	return t.Execute(printable{w}, v)
}

// hashOf is a source expression of CSP level 3: the page runs and looks as it was
// written, and nothing else in it does.
func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func coverage(c inventory.Coverage) string {
	s := fmt.Sprintf("%d of %d workloads have an SBOM", c.WithSBOM, c.Workloads)
	if c.AdvisoriesAsOf != "" {
		s += "; " + c.Advisories()
	} else {
		s += "; no advisories were loaded"
	}
	if c.Selector != "" {
		s += fmt.Sprintf("; listed: the %d workloads that -l %s selects", c.Selected, c.Selector)
	}
	s += "; enforcement: " + c.Enforcement
	if len(c.NotSeen) > 0 {
		s += "; not seen: " + strings.Join(c.NotSeen, ", ")
	}
	if n := len(c.WithoutEffect); n > 0 {
		s += fmt.Sprintf("; %d policies without effect there, such as %s", n, c.WithoutEffect[0].Object)
	}
	if c.Quarantined > 0 {
		s += fmt.Sprintf("; %d inputs quarantined", c.Quarantined)
	}
	return s
}

// sameNode is one sentence instead of a row for every pair.
func sameNode(n *inventory.SameNode) string {
	if n == nil {
		return ""
	}
	var names []string
	for i, h := range n.Hosts {
		if i == 3 {
			names = append(names, fmt.Sprintf("%d more", len(n.Hosts)-3))
			break
		}
		names = append(names, h.Short())
	}
	return fmt.Sprintf("%d unknown connections depend on scheduling: a pod and its own node may talk whatever the policies say, and which pods share a node with %s is not in the input. "+
		"The picture shows them dashed; the table of connections leaves them out.", n.Edges, strings.Join(names, ", "))
}

func facts(m *inventory.Map) []fact {
	exposed, found := 0, 0
	for _, w := range m.Workloads {
		if w.Exposure == segment.ExposedInternet {
			exposed++
		}
		if len(w.Findings) > 0 {
			found++
		}
	}
	class := func(n int, c string) string {
		if n == 0 {
			return "good"
		}
		return c
	}
	vulnerable := fact{fmt.Sprint(found), "with known vulnerabilities", class(found, "bad")}
	if m.Coverage.AdvisoriesAsOf == "" { // nothing was compared, which is not good news
		vulnerable = fact{"?", "with known vulnerabilities: no advisories loaded", "warn"}
	}
	out := []fact{
		{fmt.Sprint(len(m.Workloads)), "workloads", ""}, {fmt.Sprint(len(m.Policies)), "policies", ""},
		{fmt.Sprint(exposed), "exposed to the internet", class(exposed, "warn")},
		{fmt.Sprint(len(m.Unprotected)), "without any policy", class(len(m.Unprotected), "bad")},
		vulnerable,
		{fmt.Sprint(len(m.WithoutSBOM)), "images without SBOM", class(len(m.WithoutSBOM), "warn")},
		{fmt.Sprint(len(m.Unknowns)), "unknowns", class(len(m.Unknowns), "warn")},
	}
	if c := m.Coverage.SBOMTrust; c != nil {
		out = append(out, fact{fmt.Sprintf("%d of %d", c.Verified, c.Verified+c.Unsigned+c.Invalid+c.Unchecked), "SBOMs that somebody vouches for", class(c.Unsigned+c.Invalid+c.Unchecked, "warn")})
		if c.Invalid > 0 {
			out = append(out, fact{fmt.Sprint(c.Invalid), "SBOMs whose signature was refused", "bad"})
		}
	}
	return out
}

// exploited names a finding, and says where it is known to be exploited.
func exploited(f inventory.FindingRow) string {
	if f.KEV {
		return f.ID + " (known to be exploited)"
	}
	return f.ID
}

// zones says in which zone an end is.
func zones(m *inventory.Map) func(ident.Ref) string {
	of := map[ident.Ref]string{}
	for _, w := range m.Workloads {
		of[w.Workload] = w.Zone
	}
	return func(r ident.Ref) string {
		z, ok := of[r]
		switch {
		case r.IsCIDR():
			return "outside"
		case !ok:
			return "not listed"
		}
		return z
	}
}

// connections lists every edge that the picture draws, those across zones first.
// What hangs on shared nodes stands in one sentence, beside the unknowns.
func connections(m *inventory.Map) table {
	t := table{ID: "connections", Title: "Connections", Note: "What the policies allow, not what was observed. Those across zones first.",
		Columns: []string{"From zone", "To zone", "From", "To", "Ports", "Verdict"}}
	zone := zones(m)
	for _, e := range m.Edges {
		if !m.SameNode.Holds(e) {
			t.Rows = append(t.Rows, []string{zone(e.Src), zone(e.Dst), e.Src.Short(), e.Dst.Short(), segment.Summary(e.Connections, 4), e.Verdict.String()})
		}
	}
	rank := func(row []string) int {
		switch {
		case row[0] == row[1]:
			return 2
		case row[0] == "outside" || row[1] == "outside":
			return 1
		}
		return 0
	}
	slices.SortStableFunc(t.Rows, func(a, b []string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	return t
}

func tables(m *inventory.Map) []table {
	workloads := table{ID: "workloads", Title: "Workloads", Columns: []string{"Zone", "Workload", "Owner", "Segment", "Exposed to", "Isolated in / out", "SBOM", "Findings"}}
	found := table{ID: "findings", Title: "Findings", Columns: []string{"Severity", "Vulnerability", "Package", "Fixed in", "Workload", "Zone"}}
	open := table{ID: "exposed", Title: "Ways in from outside", Columns: []string{"Zone", "Workload", "Exposed to", "Through", "Ports"}}
	rows := slices.Clone(m.Workloads)
	slices.SortStableFunc(rows, func(a, b inventory.WorkloadRow) int {
		return cmp.Or(cmp.Compare(a.Zone, b.Zone), a.Workload.Compare(b.Workload))
	})
	for _, w := range rows {
		with := 0
		for _, i := range w.Images {
			if i.SBOM != nil {
				with++
			}
		}
		workloads.Rows = append(workloads.Rows, []string{w.Zone, w.Workload.String(), w.Owner, w.Segment, string(w.Exposure),
			w.Isolated.Ingress.String() + " / " + w.Isolated.Egress.String(), fmt.Sprintf("%d of %d images", with, len(w.Images)), fmt.Sprint(len(w.Findings))})
		for _, f := range w.Findings {
			found.Rows = append(found.Rows, []string{f.Severity.String(), exploited(f), f.PURL, strings.Join(f.Fixed, ", "), w.Workload.Short(), w.Zone})
		}
		for _, x := range w.Ways {
			open.Rows = append(open.Rows, []string{w.Zone, w.Workload.Short(), string(x.Level), x.Object, segment.Summary(x.Conns, 4)})
		}
	}
	rank := map[string]int{"critical": 0, "high": 1, "medium": 2, "low": 3, "none": 4, "unknown": 5}
	slices.SortStableFunc(found.Rows, func(a, b []string) int { return cmp.Or(cmp.Compare(rank[a[0]], rank[b[0]]), cmp.Compare(a[1], b[1])) })
	gaps := table{ID: "gaps", Title: "Images without SBOM", Note: "Those behind most workloads first.", Columns: []string{"Image", "Workloads", "Reason"}}
	for _, g := range m.WithoutSBOM {
		gaps.Rows = append(gaps.Rows, []string{g.Image, fmt.Sprint(len(g.Workloads)), g.Reason})
	}
	trust := table{ID: "sboms", Title: "SBOMs and who vouches for them", Columns: []string{"Trust", "Image", "By, or why not", "Matched by", "SBOM", "Workloads"}}
	if m.Coverage.SBOMTrust != nil {
		for _, s := range m.SBOMs() {
			trust.Rows = append(trust.Rows, []string{s.Trust, shortened(s.Image), s.Vouched(), s.Match, s.Digest.Short(), fmt.Sprint(s.Workloads)})
		}
	}
	policies := table{ID: "policies", Title: "Policies", Columns: []string{"Policy", "Tier", "Selects", "Source"}}
	for _, p := range m.Policies {
		policies.Rows = append(policies.Rows, []string{strings.TrimPrefix(p.Policy.String(), "/"), p.Tier, fmt.Sprintf("%d workloads", p.Selects), fmt.Sprintf("%s:%d", p.File, p.Line)})
	}
	unprotected := table{ID: "unprotected", Title: "Without any policy", Columns: []string{"Workload"}}
	for _, r := range m.Unprotected {
		unprotected.Rows = append(unprotected.Rows, []string{r.String()})
	}
	var out []table
	for _, t := range []table{found, open, unprotected, connections(m), gaps, trust, workloads, policies} {
		if len(t.Rows) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// shortened is an image's name with as much of its digest as tells it from others here.
func shortened(image string) string {
	ref, err := ident.ParseImageRef(image)
	if err != nil {
		return image
	}
	return strings.Replace(image, ref.Digest.String(), ref.Digest.Short(), 1)
}
