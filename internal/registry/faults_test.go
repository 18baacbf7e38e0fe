package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
)

// outages are what a registry can do instead of answering.
var outages = map[string]http.HandlerFunc{
	"401":                              status(401, "WWW-Authenticate", `Basic realm="x"`),
	"401 without words":                status(401),
	"401 to nowhere":                   status(401, "WWW-Authenticate", `Bearer realm="http://169.254.169.254/token",service="x"`),
	"403":                              status(403),
	"408":                              status(408),
	"418":                              status(418),
	"429":                              status(429),
	"429 with a time":                  status(429, "Retry-After", "3600"),
	"500":                              status(500),
	"503 with a time":                  status(503, "Retry-After", "100"),
	"redirect loop":                    func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, q.URL.Path+"?", http.StatusFound) },
	"redirect to nowhere":              status(302),
	"redirect to us":                   status(302, "Location", "http://localhost:1/x"),
	"redirect to the metadata service": status(307, "Location", "http://169.254.169.254/latest"),
	"redirect to a file":               status(307, "Location", "file:///etc/passwd"),
	"nothing":                          status(204),
	"no JSON":                          body("<html>hello</html>"),
	"empty":                            body(""),
	"cut short": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte(`{"a"`))
	},
	"another list":      body(`{"schemaVersion":2,"manifests":[{"digest":"sha256:` + strings.Repeat("ab", 32) + `"}]}`),
	"a list of nothing": body(`{"schemaVersion":2,"manifests":[{}]}`),
	"both at once":      body(`{"schemaVersion":2,"manifests":[],"layers":[]}`),
	"names twice":       body(`{"manifests":[],"manifests":[{"digest":"sha256:` + strings.Repeat("ab", 32) + `"}]}`),
	"deep":              body(strings.Repeat(`{"a":`, 10_000)),
	"endless": func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"manifests":[`))
		for range 300 { // of 64 KiB: the limit is 4 MiB
			if _, err := w.Write([]byte(strings.Repeat(" ", 64<<10))); err != nil {
				return
			}
		}
	},
	"announced as huge": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "9000000000000")
		w.WriteHeader(http.StatusOK)
	},
	"broken off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
}

// outagesOfLists are lies that only lists can tell.
var outagesOfLists = map[string]http.HandlerFunc{
	"pages without end": func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Link", fmt.Sprintf(`<%s?page=%sx>; rel="next"`, q.URL.Path, q.URL.Query().Get("page")))
		body(`{"schemaVersion":2,"manifests":[]}`)(w, q)
	},
	"the same page again": func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Link", `<`+q.URL.Path+`>; rel="next"`)
		body(`{"schemaVersion":2,"manifests":[]}`)(w, q)
	},
	"a page elsewhere": func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Link", `<https://elsewhere.example/v2/>; rel="next"`)
		body(`{"schemaVersion":2,"manifests":[]}`)(w, q)
	},
	"a page that is missing": func(w http.ResponseWriter, q *http.Request) {
		if q.URL.RawQuery != "" {
			status(404)(w, q)
			return
		}
		w.Header().Set("Link", `<`+q.URL.Path+`?page=2>; rel="next"`)
		body(`{"schemaVersion":2,"manifests":[]}`)(w, q)
	},
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func body(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) }
}

// hidden puts an outage before some paths of a registry.
type hidden struct {
	mu     sync.Mutex
	hides  func(path string) bool
	outage http.HandlerFunc
}

func (h *hidden) set(hides func(string) bool, outage http.HandlerFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hides, h.outage = hides, outage
}

func (h *hidden) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		h.mu.Lock()
		hides, outage := h.hides, h.outage
		h.mu.Unlock()
		if hides != nil && hides(q.URL.Path) {
			outage(w, q)
			return
		}
		next.ServeHTTP(w, q)
	})
}

// places are where an SBOM of an image may be found, and so what has to answer before
// anybody may say that there is none.
func places(i oci.Image) map[string]func(string) bool {
	tag := "/manifests/" + strings.Replace(i.Digest.String(), ":", "-", 1)
	return map[string]func(string) bool{
		"the image":            func(p string) bool { return strings.HasSuffix(p, "/manifests/"+i.Tag) },
		"the referrers API":    func(p string) bool { return strings.Contains(p, "/referrers/") },
		"the tag schema":       func(p string) bool { return strings.HasSuffix(p, tag) },
		"cosign's SBOM":        func(p string) bool { return strings.HasSuffix(p, tag+".sbom") },
		"cosign's attestation": func(p string) bool { return strings.HasSuffix(p, tag+".att") },
		"everything":           func(string) bool { return true },
	}
}

