package schema_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom/schema"
)

// spdx2 is a valid SPDX 2.3 document.
const spdx2 = `{
  "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "hull",
  "documentNamespace": "https://example.org/hull-1",
  "creationInfo": {"creators": ["Tool: shipwright-1.0", "Organization: Dry Dock ()"], "created": "2026-11-21T07:05:00Z"},
  "externalDocumentRefs": [{"externalDocumentId": "DocumentRef-keel", "spdxDocument": "https://example.org/keel",
    "checksum": {"algorithm": "SHA1", "checksumValue": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}}],
  "packages": [{"name": "hull", "SPDXID": "SPDXRef-hull", "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "supplier": "NOASSERTION",
    "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:generic/hull@1"}]}],
  "files": [{"fileName": "./plank", "SPDXID": "SPDXRef-plank", "checksums": [{"algorithm": "SHA1", "checksumValue": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}]}],
  "relationships": [
    {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-hull"},
    {"spdxElementId": "SPDXRef-hull", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "DocumentRef-keel:SPDXRef-keel"},
    {"spdxElementId": "SPDXRef-hull", "relationshipType": "CONTAINS", "relatedSpdxElement": "NOASSERTION"}]
}`

// spdx3 is a valid SPDX 3.0.1 document.
const spdx3 = `{
  "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
  "@graph": [
    {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1", "created": "2026-11-21T07:05:00Z", "createdBy": ["https://example.org/dock"]},
    {"type": "Organization", "spdxId": "https://example.org/dock", "creationInfo": "_:c", "name": "Dry Dock"},
    {"type": "SpdxDocument", "spdxId": "https://example.org/doc", "creationInfo": "_:c", "rootElement": ["https://example.org/hull"]},
    {"type": "software_Package", "spdxId": "https://example.org/hull", "creationInfo": "_:c", "name": "hull"},
    {"type": "Relationship", "spdxId": "https://example.org/r1", "creationInfo": "_:c", "from": "https://example.org/doc", "relationshipType": "contains", "to": ["https://example.org/hull"]}
  ]
}`

