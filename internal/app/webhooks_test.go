package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
)

// everyLodash is an advisory about every version of a package.
const everyLodash = `{"schema_version":"1.6.0","id":"GHSA-1","aliases":["CVE-2026-0001"],"modified":"2026-01-02T00:00:00Z","database_specific":{"severity":"HIGH"},
"affected":[{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`

// exposedImage is what exposed reports.
const exposedImage = "sha256:0000000000000000000000000000000000000000000000000000000000000001"

// exposed runs a server that is told of a container with that package.
func exposed(t *testing.T, data, config string) (*client.Client, func()) {
	t.Helper()
	url, end := serving(t, app.ServeOptions{Data: data, Config: config, Look: 20 * time.Millisecond})
	token, err := os.ReadFile(filepath.Join(data, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(url, client.Options{Token: strings.TrimSpace(string(token))})
	if err != nil {
		t.Fatal(err)
	}
	sbom := filepath.Join(t.TempDir(), "web.json")
	if err := os.WriteFile(sbom, []byte(fmt.Sprintf(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","name":"web","version":%q}},
		"components":[{"type":"library","bom-ref":"c","name":"lodash","version":"4.17.20","purl":"pkg:npm/lodash@4.17.20"}]}`, exposedImage)), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := (&app.Loader{}).Push(t.Context(), c, []string{sbom}, client.Document{}); err != nil || r.Stored != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	if _, err := c.ReportRunning(t.Context(), "prod", []report.RunningContainer{{Namespace: "shop", Kind: "Deployment", Name: "web", Container: "app", Digest: exposedImage, Owner: "team-shop"}}); err != nil {
		t.Fatal(err)
	}
	return c, func() { c.Close(); end() }
}

// writer returns what writes files into a folder.
func writer(t *testing.T, dir string) func(name, text string) string {
	return func(name, text string) string {
		t.Helper()
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
}

// signedMessages starts a receiver and returns its address and what it gets, of which every
// message has to be signed.
func signedMessages(t *testing.T) (url string, got chan string) {
	got = make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.Header.Get("webhook-signature") == "" {
			t.Error("a message is not signed")
		}
		got <- string(b)
	}))
	t.Cleanup(receiver.Close)
	return receiver.URL, got
}

// From an image that a cluster reports to a message that a receiver gets.
func TestServerTellsReceivers(t *testing.T) {
	receiver, got := signedMessages(t)
	dir := t.TempDir()
	write := writer(t, dir)
	record := write("record.json", everyLodash)
	secret := write("secret", "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcy4uLi4=")
	config := write("c.yaml", fmt.Sprintf("advisories: [%q]\nwebhooks:\n- {name: tickets, url: %q, secretFile: %q, severity: high, initial: true}\n", record, receiver, secret))
	_, end := exposed(t, filepath.Join(dir, "data"), config)
	defer end()
	select {
	case m := <-got:
		for _, want := range []string{`"findings.changed"`, `"CVE-2026-0001"`, `"shop/Deployment/web/app"`, `"team-shop"`, `"state":"new"`} {
			if !strings.Contains(m, want) {
				t.Errorf("%s is not in %s", want, m)
			}
		}
	case <-time.After(time.Minute):
		t.Fatal("nobody is told")
	}
}

// TestServerTellsOfScores: a document that comes and is bad is told of, signed as the rest.
func TestServerTellsOfScores(t *testing.T) {
	receiver, got := signedMessages(t)
	dir := t.TempDir()
	write := writer(t, dir)
	secret := write("secret", "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcy4uLi4=")
	config := write("c.yaml", fmt.Sprintf("quality: {floor: 90}\nwebhooks:\n- {name: quality, of: scores, below: true, running: true, url: %q, secretFile: %q, initial: true}\n", receiver, secret))
	_, end := exposed(t, filepath.Join(dir, "data"), config)
	defer end()
	select {
	case m := <-got:
		for _, want := range []string{`"scores.changed"`, `"name":"web"`, `"below":true`, `"grade":"`, `"begun":[{`} {
			if !strings.Contains(m, want) {
				t.Errorf("%s is not in %s", want, m)
			}
		}
	case <-time.After(time.Minute):
		t.Fatal("nobody is told")
	}
	for name, wrong := range map[string]string{"severity": "of: scores, severity: high", "below": "below: true", "of": "of: licences"} {
		bad := write("bad.yaml", fmt.Sprintf("webhooks:\n- {name: x, url: %q, secretFile: %q, %s}\n", receiver, secret, wrong))
		if err := (&app.Loader{}).Serve(t.Context(), app.ServeOptions{Data: filepath.Join(dir, "other"), Config: bad, Addr: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "the webhook \"x\" is of") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
