package listen

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// IsLoopback reports whether HOST or HOST:PORT is of this machine alone.
func IsLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(trimBrackets(host))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func trimBrackets(host string) string {
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		return host[1 : n-1]
	}
	return host
}

// Check refuses what is not HOST:PORT.
func Check(addr string) error {
	if _, port, err := net.SplitHostPort(addr); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err == nil {
			return nil
		}
	}
	return ident.Errorf(ident.KindUsage, "--addr %q is not HOST:PORT", addr).WithHint("127.0.0.1:8080; port 0 takes a free one")
}

// On opens HOST:PORT; port 0 takes a free one.
func On(ctx context.Context, addr string) (net.Listener, error) {
	if err := Check(addr); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "cannot listen on %s: %w", addr, err).WithHint("--addr 127.0.0.1:0 takes a free port")
	}
	return ln, nil
}

// Serve answers requests until the context ends, then takes no more, waits for
// those under way for as long as grace, and returns nil.
func Serve(ctx context.Context, srv *http.Server, ln net.Listener, grace time.Duration) error {
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if err = srv.Shutdown(stop); err != nil {
			_ = srv.Close() // what is still under way after the grace is cut off: Shutdown's error says so
		}
		if serr := <-done; err == nil { // the goroutine has ended
			err = serr
		}
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// LoopbackOnly refuses requests under another host's name, or that a page of
// another origin makes: a web page can rebind its own name to the loopback address,
// and post to it without being able to read the answer.
func LoopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !IsLoopback(r.Host) {
			http.Error(w, "this server answers under its loopback address only", http.StatusMisdirectedRequest)
			return
		}
		if foreign(r) {
			http.Error(w, "this server takes no requests from pages of other origins", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign reports whether a browser says that a page of another origin asks. A
// program that is no browser sends neither header; a link that somebody follows is
// no question of the page that it stands on.
func foreign(r *http.Request) bool {
	followed := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return !followed
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host != r.Host
}
