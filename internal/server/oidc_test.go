package server_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/internal/server"
)

// provider is an OpenID Connect provider over TLS: it describes itself, publishes
// its keys and signs tokens (RFC 7515, RFC 7517, OpenID Connect Discovery 1.0).
type provider struct {
	*httptest.Server
	key     *rsa.PrivateKey
	id      string
	away    atomic.Bool
	fetches atomic.Int32
	mux     *http.ServeMux
}

func b64(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	p.rotate("first")
	mux := http.NewServeMux()
	p.mux = mux
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/keys", "authorization_endpoint": p.URL + "/auth",
			"token_endpoint": p.URL + "/token", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.fetches.Add(1)
		e := big.NewInt(int64(p.key.E)).Bytes()
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": p.id,
			"n": base64.RawURLEncoding.EncodeToString(p.key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(e)}}})
	})
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.away.Load() {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) rotate(id string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	p.key, p.id = key, id
}

func (p *provider) sign(claims map[string]any) string {
	all := map[string]any{"iss": p.URL, "aud": "cofferdam", "sub": "42", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}
	for k, v := range claims {
		all[k] = v
	}
	text := b64(map[string]any{"alg": "RS256", "kid": p.id, "typ": "JWT"}) + "." + b64(all)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestIdentityTokens(t *testing.T) {
	p := newProvider(t)
	p.away.Store(true)
	issuer := &server.Issuer{URL: p.URL, Audience: "cofferdam", Client: p.Client(), Retry: time.Millisecond,
		Roles: map[string][]authz.Role{"sre": {authz.Publisher}, "readers": {authz.Reader}, "bank": {authz.Publisher}, "shop": {authz.Publisher}}, Tenants: map[string]string{"bank": "bank", "shop": "shop"}}
	r := start(t, settings{access: server.Access{Issuers: []*server.Issuer{issuer}}})
	sre := p.sign(map[string]any{"groups": []string{"sre", "unheard-of"}})
	if x := r.do("GET", "/api/v1/changes", sre, nil); x.code != http.StatusServiceUnavailable || x.header.Get("Retry-After") == "" {
		t.Errorf("a provider out of reach is no refusal: %d %s", x.code, x.body)
	}
	p.away.Store(false)
	time.Sleep(2 * time.Millisecond) // longer than Retry
	doc := document("registry.example/x", "", "pkg:npm/x@1")
	other := newProvider(t)
	forged := other.sign(map[string]any{"iss": p.URL, "groups": []string{"sre"}})
	none := b64(map[string]any{"alg": "none"}) + "." + b64(map[string]any{"iss": p.URL, "aud": "cofferdam", "sub": "42", "exp": time.Now().Add(time.Hour).Unix(), "groups": []string{"sre"}}) + "."
	for name, c := range map[string]struct {
		token string
		want  int
	}{
		"a group that publishes":    {sre, 201},
		"one group, as a string":    {p.sign(map[string]any{"groups": "sre"}), 201},
		"a group that reads":        {p.sign(map[string]any{"groups": []string{"readers"}}), 403},
		"no group":                  {p.sign(nil), 403},
		"groups that are no list":   {p.sign(map[string]any{"groups": map[string]any{"sre": true}}), 403},
		"groups of two tenants":     {p.sign(map[string]any{"groups": []string{"bank", "shop"}}), 401},
		"another audience":          {p.sign(map[string]any{"aud": "another", "groups": []string{"sre"}}), 401},
		"expired":                   {p.sign(map[string]any{"exp": time.Now().Add(-time.Minute).Unix(), "groups": []string{"sre"}}), 401},
		"another provider's":        {other.sign(map[string]any{"groups": []string{"sre"}}), 401},
		"another provider's key":    {forged, 401},
		"without a signature":       {none, 401},
		"a signature torn off":      {sre[:strings.LastIndexByte(sre, '.')] + ".", 401},
		"something else altogether": {"a.b.c", 401},
	} {
		if x := r.do("POST", "/api/v1/documents?service="+strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", ""), c.token, doc); x.code != c.want {
			t.Errorf("%s: %d %s, want %d", name, x.code, x.body, c.want)
		}
	}
	bank := p.sign(map[string]any{"groups": []string{"bank"}})
	if x := r.do("POST", "/api/v1/documents?tenant=shop", bank, doc); x.code != 403 {
		t.Errorf("a person of one tenant writes another's: %d %s", x.code, x.body)
	}
	p.rotate("second")
	if x := r.do("GET", "/api/v1/changes", p.sign(map[string]any{"groups": []string{"sre"}}), nil); x.code != 200 {
		t.Errorf("the provider's keys were changed: %d %s", x.code, x.body)
	}
	var quarantine struct{ Items []server.Rejected }
	r.do("POST", "/api/v1/documents", p.sign(map[string]any{"groups": []string{"sre"}, "sub": "alice"}), []byte("no sbom"))
	r.do("GET", "/api/v1/quarantine", r.token("sec", "", authz.SBOMApprover), nil).into(t, &quarantine)
	if len(quarantine.Items) != 1 || quarantine.Items[0].By != p.URL+"#alice" {
		t.Errorf("who did it is the issuer and the subject: %+v", quarantine.Items)
	}
}
