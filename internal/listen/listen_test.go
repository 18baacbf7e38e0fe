package listen_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/listen"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:80": true, "localhost": true, "localhost:8080": true, "[::1]": true, "[::1]:80": true, "::1": true,
		"": false, "0.0.0.0:80": false, "10.0.0.1": false, "localhost.example": false, "127.0.0.1.example:80": false, ":80": false, "[::]:80": false, "[": false,
	} {
		if got := listen.IsLoopback(host); got != want {
			t.Errorf("IsLoopback(%q) = %t", host, got)
		}
	}
}

func TestLoopbackOnlyRefusesPages(t *testing.T) {
	h := listen.LoopbackOnly(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	for name, c := range map[string]struct {
		host   string
		header [2]string
		want   int
	}{
		"a program":               {"127.0.0.1:8080", [2]string{}, 200},
		"its own page":            {"localhost:8080", [2]string{"Origin", "http://localhost:8080"}, 200},
		"typed into the browser":  {"localhost:8080", [2]string{"Sec-Fetch-Site", "none"}, 200},
		"a rebound name":          {"evil.example", [2]string{}, 421},
		"a page of elsewhere":     {"localhost:8080", [2]string{"Origin", "https://evil.example"}, 403},
		"another port's page":     {"localhost:8080", [2]string{"Origin", "http://localhost:9090"}, 403},
		"a sandboxed page":        {"localhost:8080", [2]string{"Origin", "null"}, 403},
		"an image of a page":      {"localhost:8080", [2]string{"Sec-Fetch-Site", "cross-site"}, 403},
		"a link that is followed": {"localhost:8080", [2]string{"Sec-Fetch-Mode", "navigate"}, 200},
		"a page of the same site": {"localhost:8080", [2]string{"Sec-Fetch-Site", "same-site"}, 403},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Host = c.host
		if c.header[0] == "Sec-Fetch-Mode" { // a link on a page of elsewhere
			r.Method = http.MethodGet
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Sec-Fetch-Dest", "document")
		}
		if c.header[0] != "" {
			r.Header.Set(c.header[0], c.header[1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d", name, w.Code, c.want)
		}
	}
}

// A request under way when the end comes is answered; a new connection is not.
func TestServeWaitsForRequests(t *testing.T) {
	ln, err := listen.On(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	begun, goOn, ended := make(chan bool), make(chan bool), make(chan error, 1)
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-goOn
		_, _ = io.WriteString(w, "late")
	})}
	go func() { ended <- listen.Serve(ctx, srv, ln, time.Minute) }()
	got := make(chan string, 1)
	go func() {
		defer http.DefaultClient.CloseIdleConnections()
		r, err := http.Get("http://" + ln.Addr().String())
		if err != nil {
			got <- err.Error()
			return
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		got <- string(b)
	}()
	<-begun
	stop()
	for { // the listener is closed before anything else
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			break
		}
		_ = c.Close()
	}
	close(goOn)
	if s := <-got; s != "late" {
		t.Errorf("the request under way got %q", s)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestOnSaysWhatIsWrong(t *testing.T) {
	for addr, kind := range map[string]ident.Kind{"8080": ident.KindUsage, "256.0.0.1:80": ident.KindFailure} {
		if ln, err := listen.On(t.Context(), addr); err == nil || ident.KindOf(err) != kind {
			t.Errorf("%s: %v, %v", addr, ln, err)
		}
	}
}
