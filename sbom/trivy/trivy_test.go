package trivy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/trivy"
)

const (
	configHex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	repoHex   = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	layerHex  = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
)

const doc = `{
 "SchemaVersion": 2, "CreatedAt": "2026-02-03T04:05:06Z", "ArtifactName": "registry.example/shop/web:1.4", "ArtifactType": "container_image", "Trivy": {"Version": "0.70.0"},
 "Metadata": {"OS": {"Family": "debian", "Name": "12.5"}, "ImageID": "sha256:` + configHex + `", "RepoTags": ["registry.example/shop/web:1.4"], "RepoDigests": ["registry.example/shop/web@sha256:` + repoHex + `"]},
 "Results": [
  {"Target": "registry.example/shop/web:1.4 (debian 12.5)", "Type": "debian", "Packages": [
   {"ID": "libssl3@3.0.11-1", "Name": "libssl3", "Version": "3.0.11", "Release": "1", "SrcName": "openssl", "SrcVersion": "3.0.11", "SrcRelease": "1", "Maintainer": "Debian",
    "Identifier": {"PURL": "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12.5", "UID": "u1"}, "Licenses": ["Apache-2.0"], "DependsOn": ["libc6@2.36-9"], "Layer": {"Digest": "sha256:` + layerHex + `"}},
   {"ID": "libc6@2.36-9", "Name": "libc6", "Version": "2.36", "Release": "9", "Identifier": {"PURL": "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12.5"}}]},
  {"Target": "app/package-lock.json", "Type": "npm", "Packages": [{"ID": "lodash@4.17.20", "Name": "lodash", "Version": "4.17.20", "Identifier": {"PURL": "pkg:npm/lodash@4.17.20"}, "FilePath": "app/package-lock.json"}]}
 ]
}`

const report = `{"apiVersion": "aquasecurity.github.io/v1alpha1", "kind": "SbomReport", "metadata": {"name": "x", "namespace": "shop"},
 "report": {"registry": {"server": "registry.example"}, "artifact": {"repository": "shop/web", "tag": "1.4", "digest": "sha256:` + repoHex + `"},
 "components": {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": [{"type": "library", "name": "lodash", "version": "4.17.20", "purl": "pkg:npm/lodash@4.17.20"}]}}}`

