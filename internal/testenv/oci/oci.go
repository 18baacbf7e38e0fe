package oci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Options of New.
type Options struct {
	Referrers bool // the API of OCI 1.1; without it, Attach keeps the tag schema
	TLS       bool
	// Wrap puts something before the registry that delays, fails or lies. What the test
	// pushes does not pass through it.
	Wrap func(http.Handler) http.Handler
}

// Registry is a registry that runs.
type Registry struct {
	Host string // 127.0.0.1:PORT
	// Server is what serves it; nil for a process of its own.
	Server    *httptest.Server
	referrers bool
	send      func(*http.Request) (*http.Response, error)
}

// New starts a registry in process; it ends with the test.
func New(t testing.TB, o Options) *Registry {
	t.Helper()
	inner := registry.New(registry.WithReferrersSupport(o.Referrers), registry.Logger(log.New(io.Discard, "", 0)))
	outer := inner
	if o.Wrap != nil {
		outer = o.Wrap(inner)
	}
	s := httptest.NewUnstartedServer(outer)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if o.TLS {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return &Registry{Host: s.Listener.Addr().String(), Server: s, referrers: o.Referrers, send: func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		inner.ServeHTTP(w, r)
		return w.Result(), nil
	}}
}

// Image is an image, an index or anything else with a digest in a repository.
type Image struct {
	Repository string
	Tag        string
	Digest     ident.Digest
	Config     ident.Digest // zero for an index
	Raw        []byte       // of the manifest
}

// Reference is what a user types: with the tag where it has one, else by digest.
func (r *Registry) Reference(i Image) string {
	if i.Tag != "" {
		return r.Host + "/" + i.Repository + ":" + i.Tag
	}
	return r.Host + "/" + i.Repository + "@" + i.Digest.String()
}

// Media types.
const (
	ManifestType = "application/vnd.oci.image.manifest.v1+json"
	IndexType    = "application/vnd.oci.image.index.v1+json"
	ConfigType   = "application/vnd.oci.image.config.v1+json"
	EmptyType    = "application/vnd.oci.empty.v1+json"
	LayerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// Layer is content to push.
type Layer struct {
	MediaType   string
	Content     []byte
	Annotations map[string]string
}

// Descriptor is a descriptor as it is written.
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int               `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Platform     map[string]string `json:"platform,omitempty"`
}

// Manifest is a manifest or an index as it is written.
type Manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        *Descriptor       `json:"config,omitempty"`
	Layers        []Descriptor      `json:"layers,omitempty"`
	Manifests     []Descriptor      `json:"manifests,omitempty"`
	Subject       *Descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// Image pushes an image of its own: no two that are pushed have the same digest unless
// repository and tag are the same. Without a tag it is pushed by digest.
func (r *Registry) Image(t testing.TB, repository, tag string) Image {
	t.Helper()
	config := fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","config":{"Labels":{"of":%q}},"rootfs":{"type":"layers","diff_ids":[]}}`, repository+":"+tag)
	m := Manifest{SchemaVersion: 2, MediaType: ManifestType, Config: r.push(t, repository, Layer{MediaType: ConfigType, Content: config}),
		Layers: []Descriptor{*r.push(t, repository, Layer{MediaType: LayerType, Content: []byte("layer of " + repository + ":" + tag)})}}
	i := r.Put(t, repository, tag, m)
	i.Config = ident.SHA256(config)
	return i
}

// Index pushes an index of images, with more entries where there are any.
func (r *Registry) Index(t testing.TB, repository, tag string, images []Image, more ...Descriptor) Image {
	t.Helper()
	m := Manifest{SchemaVersion: 2, MediaType: IndexType}
	for i, image := range images {
		m.Manifests = append(m.Manifests, Descriptor{MediaType: ManifestType, Digest: image.Digest.String(), Size: len(image.Raw),
			Platform: map[string]string{"os": "linux", "architecture": []string{"amd64", "arm64", "s390x"}[i%3]}})
	}
	m.Manifests = append(m.Manifests, more...)
	return r.Put(t, repository, tag, m)
}

