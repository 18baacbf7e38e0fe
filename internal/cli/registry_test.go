package cli_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
)

// webSBOM is what is attached to shop/web:1.4, with the line's end that the script
// compares.
const webSBOM = `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"lodash","version":"4.17.20","purl":"pkg:npm/lodash@4.17.20"}]}` + "\n"

// dueSBOM is what is attached to shop/due:1: it says which image it is of.
const dueSBOM = `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","bom-ref":"image","name":"registry.example/shop/due"}},
"components":[{"type":"library","bom-ref":"c","name":"lodash","version":"4.17.20","purl":"pkg:npm/lodash@4.17.20"}]}`

// lockedRegistry is a registry that refuses to say what is attached in shop/locked.
func lockedRegistry(t testing.TB) *oci.Registry {
	t.Helper()
	return oci.New(t, oci.Options{Referrers: true, Wrap: oci.Forbids("/v2/shop/locked/referrers/")})
}

// registryWithImages runs a registry for the scripts: images with an SBOM, without one,
// with another's, and one of which the registry refuses to say what is attached.
func registryWithImages(t *testing.T, buildkit string) *oci.Registry {
	t.Helper()
	r := lockedRegistry(t)
	attested := func(to oci.Image, about string) {
		r.Attach(t, to, "application/vnd.in-toto+json", oci.Layer{MediaType: "application/vnd.in-toto+json",
			Content: []byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://spdx.dev/Document","subject":[{"digest":{"sha256":"` + about + `"}}],"predicate":{"spdxVersion":"SPDX-2.3"}}`)})
	}
	web := r.Image(t, "shop/web", "1.4")
	r.Attach(t, web, "application/vnd.cyclonedx+json", oci.Layer{MediaType: "application/vnd.cyclonedx+json", Content: []byte(webSBOM)})
	r.Attach(t, r.Image(t, "shop/swapped", "1"), "application/vnd.cyclonedx+json", oci.Layer{MediaType: "application/vnd.cyclonedx+json", Content: []byte(webSBOM)})
	r.Attach(t, r.Image(t, "shop/due", "1"), "application/vnd.cyclonedx+json", oci.Layer{MediaType: "application/vnd.cyclonedx+json", Content: []byte(dueSBOM)})
	r.Image(t, "shop/bare", "1")
	for _, name := range []string{"shop/signed", "shop/gated", "shop/github", "shop/gitlab", "shop/jenkins", "shop/tekton", "shop/kept", "shop/promoted", "shop/released", "shop/vendor", "shop/recorded"} {
		r.Image(t, name, "1") // for scripts that sign
	}
	r.Image(t, "shop/locked", "1")
	attested(r.Image(t, "shop/copied", "1"), web.Digest.Hex())
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(buildkit, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, p := range []string{"amd64", "arm64"} {
		for _, blob := range []string{".config.json", ".sbom.intoto.json", ".provenance.intoto.json"} {
			r.PutBlob(t, "built/greeter", read("greeter."+p+blob))
		}
		r.PutRaw(t, "built/greeter", "", oci.ManifestType, read("greeter."+p+".manifest.json"))
		r.PutRaw(t, "built/greeter", "", oci.ManifestType, read("greeter."+p+".attestation.json"))
	}
	r.PutRaw(t, "built/greeter", "1.4", oci.IndexType, read("greeter.index.json"))
	return r
}
