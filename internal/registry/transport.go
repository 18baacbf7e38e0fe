package registry

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/retry"
)

// target is a server that requests go to: a registry, or a mirror of one.
type target struct {
	registry string // as references name it: credentials are for this
	host     string // address, with a port where one is named
	prefix   string // put before repositories; ends with a slash unless empty
	plain    bool   // without TLS
	mirror   bool
}

func (t target) scheme() string {
	if t.plain {
		return "http"
	}
	return "https"
}

// question is one request, repeated while that may help.
type question struct {
	to         target
	method     string
	repository string   // below the target's prefix
	path       string   // below the repository
	page       *url.URL // instead of both: the next page of a list
	accept     string
	most       int64  // bytes of the answer
	what       string // in words

	// Of what is written: its bytes and their type, and the statuses of success. A
	// question without them reads.
	body        []byte
	contentType string
	written     []int
}

// writes reports whether a question changes something.
func (q *question) writes() bool { return len(q.written) > 0 }

// answered reports whether a status is an answer and no fault.
func (q *question) answered(status int) bool {
	if q.writes() {
		return slices.Contains(q.written, status)
	}
	return status == http.StatusOK
}

func (q *question) url() *url.URL {
	if q.page != nil {
		return q.page
	}
	return &url.URL{Scheme: q.to.scheme(), Host: q.to.host, Path: "/v2/" + q.to.prefix + q.repository + "/" + q.path}
}

func (q *question) fault(r Reason, err error) *Fault {
	return &Fault{Reason: r, Host: q.to.host, What: q.what, Mirror: q.to.mirror, Err: err}
}

// answer is a response with a status of success.
type answer struct {
	url    *url.URL // that was asked, before redirects
	header http.Header
	body   []byte
}

// server is what is remembered of one server.
type server struct {
	mu     sync.Mutex
	until  time.Time         // it wants to be left alone until then
	basic  map[string]string // header by repository, where it asked for that
	tokens map[string]accessToken
}

