package web_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/web"
	"github.com/cofferdam-io/cofferdam/inventory"
)

func TestServe(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan string, 1)
	done := make(chan error, 1)
	go func() {
		done <- web.Serve(ctx, web.Options{Addr: "127.0.0.1:0", Page: []byte("<p>map</p>"), Map: &inventory.Map{Cluster: "c"}, Blast: &inventory.Blast{Query: "q"}, Ready: func(url string) { ready <- url }})
	}()
	url := <-ready
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	get := func(path, host string) (int, string, http.Header) {
		t.Helper()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			req.Host = host
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body), res.Header
	}
	code, body, head := get("", "")
	if code != 200 || body != "<p>map</p>" || head.Get("X-Frame-Options") != "DENY" || head.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("page: %d %q %v", code, body, head)
	}
	if _, body, _ := get("map.json", "localhost:1"); !strings.Contains(body, `"cluster":"c"`) {
		t.Errorf("map: %s", body)
	}
	if _, body, _ := get("blast.json", ""); !strings.Contains(body, `"query":"q"`) {
		t.Errorf("blast: %s", body)
	}
	if code, _, _ := get("", "evil.example"); code != http.StatusMisdirectedRequest {
		t.Errorf("under another host's name the answer is %d", code)
	}
	if code, _, _ := get("absent", ""); code != 404 {
		t.Errorf("an unknown path is %d", code)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the end of the context ends it without an error, got %v", err)
	}
}

func TestServeRefusesOtherAddresses(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:80", "example.org:80", "8080", ":8080"} {
		if err := web.Serve(context.Background(), web.Options{Addr: addr}); ident.KindOf(err) != ident.KindUsage || err == nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
}
