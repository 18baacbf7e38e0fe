package quality_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
)

func read(tb testing.TB, raw string) *sbom.Document {
	tb.Helper()
	docs, err := decode.Bytes(context.Background(), "x", []byte(raw), decode.Limits{Details: true})
	if err != nil {
		tb.Fatal(err)
	}
	return docs[0]
}

const small = `{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79","version":1,
	"metadata":{"timestamp":"2026-01-02T03:04:05Z","authors":[{"name":"Ann","email":"ann@example.org"}],"component":{"type":"application","bom-ref":"app","name":"app","version":"1"}},
	"components":[{"type":"library","bom-ref":"a","name":"a","version":"unknown","purl":"pkg:npm/a@2"},{"type":"library","name":"b","version":"2","purl":"pkg:npm/other@3","swid":{"tagId":"t","name":"b"}}],
	"dependencies":[{"ref":"app","dependsOn":["a"]}],"compositions":[{"aggregate":"incomplete","assemblies":["app"]}]}`

func Example() {
	docs, _ := decode.Bytes(context.Background(), "a.cdx.json", []byte(small), decode.Limits{Details: true})
	r := quality.Score(docs[0], quality.Options{})
	p := r.Profile("cisa-2026")
	fmt.Println(p.Conforms)
	for _, e := range p.Elements {
		if e.ID == "component-version" {
			fmt.Println(e.Present, e.Declared, e.Absent, e.Outcome, e.Findings[0].Pointer)
		}
	}
	// Output:
	// no
	// 2 1 0 declared /components/0/version
}

// outcomes are "profile/element" with how many places are present, declared, absent and
// not examined, and "check" with its places.
func outcomes(r *quality.Report) map[string]string {
	out := map[string]string{}
	for _, p := range r.Profiles {
		out[p.ID] = p.Conforms
		for _, e := range p.Elements {
			out[p.ID+"/"+e.ID] = fmt.Sprintf("%d %d %d %d", e.Present, e.Declared, e.Absent, e.NotExamined)
		}
	}
	for _, c := range r.Policy.Checks {
		out[c.ID] = strconv.Itoa(c.Places)
	}
	return out
}

