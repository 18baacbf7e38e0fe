package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/internal/server"
)

// people is the part of a provider that signs people in: the authorization endpoint
// and the token endpoint (RFC 6749, section 3; RFC 7636, section 4.6).
type people struct {
	*provider
	mu     sync.Mutex
	asked  map[string]url.Values // by code
	claims map[string]any        // of whoever signs in
	wrong  func(back url.Values) // what a hostile network makes of the way back
}

const clientSecret = "the client's"

func (p *people) authorize(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := r.URL.Query()
	if q.Get("response_type") != "code" || q.Get("client_id") != "cofferdam" || q.Get("code_challenge_method") != "S256" || !strings.Contains(q.Get("scope"), "openid") {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	code := "code-" + q.Get("state")[:6]
	p.asked[code] = q
	back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.URL}}
	if p.wrong != nil {
		p.wrong(back)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (p *people) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, known := p.asked[r.FormValue("code")]
	delete(p.asked, r.FormValue("code")) // good once
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	_, secret, _ := r.BasicAuth()
	w.Header().Set("Content-Type", "application/json")
	if !known || secret != url.QueryEscape(clientSecret) || asked.Get("redirect_uri") != r.FormValue("redirect_uri") || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": "invalid_grant"})
		return
	}
	claims := map[string]any{"nonce": asked.Get("nonce")}
	for k, v := range p.claims {
		claims[k] = v
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "unused", "token_type": "Bearer", "id_token": p.sign(claims)})
}

// signInRig is a server with such a provider, and what a browser does.
type signInRig struct {
	*rig
	people  *people
	issuer  *server.Issuer
	browser *http.Client
	now     time.Time
	late    bool
}

func signInAt(t *testing.T) *signInRig {
	t.Helper()
	p := &people{asked: map[string]url.Values{}, claims: map[string]any{"groups": []string{"sre"}, "sub": "alice"}}
	p.provider = newProvider(t)
	p.mux.HandleFunc("GET /auth", p.authorize)
	p.mux.HandleFunc("POST /token", p.token)
	x := &signInRig{people: p, now: time.Now()}
	x.issuer = &server.Issuer{URL: p.URL, Audience: "cofferdam", Client: p.Client(), Retry: time.Millisecond, SignIn: &server.SignIn{Name: "Example sign-in", Secret: clientSecret, Scopes: []string{"groups"}},
		Roles: map[string][]authz.Role{"sre": {authz.Publisher}}}
	key := make([]byte, server.SessionKeyBytes)
	sessions, err := server.NewSessions(key)
	if err != nil {
		t.Fatal(err)
	}
	sessions.Plain = true // the rig speaks plain HTTP on this machine
	x.rig = start(t, settings{access: server.Access{Issuers: []*server.Issuer{x.issuer}, Sessions: sessions}, now: func() time.Time { return x.now }})
	x.issuer.SignIn.Callback = server.CallbackURL(x.url)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	x.browser = &http.Client{Transport: p.Client().Transport, Jar: jar, Timeout: time.Minute}
	t.Cleanup(x.browser.CloseIdleConnections)
	return x
}

// open is what a browser shows after a path of the server was typed into it.
func (x *signInRig) open(path string) (code int, where, text string) {
	x.t.Helper()
	r, err := x.browser.Get(x.url + path)
	if err != nil {
		x.t.Fatal(err)
	}
	defer r.Body.Close() //nolint:errcheck // read to its end
	b, err := io.ReadAll(r.Body)
	if err != nil {
		x.t.Fatal(err)
	}
	return r.StatusCode, r.Request.URL.Path, string(b)
}

func TestSignInWithBrowser(t *testing.T) {
	x := signInAt(t)
	if code, _, text := x.open("/"); code != 200 || !strings.Contains(text, "Sign in with Example sign-in") {
		t.Fatalf("%d %s", code, text)
	}
	if code, _, _ := x.open("/api/v1/me"); code != 401 {
		t.Errorf("nobody is signed in: %d", code)
	}
	if code, where, text := x.open("/auth/sign-in?return=/api/v1/me"); code != 200 || where != "/api/v1/me" || !strings.Contains(text, x.people.URL+"#alice") {
		t.Fatalf("%d %s %s", code, where, text)
	}
	if code, _, text := x.open("/"); code != 200 || !strings.Contains(text, "#alice") || !strings.Contains(text, "Sign out") || !strings.Contains(text, "publisher") {
		t.Errorf("%d %s", code, text)
	}
	post := func(header ...string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, x.url+"/api/v1/documents", strings.NewReader("no sbom"))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		a, err := x.browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close() //nolint:errcheck // nothing of it is needed
		return a.StatusCode
	}
	if got := post("Sec-Fetch-Site", "same-origin"); got != 422 && got != 415 {
		t.Errorf("a page of the server acts for who is signed in: %d", got)
	}
	for name, h := range map[string][]string{"a page of another site": {"Sec-Fetch-Site", "cross-site"}, "an old browser's": {"Origin", "https://evil.example"}, "a neighbour's": {"Sec-Fetch-Site", "same-site"}} {
		if got := post(h...); got != 403 {
			t.Errorf("%s: %d, want 403", name, got)
		}
	}
	// Whose group lost its roles loses them at once, not when the session ends.
	x.issuer.Roles["sre"] = []authz.Role{authz.Reader}
	if got := post(); got != 403 {
		t.Errorf("a group that may only read publishes: %d", got)
	}
	x.now = x.now.Add(8*time.Hour + time.Second)
	if code, _, _ := x.open("/api/v1/me"); code != 401 {
		t.Errorf("a session outlives its end: %d", code)
	}
	if _, where, _ := x.open("/auth/sign-in?return=/api/v1/me"); where != "/api/v1/me" {
		t.Errorf("once more: %s", where)
	}
	r, err := x.browser.Post(x.url+"/auth/sign-out", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	if code, _, _ := x.open("/api/v1/me"); code != 401 {
		t.Errorf("signed out, and still somebody: %d", code)
	}
}

