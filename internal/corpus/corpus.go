// Package corpus hands the real documents of the data folder to tests, and makes
// hostile documents of theirs. It is imported by tests only, and holds no documents
// itself.
//
//	func FuzzDecode(f *testing.F) {
//		corpus.Seed(f, "sbom", ".json")
//		f.Fuzz(…)
//	}
package corpus

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const (
	// mostSeeds and largestSeed keep a fuzzing worker from spending its minute on
	// reading seeds.
	mostSeeds   = 40
	largestSeed = 256 << 10
)

// Root returns the data folder, or skips the test where there is none.
func Root(tb testing.TB) string {
	tb.Helper()
	root := os.Getenv("COFFERDAM_DATA")
	if root == "" {
		tb.Skip("COFFERDAM_DATA is not set: real documents are not read")
	}
	return root
}

// Seed adds up to 40 files of a part of the data folder, those of one extension
// and of at most 256 KiB, spread evenly over it and the same at every run. Where
// there is no data folder, fuzzing starts from the target's own seeds only.
func Seed(f *testing.F, part, extension string) {
	f.Helper()
	root := os.Getenv("COFFERDAM_DATA")
	if root == "" {
		f.Log("COFFERDAM_DATA is not set: fuzzing starts from the built-in seeds only")
		return
	}
	var paths []string
	err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(part)), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(p) != extension {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() <= largestSeed {
			paths = append(paths, p)
		}
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	if len(paths) == 0 {
		f.Fatalf("%s holds no small %s file: the seeds are gone", part, extension)
	}
	slices.Sort(paths)
	step := max(1, len(paths)/mostSeeds)
	for i := 0; i < len(paths) && i/step < mostSeeds; i += step {
		data, err := os.ReadFile(paths[i])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}
