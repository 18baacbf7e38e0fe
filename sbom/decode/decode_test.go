package decode_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
)

const (
	cdx = `{"dependencies":[{"ref":"a","dependsOn":["b"]}],"components":[{"bom-ref":"a","type":"library","name":"lodash","version":"4.17.20","purl":"pkg:npm/lodash@4.17.20",
 "hashes":[{"alg":"SHA-256","content":"AA"}],"licenses":[{"license":{"id":"MIT"}}],"components":[{"bom-ref":"b","type":"library","name":"inner","version":"1"}]}],
 "metadata":{"timestamp":"2026-01-02T03:04:05Z","component":{"type":"container","bom-ref":"c","name":"registry.example/shop/web","version":"sha256:` + digestHex + `"},
 "tools":{"components":[{"type":"application","author":"anchore","name":"syft","version":"1.52.0"}]}},"specVersion":"1.6","version":1,"bomFormat":"CycloneDX"}`
	spdxJSON = `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","dataLicense":"CC0-1.0","name":"x","documentNamespace":"https://example/x",
 "creationInfo":{"created":"2026-01-02T03:04:05Z","creators":["Tool: syft-1"]},"packages":[{"SPDXID":"SPDXRef-a","name":"lodash","versionInfo":"4.17.20","downloadLocation":"NOASSERTION",
 "externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/lodash@4.17.20"}]}]}`
	cdxXML = `<?xml version="1.0" encoding="UTF-8"?><bom xmlns="http://cyclonedx.org/schema/bom/1.6" version="1"><components><component type="library" bom-ref="a"><name>lodash</name>
 <version>4.17.20</version><licenses><license><id>MIT</id></license></licenses><purl>pkg:npm/lodash@4.17.20</purl></component></components></bom>`
	tagValue  = "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\nSPDXID: SPDXRef-DOCUMENT\nDocumentName: x\nDocumentNamespace: https://example/x\nPackageName: lodash\nSPDXID: SPDXRef-a\nPackageVersion: 4.17.20\nExternalRef: PACKAGE-MANAGER purl pkg:npm/lodash@4.17.20\n"
	syftJSON  = `{"artifacts":[{"id":"1","name":"lodash","version":"4.17.20","type":"npm","purl":"pkg:npm/lodash@4.17.20","licenses":[{"value":"MIT","spdxExpression":"MIT","type":"declared"}],"cpes":[{"cpe":"cpe:2.3:a:x"}]}],"source":{"type":"image","metadata":{"userInput":"registry.example/shop/web:1.4","imageID":"sha256:` + digestHex + `","manifestDigest":"sha256:` + otherHex + `","repoDigests":["registry.example/shop/web@sha256:` + otherHex + `"]}},"distro":{"id":"debian","versionID":"12"},"descriptor":{"name":"syft","version":"1.52.0"},"schema":{"version":"16.0.0"}}`
	trivyJSON = `{"SchemaVersion":2,"ArtifactName":"registry.example/shop/web:1.4","ArtifactType":"container_image","Metadata":{"OS":{"Family":"debian","Name":"12.5"},"ImageID":"sha256:` + digestHex + `","RepoTags":["registry.example/shop/web:1.4"],"RepoDigests":["registry.example/shop/web@sha256:` + otherHex + `"]},"Results":[{"Target":"x","Packages":[{"ID":"lodash@4.17.20","Name":"lodash","Version":"4.17.20","Identifier":{"PURL":"pkg:npm/lodash@4.17.20"}}]}]}`
	digestHex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	otherHex  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

func Example() {
	docs, err := decode.Bytes(context.Background(), "image.json", []byte(cdx), decode.Limits{})
	fmt.Println(docs[0].Format, docs[0].SpecVersion, docs[0].Components[0].PURL, err)
	// Output: cyclonedx 1.6 pkg:npm/lodash@4.17.20 <nil>
}

func one(t testing.TB, raw string) *sbom.Document {
	t.Helper()
	docs, err := decode.Bytes(context.Background(), "x", []byte(raw), decode.Limits{})
	if err != nil || len(docs) != 1 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	return docs[0]
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

func statement(predicate string) string {
	return `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://spdx.dev/Document","subject":[{"name":"registry.example/shop/web","digest":{"sha256":"` + digestHex + `"}}],"predicate":` + predicate + `}`
}

// TestEveryFormatSaysTheSame: one component in every format and wrapping.
func TestEveryFormatSaysTheSame(t *testing.T) {
	envelope := `{"payloadType":"application/vnd.in-toto+json","payload":"` + base64.StdEncoding.EncodeToString([]byte(statement(spdxJSON))) + `","signatures":[]}`
	report := `{"apiVersion":"aquasecurity.github.io/v1alpha1","kind":"SbomReport","metadata":{"name":"x"},"report":{"registry":{"server":"registry.example"},"artifact":{"repository":"shop/web","tag":"1.4"},"components":` + cdx + `}}`
	for name, tc := range map[string]struct {
		raw    string
		format sbom.Format
	}{
		"CycloneDX JSON": {cdx, sbom.CycloneDX}, "CycloneDX XML": {cdxXML, sbom.CycloneDX}, "SPDX JSON": {spdxJSON, sbom.SPDX}, "SPDX tag-value": {tagValue, sbom.SPDX},
		"syft": {syftJSON, sbom.Syft}, "trivy": {trivyJSON, sbom.Trivy}, "gzip": {zipped(cdx), sbom.CycloneDX}, "statement": {statement(spdxJSON), sbom.SPDX},
		"envelope": {envelope, sbom.SPDX}, "byte order mark": {"\xef\xbb\xbf" + cdx, sbom.CycloneDX}, "operator's report": {report, sbom.TrivyOperator},
	} {
		t.Run(name, func(t *testing.T) {
			d := one(t, tc.raw)
			c := d.Components[0]
			if d.Format != tc.format || c.Name != "lodash" || c.Version != "4.17.20" || c.PURL != "pkg:npm/lodash@4.17.20" {
				t.Errorf("%s: %+v", d.Format, c)
			}
			if d.Digest != ident.SHA256([]byte(tc.raw)) || d.Size != int64(len(tc.raw)) || d.File != "x" {
				t.Errorf("identity of the document: %s, %d bytes, %q", d.Digest, d.Size, d.File)
			}
		})
	}
}

func TestIdentitiesOfImages(t *testing.T) {
	has := func(d *sbom.Document, role ident.DigestRole, hex string) {
		t.Helper()
		g, err := ident.ParseDigest("sha256:" + hex)
		if err != nil || !slices.Contains(d.Subject.Digests, ident.RoledDigest{Role: role, Digest: g}) {
			t.Errorf("%s: no %s digest %.8s in %+v", d.Format, role, hex, d.Subject.Digests)
		}
	}
	has(one(t, cdx), ident.RoleUnknown, digestHex)
	s := one(t, syftJSON)
	has(s, ident.RoleConfig, digestHex)
	has(s, ident.RoleManifest, otherHex)
	tr := one(t, trivyJSON)
	has(tr, ident.RoleConfig, digestHex)
	if len(tr.Subject.References) != 2 || len(s.Subject.References) != 2 {
		t.Errorf("references: trivy %v, syft %v", tr.Subject.References, s.Subject.References)
	}
	has(one(t, statement(spdxJSON)), ident.RoleUnknown, digestHex)
}

func TestNestedComponentsAndDependencies(t *testing.T) {
	d := one(t, cdx)
	if len(d.Components) != 2 || d.Components[1].Pointer != "/components/0/components/0" {
		t.Fatalf("%+v", d.Components)
	}
	want := []sbom.Dependency{{From: 0, To: 1, Kind: sbom.Contains}, {From: 0, To: 1, Kind: sbom.DependsOn}}
	if !slices.Equal(d.Dependencies, want) {
		t.Errorf("dependencies: %+v", d.Dependencies)
	}
	if h := d.Components[0].Hashes; len(h) != 1 || h[0] != (sbom.Hash{Algorithm: "SHA-256", Value: "aa"}) {
		t.Errorf("hashes: %+v", h)
	}
}

func TestWhatIsSomethingElseIsNamed(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                 "empty",
		"hello":                            "no SBOM in any format",
		`{"apiVersion":"v1","kind":"Pod"}`: "Kubernetes object",
		"apiVersion: v1\nkind: Pod\n":      "Kubernetes manifest",
		`{"id":"GO-1","affected":[]}`:      "OSV advisory",
		`{"runs":[],"version":"2.1.0"}`:    "SARIF",
		`{"matches":[],"descriptor":{}}`:   "Grype",
		`{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Target":"y"}]}`: "without package lists",
		`{"bomFormat":"CycloneDX","components":[`:                           "",
		`[1]`:           "JSON array",
		"\xff\xfe{\x00": "UTF-16",
		`<html></html>`: "not a CycloneDX document",
		`<!DOCTYPE bom [<!ENTITY a "b">]><bom>&a;</bom>`:                           "document type declarations",
		statement(statement(statement(statement(statement(statement(spdxJSON)))))): "wrapped more than",
		zipped(strings.Repeat(" ", 20<<20)):                                        "inflate",
		`{"bomFormat":"CycloneDX","x":` + strings.Repeat("[", 100_000):             "",
	} {
		docs, err := decode.Bytes(context.Background(), "x", []byte(raw), decode.Limits{MaxRatio: 10})
		if err == nil {
			t.Errorf("%.40q: taken for %v", raw, docs[0].Format)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", raw, err, want)
		}
	}
}

// TestEveryFixture decodes whatever the data folder holds: no fixture may crash
// a decoder, and the count of components is that of an obvious twin.
func TestEveryFixture(t *testing.T) {
	root := os.Getenv("COFFERDAM_DATA")
	if root == "" {
		t.Skip("COFFERDAM_DATA is not set: fixtures of other tools are not decoded")
	}
	read, refused, compared := 0, 0, 0
	err := filepath.WalkDir(filepath.Join(root, "sbom"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(p, ".textproto") {
			return err
		}
		raw, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		docs, err := decode.Bytes(context.Background(), p, raw, decode.Limits{})
		if err != nil {
			if ident.KindOf(err) == ident.KindFailure {
				t.Errorf("%s: %v", p, err)
			}
			refused++
			if base := filepath.Base(p); strings.HasPrefix(base, "valid-") && strings.Contains(p, "resources/1.") && !strings.Contains(p, "resources/1.0") && !strings.Contains(p, "resources/1.1") {
				t.Errorf("a valid document is refused: %s: %v", p, err)
			}
			return nil
		}
		read++
		if docs[0].Format == sbom.CycloneDX && docs[0].Encoding == sbom.JSON && json.Valid(raw) {
			var twin struct{ Components []naive }
			if json.Unmarshal(raw, &twin) == nil {
				compared++
				if got, want := len(docs[0].Components), count(twin.Components); got < want {
					t.Errorf("%s: %d components, the twin counts %d", p, got, want)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d documents read, %d refused, %d compared", read, refused, compared)
	if read < 500 || compared < 150 {
		t.Errorf("only %d read, %d compared", read, compared)
	}
}

type naive struct{ Components []naive }

func count(cs []naive) int {
	n := len(cs)
	for _, c := range cs {
		n += count(c.Components)
	}
	return n
}

func TestTruncatedDocumentsAreRefused(t *testing.T) {
	for name, raw := range map[string]string{"cdx": cdx, "xml": cdxXML, "spdx": spdxJSON, "syft": syftJSON, "trivy": trivyJSON} {
		for i := range raw {
			if docs, err := decode.Bytes(context.Background(), "x", []byte(raw[:i]), decode.Limits{}); err == nil {
				t.Errorf("%s cut at %d is taken for whole: %d components", name, i, len(docs[0].Components))
			}
		}
	}
}

func FuzzBytes(f *testing.F) {
	for _, s := range []string{cdx, cdxXML, spdxJSON, tagValue, syftJSON, trivyJSON, zipped(cdx), statement(spdxJSON)} {
		f.Add([]byte(s))
	}
	for _, name := range []string{"buildkit/greeter.amd64.sbom.intoto.json", "buildkit/folder.sbom.spdx.json", "buildkit/greeter.imagetools.json", "bom/cellar.spdx", "bom/greeter.spdx.json"} {
		f.Add(generated(f, name))
	}
	corpus.Seed(f, "sbom", ".json")
	f.Fuzz(func(t *testing.T, raw []byte) {
		docs, err := decode.Bytes(context.Background(), "x", raw, decode.Limits{MaxBytes: 1 << 20, MaxRatio: 20})
		if err != nil {
			return
		}
		for _, d := range docs {
			for _, e := range d.Dependencies {
				if n := int32(len(d.Components)); e.From >= n || e.To >= n || e.From < sbom.SubjectIndex || e.To < sbom.SubjectIndex {
					t.Fatalf("a dependency leads from %d to %d of %d components", e.From, e.To, n)
				}
			}
		}
	})
}
