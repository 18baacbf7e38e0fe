package inventory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
)

// generators holds what tools really wrote (README.md there).
const generators = "../sbom/decode/testdata/generators"

func generated(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(generators, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// built is an image as it was pushed, and the documents about it.
type built struct {
	name, tag string
	index     string   // file of the index; "" if the tag names a manifest
	manifest  string   // file of the manifest that runs
	sboms     []string // documents that name a digest of it
	tagOnly   []string // documents that name its tag alone
}

var builds = []built{
	{name: "registry.local/shop/cellar", tag: "2.0", manifest: "images/cellar.manifest.json",
		sboms:   []string{"syft/cellar.spdx.json", "syft/cellar.spdx", "syft/cellar.syft.json", "bom/cellar.spdx", "bom/cellar.spdx.json"},
		tagOnly: []string{"syft/cellar.cdx.json", "syft/cellar.cdx.xml"}},
	{name: "registry.local/shop/greeter", tag: "1.4", index: "images/greeter.index.json", manifest: "images/greeter.amd64.manifest.json",
		sboms: []string{"syft/greeter.spdx.json", "bom/greeter.spdx", "bom/greeter.spdx.json"}},
	{name: "registry.local/shop/greeter", tag: "1.4", index: "images/greeter.index.json", manifest: "images/greeter.arm64.manifest.json",
		sboms: []string{"bom/greeter.spdx", "bom/greeter.spdx.json"}},
	{name: "registry.local/built/greeter", tag: "1.4", index: "buildkit/greeter.index.json", manifest: "buildkit/greeter.amd64.manifest.json",
		sboms: []string{"buildkit/greeter.amd64.sbom.intoto.json"}},
	{name: "registry.local/built/greeter", tag: "1.4", index: "buildkit/greeter.index.json", manifest: "buildkit/greeter.arm64.manifest.json",
		sboms: []string{"buildkit/greeter.arm64.sbom.intoto.json"}},
	{name: "registry.local/built/cellar", tag: "2.0", index: "buildkit/cellar.index.json", manifest: "buildkit/cellar.amd64.manifest.json",
		sboms: []string{"buildkit/cellar.amd64.sbom.intoto.json"}},
	{name: "registry.local/built/stages", tag: "1.0", index: "buildkit/stages.index.json", manifest: "buildkit/stages.amd64.manifest.json",
		sboms: []string{"buildkit/stages.amd64.sbom.intoto.json"}},
}

// digests returns what the tag names, the manifest and the configuration of an image.
func (b built) digests(t testing.TB) (top, manifest, config ident.Digest) {
	t.Helper()
	raw := generated(t, b.manifest)
	var m struct{ Config struct{ Digest ident.Digest } }
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	manifest, config = ident.SHA256(raw), m.Config.Digest
	if b.index == "" {
		return manifest, manifest, config
	}
	return ident.SHA256(generated(t, b.index)), manifest, config
}

func (b built) maps(t testing.TB) inventory.ImageIndex {
	t.Helper()
	var maps inventory.ImageIndex
	for _, f := range []string{b.index, b.manifest} {
		if f == "" {
			continue
		}
		if err := maps.AddManifest("", generated(t, f)); err != nil {
			t.Fatal(err)
		}
	}
	return maps
}

// TestJoinOfRealDocuments: what syft, bom and BuildKit wrote is found from every
// runtime's status if the registry's manifests are there; without them exactly
// where status and document name one digest, and never "no SBOM" otherwise.
func TestJoinOfRealDocuments(t *testing.T) {
	for _, b := range builds {
		top, manifest, config := b.digests(t)
		for _, file := range append(b.sboms, b.tagOnly...) {
			doc := string(generated(t, file))
			known := map[ident.Digest]bool{}
			for _, d := range decoded(t, doc).Subject.Digests {
				known[d.Digest] = true
			}
			byTag := len(known) == 0
			ofIndex := strings.HasPrefix(file, "bom/greeter") // about both platforms, whichever digest finds it
			for runtime, id := range map[string]struct {
				text   string
				digest ident.Digest
			}{
				"docker pullable":     {"docker-pullable://" + b.name + "@" + top.String(), top},
				"docker image id":     {"docker://" + config.String(), config},
				"containerd top":      {b.name + "@" + top.String(), top},
				"containerd manifest": {b.name + "@" + manifest.String(), manifest},
				"containerd image id": {config.String(), config},
				"cri-o digest":        {b.name + "@" + manifest.String(), manifest},
				"cri-o image id":      {config.Hex(), config},
			} {
				for form, ref := range map[string]string{"tag": b.name + ":" + b.tag, "tag and digest": b.name + ":" + b.tag + "@" + top.String(), "digest": b.name + "@" + top.String()} {
					t.Run(file+"/"+runtime+"/"+form, func(t *testing.T) {
						if byTag {
							im := joined(t, ref, id.text, doc, inventory.ImageIndex{})
							if tagged := form != "digest"; tagged != (im.SBOM != nil) || tagged && im.SBOM.Match != "tag" {
								t.Errorf("a document that names a tag alone: %+v, %+v", im, im.SBOM)
							}
							return
						}
						im := joined(t, ref, id.text, doc, b.maps(t))
						if im.SBOM == nil || im.SBOM.Match == "tag" {
							t.Errorf("with the image map: %+v", im)
						}
						im = joined(t, ref, id.text, doc, inventory.ImageIndex{})
						want := known[id.digest] || form != "tag" && known[top]
						if ofIndex && im.SBOM != nil && im.SBOM.Match != "index" {
							t.Errorf("an SBOM of every platform is taken for that of one: %+v", im.SBOM)
						}
						if found := im.SBOM != nil; found != want || !found && im.Unresolved == "" || found && im.SBOM.Match == "tag" {
							t.Errorf("without the image map: %+v, want an SBOM: %v", im, want)
						}
					})
				}
			}
		}
	}
}

func decoded(t testing.TB, doc string) *sbom.Document {
	t.Helper()
	docs, err := decode.Bytes(context.Background(), "document", []byte(doc), decode.Limits{})
	if err != nil || len(docs) != 1 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	return docs[0]
}

// TestRealDocumentsOfOthersAreNotMatched: not the statement of another platform,
// nor that of another build under the same tag.
func TestRealDocumentsOfOthersAreNotMatched(t *testing.T) {
	var amd, arm = builds[3], builds[4]
	top, manifest, _ := arm.digests(t)
	maps := amd.maps(t)
	if err := maps.AddManifest("", generated(t, arm.manifest)); err != nil {
		t.Fatal(err)
	}
	doc := string(generated(t, amd.sboms[0]))
	if im := joined(t, arm.name+":"+arm.tag, arm.name+"@"+manifest.String(), doc, maps); im.SBOM != nil {
		t.Errorf("the SBOM of amd64 is taken for arm64: %+v", im.SBOM)
	}
	if im := joined(t, arm.name+":"+arm.tag, arm.name+"@"+top.String(), doc, maps); im.SBOM == nil || im.SBOM.Match != "index" {
		t.Errorf("an index runs one of its platforms, and the answer says so: %+v", im.SBOM)
	}
	for _, b := range builds {
		for _, file := range b.sboms {
			for _, id := range []string{b.name + "@" + otherDigest.String(), "docker://" + otherDigest.String()} {
				if im := joined(t, b.name+":"+b.tag, id, string(generated(t, file)), inventory.ImageIndex{}); im.SBOM != nil || im.Unresolved == "" {
					t.Errorf("%s: another build, which may be an index that lists this one: %+v", file, im)
				}
			}
		}
	}
}

// TestDocumentsWithoutIdentity: what buildx shows, an export without a name, a
// folder, a build's stage and an archive tell of no image, and so leave every pod
// without an SBOM.
func TestDocumentsWithoutIdentity(t *testing.T) {
	for _, file := range []string{"buildkit/greeter.imagetools.json", "buildkit/cellar.imagetools.json", "buildkit/unnamed.sbom.intoto.json",
		"buildkit/folder.sbom.spdx.json", "buildkit/stages.amd64.sbom-build.intoto.json", "buildkit/stages.amd64.sbom-context.intoto.json",
		"bom/cellar-archive.spdx", "bom/cellar-archive.spdx.json"} {
		for _, b := range builds {
			top, _, _ := b.digests(t)
			pod := fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: web, image: %q}]}", b.name+":"+b.tag+"@"+top.String())
			m, err := build(t, world{manifests: pod, sboms: []string{string(generated(t, file))}}).Map(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if im := m.Workloads[0].Images[0]; im.SBOM != nil || im.Unresolved != "" || len(m.WithoutSBOM) != 1 {
				t.Errorf("%s and %s: %+v", file, b.name, im)
			}
			for _, u := range m.SBOMsWithoutRuntime {
				if u.Reason != "it identifies no image" {
					t.Errorf("%s: %+v", file, u)
				}
			}
			if len(m.SBOMsWithoutRuntime) == 0 {
				t.Errorf("%s is listed nowhere", file)
			}
		}
	}
}

