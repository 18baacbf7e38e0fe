package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/registry"
	"github.com/cofferdam-io/cofferdam/internal/retry"
	"github.com/cofferdam-io/cofferdam/internal/server"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// registryConfig is a registry whose images' SBOMs are taken in.
type registryConfig struct {
	Name         string   `json:"name"`         // in the status and metrics; the first repository or image by default
	Repositories []string `json:"repositories"` // every tag of these
	Images       []string `json:"images"`
	Credentials  string   `json:"credentials"` // file; the server's own docker login by default
	Interval     string   `json:"interval"`    // between rounds: 10m by default
	Tags         int      `json:"tags"`        // of one repository, at most: 1,000 by default
	PlainHTTP    bool     `json:"plainHTTP"`
	Mirrors      []string `json:"mirrors"` // REGISTRY=HOST[:PORT][/PATH]
	Tenant       string   `json:"tenant"`
	Service      string   `json:"service"`
	Owner        string   `json:"owner"`
}

const (
	pullInterval = 10 * time.Minute
	pullTags     = 1000
	// pullAgain is how long a registry that failed is left alone at first, and pullLatest
	// how long at most.
	pullAgain  = 30 * time.Second
	pullLatest = time.Hour
)

// puller takes in what is attached to the images of one entry of the configuration.
type puller struct {
	cfg      registryConfig
	interval time.Duration
	repos    []ident.ImageRef
	images   []ident.ImageRef
	client   *registry.Client
	catalog  *catalog.Catalog
	log      *slog.Logger
	metrics  *pullMetrics

	mu     sync.Mutex
	status server.Registry

	// done are the blobs that need not be fetched again: those that were, and those that
	// the store has, by what they are attached to, and whether they are SBOMs. What is
	// not there any more is dropped at the end of a round that saw everything. One
	// goroutine uses it.
	done map[pulled]bool
	// based are the images of which the catalogue knows what they say of their base.
	based map[ident.Digest]bool
}

type pulled struct {
	image string
	blob  ident.Digest
}

// fileCredentials are read anew each time that they are asked for: a secret that is
// mounted changes while the server runs.
type fileCredentials string

func (f fileCredentials) For(ctx context.Context, host, repository string) (registry.Credential, error) {
	c, err := registry.ReadConfig(string(f))
	if err != nil {
		return registry.Credential{}, err
	}
	return c.For(ctx, host, repository)
}

// userCredentials are those of whoever runs the server, read in the same way.
type userCredentials struct{}

func (userCredentials) For(ctx context.Context, host, repository string) (registry.Credential, error) {
	c, err := registry.UserConfig(os.Getenv)
	if err != nil {
		return registry.Credential{}, err
	}
	return c.For(ctx, host, repository)
}

// pullers are the entries of a configuration, checked.
func (c *serveConfig) pullers() ([]*puller, error) {
	var out []*puller
	names := map[string]bool{}
	for i := range c.Registries {
		p := &puller{cfg: c.Registries[i], interval: pullInterval, done: map[pulled]bool{}, based: map[ident.Digest]bool{}}
		bad := func(format string, args ...any) error {
			return ident.Errorf(ident.KindUsage, "registries: entry %d: %w", i+1, ident.Errorf(ident.KindUsage, format, args...)).WithHint("docs/server.md lists its fields")
		}
		for _, list := range []struct {
			from []string
			to   *[]ident.ImageRef
		}{{p.cfg.Repositories, &p.repos}, {p.cfg.Images, &p.images}} {
			for _, text := range list.from {
				ref, err := ident.ParseImageRef(text)
				if err != nil {
					return nil, bad("%w", err)
				}
				if list.to == &p.repos && (ref.Tag != "" || !ref.Digest.IsZero()) {
					return nil, bad("the repository %s has a tag or a digest: list it under images", text)
				}
				*list.to = append(*list.to, ref)
			}
		}
		all := slices.Concat(p.cfg.Repositories, p.cfg.Images)
		if len(all) == 0 {
			return nil, bad("it names neither repositories nor images")
		}
		p.cfg.Name, p.cfg.Tags = cmp.Or(p.cfg.Name, all[0]), cmp.Or(p.cfg.Tags, pullTags)
		if names[p.cfg.Name] {
			return nil, bad("%q is the name of another entry, too", p.cfg.Name)
		}
		names[p.cfg.Name] = true
		if p.cfg.Interval != "" {
			var err error
			if p.interval, err = time.ParseDuration(p.cfg.Interval); err != nil || p.interval <= 0 {
				return nil, bad("the interval %q is no time, such as 10m", p.cfg.Interval)
			}
		}
		in := RegistryInputs{PlainHTTP: p.cfg.PlainHTTP, Mirrors: p.cfg.Mirrors}
		o, err := in.options()
		if err != nil {
			return nil, bad("%w", err)
		}
		o.Credentials = userCredentials{}
		if p.cfg.Credentials != "" {
			o.Credentials = fileCredentials(p.cfg.Credentials)
		}
		o.Limits = registry.Limits{Document: c.Limits.DocumentBytes}
		if p.client, err = registry.New(o); err != nil {
			return nil, bad("%w", err)
		}
		p.status = server.Registry{Name: p.cfg.Name, Tenant: p.cfg.Tenant, State: "waiting"}
		out = append(out, p)
	}
	return out, nil
}

