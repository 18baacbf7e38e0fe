package schema_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom/schema"
)

// seed adds small documents of the specification's tests, where they are at hand.
func seed(f *testing.F, ext string) {
	root := os.Getenv("COFFERDAM_DATA")
	if root == "" {
		f.Log("COFFERDAM_DATA is not set: fuzzing starts from the built-in seeds only")
		return
	}
	files, err := filepath.Glob(filepath.Join(root, "sbom", "cdx-spec-tests", "tools", "src", "test", "resources", "1.[67]", "*."+ext))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		doc, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(doc) < 4<<10 {
			f.Add(doc)
		}
	}
}

// whole checks what must hold of the violations of any document.
func whole(t *testing.T, doc []byte, violations []schema.Violation) {
	t.Helper()
	lines := strings.Count(string(doc), "\n") + 1
	for _, v := range violations {
		if v.Line < 1 || v.Line > lines || v.Column < 1 || v.Message == "" || v.Rule == "" || len(v.String()) > 16<<10 {
			t.Errorf("bad violation %#v", v)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(head + `"components": [{"type": "library", "name": "a", "licenses": [{"license": {"id": "MIT"}}]}]}`))
	f.Add([]byte(head + `"signature": {"algorithm": "ES256", "publicKey": {"kty": "EC"}, "value": "x"}}`))
	seed(f, "json")
	v := schema.New(schema.Limits{})
	f.Fuzz(func(t *testing.T, doc []byte) {
		schema.Detect(doc)
		violations, err := v.JSON(context.Background(), "1.7", doc)
		if err != nil {
			t.Fatal(err)
		}
		whole(t, doc, violations)
	})
}

func FuzzXML(f *testing.F) {
	f.Add([]byte(component(`<name>a</name><licenses><license><id>MIT</id></license></licenses>`)))
	seed(f, "xml")
	v := schema.New(schema.Limits{})
	f.Fuzz(func(t *testing.T, doc []byte) {
		schema.Detect(doc)
		violations, err := v.XML(context.Background(), "1.7", doc)
		if err != nil {
			t.Fatal(err)
		}
		whole(t, doc, violations)
	})
}
