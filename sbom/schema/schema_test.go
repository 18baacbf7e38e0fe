package schema_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom/schema"
)

func Example() {
	doc := []byte(`{
  "bomFormat": "CycloneDX",
  "specVersion": "1.6",
  "components": [
    {"type": "library", "name": "left-pad", "hashes": [{"alg": "SHA1", "content": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}]}
  ]
}`)
	v := schema.New(schema.Limits{})
	_, version, _ := schema.Detect(doc)
	violations, err := v.JSON(context.Background(), version, doc)
	for _, x := range violations {
		fmt.Printf("%d:%d %s: %s\n", x.Line, x.Column, x.Pointer, strings.ReplaceAll(x.Message, `"SHA-256", "SHA-384", "SHA-512", "SHA3-256", "SHA3-384", "SHA3-512", "BLAKE2b-256", "BLAKE2b-384", "BLAKE2b-512", "BLAKE3"`, "…"))
		fmt.Println("rule:", x.Rule)
	}
	fmt.Println("error:", err)
	// Output:
	// 5:64 /components/0/hashes/0/alg: must be one of "MD5", "SHA-1", …, found "SHA1"; did you mean "SHA-1"?
	// rule: bom-1.6.schema.json#/definitions/hash-alg/enum
	// error: <nil>
}

func ExampleDetect() {
	fmt.Println(schema.Detect([]byte(`<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.7" version="1"/>`)))
	fmt.Println(schema.Detect([]byte(`{"components": [{"specVersion": "9"}], "specVersion": "1.5", "bomFormat": "CycloneDX"}`)))
	fmt.Println(schema.Detect([]byte(`{"spdxVersion": "SPDX-2.3"}`)))
	// Output:
	// xml 1.7 true
	// json 1.5 true
	// json  false
}

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		doc, encoding, version string
		ok                     bool
	}{
		{"", "", "", false},
		{"[]", "", "", false},
		{"{", "json", "", false},
		{`{"bomFormat"`, "json", "", false},
		{`{"bomFormat":`, "json", "", false},
		{`{"bomFormat": "CycloneDX", "specVersion": 1.5}`, "json", "", true},
		{`{"bomFormat": 1, "specVersion": "1.5"`, "json", "1.5", true},
		{"\ufeff \n{\"a\": \"}\\\"\", \"specVersion\": \"1.9\", \"bomFormat\": \"CycloneDX\"", "json", "1.9", true},
		{`{"metadata": {"bomFormat": "CycloneDX"}}`, "json", "", false},
		{"<", "xml", "", false},
		{"<bom/>", "xml", "", false},
		{`<b:bom xmlns:b="http://cyclonedx.org/schema/bom/1.4">`, "xml", "1.4", true},
		{`<!-- x --><component xmlns="http://cyclonedx.org/schema/bom/1.4"/>`, "xml", "1.4", false},
	} {
		encoding, version, ok := schema.Detect([]byte(c.doc))
		if encoding != c.encoding || version != c.version || ok != c.ok {
			t.Errorf("Detect(%q) = %q, %q, %v", c.doc, encoding, version, ok)
		}
	}
}

// head is the beginning of a valid 1.7 document.
const head = `{"bomFormat": "CycloneDX", "specVersion": "1.7", `

