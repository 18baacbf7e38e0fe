package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
)

// An image in a registry says what it was built on, and its SBOM in which layer each
// package is: the server, and a gate, tell the base's findings from the application's.
func TestOriginsOnServer(t *testing.T) {
	r := oci.New(t, oci.Options{Referrers: true})
	put := func(repository string, annotations map[string]string, layers ...string) oci.Image {
		var ids []string
		m := oci.Manifest{SchemaVersion: 2, MediaType: oci.ManifestType, Annotations: annotations}
		for _, l := range layers {
			m.Layers = append(m.Layers, oci.Descriptor{MediaType: oci.LayerType, Digest: r.PutBlob(t, repository, []byte(l)).String(), Size: len(l)})
			ids = append(ids, fmt.Sprintf("%q", ident.SHA256([]byte("content of "+l))))
		}
		config := `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[` + strings.Join(ids, ",") + `]}}`
		m.Config = &oci.Descriptor{MediaType: oci.ConfigType, Digest: r.PutBlob(t, repository, []byte(config)).String(), Size: len(config)}
		return r.Put(t, repository, "1", m)
	}
	base := put("base/debian", nil, "debian")
	web := put("shop/web", map[string]string{"org.opencontainers.image.base.name": r.Host + "/base/debian:1", "org.opencontainers.image.base.digest": base.Digest.String()}, "debian", "app")
	in := func(doc string, layers ...string) string { // syft's form: by the content's digest
		for i, l := range layers {
			doc = strings.Replace(doc, fmt.Sprintf(`"bom-ref":"c%d"`, i), fmt.Sprintf(`"bom-ref":"c%d","properties":[{"name":"syft:location:0:layerID","value":%q}]`, i, ident.SHA256([]byte("content of "+l))), 1)
		}
		return doc
	}
	sbom := in(imageSBOM("web", 1, "pkg:npm/lodash@4.17.19", "pkg:npm/lodash@4.17.20"), "debian", "app")
	sbom = strings.Replace(sbom, fmt.Sprintf("sha256:%064x", 1), web.Digest.String(), 1)
	r.Attach(t, web, "application/vnd.cyclonedx+json", oci.Layer{MediaType: "application/vnd.cyclonedx+json", Content: []byte(sbom)})

	records := t.TempDir()
	if err := os.WriteFile(filepath.Join(records, "a.json"), []byte(lodashRecord), 0o600); err != nil {
		t.Fatal(err)
	}
	s := served(t, "--advisories", records)
	t.Setenv("COFFERDAM_SERVER", s.url)
	s.run(0, "push", "--plain-http", "--image", r.Host+"/shop/web:1")
	s.report(strings.Replace(container("web", 1), fmt.Sprintf("sha256:%064x", 1), web.Digest.String(), 1))
	eventually(t, func() (bool, string) {
		out, errs := s.run(-1, "findings", "-o", "json")
		return strings.Count(out, `"origin": "base"`) == 1 && strings.Count(out, `"origin": "application"`) == 1 && strings.Contains(out, r.Host+"/base/debian:1@"+base.Digest.String()), out + errs
	})
	if out, _ := s.run(0, "findings"); !strings.Contains(out, "ORIGIN") || !strings.Contains(out, "application") {
		t.Errorf("the table does not say it:\n%s", out)
	}
	if out, _ := s.run(0, "findings", "--origin", "application", "-o", "json"); !strings.Contains(out, "lodash@4.17.20") || strings.Contains(out, "lodash@4.17.19") {
		t.Errorf("%s", out)
	}
	s.run(2, "findings", "--origin", "elsewhere")
	if out, _ := s.run(0, "scan", web.Digest.String(), "--server", s.url); !strings.Contains(out, "1 finding; of the application: 1") {
		t.Errorf("one artifact: %s", out)
	}
	// An image of which nobody says what it was built on: what is left out is told.
	s.run(0, "push", s.file("api.json", imageSBOM("api", 2, "pkg:npm/lodash@4.17.18")))
	s.report(strings.Replace(container("web", 1), fmt.Sprintf("sha256:%064x", 1), web.Digest.String(), 1) + "," + container("api", 2))
	eventually(t, func() (bool, string) {
		out, errs := s.run(-1, "findings", "--origin", "base")
		return strings.Contains(errs, "1 findings are left out"), out + errs
	})
	s.run(4, "findings", "--origin", "base")
	if out, _ := s.run(0, "findings", "--origin", "base,unknown", "-o", "json"); strings.Count(out, `"purl"`) != 2 {
		t.Errorf("%s", out)
	}
	// The gate of a pipeline says it, too.
	policy := s.file("policy.yaml", "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: any}\nspec:\n  images: [{glob: '**'}]\n  authorities: [{static: {action: pass}}]\n")
	out, _ := s.run(3, "gate", r.Host+"/shop/web:1", "--plain-http", "--policy", policy, "--advisories", records, "--base", "auto")
	if !strings.Contains(out, "origin: application") || !strings.Contains(out, "origin: base") {
		t.Errorf("%s", out)
	}
}

// eventually waits until something is so; otherwise it prints what was last seen.
func eventually(t *testing.T, is func() (bool, string)) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		ok, seen := is()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after a minute: %s", seen)
		}
	}
}
