package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/listen"
	"github.com/cofferdam-io/cofferdam/internal/server"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server as it runs: a real store, a real socket.
type rig struct {
	catalog *catalog.Catalog
	t       testing.TB
	url     string
	client  *http.Client
	tokens  server.TokenFolder
	dir     string
	end     func()
}

type settings struct {
	access  server.Access
	limits  server.Limits
	catalog catalog.Limits
	review  bool
	dir     string

	retention catalog.Retention
	now       func() time.Time // the real clock by default

	store func(store.Store) store.Store   // what stands before the store; nil: nothing
	front func(http.Handler) http.Handler // what stands before the server; nil: nothing
}

func start(t testing.TB, s settings) *rig {
	t.Helper()
	if s.dir == "" {
		s.dir = t.TempDir()
	}
	ctx := context.Background()
	var st store.Store
	st, err := sqlite.Open(ctx, s.dir, sqlite.Options{Coding: store.Coding{Encode: index.EncodeRow}})
	if err != nil {
		t.Fatal(err)
	}
	if s.store != nil {
		st = s.store(st)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	registry := prometheus.NewRegistry()
	c, err := catalog.Open(ctx, catalog.Options{Store: st, Log: log, Now: time.Now, Metrics: registry, Review: s.review, Limits: s.catalog})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, catalog: c, dir: s.dir, tokens: server.TokenFolder{Dir: s.dir + "/tokens"}, client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}}
	if s.now == nil {
		s.now = time.Now
	}
	s.access.Now = s.now
	if s.access.Tokens == nil {
		s.access.Tokens = r.tokens
	}
	ln, err := listen.On(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.url = "http://" + ln.Addr().String()
	run, stop := context.WithCancel(ctx)
	handler := server.New(server.Options{Catalog: c, Access: &s.access, Log: log, Now: s.now, Version: "test", Metrics: registry, Limits: s.limits, Retention: s.retention})
	if s.front != nil {
		handler = s.front(handler)
	}
	srv := &http.Server{Handler: handler,
		ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return run }}
	srv.RegisterOnShutdown(stop)
	done := make(chan error, 1)
	go func() { done <- listen.Serve(run, srv, ln, 10*time.Second) }()
	var once sync.Once
	r.end = func() {
		once.Do(func() {
			r.client.CloseIdleConnections()
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if err := c.Close(ctx); err != nil {
				t.Error(err)
			}
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(r.end)
	return r
}

// token makes a token with roles.
func (r *rig) token(name, tenant string, roles ...authz.Role) string {
	r.t.Helper()
	text, tok := server.NewToken(name, roles, tenant, time.Time{})
	if err := r.tokens.Put(tok); err != nil {
		r.t.Fatal(err)
	}
	return text
}

type reply struct {
	code   int
	body   []byte
	header http.Header
}

func (r *reply) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("%d %s: %v", r.code, r.body, err)
	}
}

func (r *rig) do(method, path, token string, body []byte, headers ...string) *reply {
	r.t.Helper()
	var in io.Reader
	if body != nil {
		in = bytes.NewReader(body)
	}
	q, err := http.NewRequestWithContext(context.Background(), method, r.url+path, in)
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	res, err := r.client.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return &reply{res.StatusCode, b, res.Header}
}

