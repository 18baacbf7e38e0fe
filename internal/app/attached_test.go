package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
)

// greeter pushes an image of two platforms as BuildKit really wrote it.
func greeter(t *testing.T, r *oci.Registry, tag string) oci.Image {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("../../sbom/decode/testdata/generators/buildkit", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, p := range []string{"amd64", "arm64"} {
		for _, blob := range []string{".config.json", ".sbom.intoto.json", ".provenance.intoto.json"} {
			r.PutBlob(t, "built/greeter", read("greeter."+p+blob))
		}
		for _, m := range []string{".manifest.json", ".attestation.json"} {
			r.PutRaw(t, "built/greeter", "", oci.ManifestType, read("greeter."+p+m))
		}
	}
	return r.PutRaw(t, "built/greeter", tag, oci.IndexType, read("greeter.index.json"))
}

// attach gives an image an SBOM, as a referrer.
func attach(t *testing.T, r *oci.Registry, to oci.Image, text string) oci.Image {
	t.Helper()
	return r.Attach(t, to, "application/vnd.cyclonedx+json", oci.Layer{MediaType: "application/vnd.cyclonedx+json", Content: []byte(text)})
}

// TestPushImages: what is attached to images arrives as it stands in the registry, with
// where it was found, and is found by every digest of its image.
func TestPushImages(t *testing.T) {
	r := oci.New(t, oci.Options{Referrers: true})
	both, web := greeter(t, r, "1.4"), r.Image(t, "shop/web", "2")
	by := attach(t, r, web, sbomText("web"))
	url, end := serving(t, app.ServeOptions{Data: t.TempDir()})
	defer end()
	c, err := client.New(url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	images := []string{r.Reference(both), r.Reference(web)}
	for round := range 2 {
		got, problems, err := (&app.Loader{}).PushImages(t.Context(), c, images, app.RegistryInputs{}, client.Document{Service: "shop"})
		if err != nil || len(problems) != 0 || len(got.Documents) != 3 || round == 0 && got.Stored != 3 || round == 1 && got.Known != 3 {
			t.Fatalf("round %d: %+v %v %v", round, got, problems, err)
		}
	}
	text := sbomText("web")
	digest := ident.SHA256([]byte(text)).String()
	if got := get(t, url+"/api/v1/documents/"+digest+"/content"); got != text {
		t.Errorf("%q", got)
	}
	meta := get(t, url+"/api/v1/documents/"+digest)
	for _, want := range []string{`"image":"` + r.Host + "/shop/web@" + web.Digest.String(), `"how":"referrers-api"`, `"manifest":"` + by.Digest.String(), `"blob":"` + digest,
		`"trust":"unchecked"`, `"claimed":"` + web.Digest.String(), r.Host + `/shop/web:2"`, `"service":"shop"`} {
		if !strings.Contains(meta, want) {
			t.Errorf("no %s in %s", want, meta)
		}
	}
	// An image without any is no success.
	bare := r.Image(t, "shop/bare", "1")
	_, _, err = (&app.Loader{}).PushImages(t.Context(), c, []string{r.Reference(bare)}, app.RegistryInputs{}, client.Document{})
	if ident.KindOf(err) != ident.KindNotFound {
		t.Error(err)
	}
}

// TestAttachedIdentities: a document that is attached is known by its image's digests,
// unless it says itself that it is about another image.
func TestAttachedIdentities(t *testing.T) {
	r := oci.New(t, oci.Options{})
	both := greeter(t, r, "1.4")
	docs, problems, err := (&app.Loader{}).Attached(t.Context(), []string{r.Reference(both)}, app.RegistryInputs{})
	if err != nil || len(problems) != 0 || len(docs) != 2 {
		t.Fatalf("%d documents, %v, %v", len(docs), problems, err)
	}
	for _, d := range docs {
		var roles []string
		for _, g := range d.Subject.Digests {
			roles = append(roles, g.Role.String())
		}
		if got := strings.Join(roles, " "); got != "manifest config index" || d.Subject.Name != r.Host+"/built/greeter" || d.Subject.Version != "1.4" {
			t.Errorf("%s: %+v", got, d.Subject)
		}
	}
	// One document of both platforms is one, and about both.
	one, two := r.Image(t, "shop/two", "a"), r.Image(t, "shop/two", "b")
	index := r.Index(t, "shop/two", "both", []oci.Image{one, two})
	attach(t, r, one, sbomText("two"))
	attach(t, r, two, sbomText("two"))
	docs, _, err = (&app.Loader{}).Attached(t.Context(), []string{r.Reference(index)}, app.RegistryInputs{})
	if err != nil || len(docs) != 1 || len(docs[0].Subject.Digests) != 5 {
		t.Errorf("%d documents, %v", len(docs), err)
	}
	web := r.Image(t, "shop/web", "1")
	other := ident.SHA256([]byte("another image")).String()
	attach(t, r, web, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"container","name":"x","version":"`+other+`"}},"components":[]}`)
	docs, _, err = (&app.Loader{}).Attached(t.Context(), []string{r.Reference(web)}, app.RegistryInputs{})
	if err != nil || len(docs) != 1 || len(docs[0].Subject.Digests) != 1 || len(docs[0].Warnings) == 0 {
		t.Errorf("%+v %v", docs, err)
	}
}
