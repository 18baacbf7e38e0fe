package schema_test

import (
	"context"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom/schema"
)

// dataDir returns a folder below COFFERDAM_DATA, or skips.
func dataDir(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("COFFERDAM_DATA")
	if root == "" {
		t.Skip("COFFERDAM_DATA is not set: the real documents are not judged")
	}
	return filepath.Join(append([]string{root}, elem...)...)
}

// corpus returns the documents of the CycloneDX specification's own tests.
func corpus(t testing.TB) []string {
	t.Helper()
	dir := dataDir(t, "sbom", "cdx-spec-tests", "tools", "src", "test", "resources")
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents below %s: %v", dir, err)
	}
	return files
}

// knownMisses are the documents whose verdict is not the one of their name, with the reason.
var knownMisses = map[string]string{}

// TestCorpus judges every document of the specification's tests as its name says. informal-* and skip_* are judged by
// upstream's tests neither.
func TestCorpus(t *testing.T) {
	v := schema.New(schema.Limits{})
	type cell struct{ right, wrong int }
	table := map[string]*cell{}
	for _, file := range corpus(t) {
		base, version := filepath.Base(file), filepath.Base(filepath.Dir(file))
		ext := strings.TrimPrefix(filepath.Ext(base), ".")
		valid := strings.HasPrefix(base, "valid-")
		if ext != "json" && ext != "xml" || !valid && !strings.HasPrefix(base, "invalid-") {
			continue
		}
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if version == "ext" {
			version = "1.1" // the BOM that carries the extension
		}
		judge := v.JSON
		if ext == "xml" {
			judge = v.XML
		}
		violations, err := judge(context.Background(), version, doc)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		key := ext + " " + filepath.Base(filepath.Dir(file))
		if table[key] == nil {
			table[key] = &cell{}
		}
		if (len(violations) == 0) == valid {
			table[key].right++
			if reason, listed := knownMisses[base]; listed {
				t.Errorf("%s is judged right now; take it off the list (%s)", base, reason)
			}
			continue
		}
		table[key].wrong++
		if reason, listed := knownMisses[base]; listed {
			t.Logf("known miss: %s: %s", base, reason)
			continue
		}
		t.Errorf("%s: judged %v, violations %v", base, len(violations) == 0, violations)
	}
	keys := make([]string, 0, len(table))
	for k := range table {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		t.Logf("%-9s right %3d  wrong %3d", k, table[k].right, table[k].wrong)
	}
}