// Attach pushes a manifest whose subject is an image. Where the registry has no
// referrers API, it also enters it into the index of the tag schema, as clients do.
func (r *Registry) Attach(t testing.TB, to Image, artifactType string, layers ...Layer) Image {
	t.Helper()
	m := Manifest{SchemaVersion: 2, MediaType: ManifestType, ArtifactType: artifactType, Config: r.push(t, to.Repository, Layer{MediaType: EmptyType, Content: []byte("{}")}),
		Subject: &Descriptor{MediaType: ManifestType, Digest: to.Digest.String(), Size: len(to.Raw)}}
	for _, l := range layers {
		m.Layers = append(m.Layers, *r.push(t, to.Repository, l))
	}
	a := r.Put(t, to.Repository, "", m)
	if !r.referrers {
		r.List(t, to, Descriptor{MediaType: ManifestType, Digest: a.Digest.String(), Size: len(a.Raw), ArtifactType: artifactType})
	}
	return a
}

// List enters a manifest into the index of the tag schema, whatever it is.
func (r *Registry) List(t testing.TB, to Image, entry Descriptor) {
	t.Helper()
	tag := strings.Replace(to.Digest.String(), ":", "-", 1)
	m := Manifest{SchemaVersion: 2, MediaType: IndexType}
	if raw := r.get(t, to.Repository, tag); raw != nil {
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
	}
	m.Manifests = append(m.Manifests, entry)
	r.Put(t, to.Repository, tag, m)
}

// Cosign pushes what cosign attaches under a tag: suffix is ".sbom", ".att" or ".sig".
func (r *Registry) Cosign(t testing.TB, to Image, suffix string, layers ...Layer) Image {
	t.Helper()
	m := Manifest{SchemaVersion: 2, MediaType: ManifestType, Config: r.push(t, to.Repository, Layer{MediaType: ConfigType, Content: []byte(`{"architecture":"","os":""}`)})}
	for _, l := range layers {
		m.Layers = append(m.Layers, *r.push(t, to.Repository, l))
	}
	return r.Put(t, to.Repository, strings.Replace(to.Digest.String(), ":", "-", 1)+suffix, m)
}

// Put pushes a manifest under a tag, or by its digest where tag is "".
func (r *Registry) Put(t testing.TB, repository, tag string, m Manifest) Image {
	t.Helper()
	raw, err := json.Marshal(&m)
	if err != nil {
		t.Fatal(err)
	}
	return r.PutRaw(t, repository, tag, m.MediaType, raw)
}

// PutRaw pushes the bytes of a manifest.
func (r *Registry) PutRaw(t testing.TB, repository, tag, mediaType string, raw []byte) Image {
	t.Helper()
	i := Image{Repository: repository, Tag: tag, Digest: ident.SHA256(raw), Raw: raw}
	at := tag
	if at == "" {
		at = i.Digest.String()
	}
	r.do(t, http.MethodPut, "/v2/"+repository+"/manifests/"+at, mediaType, raw, http.StatusCreated)
	return i
}

// PutBlob pushes a blob.
func (r *Registry) PutBlob(t testing.TB, repository string, content []byte) ident.Digest {
	t.Helper()
	d, err := ident.ParseDigest(r.push(t, repository, Layer{Content: content}).Digest)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// push uploads a blob and describes it.
func (r *Registry) push(t testing.TB, repository string, l Layer) *Descriptor {
	t.Helper()
	d := ident.SHA256(l.Content)
	header := r.do(t, http.MethodPost, "/v2/"+repository+"/blobs/uploads/", "", nil, http.StatusAccepted)
	at, err := url.Parse(header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	q := at.Query()
	q.Set("digest", d.String())
	r.do(t, http.MethodPut, at.Path+"?"+q.Encode(), "application/octet-stream", l.Content, http.StatusCreated)
	return &Descriptor{MediaType: l.MediaType, Digest: d.String(), Size: len(l.Content), Annotations: l.Annotations}
}

func (r *Registry) get(t testing.TB, repository, tag string) []byte {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.Host+"/v2/"+repository+"/manifests/"+tag, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Accept", IndexType)
	res, err := r.send(q)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // of a reader
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		return nil
	}
	return b
}

// do sends a request, and returns the answer's header.
func (r *Registry) do(t testing.TB, method, path, mediaType string, body []byte, want int) http.Header {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.Host+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if mediaType != "" {
		q.Header.Set("Content-Type", mediaType)
	}
	res, err := r.send(q)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // of a reader
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != want {
		t.Fatalf("%s %s: %d %s %v", method, path, res.StatusCode, b, err)
	}
	return res.Header
}

// Forbids is a Wrap of a registry that answers 403 to paths with a prefix.
func Forbids(prefix string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if strings.HasPrefix(q.URL.Path, prefix) {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			next.ServeHTTP(w, q)
		})
	}
}
