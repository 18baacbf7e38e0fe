package registry

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Options of New. All fields may be zero.
type Options struct {
	Credentials Credentials // nil: we are nobody
	// PlainHTTP reports whether a registry or mirror (host, and port where one is named)
	// is spoken to without TLS. Those on a loopback address always are.
	PlainHTTP func(host string) bool
	// Mirrors names, by registry, addresses "host[:port][/path]" that have copies of what
	// it holds. Content that is asked for by digest comes from them first; what only the
	// registry can say comes from them where it is away, and then nothing is definitive.
	Mirrors map[string][]string
	// Transport sends requests; nil is the program's own, with the proxies of the
	// environment. It may not follow redirects.
	Transport http.RoundTripper
	Agent     string // User-Agent; "cofferdam" by default
	Limits    Limits // the zero value has the defaults
}

// Client reads registries. Its methods may be called from many goroutines at once.
type Client struct {
	credentials Credentials
	transport   http.RoundTripper
	own         *http.Transport // where it is ours to close
	plain       func(string) bool
	mirrors     map[string][]target
	agent       string
	limits      Limits
	slots       chan struct{}
	manifests   cache
	fetching    flights[cacheKey, *object]
	tokens      flights[string, accessToken]

	mu      sync.Mutex
	servers map[string]*server
}

// New returns a client. Close ends its idle connections.
func New(o Options) (*Client, error) {
	o.Limits.fill()
	c := &Client{credentials: o.Credentials, transport: o.Transport, plain: o.PlainHTTP, agent: o.Agent, limits: o.Limits,
		slots: make(chan struct{}, o.Limits.Concurrency), servers: map[string]*server{}, mirrors: map[string][]target{}}
	c.manifests.most = o.Limits.Cache
	if c.agent == "" {
		c.agent = "cofferdam"
	}
	if c.plain == nil {
		c.plain = func(string) bool { return false }
	}
	if c.transport == nil {
		c.own = http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one, says net/http
		// Digests are of bytes as they are sent, and a compressed answer may be any size.
		c.own.DisableCompression = true
		c.own.MaxIdleConnsPerHost = o.Limits.Concurrency
		c.transport = c.own
	}
	for registry, list := range o.Mirrors {
		for _, m := range list {
			host, path, _ := strings.Cut(strings.TrimRight(m, "/"), "/")
			u, err := url.Parse("//" + host)
			if err != nil || u.Host != host || host == "" || u.User != nil || strings.Contains(m, "://") {
				return nil, ident.Errorf(ident.KindUsage, "the mirror %.100q of %s is not HOST[:PORT][/PATH]", m, registry)
			}
			t := target{registry: host, host: host, mirror: true, plain: c.plain(host) || loopback(host)}
			if path != "" {
				t.prefix = path + "/"
			}
			c.mirrors[registry] = append(c.mirrors[registry], t)
		}
	}
	return c, nil
}

// Close ends idle connections.
func (c *Client) Close() {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
}

func (c *Client) server(t target) *server {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.servers[t.host]
	if s == nil {
		s = &server{basic: map[string]string{}, tokens: map[string]accessToken{}}
		c.servers[t.host] = s
	}
	return s
}

// registry is where a reference's registry itself is reached.
func (c *Client) registry(name string) target {
	host := name
	if name == "docker.io" {
		host = "registry-1.docker.io"
	}
	return target{registry: name, host: host, plain: c.plain(host) || loopback(host)}
}

// mutable are the targets for what may change: the registry, and its mirrors in case
// it is away.
func (c *Client) mutable(name string) []target {
	return append([]target{c.registry(name)}, c.mirrors[name]...)
}

// immutable are the targets for what a digest names: mirrors spare the registry.
func (c *Client) immutable(name string) []target {
	return append(slices.Clone(c.mirrors[name]), c.registry(name))
}

// first asks targets in order until one answers. Where none does, the registry's own
// fault is told; what only mirrors lack is no answer. Where the registry says that what
// is asked for is not there, mirrors are not asked for what may change: it knows.
func first[T any](ctx context.Context, targets []target, mutable bool, ask func(target) (T, error)) (T, error) {
	var none T
	var fault error
	for _, t := range targets {
		v, err := ask(t)
		if err == nil {
			return v, nil
		}
		var f *Fault
		if !errors.As(err, &f) || over(ctx) != nil {
			return none, err
		}
		if fault == nil || !t.mirror {
			fault = err
		}
		if mutable && f.definitive() {
			break
		}
	}
	return none, fault
}