func TestScore(t *testing.T) {
	const spdx = `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","dataLicense":"CC0-1.0","name":"n","documentNamespace":"https://example.org/n",
		"creationInfo":{"created":"2026-01-02T03:04:05Z","creators":["Organization: Example (sbom@example.org)","Tool: syft-1.4.0"],"comment":"SBOM type: Build"},
		"packages":[{"SPDXID":"SPDXRef-a","name":"a","versionInfo":"1","supplier":"NOASSERTION","downloadLocation":"NOASSERTION","licenseConcluded":"NOASSERTION","licenseDeclared":"MIT",
		"copyrightText":"NONE","packageVerificationCode":{"packageVerificationCodeValue":"d6a770ba38583ed4bb4525bd96e50461655d2758"},
		"externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/a@1"},{"referenceType":"purl","referenceLocator":"pkg:npm/a@2"},{"referenceType":"swid","referenceLocator":"swid:tag"}]},
		{"SPDXID":"SPDXRef-b","name":"b","versionInfo":"1","licenseConcluded":"GPL v2","licenseDeclared":"GPL-2.0 AND MIT","checksums":[{"algorithm":"SHA1","checksumValue":"zz"},{"algorithm":"MD5","checksumValue":"5d41402abc4b2a76b9719d911017c592"}]}],
		"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-a"},{"spdxElementId":"SPDXRef-a","relationshipType":"DEPENDS_ON","relatedSpdxElement":"SPDXRef-b"},
		{"spdxElementId":"SPDXRef-b","relationshipType":"BUILD_TOOL_OF","relatedSpdxElement":"SPDXRef-a"}]}`
	for name, c := range map[string]struct {
		raw  string
		want map[string]string
	}{
		"CycloneDX": {small, map[string]string{
			"cisa-2026": "no", "cisa-2026/sbom-author": "1 0 0 0", "cisa-2026/sbom-author-signature": "0 0 1 0", "cisa-2026/sbom-version": "1 0 0 0",
			"cisa-2026/component-identifiers": "2 0 1 0", "cisa-2026/component-dependency-relationship": "2 1 0 0", "cisa-2026/component-hash-value": "0 0 3 0",
			"cisa-2026/frequency": "0 0 0 1", "cisa-2026/sbom-generation-context": "0 0 1 0", "bsi-tr-03183-2/sbom-creator": "1 0 0 0", "bsi-tr-03183-2/completeness": "1 0 0 0",
			"bsi-tr-03183-2/format": "1 0 0 0", "openchain-telco/format": "0 0 1 0", "contradicting-purl": "1", "missing-hash": "3", "missing-version": "1", "missing-identifier": "1",
			"no-transitive-dependencies": "1", "no-dependencies": "", "missing-relation": "1", "several-purls": "", "no-build-metadata": "1",
		}},
		"SPDX 2": {spdx, map[string]string{
			"cisa-2026/component-license": "2 0 0 0", "openchain-telco/package-license-concluded": "1 1 0 0", "openchain-telco/package-copyright": "0 1 1 0",
			"openchain-telco/package-download-location": "0 1 1 0", "openchain-telco/package-supplier": "0 1 1 0", "openchain-telco/package-hash": "2 0 0 0", "openchain-telco/sbom-type": "1 0 0 0",
			"openchain-telco/creator-organization": "1 0 0 0", "openchain-telco/creator-tool": "1 0 0 0", "openchain-telco/data-license": "1 0 0 0", "openchain-telco/relationships": "1 0 0 0",
			"bsi-tr-03183-2/format": "0 0 1 0", "bsi-tr-03183-2/original-licences": "2 0 0 0", "bsi-tr-03183-2/distribution-licences": "0 1 1 0",
			"cisa-2026/component-hash-value": "1 0 1 0", "ntia-2021/relationship": "2 0 0 0",
			"several-purls": "1", "invalid-license": "1", "deprecated-license": "1", "malformed-hash": "1", "weak-hash": "1", "missing-identifier": "1", "no-build-metadata": "",
		}},
		"syft, which has no words for details": {`{"artifacts":[{"id":"1","name":"a","version":"1","purl":"pkg:npm/a@1"}],"source":{"type":"directory"},"descriptor":{"name":"syft","version":"1"},"schema":{"version":"16.0.0"}}`,
			map[string]string{"cisa-2026/sbom-data-format-name": "0 0 1 0", "cisa-2026/component-identifiers": "1 0 0 0", "cisa-2026/sbom-author-signature": "0 0 1 0", "bsi-tr-03183-2/security-txt": "0 0 1 0"}},
		"no component": {`{"bomFormat":"CycloneDX","specVersion":"1.6"}`, map[string]string{"cisa-2026": "no", "cisa-2026/component-name": "0 0 1 0", "no-packages": "1"}},
	} {
		r := quality.Score(read(t, c.raw), quality.Options{})
		got := outcomes(&r)
		for k, want := range c.want {
			if got[k] != want {
				t.Errorf("%s: %s is %q, want %q", name, k, got[k], want)
			}
		}
	}
}

