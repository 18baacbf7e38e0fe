package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/listen"
	"github.com/cofferdam-io/cofferdam/internal/retry"
)

// Client asks one server. Its methods may be called from many goroutines.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
	// patience is how long a request is repeated while the server is busy or away.
	patience time.Duration
}

// Options of New.
type Options struct {
	Token    string        // "" sends none
	Patience time.Duration // how long to come again while the server is busy or away: two minutes by default
}

// New returns a client of the server at a URL. A token is sent over TLS, or within
// this machine, only.
func New(server string, o Options) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, ident.Errorf(ident.KindUsage, "--server %q is not the address of a server", redacted(server)).WithHint("--server https://HOST[:PORT]")
	}
	if u.Scheme == "http" && o.Token != "" && !listen.IsLoopback(u.Host) {
		return nil, ident.Errorf(ident.KindUsage, "the token would cross the network unencrypted to %s", u.Host).WithHint("--server https://%s", u.Host)
	}
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, ident.Errorf(ident.KindUsage, "the token holds characters that no token has").WithHint("it may have been copied with a line break")
	}
	if o.Patience == 0 {
		o.Patience = 2 * time.Minute
	}
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one, says net/http
	t.MaxIdleConnsPerHost, t.ResponseHeaderTimeout = 16, 5*time.Minute
	return &Client{base: u, token: o.Token, patience: o.Patience, http: &http.Client{
		Transport: t,
		// A token is for the server that was named, and for no other.
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			return ident.Errorf(ident.KindFailure, "%s sends requests on to %s", via[0].URL.Host, r.URL.Host).WithHint("--server with the address that it names")
		},
	}}, nil
}

// redacted is a URL without the password that somebody may have put there.
func redacted(s string) string {
	if u, err := url.Parse(s); err == nil {
		return u.Redacted()
	}
	return s
}

// URL is the server's address, without a password that somebody may have put there.
func (c *Client) URL() string { return c.base.Redacted() }

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request is one that may be repeated.
type request struct {
	method string
	path   string
	query  url.Values
	header http.Header
	size   int64 // of the body; -1 unknown
	// body opens the body anew for every try; nil: there is none.
	body func() (io.ReadCloser, error)
}

// maxAnswer bounds what is read of an answer that is decoded as a whole.
const maxAnswer = 256 << 20

// do sends a request until it is answered with something else than "come again",
// and decodes the answer into out.
func (c *Client) do(ctx context.Context, r *request, out any) error {
	deadline := time.Now().Add(c.patience)
	for try := 0; ; try++ {
		res, err := c.once(ctx, r)
		wait, again := after(res, err, try)
		if !again || time.Now().Add(wait).After(deadline) || ctx.Err() != nil {
			if err != nil {
				return c.unreachable(ctx, err)
			}
			defer res.Body.Close() //nolint:errcheck // it is read to its end
			return answer(res, out)
		}
		if res != nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection is used again
			_ = res.Body.Close()
		}
		if err := retry.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

func (c *Client) once(ctx context.Context, r *request) (*http.Response, error) {
	u := c.base.JoinPath(r.path)
	u.RawQuery = r.query.Encode()
	var body io.Reader = http.NoBody
	if r.body != nil {
		b, err := r.body()
		if err != nil {
			return nil, err
		}
		body = b // the transport closes it
	}
	q, err := http.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	if r.body != nil {
		q.ContentLength = r.size
	}
	for k, v := range r.header {
		q.Header[k] = v
	}
	if c.token != "" {
		q.Header.Set("Authorization", "Bearer "+c.token)
	}
	return c.http.Do(q)
}

// after says whether to come again and when: the server asks for it (429, 503), a
// gateway before it does not reach it (502, 504), or the connection broke. Every
// request of this package may be repeated.
func after(res *http.Response, err error, try int) (time.Duration, bool) {
	var own *ident.Error
	if errors.As(err, &own) {
		return 0, false
	}
	wait := retry.Backoff(200*time.Millisecond, 10*time.Second, try)
	if err != nil {
		return wait, !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		if said, ok := retry.After(res.Header, time.Now()); ok {
			wait = min(said, time.Minute) + rand.N(500*time.Millisecond) //nolint:gosec // the same
		}
		return wait, true
	}
	return 0, false
}

func (c *Client) unreachable(ctx context.Context, err error) error {
	var own *ident.Error
	if errors.As(err, &own) {
		return own
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // the URL is in our own message
	}
	return ident.Errorf(ident.KindFailure, "%s cannot be reached: %w", c.base.Redacted(), err).WithHint("cofferdam serve --data DIR starts a server on this machine")
}

// answer decodes an answer, or the problem that it is (RFC 9457).
func answer(res *http.Response, out any) error {
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return ident.Errorf(ident.KindFailure, "the server's answer broke off: %w", err)
	}
	if len(b) > maxAnswer {
		return ident.Errorf(ident.KindLimit, "the server's answer is larger than %d bytes", maxAnswer)
	}
	if res.StatusCode >= 300 {
		return problemOf(res, b)
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = b
		return nil
	}
	if out == nil || len(b) == 0 {
		return nil
	}
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(out); err != nil {
		return ident.Errorf(ident.KindFailure, "the server's answer is not what a Cofferdam server says: %w", err).WithHint("is --server the address of one, and not of something before it?")
	}
	return nil
}

func problemOf(res *http.Response, b []byte) error {
	var p struct {
		Detail, Hint, Where, Quarantine string
		Errors                          []struct{ Message, Location string }
	}
	kind := ident.KindFailure
	switch res.StatusCode {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		kind = ident.KindUsage
	case http.StatusNotFound:
		kind = ident.KindNotFound
	case http.StatusUnprocessableEntity, http.StatusUnsupportedMediaType:
		kind = ident.KindInvalid
	case http.StatusRequestEntityTooLarge:
		kind = ident.KindLimit
	}
	if json.Unmarshal(b, &p) != nil || p.Detail == "" {
		return ident.Errorf(kind, "the server answers %s", res.Status)
	}
	text := p.Detail
	for _, e := range p.Errors {
		text += "; " + e.Location + ": " + e.Message
	}
	e := ident.Errorf(kind, "%s", text)
	e.Hint = p.Hint
	e = e.At(p.Where)
	if p.Quarantine != "" {
		return &QuarantinedError{Digest: p.Quarantine, Err: e}
	}
	return e
}

// QuarantinedError says why a server did not take a document in, whose bytes it keeps
// in its quarantine under Digest.
type QuarantinedError struct {
	Digest string
	Err    error
}

func (e *QuarantinedError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong with the document.
func (e *QuarantinedError) Unwrap() error { return e.Err }
