package cyclonedx_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/cyclonedx"
)

const manifestHex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

const jsonDoc = `{
 "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 3, "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
 "metadata": {
  "timestamp": "2026-02-03T04:05:06Z", "lifecycles": [{"phase": "build"}], "authors": [{"name": "A. Author"}],
  "tools": {"components": [{"type": "application", "author": "maker", "name": "bomber", "version": "2.0"}]},
  "component": {"type": "container", "bom-ref": "root", "name": "registry.example/shop/web", "version": "1.4",
   "purl": "pkg:oci/web@sha256%3A` + manifestHex + `?repository_url=registry.example/shop/web&tag=1.4"}
 },
 "components": [
  {"type": "library", "bom-ref": "a", "group": "@scope", "name": "pkg", "version": "1.2.3", "purl": "pkg:npm/%40scope/pkg@1.2.3", "scope": "required",
   "cpe": "cpe:2.3:a:scope:pkg:1.2.3:*:*:*:*:*:*:*", "supplier": {"name": "Supply Ltd"}, "publisher": "Publisher",
   "hashes": [{"alg": "SHA-256", "content": "AB"}, {"alg": "SHA-1", "content": "cd"}],
   "licenses": [{"license": {"id": "MIT"}}, {"license": {"name": "House licence"}}]},
  {"type": "library", "bom-ref": "b", "name": "libssl3", "version": "3.0.11-1", "purl": "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl",
   "licenses": [{"expression": "Apache-2.0 OR MIT"}]},
  {"type": "operating-system", "bom-ref": "os", "name": "debian", "version": "12"}
 ],
 "dependencies": [{"ref": "root", "dependsOn": ["a", "b"]}, {"ref": "a", "dependsOn": ["b"]}],
 "compositions": [{"aggregate": "incomplete", "assemblies": ["root"]}]
}`

const xmlDoc = `<?xml version="1.0" encoding="UTF-8"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.6" version="3" serialNumber="urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79">
 <metadata><timestamp>2026-02-03T04:05:06Z</timestamp><lifecycles><lifecycle><phase>build</phase></lifecycle></lifecycles>
  <tools><components><component type="application"><author>maker</author><name>bomber</name><version>2.0</version></component></components></tools>
  <authors><author><name>A. Author</name></author></authors>
  <component type="container" bom-ref="root"><name>registry.example/shop/web</name><version>1.4</version>
   <purl>pkg:oci/web@sha256%3A` + manifestHex + `?repository_url=registry.example/shop/web&amp;tag=1.4</purl></component></metadata>
 <components>
  <component type="library" bom-ref="a"><supplier><name>Supply Ltd</name></supplier><publisher>Publisher</publisher><group>@scope</group><name>pkg</name><version>1.2.3</version><scope>required</scope>
   <hashes><hash alg="SHA-256">AB</hash><hash alg="SHA-1">cd</hash></hashes>
   <licenses><license><id>MIT</id></license><license><name>House licence</name></license></licenses>
   <cpe>cpe:2.3:a:scope:pkg:1.2.3:*:*:*:*:*:*:*</cpe><purl>pkg:npm/%40scope/pkg@1.2.3</purl></component>
  <component type="library" bom-ref="b"><name>libssl3</name><version>3.0.11-1</version><licenses><expression>Apache-2.0 OR MIT</expression></licenses>
   <purl>pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&amp;distro=debian-12&amp;upstream=openssl</purl></component>
  <component type="operating-system" bom-ref="os"><name>debian</name><version>12</version></component>
 </components>
 <dependencies><dependency ref="root"><dependency ref="a"/><dependency ref="b"/></dependency><dependency ref="a"><dependency ref="b"/></dependency></dependencies>
 <compositions><composition><aggregate>incomplete</aggregate><assemblies><assembly ref="root"/></assemblies></composition></compositions>
</bom>`

