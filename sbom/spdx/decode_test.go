package spdx

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cofferdam-io/cofferdam/ident"
	realdocs "github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
)

var (
	hexA = strings.Repeat("a1", 32)
	hexB = strings.Repeat("b2", 32)
	hexC = strings.Repeat("c3", 32)
)

const head = `"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT",`

func decode(t *testing.T, in string) *sbom.Document {
	t.Helper()
	doc, err := Decode(context.Background(), []byte(in), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func trivyDoc() string {
	return `{` + head + `"name":"registry.example/shop/web:1.2","creationInfo":{"created":"2024-01-02T03:04:05Z","creators":["Organization: aquasecurity","Tool: trivy-0.55.0"]},
"relationships":[
 {"spdxElementId":"SPDXRef-DOCUMENT","relatedSpdxElement":"SPDXRef-ContainerImage-1","relationshipType":"DESCRIBES"},
 {"spdxElementId":"SPDXRef-ContainerImage-1","relatedSpdxElement":"SPDXRef-OperatingSystem-2","relationshipType":"CONTAINS"},
 {"spdxElementId":"SPDXRef-OperatingSystem-2","relatedSpdxElement":"SPDXRef-Package-3","relationshipType":"CONTAINS"},
 {"spdxElementId":"SPDXRef-Package-4","relatedSpdxElement":"SPDXRef-Package-3","relationshipType":"DEPENDENCY_OF"},
 {"spdxElementId":"SPDXRef-Package-3","relatedSpdxElement":"SPDXRef-File-9","relationshipType":"CONTAINS"}],
"packages":[
 {"SPDXID":"SPDXRef-Package-4","name":"musl","versionInfo":"1.2.3","licenseDeclared":"NONE"},
 {"SPDXID":"SPDXRef-ContainerImage-1","name":"registry.example/shop/web:1.2","primaryPackagePurpose":"CONTAINER",
  "externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:oci/web@sha256%3A` + hexA + `?arch=amd64&repository_url=registry.example%2Fshop%2Fweb"}],
  "annotations":[{"comment":"ImageID: sha256:` + hexB + `"},{"comment":"RepoDigest: registry.example/shop/web@sha256:` + hexA + `"},{"comment":"RepoTag: registry.example/shop/web:1.2"}]},
 {"SPDXID":"SPDXRef-OperatingSystem-2","name":"redhat","versionInfo":"9.4"},
 {"SPDXID":"SPDXRef-Package-3","name":"zlib","versionInfo":"1.3","supplier":"Organization: Zlib (z@example.org)","originator":"NOASSERTION","licenseDeclared":"Zlib","licenseConcluded":"NOASSERTION",
  "checksums":[{"algorithm":"SHA256","checksumValue":"` + strings.ToUpper(hexC) + `"}],"attributionTexts":["LayerDiffID: sha256:` + hexC + `"],
  "externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:apk/alpine/zlib@1.3"},{"referenceType":"purl","referenceLocator":"pkg:apk/alpine/other@1"},{"referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a:z:z:1.3"}]}]}`
}

func TestNamesOfOtherCaseAreOtherMembers(t *testing.T) {
	want, got := decode(t, trivyDoc()), decode(t, realdocs.OtherCase(t, trivyDoc()))
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(sbom.Document{}, "Digest", "Size"), cmpopts.EquateComparable(ident.Digest{})); d != "" {
		t.Error(d)
	}
}

func TestTrivyImage(t *testing.T) {
	doc := decode(t, trivyDoc())
	s := doc.Subject
	var got []string
	for _, d := range s.Digests {
		got = append(got, d.Role.String()+" "+d.Digest.Hex()[:2])
	}
	for _, r := range s.References {
		got = append(got, strings.ReplaceAll(r.String(), hexA, "A"))
	}
	want := []string{"unknown a1", "config b2", "registry.example/shop/web@sha256:A", "registry.example/shop/web:1.2"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if s.Kind != "container" || s.OS != (sbom.Distro{ID: "rhel", VersionID: "9.4"}) || len(doc.Components) != 3 {
		t.Errorf("%+v, %d components", s, len(doc.Components))
	}
	// musl, operating system, zlib: the image was taken from between them.
	edges := []sbom.Dependency{{From: -1, To: 1, Kind: sbom.Contains}, {From: 1, To: 2, Kind: sbom.Contains}, {From: 2, To: 0, Kind: sbom.DependsOn}}
	if d := cmp.Diff(edges, doc.Dependencies); d != "" {
		t.Error(d)
	}
	z := doc.Components[2]
	if z.PURL != "pkg:apk/alpine/zlib@1.3" || z.Supplier != "Zlib (z@example.org)" || z.Origin != "NOASSERTION" || z.Layer.Hex() != hexC ||
		len(z.CPEs) != 1 || z.Pointer != "/packages/3" || z.Hashes[0] != (sbom.Hash{Algorithm: "SHA-256", Value: hexC}) {
		t.Errorf("%+v", z)
	}
	lic := []sbom.License{{Expression: "Zlib", Kind: sbom.LicenseDeclared}, {Expression: "NOASSERTION", Kind: sbom.LicenseConcluded}}
	if d := cmp.Diff(lic, z.Licenses); d != "" {
		t.Error(d)
	}
	if len(doc.Warnings) != 1 || doc.Warnings[0].Pointer != "/packages/3/externalRefs/1" {
		t.Errorf("%+v", doc.Warnings)
	}
	if doc.Tools[0] != (sbom.Tool{Name: "trivy", Version: "0.55.0"}) || doc.Created.Year() != 2024 {
		t.Errorf("%+v %v", doc.Tools, doc.Created)
	}
}

func TestSubjects(t *testing.T) {
	describes := func(id string) string {
		return `"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relatedSpdxElement":"` + id + `","relationshipType":"DESCRIBES"}]`
	}
	syft := `"creationInfo":{"creators":["Tool: syft-1.4.0"]},`
	for name, c := range map[string]struct{ in, want string }{
		"syft image": {`{` + head + syft + `"packages":[{"SPDXID":"SPDXRef-DocumentRoot-Image-x","name":"docker.io/library/alpine","versionInfo":"3.18","checksums":[{"algorithm":"SHA256","checksumValue":"` + hexA + `"}]}],` + describes("SPDXRef-DocumentRoot-Image-x") + `}`,
			"container docker.io/library/alpine [manifest a1] [docker.io/library/alpine:3.18] 0"},
		"described application stays": {`{` + head + `"documentDescribes":["SPDXRef-a"],"packages":[{"SPDXID":"SPDXRef-a","name":"app","primaryPackagePurpose":"APPLICATION"}]}`,
			"application app [] [] 1"},
		"several": {`{` + head + `"name":"two","documentDescribes":["SPDXRef-a","SPDXRef-b"],"packages":[{"SPDXID":"SPDXRef-a","name":"a"},{"SPDXID":"SPDXRef-b","name":"b"}]}`,
			" two [] [] 2"},
		"index by media type": {`{` + head + `"documentDescribes":["SPDXRef-i"],"packages":[{"SPDXID":"SPDXRef-i","name":"i","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:oci/i@sha256:` + hexB + `?mediaType=application%2Fvnd.oci.image.index.v1%2Bjson&repository_url=r.example&tag=v1"}]}]}`,
			"container i [index b2] [r.example/i:v1@sha256:b2] 0"},
		"docker type": {`{` + head + `"documentDescribes":["SPDXRef-i"],"packages":[{"SPDXID":"SPDXRef-i","name":"alpine","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:docker/alpine@3.19?digest=sha256:` + hexC + `"}]}]}`,
			"container alpine [unknown c3] [docker.io/library/alpine:3.19@sha256:c3] 0"},
		"github wrapper": {`{"sbom":{` + head + `"name":"repo","packages":[{"SPDXID":"SPDXRef-a","name":"a"}]}}`, " repo [] [] 1"},
		"file":           {`{` + head + `"files":[{"SPDXID":"SPDXRef-f","fileName":"go.mod"}],` + describes("SPDXRef-f") + `}`, "file go.mod [] [] 0"},
	} {
		doc := decode(t, c.in)
		var digests []string
		for _, d := range doc.Subject.Digests {
			digests = append(digests, d.Role.String()+" "+d.Digest.Hex()[:2])
		}
		got := fmt.Sprintf("%s %s %v %v %d", doc.Subject.Kind, doc.Subject.Name, digests, doc.Subject.References, len(doc.Components))
		for _, h := range []string{hexA, hexB, hexC} {
			got = strings.ReplaceAll(got, h, h[:2])
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

const tagValueDoc = `# comment
SPDXVersion: SPDX-2.3
SPDXID: SPDXRef-DOCUMENT
DocumentName: demo
Creator: Tool: bom-v0.6.0
Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-a
Strange: x
PackageName: a
SPDXID: SPDXRef-a
PackageVersion: 1.0
PackageDescription: <text>two
PackageName: not a package
lines</text>
ExternalRef: PACKAGE-MANAGER purl pkg:npm/a@1.0
PackageChecksum: SHA1: ABCD
PackageLicenseDeclared: MIT
FileName: ./f
SPDXID: SPDXRef-f
LicenseConcluded: NOASSERTION
PackageName: b
SPDXID: SPDXRef-b
Relationship: SPDXRef-a DEPENDS_ON SPDXRef-b
`

func TestTagValue(t *testing.T) {
	doc := decode(t, tagValueDoc)
	if len(doc.Components) != 2 || doc.Components[0].PURL != "pkg:npm/a@1.0" || doc.Components[1].Pointer != "line 20" || doc.Subject.Name != "a" {
		t.Errorf("%+v", doc.Components)
	}
	if d := cmp.Diff([]sbom.Dependency{{From: 0, To: 1}, {From: -1, To: 0, Kind: sbom.Contains}}, doc.Dependencies); d != "" {
		t.Error(d)
	}
	if len(doc.Warnings) != 1 || doc.Warnings[0].Pointer != "line 7" {
		t.Errorf("%+v", doc.Warnings)
	}
}

const jsonLDDoc = `{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[
{"type":"Relationship","from":"u:a","to":["u:b"],"relationshipType":"dependsOn","completeness":"incomplete"},
{"type":"Relationship","from":"u:a","to":["u:l"],"relationshipType":"hasDeclaredLicense"},
{"type":"expandedlicensing_DisjunctiveLicenseSet","spdxId":"u:l","expandedlicensing_member":["https://spdx.org/licenses/MIT","u:l2"]},
{"type":"simplelicensing_LicenseExpression","spdxId":"u:l2","simplelicensing_licenseExpression":"Apache-2.0"},
{"type":"CreationInfo","@id":"_:c","specVersion":"3.0.1","created":"2024-01-02T03:04:05Z","createdBy":["u:o"]},
{"type":"Organization","spdxId":"u:o","name":"Example"},
{"type":"SpdxDocument","spdxId":"u:d","name":"doc","creationInfo":"_:c","rootElement":["u:s"]},
{"type":"software_Sbom","spdxId":"u:s","rootElement":["u:a"],"software_sbomType":["build"]},
{"type":"software_Package","spdxId":"u:a","name":"a","software_packageVersion":"1","software_packageUrl":"pkg:npm/a@1","suppliedBy":"u:o","software_primaryPurpose":"library"},
{"type":"software_Package","spdxId":"u:b","name":"b","verifiedUsing":[{"type":"Hash","algorithm":"sha3_256","hashValue":"AB"}]}]}`

func TestJSONLD(t *testing.T) {
	doc := decode(t, jsonLDDoc)
	a, b := doc.Components[0], doc.Components[1]
	if a.Supplier != "Example" || a.PURL != "pkg:npm/a@1" || a.Type != "library" || b.Hashes[0] != (sbom.Hash{Algorithm: "SHA3-256", Value: "ab"}) {
		t.Errorf("%+v", doc.Components)
	}
	if d := cmp.Diff([]sbom.License{{Expression: "MIT OR Apache-2.0", Kind: sbom.LicenseDeclared}}, a.Licenses); d != "" {
		t.Error(d)
	}
	if !doc.Incomplete || doc.SpecVersion != "3.0.1" || doc.Subject.ID != "u:a" || doc.Authors[0] != "Example" || doc.Lifecycle[0] != "build" {
		t.Errorf("%+v", doc)
	}
}

func TestRefusals(t *testing.T) {
	for in, kind := range map[string]ident.Kind{
		"": ident.KindInvalid, "{}": ident.KindInvalid, "[]": ident.KindInvalid, "{": ident.KindInvalid, "text": ident.KindInvalid,
		`{"spdxVersion":"SPDX-2.9"}`: ident.KindUnsupported, `{"spdxVersion":"x"}`: ident.KindInvalid,
		`{"spdxVersion":"SPDX-2.3","name":"a","name":"b"}`: ident.KindInvalid,
		"PK\x03\x04zip":                                           ident.KindUnsupported,
		"<?xml version=\"1.0\"?><rdf:RDF/>":                       ident.KindUnsupported,
		"spdxVersion: SPDX-2.3\n":                                 ident.KindUnsupported,
		"SPDXVersion: SPDX-2.3\nX: <text>open":                    ident.KindInvalid,
		"SPDXVersion: SPDX-2.3\nX: \xff":                          ident.KindInvalid,
		strings.Repeat(`{"a":`, 1000):                             ident.KindLimit,
		`{"@context":"x","@graph":[{}]}`:                          ident.KindInvalid,
		`{"@context":"https://spdx.org/rdf/3.1/x","@graph":[{}]}`: ident.KindUnsupported,
	} {
		if doc, err := Decode(context.Background(), []byte(in), Options{}); err == nil || ident.KindOf(err) != kind {
			t.Errorf("%.40q: %v, %v", in, doc, err)
		}
	}
	if _, err := Decode(context.Background(), []byte(trivyDoc()), Options{MaxPackages: 2}); ident.KindOf(err) != ident.KindLimit {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Decode(ctx, []byte(trivyDoc()), Options{}); err == nil {
		t.Error("a cancelled context is ignored")
	}
}

// TestTruncation cuts each document at every byte: JSON must then be refused.
func TestTruncation(t *testing.T) {
	for _, in := range []string{trivyDoc(), jsonLDDoc} {
		for i := range len(in) {
			if _, err := Decode(context.Background(), []byte(in[:i]), Options{}); err == nil {
				t.Fatalf("cut at %d of %d: no error", i, len(in))
			}
		}
	}
	// Tag-value has no closing mark: cut before its relationships it is read, and
	// must not pass for whole.
	last := strings.LastIndex(tagValueDoc, "\nPackageName:")
	relationships := last + strings.Index(tagValueDoc[max(last, 0):], "\nRelationship:")
	if last < 0 || relationships < last {
		t.Fatal("the document has no relationships")
	}
	read := 0
	for i := range relationships + 1 {
		d, err := Decode(context.Background(), []byte(tagValueDoc[:i]), Options{})
		if err != nil || len(d.Components) == 0 {
			continue
		}
		if read++; !d.Incomplete {
			t.Fatalf("cut at %d of %d it passes for whole, with %d packages", i, len(tagValueDoc), len(d.Components))
		}
	}
	if read == 0 {
		t.Error("no cut document was read")
	}
}

func fuzz(f *testing.F, part, extension string, seeds ...string) {
	realdocs.Seed(f, part, extension)
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := Decode(context.Background(), data, Options{})
		if (doc == nil) == (err == nil) {
			t.Fatal("neither or both of document and error")
		}
		if err == nil {
			wellFormed(t, "input", doc, data)
		}
	})
}

// written is what Kubernetes' bom wrote of an index and its layers.
func written(f *testing.F, name string) string {
	raw, err := os.ReadFile("../decode/testdata/generators/bom/" + name)
	if err != nil {
		f.Fatal(err)
	}
	return string(raw)
}

func FuzzJSON(f *testing.F) {
	fuzz(f, "sbom/sbomqs-testdata/samples", ".json", trivyDoc(), written(f, "greeter.spdx.json"), `{"sbom":{`+head+`"packages":[null,1,{}]}}`)
}
func FuzzTagValue(f *testing.F) {
	fuzz(f, "sbom/sbom-utility-tests/examples/spdx", ".spdx", tagValueDoc, written(f, "cellar.spdx"))
}
func FuzzJSONLD(f *testing.F) { fuzz(f, "sbom/sbomqs-testdata/spdx3", ".json", jsonLDDoc) }

// TestIndexOfManyPlatforms: identities of an index are bounded, and what is left out is said.
func TestIndexOfManyPlatforms(t *testing.T) {
	image := func(i int, kind string) string {
		return fmt.Sprintf(`{"SPDXID":"SPDXRef-%d","name":"i","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:oci/i@sha256:%064x?mediaType=application%%2Fvnd.oci.image.%s.v1%%2Bjson&repository_url=r.example/i"}]}`, i, i, kind)
	}
	packages, relations := []string{image(0, "index")}, []string{`{"spdxElementId":"SPDXRef-DOCUMENT","relatedSpdxElement":"SPDXRef-0","relationshipType":"DESCRIBES"}`}
	for i := range 300 {
		packages = append(packages, image(i+1, "manifest"))
		relations = append(relations, fmt.Sprintf(`{"spdxElementId":"SPDXRef-0","relatedSpdxElement":"SPDXRef-%d","relationshipType":"CONTAINS"}`, i+1))
	}
	doc := decode(t, `{`+head+`"packages":[`+strings.Join(packages, ",")+`],"relationships":[`+strings.Join(relations, ",")+`]}`)
	s := doc.Subject
	if len(s.Digests) != 257 || len(s.References) != 257 || s.Digests[0].Role != ident.RoleIndex || s.Digests[256].Role != ident.RoleManifest {
		t.Errorf("%d digests, %d references", len(s.Digests), len(s.References))
	}
	if len(doc.Warnings) != 1 || !strings.Contains(doc.Warnings[0].Message, "more than 256 platforms") {
		t.Errorf("%+v", doc.Warnings)
	}
}
