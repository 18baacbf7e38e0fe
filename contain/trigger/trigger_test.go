package trigger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/contain/trigger"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// tiers is an estate in which web leads to api, api to db, and old to nothing.
const tiers = `
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: data}}
---
{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: "registry.example/web:1"}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: api, namespace: shop}, spec: {template: {metadata: {labels: {app: api}}, spec: {containers: [{name: c, image: "registry.example/api:1"}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: old, namespace: shop}, spec: {template: {metadata: {labels: {app: old}}, spec: {containers: [{name: c, image: "registry.example/old:1"}]}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: db, namespace: data}, spec: {template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: "registry.example/db:1"}]}}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: db, namespace: data}, spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, podSelector: {matchLabels: {app: api}}}]}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: api, namespace: shop}, spec: {podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: old, namespace: shop}, spec: {podSelector: {matchLabels: {app: old}}, policyTypes: [Egress]}}
`

func bill(name string) []byte {
	return []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","name":"registry.example/` + name +
		`","version":"1"}},"components":[{"type":"library","name":"a","version":"1","purl":"pkg:npm/a@1"},{"type":"library","name":"b","version":"1","purl":"pkg:npm/b@1"}]}`)
}

func digest(name string) string { return ident.SHA256(bill(name)).String() }

// estateOf joins manifests with the SBOMs of web, api and db, and of one that nobody runs.
func estateOf(t testing.TB, manifests string) *inventory.Snapshot {
	t.Helper()
	ctx := context.Background()
	set, err := manifest.Decode(ctx, []manifest.Input{{Name: "m.yaml", Data: []byte(manifests)}}, manifest.Options{})
	if err != nil || len(set.Estate.Faults) > 0 {
		t.Fatal(err, set.Estate.Faults)
	}
	model, err := k8s.Model(set, segment.Generic())
	if err != nil {
		t.Fatal(err)
	}
	g, err := segment.Build(ctx, model)
	if err != nil {
		t.Fatal(err)
	}
	in := inventory.Input{Estate: set.Estate, Graph: g, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	for _, name := range []string{"web", "api", "db", "gone"} {
		docs, err := decode.Bytes(ctx, name+".json", bill(name), decode.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		in.SBOMs = append(in.SBOMs, docs...)
	}
	in.Config, err = manifest.DecodeConfig(ctx, manifest.Input{Name: "cofferdam.yaml", Data: []byte("apiVersion: cofferdam.dev/v1alpha1\nkind: Estate\nzones:\n- {name: restricted, namespaces: [data]}\n")})
	if err != nil {
		t.Fatal(err)
	}
	s, err := inventory.Build(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func finding(document, id, rest string) string {
	return `{"id":"` + id + `","aliases":["ALIAS-` + id + `"],"advisories":["OSV-` + id + `"],"purl":"pkg:npm/a@1","document":"` + digest(document) + `","kev":false,"fixed":[],"severity":"high","status":"affected"` + rest + `}`
}

func scanOf(findings ...string) string {
	return `{"schemaVersion":"1","findings":[` + strings.Join(findings, ",") + `],"unmatched":[],"coverage":{"advisoriesAsOf":"2026-01-01"}}`
}

func replaced(s string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(s) }

func mustRead(t testing.TB, text string) *trigger.Scan {
	t.Helper()
	s, err := trigger.ReadScan([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustSelect(t testing.TB, scan, when string) *trigger.Selection {
	t.Helper()
	c, err := trigger.Parse([]string{when})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Select(context.Background(), mustRead(t, scan), estateOf(t, tiers))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// short lists matches as "CVE workload".
func short(ms []trigger.Match) string {
	var out []string
	for _, m := range ms {
		out = append(out, m.ID+" "+m.Workload.Name)
	}
	return strings.Join(out, ", ")
}

func TestSelect(t *testing.T) {
	web, api, db, gone := finding("web", "CVE-1", ""), finding("api", "CVE-2", ""), finding("db", "CVE-3", ""), finding("gone", "CVE-4", "")
	all := scanOf(web, api, db, gone)
	exploited := scanOf(replaced(web, `"kev":false`, `"kev":true`), api)
	doubtful := replaced(scanOf(web), `"unmatched":[]`, `"unmatched":[{"document":"`+digest("api")+`","purl":"pkg:npm/b@1","class":"advisory","reason":"no version","advisory":"OSV-CVE-9"},{"document":"x","purl":"y","reason":"no identity"}]`)
	for _, tt := range []struct{ name, scan, when, matched, unknown string }{
		{"reach", all, "reach=zone:restricted", "CVE-3 db, CVE-2 api, CVE-1 web", ""},
		{"reach from a workload that a policy shuts in", all, "reach=workload:shop/old", "CVE-2 api, CVE-1 web", ""},
		{"reach a namespace", all, "reach=namespace:shop,reach=zone:restricted", "CVE-2 api, CVE-1 web", ""},
		{"id", all, "id=CVE-2", "CVE-2 api", ""},
		{"one of two ids, one by an alias", all, "id=alias-cve-1,id=CVE-3", "CVE-3 db, CVE-1 web", ""},
		{"an id that the scan does not have", all, "id=CVE-99", "", ""},
		{"exposure", all, "exposure=internet", "CVE-1 web", ""},
		{"severity", scanOf(web, replaced(api, "high", "critical"), replaced(db, "high", "medium")), "severity>=high", "CVE-2 api, CVE-1 web", ""},
		{"exact severity", scanOf(web, replaced(api, "high", "critical")), "severity=critical", "CVE-2 api", ""},
		{"unknown severity is not low", scanOf(replaced(web, "high", "unknown"), api), "severity>=low", "CVE-2 api", "CVE-1 web"},
		{"what fails is not unknown", scanOf(replaced(web, "high", "unknown")), "severity>=low,fixable", "", ""},
		{"fixable", scanOf(web, replaced(api, `"fixed":[]`, `"fixed":["2"]`)), "fixable", "CVE-2 api", ""},
		{"exploited", exploited, "kev", "CVE-1 web", ""},
		{"exploited, of a scan without catalogue", all, "kev,reach=zone:restricted", "", "CVE-3 db, CVE-2 api, CVE-1 web"},
		{"exploited, of one that says its catalogue", replaced(all, `"advisoriesAsOf"`, `"kevAsOf":"2026-01-01","advisoriesAsOf"`), "kev", "", ""},
		{"likely, and one without a score", scanOf(replaced(web, `"kev"`, `"epss":0.7,"kev"`), replaced(api, `"kev"`, `"epss":0.2,"kev"`), replaced(db, `"kev"`, `"epss":null,"kev"`)), "epss>=0.5", "CVE-1 web", "CVE-3 db"},
		{"as likely as asked for", scanOf(replaced(web, `"kev"`, `"epss":0.5,"kev"`)), "epss>=0.5,reach=zone:restricted", "CVE-1 web", ""},
		{"unlikely, whatever its severity", scanOf(replaced(web, `"kev"`, `"epss":0.1,"kev"`, `"high"`, `"unknown"`)), "epss>=0.5,severity>=low", "", ""},
		{"what VEX clears", scanOf(replaced(web, `"affected"`, `"not_affected"`), replaced(api, `"affected"`, `"fixed"`), replaced(db, `"affected"`, `"under_investigation"`)), "id=CVE-1,id=CVE-2,id=CVE-3", "CVE-3 db", ""},
		{"what the scan could not decide", doubtful, "reach=zone:restricted", "CVE-1 web", "OSV-CVE-9 api"},
		{"and may be what is asked for", doubtful, "id=CVE-5", "", "OSV-CVE-9 api"},
		{"and is about another", replaced(doubtful, "OSV-CVE-9", "OSV-CVE-1"), "id=CVE-5", "", ""},
		{"a finding twice is one", scanOf(web, web), "id=CVE-1", "CVE-1 web", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := mustSelect(t, tt.scan, tt.when)
			if short(got.Matched) != tt.matched || short(got.Unknown) != tt.unknown {
				t.Errorf("--when %s: matched %q, unknown %q; want %q, %q", tt.when, short(got.Matched), short(got.Unknown), tt.matched, tt.unknown)
			}
			for _, m := range got.Unknown {
				if len(m.Unknown) == 0 {
					t.Errorf("%+v does not say what is unknown", m)
				}
			}
		})
	}
	if got := mustSelect(t, all, "reach=zone:restricted"); got.NotRunning != 1 || len(got.NotSearched) != 0 {
		t.Errorf("%d not running, not searched: %+v; old has no SBOM, and reaches nothing", got.NotRunning, got.NotSearched)
	}
	if got := mustSelect(t, all, "severity>=low"); len(got.NotSearched) != 1 || got.NotSearched[0].Workload.Name != "old" {
		t.Errorf("not searched: %+v", got.NotSearched)
	}
	if got := mustSelect(t, all, "severity>=low").Affected(); len(got) != 3 || !slices.IsSortedFunc(got, ident.Ref.Compare) {
		t.Errorf("%v", got)
	}
}

// TestUnknownReach: what a kind that is not modelled lets pass is no "no".
func TestUnknownReach(t *testing.T) {
	snap := estateOf(t, tiers+`---
{apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: {name: x, namespace: data}, spec: {selector: "app == 'db'", ingress: [{action: Allow}]}}
`)
	c, err := trigger.Parse([]string{"reach=zone:restricted"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Select(context.Background(), mustRead(t, scanOf(finding("web", "CVE-1", ""), finding("db", "CVE-3", ""))), snap)
	if err != nil {
		t.Fatal(err)
	}
	if short(got.Matched) != "CVE-3 db" || short(got.Unknown) != "CVE-1 web" {
		t.Errorf("matched %q, unknown %q", short(got.Matched), short(got.Unknown))
	}
}

func TestSelectRefuses(t *testing.T) {
	snap := estateOf(t, tiers)
	for _, tt := range []struct {
		name, scan, when, want string
		kind                   ident.Kind
	}{
		{"another document", replaced(scanOf(finding("web", "CVE-1", `,"file":"sbom/web.json"`)), digest("web"), digest("nobody")), "id=CVE-1", "sbom/web.json", ident.KindFailure},
		{"a package that is not there", replaced(scanOf(finding("web", "CVE-1", "")), "a@1", "a@2"), "id=CVE-1", "does not list", ident.KindFailure},
		{"a zone that is not there", scanOf(), "reach=zone:restrictde", "names no workload", ident.KindUsage},
	} {
		c, err := trigger.Parse([]string{tt.when})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Select(context.Background(), mustRead(t, tt.scan), snap); err == nil || ident.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"reach=zone:a, kev ,severity>=HIGH": "kev,reach=zone:a,severity>=high",
		"kev,kev,,kev":                      "kev",
		"severity=moderate":                 "severity=medium",
		"id=CVE-2,id=CVE-1":                 "id=CVE-1,id=CVE-2",
		"epss>=0.50":                        "epss>=0.5",
	} {
		c, err := trigger.Parse([]string{text})
		if err != nil || c.String() != want {
			t.Errorf("%q: %q, %v; want %q", text, c, err, want)
		}
	}
	for _, text := range []string{"", " , ", "kev=true", "severity", "severity>high", "severity>=none", "severity=unknown", "reach=restricted", "reach=zone:", "reach=pod:a/b", "reach=workload:9.9.9.9",
		"exposure=none", "id=", "epss>0.5", "epss>=2", "epss>=0", "epss>=-1", "epss>=NaN", "epss>=", "epss>=x", "severity=low,severity=high", "severity=low,severity>=high", "!kev"} {
		if _, err := trigger.Parse([]string{text}); ident.KindOf(err) != ident.KindUsage || err == nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, w := range trigger.Words() {
		if strings.HasSuffix(w, ":") || strings.HasSuffix(w, "=") {
			w += "a/b"
		}
		if _, err := trigger.Parse([]string{w}); err != nil {
			t.Errorf("%s is offered: %v", w, err)
		}
	}
}

func TestReadScanRefuses(t *testing.T) {
	good := finding("web", "CVE-1", "")
	for name, text := range map[string]string{
		"nothing":             "",
		"another document":    `{"bomFormat":"CycloneDX"}`,
		"a list":              `[]`,
		"two values":          scanOf(good) + scanOf(good),
		"truncated":           scanOf(good)[:200],
		"another version":     replaced(scanOf(good), `"schemaVersion":"1"`, `"schemaVersion":"2"`),
		"no version":          replaced(scanOf(good), `"schemaVersion":"1",`, ``),
		"no findings":         `{"schemaVersion":"1"}`,
		"null findings":       `{"schemaVersion":"1","findings":null}`,
		"findings of a kind":  `{"schemaVersion":"1","findings":{}}`,
		"no document":         scanOf(replaced(good, `"document":`, `"doc":`)),
		"a document by name":  scanOf(replaced(good, digest("web"), "web.json")),
		"no id":               scanOf(replaced(good, `"id":`, `"ix":`)),
		"no kev":              scanOf(replaced(good, `"kev":false,`, ``)),
		"kev as a word":       scanOf(replaced(good, `"kev":false`, `"kev":"no"`)),
		"an odd score":        scanOf(replaced(good, `"kev":false`, `"kev":false,"epss":7`)),
		"a score as a word":   scanOf(replaced(good, `"kev":false`, `"kev":false,"epss":"0.5"`)),
		"no severity":         scanOf(replaced(good, `"severity":"high",`, ``)),
		"an odd severity":     scanOf(replaced(good, "high", "urgent")),
		"an odd status":       scanOf(replaced(good, `"affected"`, `"fine"`)),
		"a name twice":        scanOf(replaced(good, `"kev":false`, `"kev":true,"kev":false`)),
		"findings twice":      `{"schemaVersion":"1","findings":[],"findings":[` + good + `]}`,
		"not UTF-8":           scanOf(replaced(good, "CVE-1", "CVE-\xff")),
		"deep":                `{"schemaVersion":"1","findings":[],"x":` + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + `}`,
		"an endless name":     scanOf(replaced(good, "CVE-1", strings.Repeat("A", 1<<20))),
		"undecided, no place": replaced(scanOf(good), `"unmatched":[]`, `"unmatched":[{"advisory":"X","purl":"p"}]`),
	} {
		if got, err := trigger.ReadScan([]byte(text)); err == nil {
			t.Errorf("%s is read as %+v", name, got)
		}
	}
	s := mustRead(t, scanOf(replaced(good, `"kev":false`, `"kev":false,"later":{"x":[1,2]}`)))
	if len(s.Findings) != 1 || s.AdvisoriesAsOf != "2026-01-01" || s.KEVKnown {
		t.Errorf("%+v", s)
	}
}

// TestHostileSizes: a hundred megabytes of nonsense is an error in little time.
func TestHostileSizes(t *testing.T) {
	const size = 100 << 20
	for name, data := range map[string][]byte{
		"brackets":   bytes.Repeat([]byte("["), size),
		"one string": append([]byte(`{"schemaVersion":"`), bytes.Repeat([]byte("a"), size)...),
		"zeros":      make([]byte, size),
	} {
		used.Within(t, name, 20*time.Second, func() {
			if _, err := trigger.ReadScan(data); err == nil {
				t.Errorf("%s is read", name)
			}
		})
	}
}

// TestSelectAgainstEachWorkload holds selections against the conditions asked one
// by one of each finding in each workload, with paths searched from the workload.
func TestSelectAgainstEachWorkload(t *testing.T) {
	snap := estateOf(t, tiers)
	g := snap.Graph()
	runs := map[string]string{"web": "web", "api": "api", "db": "db"}
	words := []string{"kev", "fixable", "exposure=internet", "severity>=high", "severity=critical", "id=CVE-1", "id=CVE-2", "reach=zone:restricted", "reach=namespace:shop", "reach=workload:shop/old"}
	rapid.Check(t, func(t *rapid.T) {
		var texts []string
		var fs []vuln.Finding
		for range rapid.IntRange(0, 6).Draw(t, "findings") {
			f := vuln.Finding{ID: rapid.SampledFrom([]string{"CVE-1", "CVE-2", "CVE-3"}).Draw(t, "id"), File: rapid.SampledFrom([]string{"web", "api", "db", "gone"}).Draw(t, "document"),
				Severity: rapid.SampledFrom([]ident.Severity{ident.SeverityUnknown, ident.SeverityMedium, ident.SeverityHigh, ident.SeverityCritical}).Draw(t, "severity"), KEV: rapid.Bool().Draw(t, "kev")}
			fixed := ""
			if rapid.Bool().Draw(t, "fixed") {
				f.Fixed, fixed = []string{"2"}, `"2"`
			}
			fs = append(fs, f)
			texts = append(texts, fmt.Sprintf(`{"id":%q,"purl":"pkg:npm/b@1","document":%q,"kev":%t,"fixed":[%s],"severity":%q}`, f.ID, digest(f.File), f.KEV, fixed, f.Severity))
		}
		when := rapid.SliceOfNDistinct(rapid.SampledFrom(words), 1, 4, rapid.ID[string]).Draw(t, "when")
		c, err := trigger.Parse(when)
		if err != nil {
			t.Fatal(err)
		}
		scan, err := trigger.ReadScan([]byte(scanOf(texts...)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Select(context.Background(), scan, snap)
		if err != nil {
			t.Fatal(err)
		}
		var matched, unknown []string
		for _, f := range fs {
			name := runs[f.File]
			if name == "" {
				continue
			}
			ns := map[bool]string{true: "data", false: "shop"}[name == "db"]
			r := ident.Ref{Namespace: ns, Kind: "Deployment", Name: name}
			no, perhaps, named, asked := false, false, false, false
			for _, w := range when {
				key, value, _ := strings.Cut(w, "=")
				switch {
				case w == "kev":
					no, perhaps = no || !f.KEV && scan.KEVKnown, perhaps || !f.KEV && !scan.KEVKnown
				case w == "fixable":
					no = no || len(f.Fixed) == 0
				case key == "exposure":
					no = no || g.Exposure(r).Level != segment.ExposedInternet
				case w == "severity>=high":
					no, perhaps = no || f.Severity != ident.SeverityUnknown && f.Severity < ident.SeverityHigh, perhaps || f.Severity == ident.SeverityUnknown
				case w == "severity=critical":
					no, perhaps = no || f.Severity != ident.SeverityUnknown && f.Severity != ident.SeverityCritical, perhaps || f.Severity == ident.SeverityUnknown
				case key == "id":
					asked, named = true, named || f.ID == value
				case key == "reach":
					reached, err := g.Reach(context.Background(), []ident.Ref{r}, segment.Forward, 0)
					if err != nil {
						t.Fatal(err)
					}
					in := func(x ident.Ref) bool {
						return value == "zone:restricted" && x.Namespace == "data" || value == "namespace:shop" && x.Namespace == "shop" || value == "workload:shop/old" && x.Name == "old"
					}
					no = no || !in(r) && !slices.ContainsFunc(reached, func(x segment.Reached) bool { return in(x.Workload) })
				}
			}
			text := f.ID + " " + name + " " + f.Severity.String()
			switch {
			case no || asked && !named:
			case perhaps:
				unknown = append(unknown, text)
			default:
				matched = append(matched, text)
			}
		}
		for _, x := range []struct {
			want []string
			got  []trigger.Match
		}{{matched, got.Matched}, {unknown, got.Unknown}} {
			var have []string
			for _, m := range x.got {
				have = append(have, m.ID+" "+m.Workload.Name+" "+m.Severity.String())
			}
			slices.Sort(x.want)
			slices.Sort(have)
			if want, have := slices.Compact(x.want), slices.Compact(have); !slices.Equal(want, have) {
				t.Fatalf("--when %v: %v; want %v", when, have, want)
			}
		}
	})
}

func FuzzReadScan(f *testing.F) {
	f.Add([]byte(scanOf(finding("web", "CVE-1", ""))))
	f.Add([]byte(replaced(scanOf(), `"unmatched":[]`, `"unmatched":[{"document":"`+digest("api")+`","purl":"p","advisory":"X"}]`)))
	if dir := os.Getenv("COFFERDAM_DATA"); dir != "" { // real JSON that is no scan
		names, err := filepath.Glob(filepath.Join(dir, "osv", "*.json"))
		if err != nil {
			f.Fatal(err)
		}
		for _, n := range names[:min(len(names), 8)] {
			if data, err := os.ReadFile(n); err == nil {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := trigger.ReadScan(data)
		if err != nil {
			return
		}
		if !json.Valid(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) {
			t.Fatal("what is no JSON is read")
		}
		for _, x := range s.Findings {
			if x.ID == "" || x.Document.IsZero() || x.KEV && !s.KEVKnown {
				t.Fatalf("%+v", x)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("kev,severity>=high,reach=zone:a,id=CVE-1")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := trigger.Parse([]string{text})
		if err != nil {
			return
		}
		again, err := trigger.Parse([]string{c.String()})
		if err != nil || again.String() != c.String() {
			t.Fatalf("%q is written %q, which is read as %v, %v", text, c, again, err)
		}
	})
}

func ExampleConditions_Select() {
	scan, err := trigger.ReadScan([]byte(scanOf(finding("web", "CVE-2026-1", ""), finding("api", "CVE-2026-2", ""))))
	if err != nil {
		fmt.Println(err)
		return
	}
	when, err := trigger.Parse([]string{"severity>=high", "exposure=internet"})
	if err != nil {
		fmt.Println(err)
		return
	}
	got, err := when.Select(context.Background(), scan, estateOf(&testing.T{}, tiers))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range got.Matched {
		fmt.Println(m.ID, m.Severity, m.Workload.Short())
	}
	// Output: CVE-2026-1 high shop/web
}
