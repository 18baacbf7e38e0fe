package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/internal/server"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
)

// registryState asks a server how its only registry is, until that is as wanted.
func registryState(t *testing.T, url, what string, wanted func(r server.Registry) bool) server.Registry {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for {
		var page struct{ Items []server.Registry }
		if err := json.Unmarshal([]byte(get(t, url+"/api/v1/registries")), &page); err != nil || len(page.Items) != 1 {
			t.Fatalf("%+v %v", page, err)
		}
		if wanted(page.Items[0]) {
			return page.Items[0]
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: %+v", what, page.Items[0])
		}
	}
}

// next is a round that saw everything and began after now.
func next() func(server.Registry) bool {
	now := time.Now()
	return func(r server.Registry) bool {
		return r.State == "waiting" && r.Failures == 0 && r.Begun.After(now) && r.Completed.After(now)
	}
}

func TestRegistriesAreRead(t *testing.T) {
	var blobs atomic.Int64
	var mu sync.Mutex
	away := false
	r := oci.New(t, oci.Options{Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if strings.Contains(q.URL.Path, "/blobs/") {
				blobs.Add(1)
			}
			mu.Lock()
			defer mu.Unlock()
			if away {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			h.ServeHTTP(w, q)
		})
	}})
	// Two tags of one image, one without an SBOM, and one with a copied attestation.
	web := r.Image(t, "shop/web", "1.4")
	r.PutRaw(t, "shop/web", "stable", oci.ManifestType, web.Raw)
	attach(t, r, web, sbomText("web"))
	bare := r.Image(t, "shop/web", "bare") // with provenance and no SBOM
	r.Cosign(t, bare, ".att", oci.Layer{MediaType: "application/vnd.in-toto+json",
		Content: []byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","subject":[{"digest":{"sha256":"` + bare.Digest.Hex() + `"}}],"predicate":{}}`)})
	copied := r.Image(t, "shop/web", "copied")
	r.Cosign(t, copied, ".att", oci.Layer{MediaType: "application/vnd.in-toto+json",
		Content: []byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://spdx.dev/Document","subject":[{"digest":{"sha256":"` + web.Digest.Hex() + `"}}],"predicate":{"spdxVersion":"SPDX-2.3"}}`)})
	both := greeter(t, r, "1.4")
	built := oci.Manifest{SchemaVersion: 2, MediaType: oci.ManifestType, Annotations: map[string]string{"org.opencontainers.image.base.name": r.Host + "/base/gone:1", "org.opencontainers.image.base.digest": web.Digest.String()}}
	if err := json.Unmarshal(web.Raw, &built); err != nil {
		t.Fatal(err)
	}
	onBase := r.Put(t, "shop/onbase", "1", built)
	attach(t, r, onBase, sbomText("on a base"))

	dir := t.TempDir()
	config := filepath.Join(dir, "cofferdam.yaml")
	text := fmt.Sprintf("registries:\n- {name: shop, repositories: [%q], images: [%q, %q], interval: 30ms, service: shop}\n", r.Host+"/shop/web", r.Reference(both), r.Reference(onBase))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	url, end := serving(t, app.ServeOptions{Data: data, Config: config, Log: nil})
	admin, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(admin))
	http.DefaultClient.Transport = bearer(token)
	defer func() { http.DefaultClient.Transport = nil }()

	got := registryState(t, url, "the first round", next())
	if got.Taken != 4 || got.Quarantined != 1 || got.Images != 5 || got.WithoutSBOM != 1 {
		t.Errorf("%+v", got)
	}
	meta := get(t, url+"/api/v1/documents/"+ident.SHA256([]byte(sbomText("web"))).String())
	for _, want := range []string{`{"role":"manifest","digest":"` + web.Digest.String(), `{"role":"config","digest":"` + web.Config.String(), r.Host + `/shop/web:1.4"`, r.Host + `/shop/web:stable"`,
		`"how":"referrers-tag"`, `"by":"registry:shop"`, `"service":"shop"`} {
		if !strings.Contains(meta, want) {
			t.Errorf("no %s in %s", want, meta)
		}
	}
	if c := get(t, url+"/api/v1/changes?limit=1000"); strings.Count(c, `"kind":"base"`) != 1 {
		t.Errorf("what one image says of its base is not kept once: %s", c)
	}
	if q := get(t, url+"/api/v1/quarantine"); !strings.Contains(q, "subject mismatch") {
		t.Error(q)
	}

	if who := get(t, url+"/api/v1/reporters"); !strings.Contains(who, `"kind":"source"`) || !strings.Contains(who, `"name":"registry shop"`) {
		t.Errorf("what the registry holds may not be deployed: %s", who)
	}

	// What is known is not fetched again; what is attached later is.
	fetched := blobs.Load()
	if got = registryState(t, url, "a round without anything new", next()); got.WithoutSBOM != 1 {
		t.Errorf("%+v", got)
	}
	if n := blobs.Load(); n != fetched {
		t.Errorf("%d blobs were fetched again", n-fetched)
	}
	attach(t, r, web, sbomText("web, again"))
	registryState(t, url, "what is attached later", func(s server.Registry) bool { return s.Taken == 5 })

	// A registry that refuses is a problem of its own: the server goes on, and says so.
	mu.Lock()
	away = true
	mu.Unlock()
	got = registryState(t, url, "a registry that refuses", func(s server.Registry) bool { return s.State == "failing" })
	if !strings.Contains(got.Problem, "refuses") || !strings.Contains(got.Hint, "docker login") || got.Completed.IsZero() || got.Failures == 0 {
		t.Errorf("%+v", got)
	}
	if ready := get(t, url+"/readyz"); ready != "ready\n" {
		t.Error(ready)
	}
	if m := get(t, url+"/metrics"); !strings.Contains(m, `cofferdam_registry_rounds_total{complete="false",registry="shop"}`) || !strings.Contains(m, `cofferdam_registry_documents_total{outcome="quarantined",registry="shop"} 1`) {
		t.Error("the metrics do not tell")
	}
	mu.Lock()
	away = false
	mu.Unlock()
	registryState(t, url, "the registry again", next())

	// A document that was archived stays out, and the next server knows what this one had.
	q, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, url+"/api/v1/documents/"+ident.SHA256([]byte(sbomText("web"))).String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil || res.StatusCode != http.StatusNoContent {
		t.Fatal(res, err)
	}
	_ = res.Body.Close()
	end()
	fetched = blobs.Load()
	url, end = serving(t, app.ServeOptions{Data: data, Config: config})
	defer end()
	got = registryState(t, url, "the next server", next())
	// What is in quarantine, or no SBOM, has no place in the catalogue to be known by.
	if n := blobs.Load() - fetched; n != 2 || got.Taken != 0 {
		t.Errorf("%d blobs were fetched, %+v", n, got)
	}
}

// bearer sends a token with every request.
type bearer string

func (b bearer) RoundTrip(q *http.Request) (*http.Response, error) {
	q = q.Clone(q.Context())
	q.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(q)
}

func TestRegistriesThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		"registries: [{}]": "neither repositories nor images",
		"registries: [{repositories: ['registry.example/x/y:1']}]":                                 "under images",
		"registries: [{images: ['UPPER']}]":                                                        "not an image reference",
		"registries: [{images: ['registry.example/x/y:1'], interval: soon}]":                       "is no time",
		"registries: [{images: ['registry.example/x/y:1'], mirrors: [x]}]":                         "REGISTRY=HOST",
		"registries: [{images: ['registry.example/x/y:1']}, {images: ['registry.example/x/y:1']}]": "another entry",
		"registries: [{images: ['registry.example/x/y:1'], user: x}]":                              "unknown field",
	} {
		config := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := (&app.Loader{}).Serve(t.Context(), app.ServeOptions{Data: t.TempDir(), Addr: "127.0.0.1:0", Config: config})
		if ident.KindOf(err) != ident.KindUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
