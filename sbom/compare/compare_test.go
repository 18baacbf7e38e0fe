package compare

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

func purl(typ, name, version string) sbom.Component {
	c := sbom.Component{Type: "library", Name: name[strings.LastIndexByte(name, '/')+1:], Version: version, PURL: "pkg:" + typ + "/" + name + "@" + version}
	return c
}

func doc(cs ...sbom.Component) *sbom.Document { return &sbom.Document{Components: cs} }

func between(t testing.TB, before, after *sbom.Document) *Diff {
	t.Helper()
	d, err := Documents(context.Background(), before, after)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// told writes a diff as short lines.
func told(d *Diff) string {
	var out []string
	for _, a := range d.Added {
		out = append(out, "+"+a.Name+"@"+a.Version)
	}
	for _, r := range d.Removed {
		out = append(out, "-"+r.Name+"@"+r.Version)
	}
	for _, c := range d.Changed {
		s := fmt.Sprintf("%s@%s→%s %s", c.Name, c.Old.Version, c.New.Version, c.Direction)
		for _, f := range []struct {
			on   bool
			word string
		}{{c.Licenses, "licence"}, {c.Supplier, "supplier"}, {c.OtherBytes, "bytes"}} {
			if f.on {
				s += " " + f.word
			}
		}
		out = append(out, strings.TrimSpace(s))
	}
	for _, n := range d.NewNeeds {
		out = append(out, "+"+n.From+" "+n.Kind+" "+n.To)
	}
	for _, n := range d.GoneNeeds {
		out = append(out, "-"+n.From+" "+n.Kind+" "+n.To)
	}
	return strings.Join(out, "; ")
}

func TestDocuments(t *testing.T) {
	with := func(c sbom.Component, change func(*sbom.Component)) sbom.Component { change(&c); return c }
	for _, c := range []struct {
		name          string
		before, after *sbom.Document
		want          string
	}{
		{"an upgrade is one row", doc(purl("npm", "a", "1.0.0")), doc(purl("npm", "a", "1.1.0")), "a@1.0.0→1.1.0 upgrade"},
		{"in the order of the ecosystem", doc(purl("npm", "a", "1.10.0")), doc(purl("npm", "a", "1.9.0")), "a@1.10.0→1.9.0 downgrade"},
		{"where versions have no order", doc(purl("github", "o/a", "deadbeef")), doc(purl("github", "o/a", "cafe")), "o/a@deadbeef→cafe replaced"},
		{"several versions", doc(purl("npm", "a", "1.0.0"), purl("npm", "a", "2.0.0")), doc(purl("npm", "a", "2.0.1"), purl("npm", "a", "1.0.0")), "a@2.0.0→2.0.1 upgrade"},
		{"one of several goes", doc(purl("npm", "a", "1.9.2"), purl("npm", "a", "2.0.0")), doc(purl("npm", "a", "2.0.1")), "-a@1.9.2; a@2.0.0→2.0.1 upgrade"},
		{"names as the ecosystem folds them", doc(purl("pypi", "Foo_Bar", "1")), doc(purl("pypi", "foo-bar", "1")), ""},
		{"qualifiers and order are no difference", doc(purl("npm", "a", "1"), purl("npm", "b", "1")), doc(with(purl("npm", "b", "1"), func(c *sbom.Component) { c.PURL += "?download_url=x"; c.ID = "x" }), purl("npm", "a", "1")), ""},
		{"the same package of another ecosystem is another", doc(purl("npm", "a", "1")), doc(purl("pypi", "a", "1")), "+a@1; -a@1"},
		{"without package URLs by name", doc(sbom.Component{Name: "zlib", Version: "1.2"}), doc(sbom.Component{Name: "zlib", Version: "1.3"}), "zlib@1.2→1.3 replaced"},
		{"one tool gives package URLs", doc(sbom.Component{Name: "zlib", Version: "1.2"}), doc(purl("conan", "zlib", "1.2")), ""},
		{"a name that means two things is not guessed", doc(sbom.Component{Name: "a", Version: "1"}), doc(purl("npm", "a", "1"), purl("gem", "a", "1")), "+a@1; +a@1; -a@1"},
		{"licences", doc(with(purl("npm", "a", "1"), func(c *sbom.Component) { c.Licenses = []sbom.License{{Expression: "MIT"}} })),
			doc(with(purl("npm", "a", "1"), func(c *sbom.Component) {
				c.Licenses = []sbom.License{{Expression: "BUSL-1.1", Kind: sbom.LicenseDeclared}}
			})), "a@1→1  licence"},
		{"not asserted is not known", doc(with(purl("npm", "a", "1"), func(c *sbom.Component) { c.Licenses = []sbom.License{{Expression: "NOASSERTION"}} })), doc(purl("npm", "a", "1")), ""},
		{"a supplier that is not told is no change", doc(with(purl("npm", "a", "1"), func(c *sbom.Component) { c.Supplier = "X" })), doc(purl("npm", "a", "1")), ""},
		{"another supplier", doc(with(purl("npm", "a", "1"), func(c *sbom.Component) { c.Supplier = "X" })), doc(with(purl("npm", "a", "1"), func(c *sbom.Component) { c.Supplier = "Y" })), "a@1→1  supplier"},
		{"same version, other bytes", doc(with(purl("npm", "a", "1"), func(c *sbom.Component) {
			c.Hashes = []sbom.Hash{{Algorithm: "SHA-256", Value: "aa"}, {Algorithm: "MD5", Value: "00"}}
		})),
			doc(with(purl("npm", "a", "1"), func(c *sbom.Component) { c.Hashes = []sbom.Hash{{Algorithm: "SHA-256", Value: "bb"}} })), "a@1→1  bytes"},
		{"hashes of other algorithms say nothing", doc(with(purl("npm", "a", "1"), func(c *sbom.Component) { c.Hashes = []sbom.Hash{{Algorithm: "SHA-1", Value: "aa"}} })),
			doc(with(purl("npm", "a", "1"), func(c *sbom.Component) { c.Hashes = []sbom.Hash{{Algorithm: "SHA-256", Value: "bb"}} })), ""},
		{"an architecture stays itself", doc(with(purl("deb", "debian/a", "1"), func(c *sbom.Component) { c.PURL += "?arch=amd64" }), with(purl("deb", "debian/a", "1"), func(c *sbom.Component) { c.PURL += "?arch=arm64" })),
			doc(with(purl("deb", "debian/a", "2"), func(c *sbom.Component) { c.PURL += "?arch=arm64" }), with(purl("deb", "debian/a", "1"), func(c *sbom.Component) { c.PURL += "?arch=amd64" })), "a@1→2 replaced"},
		{"files are no packages", doc(sbom.Component{Type: "file", Name: "x"}), doc(), ""},
	} {
		if got := told(between(t, c.before, c.after)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestNeedsAndWays(t *testing.T) {
	before := doc(purl("npm", "app", "1.0.0"), purl("npm", "a", "1.0.0"), purl("npm", "b", "1.0.0"))
	before.Dependencies = []sbom.Dependency{{From: 0, To: 1}, {From: 1, To: 2}}
	after := doc(purl("npm", "new", "0.1.0"), purl("npm", "b", "1.0.0"), purl("npm", "a", "2.0.0"), purl("npm", "app", "1.0.0"))
	after.Dependencies = []sbom.Dependency{{From: 3, To: 2}, {From: 3, To: 1}, {From: 2, To: 0}, {From: sbom.SubjectIndex, To: 3, Kind: sbom.Contains}, {From: sbom.SubjectIndex, To: 0, Kind: sbom.Contains}}
	d := between(t, before, after)
	if got := told(d); got != "+new@0.1.0; a@1.0.0→2.0.0 upgrade; +app depends on b; -a depends on b" {
		t.Error(got)
	}
	if got := d.Added[0].Way; !slices.Equal(got, []string{"app 1.0.0", "a 2.0.0", "new 0.1.0"}) {
		t.Errorf("way: %q", got)
	}
}

func entriesOf(versions []string) []*entry {
	var out []*entry
	for _, v := range versions {
		e := &entry{Package: Package{Version: v}, ecosystem: "npm"}
		if strings.HasPrefix(v, "0.") {
			e.variant = "arch=arm64"
		}
		out = append(out, e)
	}
	return out
}

// TestAlignAgainstEveryWay tries every way of pairing two ordered lists in order.
func TestAlignAgainstEveryWay(t *testing.T) {
	version := rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%d.%d.%d", rapid.IntRange(0, 2).Draw(t, "x"), rapid.IntRange(0, 2).Draw(t, "y"), rapid.IntRange(0, 2).Draw(t, "z"))
	})
	rapid.Check(t, func(t *rapid.T) {
		olds := entriesOf(rapid.SliceOfNDistinct(version, 0, 6, rapid.ID[string]).Draw(t, "olds"))
		news := entriesOf(rapid.SliceOfNDistinct(version, 0, 6, rapid.ID[string]).Draw(t, "news"))
		x, y := left(olds, make([]bool, len(olds))), left(news, make([]bool, len(news)))
		var best func(i, j, pairs int) int
		best = func(i, j, pairs int) int {
			if i == len(x) || j == len(y) {
				if pairs == min(len(x), len(y)) {
					return 0
				}
				return 1 << 20
			}
			return min(apart(olds[x[i]], news[y[j]])+best(i+1, j+1, pairs+1), best(i+1, j, pairs), best(i, j+1, pairs))
		}
		sum, pairs, seen := 0, 0, map[[2]int]bool{}
		lastOld, lastNew := -1, -1
		for _, p := range align(olds, news, x, y) {
			if p.old >= 0 {
				seen[[2]int{0, p.old}] = true
			}
			if p.new >= 0 {
				seen[[2]int{1, p.new}] = true
			}
			if p.old >= 0 && p.new >= 0 {
				i, j := slices.Index(x, p.old), slices.Index(y, p.new)
				if i <= lastOld || j <= lastNew {
					t.Fatal("pairs cross")
				}
				lastOld, lastNew = i, j
				sum += apart(olds[p.old], news[p.new])
				pairs++
			}
		}
		if want := best(0, 0, 0); sum != want || pairs != min(len(x), len(y)) || len(seen) != len(x)+len(y) {
			t.Fatalf("%d pairs at %d, best is %d at %d", pairs, sum, min(len(x), len(y)), want)
		}
	})
}

func anyDocument() *rapid.Generator[*sbom.Document] {
	return rapid.Custom(func(t *rapid.T) *sbom.Document {
		d := &sbom.Document{}
		n := rapid.IntRange(0, 8).Draw(t, "n")
		for range n {
			name := rapid.SampledFrom([]string{"a", "b", "org/c", "d"}).Draw(t, "name")
			v := rapid.SampledFrom([]string{"", "1.0.0", "1.0.1", "2.0.0", "x"}).Draw(t, "version")
			c := sbom.Component{Name: name, Version: v}
			if typ := rapid.SampledFrom([]string{"", "npm", "deb", "maven", "bad"}).Draw(t, "type"); typ != "" {
				c = purl(typ, name, v)
			}
			if rapid.Bool().Draw(t, "licensed") {
				c.Licenses = []sbom.License{{Expression: rapid.SampledFrom([]string{"MIT", "ISC"}).Draw(t, "license")}}
			}
			d.Components = append(d.Components, c)
		}
		for range rapid.IntRange(0, 6).Draw(t, "edges") {
			if n > 0 {
				d.Dependencies = append(d.Dependencies, sbom.Dependency{From: int32(rapid.IntRange(-1, n-1).Draw(t, "from")), To: int32(rapid.IntRange(0, n-1).Draw(t, "to"))})
			}
		}
		return d
	})
}

// TestProperties holds what any diff has: none with oneself, everything once, and
// the way back is the mirror.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDocument().Draw(t, "a"), anyDocument().Draw(t, "b")
		ctx := context.Background()
		if d, err := Documents(ctx, a, a); err != nil || !d.Empty() {
			t.Fatalf("with itself: %s", told(d))
		}
		there, err := Documents(ctx, a, b)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Documents(ctx, b, a)
		if err != nil {
			t.Fatal(err)
		}
		olds, _, _ := packages(ctx, a)
		news, _, _ := packages(ctx, b)
		if len(olds) != len(there.Removed)+len(there.Changed)+there.Unchanged || len(news) != len(there.Added)+len(there.Changed)+there.Unchanged {
			t.Fatalf("%d and %d packages, told: %s", len(olds), len(news), told(there))
		}
		names := func(ps []Package) (out []string) {
			for _, p := range ps {
				out = append(out, p.Name+"@"+p.Version+p.PURL)
			}
			slices.Sort(out)
			return out
		}
		var added []Package
		for _, x := range there.Added {
			added = append(added, x.Package)
		}
		if !slices.Equal(names(added), names(back.Removed)) || len(there.Changed) != len(back.Changed) || !reflect.DeepEqual(there.NewNeeds, back.GoneNeeds) && len(there.Changed)+len(there.Added)+len(there.Removed) == 0 {
			t.Fatalf("there: %s\nback: %s", told(there), told(back))
		}
		for _, x := range there.Changed {
			if !slices.ContainsFunc(back.Changed, func(y Change) bool {
				return x.Old.Version == y.New.Version && x.New.Version == y.Old.Version && x.Old.PURL == y.New.PURL
			}) {
				t.Fatalf("there: %s\nback: %s", told(there), told(back))
			}
		}
		u, err := Together(ctx, []*sbom.Document{a, a})
		if err != nil || len(u.Partial)+len(u.Disagreed) > 0 || u.Agreed != u.Packages {
			t.Fatalf("together with itself: %+v", u)
		}
	})
}

