package encode_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/encode"
)

func ExampleDocument() {
	d := &sbom.Document{Format: sbom.CycloneDX, Subject: sbom.Subject{Kind: "application", Name: "shop"},
		Components: []sbom.Component{{Type: "library", Group: "org.apache", Name: "log4j", Version: "2.17.1", PURL: "pkg:maven/org.apache/log4j@2.17.1"}}}
	var b bytes.Buffer
	losses, err := encode.Document(context.Background(), &b, d, encode.SPDX, encode.Options{})
	fmt.Println(err, strings.Contains(b.String(), `"versionInfo": "2.17.1"`))
	for _, l := range losses {
		fmt.Println(l.What, "→", l.Kept)
	}
	// Output:
	// <nil> true
	// that the time of creation is not known, or not in whole seconds of UTC → annotation
	// a tool with its vendor, or none → annotation
	// an identifier that is no SPDXRef, or taken → annotation
	// the group of a component → annotation
}

func TestUnknownFormat(t *testing.T) {
	_, err := encode.Document(context.Background(), &bytes.Buffer{}, &sbom.Document{}, "swid", encode.Options{})
	if ident.KindOf(err) != ident.KindUsage {
		t.Errorf("%v", err)
	}
}

// text draws what documents of strangers hold: words that mean something to some
// format, spaces, control characters, and anything.
func text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", "", "a", "b", "MIT", "NONE", "NOASSERTION", "GPL v2", "MIT OR ISC", "LicenseRef-x", "sha256:" + strings.Repeat("a", 64),
			"SPDXRef-DOCUMENT", "SPDXRef-a", "SPDXRef-DocumentRoot-Subject", "SPDXRef-ContainerImage-1", "subject", "component-1", "library", "container",
			"Organization: X", "Person: Y", "Tool: Z-1", "pkg:oci/a@sha256%3A" + strings.Repeat("b", 64), "pkg:npm/a@1", "cpe:2.3:a:b", "cpe:/a:b", "x y", "unnamed",
			"cofferdam:sbom:id=1", "a/b:1", "data", "operating-system", "file", "directory", "a\tb\nc\\d", strings.Repeat("9", 1030)}),
		rapid.StringMatching(`[ -~]{0,12}`),
	)
}

func drawComponent(t *rapid.T) sbom.Component {
	w := func(label string) string { return text().Draw(t, label) }
	c := sbom.Component{ID: w("id"), Type: w("type"), Group: w("group"), Name: w("name"), Version: w("version"), PURL: w("purl"), Supplier: w("supplier"),
		Origin: w("origin"), Scope: w("scope"), Source: sbom.SourcePackage{Name: w("source"), Version: w("source version")}}
	for range rapid.IntRange(0, 2).Draw(t, "cpes") {
		c.CPEs = append(c.CPEs, w("cpe"))
	}
	for range rapid.IntRange(0, 2).Draw(t, "locations") {
		c.Locations = append(c.Locations, w("location"))
	}
	for range rapid.IntRange(0, 3).Draw(t, "hashes") {
		algorithm := rapid.SampledFrom([]string{"MD5", "SHA-256", "SHA-224", "SHA-1", "BLAKE2b-256", "Streebog-256", "ADLER32", "X"}).Draw(t, "algorithm")
		value := strings.Repeat(rapid.SampledFrom([]string{"a", "0", "z"}).Draw(t, "digit"), rapid.SampledFrom([]int{8, 32, 40, 56, 64}).Draw(t, "length"))
		c.Hashes = append(c.Hashes, sbom.Hash{Algorithm: algorithm, Value: value})
	}
	for range rapid.IntRange(0, 3).Draw(t, "licenses") {
		l := sbom.License{Expression: w("license"), Kind: sbom.LicenseKind(rapid.IntRange(0, 2).Draw(t, "kind")), Name: rapid.Bool().Draw(t, "named")}
		if l.Expression != "" { // decoders drop what says nothing
			c.Licenses = append(c.Licenses, l)
		}
	}
	if rapid.Bool().Draw(t, "layer") {
		c.Layer = ident.SHA256([]byte(c.Name))
	}
	return c
}