// TestJSONViolations checks pointer and wording, one fault at a time.
func TestJSONViolations(t *testing.T) {
	v := schema.New(schema.Limits{})
	for _, c := range []struct{ name, doc, want string }{
		{"valid", head + `"components": []}`, ""},
		{"byte order mark", "\ufeff" + head + `"components": []}`, ""},
		{"wrong type", head + `"components": {}}`, `/components: must be an array, found an object`},
		{"integer", head + `"version": 1.5}`, `/version: must be an integer, found 1.5`},
		{"an integer with a fraction of zero", head + `"version": 1.0}`, ``},
		{"minimum", head + `"version": 0}`, `/version: must be at least 1, found 0`},
		{"huge number", head + `"version": 1e999999999999999999999}`, ``},
		{"misspelt property", head + `"componnents": []}`, `/componnents: is not a property of this object; did you mean "components"?`},
		{"license without name", head + `"components": [{"type": "library", "name": "a", "licenses": [{"license": {}}]}]}`,
			`/components/0/licenses/0/license: must have "id" or "name"`},
		{"license with both", head + `"components": [{"type": "library", "name": "a", "licenses": [{"license": {"id": "MIT", "name": "MIT"}}]}]}`,
			`/components/0/licenses/0/license: must have only one of "id", "name"`},
		{"the nearest alternative speaks", head + `"components": [{"type": "library", "name": "a", "licenses": [{"license": {"id": "Apache 2.0"}}]}]}`,
			`did you mean "Apache-2.0"?`},
		{"versions exclude each other", head + `"components": [{"type": "library", "name": "a", "version": "1", "versionRange": "vers:npm/>1", "isExternal": true}]}`,
			`/components/0: must not have "version" and "versionRange" together`},
		{"conditional", head + `"components": [{"type": "library", "name": "a", "versionRange": "vers:npm/>1"}]}`,
			`/components/0: must not have "versionRange" here`},
		{"repeated component", head + `"components": [{"type": "library", "name": "a"}, {"name": "a", "type": "library"}]}`,
			`/components/1: must not repeat item 0 of the same array`},
		{"timestamp without zone", head + `"metadata": {"timestamp": "2026-11-21T07:05:00"}}`, `/metadata/timestamp: must be of format date-time`},
		{"email", head + `"metadata": {"authors": [{"email": "nobody"}]}}`, `/metadata/authors/0/email: must be of format idn-email`},
		{"url", head + `"externalReferences": [{"type": "vcs", "url": "https://example.org/a b"}]}`, `/externalReferences/0/url: must be `},
		{"duplicate name", head + `"version": 1, "version": 2}`, `/version: must not repeat the name "version"`},
		{"pointer is escaped", head + `"a/b~c": 1}`, `/a~1b~0c: is not a property`},
		{"trailing data", head + `"version": 1} {}`, `the document must end after its one JSON value`},
		{"truncated", head + `"components": [{"type": "libr`, `/components/0/type: must close the string`},
		{"truncated between values", head + `"components": [{"type": "library"}`, `/components/0: must have "," or "]" after a value, found the end`},
		{"trailing comma", head + `"components": [],}`, `must have a name in double quotes, found "}"`},
		{"single quotes", `{'bomFormat': 1}`, `must have a name in double quotes`},
		{"comment", head + `/* */ "components": []}`, `must have a name in double quotes`},
		{"NaN", head + `"version": NaN}`, `/version: must be a JSON value, found "N"`},
		{"leading zero", head + `"version": 01}`, `/version: must not begin a number with 0`},
		{"control character", head + "\"x\": \"a\tb\"}", `must escape the control character U+0009`},
		{"lone surrogate", head + `"x": "\ud800"}`, `must not have half a surrogate pair`},
		{"surrogate pair", head + `"metadata": {"authors": [{"name": "\ud83d\ude00"}]}}`, ``},
		{"not UTF-8", head + "\"x\": \"\xff\"}", `must be encoded in UTF-8, found byte 0xFF`},
		{"UTF-16", "\xff\xfe{\x00}\x00", `must be encoded in UTF-8, found UTF-16`},
		{"empty", "", `the document must be a JSON value, found the end of the document`},
		{"too deep", head + `"components": ` + strings.Repeat("[", 600), `is nested more than 512 levels deep`},
	} {
		t.Run(c.name, func(t *testing.T) {
			violations, err := v.JSON(context.Background(), "1.7", []byte(c.doc))
			if err != nil {
				t.Fatal(err)
			}
			expect(t, violations, c.want)
		})
	}
}

// expect wants no violation, or want in the first.
func expect(t *testing.T, violations []schema.Violation, want string) {
	t.Helper()
	switch {
	case want == "" && len(violations) > 0:
		t.Errorf("judged invalid: %v", violations)
	case want != "" && len(violations) == 0:
		t.Errorf("judged valid, want %s", want)
	case want != "" && !strings.Contains(violations[0].String(), want):
		t.Errorf("got  %s\nwant %s", violations[0], want)
	}
	for _, v := range violations {
		if v.Line < 1 || v.Column < 1 || v.Rule == "" || v.Message == "" {
			t.Errorf("incomplete violation %#v", v)
		}
	}
}

