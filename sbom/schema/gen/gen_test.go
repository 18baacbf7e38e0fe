package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommitted reduces the official schemas again and compares with what is committed.
func TestCommitted(t *testing.T) {
	data := os.Getenv("COFFERDAM_DATA")
	if data == "" {
		t.Skip("COFFERDAM_DATA is not set: the committed rules are not compared with the official schemas")
	}
	files, err := reduceAll(filepath.Join(data, "sbom", "cdx-spec-tests", "schema"))
	if err != nil {
		t.Fatal(err)
	}
	committed := filepath.Join("..", "rules")
	entries, err := os.ReadDir(committed)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, ok := files[e.Name()]; !ok {
			t.Errorf("%s is committed and gen does not write it", e.Name())
		}
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(committed, name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s differs from what gen writes; run go generate ./sbom/schema", name)
		}
	}
}

func TestReduceJSON(t *testing.T) {
	const head = `{"$schema": "http://json-schema.org/draft-07/schema#", "$id": "http://example.org/s.json", `
	for _, c := range []struct{ name, src, want, err string }{
		{"prose goes, properties of the same names stay",
			`"title": "T", "description": "D", "properties": {"title": {"type": "string", "description": "x"}, "default": {"default": 1}}}`,
			`"properties":{"default":{},"title":{"type":"string"}}`, ""},
		{"a reference loses its siblings", `"properties": {"a": {"$ref": "#/definitions/b", "type": "string"}}}`,
			`"properties":{"a":{"$ref":"#/definitions/b"}}`, ""},
		{"a tuple keeps additionalItems", `"items": [{"type": "string"}], "additionalItems": false}`,
			`"additionalItems":false,"items":[{"type":"string"}]`, ""},
		{"a single items makes it void", `"items": {"type": "string"}, "additionalItems": false}`, `"items":{"type":"string"}`, ""},
		{"an unknown keyword is an error", `"properties": {"a": {"dependentRequired": {}}}}`, "", "#/properties/a/dependentRequired: unknown keyword"},
		{"a schema must be one", `"not": 7}`, "", "#/not: a schema is"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := reduceJSON([]byte(head + c.src))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			flat := strings.NewReplacer("\n", "", "\t", "", ": ", ":").Replace(string(out))
			if !strings.Contains(flat, c.want) {
				t.Errorf("got %s, want %s in it", flat, c.want)
			}
		})
	}
	if _, err := reduceJSON([]byte(`{"$id": "x", "$schema": "https://json-schema.org/draft/2020-12/schema"}`)); err == nil {
		t.Error("another dialect was accepted")
	}
}

func TestReduceXSD(t *testing.T) {
	const head = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:vc="v" vc:minVersion="1.0">`
	out, err := reduceXSD([]byte(head + `
		<!-- prose --><xs:annotation><xs:documentation>prose</xs:documentation></xs:annotation>
		<xs:element name="a" id="i" type="xs:string"><xs:annotation/></xs:element>
	</xs:schema>`))
	if err != nil {
		t.Fatal(err)
	}
	want := `<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
	<xs:element name="a" type="xs:string"/>
</xs:schema>
`
	if string(out) != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
	for _, bad := range []string{`<xs:assert test="a"/></xs:schema>`, `<b/></xs:schema>`, `text</xs:schema>`, ``} {
		if out, err := reduceXSD([]byte(head + bad)); err == nil {
			t.Errorf("%q was reduced to %s", bad, out)
		}
	}
}

// TestRunNeedsAFolder: there is no default folder.
func TestRunNeedsAFolder(t *testing.T) {
	t.Setenv("COFFERDAM_DATA", "")
	if err := run("", t.TempDir()); err == nil || !strings.Contains(err.Error(), "-schemas") {
		t.Errorf("run without a folder: %v", err)
	}
}