// verdict is what a search for SBOMs comes to.
func verdict(t rapid.TB, c *registry.Client, r ident.ImageRef) (docs int, err error) {
	t.Helper()
	found, err := c.SBOMs(context.Background(), r, registry.Search{}, func(d *registry.Document) error { docs++; return nil })
	if err == nil {
		err = found.None()
	}
	return docs, err
}

// TestNoOutageIsAnAbsence: in each place where an SBOM may be, each thing that a
// registry can do instead of answering makes the answer "could not check".
func TestNoOutageIsAnAbsence(t *testing.T) {
	h := &hidden{}
	r := oci.New(t, oci.Options{Referrers: true, Wrap: h.wrap})
	bare := r.Image(t, "shop/bare", "1")
	reference := ref(t, r.Reference(bare))
	ask := func(t *testing.T, hides func(string) bool, outage http.HandlerFunc) {
		t.Helper()
		h.set(hides, outage)
		docs, err := verdict(t, client(t, registry.Options{Limits: quick}), reference)
		if docs != 0 || ident.KindOf(err) != ident.KindIndeterminate {
			t.Errorf("%d documents, %v (kind %d)", docs, err, ident.KindOf(err))
		}
	}
	if _, err := verdict(t, client(t, registry.Options{}), reference); ident.KindOf(err) != ident.KindNotFound {
		t.Fatalf("while all is well: %v", err)
	}
	for place, hides := range places(bare) {
		for name, outage := range outages {
			if name == "another list" && (place == "the image" || place == "everything") {
				continue // what a tag means is the registry's to say
			}
			t.Run(place+"/"+name, func(t *testing.T) { ask(t, hides, outage) })
		}
	}
	for name, outage := range outagesOfLists {
		t.Run("the referrers API/"+name, func(t *testing.T) { ask(t, places(bare)["the referrers API"], outage) })
	}
	// What is said to be attached to it and is not there, or is something else's.
	h.set(nil, nil)
	other := r.Image(t, "shop/bare", "2")
	a := r.Attach(t, other, "application/spdx+json", oci.Layer{MediaType: "application/spdx+json", Content: []byte(spdx)})
	for name, entry := range map[string]string{"another's": a.Digest.String(), "nothing": "sha256:" + strings.Repeat("ab", 32)} {
		t.Run("a list of "+name, func(t *testing.T) {
			ask(t, places(bare)["the referrers API"], body(`{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"`+entry+`","size":1}]}`))
		})
	}
}

// TestWhateverItDoes: outages at random, of requests at random, around an image with an
// SBOM, which is found or could not be looked for, and is never said not to be there.
func TestWhateverItDoes(t *testing.T) {
	type choice struct {
		name   string
		outage http.HandlerFunc
	}
	var choices []choice
	for n, o := range outages {
		if n == "another list" {
			continue // the image may then be another
		}
		choices = append(choices, choice{n, o})
	}
	var names []string
	for n := range ways {
		names = append(names, n)
	}
	h := &hidden{}
	r := oci.New(t, oci.Options{Referrers: true, Wrap: h.wrap})
	images := map[string]oci.Image{}
	for i, n := range names {
		images[n] = r.Image(t, fmt.Sprint("shop/web", i), "1")
		ways[n].attach(t, r, images[n])
	}
	rapid.Check(t, func(t *rapid.T) {
		way := rapid.SampledFrom(names).Draw(t, "way")
		seed := rapid.Uint32().Draw(t, "seed")
		share := rapid.Uint32Range(0, 4).Draw(t, "share")
		which := rapid.IntRange(0, len(choices)-1).Draw(t, "outage")
		var n atomic.Uint32
		h.set(func(string) bool { return (n.Add(1)*2654435761+seed)>>8%5 < share }, choices[which].outage)
		c, err := registry.New(registry.Options{Limits: quick})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		begun := time.Now()
		docs, err := verdict(t, c, ident.ImageRef{Registry: r.Host, Repository: images[way].Repository, Tag: "1"})
		if ident.KindOf(err) == ident.KindNotFound && err != nil {
			t.Fatalf("%s: said not to be there: %v", choices[which].name, err)
		}
		if docs == 0 && ident.KindOf(err) != ident.KindIndeterminate {
			t.Fatalf("%s: %d documents and %v", choices[which].name, docs, err)
		}
		if took := time.Since(begun); took > time.Minute {
			t.Fatalf("%s: it took %s", choices[which].name, took)
		}
	})
}

