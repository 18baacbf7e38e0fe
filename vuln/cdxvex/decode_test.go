package cdxvex_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/cdxvex"
)

const serial = "3e671687-395b-41f5-a30f-a58921a69b79"

// bom is a document about a product, with one analysis; what the tests change stands
// between bars.
func bom(subject, analysis, affects string) string {
	return `{"bomFormat":"CycloneDX","specVersion":"1.5","serialNumber":"urn:uuid:` + serial + `","version":1,
"metadata":{"timestamp":"2026-01-02T03:04:05Z","supplier":{"name":"Example PSIRT"}` + subject + `},
"components":[{"type":"library","bom-ref":"lib","name":"lib","version":"1.0.0","purl":"pkg:npm/lib@1.0.0"},{"type":"library","bom-ref":"nameless","name":"nameless"}],
"vulnerabilities":[{"id":"CVE-2026-1","references":[{"id":"GHSA-1","source":{"name":"GitHub"}}],"analysis":` + analysis + `,"affects":` + affects + `}]}`
}

const (
	product  = `,"component":{"type":"application","bom-ref":"root","name":"shop","version":"1","purl":"pkg:generic/shop@1"}`
	harmless = `{"state":"not_affected","justification":"code_not_reachable","detail":"never called"}`
)

func Example() {
	statements, _, err := cdxvex.Decode(context.Background(), "f", []byte(bom("", harmless, `[{"ref":"lib"}]`)))
	if err != nil {
		fmt.Println(err)
		return
	}
	s := statements[0]
	fmt.Println(s.Vulnerability, s.Status, s.Justification, s.Author, s.Products[0].PURL)
	// Output: [CVE-2026-1 GHSA-1] not_affected code_not_reachable Example PSIRT pkg:npm/lib@1.0.0
}

// TestProducts: what a statement is about, told by the findings that it decides.
func TestProducts(t *testing.T) {
	here := func(text string) *sbom.Document {
		return &sbom.Document{Serial: "urn:uuid:" + serial, Version: 1, Digest: ident.SHA256([]byte(text)), Subject: sbom.Subject{ID: "root", Name: "shop", Version: "1", PURL: "pkg:generic/shop@1"}}
	}
	elsewhere := &sbom.Document{Serial: "urn:uuid:other", Digest: ident.SHA256(nil), Subject: sbom.Subject{Name: "other", PURL: "pkg:generic/other@1"}}
	rebuilt := &sbom.Document{Serial: "urn:uuid:other", Digest: ident.SHA256(nil), Subject: sbom.Subject{Name: "shop", Version: "1", PURL: "pkg:generic/shop@1"}}
	lib := func(id, version string) *sbom.Component {
		return &sbom.Component{ID: id, Name: "lib", Version: version, PURL: "pkg:npm/lib@" + version}
	}
	for name, c := range map[string]struct {
		subject, analysis, affects string
		where                      string // "here", "elsewhere", "rebuilt"
		component                  *sbom.Component
		want                       vuln.Status
	}{
		"an element of no product, here":      {"", harmless, `[{"ref":"lib"}]`, "here", lib("lib", "1.0.0"), "not_affected"},
		"an element of no product, elsewhere": {"", harmless, `[{"ref":"lib"}]`, "elsewhere", lib("x", "1.0.0"), "not_affected"},
		"of another version":                  {"", harmless, `[{"ref":"lib"}]`, "elsewhere", lib("x", "1.0.1"), ""},
		"within a product, here":              {product, harmless, `[{"ref":"lib"}]`, "here", lib("lib", "1.0.0"), "not_affected"},
		"within a product, rebuilt":           {product, harmless, `[{"ref":"lib"}]`, "rebuilt", lib("x", "1.0.0"), "not_affected"},
		"within a product, in another one":    {product, harmless, `[{"ref":"lib"}]`, "elsewhere", lib("x", "1.0.0"), ""},
		"within a product without purl":       {strings.Replace(product, `,"purl":"pkg:generic/shop@1"`, "", 1), harmless, `[{"ref":"lib"}]`, "elsewhere", lib("x", "1.0.0"), ""},
		"the product":                         {product, harmless, `[{"ref":"root"}]`, "here", lib("lib", "1.0.0"), "not_affected"},
		"the product, elsewhere":              {product, harmless, `[{"ref":"root"}]`, "elsewhere", lib("lib", "1.0.0"), ""},
		"a link to an element":                {"", harmless, `[{"ref":"urn:cdx:` + serial + `/1#lib"}]`, "here", lib("lib", "1.0.0"), "not_affected"},
		"a link to another version":           {"", harmless, `[{"ref":"urn:cdx:` + serial + `/2#lib"}]`, "here", lib("lib", "1.0.0"), ""},
		"a link to another document":          {"", harmless, `[{"ref":"urn:cdx:` + serial + `/1#lib"}]`, "elsewhere", lib("lib", "1.0.0"), ""},
		"a malformed link":                    {"", harmless, `[{"ref":"urn:cdx:` + serial + `#lib"}]`, "here", lib("lib", "1.0.0"), ""},
		"a purl as reference":                 {"", harmless, `[{"ref":"pkg:npm/lib@1.0.0"}]`, "elsewhere", lib("x", "1.0.0"), "not_affected"},
		"an element that is not there":        {"", harmless, `[{"ref":"gone"}]`, "here", lib("gone", "1.0.0"), ""},
		"an element without purl, here":       {"", harmless, `[{"ref":"nameless"}]`, "here", &sbom.Component{ID: "nameless", PURL: "pkg:npm/x@1"}, "not_affected"},
		"an unaffected version":               {"", `{"state":"exploitable"}`, `[{"ref":"lib","versions":[{"version":"1.0.1","status":"unaffected"}]}]`, "elsewhere", lib("x", "1.0.1"), "not_affected"},
		"the affected one beside it":          {"", `{"state":"exploitable"}`, `[{"ref":"lib","versions":[{"version":"1.0.1","status":"unaffected"},{"version":"1.0.0"}]}]`, "elsewhere", lib("x", "1.0.0"), "affected"},
		"a range of versions":                 {"", `{"state":"exploitable"}`, `[{"ref":"lib","versions":[{"range":"vers:npm/>=1.1.0","status":"unaffected"}]}]`, "elsewhere", lib("x", "1.2.0"), "not_affected"},
		"affected by what does no harm":       {"", harmless, `[{"ref":"lib","versions":[{"version":"1.0.0","status":"affected"}]}]`, "elsewhere", lib("x", "1.0.0"), "under_investigation"},
		"a version of unknown status":         {"", harmless, `[{"ref":"lib","versions":[{"version":"1.0.0","status":"unknown"}]}]`, "elsewhere", lib("x", "1.0.0"), "under_investigation"},
		"resolved":                            {"", `{"state":"resolved"}`, `[{"ref":"lib"}]`, "here", lib("lib", "1.0.0"), "fixed"},
		"a false positive":                    {"", `{"state":"false_positive"}`, `[{"ref":"lib"}]`, "here", lib("lib", "1.0.0"), "not_affected"},
		"in triage":                           {"", `{"state":"in_triage"}`, `[{"ref":"lib"}]`, "here", lib("lib", "1.0.0"), "under_investigation"},
	} {
		text := bom(c.subject, c.analysis, c.affects)
		list, faults, err := cdxvex.Decode(context.Background(), "f", []byte(text))
		if err != nil || len(faults) > 0 {
			t.Errorf("%s: %v %v", name, err, faults)
			continue
		}
		d := map[string]*sbom.Document{"here": here(text), "elsewhere": elsewhere, "rebuilt": rebuilt}[c.where]
		f := vuln.Finding{ID: "GHSA-1"}
		(&vuln.Intelligence{Statements: vuln.NewStatements(list, vuln.Trust{Everybody: true})}).Judge(&f, vuln.ArtifactOf(d), c.component)
		if f.Status != c.want {
			t.Errorf("%s: %q, want %q (%+v)", name, f.Status, c.want, list)
		}
	}
}