// bom wraps the inside of a 1.7 XML document.
func bom(inside string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<bom xmlns="http://cyclonedx.org/schema/bom/1.7" xmlns:x="urn:x" version="1">` + inside + `</bom>`
}

func component(inside string) string {
	return bom(`<components><component type="library">` + inside + `</component></components>`)
}

// TestXMLViolations checks path and wording, one fault at a time.
func TestXMLViolations(t *testing.T) {
	const at = "/bom/components/component[1]"
	v := schema.New(schema.Limits{})
	for _, c := range []struct{ name, doc, want string }{
		{"valid", component(`<name>a</name>`), ""},
		{"prefixed", `<b:bom xmlns:b="http://cyclonedx.org/schema/bom/1.7"><b:components/></b:bom>`, ""},
		{"foreign element and attribute", component(`<name>a</name><x:any><x:more a="1">text</x:more></x:any>`), ""},
		{"CDATA and comments", component(`<name><![CDATA[a]]><!-- b -->c</name>`), ""},
		{"empty element with a default", component(`<name>a</name><scope/>`), ""},
		{"missing", component(``), at + `: must have the element "name"`},
		{"order", component(`<version>1</version><name>a</name>`), at + `/version: must not stand here, the order or choice of elements is wrong; expected "name"`},
		{"misspelt", component(`<name>a</name><verson>1</verson>`), at + `/verson: is not an element of this type`},
		{"foreign where none is allowed", component(`<x:a/><name>a</name>`), `is not allowed here, as it is "a" of namespace "urn:x"; expected "name"`},
		{"text between elements", component(`stray<name>a</name>`), at + `: must not hold text, found "stray"`},
		{"element in text", component(`<name><b/></name>`), at + `/name: must hold text only, found element "b"`},
		{"missing attribute", bom(`<components><component><name>a</name></component></components>`), at + `: must have the attribute "type"`},
		{"enumeration", bom(`<components><component type="libary"><name>a</name></component></components>`), `did you mean "library"?`},
		{"repeated bom-ref", bom(`<components><component type="library" bom-ref="r"><name>a</name></component><component type="library" bom-ref="r"><name>b</name></component></components>`),
			`/bom/components/component[2]/@bom-ref: must be unique, found "r" as at ` + at},
		{"version", strings.Replace(bom(``), `version="1">`, `version="0">`, 1), `/bom/@version: must be an integer above 0, found "0"`},
		{"date", bom(`<metadata><timestamp>2026-02-29T00:00:00Z</timestamp></metadata>`), `/bom/metadata/timestamp: must be a date and time`},
		{"nil", component(`<name xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>`), `/name/@xsi:nil: must not be present`},
		{"xsi:type that is derived", component(`<name xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema" xsi:type="xs:token">a</name>`), ``},
		{"xsi:type that is not", component(`<name xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema" xsi:type="xs:boolean">true</name>`), `must name a type derived`},
		{"wrong root", `<component xmlns="http://cyclonedx.org/schema/bom/1.7"/>`, `must be a root element`},
		{"doctype", `<!DOCTYPE bom [<!ENTITY a "b">]>` + component(`<name>&a;</name>`)[39:], `must not have a document type declaration`},
		{"undeclared entity", component(`<name>&a;</name>`), `must be well-formed`},
		{"mismatched tags", component(`<name>a</version>`), `found the end of "version", expected the end of "name"`},
		{"truncated", bom(``)[:len(bom(``))-6], `/bom: must be closed, found the end of the document`},
		{"two roots", bom(``) + `<bom/>`, `must have one root element`},
		{"text after the root", bom(``) + `x`, `must not have text outside`},
		{"repeated attribute", strings.Replace(bom(``), `version="1"`, `version="1" version="1"`, 1), `must not repeat the attribute "version"`},
		{"attributes without space", strings.Replace(bom(``), ` version="1"`, `version="1"`, 1), `must have space between attributes`},
		{"undeclared prefix", component(`<name>a</name><y:b/>`), `must have its prefix "y" declared`},
		{"undeclared prefix of an attribute", component(`<name y:b="1">a</name>`), `must have its prefix "y" declared`},
		{"declaration not first", " " + bom(``), `must have its XML declaration at the very beginning`},
		{"Latin-1", strings.Replace(bom(``), "UTF-8", "ISO-8859-1", 1), `must be encoded in UTF-8, found "ISO-8859-1"`},
		{"not UTF-8", component("<name>\xff</name>"), `must be encoded in UTF-8, found byte 0xFF`},
		{"UTF-16", "\xff\xfe<\x00", `found UTF-16`},
		{"control character", component("<name>\x01</name>"), `must not hold the character U+0001`},
		{"too deep", bom(strings.Repeat("<x:a>", 600)), `is nested more than 512 levels deep`},
		{"empty", "", `the document must have a root element`},
	} {
		t.Run(c.name, func(t *testing.T) {
			violations, err := v.XML(context.Background(), "1.7", []byte(c.doc))
			if err != nil {
				t.Fatal(err)
			}
			expect(t, violations, c.want)
		})
	}
}