// TestStandingStill: a registry that stops in the middle of an answer is given up.
func TestStandingStill(t *testing.T) {
	h := &hidden{}
	r := oci.New(t, oci.Options{Referrers: true, Wrap: h.wrap})
	i := r.Image(t, "shop/web", "1")
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	h.set(places(i)["the referrers API"], func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.WriteString(w, `{"manifests":[`)
		_ = http.NewResponseController(w).Flush()
		select {
		case <-stop:
		case <-q.Context().Done():
		}
	})
	lim := quick
	lim.Stall = 100 * time.Millisecond
	_, err := verdict(t, client(t, registry.Options{Limits: lim}), ref(t, r.Reference(i)))
	if ident.KindOf(err) != ident.KindIndeterminate || !strings.Contains(err.Error(), "stopped answering") {
		t.Error(err)
	}
}

// TestComesAgain: a registry that is busy for a moment is asked again, when it says.
func TestComesAgain(t *testing.T) {
	h := &hidden{}
	r := oci.New(t, oci.Options{Referrers: true, Wrap: h.wrap})
	i := r.Image(t, "shop/web", "1")
	ways["referrer, bare"].attach(t, r, i)
	var mu sync.Mutex
	times := map[string][]time.Time{}
	h.set(func(p string) bool {
		mu.Lock()
		defer mu.Unlock()
		times[p] = append(times[p], time.Now())
		return strings.Contains(p, "/referrers/") && len(times[p]) == 1
	}, status(429, "Retry-After", "1"))
	docs, err := verdict(t, client(t, registry.Options{}), ref(t, r.Reference(i)))
	if docs != 1 || err != nil {
		t.Fatalf("%d documents, %v", docs, err)
	}
	for p, at := range times {
		if strings.Contains(p, "/referrers/") && (len(at) != 2 || at[1].Sub(at[0]) < time.Second) {
			t.Errorf("%s was asked at %v", p, at)
		}
	}
}

// TestLimits: what is larger than what is taken is left out, and said to be.
func TestLimits(t *testing.T) {
	r := oci.New(t, oci.Options{Referrers: true})
	i := r.Image(t, "shop/web", "1")
	r.Attach(t, i, "application/spdx+json", oci.Layer{MediaType: "application/spdx+json", Content: []byte(spdx)})
	r.Attach(t, i, "application/spdx+json", oci.Layer{MediaType: "application/spdx+json", Content: []byte(spdx + strings.Repeat(" ", 1000))})
	r.Attach(t, i, "application/vnd.cyclonedx+json", oci.Layer{MediaType: "application/vnd.cyclonedx+json", Content: []byte(cdx)})
	for name, tc := range map[string]struct {
		lim  registry.Limits
		docs int
		says string
	}{
		"a document":        {registry.Limits{Document: 500}, 2, "larger than what is taken"},
		"all of an image's": {registry.Limits{Image: 500}, 2, "larger than 500 bytes"},
		"referrers":         {registry.Limits{Referrers: 2, Platforms: 100}, 2, "more than 2"},
		"manifests":         {registry.Limits{Manifest: int64(len(i.Raw)) + 20}, 0, "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			docs, found := search(t, client(t, registry.Options{Limits: tc.lim}), r.Reference(i))
			said := fmt.Sprint(found.Unchecked)
			if len(docs) != tc.docs || !strings.Contains(said, tc.says) {
				t.Errorf("%d documents, %s", len(docs), said)
			}
		})
	}
}