func TestTogether(t *testing.T) {
	u, err := Together(context.Background(), []*sbom.Document{
		doc(purl("npm", "a", "1"), purl("npm", "b", "1"), sbom.Component{Name: "c", Version: "2"}),
		doc(purl("npm", "a", "1"), purl("npm", "b", "2"), purl("npm", "c", "2"), purl("npm", "d", "1")),
	})
	if err != nil || u.Packages != 4 || u.Agreed != 2 || len(u.Partial) != 1 || u.Partial[0].Name != "d" || len(u.Disagreed) != 1 || fmt.Sprint(u.Disagreed[0].Versions) != "[[1] [2]]" {
		t.Errorf("%v %+v", err, u)
	}
}

func TestReleases(t *testing.T) {
	image := func(ref string) *sbom.Document {
		d := &sbom.Document{Subject: sbom.Subject{Kind: "container", Name: ref}}
		d.Subject.AddReferences(ref)
		return d
	}
	named := func(n string) *sbom.Document { return &sbom.Document{Subject: sbom.Subject{Name: n}} }
	got := Releases([]*sbom.Document{image("shop/web:1"), image("shop/api:1"), named("x")}, []*sbom.Document{image("shop/web:2"), named("y")})
	var lines []string
	for _, r := range got {
		lines = append(lines, fmt.Sprintf("%s %v %v", r.Artifact, r.Old != nil, r.New != nil))
	}
	if want := []string{"docker.io/shop/api true false", "docker.io/shop/web true true", "x true false", "y false true"}; !slices.Equal(lines, want) {
		t.Errorf("%q", lines)
	}
	if one := Releases([]*sbom.Document{named("x")}, []*sbom.Document{named("y")}); len(one) != 1 || one[0].Old == nil || one[0].New == nil {
		t.Errorf("two single documents: %+v", one)
	}
}

