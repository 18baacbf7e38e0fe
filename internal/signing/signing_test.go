package signing_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/signing"
	"github.com/cofferdam-io/cofferdam/internal/testenv/sigstore"
	"github.com/cofferdam-io/cofferdam/verify"
)

const statement = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}],"predicateType":"https://x.example/t","predicate":{}}`

var abc = ident.SHA256([]byte("abc"))

func pemKey(t *testing.T, key crypto.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func noPassword() ([]byte, error) { return nil, errors.New("asked for a password") }

func ec(t *testing.T, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// keys are one of each kind.
func keys(t *testing.T) map[string]crypto.PrivateKey {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, e, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.PrivateKey{"P-256": ec(t, elliptic.P256()), "P-384": ec(t, elliptic.P384()), "P-521": ec(t, elliptic.P521()), "RSA": r, "Ed25519": e}
}

func judge(t *testing.T, raw []byte, o verify.Options, a verify.Artifact) *fact.Fact {
	t.Helper()
	b, err := verify.ParseBundle(raw)
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	v, err := verify.New(o)
	if err != nil {
		t.Fatal(err)
	}
	f, err := v.Bundle(b, a)
	if err != nil {
		t.Fatalf("%v (%v)\n%s", err, errors.Unwrap(err), raw)
	}
	return f
}

// TestKeys: what each kind of key signs verifies, alone.
func TestKeys(t *testing.T) {
	for name, private := range keys(t) {
		t.Run(name, func(t *testing.T) {
			k, err := signing.ParseKey("k", pemKey(t, private), noPassword)
			if err != nil {
				t.Fatal(err)
			}
			public, err := verify.ParseKey("k.pub", k.Public())
			if err != nil {
				t.Fatal(err)
			}
			c := signing.New(nil)
			for _, content := range []signing.Content{{Message: []byte("abc")}, {Statement: []byte(statement)}} {
				raw, err := c.Bundle(t.Context(), content, signing.By{Key: k}, signing.Services{})
				if err != nil {
					t.Fatal(err)
				}
				judge(t, raw, verify.Options{Keys: []*verify.Key{public}}, verify.Artifact{Content: strings.NewReader("abc")})
			}
		})
	}
}

// TestKeyFiles: keys as they are kept, and what is none. No error holds any of the key.
func TestKeyFiles(t *testing.T) {
	key := ec(t, elliptic.P256())
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := encrypted.EncryptWithCustomKDFParameters(der, []byte("open"), encrypted.Legacy)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // it is to be refused
	if err != nil {
		t.Fatal(err)
	}
	secret := base64.StdEncoding.EncodeToString(der)[:40]
	block := func(kind string, b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}) }
	password := func(p string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(p), nil } }
	for name, tc := range map[string]struct {
		raw      []byte
		password func() ([]byte, error)
		says     string
	}{
		"PKCS #8":          {block("PRIVATE KEY", der), noPassword, ""},
		"SEC 1":            {block("EC PRIVATE KEY", sec1), noPassword, ""},
		"cosign's":         {block("ENCRYPTED COSIGN PRIVATE KEY", sealed), password("open"), ""},
		"sigstore's":       {block("ENCRYPTED SIGSTORE PRIVATE KEY", sealed), password("open"), ""},
		"wrong password":   {block("ENCRYPTED SIGSTORE PRIVATE KEY", sealed), password("shut"), "cannot be decrypted"},
		"no password":      {block("ENCRYPTED SIGSTORE PRIVATE KEY", sealed), noPassword, "asked for a password"},
		"broken cipher":    {block("ENCRYPTED SIGSTORE PRIVATE KEY", []byte(`{"kdf":{"name":"scrypt","params":{"N":1073741824,"r":8,"p":1}}}`)), password("open"), "cannot be decrypted"},
		"OpenSSL's":        {block("ENCRYPTED PRIVATE KEY", der), noPassword, "not read"},
		"a public key":     {block("PUBLIC KEY", der), noPassword, "no private key"},
		"no PEM":           {[]byte(base64.StdEncoding.EncodeToString(der)), noPassword, "no private key"},
		"two":              {append(block("PRIVATE KEY", der), block("PRIVATE KEY", der)...), noPassword, "after the key"},
		"malformed":        {block("PRIVATE KEY", der[:40]), noPassword, "malformed"},
		"weak":             {pemKey(t, small), noPassword, "1024 bits"},
		"on another curve": {pemKey(t, ec(t, elliptic.P224())), noPassword, "P-224"},
		"gigantic":         {bytes.Repeat([]byte("x"), 1<<20), noPassword, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := signing.ParseKey("key.pem", tc.raw, tc.password)
			if tc.says == "" {
				if err != nil || fmt.Sprintf("%v %+v %#v", k, k, k) != "(private key) (private key) (private key)" {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(fmt.Sprintf("%+v", err), secret) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestKeyless: certified, stamped and logged, in logs of both generations, a bundle
// verifies with all that it brings; and so does a key's.
func TestKeyless(t *testing.T) {
	m := sigstore.NewMade(t, nil)
	root, err := os.ReadFile(m.TrustedRoot)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := verify.ParseTrustedRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	k, err := signing.ParseKey("k", pemKey(t, ec(t, elliptic.P256())), noPassword)
	if err != nil {
		t.Fatal(err)
	}
	public, err := verify.ParseKey("k.pub", k.Public())
	if err != nil {
		t.Fatal(err)
	}
	token, err := signing.ParseToken("token", m.Token(t, "ci@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if warnings, err := token.Check(time.Now(), signing.Audience); err != nil || len(warnings) > 0 {
		t.Errorf("%v %v", warnings, err)
	}
	identities := []verify.Identity{{Subject: "ci@example.com", Issuer: m.Issuer}}
	second := signing.Services{Fulcio: m.URL, Logs: []signing.Log{{Address: m.URL, Generation: 2}}, Stampers: []string{m.URL + "/timestamp"}}
	first := signing.Services{Fulcio: m.URL, Logs: []signing.Log{{Address: m.URL + "/", Generation: 1}}}
	both := second
	both.Logs = append(both.Logs, first.Logs...)
	for name, services := range map[string]signing.Services{"second generation": second, "first generation": first, "both": both} {
		for what, content := range map[string]signing.Content{"message": {Message: []byte("abc")}, "statement": {Statement: []byte(statement)}} {
			for who, by := range map[string]signing.By{"certificate": {Token: token}, "key": {Key: k}} {
				t.Run(name+" "+what+" "+who, func(t *testing.T) {
					raw, err := signing.New(nil).Bundle(t.Context(), content, by, services)
					if err != nil {
						t.Fatal(err)
					}
					o := verify.Options{Trust: trust, Identities: identities, Logs: len(services.Logs)}
					if by.Key != nil {
						o.Identities, o.Keys = nil, []*verify.Key{public}
					}
					f := judge(t, raw, o, verify.Artifact{Digest: abc})
					if len(f.Log) != len(services.Logs) || len(f.Times) == 0 || len(f.Notes) > 0 {
						t.Errorf("%+v", f)
					}
				})
			}
		}
	}
	ed, err := signing.ParseKey("k", pemKey(t, keys(t)["Ed25519"]), noPassword)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signing.New(nil).Bundle(t.Context(), signing.Content{Message: []byte("abc")}, signing.By{Key: ed}, second); ident.KindOf(err) != ident.KindUsage {
		t.Error(err)
	}
}

// TestTrouble: what a service's trouble is, and what a refusal, is told apart; nothing
// that it says or that it was sent comes out of turn.
func TestTrouble(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(w http.ResponseWriter, n int32) bool
		kind   ident.Kind
		says   string
		tries  int32
	}{
		"busy once": {func(w http.ResponseWriter, n int32) bool {
			if n == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return n == 1
		}, 0, "", 4},
		"busy for ever": {func(w http.ResponseWriter, _ int32) bool { w.WriteHeader(http.StatusBadGateway); return true }, ident.KindIndeterminate, "502", 3},
		"refuses": {func(w http.ResponseWriter, _ int32) bool {
			http.Error(w, "the audience is wrong", http.StatusUnauthorized)
			return true
		}, ident.KindFailure, "the audience is wrong", 1},
		"redirects": {func(w http.ResponseWriter, _ int32) bool {
			w.Header().Set("Location", "http://elsewhere.example/")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		}, ident.KindFailure, "307", 1},
		"is none": {func(w http.ResponseWriter, _ int32) bool { _, _ = w.Write([]byte("<html>")); return true }, ident.KindFailure, "no certificate", 1},
		"never ends": {func(w http.ResponseWriter, _ int32) bool {
			_, _ = w.Write(bytes.Repeat([]byte(" "), 2<<20))
			return true
		}, ident.KindFailure, "more than", 1},
		"hangs up": {func(http.ResponseWriter, int32) bool { panic(http.ErrAbortHandler) }, ident.KindIndeterminate, "does not answer", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			m := sigstore.NewMade(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					if !tc.answer(w, asked.Add(1)) {
						next.ServeHTTP(w, q)
					}
				})
			})
			text := m.Token(t, "ci@example.com")
			token, err := signing.ParseToken("token", text)
			if err != nil {
				t.Fatal(err)
			}
			c := signing.Quick()
			_, err = c.Bundle(t.Context(), signing.Content{Message: []byte("abc")}, signing.By{Token: token}, signing.Services{Fulcio: m.URL, Logs: []signing.Log{{Address: m.URL, Generation: 2}}, Stampers: []string{m.URL + "/timestamp"}})
			if asked.Load() != tc.tries {
				t.Errorf("it was asked %d times", asked.Load())
			}
			if tc.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var e *ident.Error
			if !errors.As(err, &e) || e.Kind != tc.kind || !strings.Contains(e.Message, tc.says) || strings.Contains(fmt.Sprintf("%+v", e), text) {
				t.Errorf("%+v", e)
			}
			if e != nil && (e.Kind == ident.KindIndeterminate) != strings.Contains(e.Hint, "not your change") {
				t.Errorf("hint: %s", e.Hint)
			}
		})
	}
}

func token(t *testing.T, claims map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return "e30." + base64.RawURLEncoding.EncodeToString(raw) + ".c2ln"
}

// TestTokenWarnings: who else could sign with a token is said (FEATURES A16, J15).
func TestTokenWarnings(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	base := func(more map[string]any) map[string]any {
		out := map[string]any{"iss": "https://token.actions.githubusercontent.com", "sub": "repo:shop/web:ref:refs/heads/main", "aud": "sigstore", "iat": now.Unix(), "exp": now.Unix() + 300}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	for name, tc := range map[string]struct {
		claims map[string]any
		warns  string
		fails  string
	}{
		"good":               {base(nil), "", ""},
		"an hour":            {base(map[string]any{"exp": now.Unix() + 3600}), "lives for 1h0m0s", ""},
		"for ever":           {base(map[string]any{"exp": 0}), "never ends", ""},
		"over":               {base(map[string]any{"exp": now.Unix()}), "", "ended at"},
		"several services":   {base(map[string]any{"aud": []string{"sigstore", "sts.amazonaws.com"}}), "2 services", ""},
		"another service":    {base(map[string]any{"aud": "vault"}), `"vault"`, ""},
		"a list of one":      {base(map[string]any{"aud": []string{"sigstore"}}), "", ""},
		"no service":         {base(map[string]any{"aud": 7}), `for ""`, ""},
		"pull request":       {base(map[string]any{"sub": "repo:shop/web:pull_request", "event_name": "pull_request"}), "whoever opens one", ""},
		"whole repository":   {base(map[string]any{"sub": "repo:shop/web"}), "names neither", ""},
		"GitLab":             {base(map[string]any{"sub": "project_path:shop/web:ref_type:branch:ref:main", "ref_protected": "true"}), "", ""},
		"GitLab unprotected": {base(map[string]any{"sub": "project_path:shop/web:ref_type:branch:ref:x", "ref_protected": "false"}), "not protected", ""},
		"self-hosted":        {base(map[string]any{"runner_environment": "self-hosted"}), "self-hosted", ""},
		"unverified address": {base(map[string]any{"email": "a@shop.example", "email_verified": false}), "", "nobody verified"},
		"verified address":   {base(map[string]any{"email": "a@shop.example", "email_verified": "true"}), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := token(t, tc.claims)
			tok, err := signing.ParseToken("a file", text)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprintf("%v %+v %#v", tok, tok, tok) != "(token) (token) (token)" {
				t.Error("the token prints")
			}
			got, err := tok.Check(now, signing.Audience)
			if (err != nil) != (tc.fails != "") || err != nil && !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("%v", err)
			}
			if all := strings.Join(got, "\n"); (all != "") != (tc.warns != "") || !strings.Contains(all, tc.warns) {
				t.Errorf("%q", all)
			}
		})
	}
	for _, bad := range []string{"", "a.b", "a.!.c", "e30.e30.x", token(t, map[string]any{"iss": "x"}), "a." + strings.Repeat("x", 1<<17) + ".c", "a b.c.d"} {
		if _, err := signing.ParseToken("a file", bad); err == nil || len(bad) > 4 && strings.Contains(err.Error(), bad) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

// TestEnvironment: the tokens that pipelines offer.
func TestEnvironment(t *testing.T) {
	text := token(t, map[string]any{"iss": "https://x.example", "sub": "repo:a/b:ref:refs/heads/main"})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Authorization") != "Bearer request" || q.URL.Query().Get("audience") != "sigstore" || q.URL.Query().Get("api") != "2" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"value": text, "count": 1})
	}))
	defer s.Close()
	c := signing.Quick()
	for name, tc := range map[string]struct {
		env  map[string]string
		want bool
		err  string
	}{
		"nothing":        {nil, false, ""},
		"GitLab":         {map[string]string{"SIGSTORE_ID_TOKEN": text}, true, ""},
		"GitHub":         {map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": s.URL + "/?api=2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request"}, true, ""},
		"GitHub, denied": {map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": s.URL + "/?api=2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "other"}, false, "403"},
		"in the clear":   {map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": "http://192.0.2.1/", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request"}, false, "not https"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.Environment(t.Context(), func(k string) string { return tc.env[k] }, "sigstore")
			if (got != nil) != tc.want || (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%v %v", got, err)
			}
		})
	}
}

func FuzzToken(f *testing.F) {
	f.Add("e30.eyJpc3MiOiJ4Iiwic3ViIjoieSIsImF1ZCI6WyJhIl0sImV4cCI6MX0.c2ln")
	f.Fuzz(func(t *testing.T, text string) {
		tok, err := signing.ParseToken("f", text)
		if err == nil {
			_, _ = tok.Check(time.Unix(0, 0), "sigstore")
		} else if ident.KindOf(err) != ident.KindFailure {
			t.Error(err)
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","caUrls":[{"url":"https://f","majorApiVersion":1,"validFor":{"start":"2020-01-01T00:00:00Z"}}],"rekorTlogConfig":{"selector":"ANY"},"tsaConfig":{"selector":"ANY"}}`))
	f.Fuzz(func(_ *testing.T, raw []byte) { _, _ = signing.ParseConfig(raw, time.Unix(1<<30, 0)) })
}
