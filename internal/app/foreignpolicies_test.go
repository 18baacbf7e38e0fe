package app

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
)

// A remote policy is believed for its digest and nothing else, and kept by it.
func TestRemotePolicies(t *testing.T) {
	const text = `predicateType: "https://p.example"`
	asked, answer, status := 0, text, http.StatusOK
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	defer srv.Close()
	dir := t.TempDir()
	name := filepath.Join(dir, "p.yaml")
	digest := ident.SHA256([]byte(text))
	write := func(file, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(name, clusterPolicy("  - static: {action: pass}\n")+"  policy: {type: cue, remote: {url: \""+srv.URL+"/p.cue\", sha256sum: "+digest.Hex()+"}}\n")
	cache := t.TempDir()
	read := func(cache string) (*Policies, error) {
		l := &Loader{Cache: cache, Transport: srv.Client().Transport}
		return l.Policies(t.Context(), []string{name}, nil)
	}
	ref := srv.URL + "/p.cue#" + digest.String()
	for range 2 { // from the server, then from the cache
		p, err := read(cache)
		if err != nil || p.Texts[ref] != text || asked != 1 {
			t.Fatalf("%v %v, asked %d", p, err, asked)
		}
	}
	// What somebody wrote into the cache is not believed.
	write(filepath.Join(cache, "policies", digest.Hex()), "_")
	if p, err := read(cache); err != nil || p.Texts[ref] != text || asked != 2 {
		t.Fatalf("%v %v, asked %d", p, err, asked)
	}
	answer = "_"
	if _, err := read(""); ident.KindOf(err) != ident.KindRefused || !strings.Contains(err.Error(), digest.String()) {
		t.Errorf("another text: %v", err)
	}
	status = http.StatusNotFound
	if p, err := read(""); err != nil || len(p.Texts) > 0 || len(p.Notes) != 1 || len(p.Unread) > 0 {
		t.Errorf("not there: %+v %v", p, err)
	}
	status, answer = http.StatusOK, strings.Repeat("x", 1<<20+1)
	if p, err := read(""); err != nil || len(p.Texts) > 0 || len(p.Notes) != 1 {
		t.Errorf("too large: %+v %v", p, err)
	}
	srv.Close()
	p, err := read("")
	if err != nil || len(p.Texts) > 0 || len(p.Unread) != 1 || !strings.Contains(hintOf(p.Unread[0]), "not your change") {
		t.Errorf("away: %+v %v", p, err)
	}
}

// A config map's entry is read from the manifests that are given, by its namespace.
func TestConfigMapPolicies(t *testing.T) {
	dir := t.TempDir()
	policies, manifests := filepath.Join(dir, "p.yaml"), filepath.Join(dir, "m.yaml")
	for file, text := range map[string]string{
		policies:  clusterPolicy("  - static: {action: pass}\n") + "  policy: {type: cue, configMapRef: {name: policies, namespace: shop, key: a.cue}}\n",
		manifests: "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: policies, namespace: shop}, data: {a.cue: \"a: 1\", b.cue: \"b: 1\"}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: policies}, data: {a.cue: \"a: 2\"}}\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := &Loader{}
	p, err := l.Policies(t.Context(), []string{policies}, []string{manifests})
	if err != nil || len(p.Texts) != 1 || p.Texts["configmap://shop/policies/a.cue"] != "a: 1" {
		t.Errorf("%+v %v", p, err)
	}
}