// TestMirrors: content by digest comes from a mirror; what only the registry can say
// does not, and where the registry is away nothing that a mirror lacks is "not there".
func TestMirrors(t *testing.T) {
	h := &hidden{}
	r := oci.New(t, oci.Options{Referrers: true, Wrap: h.wrap})
	var served atomic.Int64
	m := oci.New(t, oci.Options{Referrers: true, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if strings.Contains(q.URL.Path, "/blobs/") {
				served.Add(1)
			}
			next.ServeHTTP(w, q)
		})
	}})
	i, bare := r.Image(t, "shop/web", "1"), r.Image(t, "shop/bare", "1")
	ways["referrer, bare"].attach(t, r, i)
	// The mirror has them under a path of its own, with the SBOM.
	copied := m.PutRaw(t, "hub/shop/web", "1", oci.ManifestType, i.Raw)
	m.PutRaw(t, "hub/shop/bare", "1", oci.ManifestType, bare.Raw)
	ways["referrer, bare"].attach(t, m, copied)
	options := registry.Options{Limits: quick, Mirrors: map[string][]string{r.Host: {m.Host + "/hub"}}}

	docs, found := search(t, client(t, options), r.Reference(i))
	if len(docs) != 1 || len(found.Unchecked) != 0 || served.Load() != 1 {
		t.Errorf("%d documents, %v, %d blobs of the mirror", len(docs), found.Unchecked, served.Load())
	}
	if _, found = search(t, client(t, options), r.Reference(bare)); ident.KindOf(found.None()) != ident.KindNotFound {
		t.Errorf("while the registry answers: %v", found.None())
	}
	h.set(func(string) bool { return true }, outages["500"])
	docs, found = search(t, client(t, options), r.Reference(i))
	if len(docs) != 1 || len(found.Unchecked) == 0 {
		t.Errorf("%d documents, %v while the registry is away", len(docs), found.Unchecked)
	}
	if _, found = search(t, client(t, options), r.Reference(bare)); ident.KindOf(found.None()) != ident.KindIndeterminate {
		t.Errorf("a mirror's word was taken: %v", found.None())
	}
	_, err := client(t, options).Image(t.Context(), ref(t, r.Host+"/shop/none:1"))
	if ident.KindOf(err) != ident.KindIndeterminate {
		t.Errorf("an image that the mirror lacks: %v", err)
	}
}

// TestPlainHTTP: nobody is spoken to without TLS who is not on this machine or named.
func TestPlainHTTP(t *testing.T) {
	r := oci.New(t, oci.Options{TLS: true})
	i := r.Image(t, "shop/web", "1")
	secure := client(t, registry.Options{Limits: quick, Transport: r.Server.Client().Transport})
	// It is on a loopback address, so that plain HTTP is tried, which it does not speak.
	if _, err := secure.Image(t.Context(), ref(t, r.Reference(i))); ident.KindOf(err) != ident.KindIndeterminate {
		t.Error(err)
	}
	var schemes []string
	spy := roundTripper(func(q *http.Request) (*http.Response, error) {
		schemes = append(schemes, q.URL.Scheme)
		w := httptest.NewRecorder()
		w.WriteHeader(http.StatusNotFound)
		res := w.Result()
		res.Request = q
		return res, nil
	})
	for _, host := range []string{"registry.example", "10.1.2.3:5000", "registry.local", "localhost:5000", "127.0.0.1:5000", "plain.example"} {
		c := client(t, registry.Options{Limits: quick, Transport: spy, PlainHTTP: func(h string) bool { return h == "plain.example" }})
		if _, err := c.Image(t.Context(), ref(t, host+"/shop/web:1")); ident.KindOf(err) != ident.KindNotFound {
			t.Error(err)
		}
	}
	if got := strings.Join(schemes, " "); got != "https https https http http http" {
		t.Error(got)
	}
}

// TestSpeaksPlainHTTP: a registry without TLS that is not on this machine is named as
// one, with what to do about it.
func TestSpeaksPlainHTTP(t *testing.T) {
	r := oci.New(t, oci.Options{})
	i := r.Image(t, "shop/web", "1")
	there := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", r.Host)
	}}
	t.Cleanup(there.CloseIdleConnections)
	_, err := client(t, registry.Options{Limits: quick, Transport: there}).Image(t.Context(), ref(t, "plain.example/shop/web:1"))
	var f *registry.Fault
	var e *ident.Error
	if !errors.As(err, &f) || f.Reason != registry.Unencrypted || !errors.As(err, &e) || !strings.Contains(e.Hint, "--plain-http") {
		t.Error(err)
	}
	plain := registry.Options{Limits: quick, Transport: there, PlainHTTP: func(h string) bool { return h == "plain.example" }}
	if got, err := client(t, plain).Image(t.Context(), ref(t, "plain.example/shop/web:1")); err != nil || got.Reference.Digest != i.Digest {
		t.Error(err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(q *http.Request) (*http.Response, error) { return f(q) }
