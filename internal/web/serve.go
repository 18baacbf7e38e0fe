package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/listen"
	"github.com/cofferdam-io/cofferdam/inventory"
)

// Options of Serve.
type Options struct {
	Addr  string // of the loopback interface; port 0 takes a free one
	Page  []byte // the HTML page of the map
	Map   *inventory.Map
	Blast *inventory.Blast
	Ready func(url string) // called once requests are answered
}

// Serve answers requests until the context ends, and returns nil then. It
// listens on loopback addresses only: the page needs no sign-in.
func Serve(ctx context.Context, o Options) error {
	h, err := handler(o)
	if err != nil {
		return err
	}
	if !listen.IsLoopback(o.Addr) {
		return ident.Errorf(ident.KindUsage, "--addr %q is not a loopback address, and the demo asks nobody who they are", o.Addr).WithHint("127.0.0.1:8080")
	}
	ln, err := listen.On(ctx, o.Addr)
	if err != nil {
		return err
	}
	if o.Ready != nil {
		o.Ready("http://" + ln.Addr().String() + "/")
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10}
	return listen.Serve(ctx, srv, ln, 5*time.Second)
}

// handler renders everything once: the answers do not change while it runs.
func handler(o Options) (http.Handler, error) {
	m, err := json.Marshal(o.Map)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(o.Blast)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	fixed := func(kind string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body) // a client that went away is no concern of ours
		}
	}
	mux.HandleFunc("GET /{$}", fixed("text/html; charset=utf-8", o.Page))
	mux.HandleFunc("GET /map.json", fixed("application/json", m))
	mux.HandleFunc("GET /blast.json", fixed("application/json", b))
	return guard(mux), nil
}

// guard keeps the page to this machine, and sets the headers that keep it to itself.
func guard(next http.Handler) http.Handler {
	return listen.LoopbackOnly(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	}))
}
