package index_test

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
)

// indexed takes documents in as a store would, each of its own artifact, a few at a time.
func indexed(t testing.TB, docs []*sbom.Document) *index.Index {
	t.Helper()
	x := index.New()
	for i, d := range docs {
		keys := index.KeysOf(d)
		ids, _, err := x.Lookup(keys, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := index.Batch{Seq: uint64(i) + 1}
		for k, id := range ids {
			if id == index.Unknown {
				ids[k] = x.Snapshot().Components() + uint32(len(b.Keys))
				b.Keys = append(b.Keys, keys[k])
			}
		}
		slices.Sort(ids)
		b.Documents = []index.Document{{ID: uint32(i), Artifact: uint32(i), Components: ids}}
		if err := x.Apply(b); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// judged is a component with all that does not depend on the advisory.
type judged struct {
	*sbom.Component
	*vuln.Assessment
	source   string
	unplaced vuln.Unplaced
	homeless bool
}

func prepared(s *vuln.Scanner, d *sbom.Document) (out []judged) {
	components := slices.Clone(d.Components)
	if c, ok := vuln.SubjectPackage(d); ok {
		components = append(components, *c)
	}
	for i := range components {
		c := &components[i]
		if c.Type == "file" && c.PURL == "" {
			continue
		}
		j := judged{Component: c, Assessment: s.Assess(c, d.Subject.OS), source: c.Source.Name}
		if j.unplaced, j.homeless = vuln.UnplacedPackage(c, d.Subject.OS); j.homeless {
			j.source = j.unplaced.Source
		}
		out = append(out, j)
	}
	return out
}

// judge is what package inventory does with an advisory, for one document.
func judge(g *vuln.Group, components []judged) (hit, doubt bool) {
	homeless, sourced := false, false
	for _, c := range components {
		hit = hit || slices.ContainsFunc(c.Matches, func(m vuln.Match) bool { return g.Has(m.Advisory) })
		for _, u := range c.Unmatched {
			concerned := slices.ContainsFunc(g.Advisories, func(v *vuln.Advisory) bool {
				if u.Advisory != "" {
					return u.Advisory == v.ID
				}
				return u.Class != vuln.UnmatchedEcosystem && slices.ContainsFunc(v.Affected, func(af vuln.Affected) bool {
					return strings.EqualFold(af.Name, c.Name) || c.Group != "" && strings.EqualFold(af.Name, c.Group+"/"+c.Name) || c.source != "" && af.Name == c.source
				})
			})
			switch {
			case concerned:
				doubt = true
			case u.Class == vuln.UnmatchedIdentity && c.homeless:
				sourced = sourced || c.unplaced.Source != ""
				homeless = homeless || slices.ContainsFunc(g.Advisories, func(v *vuln.Advisory) bool {
					return slices.ContainsFunc(v.Affected, func(af vuln.Affected) bool { return c.unplaced.In(af.Ecosystem) })
				})
			}
		}
	}
	return hit, !hit && (doubt || homeless && !sourced)
}

func compareAdvisories(t *testing.T, docs []*sbom.Document, db *vuln.Database, ids []string) (hits, doubts int) {
	t.Helper()
	ctx := context.Background()
	x := indexed(t, docs)
	a, err := index.NewAdvisoryIndex(ctx, x.Snapshot(), db)
	if err != nil {
		t.Fatal(err)
	}
	scanner := vuln.NewScanner(db)
	var all [][]judged
	for _, d := range docs {
		all = append(all, prepared(scanner, d))
	}
	for _, id := range ids {
		g, ok := db.Lookup(id)
		if !ok {
			t.Fatalf("no advisory has %s", id)
		}
		var yes, maybe []uint32
		for i := range docs {
			switch hit, doubt := judge(g, all[i]); {
			case hit:
				yes = append(yes, uint32(i))
			case doubt:
				maybe = append(maybe, uint32(i))
			}
		}
		got, err := a.Find(ctx, x.Snapshot(), id, nil)
		if err != nil {
			t.Fatal(err)
		}
		if h := slices.Collect(got.Artifacts.All()); !slices.Equal(h, yes) {
			t.Errorf("%s affects %v, want %v", id, h, yes)
		}
		if d := slices.Collect(got.Doubtful.All()); !slices.Equal(d, maybe) {
			t.Errorf("%s may affect %v, want %v", id, d, maybe)
		}
		hits, doubts = hits+len(yes), doubts+len(maybe)
	}
	return hits, doubts
}

func advisory(id, ecosystem, name, fixed string) *vuln.Advisory {
	return &vuln.Advisory{ID: id, Affected: []vuln.Affected{{Ecosystem: ecosystem, Name: name,
		Ranges: []vuln.Range{{Type: vuln.RangeEcosystem, Events: []vuln.Event{{Introduced: "0"}, {Fixed: fixed}}}}}}}
}

func TestAdvisories(t *testing.T) {
	component := func(name, version, purl, source string) sbom.Component {
		return sbom.Component{Name: name, Version: version, PURL: purl, Source: sbom.SourcePackage{Name: source}}
	}
	bookworm := sbom.Distro{ID: "debian", VersionID: "12"}
	docs := []*sbom.Document{
		{Components: []sbom.Component{component("lodash", "4.17.20", "pkg:npm/lodash@4.17.20", "")}},
		{Components: []sbom.Component{component("lodash", "4.17.21", "pkg:npm/lodash@4.17.21", "")}},
		{Components: []sbom.Component{component("lodash", "latest", "pkg:npm/lodash@latest", "")}},
		{Components: []sbom.Component{component("LoDash", "4", "", "")}},
		{Components: []sbom.Component{{Name: "lodash", Type: "file"}}},
		{Subject: sbom.Subject{OS: bookworm}, Components: []sbom.Component{component("libssl3", "3.0.1-1", "pkg:deb/debian/libssl3@3.0.1-1", "openssl")}},
		{Components: []sbom.Component{component("libssl3", "3.0.1-1", "pkg:deb/debian/libssl3@3.0.1-1", "openssl")}},
		{Components: []sbom.Component{component("libssl3", "3.0.1-1", "pkg:deb/debian/libssl3@3.0.1-1", "")}},
		{Components: []sbom.Component{component("libssl3", "3.0.1-1", "pkg:deb/debian/libssl3@3.0.1-1", ""), component("zlib1g", "1", "pkg:deb/debian/zlib1g@1", "zlib")}},
		{Subject: sbom.Subject{Name: "lodash", Version: "4.17.19", PURL: "pkg:npm/lodash@4.17.19"}},
	}
	db, err := vuln.NewDatabase([]*vuln.Advisory{
		advisory("GHSA-lodash", "npm", "lodash", "4.17.21"), advisory("DSA-openssl", "Debian:12", "openssl", "3.0.2-1"), advisory("GHSA-other", "npm", "other", "1"),
	}, vuln.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hits, doubts := compareAdvisories(t, docs, db, []string{"GHSA-lodash", "DSA-openssl", "GHSA-other"})
	if hits != 3 || doubts != 4 {
		t.Errorf("%d affected and %d doubtful, want 3 and 4", hits, doubts)
	}

	x := indexed(t, docs[:2])
	early := x.Snapshot()
	a, err := index.NewAdvisoryIndex(context.Background(), early, db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Find(context.Background(), early, "CVE-1", nil); ident.KindOf(err) != ident.KindUsage {
		t.Errorf("an advisory that is not loaded: %v", err)
	}
	late := indexed(t, docs).Snapshot()
	if _, err := a.Find(context.Background(), late, "GHSA-lodash", nil); err == nil {
		t.Error("components that are not matched yet are passed over")
	}
	more, err := a.Extend(context.Background(), late)
	if err != nil {
		t.Fatal(err)
	}
	got, err := more.Find(context.Background(), late, "ghsa-LODASH", []index.Set{index.NewSet(0, 1, 2, 3)})
	if err != nil || !slices.Equal(slices.Collect(got.Artifacts.All()), []uint32{0}) || !slices.Equal(slices.Collect(got.Doubtful.All()), []uint32{2, 3}) {
		t.Errorf("affected %v, doubtful %v, %v", slices.Collect(got.Artifacts.All()), slices.Collect(got.Doubtful.All()), err)
	}
	// The one for fewer components, and the earlier snapshot, answer as before.
	for _, b := range []*index.AdvisoryIndex{a, more} {
		got, err := b.Find(context.Background(), early, "GHSA-lodash", nil)
		if err != nil || !slices.Equal(got.Components, []uint32{0}) || got.Doubtful.Len() != 0 {
			t.Errorf("at the earlier snapshot: %v, %v", got, err)
		}
	}
}

// Real documents and real advisories: the index says what going through every document says.
func TestRealAdvisories(t *testing.T) {
	root := corpus.Root(t)
	ctx := context.Background()
	var docs []*sbom.Document
	var advisories []*vuln.Advisory
	read := func(part string, f func(path string, raw []byte)) {
		err := filepath.WalkDir(filepath.Join(root, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			if err == nil {
				f(path, raw)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	files := 0
	read("sbom", func(path string, raw []byte) {
		if files++; files%3 != 0 {
			return // a third of them has every kind of doubt
		}
		if found, err := decode.Bytes(ctx, path, raw, decode.Limits{}); err == nil {
			docs = append(docs, found...)
		}
	})
	for _, part := range []string{"osv-go", "osv-pypa"} {
		read(filepath.Join("vuln", part), func(path string, raw []byte) {
			if files++; files%8 != 0 {
				return
			}
			if ext := filepath.Ext(path); ext == ".json" || ext == ".yaml" {
				if found, _, err := osv.Decode(ctx, path, raw, osv.Limits{}); err == nil {
					advisories = append(advisories, found...)
				}
			}
		})
	}
	// Distributions publish nothing in the data folder; these name what documents have.
	for _, name := range []string{"openssl", "glibc", "zlib", "curl", "musl", "busybox", "bash", "perl"} {
		advisories = append(advisories, advisory("T-deb-"+name, "Debian:12", name, "999"), advisory("T-apk-"+name, "Alpine:v3.18", name, "999.0.0-r0"), advisory("T-npm-"+name, "npm", name, "999.0.0"))
	}
	db, err := vuln.NewDatabase(advisories, vuln.Options{})
	if err != nil {
		t.Fatal(err)
	}
	report, err := vuln.Scan(ctx, docs, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	ask := map[string]bool{}
	for _, f := range report.Findings {
		if len(ask) < 40 {
			ask[f.ID] = true
		}
	}
	for i, a := range db.Advisories() {
		if i%(1+db.Len()/40) == 0 || strings.HasPrefix(a.ID, "T-") {
			ask[a.ID] = true
		}
	}
	hits, doubts := compareAdvisories(t, docs, db, slices.Sorted(maps.Keys(ask)))
	t.Logf("%d documents, %d advisories, %d asked: %d affected, %d doubtful", len(docs), db.Len(), len(ask), hits, doubts)
	if hits < 20 || doubts < 20 {
		t.Errorf("%d affected and %d doubtful are too few to tell anything", hits, doubts)
	}
}