// document is an SBOM of an image with some packages.
func document(name, digest string, purls ...string) []byte {
	type component struct {
		Type    string `json:"type"`
		BOMRef  string `json:"bom-ref"`
		Name    string `json:"name"`
		Version string `json:"version"`
		PURL    string `json:"purl"`
	}
	list := []component{}
	for i, p := range purls {
		rest := p[strings.LastIndexByte(p, '/')+1:]
		n, v, _ := strings.Cut(rest, "@")
		list = append(list, component{"library", fmt.Sprint("c", i), n, v, p})
	}
	subject := map[string]any{"type": "container", "bom-ref": "image", "name": name, "version": digest}
	b, err := json.Marshal(map[string]any{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": map[string]any{"component": subject}, "components": list})
	if err != nil {
		panic(err)
	}
	return b
}

const publisher = authz.Publisher

func hexDigest(n int) string { return "sha256:" + fmt.Sprintf("%064x", n) }

func TestDocumentIsStoredFoundAndReturned(t *testing.T) {
	r := start(t, settings{access: server.Access{Loopback: true}})
	doc := document("registry.example/shop/web:1", hexDigest(1), "pkg:npm/lodash@4.17.20", "pkg:npm/express@4.18.0")
	got := r.do("POST", "/api/v1/documents?service=web&owner=shop&artifact="+hexDigest(1), "", doc)
	var receipt server.Receipt
	got.into(t, &receipt)
	if got.code != http.StatusCreated || receipt.Duplicate || receipt.Components != 2 || receipt.Digest != ident.SHA256(doc).String() || receipt.Status != "published" {
		t.Fatalf("%d %s", got.code, got.body)
	}
	if again := r.do("POST", "/api/v1/documents?service=web", "", doc); again.code != http.StatusOK || !bytes.Contains(again.body, []byte(`"duplicate":true`)) {
		t.Errorf("the same document again: %d %s", again.code, again.body)
	}
	if other := r.do("POST", "/api/v1/documents?service=other", "", doc); other.code != http.StatusCreated {
		t.Errorf("the same bytes about another service are another document: %d %s", other.code, other.body)
	}
	for number, code := range map[string]int{"": http.StatusBadRequest, "?document=0": http.StatusOK, "?document=1": http.StatusOK, "?document=2": http.StatusNotFound} {
		if b := r.do("GET", "/api/v1/documents/"+receipt.Digest+"/content"+number, "", nil); b.code != code {
			t.Errorf("two documents have these bytes, and the answer to %q is %d %s", number, b.code, b.body)
		}
	}
	var found server.Search
	r.do("GET", "/api/v1/search?component=pkg:npm/lodash@%3C4.17.21", "", nil).into(t, &found)
	if found.Total != 1 || found.Coverage.Artifacts != 1 || len(found.Artifacts[0].Documents) != 2 || found.Components[0].PURL != "pkg:npm/lodash@4.17.20" {
		t.Errorf("%+v", found)
	}
	r.do("GET", "/api/v1/search?component=pkg:npm/lodash@%3C4.17.20", "", nil).into(t, &found)
	if found.Total != 0 {
		t.Errorf("a version outside of the range: %+v", found)
	}
}

func TestContentAndETag(t *testing.T) {
	r := start(t, settings{access: server.Access{Loopback: true}})
	doc := document("registry.example/shop/web:1", "", "pkg:npm/lodash@4.17.20")
	digest := ident.SHA256(doc).String()
	r.do("POST", "/api/v1/documents", "", doc)
	b := r.do("GET", "/api/v1/documents/"+digest+"/content", "", nil)
	if b.code != 200 || !bytes.Equal(b.body, doc) || b.header.Get("Content-Type") != "application/octet-stream" || b.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %s %v", b.code, b.body, b.header)
	}
	if again := r.do("GET", "/api/v1/documents/"+digest+"/content", "", nil, "If-None-Match", b.header.Get("ETag")); again.code != http.StatusNotModified || len(again.body) > 0 {
		t.Errorf("who has the bytes is sent them again: %d, %d bytes", again.code, len(again.body))
	}
	if other := r.do("GET", "/api/v1/documents/"+digest+"/content", "", nil, "If-None-Match", `"`+hexDigest(7)+`"`); other.code != 200 || !bytes.Equal(other.body, doc) {
		t.Errorf("%d %s", other.code, other.body)
	}
	meta := r.do("GET", "/api/v1/documents/"+digest, "", nil)
	if tag := meta.header.Get("ETag"); meta.code != 200 || tag == "" || r.do("GET", "/api/v1/documents/"+digest, "", nil, "If-None-Match", tag).code != http.StatusNotModified {
		t.Errorf("%d %s %q", meta.code, meta.body, tag)
	}
	if absent := r.do("GET", "/api/v1/documents/"+hexDigest(7), "", nil); absent.code != 404 || absent.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s", absent.code, absent.body)
	}
}

func TestCompressedUploads(t *testing.T) {
	r := start(t, settings{access: server.Access{Loopback: true}})
	doc := document("registry.example/shop/web:1", "", "pkg:npm/lodash@4.17.20")
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(doc)
	_ = w.Close()
	got := r.do("POST", "/api/v1/documents", "", z.Bytes(), "Content-Encoding", "gzip")
	if got.code != 201 || !strings.Contains(string(got.body), ident.SHA256(doc).String()) {
		t.Errorf("the document is what was packed: %d %s", got.code, got.body)
	}
	for coding, want := range map[string]int{"br": http.StatusUnsupportedMediaType, "zstd": http.StatusUnprocessableEntity} {
		if bad := r.do("POST", "/api/v1/documents", "", z.Bytes(), "Content-Encoding", coding); bad.code != want {
			t.Errorf("%s: %d %s", coding, bad.code, bad.body)
		}
	}
}