// TestMadeDocumentsKeepWhatTheySay draws documents that no tool wrote: texts that
// mean something elsewhere, containment that is no tree, identifiers twice.
func TestMadeDocumentsKeepWhatTheySay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &sbom.Document{
			Format: rapid.SampledFrom([]sbom.Format{sbom.CycloneDX, sbom.SPDX, sbom.Syft}).Draw(t, "format"), Digest: ident.SHA256([]byte("x")),
			Incomplete: rapid.Bool().Draw(t, "incomplete"),
		}
		if rapid.Bool().Draw(t, "dated") {
			d.Created = time.Date(2024, 2, 29, 23, 59, 58, rapid.SampledFrom([]int{0, 123_000_000}).Draw(t, "ns"), time.FixedZone("", rapid.SampledFrom([]int{0, 3600}).Draw(t, "zone")))
		}
		for range rapid.IntRange(0, 2).Draw(t, "authors") {
			d.Authors = append(d.Authors, text().Draw(t, "author"))
		}
		for range rapid.IntRange(0, 2).Draw(t, "tools") {
			d.Tools = append(d.Tools, sbom.Tool{Vendor: text().Draw(t, "vendor"), Name: text().Draw(t, "tool"), Version: text().Draw(t, "tool version")})
		}
		d.Tools = slices.DeleteFunc(d.Tools, sbom.Tool.IsZero)
		n := rapid.IntRange(0, 5).Draw(t, "components")
		for range n {
			d.Components = append(d.Components, drawComponent(t))
		}
		if rapid.Bool().Draw(t, "subject") {
			d.Subject = sbom.Subject{ID: text().Draw(t, "id"), Kind: rapid.SampledFrom([]string{"", "application", "container", "directory", "data"}).Draw(t, "kind"),
				Name: text().Draw(t, "name"), Version: text().Draw(t, "version"), PURL: text().Draw(t, "purl")}
			if d.Subject.Name != "" {
				d.Name = rapid.SampledFrom([]string{"", d.Subject.Name, "other"}).Draw(t, "document")
			}
			for range rapid.IntRange(0, 6).Draw(t, "edges") {
				end := rapid.IntRange(-1, n-1)
				e := sbom.Dependency{From: int32(end.Draw(t, "from")), To: int32(end.Draw(t, "to")), Kind: sbom.DependencyKind(rapid.IntRange(0, 2).Draw(t, "edge"))}
				if e.From != e.To {
					d.Dependencies = append(d.Dependencies, e)
				}
			}
		}
		d.Subject.OS = sbom.Distro{ID: text().Draw(t, "os"), VersionID: text().Draw(t, "release")}
		convert(t, "made", d, true)
	})
}

func TestSameBytesAndSource(t *testing.T) {
	d := large(50)
	for _, f := range encode.Formats() {
		_, one := written(t, "large", d, f, true)
		_, two := written(t, "large", d, f, true)
		if !bytes.Equal(one, two) {
			t.Errorf("%s: two runs differ", f)
		}
		if !bytes.Contains(one, []byte(d.Digest.String())) {
			t.Errorf("%s does not name the document it was made from", f)
		}
		other := *d
		other.Digest = ident.SHA256([]byte("other"))
		if _, three := written(t, "other", &other, f, true); bytes.Equal(one, three) {
			t.Errorf("%s: two documents are one", f)
		}
	}
}

