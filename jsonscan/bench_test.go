package jsonscan

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// corpus returns the real SBOMs of two dozen popular images.
func corpus(tb testing.TB) (docs [][]byte, size int64) {
	root := os.Getenv("COFFERDAM_DATA")
	if root == "" {
		tb.Skip("COFFERDAM_DATA is not set: no real documents to read")
	}
	files, err := filepath.Glob(filepath.Join(root, "sbom/guac-data/top-dh-sboms/*.json"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no documents under COFFERDAM_DATA: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		docs = append(docs, b)
		size += int64(len(b))
	}
	return docs, size
}

func TestRealDocumentsAgreeWithEncodingJSON(t *testing.T) {
	docs, _ := corpus(t)
	for _, d := range docs {
		if len(d) < 1<<20 {
			agree(t, d)
		}
	}
}

func benchmark(b *testing.B, each func(data []byte) error) {
	docs, size := corpus(b)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for _, d := range docs {
			if err := each(d); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkSkip(b *testing.B) {
	benchmark(b, func(d []byte) error { r := New(d, Options{}); r.Skip(); return r.End() })
}

func BenchmarkStrictSkip(b *testing.B) {
	benchmark(b, func(d []byte) error { r := New(d, Options{StrictSkip: true}); r.Skip(); return r.End() })
}

// BenchmarkStrings reads every name and every string of every document.
func BenchmarkStrings(b *testing.B) {
	benchmark(b, func(d []byte) error {
		r := New(d, Options{})
		var walk func()
		walk = func() {
			switch r.Kind() {
			case Object:
				r.Object()
				for {
					if _, ok := r.NextKey(); !ok {
						return
					}
					walk()
				}
			case Array:
				r.Array()
				for r.NextItem() {
					walk()
				}
			case String:
				_ = r.String()
			default:
				r.Skip()
			}
		}
		walk()
		return r.End()
	})
}

func BenchmarkEncodingJSONValid(b *testing.B) {
	benchmark(b, func(d []byte) error {
		if !json.Valid(d) {
			return os.ErrInvalid
		}
		return nil
	})
}

func BenchmarkEncodingJSONAny(b *testing.B) {
	benchmark(b, func(d []byte) error { var v any; return json.Unmarshal(d, &v) })
}
