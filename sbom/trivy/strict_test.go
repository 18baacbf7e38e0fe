package trivy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/trivy"
)

// lists has what doc has not: packages without a path of their own, which are where
// the result is, results that are no lists of packages, and layers by their content.
const lists = `{"SchemaVersion": 2, "ArtifactName": "shop/web:1.4", "ArtifactType": "container_image", "Results": [
  {"Packages": [{"ID": "a@1", "Name": "a", "Version": "1", "Licenses": ["", "MIT"], "DependsOn": ["b@1", "gone@1"]}, {"ID": "b@1", "Name": "b", "Version": "1", "Layer": {"DiffID": "sha256:` + layerHex + `"}}], "Class": "lang-pkgs", "Target": "go.mod"},
  {"Target": "b.lock", "Class": "lang-pkgs", "Packages": [{"ID": "b@1", "Name": "b", "Version": "1", "DependsOn": ["a@1"]}]},
  {"Target": "keys", "Class": "secret"}]}`

type decoder func(context.Context, []byte, trivy.Options) (*sbom.Document, error)

// content leaves out what is of the bytes and not of the document.
func content(decode decoder) func(data []byte) (any, error) {
	return func(data []byte) (any, error) {
		d, err := decode(context.Background(), data, trivy.Options{})
		if err != nil {
			return nil, err
		}
		d.Digest, d.Size = ident.Digest{}, 0
		return d, nil
	}
}

func TestPackagesOfTheirResult(t *testing.T) {
	d, err := trivy.Decode(context.Background(), []byte(lists), trivy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"go.mod", "go.mod", "b.lock"} {
		if l := d.Components[i].Locations; len(l) != 1 || l[0] != want {
			t.Errorf("component %d is at %q", i, l)
		}
	}
	if l := d.Components[0].Licenses; len(l) != 1 || l[0].Expression != "MIT" {
		t.Errorf("what says nothing is no licence: %+v", l)
	}
	// Of the two packages of one ID each result means its own.
	if len(d.Dependencies) != 1 || d.Dependencies[0] != (sbom.Dependency{From: 0, To: 1}) || d.Incomplete || d.Components[1].Layer.String() != "sha256:"+layerHex {
		t.Errorf("%+v", d)
	}
}

func TestStrict(t *testing.T) {
	for _, doc := range []string{doc, lists} {
		corpus.Strict(t, doc, content(trivy.Decode), func(at string) bool {
			return strings.HasSuffix(at, "/Type") || strings.HasSuffix(at, "/UID") // not read
		})
	}
	corpus.Strict(t, report, content(trivy.DecodeReport), func(at string) bool {
		switch at {
		case "/apiVersion", "/kind", "/metadata", "/metadata/name", "/metadata/namespace": // not read
			return true
		case "/report/components", "/report/components/components", "/report/components/components/0":
			return false
		}
		return strings.HasPrefix(at, "/report/components/") // with a warning
	})
}

// TestReportPointers: what stands in the document inside is named from the root of
// the object.
func TestReportPointers(t *testing.T) {
	bad := strings.Replace(report, `"version": "4.17.20"`, `"version": 4`, 1)
	d, err := trivy.DecodeReport(context.Background(), []byte(bad), trivy.Options{})
	if err != nil || len(d.Warnings) != 1 || d.Warnings[0].Pointer != "/report/components/components/0/version" || d.Components[0].Pointer != "/report/components/components/0" {
		t.Errorf("%v %+v", err, d)
	}
	if want := ident.SHA256([]byte(bad)); d.Digest != want || d.Size != int64(len(bad)) {
		t.Errorf("the document is %s of %d bytes, want those of the object, %s", d.Digest, d.Size, want)
	}
}

func TestContextEndsDecoding(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for data, decode := range map[string]decoder{doc: trivy.Decode, report: trivy.DecodeReport} {
		if _, err := decode(ctx, []byte(data), trivy.Options{}); err == nil {
			t.Errorf("a cancelled decoding went on: %.40s", data)
		}
	}
}
