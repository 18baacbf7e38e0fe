package registry_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	spdx = `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"web","packages":[{"SPDXID":"SPDXRef-a","name":"lodash","versionInfo":"4.17.20"}]}`
	cdx  = "{ \"bomFormat\" : \"CycloneDX\",\n \"specVersion\":\"1.6\", \"components\":[{\"type\":\"library\",\"name\":\"lodash\"}] }"
)

func statement(about ident.Digest, predicateType, predicate string) []byte {
	return []byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"` + predicateType + `","subject":[{"name":"x","digest":{"sha256":"` + about.Hex() + `"}}],"predicate":` + predicate + `}`)
}

func envelope(statement []byte) []byte {
	return []byte(`{"payloadType":"application/vnd.in-toto+json","payload":"` + base64.StdEncoding.EncodeToString(statement) + `","signatures":[{"sig":"AAEC"}]}`)
}

func bundle(statement []byte) []byte {
	return []byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{},"dsseEnvelope":` + string(envelope(statement)) + `}`)
}

// quick are limits for tests in which something fails: nobody waits.
var quick = registry.Limits{Attempts: 2, Patience: 5 * time.Millisecond, Stall: 2 * time.Second}

func client(t testing.TB, o registry.Options) *registry.Client {
	t.Helper()
	own := http.DefaultTransport.(*http.Transport).Clone()
	if o.Transport == nil {
		o.Transport = own
	}
	c, err := registry.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { own.CloseIdleConnections(); c.Close() })
	return c
}