// pullMetrics count what comes from registries.
type pullMetrics struct {
	rounds, documents *prometheus.CounterVec
	completed         *prometheus.GaugeVec
}

func newPullMetrics(r prometheus.Registerer) *pullMetrics {
	m := &pullMetrics{
		rounds:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cofferdam_registry_rounds_total", Help: "Rounds over a registry's images, by whether they saw everything."}, []string{"registry", "complete"}),
		documents: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cofferdam_registry_documents_total", Help: "Documents fetched from registries, by what became of them."}, []string{"registry", "outcome"}),
		completed: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "cofferdam_registry_completed_timestamp_seconds", Help: "When a round last saw everything."}, []string{"registry"}),
	}
	r.MustRegister(m.rounds, m.documents, m.completed)
	return m
}

// state is how the puller is, for the API.
func (p *puller) state() server.Registry {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// states are those of all pullers.
func states(ps []*puller) func() []server.Registry {
	return func() []server.Registry {
		out := make([]server.Registry, len(ps))
		for i, p := range ps {
			out[i] = p.state()
		}
		return out
	}
}

func (p *puller) change(f func(*server.Registry)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.status)
}

// run goes round until its context ends.
func (p *puller) run(ctx context.Context, c *catalog.Catalog, log *slog.Logger, m *pullMetrics) {
	defer p.client.Close()
	p.catalog, p.log, p.metrics = c, log.With("registry", p.cfg.Name), m
	for failures := 0; ; {
		p.change(func(s *server.Registry) { s.State, s.Begun, s.Next = "reading", time.Now(), time.Time{} })
		err := p.round(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := p.interval
		if err != nil {
			failures++
			wait = min(min(pullAgain, p.interval)<<min(failures-1, 10), pullLatest)
			p.log.WarnContext(ctx, "a round over a registry was not complete", "error", err, "failures", failures)
			m.rounds.WithLabelValues(p.cfg.Name, "false").Inc()
		} else {
			failures = 0
			m.rounds.WithLabelValues(p.cfg.Name, "true").Inc()
			m.completed.WithLabelValues(p.cfg.Name).SetToCurrentTime()
		}
		wait += rand.N(wait/10 + 1) // #nosec G404 -- so that servers do not come all at once
		for _, r := range slices.Concat(p.repos, p.images) {
			wait = max(wait, time.Until(p.client.Until(r.Registry)))
		}
		p.change(func(s *server.Registry) {
			s.State, s.Next, s.Failures, s.Problem, s.Hint = "waiting", time.Now().Add(wait), failures, "", ""
			if err == nil {
				s.Completed = time.Now()
				return
			}
			problem := problemOf(p.cfg.Name, err)
			s.State, s.Problem, s.Hint = "failing", problem.Message, problem.Hint
		})
		if retry.Sleep(ctx, wait) != nil {
			return
		}
	}
}

// tellBase hands what an image says it was built on to the catalogue, once. What cannot
// be read now is asked for again in the next round: findings are of unknown origin until
// then.
func (p *puller) tellBase(ctx context.Context, t target) {
	if p.based[t.ref.Digest] {
		return
	}
	of, layers, problem, err := builtOn(ctx, p.client, t.ref)
	if err == nil && !of.Base.Digest.IsZero() {
		for _, d := range of.Manifests {
			if _, err = p.catalog.SayBuilt(ctx, p.actor(), p.cfg.Tenant, catalog.Built{Image: d, Base: of.Base.String(), Layers: layers}); err != nil {
				break
			}
		}
	}
	if err == nil {
		err = problem
	}
	if err != nil {
		p.log.WarnContext(ctx, "what an image was built on is not known", "image", t.ref.String(), "error", err)
		return
	}
	p.based[t.ref.Digest] = true
}

// target is one image, with the tags that mean it.
type target struct {
	ref  ident.ImageRef // with its digest, and one of the tags
	tags []string
}

// round looks at every image once. The error is the first thing that it did not see.
func (p *puller) round(ctx context.Context) error {
	left, err := p.catalog.Left(ctx, p.cfg.Tenant)
	if err != nil {
		return err
	}
	for _, o := range left {
		p.done[pulled{o.Image, o.Blob}] = true
	}
	var first error
	missed := func(err error) {
		if first == nil {
			first = err
		}
	}
	targets := p.targets(ctx, missed)
	met := map[pulled]bool{}
	images, without := 0, 0
	var there []ident.Digest
	for _, t := range targets {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		found, err := p.image(ctx, t, met)
		if err == nil {
			err = found.None()
		}
		there = append(there, t.ref.Digest)
		if found != nil && found.Image != nil {
			for _, v := range found.Image.Variants {
				there = append(there, v.Manifest)
			}
		}
		if err == nil {
			p.tellBase(ctx, t)
		}
		images++
		p.change(func(s *server.Registry) { s.Images = images })
		switch {
		case ident.KindOf(err) == ident.KindNotFound && err != nil:
			without++ // or it went away since its tag was read
		case err != nil:
			missed(err)
			if hopeless(err) {
				return first
			}
		case len(found.Unchecked) > 0:
			missed(found.Unchecked[0])
		}
	}
	p.change(func(s *server.Registry) { s.WithoutSBOM = without })
	if first != nil {
		return first
	}
	p.done = met // what is not there any more is forgotten
	// What can be pulled can be deployed: its documents stay (docs/server.md, "How long
	// documents are kept"). A round that did not see everything says nothing of it.
	_, err = p.catalog.Deployable(ctx, p.actor(), "registry "+p.cfg.Name, there)
	return err
}

// actor is who takes in what a registry holds.
func (p *puller) actor() authz.Actor {
	return authz.Actor{Subject: "registry:" + p.cfg.Name, Roles: []authz.Role{authz.Publisher}, Tenant: p.cfg.Tenant}
}

// hopeless reports whether the next image will fare no better: the registry is away, or
// wants to be left alone, or the catalogue does not take documents now.
func hopeless(err error) bool {
	var f *registry.Fault
	if !errors.As(err, &f) {
		return ident.KindOf(err) != ident.KindUnsupported && ident.KindOf(err) != ident.KindLimit && ident.KindOf(err) != ident.KindInvalid
	}
	return f.Reason == registry.Limited || f.Reason == registry.Away
}

// targets lists the images of a round, each digest of a repository once.
func (p *puller) targets(ctx context.Context, missed func(error)) []target {
	refs := slices.Clone(p.images)
	for _, repo := range p.repos {
		tags, complete, err := p.client.Tags(ctx, repo)
		if err != nil {
			missed(err)
			continue
		}
		tags = slices.DeleteFunc(tags, registry.IsAttachmentTag)
		if !complete || len(tags) > p.cfg.Tags {
			missed(ident.Errorf(ident.KindLimit, "%s has more than %d tags; the last of them by name are looked at", repo.Name(), p.cfg.Tags).
				WithHint("tags: N in the entry of the configuration"))
			tags = tags[max(0, len(tags)-p.cfg.Tags):]
		}
		for _, t := range tags {
			r := repo
			r.Tag = t
			refs = append(refs, r)
		}
	}
	digests := make([]ident.Digest, len(refs))
	faults := make([]error, len(refs))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(pullWorkers, len(refs)) {
		wg.Go(func() {
			for i := range next {
				digests[i], faults[i] = p.client.Digest(ctx, refs[i])
			}
		})
	}
	for i := range refs {
		next <- i
	}
	close(next)
	wg.Wait()
	var out []target
	at := map[ident.ImageRef]int{}
	for i, r := range refs {
		switch {
		case faults[i] == nil:
		case ident.KindOf(faults[i]) == ident.KindNotFound && len(p.cfg.Images) <= i:
			continue // a tag that went away since it was listed
		default:
			missed(faults[i])
			continue
		}
		key := r
		key.Tag, key.Digest = "", digests[i]
		n, known := at[key]
		if !known {
			n = len(out)
			at[key] = n
			r.Digest = digests[i]
			out = append(out, target{ref: r})
		}
		if r.Tag != "" {
			out[n].tags = append(out[n].tags, r.Tag)
		}
	}
	return out
}

// pullWorkers is how many tags are asked for at once; the client bounds its requests.
const pullWorkers = 8

// image takes in what is attached to one image and is not known. met gets what is there.
func (p *puller) image(ctx context.Context, t target, met map[pulled]bool) (*registry.Found, error) {
	var failed error
	remember := func(o registry.Origin, isSBOM bool) {
		k := pulled{o.Image.String(), o.Blob}
		p.done[k], met[k] = isSBOM, isSBOM
	}
	known := func(o registry.Origin) (known, isSBOM bool) {
		k := pulled{o.Image.String(), o.Blob}
		isSBOM, known = p.done[k]
		if !known && failed == nil {
			known, failed = p.catalog.Taken(ctx, p.cfg.Tenant, store.Origin{Image: k.image, Blob: k.blob})
			isSBOM = known
		}
		if known {
			remember(o, isSBOM)
		}
		return known, isSBOM
	}
	search := registry.Search{Known: known, Aside: func(o registry.Origin) { remember(o, false) }}
	found, err := p.client.SBOMs(ctx, t.ref, search, func(d *registry.Document) error {
		if failed != nil {
			return failed
		}
		if err := p.take(ctx, t, d); err != nil {
			return err
		}
		remember(d.Origin, true)
		return nil
	})
	return found, errors.Join(err, failed)
}

// take hands one document to the catalogue, and comes again while that is busy.
func (p *puller) take(ctx context.Context, t target, d *registry.Document) error {
	u := catalog.Upload{Tenant: p.cfg.Tenant, Media: d.MediaType, Service: p.cfg.Service, Owner: p.cfg.Owner, Attached: catalog.Attached{Identity: d.Identity, Fault: d.Fault,
		Origin: store.Origin{Image: d.Origin.Image.String(), How: string(d.Origin.How), Manifest: d.Origin.Manifest, Blob: d.Origin.Blob, Predicate: d.Origin.Predicate}}}
	for _, r := range d.References {
		u.References = append(u.References, r.String())
	}
	for _, tag := range t.tags {
		r := ident.ImageRef{Registry: t.ref.Registry, Repository: t.ref.Repository, Tag: tag}
		if s := r.String(); !slices.Contains(u.References, s) && len(u.References) < mostTagsNamed {
			u.References = append(u.References, s)
		}
	}
	by := p.actor()
	for {
		u.Body, u.Size = bytes.NewReader(d.Bytes), int64(len(d.Bytes))
		r, err := p.catalog.Take(ctx, by, u)
		var busy *catalog.BusyError
		var rejected *catalog.RejectedError
		outcome := "taken"
		switch {
		case errors.As(err, &busy):
			if err := retry.Sleep(ctx, busy.After); err != nil {
				return err
			}
			continue
		case errors.As(err, &rejected):
			outcome = "quarantined"
			p.change(func(s *server.Registry) { s.Quarantined++ })
			p.log.WarnContext(ctx, "a document was put into quarantine", "image", u.Origin.Image, "digest", rejected.Digest.String(), "error", err)
		case err != nil:
			return err
		case r.Duplicate:
			outcome = "known"
		default:
			p.change(func(s *server.Registry) { s.Taken++ })
			p.log.InfoContext(ctx, "a document was taken in", "image", u.Origin.Image, "digest", r.Digest.String(), "sequence", r.Sequence)
		}
		p.metrics.documents.WithLabelValues(p.cfg.Name, outcome).Inc()
		return nil
	}
}

// mostTagsNamed bounds the tags that a document is found by.
const mostTagsNamed = 100