func decoded(t testing.TB, doc string) *sbom.Document {
	t.Helper()
	d, err := cyclonedx.Decode(context.Background(), []byte(doc), cyclonedx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestEveryField holds what the model carries against a document that says it all.
func TestEveryField(t *testing.T) {
	d := decoded(t, jsonDoc)
	if d.Format != sbom.CycloneDX || d.SpecVersion != "1.6" || d.Encoding != sbom.JSON || d.Version != 3 || d.Serial != "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79" ||
		d.Created.Unix() != 1770091506 || !slices.Equal(d.Authors, []string{"A. Author"}) || !slices.Equal(d.Lifecycle, []string{"build"}) || !d.Incomplete ||
		d.Digest != ident.SHA256([]byte(jsonDoc)) || d.Size != int64(len(jsonDoc)) {
		t.Errorf("metadata: %+v", d)
	}
	if want := []sbom.Tool{{Vendor: "maker", Name: "bomber", Version: "2.0"}}; !slices.Equal(d.Tools, want) {
		t.Errorf("tools: %+v", d.Tools)
	}
	s := d.Subject
	if s.Kind != "container" || s.Name != "registry.example/shop/web" || s.Version != "1.4" || s.ID != "root" || s.OS.ID != "debian" || s.OS.VersionID != "12" {
		t.Errorf("subject: %+v", s)
	}
	if len(s.Digests) != 1 || s.Digests[0].Digest.String() != "sha256:"+manifestHex {
		t.Errorf("identity set: %+v", s.Digests)
	}
	if len(d.Components) != 3 {
		t.Fatalf("%d components", len(d.Components))
	}
	a, b := d.Components[0], d.Components[1]
	want := sbom.Component{ID: "a", Type: "library", Group: "@scope", Name: "pkg", Version: "1.2.3", PURL: "pkg:npm/%40scope/pkg@1.2.3", Scope: "required",
		CPEs: []string{"cpe:2.3:a:scope:pkg:1.2.3:*:*:*:*:*:*:*"}, Supplier: "Supply Ltd", Origin: "Publisher", Pointer: "/components/0",
		Hashes: []sbom.Hash{{Algorithm: "SHA-256", Value: "ab"}, {Algorithm: "SHA-1", Value: "cd"}}}
	if diff := cmp.Diff(want, a, cmpopts.IgnoreFields(sbom.Component{}, "Licenses"), cmpopts.EquateEmpty(), cmpopts.EquateComparable(ident.Digest{})); diff != "" {
		t.Error(diff)
	}
	if len(a.Licenses) != 2 || a.Licenses[0].Expression != "MIT" || a.Licenses[0].Name || a.Licenses[1].Expression != "House licence" || !a.Licenses[1].Name {
		t.Errorf("licences: %+v", a.Licenses)
	}
	if len(b.Licenses) != 1 || b.Licenses[0].Expression != "Apache-2.0 OR MIT" {
		t.Errorf("debian package: %+v", b)
	}
	deps := []sbom.Dependency{{From: sbom.SubjectIndex, To: 0, Kind: sbom.DependsOn}, {From: sbom.SubjectIndex, To: 1, Kind: sbom.DependsOn}, {From: 0, To: 1, Kind: sbom.DependsOn}}
	if !slices.Equal(d.Dependencies, deps) {
		t.Errorf("dependencies: %+v", d.Dependencies)
	}
}

// TestXMLSaysTheSame: the two encodings of one document differ in nothing but
// where things stand.
func TestXMLSaysTheSame(t *testing.T) {
	j, x := decoded(t, jsonDoc), decoded(t, xmlDoc)
	diff := cmp.Diff(j, x, cmpopts.IgnoreFields(sbom.Document{}, "Encoding", "Digest", "Size"), cmpopts.IgnoreFields(sbom.Component{}, "Pointer"), cmpopts.EquateEmpty(), cmpopts.EquateComparable(ident.Digest{}))
	if diff != "" {
		t.Errorf("(-JSON +XML)\n%s", diff)
	}
}

func TestNamesOfOtherCaseAreOtherMembers(t *testing.T) {
	diff := cmp.Diff(decoded(t, jsonDoc), decoded(t, corpus.OtherCase(t, jsonDoc)), cmpopts.IgnoreFields(sbom.Document{}, "Digest", "Size"), cmpopts.EquateComparable(ident.Digest{}))
	if diff != "" {
		t.Error(diff)
	}
}

// TestWithin reads a document that stands inside another text as one that stands
// alone, but for the places that are named.
func TestWithin(t *testing.T) {
	within := func(text string) (*sbom.Document, error) {
		return cyclonedx.DecodeWithin(context.Background(), []byte(text), cyclonedx.Options{MaxComponents: 5}, func(r *jsonscan.Reader, document func()) {
			r.RequireObject()
			for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
				switch string(key) {
				case "inside":
					document()
				case "of":
					r.RequireString()
				}
			}
		})
	}
	text := `{"of":"shop/web","inside":` + jsonDoc + `,"passed over":[{}]}`
	d, err := within(text)
	if err != nil {
		t.Fatal(err)
	}
	if d.Digest != ident.SHA256([]byte(text)) || d.Size != int64(len(text)) || d.Components[1].Pointer != "/inside/components/1" {
		t.Errorf("%+v", d)
	}
	diff := cmp.Diff(decoded(t, jsonDoc), d, cmpopts.IgnoreFields(sbom.Document{}, "Digest", "Size"), cmpopts.IgnoreFields(sbom.Component{}, "Pointer"), cmpopts.EquateComparable(ident.Digest{}))
	if diff != "" {
		t.Error(diff)
	}
	const head = `{"inside":{"bomFormat":"CycloneDX","specVersion":"1.6",`
	for bad, want := range map[string]string{
		`{"of":"shop/web"}`:               "holds no CycloneDX document",
		`{"of":"shop/web"`:                "the input ends",
		`{"inside":null}`:                 "bomFormat",
		`{"inside":[]}`:                   "(/inside)",
		`{"inside":"CycloneDX"}`:          "(/inside)",
		head + `"components":{}}}`:        "(/inside/components)",
		head + `"components":[]},"of":7}`: "(/of)",
		head + `"components":[]},"passed over":{"a":1,"a":2}}`:       "(/passed over/a)",
		head + `"components":[` + strings.Repeat("{},", 5) + `{}]}}`: "more than 5",
		head + `"components":[]}} {}`:                                "the end of the input",
	} {
		if d, err := within(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v %+v", bad, err, d)
		}
	}
}

func TestBadInput(t *testing.T) {
	const head = `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,`
	for name, tc := range map[string]struct {
		doc  string
		kind ident.Kind
	}{
		"empty":                    {"", ident.KindUnsupported},
		"no CycloneDX":             {`{"spdxVersion":"SPDX-2.3"}`, ident.KindUnsupported},
		"a list":                   {`[]`, ident.KindUnsupported},
		"a duplicate key":          {head + `"components":[],"components":[]}`, ident.KindInvalid},
		"components no list":       {head + `"components":{}}`, ident.KindInvalid},
		"not UTF-8":                {head + `"components":[{"type":"library","name":"caf` + "\xe9" + `"}]}`, ident.KindInvalid},
		"nested too deep":          {head + `"x":` + strings.Repeat("[", 100_000), ident.KindLimit},
		"components in components": {head + `"components":[` + strings.Repeat(`{"type":"library","name":"a","components":[`, 10_000), ident.KindLimit},
		"XML nested too deep":      {`<bom xmlns="http://cyclonedx.org/schema/bom/1.6">` + strings.Repeat("<components><component><name>a</name>", 10_000), ident.KindLimit},
		"an entity":                {`<!DOCTYPE bom [<!ENTITY a "b">]><bom xmlns="http://cyclonedx.org/schema/bom/1.6">&a;</bom>`, ident.KindUnsupported},
		"HTML":                     {`<html/>`, ident.KindUnsupported},
		"more than the bytes":      {head + `"components":[` + strings.Repeat(" ", 4096) + `]}`, ident.KindLimit},
		"more than the components": {head + `"components":[` + strings.TrimSuffix(strings.Repeat(`{"type":"library","name":"a"},`, 101), ",") + `]}`, ident.KindLimit},
	} {
		_, err := cyclonedx.Decode(context.Background(), []byte(tc.doc), cyclonedx.Options{MaxBytes: 2 << 20, MaxComponents: 100})
		if name == "more than the bytes" {
			_, err = cyclonedx.Decode(context.Background(), []byte(tc.doc), cyclonedx.Options{MaxBytes: 4096})
		}
		if ident.KindOf(err) != tc.kind {
			t.Errorf("%s: %v (%v), want %v", name, err, ident.KindOf(err), tc.kind)
		}
	}
	for i := range jsonDoc {
		if d, err := cyclonedx.Decode(context.Background(), []byte(jsonDoc[:i]), cyclonedx.Options{}); err == nil {
			t.Fatalf("cut at %d it is taken for whole, with %d components", i, len(d.Components))
		}
	}
	for i := range xmlDoc {
		if d, err := cyclonedx.Decode(context.Background(), []byte(xmlDoc[:i]), cyclonedx.Options{}); err == nil {
			t.Fatalf("XML cut at %d is taken for whole, with %d components", i, len(d.Components))
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	many := head + `"components":[` + strings.TrimSuffix(strings.Repeat(`{"type":"library","name":"a"},`, 100_000), ",") + `]}`
	if _, err := cyclonedx.Decode(ctx, []byte(many), cyclonedx.Options{}); err == nil {
		t.Error("a cancelled decoding went on")
	}
}

// TestTextInPieces reads a text that comments cut into pieces, in time in
// proportion to its length: two megabytes took minutes when it was quadratic.
func TestTextInPieces(t *testing.T) {
	const pieces = 200_000
	x := `<bom xmlns="http://cyclonedx.org/schema/bom/1.6" version="1"><components><component type="library"><name>` + strings.Repeat("a<!---->", pieces) + `</name></component></components></bom>`
	used.Within(t, "a text in pieces", 30*time.Second, func() {
		d, err := cyclonedx.Decode(context.Background(), []byte(x), cyclonedx.Options{})
		if err != nil || len(d.Components) != 1 || len(d.Components[0].Name) != pieces {
			t.Errorf("%+v, %v", d, err)
		}
	})
}

func fuzz(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := cyclonedx.Decode(context.Background(), data, cyclonedx.Options{MaxBytes: 1 << 20, MaxComponents: 10_000})
		if err != nil {
			if k := ident.KindOf(err); k != ident.KindInvalid && k != ident.KindLimit && k != ident.KindUnsupported {
				t.Errorf("%v is of kind %v", err, k)
			}
			return
		}
		for _, e := range d.Dependencies {
			if n := int32(len(d.Components)); e.From >= n || e.To >= n || e.From < sbom.SubjectIndex || e.To < sbom.SubjectIndex { //nolint:gosec // at most 10,000
				t.Fatalf("a dependency leads from %d to %d of %d components", e.From, e.To, n)
			}
		}
		for i := range d.Components {
			if d.Components[i].Pointer == "" {
				t.Fatalf("component %d stands nowhere", i)
			}
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(jsonDoc))
	corpus.Seed(f, "sbom/cdx-spec-tests/tools/src/test/resources/1.6", ".json")
	fuzz(f)
}

func FuzzXML(f *testing.F) {
	f.Add([]byte(xmlDoc))
	corpus.Seed(f, "sbom/cdx-spec-tests/tools/src/test/resources/1.6", ".xml")
	fuzz(f)
}

func ExampleDecode() {
	d, err := cyclonedx.Decode(context.Background(), []byte(jsonDoc), cyclonedx.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Subject.Name, d.Subject.Digests[0].Role)
	fmt.Println(d.Components[1].PURL)
	// Output:
	// registry.example/shop/web unknown
	// pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl
}