// TestSPDXViolations changes one thing in a valid document.
func TestSPDXViolations(t *testing.T) {
	v := schema.New(schema.Limits{})
	for _, c := range []struct{ name, doc, old, new, want, rule string }{
		{"valid 2.3", spdx2, "", "", "", ""},
		{"valid 3.0.1", spdx3, "", "", "", ""},
		{"data license", spdx2, "CC0-1.0", "MIT", `/dataLicense: must be "CC0-1.0", found "MIT"`, "SPDX 2.3 clause 6.2"},
		{"namespace with a fragment", spdx2, "hull-1", "hull#1", `/documentNamespace: must match`, "SPDX 2.3 clause 6.5"},
		{"no creators", spdx2, `"Tool: shipwright-1.0", "Organization: Dry Dock ()"`, "", `/creationInfo/creators: must have at least 1 items`, "SPDX 2.3 clause 6.8"},
		{"creator without a kind", spdx2, "Tool: shipwright", "shipwright", `/creationInfo/creators/0: must match`, "SPDX 2.3 clause 6.8"},
		{"created with a fraction", spdx2, "07:05:00Z", "07:05:00.5Z", `/creationInfo/created: must match`, "SPDX 2.3 clause 6.9"},
		{"no such day", spdx2, "2026-11-21", "2026-11-31", `/creationInfo/created: must be of format date-time`, "SPDX 2.3 clause 6.9"},
		{"missing name", spdx2, `"name": "hull", "SPDXID": "SPDXRef-hull", `, `"SPDXID": "SPDXRef-hull", `, `/packages/0: must have "name"`, "SPDX 2.3 clause 7"},
		{"identifier", spdx2, `"SPDXID": "SPDXRef-hull"`, `"SPDXID": "SPDXRef-hu_ll"`, `/packages/0/SPDXID: must match`, "SPDX 2.3 clause 7.2"},
		{"repeated identifier", spdx2, `"SPDXID": "SPDXRef-plank"`, `"SPDXID": "SPDXRef-hull"`, `/files/0/SPDXID: must be unique, found "SPDXRef-hull" as at /packages/0/SPDXID`, "SPDX 2.3 clause 3.2"},
		{"misspelt member", spdx2, `"supplier"`, `"suplier"`, `/packages/0/suplier: is not a property of this object; did you mean "supplier"?`, "SPDX 2.3 clause 7"},
		{"verification code of files that were not analysed", spdx2, `"filesAnalyzed": false`,
			`"filesAnalyzed": false, "packageVerificationCode": {"packageVerificationCodeValue": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}`,
			`/packages/0: must not have "packageVerificationCode" here`, "SPDX 2.3 clause 7.9"},
		{"external reference with a space", spdx2, "hull@1", "hull @1", `/packages/0/externalRefs/0/referenceLocator: must match`, "SPDX 2.3 clause 7.21"},
		{"relationship type", spdx2, `"DESCRIBES"`, `"DESCRIBE"`, `; did you mean "DESCRIBES"?`, "SPDX 2.3 clause 11.1"},
		{"dangling relationship", spdx2, `"relatedSpdxElement": "SPDXRef-hull"`, `"relatedSpdxElement": "SPDXRef-hulk"`,
			`/relationships/0/relatedSpdxElement: must refer to an element of the document, found "SPDXRef-hulk"`, "SPDX 2.3 clause 11.1"},
		{"undeclared document", spdx2, `"DocumentRef-keel:`, `"DocumentRef-mast:`, `/relationships/1/relatedSpdxElement: must refer to a declared external document`, "SPDX 2.3 clause 6.6"},
		{"short digest", spdx2, `"checksums": [{"algorithm": "SHA1", "checksumValue": "da`, `"checksums": [{"algorithm": "SHA1", "checksumValue": "`,
			`/files/0/checksums/0/checksumValue: must have 40 hexadecimal digits for SHA1, found 38`, "SPDX 2.3 clause 7.10"},
		{"file without SHA1", spdx2, `"checksums": [{"algorithm": "SHA1"`, `"checksums": [{"algorithm": "BLAKE3"`, `/files/0/checksums: must have a SHA1 checksum`, "SPDX 2.3 clause 8.4"},
		{"2.2 asks for more", spdx2, "SPDX-2.3", "SPDX-2.2", `must have "licenseConcluded"`, "SPDX 2.2 sections"},
		{"duplicate name", spdx2, `"name": "hull",`, `"name": "hull", "name": "bow",`, `must not repeat the name "name"`, "RFC 8259 section 4"},
		{"truncated", spdx2, `"DESCRIBES"`, "\x00", `must be a JSON value`, "RFC 8259 section 3"},
		{"no creation", spdx3, `"spdxId": "https://example.org/hull", "creationInfo": "_:c"`, `"spdxId": "https://example.org/hull"`, `/@graph/3: must have "creationInfo"`, "SPDX 3.0.1 Core/Classes/Element"},
		{"dangling creation", spdx3, `"spdxId": "https://example.org/hull", "creationInfo": "_:c"`, `"spdxId": "https://example.org/hull", "creationInfo": "_:d"`,
			`/@graph/3/creationInfo: must refer to a CreationInfo of the file, found "_:d"`, "SPDX 3.0.1 Core/Properties/creationInfo"},
		{"nobody created it", spdx3, `"createdBy": ["https://example.org/dock"]`, `"createdBy": []`, `/@graph/0/createdBy: must have at least 1 items`, "SPDX 3.0.1 Core/Properties/createdBy"},
		{"identifier that is no IRI", spdx3, `"spdxId": "https://example.org/hull"`, `"spdxId": "hull"`, `/@graph/3/spdxId: must match`, "SPDX 3.0.1 Core/Properties/spdxId"},
		{"no identifier", spdx3, `"spdxId": "https://example.org/hull", `, ``, `/@graph/3: must have "spdxId" or "@id"`, "SPDX 3.0.1 serialization"},
		{"relationship to nothing", spdx3, `"to": ["https://example.org/hull"]`, `"to": []`, `/@graph/4/to: must have at least 1 items`, "SPDX 3.0.1 Core/Properties/to"},
		{"two documents", spdx3, `"software_Package"`, `"SpdxDocument"`, `/@graph/3: must be the only SpdxDocument`, "SPDX 3.0.1 Core/Classes/SpdxDocument"},
		{"no graph", spdx3, `"@graph"`, `"graph"`, `the document must have "@graph"`, "SPDX 3.0.1 serialization"},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc := c.doc
			if c.old != "" {
				doc = strings.Replace(doc, c.old, c.new, 1)
				if doc == c.doc {
					t.Fatalf("%q is not in the document", c.old)
				}
			}
			violations, err := v.SPDXJSON(context.Background(), []byte(doc))
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range violations {
				if c.want != "" && strings.Contains(x.String(), c.want) && strings.HasPrefix(x.Rule, c.rule) {
					return
				}
			}
			for _, x := range violations {
				t.Logf("%s [%s]", x, x.Rule)
			}
			if c.want != "" || len(violations) > 0 {
				t.Errorf("want %q by %q", c.want, c.rule)
			}
		})
	}
}

func TestSPDXNotJudged(t *testing.T) {
	v := schema.New(schema.Limits{})
	for _, doc := range []string{"", "[]", "{", `{"bomFormat": "CycloneDX"}`, `{"spdxVersion": "SPDX-2.1"}`, `{"spdxVersion": 2.3}`, `{"@context": "https://schema.org"}`} {
		if _, err := v.SPDXJSON(context.Background(), []byte(doc)); ident.KindOf(err) != ident.KindUnsupported {
			t.Errorf("%q: %v", doc, err)
		}
	}
}

// TestSPDXExamples: the SPDX project's own SPDX 3 examples are valid.
func TestSPDXExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(dataDir(t, "sbom", "sbomqs-testdata", "spdx3"), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	v := schema.New(schema.Limits{})
	judged := 0
	for _, file := range files {
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if version, _ := schema.DetectSPDX(doc); !strings.HasPrefix(version, "3.") {
			continue
		}
		violations, err := v.SPDXJSON(context.Background(), doc)
		if err != nil || len(violations) > 0 {
			t.Errorf("%s: %v, %v", filepath.Base(file), violations, err)
		}
		judged++
	}
	t.Logf("%d examples judged", judged)
}

func FuzzSPDX(f *testing.F) {
	f.Add([]byte(spdx2))
	f.Add([]byte(spdx3))
	f.Add([]byte(strings.ReplaceAll(spdx2, "SPDX-2.3", "SPDX-2.2")))
	v := schema.New(schema.Limits{})
	f.Fuzz(func(t *testing.T, doc []byte) {
		violations, err := v.SPDXJSON(context.Background(), doc)
		if err != nil {
			if k := ident.KindOf(err); k != ident.KindUnsupported && k != ident.KindLimit {
				t.Fatal(err)
			}
			return
		}
		whole(t, doc, violations)
	})
}