func TestWithoutDetailsNothingIsGuessed(t *testing.T) {
	docs, err := decode.Bytes(context.Background(), "x", []byte(small), decode.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r := quality.Score(docs[0], quality.Options{})
	got := outcomes(&r)
	for k, want := range map[string]string{"cisa-2026/sbom-author-signature": "0 0 0 1", "bsi-tr-03183-2/security-txt": "0 0 0 3", "cisa-2026/component-identifiers": "2 0 0 1", "no-build-metadata": ""} {
		if got[k] != want {
			t.Errorf("%s is %q, want %q", k, got[k], want)
		}
	}
	signed := quality.Score(docs[0], quality.Options{Signed: true})
	if got := outcomes(&signed)["cisa-2026/sbom-author-signature"]; got != "1 0 0 0" {
		t.Errorf("signed outside: %q", got)
	}
}

func TestNamesOfFixturesSayTheirVerdict(t *testing.T) {
	root := filepath.Join(corpus.Root(t), "sbom", "sbomqs-testdata", "testdata", "fixtures")
	none := func(want string) func(string) bool { return func(got string) bool { return got == want } }
	absent := func(got string) bool {
		return strings.HasPrefix(got, "0 0 ") && got != "0 0 0 0" && !strings.HasSuffix(got, " 1 1")
	}
	all := func(got string) bool {
		f := strings.Fields(got)
		return len(f) == 4 && f[0] != "0" && f[1] == "0" && f[2] == "0" && f[3] == "0"
	}
	some := func(got string) bool { return got != "" && got[0] != '0' }
	for file, want := range map[string]map[string]func(string) bool{
		"cdx-minimal":  {"cisa-2026": none("no"), "ntia-2021": none("no")},
		"spdx-minimal": {"cisa-2026": none("no"), "ntia-2021": none("no")}, "spdx3-minimal": {"cisa-2026": none("no"), "ntia-2021": none("no")},
		"cdx-perfect-score": {"ntia-2021": none("yes")}, "spdx-perfect-score": {"ntia-2021": none("yes")}, "spdx3-perfect-score": {"ntia-2021": none("yes")},
		"cdx-no-authors": {"cisa-2026/sbom-author": absent}, "spdx-no-authors": {"cisa-2026/sbom-author": absent}, "spdx3-no-authors": {"cisa-2026/sbom-author": absent},
		"cdx-no-checksums": {"cisa-2026/component-hash-value": absent, "missing-hash": some}, "spdx-no-checksums": {"cisa-2026/component-hash-value": absent, "missing-hash": some},
		"spdx3-no-checksum":   {"cisa-2026/component-hash-value": absent, "missing-hash": some},
		"cdx-no-dependencies": {"cisa-2026/component-dependency-relationship": absent, "no-dependencies": some}, "spdx-no-dependencies": {"cisa-2026/component-dependency-relationship": absent, "no-dependencies": some},
		"spdx3-no-dependencies": {"cisa-2026/component-dependency-relationship": absent, "no-dependencies": some}, "spdx3-with-dependencies": {"cisa-2026/component-dependency-relationship": all},
		"cdx-no-timestamp": {"cisa-2026/sbom-timestamp": absent}, "spdx-no-timestamp": {"cisa-2026/sbom-timestamp": absent}, "spdx3-no-timestamp": {"cisa-2026/sbom-timestamp": absent},
		"spdx3-with-SBOM-invalid-timestamp": {"cisa-2026/sbom-timestamp": absent},
		"cdx-no-version":                    {"missing-version": some, "cisa-2026/component-version": func(s string) bool { return !all(s) }},
		"spdx-no-version":                   {"missing-version": some, "cisa-2026/component-version": func(s string) bool { return !all(s) }}, "spdx3-no-version": {"missing-version": some, "cisa-2026/component-version": absent},
		"cdx-weak-checksums": {"weak-hash": none("2")}, "spdx-weak-checksums": {"weak-hash": none("2")},
		"cdx-old-version": {"bsi-tr-03183-2/format": absent}, "spdx-old-version": {"bsi-tr-03183-2/format": absent},
		"cdx-invalid-licenses": {"invalid-license": some}, "spdx-invalid-licenses": {"invalid-license": some},
		"cdx-with-all-deprecated-licenses": {"deprecated-license": some, "invalid-license": none("")},
		"cdx-standard-license.cdx":         {"invalid-license": none("")}, "spdx-standard-license": {"invalid-license": none("")}, "cdx-expression.cdx": {"invalid-license": none("")}, "spdx-compound-expression": {"invalid-license": none("")},
		"cdx-with-complete-signature": {"cisa-2026/sbom-author-signature": all}, "cdx-with-ec-signature": {"cisa-2026/sbom-author-signature": all}, "cdx-with-multiple-signers": {"cisa-2026/sbom-author-signature": all},
		"cdx-with-incomplete-signature": {"cisa-2026/sbom-author-signature": absent},
		"spdx3-no-copyright":            {"openchain-telco/package-copyright": absent}, "spdx3-no-downloadlocation": {"openchain-telco/package-download-location": absent},
		"spdx3-no-original-license": {"bsi-tr-03183-2/original-licences": absent}, "spdx3-no-supplier": {"cisa-2026/component-producer": absent, "missing-supplier": some},
		"spdx3-no-tool": {"cisa-2026/sbom-tool-name": absent}, "spdx3-no-unique-id": {"cisa-2026/component-identifiers": absent, "missing-identifier": some},
		"spdx3-no-cpe": {"missing-identifier": none("")}, "spdx3-no-type": {"ntia-2021": none("yes")},
		"spdx3-with-purl": {"openchain-telco/package-url": all}, "spdx3-with-SBOM-author-URL-Only": {"bsi-tr-03183-2/sbom-creator": all},
		"spdx3-with-comp-originator-with-org-name-email": {"bsi-tr-03183-2/component-creator": all}, "spdx3-with-comp-supplier-with-person-url-only": {"bsi-tr-03183-2/component-creator": all},
		"spdx3-with-declared-concluded-licenses": {"bsi-tr-03183-2/original-licences": all, "bsi-tr-03183-2/distribution-licences": all},
		"spdx3-with-archive-prop":                {"bsi-tr-03183-2/archive": all}, "spdx3-with-executable-prop": {"bsi-tr-03183-2/executable": all}, "spdx3-with-structured-prop": {"bsi-tr-03183-2/structured": all},
		"spdx3-with-deployable-hash": {"bsi-tr-03183-2/deployable-hash": all}, "spdx3-with-effective-license": {"bsi-tr-03183-2/effective-licence": all},
		"spdx3-with-binary-artifact-download": {"bsi-tr-03183-2/deployable-uri": all}, "spdx3-with-source-artifact-source-code": {"bsi-tr-03183-2/source-uri": all},
		"spdx3-with-source-code-hash": {"bsi-tr-03183-2/source-hash": all}, "spdx3-with-security-txt": {"bsi-tr-03183-2/security-txt": all}, "spdx3-with-bom-links": {"bsi-tr-03183-2/sbom-uri": all},
		"spdx3-complete-ntia": {"ntia-2021/author": all, "ntia-2021/timestamp": all},
	} {
		raw, err := os.ReadFile(filepath.Join(root, file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		r := quality.Score(read(t, string(raw)), quality.Options{})
		got := outcomes(&r)
		for k, ok := range want {
			if !ok(got[k]) {
				t.Errorf("%s: %s is %q", file, k, got[k])
			}
		}
	}
}

// resolve follows a JSON pointer.
func resolve(doc any, pointer string) bool {
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if pointer == "" {
			return true
		}
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		switch x := doc.(type) {
		case map[string]any:
			v, ok := x[part]
			if !ok {
				return false
			}
			doc = v
		case []any:
			n, err := strconv.Atoi(part)
			if err != nil || n < 0 || n >= len(x) {
				return false
			}
			doc = x[n]
		default:
			return false
		}
	}
	return true
}

// pointers checks that every place that a report names is one.
func pointers(t *testing.T, name string, raw []byte, d *sbom.Document) {
	t.Helper()
	var doc any
	if json.Unmarshal(raw, &doc) != nil || resolve(doc, "/payload") || resolve(doc, "/predicate") || resolve(doc, "/dsseEnvelope") {
		return // pointers lead into what is wrapped
	}
	r := quality.Score(d, quality.Options{Findings: -1, At: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)})
	for _, p := range r.Profiles {
		for _, e := range p.Elements {
			if e.Present+e.Declared+e.Absent+e.NotExamined == 0 || len(e.Findings) != e.Declared+e.Absent {
				t.Errorf("%s: %s has %d findings of %d and %d", name, e.ID, len(e.Findings), e.Declared, e.Absent)
			}
			for _, f := range e.Findings {
				if !resolve(doc, f.Pointer) {
					t.Fatalf("%s: %s %s leads to %q, which is not there (%s)", name, p.ID, e.ID, f.Pointer, f.Outcome)
				}
			}
		}
	}
	for _, c := range r.Policy.Checks {
		for _, f := range c.Findings {
			if !resolve(doc, f.Pointer) {
				t.Fatalf("%s: %s leads to %q, which is not there", name, c.ID, f.Pointer)
			}
		}
	}
}

func TestEveryPointerLeadsIntoTheDocument(t *testing.T) {
	root := filepath.Join(corpus.Root(t), "sbom")
	judged := 0
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || filepath.Ext(p) != ".json" {
			return err
		}
		raw, err := os.ReadFile(p)
		if err != nil || len(raw) > 1<<20 {
			return err
		}
		docs, unread := decode.Bytes(context.Background(), p, raw, decode.Limits{Details: true})
		if unread != nil || len(docs) != 1 || docs[0].Encoding != sbom.JSON {
			return nil //nolint:nilerr // some of them are broken on purpose
		}
		judged++
		pointers(t, p, raw, docs[0])
		return nil
	})
	if err != nil || judged < 500 {
		t.Errorf("%v, %d documents", err, judged)
	}
}

