package survey_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/survey"
)

func losses(tb testing.TB, raw string) []string {
	tb.Helper()
	docs, err := decode.Bytes(context.Background(), "x", []byte(raw), decode.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	list, err := survey.Document(context.Background(), []byte(raw), docs[0])
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for _, l := range list {
		out = append(out, fmt.Sprintf("%d %s %s", l.Count, l.What, l.Pointer))
	}
	return out
}

func Example() {
	raw := []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"a","description":"A."}]}`)
	docs, _ := decode.Bytes(context.Background(), "a.cdx.json", raw, decode.Limits{})
	list, _ := survey.Document(context.Background(), raw, docs[0])
	for _, l := range list {
		fmt.Println(l.Count, l.What, l.Pointer)
	}
	// Output: 1 components.description /components/0/description
}

func TestDocument(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want []string
	}{
		{`{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:1","metadata":{"timestamp":"2026-01-02T03:04:05Z","tools":[{"vendor":"v","name":"n","version":"1","hashes":[{"alg":"MD5"}]}],
		"supplier":{"name":"s"}},"components":[{"type":"library","name":"a","copyright":"","licenses":[{"license":{"id":"MIT","url":"u"}}],"externalReferences":[],
		"properties":[{"name":"syft:location:0:path","value":"/"},{"name":"syft:package:type","value":"npm"},{"name":"x"}],"components":[{"type":"library","name":"b","copyright":"c","pedigree":{"notes":"n"}}]}],
		"services":[{"name":"s"}],"vulnerabilities":[{"id":"CVE-1"}],"compositions":[{"aggregate":"complete"},{"aggregate":"incomplete"}]}`,
			[]string{"1 metadata.tools.hashes /metadata/tools/0/hashes", "1 metadata.supplier /metadata/supplier", "1 components.licenses.license.url /components/0/licenses/0/license/url",
				"2 components.properties /components/0/properties/1", "1 components.components.copyright /components/0/components/0/copyright",
				"1 components.components.pedigree /components/0/components/0/pedigree", "1 services /services", "1 vulnerabilities /vulnerabilities", "1 compositions (complete) /compositions/0"}},
		{`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","dataLicense":"CC0-1.0","name":"n","documentNamespace":"urn:a:b","creationInfo":{"created":"2026-01-02T03:04:05Z","creators":["Tool: x"],"licenseListVersion":"3.20"},
		"packages":[{"SPDXID":"SPDXRef-a","name":"a","downloadLocation":"NOASSERTION","copyrightText":"NONE","filesAnalyzed":false,"externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/a@1"},
		{"referenceType":"swh","referenceLocator":"x"}],"annotations":[{"comment":"hello"},{"comment":"cofferdam:sbom:scope=optional"}]}],"files":[{"SPDXID":"SPDXRef-f"},{"SPDXID":"SPDXRef-g"}],
		"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-a"},{"spdxElementId":"SPDXRef-a","relationshipType":"BUILD_TOOL_OF","relatedSpdxElement":"SPDXRef-a"}]}`,
			[]string{"1 creationInfo.licenseListVersion /creationInfo/licenseListVersion", "1 packages.copyrightText /packages/0/copyrightText", "1 packages.externalRefs (swh) /packages/0/externalRefs/1",
				"1 packages.annotations /packages/0/annotations/0", "2 files /files/0", "1 relationships (type BUILD_TOOL_OF) /relationships/1"}},
		{`{"artifacts":[],"source":{"type":"directory"},"descriptor":{"name":"syft"},"schema":{"version":"16.0.0"}}`,
			[]string{"1 whatever is not of the model: documents of this format and encoding are not surveyed "}},
	} {
		if got := losses(t, c.raw); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%q\nwant\n%q", c.raw, got, c.want)
		}
	}
}

func TestRealDocumentsAreSurveyed(t *testing.T) {
	root := filepath.Join(corpus.Root(t), "sbom", "sbomqs-testdata")
	some := 0
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || filepath.Ext(p) != ".json" {
			return err
		}
		raw, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		docs, unread := decode.Bytes(context.Background(), p, raw, decode.Limits{})
		if unread != nil || len(docs) != 1 || docs[0].Encoding != sbom.JSON {
			return nil //nolint:nilerr // some of them are broken on purpose
		}
		list, err := survey.Document(context.Background(), raw, docs[0])
		if err != nil {
			t.Errorf("%s: %v", p, err)
		}
		some += len(list)
		return nil
	})
	if err != nil || some < 100 {
		t.Errorf("%v, %d losses", err, some)
	}
}

func FuzzDocument(f *testing.F) {
	corpus.Seed(f, "sbom", ".json")
	f.Fuzz(func(_ *testing.T, raw []byte) {
		for _, d := range []*sbom.Document{{Format: sbom.CycloneDX, Encoding: sbom.JSON}, {Format: sbom.SPDX, Encoding: sbom.JSON}} {
			survey.Any(raw, d)
		}
	})
}