// What comes back from a provider is a stranger's until all of it fits.
func TestSignInRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		claims map[string]any
		wrong  func(url.Values)
		before func(*signInRig)
		code   int
		says   string
	}{
		"a code of nobody":        {wrong: func(q url.Values) { q.Set("code", "guessed") }, code: 401, says: "did not take the code"},
		"another try's state":     {wrong: func(q url.Values) { q.Set("state", strings.Repeat("x", 43)) }, code: 401, says: "did not begin to sign in"},
		"no state":                {wrong: func(q url.Values) { q.Del("state") }, code: 401, says: "did not begin to sign in"},
		"another provider's code": {wrong: func(q url.Values) { q.Set("iss", "https://other.example") }, code: 401, says: "another provider"},
		"a provider that says no": {wrong: func(q url.Values) {
			q.Del("code")
			q.Set("error", "access_denied")
			q.Set("error_description", "<script>")
		}, code: 401, says: "access_denied"},
		"a token of another time":  {claims: map[string]any{"nonce": "replayed"}, code: 401, says: "another sign-in"},
		"a token for another":      {claims: map[string]any{"aud": "another"}, code: 401, says: "not one of this server"},
		"a token that ended":       {claims: map[string]any{"exp": 1}, code: 401, says: "not one of this server"},
		"in no group":              {claims: map[string]any{"groups": []string{"cooks"}}, code: 401, says: "in no group"},
		"a client with no secret":  {before: func(x *signInRig) { x.issuer.SignIn.Secret = "wrong" }, code: 401, says: "did not take the code"},
		"a provider that is away":  {before: func(x *signInRig) { x.people.away.Store(true) }, code: 503, says: "cannot be asked"},
		"somebody who took a week": {wrong: nil, before: func(x *signInRig) { x.late = true }, code: 401, says: "did not begin"},
	} {
		t.Run(name, func(t *testing.T) {
			x := signInAt(t)
			for k, v := range c.claims {
				x.people.claims[k] = v
			}
			x.people.wrong = c.wrong
			if c.before != nil {
				c.before(x)
			}
			if x.late {
				x.people.wrong = func(url.Values) { x.now = x.now.Add(7 * 24 * time.Hour) }
			}
			code, _, text := x.open("/auth/sign-in")
			if code != c.code || !strings.Contains(text, c.says) || strings.Contains(text, "<script>") {
				t.Errorf("%d %s\nwant %d, %q", code, text, c.code, c.says)
			}
			x.people.away.Store(false)
			if code, _, _ := x.open("/api/v1/me"); code != 401 {
				t.Errorf("signed in all the same: %d", code)
			}
		})
	}
}

func TestSignInGoesBackToThisServerOnly(t *testing.T) {
	x := signInAt(t)
	for _, back := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "", "/\tx", "@evil.example"} {
		if _, where, text := x.open("/auth/sign-in?return=" + url.QueryEscape(back)); where != "/" || !strings.Contains(text, "#alice") {
			t.Errorf("%q leads to %s", back, where)
		}
	}
}

// A cookie that this server did not seal, or sealed for something else, is nobody's.
func TestForgedSessions(t *testing.T) {
	x := signInAt(t)
	if _, where, _ := x.open("/auth/sign-in?return=/api/v1/me"); where != "/api/v1/me" {
		t.Fatal(where)
	}
	base, err := url.Parse(x.url)
	if err != nil {
		t.Fatal(err)
	}
	good := x.browser.Jar.Cookies(base)
	if len(good) != 1 || good[0].Name != "cofferdam-session" {
		t.Fatalf("%v", good)
	}
	try := &http.Client{Transport: x.browser.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	r, err := try.Get(x.url + "/auth/sign-in")
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	other := r.Cookies()[0].Value // sealed by this server, for something else
	v := good[0].Value
	for name, c := range map[string]string{"good": v, "empty": "", "cut": v[:len(v)-1], "a bit more": v + "A", "turned": v[:10] + string(v[10]^1) + v[11:], "another purpose": other, "plain": base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"` + x.people.URL + `","sub":"alice","groups":["sre"],"exp":99999999999}`))} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, x.url+"/api/v1/me", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.AddCookie(&http.Cookie{Name: "cofferdam-session", Value: c})
		r, err := try.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		if (r.StatusCode == http.StatusOK) != (name == "good") {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
	// A token that is sent is judged, whatever cookie comes with it.
	q, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, x.url+"/api/v1/me", nil)
	q.AddCookie(good[0])
	q.Header.Set("Authorization", "Bearer nonsense")
	if r, err := try.Do(q); err != nil || r.StatusCode != http.StatusUnauthorized {
		t.Errorf("%v %v", r, err)
	} else {
		_ = r.Body.Close()
	}
}