func TestPolicy(t *testing.T) {
	p, err := quality.ParsePolicy([]byte("kind: SBOMQualityPolicy\nname: strict\nchecks:\n  missing-hash: refuse\n  missing-supplier: off\n  noassertion-license: {level: refuse, maxAgeDays: 30}\n"))
	if err != nil {
		t.Fatal(err)
	}
	const raw = `{"spdxVersion":"SPDX-2.3","creationInfo":{"created":"2026-01-02T00:00:00Z"},"packages":[{"SPDXID":"SPDXRef-a","name":"a","licenseDeclared":"NOASSERTION","checksums":[{"algorithm":"MD5","checksumValue":"5d41402abc4b2a76b9719d911017c592"}]}]}`
	for _, c := range []struct {
		at      string
		refused bool
		places  string
	}{{"2026-01-20T00:00:00Z", false, ""}, {"2026-03-20T00:00:00Z", true, "1"}, {"", true, "1"}} {
		at, _ := time.Parse(time.RFC3339, c.at)
		r := quality.Score(read(t, raw), quality.Options{Policy: p, At: at})
		if got := outcomes(&r); r.Policy.Refused != c.refused || got["noassertion-license"] != c.places || got["missing-supplier"] != "" || got["missing-version"] != "1" {
			t.Errorf("at %q: refused %v, %q", c.at, r.Policy.Refused, got)
		}
	}
	if r := quality.Score(read(t, small), quality.Options{Policy: p}); !r.Policy.Refused || !r.Summary().Refused || r.Summary().Faults["missing-hash"] != 3 {
		t.Error("missing hashes are not refused")
	}
	for raw, want := range map[string]string{
		"kind: X": "kind", "kind: SBOMQualityPolicy\nchecks: {missing-hsh: refuse}": "missing-hsh", "kind: SBOMQualityPolicy\nchecks: {missing-hash: deny}": "deny",
		"kind: SBOMQualityPolicy\nname: x\nrules: {}": "rules", "kind: SBOMQualityPolicy\nchecks: {missing-hash: {level: warn, maxAgeDays: 3}}": "maxAgeDays",
		"kind: SBOMQualityPolicy\nchecks: {missing-hash: {level: warn, other: 3}}": "other", "kind: SBOMQualityPolicy\nchecks: {noassertion-license: {level: warn, maxAgeDays: 99999999}}": "maxAgeDays",
		"kind: SBOMQualityPolicy\nchecks: {missing-hash: }": "missing-hash", strings.Repeat("#", 1<<20+1): "more than",
	} {
		if _, err := quality.ParsePolicy([]byte(raw)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v", raw, err)
		}
	}
}