// ask sends a request until it is answered, refused, or patience ends. Errors are
// *Fault, or the context's.
func (c *Client) ask(ctx context.Context, q question) (*answer, error) {
	deadline := time.Now().Add(c.limits.Patience)
	for try := 1; ; try++ {
		a, err := c.once(ctx, &q)
		var f *Fault
		if err == nil || !errors.As(err, &f) {
			return a, err
		}
		wait := min(200*time.Millisecond<<min(try, 10), 10*time.Second)
		wait = wait/2 + rand.N(wait/2) // #nosec G404 -- so that not all come again at once
		wait = max(wait, f.After)
		if !f.passes() || try >= c.limits.Attempts || time.Now().Add(wait).After(deadline) {
			return nil, f
		}
		if err := retry.Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// passes reports whether a fault may be gone a moment later.
func (f *Fault) passes() bool {
	return f.Reason == Limited || f.Reason == Away && f.Status != http.StatusNotImplemented && f.Status != http.StatusHTTPVersionNotSupported
}

// errStalled ends a request in which nothing comes any more.
var errStalled = errors.New("it stopped answering")

// errSlow ends a request that takes too long in all.
var errSlow = errors.New("it took too long to answer")

// once sends a request, with what is known of who we are, and once more if that is
// asked for.
func (c *Client) once(ctx context.Context, q *question) (*answer, error) {
	s := c.server(q.to)
	s.mu.Lock()
	wait := time.Until(s.until)
	s.mu.Unlock()
	if wait > 0 {
		f := q.fault(Limited, nil)
		f.After = wait
		return nil, f
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(c.limits.Stall, func() { cancel(errStalled) })
	defer stall.Stop()
	slow := time.AfterFunc(c.limits.Request, func() { cancel(errSlow) })
	defer slow.Stop()

	auth := s.header(q)
	for again := false; ; again = true {
		res, err := c.follow(inner, q, auth)
		if err != nil {
			return nil, outcome(ctx, inner, q, err)
		}
		stall.Reset(c.limits.Stall)
		if res.StatusCode == http.StatusUnauthorized && !again {
			headers := res.Header.Values("WWW-Authenticate")
			discard(res)
			if auth, err = c.authorize(inner, s, q, headers); err != nil {
				return nil, outcome(ctx, inner, q, err)
			}
			stall.Reset(c.limits.Stall)
			continue
		}
		a, err := q.read(res, func() { stall.Reset(c.limits.Stall) })
		if err != nil {
			err = outcome(ctx, inner, q, err)
			var f *Fault
			if errors.As(err, &f) && f.Reason == Limited && f.After > 0 {
				s.mu.Lock()
				if until := time.Now().Add(f.After); until.After(s.until) {
					s.until = until
				}
				s.mu.Unlock()
			}
		}
		return a, err
	}
}

// outcome is what an error of a request means: the caller's context comes first, then
// our own limits on time, then the network.
func outcome(ctx, inner context.Context, q *question, err error) error {
	if err := over(ctx); err != nil {
		return err
	}
	if inner.Err() != nil {
		err = context.Cause(inner)
	}
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return q.fault(Away, err)
}

// follow sends a request and follows redirects. What says who we are goes to the
// target itself and to nobody that it sends us on to.
func (c *Client) follow(ctx context.Context, q *question, auth string) (*http.Response, error) {
	u := q.url()
	for hops := 0; ; hops++ {
		req, err := http.NewRequestWithContext(ctx, q.method, u.String(), bytes.NewReader(q.body))
		if err != nil {
			return nil, q.fault(Wrong, err)
		}
		if q.accept != "" {
			req.Header.Set("Accept", q.accept)
		}
		if q.contentType != "" {
			req.Header.Set("Content-Type", q.contentType)
		}
		req.Header.Set("User-Agent", c.agent)
		if auth != "" && u.Host == q.to.host && u.Scheme == q.to.scheme() {
			req.Header.Set("Authorization", auth)
		}
		res, err := c.transport.RoundTrip(req)
		if err != nil {
			var other tls.RecordHeaderError
			if errors.As(err, &other) && string(other.RecordHeader[:]) == "HTTP/" {
				return nil, q.fault(Unencrypted, errors.New("it speaks plain HTTP, without TLS"))
			}
			return nil, err
		}
		switch res.StatusCode {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		default:
			return res, nil
		}
		if q.writes() { // what is written goes where it was addressed to
			return res, nil
		}
		to, err := u.Parse(res.Header.Get("Location"))
		discard(res)
		switch {
		case err != nil || res.Header.Get("Location") == "":
			return nil, q.fault(Wrong, errors.New("it redirects to no address"))
		case hops >= c.limits.Redirects:
			return nil, q.fault(Wrong, errors.New("it redirects on and on"))
		}
		if err := q.to.permits(to); err != nil {
			return nil, q.fault(Wrong, err)
		}
		u = to
	}
}

// permits says whether a target may send us somewhere: never from TLS to plain HTTP,
// and not to this machine or its link, where addresses mean something else to us than
// to the target (metadata services of clouds), unless the target is there itself.
func (t target) permits(u *url.URL) error {
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && t.plain:
	default:
		return errors.New("it sends us to " + u.Redacted() + ", which is not https")
	}
	if u.User != nil {
		return errors.New("it sends us to an address with a password in it")
	}
	host := u.Hostname()
	if own := (&url.URL{Host: t.host}).Hostname(); strings.EqualFold(host, own) {
		return nil
	}
	a, err := netip.ParseAddr(host)
	if near := err == nil && (a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || a.IsMulticast()); near || strings.EqualFold(host, "localhost") {
		return errors.New("it sends us to " + u.Host + ", which is near us and not near it")
	}
	return nil
}

// read takes an answer apart. Every other status than that of success is a fault.
func (q *question) read(res *http.Response, came func()) (*answer, error) {
	defer discard(res)
	if !q.answered(res.StatusCode) {
		f := q.fault(reasonOf(res.StatusCode), nil)
		f.Status = res.StatusCode
		if f.Reason == Absent && res.Request.URL.Host != q.to.host {
			// It is there, said whom we asked, and sent us on.
			f.Reason, f.Err = Wrong, errors.New("it sends us to "+res.Request.URL.Host+", which has none")
		}
		if f.Reason == Limited || f.Reason == Away {
			f.After, _ = retry.After(res.Header, time.Now())
			if f.After > 0 && f.Reason == Away {
				f.Reason = Limited
			}
		}
		return nil, f
	}
	a := &answer{url: q.url(), header: res.Header}
	if q.method == http.MethodHead || q.writes() {
		return a, nil
	}
	if res.ContentLength > q.most {
		return nil, q.fault(TooLarge, errors.New("it has "+strconv.FormatInt(res.ContentLength, 10)+" bytes, more than "+strconv.FormatInt(q.most, 10)))
	}
	var buf bytes.Buffer
	if n := res.ContentLength; n > 0 {
		buf.Grow(int(min(n, 1<<20)) + bytes.MinRead) // what is announced is not there yet
	}
	n, err := io.Copy(&buf, io.LimitReader(&heard{res.Body, came}, q.most+1))
	switch {
	case err != nil:
		return nil, err
	case n > q.most:
		return nil, q.fault(TooLarge, errors.New("it has more than "+strconv.FormatInt(q.most, 10)+" bytes"))
	}
	a.body = buf.Bytes()
	return a, nil
}

func reasonOf(status int) Reason {
	switch {
	case status == http.StatusNotFound:
		return Absent
	case status == http.StatusUnauthorized:
		return Unauthenticated
	case status == http.StatusForbidden:
		return Forbidden
	case status == http.StatusTooManyRequests:
		return Limited
	case status >= 500, status == http.StatusRequestTimeout:
		return Away
	}
	return Refused
}

// heard tells that something came.
type heard struct {
	r    io.Reader
	came func()
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if n > 0 {
		h.came()
	}
	return n, err
}

// discard reads a little of what is left, so that the connection is used again.
func discard(res *http.Response) {
	_, _ = io.CopyN(io.Discard, res.Body, 16<<10)
	_ = res.Body.Close()
}

// loopback reports whether a host is this machine by its own name or number: plain HTTP
// to it crosses no network.
func loopback(host string) bool {
	name := (&url.URL{Host: host}).Hostname()
	ip := net.ParseIP(name)
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}
