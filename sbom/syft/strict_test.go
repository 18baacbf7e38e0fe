package syft_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/syft"
)

// older has what doc has not: the other distributions, the forms of before schema
// 9, 10 and 16, and lists of things that are no artifacts.
const older = `{
 "artifacts": [
  {"id": "1", "name": "busybox", "version": "1.36.1-r2", "type": "apk", "licenses": [{"value": "GPL 2 only", "type": "concluded"}], "purl": "pkg:apk/alpine/busybox@1.36.1-r2",
   "metadata": {"originPackage": "busybox-src", "maintainer": "A Person", "vendor": "passed over"}},
  {"id": "2", "name": "openssl-libs", "version": "1:3.0.7-24.el9", "type": "rpm", "locations": [{"path": "/var/lib/rpm"}, {"path": "/usr", "layerID": "sha256:` + layerHex + `"}],
   "metadata": {"sourceRpm": "openssl-3.0.7-24.el9.src.rpm", "vendor": "A Vendor"}},
  {"id": "3", "name": "zlib1g", "version": "1:1.2.13", "type": "deb", "metadata": {"source": "zlib", "sourceVersion": "1:1.2.13.dfsg-1", "maintainer": "A Team"}}
 ],
 "artifactRelationships": [{"parent": "3", "child": "1", "type": "contains"}, {"parent": "2", "child": "3", "type": "ownership-by-file-overlap"}],
 "source": {"type": "image", "target": {"userInput": "shop/web:1.4", "imageID": "sha256:` + configHex + `", "manifestDigest": "sha256:` + manifestHex + `", "tags": ["shop/web:1.4"], "repoDigests": []}},
 "distro": {"name": "Alpine", "version": "3.19"}, "descriptor": {"name": "syft", "version": "0.60.0"}, "schema": {"version": "3.3.2"}
}`

func decode(data []byte) (*sbom.Document, error) {
	return syft.Decode(context.Background(), data, syft.Options{})
}

func TestOlderForms(t *testing.T) {
	d, err := decode([]byte(older))
	if err != nil {
		t.Fatal(err)
	}
	layer, _ := ident.ParseDigest("sha256:" + layerHex)
	want := []sbom.Component{
		{ID: "1", Type: "library", Name: "busybox", Version: "1.36.1-r2", PURL: "pkg:apk/alpine/busybox@1.36.1-r2", Origin: "A Person", Pointer: "/artifacts/0",
			Licenses: []sbom.License{{Expression: "GPL 2 only", Kind: sbom.LicenseConcluded, Name: true}}, Source: sbom.SourcePackage{Name: "busybox-src"}},
		{ID: "2", Type: "library", Name: "openssl-libs", Version: "1:3.0.7-24.el9", Origin: "A Vendor", Pointer: "/artifacts/1", Locations: []string{"/var/lib/rpm", "/usr"}, Layer: layer,
			Source: sbom.SourcePackage{Name: "openssl", Version: "3.0.7-24.el9"}},
		{ID: "3", Type: "library", Name: "zlib1g", Version: "1:1.2.13", Origin: "A Team", Pointer: "/artifacts/2", Source: sbom.SourcePackage{Name: "zlib", Version: "1:1.2.13.dfsg-1"}},
	}
	if diff := cmp.Diff(want, d.Components, cmpopts.EquateComparable(ident.Digest{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]sbom.Dependency{{From: 2, To: 0, Kind: sbom.Contains}, {From: 1, To: 2, Kind: sbom.Contains}}, d.Dependencies); diff != "" {
		t.Error(diff)
	}
	s := d.Subject
	if s.Name != "shop/web:1.4" || s.OS != (sbom.Distro{ID: "alpine", VersionID: "3.19"}) || len(s.Digests) != 2 || len(s.References) != 1 || d.SpecVersion != "3.3.2" {
		t.Errorf("%+v", d)
	}
}

func TestStrict(t *testing.T) {
	for _, doc := range []string{doc, older} {
		corpus.Strict(t, doc, func(data []byte) (any, error) {
			d, err := decode(data)
			if err != nil {
				return nil, err
			}
			d.Digest, d.Size = ident.Digest{}, 0
			return d, nil
		}, func(at string) bool {
			// Licences and CPEs are texts or objects, by the version of the schema.
			return strings.HasSuffix(at, "/licenses/0") || strings.HasSuffix(at, "/cpes/0")
		})
	}
}

// TestMetadataOfOtherPackages: what a value means is decided by the type of the
// package, wherever in the artifact the type stands.
func TestMetadataOfOtherPackages(t *testing.T) {
	const metadata = `"metadata":{"source":{"url":"x"},"sourceRpm":7,"originPackage":[],"vendor":["a"],"maintainer":"A Person"}`
	for artifact, want := range map[string]string{
		`"type":"npm",` + metadata:             "",
		metadata + `,"type":"npm"`:             "",
		metadata:                               "",
		`"type":"npm","metadata":"none"`:       "",
		`"type":"deb",` + metadata:             "(/artifacts/0/metadata/source)",
		metadata + `,"type":"deb"`:             "(/artifacts/0/metadata/source)",
		metadata + `,"type":"rpm"`:             "(/artifacts/0/metadata/sourceRpm)",
		`"type":"apk",` + metadata:             "(/artifacts/0/metadata/originPackage)",
		`"metadata":"none","type":"apk"`:       "(/artifacts/0/metadata)",
		`"type":"npm","licenses":[7]`:          "(/artifacts/0/licenses/0)",
		`"type":"npm","cpes":[["cpe:2.3:a"]]`:  "(/artifacts/0/cpes/0)",
		`"type":"npm","metadata":{"a":1,"a":1`: "(/artifacts/0/metadata/a)",
	} {
		d, err := decode([]byte(`{"artifacts":[{"name":"a",` + artifact + `}]}`))
		switch {
		case want == "" && (err != nil || len(d.Components) != 1 || d.Components[0].Source != sbom.SourcePackage{}):
			t.Errorf("%s: %v %+v", artifact, err, d)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || ident.KindOf(err) != ident.KindInvalid):
			t.Errorf("%s: %v, want %s", artifact, err, want)
		}
	}
}

// TestEmptyStatements: what says nothing is no licence and no CPE.
func TestEmptyStatements(t *testing.T) {
	d, err := decode([]byte(`{"artifacts":[{"name":"a","licenses":["",null,{},{"type":"declared","value":""},"MIT"],"cpes":["",null,{},{"cpe":null},{"cpe":"cpe:2.3:a"}],"locations":null,"metadata":null}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []sbom.Component{{Type: "library", Name: "a", Pointer: "/artifacts/0", Licenses: []sbom.License{{Expression: "MIT"}}, CPEs: []string{"cpe:2.3:a"}}}
	if diff := cmp.Diff(want, d.Components, cmpopts.EquateComparable(ident.Digest{})); diff != "" {
		t.Error(diff)
	}
}

func TestContextEndsDecoding(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := syft.Decode(ctx, []byte(doc), syft.Options{}); err == nil {
		t.Error("a cancelled decoding went on")
	}
}