func TestContradictingPURL(t *testing.T) {
	for _, c := range []struct {
		purl, group, name, version string
		wrong                      bool
	}{
		{"pkg:npm/%40babel/core@7.0.0", "@babel", "core", "7.0.0", false},
		{"pkg:npm/%40babel/core@7.0.0", "", "@babel/core", "7.0.0", false},
		{"pkg:maven/org.apache/commons-io@2.0", "", "org.apache:commons-io", "2.0", false},
		{"pkg:golang/github.com/x/y@v1.2.3", "", "github.com/x/y", "1.2.3", false},
		{"pkg:golang/github.com/x/y@v1.2.3#sub", "", "github.com/x/y/sub", "v1.2.3", false},
		{"pkg:pypi/ruamel-yaml@0.1", "", "ruamel.yaml", "0.1", false},
		{"pkg:rpm/redhat/openssl@1.1.1k-7.el8?epoch=1", "", "openssl", "1:1.1.1k-7.el8", false},
		{"pkg:deb/debian/libc6@2.31-13", "", "libc6", "2.31-13+deb11u3", false},
		{"pkg:oci/nginx@sha256%3Aabc", "", "docker.io/library/nginx", "1.25", false},
		{"pkg:npm/lodash@4.17.21", "", "underscore", "4.17.21", true},
		{"pkg:npm/lodash@4.17.21", "", "lodash", "4.17.20", true},
		{"pkg:npm/lodash@4.17.2", "", "lodash", "4.17.21", true},
	} {
		raw, _ := json.Marshal(map[string]any{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []any{map[string]string{"type": "library", "group": c.group, "name": c.name, "version": c.version, "purl": c.purl}}})
		r := quality.Score(read(t, string(raw)), quality.Options{})
		if got := outcomes(&r)["contradicting-purl"] != ""; got != c.wrong {
			t.Errorf("%s and %s/%s %s: %v", c.purl, c.group, c.name, c.version, got)
		}
	}
}