func ref(t testing.TB, s string) ident.ImageRef {
	t.Helper()
	r, err := ident.ParseImageRef(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func search(t testing.TB, c *registry.Client, image string) ([]*registry.Document, *registry.Found) {
	t.Helper()
	var docs []*registry.Document
	found, err := c.SBOMs(t.Context(), ref(t, image), registry.Search{}, func(d *registry.Document) error {
		docs = append(docs, d)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return docs, found
}

// ways attaches one SBOM to an image, in every way that there is.
var ways = map[string]struct {
	how    registry.How
	doc    string
	attach func(t testing.TB, r *oci.Registry, i oci.Image)
}{
	"referrer, bare": {registry.ByReferrersAPI, spdx, func(t testing.TB, r *oci.Registry, i oci.Image) {
		r.Attach(t, i, "application/spdx+json", oci.Layer{MediaType: "application/spdx+json", Content: []byte(spdx)})
	}},
	"referrer, of a type that says nothing": {registry.ByReferrersAPI, cdx, func(t testing.TB, r *oci.Registry, i oci.Image) {
		r.Attach(t, i, "application/vnd.example+json", oci.Layer{MediaType: "application/json", Content: []byte(cdx)})
	}},
	"referrer, as oras attaches a file": {registry.ByReferrersAPI, cdx, func(t testing.TB, r *oci.Registry, i oci.Image) {
		r.Attach(t, i, "sbom/example", oci.Layer{MediaType: "application/vnd.oci.image.layer.v1.tar", Content: []byte(cdx)})
	}},
	"referrer, in a bundle": {registry.ByReferrersAPI, cdx, func(t testing.TB, r *oci.Registry, i oci.Image) {
		r.Attach(t, i, "application/vnd.dev.sigstore.bundle.v0.3+json",
			oci.Layer{MediaType: "application/vnd.dev.sigstore.bundle.v0.3+json", Content: bundle(statement(i.Digest, "https://cyclonedx.org/bom", cdx))})
	}},
	"referrer, in an envelope": {registry.ByReferrersAPI, spdx, func(t testing.TB, r *oci.Registry, i oci.Image) {
		r.Attach(t, i, "application/vnd.in-toto+json", oci.Layer{MediaType: "application/vnd.dsse.envelope.v1+json", Content: envelope(statement(i.Digest, "https://spdx.dev/Document/v2.3", spdx))})
	}},
	"cosign attach": {registry.ByCosignSBOM, spdx, func(t testing.TB, r *oci.Registry, i oci.Image) {
		r.Cosign(t, i, ".sbom", oci.Layer{MediaType: "text/spdx+json", Content: []byte(spdx)})
	}},
	"cosign attest": {registry.ByCosignAttestation, spdx, func(t testing.TB, r *oci.Registry, i oci.Image) {
		r.Cosign(t, i, ".att", oci.Layer{MediaType: "application/vnd.dsse.envelope.v1+json", Content: envelope(statement(i.Digest, "https://slsa.dev/provenance/v1", "{}")),
			Annotations: map[string]string{"predicateType": "https://slsa.dev/provenance/v1"}},
			oci.Layer{MediaType: "application/vnd.dsse.envelope.v1+json", Content: envelope(statement(i.Digest, "https://spdx.dev/Document", spdx))})
	}},
}

// registries are the real ones that answers are tried on.
func registries(t *testing.T, each func(t *testing.T, r *oci.Registry, api bool)) {
	t.Run("with the referrers API", func(t *testing.T) { each(t, oci.New(t, oci.Options{Referrers: true}), true) })
	t.Run("without it", func(t *testing.T) { each(t, oci.New(t, oci.Options{}), false) })
	t.Run("Debian's", func(t *testing.T) { each(t, oci.Debian(t), false) })
}

func TestEveryWayToAttach(t *testing.T) {
	registries(t, func(t *testing.T, r *oci.Registry, api bool) {
		c := client(t, registry.Options{})
		n := 0
		for name, w := range ways {
			t.Run(name, func(t *testing.T) {
				n++
				i := r.Image(t, fmt.Sprintf("shop/web%d", n), "1.4")
				if _, none := search(t, c, r.Reference(i)); ident.KindOf(none.None()) != ident.KindNotFound {
					t.Fatalf("before: %v", none.None())
				}
				w.attach(t, r, i)
				docs, found := search(t, c, r.Reference(i))
				if len(docs) != 1 || len(found.Unchecked) != 0 || found.None() != nil {
					t.Fatalf("%d documents, %+v", len(docs), found)
				}
				d, how := docs[0], w.how
				if how == registry.ByReferrersAPI && !api {
					how = registry.ByReferrersTag
				}
				if string(d.Bytes) != w.doc || d.Fault != nil || d.Origin.How != how || d.Origin.Image.Digest != i.Digest || d.Origin.Image.Registry != r.Host {
					t.Errorf("%q %v %+v", d.Bytes, d.Fault, d.Origin)
				}
				want := []ident.RoledDigest{{Role: ident.RoleManifest, Digest: i.Digest}, {Role: ident.RoleConfig, Digest: i.Config}}
				if !slices.Equal(d.Identity, want) {
					t.Errorf("identity %v", d.Identity)
				}
				if bare := d.Origin.Predicate == ""; bare != (ident.SHA256(d.Bytes) == d.Origin.Blob) {
					t.Errorf("the blob is %s", d.Origin.Blob)
				}
				if len(d.References) != 2 || d.References[0].Digest != i.Digest || d.References[1].Tag != "1.4" {
					t.Errorf("references %v", d.References)
				}
			})
		}
	})
}

// buildKit pushes what BuildKit really wrote for an image, and returns its index.
func buildKit(t testing.TB, r *oci.Registry, name string, platforms ...string) oci.Image {
	t.Helper()
	read := func(file string) []byte {
		b, err := os.ReadFile(filepath.Join("../../sbom/decode/testdata/generators/buildkit", name+"."+file))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	repository := "built/" + name
	for _, p := range platforms {
		r.PutBlob(t, repository, read(p+".config.json"))
		for _, f := range []string{"sbom", "sbom-build", "sbom-context", "provenance"} {
			if b, err := os.ReadFile(filepath.Join("../../sbom/decode/testdata/generators/buildkit", name+"."+p+"."+f+".intoto.json")); err == nil {
				r.PutBlob(t, repository, b)
			}
		}
		for _, f := range []string{".manifest.json", ".attestation.json"} {
			r.PutRaw(t, repository, "", oci.ManifestType, read(p+f))
		}
	}
	return r.PutRaw(t, repository, "1.4", oci.IndexType, read("index.json"))
}

func TestWhatBuildKitWrote(t *testing.T) {
	r := oci.New(t, oci.Options{Referrers: true})
	c := client(t, registry.Options{})
	i := buildKit(t, r, "greeter", "amd64", "arm64")
	docs, found := search(t, c, r.Reference(i))
	if len(docs) != 2 || len(found.Unchecked) != 0 || found.Aside != 2 || found.Faulty != 0 {
		t.Fatalf("%d documents, %+v", len(docs), found)
	}
	for n, d := range docs {
		v := found.Image.Variants[n]
		want := []ident.RoledDigest{{Role: ident.RoleManifest, Digest: v.Manifest}, {Role: ident.RoleConfig, Digest: v.Config}, {Role: ident.RoleIndex, Digest: i.Digest}}
		if !slices.Equal(d.Identity, want) || d.Platform != []string{"linux/amd64", "linux/arm64"}[n] || d.Origin.How != registry.ByAttestation || d.Origin.Image.Digest != v.Manifest {
			t.Errorf("%+v %s %+v", d.Identity, d.Platform, d.Origin)
		}
		if !strings.HasPrefix(string(d.Bytes), `{"spdxVersion":"SPDX-2.3"`) {
			t.Errorf("%.60s", d.Bytes)
		}
	}
	// The SBOMs of a build's context and stages are no SBOMs of the image.
	i = buildKit(t, r, "stages", "amd64")
	docs, found = search(t, c, r.Reference(i))
	if len(docs) != 1 || found.Aside != 3 {
		t.Fatalf("%d documents, %+v", len(docs), found)
	}
}

func TestAnIndexAndItsPlatforms(t *testing.T) {
	r := oci.New(t, oci.Options{Referrers: true})
	c := client(t, registry.Options{})
	one, two := r.Image(t, "shop/web", "one"), r.Image(t, "shop/web", "two")
	both := r.Index(t, "shop/web", "both", []oci.Image{one, two})
	single := r.Index(t, "shop/web", "single", []oci.Image{one})
	// Attached to the index, about one platform.
	r.Attach(t, both, "application/vnd.in-toto+json", oci.Layer{MediaType: "application/vnd.in-toto+json", Content: statement(two.Digest, "https://spdx.dev/Document", spdx)})
	// Attached to the index, about the index.
	r.Attach(t, both, "application/spdx+json", oci.Layer{MediaType: "application/spdx+json", Content: []byte(spdx)})
	r.Attach(t, single, "application/spdx+json", oci.Layer{MediaType: "application/spdx+json", Content: []byte(spdx)})
	r.Attach(t, two, "application/vnd.cyclonedx+json", oci.Layer{MediaType: "application/vnd.cyclonedx+json", Content: []byte(cdx)})

	docs, _ := search(t, c, r.Reference(both))
	about := map[string]int{}
	for _, d := range docs {
		var s []string
		for _, id := range d.Identity {
			s = append(s, id.Role.String()+" "+id.Digest.Short())
		}
		about[strings.Join(s, ", ")]++
	}
	second := "manifest " + two.Digest.Short() + ", config " + two.Config.Short() + ", index " + both.Digest.Short()
	if len(docs) != 3 || about[second] != 2 || about["index "+both.Digest.Short()] != 1 {
		t.Errorf("%d documents: %v", len(docs), about)
	}
	docs, _ = search(t, c, r.Reference(single))
	if len(docs) != 1 || docs[0].Identity[0] != (ident.RoledDigest{Role: ident.RoleManifest, Digest: one.Digest}) {
		t.Errorf("an index of one platform: %+v", docs)
	}
	docs, found := search(t, c, r.Host+"/shop/web@"+one.Digest.String())
	if len(docs) != 0 || ident.KindOf(found.None()) != ident.KindNotFound {
		t.Errorf("a platform without: %+v", found)
	}
}

func TestSubjectMismatch(t *testing.T) {
	r := oci.New(t, oci.Options{Referrers: true})
	c := client(t, registry.Options{})
	i, other := r.Image(t, "shop/web", "1"), r.Image(t, "shop/web", "2")
	raw := envelope(statement(other.Digest, "https://spdx.dev/Document", spdx))
	r.Cosign(t, i, ".att", oci.Layer{MediaType: "application/vnd.dsse.envelope.v1+json", Content: raw})
	r.Attach(t, i, "application/vnd.in-toto+json", oci.Layer{MediaType: "application/vnd.in-toto+json", Content: []byte(`{"_type":"https://in-toto.io/Statement/v1","_type":""}`)})
	docs, found := search(t, c, r.Reference(i))
	if len(docs) != 2 || found.Faulty != 2 || found.None() != nil {
		t.Fatalf("%+v", found)
	}
	for _, d := range docs {
		if d.Origin.How == registry.ByCosignAttestation && (!strings.Contains(d.Fault.Error(), "subject mismatch") || string(d.Bytes) != string(raw)) {
			t.Errorf("%v %q", d.Fault, d.Bytes)
		}
		if d.Fault == nil || ident.KindOf(d.Fault) != ident.KindInvalid {
			t.Errorf("%v", d.Fault)
		}
	}
}

// TestKnownIsNotFetchedAgain: what a search knows from before costs no request for it.
func TestKnownIsNotFetchedAgain(t *testing.T) {
	blobs := 0
	var mu sync.Mutex
	r := oci.New(t, oci.Options{Referrers: true, Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if strings.Contains(q.URL.Path, "/blobs/") {
				mu.Lock()
				blobs++
				mu.Unlock()
			}
			h.ServeHTTP(w, q)
		})
	}})
	c := client(t, registry.Options{})
	i := r.Image(t, "shop/web", "1")
	ways["cosign attest"].attach(t, r, i)
	known := map[ident.Digest]bool{}
	for round := range 2 {
		found, err := c.SBOMs(t.Context(), ref(t, r.Reference(i)), registry.Search{Known: func(o registry.Origin) (bool, bool) { return known[o.Blob], true }}, func(d *registry.Document) error {
			known[d.Origin.Blob] = true
			return nil
		})
		if err != nil || found.None() != nil || round == 1 && found.Known != 1 {
			t.Fatalf("%+v %v", found, err)
		}
	}
	// The first envelope is provenance, and nobody remembers it.
	if blobs != 3 {
		t.Errorf("%d blobs were fetched", blobs)
	}
}

func TestTags(t *testing.T) {
	pages := 0
	r := oci.New(t, oci.Options{Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if strings.HasSuffix(q.URL.Path, "/tags/list") && q.URL.Query().Get("n") == "" {
				pages++
				v := q.URL.Query()
				v.Set("n", "2")
				q.URL.RawQuery = v.Encode()
				if last := v.Get("last"); last < "t4" {
					next := map[string]string{"": "t1", "t1": "t3", "t3": "t5"}[last]
					w.Header().Set("Link", `</v2/shop/web/tags/list?last=`+next+`>; rel="next"`)
				}
			}
			h.ServeHTTP(w, q)
		})
	}})
	c := client(t, registry.Options{})
	for n := range 6 {
		r.Image(t, "shop/web", fmt.Sprint("t", n))
	}
	tags, complete, err := c.Tags(t.Context(), ref(t, r.Host+"/shop/web"))
	if want := []string{"t0", "t1", "t2", "t3", "t4", "t5"}; err != nil || !complete || !slices.Equal(tags, want) {
		t.Errorf("%v %v %v", tags, complete, err)
	}
	if _, _, err = c.Tags(t.Context(), ref(t, r.Host+"/shop/none")); ident.KindOf(err) != ident.KindNotFound {
		t.Errorf("a repository that is not there: %v", err)
	}
	few := client(t, registry.Options{Limits: registry.Limits{Tags: 3}})
	if tags, complete, err = few.Tags(t.Context(), ref(t, r.Host+"/shop/web")); len(tags) != 3 || complete || err != nil {
		t.Errorf("%v %v %v", tags, complete, err)
	}
	d, err := c.Digest(t.Context(), ref(t, r.Host+"/shop/web:t3"))
	if i, _ := c.Image(t.Context(), ref(t, r.Host+"/shop/web:t3")); err != nil || i == nil || i.Reference.Digest != d {
		t.Errorf("%s %v", d, err)
	}
}

// TestOneFetchForMany: many that want one image's SBOMs at once read its child
// manifests once.
func TestOneFetchForMany(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	r := oci.New(t, oci.Options{Referrers: true, Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			mu.Lock()
			asked[q.URL.Path]++
			mu.Unlock()
			h.ServeHTTP(w, q)
		})
	}})
	i := r.Image(t, "shop/web", "1")
	a := r.Attach(t, i, "application/spdx+json", oci.Layer{MediaType: "application/spdx+json", Content: []byte(spdx)})
	c := client(t, registry.Options{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			found, err := c.SBOMs(context.Background(), ref(t, r.Reference(i)), registry.Search{}, func(*registry.Document) error { return nil })
			if err != nil || found.Documents != 1 {
				t.Errorf("%+v %v", found, err)
			}
		})
	}
	wg.Wait()
	if n := asked["/v2/shop/web/manifests/"+a.Digest.String()]; n != 1 {
		t.Errorf("the referrer was read %d times", n)
	}
}
