package osv_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
)

// corpusDir returns a folder of COFFERDAM_DATA, or skips.
func corpusDir(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("COFFERDAM_DATA")
	if root == "" {
		t.Skip("COFFERDAM_DATA is not set: the public advisories are not at hand")
	}
	return filepath.Join(append([]string{root}, elem...)...)
}

type document struct {
	name string
	data []byte
}

func readTree(t testing.TB, dir, ext string) []document {
	t.Helper()
	var out []document
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ext) {
			return err
		}
		b, err := os.ReadFile(path)
		out = append(out, document{path, b})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestPublicDatabases(t *testing.T) {
	for _, db := range []struct {
		folder, ext string
		atLeast     int
	}{{"osv-go", ".json", 4200}, {"osv-pypa", ".yaml", 2600}} {
		docs := readTree(t, corpusDir(t, "vuln", db.folder), db.ext)
		var all []*vuln.Advisory
		for _, d := range docs {
			as, faults, err := osv.Decode(context.Background(), d.name, d.data, osv.Limits{})
			if err != nil {
				t.Errorf("%s: %v", d.name, err)
			}
			for _, f := range faults {
				t.Errorf("%v", f)
			}
			all = append(all, as...)
		}
		if len(all) != len(docs) || len(all) < db.atLeast {
			t.Errorf("%s: %d advisories of %d documents", db.folder, len(all), len(docs))
		}
		vdb, err := vuln.NewDatabase(all, vuln.Options{})
		if err != nil {
			t.Fatal(err)
		}
		faults := vdb.Faults()
		for _, f := range faults {
			t.Logf("%s: %s: %s", db.folder, f.Advisory.ID, f.Reason)
		}
		t.Logf("%s: %d advisories, %d entries that cannot be evaluated", db.folder, vdb.Len(), len(faults))
	}
}

func TestRustSecIsRefused(t *testing.T) {
	docs := readTree(t, corpusDir(t, "vuln", "rustsec"), ".md")
	refused := 0
	for _, d := range docs {
		if filepath.Base(d.name) == "README.md" {
			continue
		}
		if as, _, err := osv.Decode(context.Background(), d.name, d.data, osv.Limits{}); err == nil || len(as) > 0 {
			t.Errorf("%s: read as %d advisories", d.name, len(as))
		}
		refused++
	}
	if refused < 1000 {
		t.Errorf("only %d documents", refused)
	}
}

// BenchmarkLoad decodes and indexes every advisory of the two databases.
func BenchmarkLoad(b *testing.B) {
	docs := append(readTree(b, corpusDir(b, "vuln", "osv-go"), ".json"), readTree(b, corpusDir(b, "vuln", "osv-pypa"), ".yaml")...)
	var size int64
	for _, d := range docs {
		size += int64(len(d.data))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		var all []*vuln.Advisory
		for _, d := range docs {
			as, _, err := osv.Decode(context.Background(), d.name, d.data, osv.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			all = append(all, as...)
		}
		if _, err := vuln.NewDatabase(all, vuln.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeYAML is the part that dominates.
func BenchmarkDecodeYAML(b *testing.B) {
	docs := readTree(b, corpusDir(b, "vuln", "osv-pypa"), ".yaml")
	var size int64
	for _, d := range docs {
		size += int64(len(d.data))
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, d := range docs {
			if _, _, err := osv.Decode(context.Background(), d.name, d.data, osv.Limits{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