func TestBuildSignals(t *testing.T) {
	const raw = `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"timestamp":"2026-01-02T03:04:05Z","properties":[{"name":"syft:image:labels:org.opencontainers.image.base.name","value":"alpine:3.20"},
		{"name":"syft:image:labels:org.opencontainers.image.base.digest","value":"sha256:ab"}]},"formulation":[{"bom-ref":"f"}],
		"components":[{"type":"library","name":"stdlib","version":"go1.26.0","purl":"pkg:golang/stdlib@1.26.0","properties":[{"name":"syft:metadata:goCompiledVersion","value":"go1.26.0"}]},
		{"type":"library","name":"musl","version":"1","purl":"pkg:apk/alpine/musl@1"}]}`
	r := quality.Score(read(t, raw), quality.Options{At: time.Date(2026, 1, 12, 4, 0, 0, 0, time.UTC)})
	s := r.Signals
	if fmt.Sprintf("%v %v %v %v %v %v %v", s.Build.Compilers, s.Build.BaseImage, s.Build.Formulation, s.OSPackages, s.LanguagePackages, s.Transitive, *s.AgeDays) != "[go 1.26.0] alpine:3.20@sha256:ab true 1 1 unknown 10" {
		t.Errorf("%+v", s)
	}
}

func FuzzScore(f *testing.F) {
	corpus.Seed(f, "sbom/sbomqs-testdata", ".json")
	f.Add([]byte(small))
	f.Fuzz(func(t *testing.T, raw []byte) {
		docs, err := decode.Bytes(context.Background(), "x", raw, decode.Limits{Details: true, MaxBytes: 1 << 20})
		if err != nil {
			return
		}
		for _, d := range docs {
			if d.Encoding == sbom.JSON && len(docs) == 1 && raw[0] == '{' {
				pointers(t, "x", raw, d)
			}
			r := quality.Score(d, quality.Options{})
			for _, p := range r.Profiles {
				if p.Score < 0 || p.Score > 100 || p.Conforms == "yes" && len(d.Components) == 0 && d.Subject.Component == nil {
					t.Errorf("%s: %v, conforms: %s", p.ID, p.Score, p.Conforms)
				}
			}
		}
	})
}