// object is a manifest or an index as a registry served it, checked.
type object struct {
	digest ident.Digest
	bytes  int64
	*manifest
	mirror bool // it came from a mirror
}

// cost is about what an object takes in memory.
func (o *object) cost() int64 { return 2*o.bytes + 1024 }

// accepted lists the media types of what a manifest may be.
var accepted = strings.Join([]string{
	"application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json",
	"application/vnd.oci.artifact.manifest.v1+json",
}, ", ")

// byDigest reads the manifest that a digest names. fresh asks the registry itself, and
// nobody else unless it is away.
func (c *Client) byDigest(ctx context.Context, repo ident.ImageRef, d ident.Digest, fresh bool) (*object, error) {
	key := cacheKey{repo.Name(), d}
	if o := c.manifests.get(key); o != nil && (!fresh || !o.mirror) {
		return o, nil
	}
	if fresh {
		return first(ctx, c.mutable(repo.Registry), true, func(t target) (*object, error) { return c.object(ctx, t, repo, d.String(), d) })
	}
	return c.fetching.do(ctx, key, func(ctx context.Context) (*object, error) {
		o, err := first(ctx, c.immutable(repo.Registry), false, func(t target) (*object, error) { return c.object(ctx, t, repo, d.String(), d) })
		if err == nil {
			c.manifests.put(key, o)
		}
		return o, err
	})
}

// byTag reads the manifest that a tag means now.
func (c *Client) byTag(ctx context.Context, repo ident.ImageRef, tag string) (*object, error) {
	o, err := first(ctx, c.mutable(repo.Registry), true, func(t target) (*object, error) { return c.object(ctx, t, repo, tag, ident.Digest{}) })
	if err == nil {
		c.manifests.put(cacheKey{repo.Name(), o.digest}, o)
	}
	return o, err
}

// object reads one manifest from one target. want is its digest, or zero.
func (c *Client) object(ctx context.Context, t target, repo ident.ImageRef, reference string, want ident.Digest) (*object, error) {
	q := question{to: t, method: http.MethodGet, repository: repo.Repository, path: "manifests/" + reference, accept: accepted, most: c.limits.Manifest,
		what: "manifest " + shown(repo, reference)}
	a, err := c.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	o := &object{digest: want, bytes: int64(len(a.body)), mirror: t.mirror}
	if want.IsZero() {
		o.digest = ident.SHA256(a.body)
		if h := a.header.Get("Docker-Content-Digest"); h != "" {
			said, err := ident.ParseDigest(h)
			if err != nil {
				return nil, q.fault(Wrong, err)
			}
			o.digest = said // of another algorithm, perhaps: it is checked below
		}
	}
	if !verified(o.digest, a.body) {
		return nil, q.fault(Wrong, errors.New("what it sent is not what the digest names"))
	}
	m, err := parseManifest(a.body, &c.limits)
	if err != nil {
		return nil, q.fault(Wrong, err)
	}
	o.manifest = m
	return o, nil
}

// verified reports whether b is what a digest names.
func verified(d ident.Digest, b []byte) bool {
	switch d.Algorithm() {
	case "sha256":
		return ident.SHA256(b) == d
	case "sha384":
		s := sha512.Sum384(b)
		return hex.EncodeToString(s[:]) == d.Hex()
	case "sha512":
		s := sha512.Sum512(b)
		return hex.EncodeToString(s[:]) == d.Hex()
	}
	return false
}

// blob reads what a layer's digest names.
func (c *Client) blob(ctx context.Context, repo ident.ImageRef, l Layer) ([]byte, error) {
	return first(ctx, c.immutable(repo.Registry), false, func(t target) ([]byte, error) {
		q := question{to: t, method: http.MethodGet, repository: repo.Repository, path: "blobs/" + l.Digest.String(), most: c.limits.Document,
			what: "document " + shown(repo, l.Digest.String())}
		if l.Size > q.most {
			return nil, q.fault(TooLarge, errors.New("it is announced as larger than what is taken"))
		}
		if l.Size > 0 {
			q.most = l.Size // more cannot have the digest either
		}
		a, err := c.ask(ctx, q)
		if err != nil {
			return nil, err
		}
		if !verified(l.Digest, a.body) {
			return nil, q.fault(Wrong, errors.New("what it sent is not what the digest names"))
		}
		return a.body, nil
	})
}