// TestExtension: an official extension is judged where a wildcard lets it in.
func TestExtension(t *testing.T) {
	v := schema.New(schema.Limits{})
	for inside, want := range map[string]string{
		`<g:dependencies xmlns:g="http://cyclonedx.org/schema/ext/dependency-graph/1.0"><g:dependency ref="a"/></g:dependencies>`: "",
		`<g:dependencies xmlns:g="http://cyclonedx.org/schema/ext/dependency-graph/1.0"><g:dependency/></g:dependencies>`:         `must have the attribute "ref"`,
	} {
		violations, err := v.XML(context.Background(), "1.7", []byte(bom(inside)))
		if err != nil {
			t.Fatal(err)
		}
		expect(t, violations, want)
	}
}

func TestNotJudged(t *testing.T) {
	ctx := context.Background()
	v := schema.New(schema.Limits{Bytes: 100, Values: 20})
	kind := func(_ []schema.Violation, err error) ident.Kind { return ident.KindOf(err) }
	if k := kind(v.JSON(ctx, "1.1", nil)); k != ident.KindUnsupported {
		t.Errorf("JSON 1.1: %v", k)
	}
	if k := kind(v.XML(ctx, "2.0", nil)); k != ident.KindUnsupported {
		t.Errorf("XML 2.0: %v", k)
	}
	if k := kind(v.JSON(ctx, "1.7", make([]byte, 101))); k != ident.KindLimit {
		t.Errorf("large JSON: %v", k)
	}
	if k := kind(v.JSON(ctx, "1.7", []byte("["+strings.Repeat("1,", 40)+"1]"))); k != ident.KindLimit {
		t.Errorf("JSON with many values: %v", k)
	}
	wide := schema.New(schema.Limits{Values: 20})
	if k := kind(wide.XML(ctx, "1.7", []byte(bom(strings.Repeat("<x:a/>", 40))))); k != ident.KindLimit {
		t.Errorf("XML with many elements: %v", k)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	full := schema.New(schema.Limits{})
	if _, err := full.JSON(gone, "1.7", []byte(head+`"components": [`+strings.Repeat(`{"type": "library", "name": "a"},`, 5000)+`{}]}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled JSON: %v", err)
	}
	if _, err := full.XML(gone, "1.7", []byte(bom(strings.Repeat("<x:a/>", 5000)))); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled XML: %v", err)
	}
}

// TestManyViolations: a document of nothing but faults costs no more than its limit of them.
func TestManyViolations(t *testing.T) {
	v := schema.New(schema.Limits{Violations: 10})
	for _, judge := range []func() ([]schema.Violation, error){
		func() ([]schema.Violation, error) {
			return v.JSON(context.Background(), "1.7", []byte(head+`"components": [`+strings.Repeat("1,", 100000)+`1]}`))
		},
		func() ([]schema.Violation, error) {
			return v.XML(context.Background(), "1.7", []byte(bom("<components>"+strings.Repeat("<a/>", 100000)+"</components>")))
		},
	} {
		violations, err := judge()
		if err != nil {
			t.Fatal(err)
		}
		if len(violations) != 11 || violations[10].Rule != "limit: violations" {
			t.Errorf("%d violations, the last %v", len(violations), violations[len(violations)-1])
		}
	}
}

// TestConcurrentUse compiles and judges from many goroutines; the race detector watches.
func TestConcurrentUse(t *testing.T) {
	v := schema.New(schema.Limits{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, version := range []string{"1.4", "1.7"} {
				doc := strings.ReplaceAll(`{"bomFormat": "CycloneDX", "specVersion": "@", "version": 1}`, "@", version)
				if violations, err := v.JSON(context.Background(), version, []byte(doc)); err != nil || len(violations) > 0 {
					t.Errorf("JSON %s: %v, %v", version, violations, err)
				}
				doc = strings.ReplaceAll(bom(""), "1.7", version)
				if violations, err := v.XML(context.Background(), version, []byte(doc)); err != nil || len(violations) > 0 {
					t.Errorf("XML %s: %v, %v", version, violations, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestMicrosegmentation: the shape of our own export is valid.
func TestMicrosegmentation(t *testing.T) {
	doc, err := os.ReadFile(dataDir(t, "microseg-example.cdx17.json"))
	if err != nil {
		t.Fatal(err)
	}
	violations, err := schema.New(schema.Limits{}).JSON(context.Background(), "1.7", doc)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, violations, "")
}
