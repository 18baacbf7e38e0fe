package registry_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
)

// guard lets in who knows the password, by distribution's token authentication or by
// Basic, and remembers what it was sent.
type guard struct {
	mu     sync.Mutex
	basic  bool // instead of tokens
	expire bool // tokens are good for one request
	used   map[string]bool
	grants int
}

func (g *guard) wrap(next http.Handler) http.Handler {
	right := "Basic " + base64.StdEncoding.EncodeToString([]byte("ci:secret"))
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		g.mu.Lock()
		defer g.mu.Unlock()
		auth := q.Header.Get("Authorization")
		if q.URL.Path == "/token" {
			ok := auth == right
			if q.Method == http.MethodPost {
				_ = q.ParseForm()
				ok = q.Form.Get("grant_type") == "refresh_token" && q.Form.Get("refresh_token") == "refresh"
			} else if q.URL.Query().Get("service") != "registry" || !strings.HasPrefix(q.URL.Query().Get("scope"), "repository:shop/") {
				ok = false
			}
			if !ok {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			g.grants++
			_, _ = fmt.Fprintf(w, `{"access_token":"t%d","expires_in":300}`, g.grants)
			return
		}
		if g.basic && auth != right {
			w.Header().Set("WWW-Authenticate", `Negotiate, Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if !g.basic && (!strings.HasPrefix(auth, "Bearer t") || g.expire && g.used[auth]) {
			repository := strings.Join(strings.Split(q.URL.Path, "/")[2:4], "/")
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+q.Host+`/token",service="registry",scope="repository:`+repository+`:pull"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if g.used == nil {
			g.used = map[string]bool{}
		}
		g.used[auth] = true
		next.ServeHTTP(w, q)
	})
}

func config(t testing.TB, text string) *registry.Config {
	t.Helper()
	c, err := registry.ParseConfig([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhoWeAre(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString([]byte("ci:secret"))
	for name, tc := range map[string]struct {
		guard  *guard
		config string
		kind   ident.Kind
	}{
		"password":              {&guard{}, `{"auths":{"HOST":{"auth":"` + secret + `"}}}`, ident.KindNotFound},
		"token that is used up": {&guard{expire: true}, `{"auths":{"http://HOST/v2/":{"username":"ci","password":"secret"}}}`, ident.KindNotFound},
		"of a path":             {&guard{}, `{"auths":{"HOST":{"username":"x","password":"y"},"HOST/shop":{"username":"ci","password":"secret"}}}`, ident.KindNotFound},
		"identity token":        {&guard{}, `{"auths":{"HOST":{"identitytoken":"refresh"}}}`, ident.KindNotFound},
		"access token":          {&guard{}, `{"auths":{"HOST":{"registrytoken":"t"}}}`, ident.KindNotFound},
		"Basic":                 {&guard{basic: true}, `{"auths":{"HOST":{"auth":"` + secret + `"}}}`, ident.KindNotFound},
		"old file":              {&guard{basic: true}, `{"HOST":{"auth":"` + secret + `","email":"x"}}`, ident.KindNotFound},
		"wrong password":        {&guard{}, `{"auths":{"HOST":{"username":"ci","password":"guess"}}}`, ident.KindIndeterminate},
		"wrong, Basic":          {&guard{basic: true}, `{"auths":{"HOST":{"username":"ci","password":"guess"}}}`, ident.KindIndeterminate},
		"wrong identity token":  {&guard{}, `{"auths":{"HOST":{"identitytoken":"guess"}}}`, ident.KindIndeterminate},
		"another registry's":    {&guard{}, `{"auths":{"elsewhere.example":{"auth":"` + secret + `"}}}`, ident.KindIndeterminate},
		"nobody":                {&guard{basic: true}, `{}`, ident.KindIndeterminate},
	} {
		t.Run(name, func(t *testing.T) {
			g := tc.guard
			r := oci.New(t, oci.Options{Referrers: true, Wrap: g.wrap})
			i := r.Image(t, "shop/web", "1")
			lim := quick
			if g.expire {
				lim.Concurrency = 1 // or one's token is used up by another
			}
			c := client(t, registry.Options{Limits: lim, Credentials: config(t, strings.ReplaceAll(tc.config, "HOST", r.Host))})
			_, err := verdict(t, c, ref(t, r.Reference(i)))
			if ident.KindOf(err) != tc.kind {
				t.Errorf("%v (kind %d)", err, ident.KindOf(err))
			}
			if err != nil && strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("the error tells the password: %v", err)
			}
			if !g.expire && g.grants > 1 {
				t.Errorf("%d tokens were fetched for one repository", g.grants)
			}
		})
	}
}

// TestSecretsStayHome: who we are is told to the registry and its token server, and to
// nobody that it redirects to.
func TestSecretsStayHome(t *testing.T) {
	var mu sync.Mutex
	var told []string
	elsewhere := oci.New(t, oci.Options{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if a := q.Header.Get("Authorization"); a != "" {
				told = append(told, a)
			}
			next.ServeHTTP(w, q)
		})
	}})
	g := &guard{basic: true}
	r := oci.New(t, oci.Options{Referrers: true, Wrap: func(next http.Handler) http.Handler {
		return g.wrap(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if strings.Contains(q.URL.Path, "/blobs/") {
				http.Redirect(w, q, "http://"+elsewhere.Host+q.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, q)
		}))
	}})
	i := r.Image(t, "shop/web", "1")
	r.Attach(t, i, "application/spdx+json", oci.Layer{MediaType: "application/spdx+json", Content: []byte(spdx)})
	elsewhere.PutBlob(t, "shop/web", []byte(spdx))
	c := client(t, registry.Options{Credentials: config(t, `{"auths":{"`+r.Host+`":{"username":"ci","password":"secret"}}}`)})
	docs, err := verdict(t, c, ref(t, r.Reference(i)))
	if docs != 1 || err != nil || len(told) != 0 {
		t.Errorf("%d documents, %v, told elsewhere: %v", docs, err, told)
	}
}

