package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/internal/client"
)

// serving runs a server until end is called.
func serving(t *testing.T, o app.ServeOptions) (url string, end func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan string, 1), make(chan error, 1)
	o.Ready = func(u string) { ready <- u }
	o.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	go func() { done <- (&app.Loader{}).Serve(ctx, o) }()
	end = func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	}
	select {
	case url = <-ready:
	case err := <-done:
		stop()
		t.Fatal(err)
	}
	return strings.TrimSuffix(url, "/"), end
}

func sbomText(name string) string {
	return fmt.Sprintf(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","name":%q}},
"components":[{"type":"library","name":"lodash","version":"4.17.20","purl":"pkg:npm/lodash@4.17.20"}]}`, name)
}

// get asks a server that knows everybody.
func get(t *testing.T, url string) string {
	t.Helper()
	return fetch(t, url, "")
}

// fetch asks a server, with a token where there is one.
func fetch(t *testing.T, url, token string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What is pushed is found, also by the server that comes after.
func TestPushedDocumentsOutliveTheServer(t *testing.T) {
	dir, sboms := t.TempDir(), t.TempDir()
	for _, n := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(sboms, n+".json"), []byte(sbomText(n)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(sboms, "bad.json"), []byte(`{"bomFormat":`), 0o600); err != nil {
		t.Fatal(err)
	}
	url, end := serving(t, app.ServeOptions{Data: dir})
	c, err := client.New(url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := (&app.Loader{}).Push(t.Context(), c, []string{sboms}, client.Document{Service: "shop"})
	c.Close()
	if err != nil || got.Stored != 3 || got.Refused != 1 || got.Documents[1].Digest != ident.SHA256([]byte(sbomText("b"))).String() || got.Documents[2].Error == "" && got.Documents[3].Error == "" {
		t.Fatalf("%+v, %v", got, err)
	}
	found := func(url string) string {
		t.Helper()
		_, text, _ := strings.Cut(get(t, url+"/api/v1/search?name=lodash"), `"total"`) // the sequence goes on: the server judges what it has
		return text
	}
	before := found(url)
	end()
	for range 2 { // from the checkpoint that the end wrote, and with nothing new behind it
		url, end = serving(t, app.ServeOptions{Data: dir})
		if after := found(url); after != before || !strings.HasPrefix(after, `:3,`) {
			t.Errorf("before %s\nafter  %s", before, after)
		}
		end()
	}
	for _, secret := range []string{"admin.token", "journal.key", "catalogue.db"} {
		if st, err := os.Stat(filepath.Join(dir, secret)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", secret, st, err)
		}
	}
}

// Files that appear in a folder are taken in once they have stopped growing.
func TestWatchedFolder(t *testing.T) {
	dir, drop := t.TempDir(), t.TempDir()
	config := filepath.Join(t.TempDir(), "server.yaml")
	if err := os.WriteFile(config, []byte("watch:\n- path: "+drop+"\n  service: dropped\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url, end := serving(t, app.ServeOptions{Data: dir, Config: config})
	defer end()
	token, err := os.ReadFile(filepath.Join(dir, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.json": sbomText("a"), ".hidden.json": sbomText("hidden"), "notes.txt": "x", "bad.json": "{"} {
		if err := os.WriteFile(filepath.Join(drop, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(path string) string {
		q, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil)
		q.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
		res, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return string(b)
	}
	for end := time.Now().Add(time.Minute); !strings.Contains(ask("/api/v1/search?name=lodash"), `"service":"dropped"`); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the file was not taken in: " + ask("/api/v1/search?name=lodash"))
		}
	}
	for end := time.Now().Add(time.Minute); !strings.Contains(ask("/api/v1/quarantine"), `"size":1`); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the bad file is in no quarantine: " + ask("/api/v1/quarantine"))
		}
	}
	if s := ask("/api/v1/changes"); strings.Count(s, "document-added") != 1 {
		t.Errorf("one file is one document: %s", s)
	}
}

func TestServeRefusesToBeOpen(t *testing.T) {
	config := func(text string) string {
		f := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	for name, c := range map[string]struct{ addr, config, want string }{
		"no sign-in":           {"0.0.0.0:0", "", "nothing says who may ask"},
		"sign-in in the clear": {"0.0.0.0:0", "tokens: /nowhere\n", "unencrypted"},
		"an unknown field":     {"127.0.0.1:0", "token: /nowhere\n", `unknown field "token"`},
		"half of TLS":          {"127.0.0.1:0", "tls: {certificate: a.pem}\n", "both certificate and key"},
		"an issuer in clear":   {"127.0.0.1:0", "oidc: [{issuer: 'http://x', audience: a, roles: {a: [reader]}}]\n", "no https URL"},
		"no audience":          {"127.0.0.1:0", "oidc: [{issuer: 'https://x', roles: {a: [reader]}}]\n", "needs an audience"},
		"an unknown role":      {"127.0.0.1:0", "oidc: [{issuer: 'https://x', audience: a, roles: {a: [root]}}]\n", "no role is called"},
		"no way back":          {"127.0.0.1:0", "oidc: [{issuer: 'https://x', audience: a, roles: {a: [reader]}, signIn: {}}]\n", "url is missing"},
		"a way back in clear":  {"127.0.0.1:0", "url: http://cofferdam.example\n", "not how browsers reach"},
		"a way back with path": {"127.0.0.1:0", "url: https://cofferdam.example/a\n", "not how browsers reach"},
		"a session of a year":  {"127.0.0.1:0", "session: {hours: 9000}\n", "session.hours"},
		"a key that is none":   {"127.0.0.1:0", "url: https://x\nsession: {key: '" + config("a-secret") + "'}\noidc: [{issuer: 'https://x', audience: a, roles: {a: [reader]}, signIn: {}}]\n", "32 random bytes"},
	} {
		o := app.ServeOptions{Data: t.TempDir(), Addr: c.addr, Log: slog.New(slog.DiscardHandler)}
		if c.config != "" {
			o.Config = config(c.config)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := (&app.Loader{}).Serve(ctx, o)
		cancel()
		var e *ident.Error
		if !errors.As(err, &e) || e.Kind != ident.KindUsage || !strings.Contains(e.Message, c.want) || strings.Contains(e.Error(), "a-secret") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestWebhookConfiguration(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	secret := write("secret", "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcy4uLi4=")
	for name, c := range map[string][2]string{
		"no name":        {"{url: 'https://x', secretFile: '" + secret + "'}", "needs a name"},
		"no secret":      {"{name: a, url: 'https://x'}", "no secretFile"},
		"in the clear":   {"{name: a, url: 'http://x.example', secretFile: '" + secret + "'}", "no https URL"},
		"a word":         {"{name: a, url: 'https://x', severity: dire, secretFile: '" + secret + "'}", "dire"},
		"the name twice": {"{name: a, url: 'https://x', secretFile: '" + secret + "'}, {name: a, url: 'https://x', secretFile: '" + secret + "'}", "name of its own"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err := (&app.Loader{}).Serve(ctx, app.ServeOptions{Data: t.TempDir(), Addr: "127.0.0.1:0", Config: write("c.yaml", "webhooks: ["+c[0]+"]\n"), Log: slog.New(slog.DiscardHandler)})
		cancel()
		if err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %v, want %q", name, err, c[1])
		}
	}
}