// Which formats a policy accepts; what it lists is meant, unless it says less.
func TestAcceptedFormats(t *testing.T) {
	cdx, spdx := sbom.Document{Format: sbom.CycloneDX, SpecVersion: "1.6"}, sbom.Document{Format: sbom.SPDX, SpecVersion: "2.2"}
	for _, c := range []struct {
		formats string
		doc     sbom.Document
		refused bool
	}{
		{`[]`, cdx, false},
		{`[cyclonedx]`, cdx, false},
		{`[CycloneDX]`, spdx, true},
		{`["cyclonedx 1.6"]`, cdx, false},
		{`["cyclonedx 1.5"]`, cdx, true},
		{`["cyclonedx >= 1.5"]`, cdx, false},
		{`["cyclonedx >=1.10"]`, cdx, true},
		{`["spdx >=2.3", "spdx 2.2"]`, spdx, false},
		{`["spdx>=2.3", cyclonedx]`, spdx, true},
		{`["spdx >=2.2"]`, sbom.Document{Format: sbom.SPDX}, true}, // it states no version
		{`[spdx]`, sbom.Document{Format: sbom.SPDX}, false},
		{`[syft]`, sbom.Document{Format: sbom.Syft, SpecVersion: "16.0.0"}, false},
	} {
		p, err := quality.ParsePolicy([]byte("kind: SBOMQualityPolicy\nformats: " + c.formats + "\n"))
		if err != nil {
			t.Fatalf("%s: %v", c.formats, err)
		}
		r := quality.Score(&c.doc, quality.Options{Policy: p})
		if r.Policy.Refused != c.refused || (outcomes(&r)["unaccepted-format"] == "1") != c.refused {
			t.Errorf("%s %s by %s: %v", c.doc.Format, c.doc.SpecVersion, c.formats, r.Policy.Refused)
		}
		if quality.Revision(p) == quality.Revision(nil) && c.formats != "[]" {
			t.Errorf("%s changes no revision", c.formats)
		}
	}
	p, err := quality.ParsePolicy([]byte("kind: SBOMQualityPolicy\nformats: [spdx]\nchecks: {unaccepted-format: warn}\n"))
	if err != nil || p.Checks["unaccepted-format"].Level != quality.Warn {
		t.Error(p, err)
	}
	for _, bad := range []string{"[coswid]", "[spdx two]", `["spdx >="]`, `["spdx 2.3 x"]`, `["cyclonedx 1..5"]`, `[""]`, "spdx", `["cyclonedx <1.5"]`} {
		if _, err := quality.ParsePolicy([]byte("kind: SBOMQualityPolicy\nformats: " + bad + "\n")); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte("kind: SBOMQualityPolicy\nformats: [spdx, cyclonedx >=1.5]\n"))
	f.Add([]byte("kind: SBOMQualityPolicy\nchecks:\n  missing-hash: refuse\n  noassertion-license: {level: refuse, maxAgeDays: 30}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := quality.ParsePolicy(raw)
		if err == nil && p.Name == "" {
			t.Error("a policy without a name")
		}
	})
}