// TestAnIndexIsOneArtifact: bom's document about an index is named by the index, by
// whichever of its digests one asks.
func TestAnIndexIsOneArtifact(t *testing.T) {
	top, manifest, _ := builds[1].digests(t)
	s := build(t, world{manifests: "{apiVersion: v1, kind: Namespace, metadata: {name: a}}", sboms: []string{string(generated(t, "bom/greeter.spdx"))}})
	for _, d := range []ident.Digest{top, manifest} {
		a, err := s.Where(context.Background(), query(t, d.String()))
		if err != nil || len(a.NotRunning) != 1 || a.NotRunning[0].Digest != top || a.NotRunning[0].Image != "registry.local/shop/greeter" {
			t.Errorf("%s: %+v, %v", d, a.NotRunning, err)
		}
	}
}

// TestStatementAboutAnIndex: cosign signs what the tag names, often an index, and a
// runtime reports the configuration of the platform that it runs.
func TestStatementAboutAnIndex(t *testing.T) {
	b := builds[3]
	top, _, config := b.digests(t)
	doc := `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://cyclonedx.org/bom","subject":[{"name":"` + b.name + `","digest":{"sha256":"` + top.Hex() +
		`"}}],"predicate":{"bomFormat":"CycloneDX","specVersion":"1.6","version":1}}`
	for _, id := range []string{"docker://" + config.String(), b.name + "@" + top.String()} {
		if im := joined(t, b.name+":"+b.tag, id, doc, b.maps(t)); im.SBOM == nil || im.SBOM.Match == "tag" {
			t.Errorf("%s: %+v", id, im)
		}
	}
}