func TestEveryField(t *testing.T) {
	d, err := trivy.Decode(context.Background(), []byte(doc), trivy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Format != sbom.Trivy || d.SpecVersion != "2" || d.Created.Unix() != 1770091506 || d.Tools[0].Version != "0.70.0" || d.Digest != ident.SHA256([]byte(doc)) {
		t.Errorf("metadata: %+v", d)
	}
	if len(d.Subject.Digests) == 0 || d.Subject.Digests[0].Digest.String() != "sha256:"+configHex || d.Subject.Digests[0].Role != ident.RoleConfig || len(d.Subject.References) != 2 ||
		d.Subject.OS.ID != "debian" || !strings.HasPrefix(d.Subject.OS.VersionID, "12") {
		t.Errorf("subject: %+v", d.Subject)
	}
	if len(d.Components) != 3 {
		t.Fatalf("%d components: %+v", len(d.Components), d.Components)
	}
	a, c := d.Components[0], d.Components[2]
	if a.Name != "libssl3" || a.Version != "3.0.11-1" || a.Source != (sbom.SourcePackage{Name: "openssl", Version: "3.0.11-1"}) || a.Supplier+a.Origin != "Debian" ||
		len(a.Licenses) != 1 || a.Licenses[0].Expression != "Apache-2.0" || a.Layer.String() != "sha256:"+layerHex || a.Pointer != "/Results/0/Packages/0" {
		t.Errorf("%+v", a)
	}
	if c.PURL != "pkg:npm/lodash@4.17.20" || len(c.Locations) == 0 || c.Locations[0] != "app/package-lock.json" {
		t.Errorf("%+v", c)
	}
	found := false
	for _, e := range d.Dependencies {
		found = found || e == sbom.Dependency{From: 0, To: 1, Kind: sbom.DependsOn}
	}
	if !found {
		t.Errorf("dependencies: %+v", d.Dependencies)
	}
}

func TestOperatorReport(t *testing.T) {
	d, err := trivy.DecodeReport(context.Background(), []byte(report), trivy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Format != sbom.TrivyOperator || len(d.Components) != 1 || len(d.Subject.References) != 1 || !strings.Contains(d.Subject.References[0].String(), "shop/web:1.4@sha256:"+repoHex) {
		t.Errorf("%+v", d)
	}
	for _, bad := range []string{"", `{}`, `{"report":{"components":[]}}`, `{"report":{"components":{"bomFormat":"CycloneDX","specVersion":"1.5","components":[]},"components":{"bomFormat":"CycloneDX","specVersion":"1.5"}}}`, `{"report":{"components":{"bomFormat":"SPDX"}}}`, report[:len(report)-4]} {
		if d, err := trivy.DecodeReport(context.Background(), []byte(bad), trivy.Options{}); err == nil {
			t.Errorf("%.40q is taken for %d components", bad, len(d.Components))
		}
	}
}

func TestBadInput(t *testing.T) {
	for name, tc := range map[string]struct {
		doc  string
		kind ident.Kind
	}{
		"empty": {"", ident.KindInvalid}, "a list": {"[]", ident.KindInvalid}, "results no list": {`{"SchemaVersion":2,"Results":{}}`, ident.KindInvalid},
		"without packages": {`{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Target":"y","Vulnerabilities":[{}]}]}`, ident.KindUnsupported},
		"nested too deep":  {`{"SchemaVersion":2,"x":` + strings.Repeat("[", 100_000), ident.KindLimit},
		"two lists":        {`{"SchemaVersion":2,"Results":[{"Packages":[{"Name":"a"}],"Packages":[{"Name":"b"}]}]}`, ident.KindInvalid},
		"not UTF-8":        {"{\"SchemaVersion\":2,\"ArtifactName\":\"\xe9\",\"Results\":[]}", ident.KindInvalid},
	} {
		if _, err := trivy.Decode(context.Background(), []byte(tc.doc), trivy.Options{}); ident.KindOf(err) != tc.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range doc {
		if _, err := trivy.Decode(context.Background(), []byte(doc[:i]), trivy.Options{}); err == nil {
			t.Fatalf("cut at %d it is taken for whole", i)
		}
	}
	if _, err := trivy.Decode(context.Background(), []byte(doc), trivy.Options{MaxBytes: 100}); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("over the bytes: %v", err)
	}
	if _, err := trivy.Decode(context.Background(), []byte(doc), trivy.Options{MaxComponents: 2}); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("over the components: %v", err)
	}
}

// TestWhatIsNotListed says that a report that may have left packages out does not
// pass for a whole one.
func TestWhatIsNotListed(t *testing.T) {
	for report, incomplete := range map[string]bool{
		doc: false, `{"SchemaVersion":2,"ArtifactName":"x"}`: true, `{"SchemaVersion":2,"ArtifactName":"x","Results":null}`: true,
		`{"SchemaVersion":2,"Results":[{"Class":"os-pkgs","Packages":[{"Name":"a"}]},{"Class":"lang-pkgs","Target":"app/package-lock.json"}]}`: true,
		`{"SchemaVersion":2,"Results":[{"Class":"os-pkgs","Packages":[{"Name":"a"}]},{"Class":"secret"}]}`:                                     false,
	} {
		d, err := trivy.Decode(context.Background(), []byte(report), trivy.Options{})
		if err != nil || d.Incomplete != incomplete {
			t.Errorf("%.80s: %v, incomplete %v", report, err, d != nil && d.Incomplete)
		}
	}
}

// listed counts the packages as the obvious reader does; a map has exact names.
func listed(t *testing.T, data []byte) (n int) {
	part := func(raw json.RawMessage, v any) {
		if err := json.Unmarshal(raw, v); len(raw) > 0 && err != nil {
			t.Fatalf("what is not of its kind was read: %v", err)
		}
	}
	var doc map[string]json.RawMessage
	var results []map[string]json.RawMessage
	part(bytes.TrimPrefix(data, []byte("\uFEFF")), &doc)
	part(doc["Results"], &results)
	for _, r := range results {
		var packages []json.RawMessage
		part(r["Packages"], &packages)
		n += len(packages)
	}
	return n
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(doc), false)
	f.Add([]byte(report), true)
	f.Add([]byte(lists), false)
	f.Fuzz(func(t *testing.T, data []byte, object bool) {
		decode := trivy.Decode
		if object {
			decode = trivy.DecodeReport
		}
		d, err := decode(context.Background(), data, trivy.Options{MaxBytes: 1 << 20, MaxComponents: 10_000})
		if err != nil {
			return
		}
		if n := listed(t, data); !object && n != len(d.Components) {
			t.Fatalf("%d components of lists of %d", len(d.Components), n)
		}
		for _, e := range d.Dependencies {
			if n := int32(len(d.Components)); e.From >= n || e.To >= n || e.From < sbom.SubjectIndex || e.To < sbom.SubjectIndex { //nolint:gosec // at most 10,000
				t.Fatalf("a dependency leads from %d to %d of %d components", e.From, e.To, n)
			}
		}
	})
}

// FuzzReal starts from the reports of the data folder.
func FuzzReal(f *testing.F) {
	f.Add([]byte(doc))
	corpus.Seed(f, "sbom/trivy-testdata", ".golden")
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := trivy.Decode(context.Background(), data, trivy.Options{MaxBytes: 1 << 20, MaxComponents: 10_000})
		if err != nil {
			return
		}
		if d.Digest.IsZero() {
			t.Error("a document without identity")
		}
		if n := listed(t, data); n != len(d.Components) {
			t.Errorf("%d components of lists of %d", len(d.Components), n)
		}
	})
}

func ExampleDecode() {
	d, err := trivy.Decode(context.Background(), []byte(doc), trivy.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(d.Components), d.Components[0].Name, "of", d.Components[0].Source.Name)
	// Output: 3 libssl3 of openssl
}

// TestEpoch says that an epoch is part of the version, as every comparison of
// distributions' versions needs it.
func TestEpoch(t *testing.T) {
	const packages = `{"SchemaVersion": 2, "ArtifactName": "x", "Results": [{"Target": "t", "Type": "debian", "Packages": [
		{"Name": "vim-tiny", "Version": "9.0.1378", "Release": "2", "Epoch": 2, "SrcName": "vim", "SrcVersion": "9.0.1378", "SrcRelease": "2", "SrcEpoch": 2},
		{"Name": "bash", "Version": "5.2.15", "Release": "2", "Epoch": 0, "SrcName": "bash", "SrcVersion": "5.2.15", "SrcRelease": "2", "SrcEpoch": 0}]}]}`
	d, err := trivy.Decode(context.Background(), []byte(packages), trivy.Options{})
	if err != nil || len(d.Components) != 2 {
		t.Fatalf("%+v %v", d, err)
	}
	for i, want := range []string{"2:9.0.1378-2", "5.2.15-2"} {
		if c := d.Components[i]; c.Version != want || c.Source.Version != want {
			t.Errorf("%s is %q, its source %q, want %q", c.Name, c.Version, c.Source.Version, want)
		}
	}
}