// What cannot be read is kept with its reason, and is found again byte for byte.
func TestQuarantine(t *testing.T) {
	r := start(t, settings{})
	pub, approver := r.token("ci", "", publisher), r.token("sec", "", authz.SBOMApprover)
	for _, bad := range []string{"", "no sbom", `{"bomFormat":"CycloneDX","specVersion":"1.6","components":[`, "\x1f\x8bgarbage"} {
		got := r.do("POST", "/api/v1/documents", pub, []byte(bad))
		if got.code != http.StatusUnprocessableEntity && got.code != http.StatusUnsupportedMediaType || !strings.Contains(string(got.body), "quarantine") {
			t.Errorf("%q: %d %s", bad, got.code, got.body)
		}
	}
	var list struct {
		Items []server.Rejected
		Next  string
	}
	r.do("GET", "/api/v1/quarantine?limit=3", approver, nil).into(t, &list)
	if len(list.Items) != 3 || list.Next == "" || list.Items[1].Reason == "" || list.Items[1].By != "token:ci" {
		t.Fatalf("%+v", list)
	}
	second := fmt.Sprint("/api/v1/quarantine/", list.Items[1].ID)
	if b := r.do("GET", second+"/content", approver, nil); string(b.body) != "no sbom" {
		t.Errorf("%d %s", b.code, b.body)
	}
	r.do("GET", "/api/v1/quarantine?limit=3&cursor="+list.Next, approver, nil).into(t, &list)
	if len(list.Items) != 1 || list.Items[0].Size != 9 {
		t.Errorf("%+v", list)
	}
	if x := r.do("DELETE", second, approver, nil); x.code != http.StatusNoContent {
		t.Errorf("%d %s", x.code, x.body)
	}
	if x := r.do("GET", second+"/content", approver, nil); x.code != 404 {
		t.Errorf("%d %s", x.code, x.body)
	}
}

func TestWhoMayWhat(t *testing.T) {
	r := start(t, settings{review: true})
	doc := document("registry.example/shop/web:1", "", "pkg:npm/lodash@4.17.20")
	digest := ident.SHA256(doc).String()
	roles := map[string]string{"": "", "cof_0123456789abcdef_bad": "cof_0123456789abcdef_bad", "unsigned": "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSJ9."}
	for _, role := range authz.Roles() {
		roles[string(role)] = r.token("the-"+string(role), "", role)
	}
	both := r.token("both", "", authz.Publisher, authz.SBOMApprover)
	if x := r.do("POST", "/api/v1/documents", both, doc); x.code != 201 || !strings.Contains(string(x.body), `"draft"`) {
		t.Fatalf("where documents are reviewed a new one is a draft: %d %s", x.code, x.body)
	}
	const nobody, forbidden = 401, 403
	for _, c := range []struct {
		method, path, body string
		want               map[string]int // by role; 0 in "" stands for "allowed"
		allowed            []authz.Role
	}{
		{"GET", "/api/v1/search?name=lodash", "", nil, []authz.Role{authz.Reader, authz.Publisher, authz.SBOMApprover, authz.Triager, authz.Admin}},
		{"GET", "/metrics", "", nil, []authz.Role{authz.Reader, authz.Publisher, authz.SBOMApprover, authz.Triager, authz.Admin}},
		{"POST", "/api/v1/documents", string(doc), nil, []authz.Role{authz.Publisher, authz.Admin}},
		{"PUT", "/api/v1/documents/" + digest + "/status", `{"status":"reviewed"}`, nil, []authz.Role{authz.SBOMApprover}},
		{"GET", "/api/v1/quarantine", "", nil, []authz.Role{authz.SBOMApprover, authz.Triager, authz.Admin}},
		{"GET", "/api/v1/journal", "", nil, []authz.Role{authz.Admin}},
		{"PUT", "/api/v1/clusters/prod/workloads", `{"workloads":[]}`, nil, []authz.Role{authz.Publisher, authz.Admin}},
	} {
		for name, token := range roles {
			var body []byte
			headers := []string{}
			if c.body != "" {
				body, headers = []byte(c.body), []string{"Content-Type", "application/json"}
			}
			got := r.do(c.method, c.path, token, body, headers...)
			may := false
			for _, a := range c.allowed {
				may = may || string(a) == name
			}
			switch _, known := map[string]bool{"": true, "cof_0123456789abcdef_bad": true, "unsigned": true}[name]; {
			case known && got.code != nobody, !known && !may && got.code != forbidden, may && got.code >= 300:
				t.Errorf("%s %s as %q: %d %s", c.method, c.path, name, got.code, got.body)
			}
		}
	}
	if x := r.do("PUT", "/api/v1/documents/"+digest+"/status", both, []byte(`{"status":"published"}`), "Content-Type", "application/json"); x.code != forbidden {
		t.Errorf("who handed it over published it: %d %s", x.code, x.body)
	}
	for _, open := range []string{"/healthz", "/readyz"} {
		if x := r.do("GET", open, "", nil); x.code != 200 {
			t.Errorf("%s: %d %s", open, x.code, x.body)
		}
	}
}

