package vuln_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/spdx"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
)

// files reads every file below a folder that has one of the extensions.
func files(t testing.TB, dir string, exts ...string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		for _, x := range exts {
			if strings.HasSuffix(path, x) {
				b, err := os.ReadFile(path)
				out[path] = b
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func loadAll(t testing.TB, docs map[string][]byte) *vuln.Database {
	t.Helper()
	var all []*vuln.Advisory
	for name, b := range docs {
		as, _, err := osv.Decode(context.Background(), name, b, osv.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, as...)
	}
	db, err := vuln.NewDatabase(all, vuln.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func publicAdvisories(t testing.TB) map[string][]byte {
	docs := files(t, dataDir(t, "vuln", "osv-go"), ".json")
	for k, v := range files(t, dataDir(t, "vuln", "osv-pypa"), ".yaml") {
		docs[k] = v
	}
	return docs
}

func imageSBOMs(t testing.TB) []*sbom.Document {
	t.Helper()
	var out []*sbom.Document
	for name, b := range files(t, dataDir(t, "sbom", "guac-data"), ".json") {
		d, err := spdx.Decode(context.Background(), b, spdx.Options{})
		if err != nil {
			t.Logf("%s: %v", filepath.Base(name), err)
			continue
		}
		d.File = filepath.Base(name)
		out = append(out, d)
	}
	return out
}

// Real images against real advisories: every finding is checked against the
// advisory by an evaluator that shares nothing with the database's.
func TestScanOfRealImages(t *testing.T) {
	db := loadAll(t, publicAdvisories(t))
	docs := imageSBOMs(t)
	if len(docs) < 24 {
		t.Fatalf("%d SBOMs", len(docs))
	}
	r := scan(t, db, docs...)
	classes := map[vuln.UnmatchedClass]int{}
	reasons := map[string]int{}
	for _, u := range r.Unmatched {
		classes[u.Class]++
		if u.Class == vuln.UnmatchedIdentity {
			reasons[u.Reason]++
		}
	}
	for reason, n := range reasons {
		if n > 5 {
			t.Logf("%d components: %s", n, reason)
		}
	}
	t.Logf("%d documents, %d components, %d findings, %d without identity, unmatched by class %v", len(docs), r.Components, len(r.Findings), r.WithoutIdentity, classes)
	if len(r.Findings) == 0 {
		t.Error("no findings in images of 2022")
	}
	for _, f := range r.Findings {
		if f.ID == "" || f.Range == "" || f.PURL == "" || f.Document.IsZero() {
			t.Errorf("incomplete finding: %+v", f)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	db := loadAll(b, publicAdvisories(b))
	docs := imageSBOMs(b)
	n := 0
	for _, d := range docs {
		n += len(d.Components)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := vuln.Scan(context.Background(), docs, db, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "components/s")
}
