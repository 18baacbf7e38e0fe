package registry_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
)

const sigstoreBundle = "application/vnd.dev.sigstore.bundle.v0.3+json"

func artifact(text string) registry.Artifact {
	return registry.Artifact{Type: sigstoreBundle, Annotations: map[string]string{"dev.sigstore.bundle.content": "dsse-envelope"},
		Layers: []registry.Content{{MediaType: sigstoreBundle, Bytes: []byte(text)}}}
}

func pinned(t *testing.T, r *oci.Registry, i oci.Image) ident.ImageRef {
	t.Helper()
	to := ref(t, r.Reference(i))
	to.Digest = i.Digest
	return to
}

// TestAttach: what is attached is found again, whether the registry keeps referrers or
// leaves that to the tag schema, and nothing that was there is lost.
func TestAttach(t *testing.T) {
	for name, referrers := range map[string]bool{"API": true, "tag schema": false} {
		t.Run(name, func(t *testing.T) {
			g := &guard{}
			r := oci.New(t, oci.Options{Referrers: referrers, Wrap: g.wrap})
			i := r.Image(t, "shop/web", "1")
			before := r.Attach(t, i, "application/spdx+json", oci.Layer{MediaType: "application/spdx+json", Content: []byte(spdx)})
			c := client(t, registry.Options{Credentials: config(t, `{"auths":{"`+r.Host+`":{"username":"ci","password":"secret"}}}`)})
			to := pinned(t, r, i)
			want := map[ident.Digest]bool{before.Digest: true}
			for _, text := range []string{"one", "two", "two"} { // the same twice is once
				d, err := c.Attach(t.Context(), to, artifact(text))
				if err != nil {
					t.Fatal(err)
				}
				want[d] = true
			}
			if len(want) != 3 {
				t.Fatalf("%d digests", len(want))
			}
			got, err := client(t, registry.Options{Credentials: config(t, `{"auths":{"`+r.Host+`":{"username":"ci","password":"secret"}}}`)}).Attached(t.Context(), to, i.Digest)
			if err != nil || len(got.Unchecked) > 0 || len(got.Found) != 3 {
				t.Fatalf("%+v %v", got, err)
			}
			for _, a := range got.Found {
				if !want[a.Digest] || a.Subject != i.Digest {
					t.Errorf("%+v", a)
				}
				if a.Digest != before.Digest && (a.ArtifactType != sigstoreBundle || a.Layers[0].Size != 3 || a.Annotations["dev.sigstore.bundle.content"] != "dsse-envelope") {
					t.Errorf("%+v", a)
				}
			}
		})
	}
}

// TestAttachOverwritten: an entry of the tag schema's index that another writer lost is
// made again, and a registry on which every one is lost is said to be at fault.
func TestAttachOverwritten(t *testing.T) {
	for _, lost := range []int{1, 100} {
		puts := 0
		r := oci.New(t, oci.Options{Wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				if q.Method == http.MethodPut && strings.Contains(q.URL.Path, "/manifests/sha256-") {
					if puts++; puts <= lost {
						w.WriteHeader(http.StatusCreated)
						return
					}
				}
				next.ServeHTTP(w, q)
			})
		}})
		i := r.Image(t, "shop/web", "1")
		c := client(t, registry.Options{})
		_, err := c.Attach(t.Context(), pinned(t, r, i), artifact("x"))
		got, aerr := c.Attached(t.Context(), pinned(t, r, i), i.Digest)
		if aerr != nil {
			t.Fatal(aerr)
		}
		if kept := lost == 1; kept != (err == nil) || kept != (len(got.Found) == 1) || err != nil && ident.KindOf(err) != ident.KindIndeterminate {
			t.Errorf("%d writes were lost: %v, %+v", lost, err, got)
		}
	}
}

// TestAddToTag: cosign's tags keep what is under them.
func TestAddToTag(t *testing.T) {
	r := oci.New(t, oci.Options{Referrers: true})
	i := r.Image(t, "shop/web", "1")
	c := client(t, registry.Options{})
	to := pinned(t, r, i)
	for _, text := range []string{"one", "two"} {
		_, err := c.AddToTag(t.Context(), to, registry.ByCosignSignature, []registry.Content{{MediaType: "application/vnd.dev.cosign.simplesigning.v1+json", Bytes: []byte(text), Annotations: map[string]string{"dev.cosignproject.cosign/signature": text}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Attached(t.Context(), to, i.Digest, registry.ByCosignSignature)
	if err != nil || len(got.Unchecked) > 0 || len(got.Found) != 1 || len(got.Found[0].Layers) != 2 || got.Found[0].Layers[0].Annotations["dev.cosignproject.cosign/signature"] != "one" {
		t.Fatalf("%+v %v", got, err)
	}
}

// TestPushRefused: who may not write, and what is in trouble, are told apart.
func TestPushRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(w http.ResponseWriter, q *http.Request) bool
		says   string
	}{
		"may not write": {func(w http.ResponseWriter, q *http.Request) bool {
			if q.Method == http.MethodPost {
				w.WriteHeader(http.StatusForbidden)
			}
			return q.Method == http.MethodPost
		}, "may write"},
		"broken": {func(w http.ResponseWriter, q *http.Request) bool {
			if q.Method == http.MethodPut && strings.Contains(q.URL.Path, "/manifests/") {
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			}
			return false
		}, "not your change"},
		"redirected": {func(w http.ResponseWriter, q *http.Request) bool {
			if q.Method == http.MethodPut && strings.Contains(q.URL.Path, "/manifests/") {
				http.Redirect(w, q, "http://elsewhere.example/", http.StatusTemporaryRedirect)
				return true
			}
			return false
		}, "does not take"},
		"sent elsewhere": {func(w http.ResponseWriter, q *http.Request) bool {
			if q.Method == http.MethodPost {
				w.Header().Set("Location", "http://elsewhere.example/upload")
				w.WriteHeader(http.StatusAccepted)
				return true
			}
			return false
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := oci.New(t, oci.Options{Wrap: func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					if !tc.answer(w, q) {
						next.ServeHTTP(w, q)
					}
				})
			}})
			i := r.Image(t, "shop/web", "1")
			_, err := client(t, registry.Options{Limits: quick}).Attach(t.Context(), pinned(t, r, i), artifact("x"))
			var e *ident.Error
			if err == nil || !asError(err, &e) || !strings.Contains(e.Hint, tc.says) {
				t.Errorf("%v (%+v)", err, e)
			}
		})
	}
}

func asError(err error, e **ident.Error) bool { return errors.As(err, e) }
