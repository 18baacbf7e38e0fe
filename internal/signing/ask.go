package signing

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/retry"
)

// Client talks to signing services.
type Client struct {
	http *http.Client
	wait time.Duration // before the second attempt; twice that before the third
}

// Limits of one answer.
const (
	maxAnswer = 1 << 20 // a certificate, a log entry or a timestamp has some KiB
	timeout   = 30 * time.Second
	attempts  = 3
	longWait  = 10 * time.Second // the longest Retry-After that is waited for
)

// New returns a client that sends by a transport; nil is the program's own, with the
// proxies of the environment.
func New(transport http.RoundTripper) *Client {
	return &Client{wait: time.Second, http: &http.Client{Transport: transport, Timeout: timeout,
		// What is sent may be a secret, and is for whom it was addressed to.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// request is one request to a service.
type request struct {
	service string // in words
	address string
	method  string
	header  http.Header
	body    []byte
	wants   []int // the statuses of success
	secret  bool  // what is sent must not cross a network in the clear
}

// ask sends a request, and again where the service says that it is busy or broken. A
// service that is away is no fault of whoever signs, and the error says so.
func (c *Client) ask(ctx context.Context, q request) ([]byte, error) {
	u, err := url.Parse(q.address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return nil, ident.Errorf(ident.KindUsage, "the address of %s is none", q.service).WithHint("https://HOST[/PATH], without a password")
	}
	if q.secret && u.Scheme == "http" && !near(u) {
		return nil, ident.Errorf(ident.KindUsage, "%s at %s is not https: a token would cross the network in the clear", q.service, u.Host).WithHint("put TLS before it")
	}
	for try := 1; ; try++ {
		raw, wait, err := c.once(ctx, u, q)
		if err == nil || wait < 0 || try == attempts || ctx.Err() != nil {
			return raw, err
		}
		if err := retry.Sleep(ctx, max(min(wait, longWait), c.wait<<(try-1))); err != nil {
			return nil, err
		}
	}
}

// Document fetches a document of a service, of at most 1 MiB, from an address that needs no
// credentials. Its caller knows the digest that it has to have.
func (c *Client) Document(ctx context.Context, service, address string) ([]byte, error) {
	return c.ask(ctx, request{service: service, address: address, method: http.MethodGet, wants: []int{http.StatusOK}})
}

// once sends a request. wait is negative where another attempt would not help.
func (c *Client) once(ctx context.Context, u *url.URL, q request) (raw []byte, wait time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, q.method, u.String(), bytes.NewReader(q.body))
	if err != nil {
		return nil, -1, err
	}
	for name, values := range q.header {
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", "cofferdam")
	away := func(cause error, format string, args ...any) *ident.Error {
		e := ident.Errorf(ident.KindIndeterminate, format, args...)
		e.Err = cause
		return e.WithHint("this is not your change: %s is in trouble; try again later", q.service)
	}
	res, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, -1, context.Cause(ctx)
		}
		var known *url.Error
		if errors.As(err, &known) {
			err = known.Err // the address may hold a token
		}
		return nil, -1, away(err, "%s at %s does not answer: %s", q.service, u.Host, plain(err.Error()))
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	raw, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, -1, away(err, "%s at %s stopped answering", q.service, u.Host)
	case len(raw) > maxAnswer:
		return nil, -1, ident.Errorf(ident.KindFailure, "%s at %s answers with more than %d bytes", q.service, u.Host, maxAnswer)
	case slices.Contains(q.wants, res.StatusCode):
		return raw, 0, nil
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		wait, _ := retry.After(res.Header, time.Now())
		return nil, wait, away(nil, "%s at %s answers with status %d: %s", q.service, u.Host, res.StatusCode, plain(string(raw)))
	}
	return nil, -1, ident.Errorf(ident.KindFailure, "%s at %s refuses with status %d: %s", q.service, u.Host, res.StatusCode, plain(string(raw)))
}

// plain is the beginning of what a service said, on one line.
func plain(s string) string {
	const most = 300
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// near reports whether an address is on this machine.
func near(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return strings.EqualFold(u.Hostname(), "localhost") || ip != nil && ip.IsLoopback()
}
