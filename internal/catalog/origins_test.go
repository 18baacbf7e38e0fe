package catalog_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// layered puts each component of a document into the layer of its number; 0 is none.
func layered(doc []byte, layers ...int) []byte {
	parts := strings.Split(string(doc), `"bom-ref":"c`)
	for i, n := range layers {
		if n > 0 {
			parts[i+1] = strings.Replace(parts[i+1], `,`, `,"properties":[{"name":"aquasecurity:trivy:LayerDigest","value":"`+digest(100+n).String()+`"}],`, 1)
		}
	}
	return []byte(strings.Join(parts, `"bom-ref":"c`))
}

func origins(t testing.TB, c *catalog.Catalog, q catalog.FindingQuery) []string {
	t.Helper()
	if _, err := c.AuditOrigins(context.Background()); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, x := range findings(t, c, q).Items {
		name, _, _ := strings.Cut(strings.TrimPrefix(x.Said.PURL, "pkg:npm/"), "@")
		from := name + " " + string(x.Origin)
		if x.Base != "" {
			from += " " + strings.TrimPrefix(x.Base, "registry.example/")
		}
		out = append(out, from)
	}
	slices.Sort(out)
	return out
}

// What came with a base is told by layers of a base that the configuration names, or by
// what the image was said to be built on; and what nobody tells stays unknown.
func TestOriginsOfWhatRuns(t *testing.T) { onEngines(t, originsOfWhatRuns) }

func originsOfWhatRuns(t *testing.T, reopen func() store.Store) {
	ctx := context.Background()
	now := clockAt(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	c, end := open(t, reopen(), catalog.Options{Now: now.Now, BaseImages: []string{"base/debian"}})
	defer func() { end() }()
	const lodash, pad, moment = "pkg:npm/lodash@1.0.0", "pkg:npm/left-pad@1.0.0", "pkg:npm/moment@1.0.0"
	take(t, c, catalog.Upload{}, layered(with(text("web", lodash, pad, moment), "", names(1)), 1, 2, 3))
	if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{container("web", 1)}); err != nil {
		t.Fatal(err)
	}
	advise(t, c, now.Now(), advisory("CVE-1", "lodash", "2.0.0"), advisory("CVE-2", "left-pad", "2.0.0"), advisory("CVE-3", "moment", "2.0.0"))
	audit(t, c)
	expect := func(why string, want ...string) {
		t.Helper()
		if got := origins(t, c, catalog.FindingQuery{}); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", why, got, want)
		}
	}
	unknown := []string{"left-pad ", "lodash ", "moment "}
	expect("no base is there", unknown...)
	// Another image on the same layers is no base.
	take(t, c, catalog.Upload{}, layered(with(text("api", lodash), "", names(2)), 1))
	expect("an image that nobody calls a base", unknown...)
	take(t, c, catalog.Upload{}, layered(with(text("base/debian", "pkg:npm/other@1"), "", names(7)), 9))
	expect("a base with another layer", unknown...)
	take(t, c, catalog.Upload{}, layered(with(text("base/debian", lodash, pad, moment), "", names(8)), 1, 2, 3))
	expect("a base with as many layers is the image itself", unknown...)
	take(t, c, catalog.Upload{}, layered(with(text("base/debian", lodash), "", names(9)), 1))
	byLayer := []string{"left-pad application base/debian", "lodash base base/debian", "moment application base/debian"}
	expect("by the base's layers", byLayer...)
	if got := origins(t, c, catalog.FindingQuery{Origins: []string{"application"}}); len(got) != 2 {
		t.Errorf("%q", got)
	}
	if got := origins(t, c, catalog.FindingQuery{Origins: []string{"unknown"}}); len(got) != 0 {
		t.Errorf("%q", got)
	}
	if got := origins(t, c, catalog.FindingQuery{History: true, Origins: []string{"base"}}); len(got) != 1 {
		t.Errorf("of the past: %q", got)
	}
	// What runs with a document of the base of two layers is built on that one.
	take(t, c, catalog.Upload{}, layered(with(text("base/debian", lodash, pad), "", names(10)), 1, 2))
	expect("the most layers", "left-pad base base/debian", "lodash base base/debian", "moment application base/debian")

	say := func(b catalog.Built) bool {
		t.Helper()
		changed, err := c.SayBuilt(ctx, ci, "", b)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	said := catalog.Built{Image: digest(1), Base: "registry.example/slim@" + digest(50).String(), Layers: []ident.Digest{digest(103)}}
	if !say(said) || say(said) {
		t.Error("the same said twice is said once")
	}
	expect("what the image says goes before what layers look like", "left-pad application slim@"+digest(50).String(), "lodash application slim@"+digest(50).String(), "moment base slim@"+digest(50).String())
	said.Layers = nil
	say(said)
	expect("a base of which nothing is known", unknown...)
	if got := findings(t, c, catalog.FindingQuery{Origins: []string{"base"}}); got.OriginUnknown != 3 || got.Total != 0 {
		t.Errorf("what is left out is counted: %+v", got)
	}
	take(t, c, catalog.Upload{Artifact: digest(50)}, layered(text("slim", lodash), 1))
	expect("a document about the base that came later", "left-pad application slim@"+digest(50).String(), "lodash base slim@"+digest(50).String(), "moment application slim@"+digest(50).String())
	// The findings of the artifact, running or not, say the same.
	scanned, err := c.Scan(ctx, "", digest(1))
	if err != nil || len(scanned.Origins) != 1 || scanned.Origins[0].FromBase != 1 || scanned.Origins[0].Application != 2 || scanned.Report.Findings[0].Origin == vuln.OriginUnknown {
		t.Errorf("%v %+v", err, scanned)
	}
	// A second document of the image that disagrees: nobody knows.
	take(t, c, catalog.Upload{}, layered(with(text("web", lodash, pad), "", names(1)), 2, 1))
	expect("documents that disagree", "left-pad ", "lodash ", "moment application slim@"+digest(50).String())
	if got := origins(t, c, catalog.FindingQuery{Tenant: "bank", Mine: true}); len(got) != 0 {
		t.Errorf("another tenant's: %q", got)
	}
	end()
	c, end = open(t, reopen(), catalog.Options{Now: now.Now})
	advise(t, c, now.Now(), advisory("CVE-3", "moment", "2.0.0"))
	audit(t, c)
	if got := origins(t, c, catalog.FindingQuery{ID: "CVE-3"}); !slices.Equal(got, []string{"moment application slim@" + digest(50).String()}) {
		t.Errorf("what was said is kept: %q", got)
	}
	for why, b := range map[string]catalog.Built{
		"no digest":    {Image: digest(1), Base: "registry.example/slim:12"},
		"no image":     {Base: said.Base},
		"itself":       {Image: digest(50), Base: said.Base},
		"no reference": {Image: digest(1), Base: "UPPER"},
		"too many":     {Image: digest(1), Base: said.Base, Layers: slices.Repeat([]ident.Digest{digest(3)}, 501)},
	} {
		if _, err := c.SayBuilt(ctx, ci, "", b); err == nil {
			t.Errorf("%s is taken", why)
		}
	}
}