// failing takes some bytes and then none.
type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestStopsEarly(t *testing.T) {
	d := large(20_000)
	for _, f := range encode.Formats() {
		if _, err := encode.Document(context.Background(), &failing{100_000}, d, f, options); err == nil || err.Error() != "disk full" {
			t.Errorf("%s: %v", f, err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := encode.Document(ctx, &bytes.Buffer{}, d, f, options); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// TestDeepNesting holds that no depth of containment makes a document that cannot
// be read back.
func TestDeepNesting(t *testing.T) {
	d := &sbom.Document{Format: sbom.SPDX, Subject: sbom.Subject{Name: "x", Kind: "container"}}
	for i := range 500 {
		d.Components = append(d.Components, sbom.Component{ID: fmt.Sprintf("SPDXRef-%d", i), Type: "library", Name: "x"})
		d.Dependencies = append(d.Dependencies, sbom.Dependency{From: int32(i) - 1, To: int32(i), Kind: sbom.Contains})
	}
	d.Dependencies = append(d.Dependencies, sbom.Dependency{From: 499, To: 3, Kind: sbom.Contains}) // and round again
	convert(t, "deep", d, true)
}

// TestNotesDoNotReplace holds that a note which says other than the document is
// passed over: what everybody reads is what counts.
func TestNotesDoNotReplace(t *testing.T) {
	for _, doc := range []string{
		`{"bomFormat":"CycloneDX","specVersion":"1.7","components":[{"type":"application","name":"a","version":"1","purl":"pkg:npm/a@1","group":"g",
		  "licenses":[{"license":{"id":"MIT"}}],"supplier":{"name":"S"},"properties":[{"name":"cofferdam:sbom:type","value":"data"},
		  {"name":"cofferdam:sbom:purl","value":"pkg:npm/b@2"},{"name":"cofferdam:sbom:version","value":"2"},{"name":"cofferdam:sbom:group","value":"h"},
		  {"name":"cofferdam:sbom:supplier","value":"T"},{"name":"cofferdam:sbom:license","value":"declared\texpression\tISC"}]}]}`,
		`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","dataLicense":"CC0-1.0","name":"n","documentNamespace":"urn:x:y","packages":[{"SPDXID":"SPDXRef-a",
		  "name":"a","versionInfo":"1","primaryPackagePurpose":"APPLICATION","supplier":"Organization: S","licenseDeclared":"MIT","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER",
		  "referenceType":"purl","referenceLocator":"pkg:npm/a@1"}],"annotations":[{"annotator":"Tool: x","comment":"cofferdam:sbom:type=data\ncofferdam:sbom:purl=pkg:npm/b@2\n` +
			`cofferdam:sbom:version=2\ncofferdam:sbom:name=b\ncofferdam:sbom:supplier=T\ncofferdam:sbom:license=declared\texpression\tISC"}]}]}`,
	} {
		docs, err := decode.Bytes(context.Background(), "x", []byte(doc), decode.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		c := docs[0].Components[0]
		if c.Type != "application" || c.Name != "a" || c.Version != "1" || c.PURL != "pkg:npm/a@1" || c.Supplier != "S" || c.Licenses[0].Expression != "MIT" {
			t.Errorf("a note replaced what the document says: %+v", c)
		}
		if len(docs[0].Warnings) < 5 {
			t.Errorf("contradictions are not told: %v", docs[0].Warnings)
		}
	}
}

func FuzzConvert(f *testing.F) {
	corpus.Seed(f, "sbom", ".json")
	f.Add([]byte(`{"bomFormat":"CycloneDX","specVersion":"1.7","components":[{"type":"data","name":"","bom-ref":"a","components":[{"type":"","name":"b"}]}],"dependencies":[{"ref":"a","provides":["a"]}]}`))
	f.Add([]byte(`{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"SPDXRef-a","name":"a","annotations":[{"comment":"cofferdam:sbom:id=b"}]}],"annotations":[{"comment":"cofferdam:sbom:subject:id=c"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 16<<10 {
			return // longer texts are slower, not stranger
		}
		docs, err := decode.Bytes(context.Background(), "fuzz", data, decode.Limits{})
		if err != nil {
			return
		}
		for _, d := range docs {
			var b bytes.Buffer
			for _, format := range encode.Formats() {
				b.Reset()
				if _, err := encode.Document(context.Background(), &b, d, format, options); err != nil {
					t.Fatalf("%s: %v", format, err)
				}
				if !json.Valid(b.Bytes()) {
					t.Fatalf("%s: no JSON", format)
				}
				once, err := decode.Bytes(context.Background(), "fuzz", b.Bytes(), decode.Limits{})
				if err != nil || len(once) != 1 || len(once[0].Components) != len(d.Components) {
					t.Fatalf("%s: %v", format, err)
				}
				keeps(t, string(format), d, once[0])
			}
		}
	})
}

// large makes a document of n components, as a scanner of an image writes it.
func large(n int) *sbom.Document {
	r := rand.New(rand.NewPCG(1, 2))
	d := &sbom.Document{Format: sbom.SPDX, SpecVersion: "2.3", Name: "registry.example/shop/web:1", Digest: ident.SHA256([]byte("large")),
		Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Tools: []sbom.Tool{{Name: "syft", Version: "1.4.0"}},
		Subject: sbom.Subject{Kind: "container", Name: "registry.example/shop/web", Version: "1", ID: "SPDXRef-DocumentRoot-Image-web"}}
	for i := range n {
		name := fmt.Sprintf("package-%d", i)
		d.Components = append(d.Components, sbom.Component{ID: fmt.Sprintf("SPDXRef-Package-deb-%s-%x", name, r.Uint64()), Type: "library", Name: name, Version: "1.2.3-4",
			PURL: "pkg:deb/debian/" + name + "@1.2.3-4?arch=amd64&distro=debian-12", CPEs: []string{"cpe:2.3:a:" + name + ":" + name + ":1.2.3-4:*:*:*:*:*:*:*"},
			Licenses: []sbom.License{{Expression: "GPL-2.0-or-later AND MIT", Kind: sbom.LicenseDeclared}, {Expression: "NOASSERTION", Kind: sbom.LicenseConcluded}},
			Supplier: "Debian", Hashes: []sbom.Hash{{Algorithm: "SHA-256", Value: strings.Repeat("0123456789abcdef", 4)}}, Pointer: fmt.Sprintf("/packages/%d", i)})
		d.Dependencies = append(d.Dependencies, sbom.Dependency{From: sbom.SubjectIndex, To: int32(i), Kind: sbom.Contains})
		if i > 0 {
			d.Dependencies = append(d.Dependencies, sbom.Dependency{From: int32(i), To: int32(r.IntN(i))})
		}
	}
	return d
}