func TestVulnerabilities(t *testing.T) {
	f := func(id, purl string) vuln.Finding { return vuln.Finding{ID: id, PURL: purl, Advisories: []string{id}} }
	got := Vulnerabilities(
		&vuln.Report{Findings: []vuln.Finding{f("CVE-1", "pkg:npm/a@1"), f("CVE-2", "pkg:npm/b@1"), f("CVE-3", "pkg:npm/c@1"), f("CVE-4", "pkg:npm/d@1"), f("CVE-4", "pkg:npm/d@2")}},
		&vuln.Report{Findings: []vuln.Finding{f("CVE-1", "pkg:npm/a@2"), f("CVE-9", "pkg:npm/a@2")},
			Unmatched: []vuln.Unmatched{{PURL: "pkg:npm/b@x", Reason: "no version"}, {PURL: "pkg:npm/c@2", Advisory: "CVE-7"}}})
	ids := func(fs []vuln.Finding) (out []string) {
		for _, f := range fs {
			out = append(out, f.ID)
		}
		return out
	}
	if fmt.Sprint(ids(got.Appeared), ids(got.Gone), ids(got.Unknown), got.Remaining) != "[CVE-9] [CVE-3 CVE-4] [CVE-2] 1" {
		t.Errorf("%+v", got)
	}
}

func TestManyVersionsOfOnePackage(t *testing.T) {
	a, b := doc(), doc()
	for i := range 2000 {
		a.Components = append(a.Components, purl("npm", "a", fmt.Sprintf("1.%d.0", i)))
		b.Components = append(b.Components, purl("npm", "a", fmt.Sprintf("1.%d.1", i)))
	}
	if d := between(t, a, b); len(d.Changed) != 2000 {
		t.Errorf("%d changed", len(d.Changed))
	}
}

func ExampleDocuments() {
	before := doc(purl("npm", "lodash", "4.17.20"))
	after := doc(purl("npm", "lodash", "4.17.21"))
	diff, _ := Documents(context.Background(), before, after)
	for _, c := range diff.Changed {
		fmt.Println(c.Name, c.Old.Version, c.New.Version, c.Direction)
	}
	// Output: lodash 4.17.20 4.17.21 upgrade
}

func TestStopsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Documents(ctx, doc(purl("npm", "a", "1")), doc()); err == nil {
		t.Error("a cancelled comparison is told as done")
	}
}