// A tenant's token sees and writes that tenant's documents and no others.
func TestTenantsAreApart(t *testing.T) {
	r := start(t, settings{})
	bank, shop := r.token("bank", "bank", authz.Publisher), r.token("shop", "shop", authz.Publisher)
	doc := document("registry.example/bank/ledger:1", "", "pkg:npm/lodash@4.17.20")
	digest := ident.SHA256(doc).String()
	if x := r.do("POST", "/api/v1/documents", bank, doc); x.code != 201 {
		t.Fatalf("%d %s", x.code, x.body)
	}
	for path, want := range map[string]int{
		"/api/v1/documents/" + digest:                  404,
		"/api/v1/documents/" + digest + "/content":     404,
		"/api/v1/documents/" + digest + "?tenant=bank": 403,
		"/api/v1/search?name=lodash&tenant=bank":       403,
		"/api/v1/quarantine?tenant=bank":               403,
	} {
		if x := r.do("GET", path, shop, nil); x.code != want {
			t.Errorf("%s: %d %s", path, x.code, x.body)
		}
	}
	var found server.Search
	r.do("GET", "/api/v1/search?name=lodash", shop, nil).into(t, &found)
	if found.Total != 0 || found.Coverage.Artifacts != 0 {
		t.Errorf("another tenant's artifacts are counted: %+v", found)
	}
	if x := r.do("GET", "/api/v1/changes", shop, nil); strings.Contains(string(x.body), "document-added") {
		t.Errorf("another tenant's changes are told: %s", x.body)
	}
}

func TestRevokedAndExpiredTokens(t *testing.T) {
	r := start(t, settings{})
	text := r.token("gone", "", authz.Reader)
	if x := r.do("GET", "/api/v1/changes", text, nil); x.code != 200 {
		t.Fatalf("%d %s", x.code, x.body)
	}
	list, err := r.tokens.List(context.Background())
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if err := r.tokens.Revoke(context.Background(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	if x := r.do("GET", "/api/v1/changes", text, nil); x.code != 401 || x.header.Get("WWW-Authenticate") == "" {
		t.Errorf("revoked: %d %s", x.code, x.body)
	}
	old, tok := server.NewToken("old", []authz.Role{authz.Reader}, "", time.Now().Add(-time.Second))
	if err := r.tokens.Put(tok); err != nil {
		t.Fatal(err)
	}
	if x := r.do("GET", "/api/v1/changes", old, nil); x.code != 401 {
		t.Errorf("expired: %d %s", x.code, x.body)
	}
	files, _ := os.ReadDir(r.tokens.Dir)
	for _, f := range files {
		if b, _ := os.ReadFile(r.tokens.Dir + "/" + f.Name()); bytes.Contains(b, []byte(old[len(old)-43:])) {
			t.Errorf("%s holds the secret: %s", f.Name(), b)
		}
		if st, _ := f.Info(); st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), st.Mode())
		}
	}
}

// TestMissing: what is not there, or not for a method, is a problem like any other.
func TestMissing(t *testing.T) {
	r := start(t, settings{access: server.Access{Loopback: true}})
	for _, c := range []struct {
		method, path string
		code         int
		allow        string
	}{
		{"GET", "/api/v1/documents", 405, "POST"},
		{"DELETE", "/healthz", 405, "GET, HEAD"},
		{"GET", "/api/v1/nothing", 404, ""},
		{"GET", "/api", 404, ""},
		{"GET", "/healthz", 200, ""},
	} {
		x := r.do(c.method, c.path, "", nil)
		if x.code != c.code || x.header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, Allow %q: %s", c.method, c.path, x.code, x.header.Get("Allow"), x.body)
		}
		if c.code < 400 {
			continue
		}
		var p struct {
			Status              int
			Title, Detail, Hint string
		}
		x.into(t, &p)
		if x.header.Get("Content-Type") != "application/problem+json" || p.Status != c.code || p.Title == "" || p.Detail == "" || p.Hint == "" {
			t.Errorf("%s %s: %s %+v", c.method, c.path, x.header.Get("Content-Type"), p)
		}
	}
}
