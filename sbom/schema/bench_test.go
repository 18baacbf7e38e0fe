package schema_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom/schema"
)

// BenchmarkCompile is what the first document of a version costs more than the second: the smallest document, judged by
// a validator that has compiled nothing.
func BenchmarkCompile(b *testing.B) {
	for _, version := range []string{"1.4", "1.7"} {
		b.Run("json-"+version, func(b *testing.B) {
			doc := []byte(fmt.Sprintf(`{"bomFormat": "CycloneDX", "specVersion": %q, "version": 1}`, version))
			for b.Loop() {
				if v, err := schema.New(schema.Limits{}).JSON(context.Background(), version, doc); err != nil || len(v) > 0 {
					b.Fatal(v, err)
				}
			}
		})
		b.Run("xml-"+version, func(b *testing.B) {
			doc := []byte(strings.ReplaceAll(bom(""), "bom/1.7", "bom/"+version))
			for b.Loop() {
				if v, err := schema.New(schema.Limits{}).XML(context.Background(), version, doc); err != nil || len(v) > 0 {
					b.Fatal(v, err)
				}
			}
		})
	}
}

// megabyte repeats a component until the document has a megabyte.
func megabyte(open, one, sep, shut string) []byte {
	var b strings.Builder
	b.WriteString(open)
	for i := 0; b.Len() < 1<<20; i++ {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(strings.ReplaceAll(one, "@", fmt.Sprint(i)))
	}
	b.WriteString(shut)
	return []byte(b.String())
}

func megabyteJSON() []byte {
	return megabyte(head+`"components": [`, `{"bom-ref": "pkg:npm/left-pad-@@1.0.0", "type": "library", "name": "left-pad-@", "version": "1.0.0",
		"purl": "pkg:npm/left-pad-@", "licenses": [{"license": {"id": "MIT"}}], "hashes": [{"alg": "SHA-1", "content": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}],
		"externalReferences": [{"type": "vcs", "url": "https://example.org/left-pad-@"}]}`, ",\n", `]}`)
}

func BenchmarkJSONMegabyte(b *testing.B) {
	doc := megabyteJSON()
	v := schema.New(schema.Limits{})
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if x, err := v.JSON(context.Background(), "1.7", doc); err != nil || len(x) > 0 {
			b.Fatal(x, err)
		}
	}
}

func BenchmarkXMLMegabyte(b *testing.B) {
	doc := megabyte(bom("<components>")[:len(bom("<components>"))-len("</bom>")], `<component type="library" bom-ref="c@"><name>left-pad-@</name><version>1.0.0</version>
		<hashes><hash alg="SHA-1">da39a3ee5e6b4b0d3255bfef95601890afd80709</hash></hashes><licenses><license><id>MIT</id></license></licenses><purl>pkg:npm/left-pad-@</purl>
		<externalReferences><reference type="vcs"><url>https://example.org/left-pad-@</url></reference></externalReferences></component>`, "\n", "</components></bom>")
	v := schema.New(schema.Limits{})
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if x, err := v.XML(context.Background(), "1.7", doc); err != nil || len(x) > 0 {
			b.Fatal(x, err)
		}
	}
}
