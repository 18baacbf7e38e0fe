package syft_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/syft"
)

const (
	configHex   = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	manifestHex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	layerHex    = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
)

const doc = `{
 "artifacts": [
  {"id": "1", "name": "libssl3", "version": "3.0.11-1", "type": "deb", "purl": "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl",
   "licenses": [{"value": "Apache-2.0", "spdxExpression": "Apache-2.0", "type": "declared"}], "cpes": [{"cpe": "cpe:2.3:a:openssl:openssl:3.0.11:*:*:*:*:*:*:*"}],
   "locations": [{"path": "/var/lib/dpkg/status", "layerID": "sha256:` + layerHex + `"}], "metadata": {"source": "openssl"}},
  {"id": "2", "name": "golang.org/x/net", "version": "v0.10.0", "type": "go-module", "purl": "pkg:golang/golang.org/x/net@v0.10.0", "licenses": ["BSD-3-Clause"], "cpes": ["cpe:2.3:a:golang:net:0.10.0:*:*:*:*:*:*:*"]}
 ],
 "artifactRelationships": [{"parent": "1", "child": "2", "type": "dependency-of"}, {"parent": "1", "child": "gone", "type": "dependency-of"}, {"parent": "1", "child": "2", "type": "evident-by"}],
 "source": {"id": "x", "name": "registry.example/shop/web", "version": "1.4", "type": "image", "metadata": {"userInput": "registry.example/shop/web:1.4",
  "imageID": "sha256:` + configHex + `", "manifestDigest": "sha256:` + manifestHex + `", "tags": ["registry.example/shop/web:1.4"], "repoDigests": ["registry.example/shop/web@sha256:` + manifestHex + `"]}},
 "distro": {"id": "debian", "versionID": "12"},
 "descriptor": {"name": "syft", "version": "1.52.0"}, "schema": {"version": "16.0.0"}
}`

func TestEveryField(t *testing.T) {
	d, err := syft.Decode(context.Background(), []byte(doc), syft.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Format != sbom.Syft || d.SpecVersion != "16.0.0" || d.Digest != ident.SHA256([]byte(doc)) || len(d.Tools) != 1 || d.Tools[0].Version != "1.52.0" {
		t.Errorf("metadata: %+v", d)
	}
	roles := map[ident.DigestRole]string{}
	for _, g := range d.Subject.Digests {
		roles[g.Role] = g.Digest.String()
	}
	if roles[ident.RoleConfig] != "sha256:"+configHex || roles[ident.RoleManifest] != "sha256:"+manifestHex || len(d.Subject.References) == 0 || d.Subject.OS.ID != "debian" || d.Subject.OS.VersionID != "12" {
		t.Errorf("subject: %+v", d.Subject)
	}
	if len(d.Components) != 2 {
		t.Fatalf("%d components", len(d.Components))
	}
	a, b := d.Components[0], d.Components[1]
	if a.ID != "1" || a.Name != "libssl3" || a.Version != "3.0.11-1" || !strings.HasPrefix(a.PURL, "pkg:deb/") || a.Layer.String() != "sha256:"+layerHex || a.Source.Name != "openssl" ||
		!slices.Equal(a.Locations, []string{"/var/lib/dpkg/status"}) || len(a.CPEs) != 1 || len(a.Licenses) != 1 || a.Licenses[0].Expression != "Apache-2.0" || a.Pointer != "/artifacts/0" {
		t.Errorf("%+v", a)
	}
	if b.Name != "golang.org/x/net" || len(b.Licenses) != 1 || b.Licenses[0].Expression != "BSD-3-Clause" || len(b.CPEs) != 1 {
		t.Errorf("the older forms of licences and CPEs: %+v", b)
	}
	// "1 is a dependency of 2": 2 depends on 1.
	if want := []sbom.Dependency{{From: 1, To: 0, Kind: sbom.DependsOn}}; !slices.Equal(d.Dependencies, want) {
		t.Errorf("dependencies: %+v", d.Dependencies)
	}
}

func TestBadInput(t *testing.T) {
	for name, bad := range map[string]string{
		"two purls": `{"artifacts":[{"id":"1","name":"a","purl":"pkg:npm/a@1","purl":"pkg:npm/b@2"}]}`, "not UTF-8": "{\"artifacts\":[{\"name\":\"\xe9\"}]}",
		"no artifacts": `{"descriptor":{"name":"syft"}}`, "artifacts null": `{"artifacts":null}`,
		"empty": "", "a list": "[]", "artifacts no list": `{"artifacts":{}}`, "an artifact no object": `{"artifacts":[1]}`,
		"nested too deep": `{"artifacts":[],"x":` + strings.Repeat("[", 100_000), "a name no string": `{"artifacts":[{"id":"1","name":{}}]}`,
	} {
		if d, err := syft.Decode(context.Background(), []byte(bad), syft.Options{}); err == nil {
			t.Errorf("%s: taken for %d components", name, len(d.Components))
		}
	}
	for i := range doc {
		if _, err := syft.Decode(context.Background(), []byte(doc[:i]), syft.Options{}); err == nil {
			t.Fatalf("cut at %d it is taken for whole", i)
		}
	}
	if _, err := syft.Decode(context.Background(), []byte(doc), syft.Options{MaxBytes: 100}); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("over the bytes: %v", err)
	}
	if _, err := syft.Decode(context.Background(), []byte(doc), syft.Options{MaxComponents: 1}); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("over the components: %v", err)
	}
}

// listed counts the artifacts as the obvious reader does; a map has exact names.
func listed(t *testing.T, data []byte) int {
	var doc map[string]json.RawMessage
	var artifacts []json.RawMessage
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\uFEFF")), &doc); err != nil {
		t.Fatalf("what is no JSON was read: %v", err)
	}
	if err := json.Unmarshal(doc["artifacts"], &artifacts); err != nil {
		t.Fatal(err)
	}
	return len(artifacts)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(doc))
	f.Add([]byte(older))
	corpus.Seed(f, "sbom/syft-testdata", ".json")
	corpus.Seed(f, "sbom/grype-testdata", ".json")
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := syft.Decode(context.Background(), data, syft.Options{MaxBytes: 1 << 20, MaxComponents: 10_000})
		if err != nil {
			return
		}
		if n := listed(t, data); n != len(d.Components) {
			t.Fatalf("%d components of a list of %d", len(d.Components), n)
		}
		for _, e := range d.Dependencies {
			if n := int32(len(d.Components)); e.From >= n || e.To >= n || e.From < sbom.SubjectIndex || e.To < sbom.SubjectIndex { //nolint:gosec // at most 10,000
				t.Fatalf("a dependency leads from %d to %d of %d components", e.From, e.To, n)
			}
		}
	})
}

func ExampleDecode() {
	d, err := syft.Decode(context.Background(), []byte(doc), syft.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Components[0].Name, d.Components[0].Version, "of", d.Components[0].Source.Name)
	// Output: libssl3 3.0.11-1 of openssl
}