// Digest says what a tag means now, at the registry itself. It reads no content where
// the registry answers a HEAD request with the digest.
func (c *Client) Digest(ctx context.Context, ref ident.ImageRef) (ident.Digest, error) {
	if !ref.Digest.IsZero() {
		return ref.Digest, nil
	}
	d, err := first(ctx, c.mutable(ref.Registry), true, func(t target) (ident.Digest, error) {
		a, err := c.ask(ctx, question{to: t, method: http.MethodHead, repository: ref.Repository, path: "manifests/" + tagOf(ref), accept: accepted, what: "manifest " + shown(ref, tagOf(ref))})
		if err != nil {
			return ident.Digest{}, err
		}
		d, err := ident.ParseDigest(a.header.Get("Docker-Content-Digest"))
		if err != nil {
			return ident.Digest{}, nil //nolint:nilerr // it does not say: read it
		}
		return d, nil
	})
	if err == nil && d.IsZero() {
		var o *object
		if o, err = c.byTag(ctx, ref, tagOf(ref)); err == nil {
			d = o.digest
		}
	}
	return d, explained(err)
}

// Tags lists a repository's tags, at most Limits.Tags of them; complete is false where
// there are more.
func (c *Client) Tags(ctx context.Context, repo ident.ImageRef) (tags []string, complete bool, err error) {
	complete = true
	tags, err = first(ctx, c.mutable(repo.Registry), true, func(t target) ([]string, error) {
		var tags []string
		q := question{to: t, method: http.MethodGet, repository: repo.Repository, path: "tags/list", most: c.limits.Manifest, what: "list of tags of " + repo.Name()}
		err := c.pages(ctx, q, func(a *answer) error {
			page, err := parseTags(a.body)
			if err != nil {
				return q.fault(Wrong, err)
			}
			tags = append(tags, page...)
			if len(tags) > c.limits.Tags {
				tags, complete = tags[:c.limits.Tags], false
				return errEnough
			}
			return nil
		})
		return tags, err
	})
	slices.Sort(tags)
	return slices.Compact(tags), complete, explained(err)
}

// errEnough ends the reading of a list.
var errEnough = errors.New("enough")

// pages reads a list page by page. A list that names a page twice, or more pages than
// any has, does not end.
func (c *Client) pages(ctx context.Context, q question, each func(*answer) error) error {
	seen := map[string]bool{}
	for n := 1; ; n++ {
		at := q.url().String()
		if seen[at] || n > c.limits.Pages {
			return q.fault(Wrong, errors.New("its list does not end"))
		}
		seen[at] = true
		a, err := c.ask(ctx, q)
		if err != nil {
			var f *Fault
			if n > 1 && errors.As(err, &f) && (f.Reason == Absent || f.Reason == Refused) {
				// The list is there, or its first page would not have been.
				f.Reason, f.Err = Wrong, errors.New("a page of its list is missing")
			}
			return err
		}
		if err := each(a); err != nil {
			if errors.Is(err, errEnough) {
				return nil
			}
			return err
		}
		next := nextLink(a.header.Values("Link"))
		if next == "" {
			return nil
		}
		u, err := a.url.Parse(next)
		if err != nil || u.Host != q.to.host || u.Scheme != q.to.scheme() || u.User != nil || !strings.HasPrefix(u.Path, "/v2/") {
			return q.fault(Wrong, errors.New("the next page of its list is somewhere else"))
		}
		q.page = u
	}
}

// tagOf is the tag that a reference means.
func tagOf(r ident.ImageRef) string {
	if r.Tag == "" {
		return "latest"
	}
	return r.Tag
}

func shown(repo ident.ImageRef, reference string) string {
	if strings.Contains(reference, ":") {
		return repo.Repository + "@" + reference
	}
	return repo.Repository + ":" + reference
}

// Until returns when a registry that asked to be left alone may be asked again; zero
// where it did not.
func (c *Client) Until(registry string) time.Time {
	s := c.server(c.registry(registry))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until.Before(time.Now()) {
		return time.Time{}
	}
	return s.until
}