func TestConfigs(t *testing.T) {
	inner := `{"auths":{"https://index.docker.io/v1/":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("a:b:c")) + `"},"*.example.com":{"username":"w","password":"x"},"other.example":{}}}`
	secret := `{"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/dockerconfigjson","data":{".dockerconfigjson":"` + base64.StdEncoding.EncodeToString([]byte(inner)) + `"}}`
	for _, text := range []string{inner, secret} {
		c := config(t, text)
		for host, want := range map[string]registry.Credential{
			"docker.io":        {Username: "a", Password: "b:c"},
			"eu.example.com":   {Username: "w", Password: "x"},
			"a.eu.example.com": {}, "example.com": {}, "other.example": {}, "x": {},
		} {
			got, err := c.For(t.Context(), host, "library/nginx")
			if err != nil || got != want {
				t.Errorf("%s: %+v %v", host, got, err)
			}
		}
	}
	for _, bad := range []string{`[`, `{"auths":{"x":{"auth":"!"}}}`, `{"auths":{"x":{"auth":"` + base64.StdEncoding.EncodeToString([]byte("nocolon")) + `"}}}`, `{"kind":"Secret","data":{}}`, strings.Repeat(" ", 2<<20)} {
		if _, err := registry.ParseConfig([]byte(bad)); err == nil || ident.KindOf(err) != ident.KindInvalid && ident.KindOf(err) != ident.KindLimit {
			t.Errorf("%.40s: %v", bad, err)
		}
	}
}

// TestCredentialHelpers runs real processes, as Docker's configuration names them.
func TestCredentialHelpers(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	for name, script := range map[string]string{
		"good":   `read server; echo "{\"ServerURL\":\"$server\",\"Username\":\"u\",\"Secret\":\"for $server\"}"`,
		"none":   `echo "credentials not found in native keychain"; exit 1`,
		"broken": `echo "the cloud is away" >&2; exit 1`,
		"mute":   `exit 0`,
		"oauth":  `echo '{"Username":"<token>","Secret":"refresh"}'`,
	} {
		if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c := config(t, `{"credsStore":"none","credHelpers":{"good.example":"good","docker.io":"good","broken.example":"broken","mute.example":"mute","oauth.example":"oauth","absent.example":"absent","evil.example":"../x"},
		"auths":{"filed.example":{"username":"f","password":"g"}}}`)
	for host, want := range map[string]registry.Credential{
		"good.example": {Username: "u", Password: "for good.example"}, "docker.io": {Username: "u", Password: "for https://index.docker.io/v1/"},
		"oauth.example": {IdentityToken: "refresh"}, "filed.example": {Username: "f", Password: "g"}, "unknown.example": {},
	} {
		if got, err := c.For(t.Context(), host, "x"); err != nil || got != want {
			t.Errorf("%s: %+v %v", host, got, err)
		}
	}
	// One that fails leaves open who we are: that is not nobody.
	for _, host := range []string{"broken.example", "mute.example", "absent.example", "evil.example"} {
		if got, err := c.For(t.Context(), host, "x"); err == nil {
			t.Errorf("%s: %+v", host, got)
		}
	}
	g := &guard{}
	r := oci.New(t, oci.Options{Referrers: true, Wrap: g.wrap})
	i := r.Image(t, "shop/web", "1")
	_, err := verdict(t, client(t, registry.Options{Limits: quick, Credentials: config(t, `{"credHelpers":{"`+r.Host+`":"broken"}}`)}), ref(t, r.Reference(i)))
	if ident.KindOf(err) != ident.KindIndeterminate || !strings.Contains(err.Error(), "broken") {
		t.Error(err)
	}
}

func TestUserConfig(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, ".docker"), 0o700); err != nil {
		t.Fatal(err)
	}
	env := func(m map[string]string) func(string) string { return func(k string) string { return m[k] } }
	if c, err := registry.UserConfig(env(map[string]string{"HOME": dir})); err != nil {
		t.Error(err)
	} else if cred, err := c.For(context.Background(), "x", "y"); err != nil || !cred.IsZero() {
		t.Error(cred, err)
	}
	file := filepath.Join(dir, ".docker", "config.json")
	if err := os.WriteFile(file, []byte(`{"auths":{"x.example":{"username":"u","password":"p"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, e := range []map[string]string{{"HOME": dir}, {"DOCKER_CONFIG": filepath.Dir(file)}, {"HOME": "/nowhere", "REGISTRY_AUTH_FILE": file}} {
		c, err := registry.UserConfig(env(e))
		if err != nil {
			t.Fatal(err)
		}
		if cred, err := c.For(context.Background(), "x.example", "y"); err != nil || cred.Username != "u" {
			t.Errorf("%v: %+v %v", e, cred, err)
		}
	}
	if err := os.WriteFile(file, []byte(`{`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.UserConfig(env(map[string]string{"HOME": dir})); err == nil {
		t.Error("a broken file of credentials was passed over")
	}
}
