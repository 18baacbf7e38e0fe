package osv_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
)

// seed adds a few real documents of the data folder, where it is at hand.
func seed(f *testing.F, pattern string) {
	root := os.Getenv("COFFERDAM_DATA")
	if root == "" {
		f.Log("COFFERDAM_DATA is not set: only the built-in seeds are used")
		return
	}
	paths, err := filepath.Glob(filepath.Join(root, "vuln", pattern))
	if err != nil {
		f.Fatal(err)
	}
	for i := 0; i < len(paths); i += 1 + len(paths)/40 {
		b, err := os.ReadFile(paths[i])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

// check holds what every answer must satisfy, whatever the bytes were.
func check(t *testing.T, raw []byte) {
	lim := osv.Limits{RecordBytes: 1 << 20, ArchiveBytes: 1 << 22, Entries: 1000}
	as, faults, err := osv.Decode(context.Background(), "f", raw, lim)
	if err == nil && len(as) == 0 && len(faults) == 0 && len(raw) > 0 && raw[0] == '{' {
		t.Error("neither a record, a fault nor an error")
	}
	for _, a := range as {
		if a.ID == "" {
			t.Errorf("a record without id: %+v", a)
		}
	}
	db, err := vuln.NewDatabase(as, vuln.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range as {
		if _, ok := db.Lookup(a.ID); !ok {
			t.Errorf("%q is not found", a.ID)
		}
		for _, aff := range a.Affected {
			db.Match(vuln.Identity{Ecosystem: aff.Ecosystem, Name: aff.Name, Version: "1.0.0"})
		}
	}
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(one))
	f.Add([]byte("[" + one + ",7]"))
	f.Add([]byte(one + "\n{}\n"))
	seed(f, "osv-go/data/osv/*.json")
	f.Fuzz(check)
}

func FuzzDecodeYAML(f *testing.F) {
	f.Add([]byte(oneYAML))
	f.Add([]byte("id: X\naffected: [{versions: [1.0, ~]}]\n---\n- 1\n"))
	seed(f, "osv-pypa/vulns/*/*.yaml")
	f.Fuzz(check)
}

func FuzzDecodeZip(f *testing.F) {
	f.Add(archive(f, map[string]string{"a.json": one, "b.yaml": oneYAML}))
	f.Add(archive(f, map[string]string{}))
	if root := os.Getenv("COFFERDAM_DATA"); root != "" {
		paths, err := filepath.Glob(filepath.Join(root, "vuln", "osv-go", "data", "osv", "GO-2023-*.json"))
		if err != nil || len(paths) == 0 {
			f.Fatalf("the real seeds are gone: %v", err)
		}
		members := make(map[string]string)
		for _, p := range paths[:min(len(paths), 5)] {
			b, err := os.ReadFile(p)
			if err != nil {
				f.Fatal(err)
			}
			members[filepath.Base(p)] = string(b)
		}
		f.Add(archive(f, members))
	}
	f.Fuzz(check)
}
