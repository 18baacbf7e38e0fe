package spdx

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
	"github.com/cofferdam-io/cofferdam/sbom"
)

func dataRoot(tb testing.TB) string {
	root := os.Getenv("COFFERDAM_DATA")
	if root == "" {
		tb.Skip("COFFERDAM_DATA is not set: no real documents to read")
	}
	return filepath.Join(root, "sbom")
}

// fixtures visits every file of the data set that may be SPDX of any encoding.
func fixtures(tb testing.TB, visit func(name string, data []byte)) {
	root := dataRoot(tb)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "cdx-spec-tests") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.Contains(data, []byte("spdxVersion")) || bytes.Contains(data, []byte("SPDXVersion")) || bytes.Contains(data, []byte("spdx.org/rdf")) {
			visit(strings.TrimPrefix(path, root+"/"), data)
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// twin is what the obvious reader finds in a JSON document.
type twin struct {
	packages, purls, hashes, cpes, licenses int
	version                                 string
	is2                                     bool
}

func readTwin(data []byte) (twin, bool) {
	var d struct {
		SPDXVersion string           `json:"spdxVersion"`
		Packages    []map[string]any `json:"packages"`
		Graph       []map[string]any `json:"@graph"`
	}
	if json.Unmarshal(data, &d) != nil {
		return twin{}, false
	}
	t := twin{version: strings.TrimPrefix(d.SPDXVersion, "SPDX-"), is2: d.SPDXVersion != ""}
	objects := func(v any) []any { a, _ := v.([]any); return a }
	for _, p := range d.Packages {
		t.packages++
		purl := false
		for _, ref := range objects(p["externalRefs"]) {
			kind, _ := ref.(map[string]any)["referenceType"].(string)
			switch kind = kind[strings.LastIndex(kind, "/")+1:]; {
			case kind == "purl":
				purl = true
			case strings.HasPrefix(kind, "cpe"):
				t.cpes++
			}
		}
		if purl {
			t.purls++
		}
		t.hashes += len(objects(p["checksums"]))
		for _, k := range []string{"licenseDeclared", "licenseConcluded"} {
			if s, _ := p[k].(string); s != "" {
				t.licenses++
			}
		}
	}
	for _, e := range d.Graph {
		typ, _ := e["type"].(string)
		if typ != "software_Package" && typ != "software:Package" && typ != "Package" {
			continue
		}
		t.packages++
		purl := e["software_packageUrl"] != nil
		for _, k := range []string{"externalIdentifier", "externalIdentifiers"} {
			for _, ref := range objects(e[k]) {
				switch ref.(map[string]any)["externalIdentifierType"] {
				case "packageUrl", "purl":
					purl = true
				case "cpe22", "cpe23":
					t.cpes++
				}
			}
		}
		if purl {
			t.purls++
		}
		t.hashes += len(objects(e["verifiedUsing"]))
	}
	return t, d.SPDXVersion != "" || len(d.Graph) > 0
}

func (t twin) check(tb testing.TB, name string, doc *sbom.Document) {
	var got twin
	got.packages = len(doc.Components)
	for _, c := range doc.Components {
		if c.PURL != "" {
			got.purls++
		}
		got.cpes += len(c.CPEs)
		got.hashes += len(c.Hashes)
		got.licenses += len(c.Licenses)
	}
	missing := t.packages - got.packages
	switch {
	case missing == 0:
		got.version, got.is2 = t.version, t.is2
		if !t.is2 {
			got.licenses = 0
		}
		if got != t {
			tb.Errorf("%s: found %+v, the obvious reader %+v", name, got, t)
		}
	case missing == 1 && doc.Subject.ID != "" && (doc.Subject.Kind == "container" || strings.HasPrefix(doc.Subject.ID, "SPDXRef-")):
	default:
		tb.Errorf("%s: found %d packages, the obvious reader %d", name, got.packages, t.packages)
	}
	if t.is2 && doc.SpecVersion != t.version {
		tb.Errorf("%s: version %q, the obvious reader %q", name, doc.SpecVersion, t.version)
	}
}

// wellFormed holds what is true of every document that Decode returns.
func wellFormed(tb testing.TB, name string, doc *sbom.Document, data []byte) {
	n := int32(len(doc.Components))
	for _, d := range doc.Dependencies {
		if d.From < sbom.SubjectIndex || d.From >= n || d.To < sbom.SubjectIndex || d.To >= n || d.From == d.To {
			tb.Errorf("%s: dependency %+v among %d components", name, d, n)
		}
	}
	for _, c := range doc.Components {
		if c.Pointer == "" {
			tb.Errorf("%s: component %q does not say where it stands", name, c.Name)
		}
	}
	if doc.Format != sbom.SPDX || doc.SpecVersion == "" || doc.Size != int64(len(data)) || doc.Digest != ident.SHA256(data) {
		tb.Errorf("%s: %q %q %d %s", name, doc.Format, doc.SpecVersion, doc.Size, doc.Digest)
	}
}

func TestEveryFixture(t *testing.T) {
	read, refused := 0, 0
	fixtures(t, func(name string, data []byte) {
		doc, err := Decode(context.Background(), data, Options{})
		tw, isSPDX := readTwin(data)
		if err != nil {
			refused++
			t.Logf("refused %s: %v", name, err)
			return
		}
		read++
		wellFormed(t, name, doc, data)
		if isSPDX {
			tw.check(t, name, doc)
		}
	})
	if read < 160 || refused > 10 {
		t.Errorf("%d documents read, %d refused", read, refused)
	}
}

func corpus(tb testing.TB) (docs [][]byte, size int64) {
	files, err := filepath.Glob(filepath.Join(dataRoot(tb), "guac-data/top-dh-sboms/*.json"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no image SBOMs under COFFERDAM_DATA: %v", err)
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

// BenchmarkDecodeCorpus reads the SBOMs of two dozen popular images. "hashed"
// includes the SHA-256 of the bytes, which intake computes anyway for its key.
func BenchmarkDecodeCorpus(b *testing.B) {
	docs, size := corpus(b)
	for name, o := range map[string]Options{"hashed": {}, "unhashed": {Digest: ident.SHA256(nil)}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			begun := used.CPU(b)
			for b.Loop() {
				for _, d := range docs {
					if _, err := Decode(context.Background(), d, o); err != nil {
						b.Fatal(err)
					}
				}
			}
			cpu := used.CPU(b) - begun
			b.ReportMetric(float64(size)*float64(b.N)/1e6/cpu.Seconds(), "MB/cpu-s")
		})
	}
}

// BenchmarkParts gives the floor that Decode stands on: the check of UTF-8 and the hash.
func BenchmarkParts(b *testing.B) {
	docs, size := corpus(b)
	for name, part := range map[string]func([]byte){
		"utf8": func(d []byte) { utf8.Valid(d) }, "sha256": func(d []byte) { sha256.Sum256(d) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				for _, d := range docs {
					part(d)
				}
			}
		})
	}
}