func TestFaultsAndTimes(t *testing.T) {
	for name, analysis := range map[string]string{
		"no reason":    `{"state":"not_affected"}`,
		"no state":     `{"detail":"x"}`,
		"another word": `{"state":"safe"}`,
		"a number":     `{"state":7}`,
		"no time":      `{"state":"resolved","lastUpdated":"today"}`,
	} {
		got, faults, err := cdxvex.Decode(context.Background(), "f", []byte(bom("", analysis, `[{"ref":"lib"}]`)))
		// An analysis that cannot be read at all leaves a document without any.
		if len(got) != 0 || len(faults) == 0 && err == nil {
			t.Errorf("%s: %+v %v %v", name, got, faults, err)
		}
	}
	got, _, err := cdxvex.Decode(context.Background(), "f", []byte(bom("", `{"state":"resolved","firstIssued":"2026-02-01T00:00:00Z","lastUpdated":"2026-03-01T00:00:00Z"}`, `[{"ref":"lib"}]`)))
	if err != nil || !got[0].At.Equal(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%v %v", got, err)
	}
	got, _, err = cdxvex.Decode(context.Background(), "f", []byte(bom("", `{"state":"resolved"}`, `[{"ref":"lib"}]`)))
	if err != nil || !got[0].At.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("%v %v", got, err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		kind ident.Kind
	}{
		"no analysis":      {strings.Replace(bom("", harmless, `[]`), `"analysis":`+harmless+`,`, "", 1), ident.KindUnsupported},
		"XML":              {`<bom xmlns="http://cyclonedx.org/schema/bom/1.5"/>`, ident.KindUnsupported},
		"another document": {`{"statements":[]}`, ident.KindUnsupported},
		"cut short":        {bom("", harmless, `[{"ref":"lib"}]`)[:500], ident.KindInvalid},
	} {
		got, _, err := cdxvex.Decode(context.Background(), "f", []byte(c.text))
		if err == nil || got != nil || ident.KindOf(err) != c.kind {
			t.Errorf("%s: %v (kind %v)", name, err, ident.KindOf(err))
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(bom(product, harmless, `[{"ref":"lib","versions":[{"version":"1","status":"unaffected"}]},{"ref":"urn:cdx:x/1#%zz"}]`)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, _, err := cdxvex.Decode(context.Background(), "f", raw)
		for _, s := range got {
			if err != nil || len(s.Vulnerability) == 0 || s.Status == "" {
				t.Fatalf("%+v and error %v", s, err)
			}
		}
	})
}
