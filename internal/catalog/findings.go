package catalog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Finding is a vulnerability in a component of a running container, for a time.
type Finding struct {
	Cluster   string
	Container string // namespace/kind/name/container
	ID        string // of the alias group, as vuln.Finding has it
	Said      FindingSaid
	From      time.Time // known since
	Until     time.Time // zero while it is so

	scope, key string
}

// FindingSaid is what is known of a finding. Another text of it ends the finding's
// interval and begins the next.
type FindingSaid struct {
	Image     ident.Digest          `json:"image"`
	Zone      string                `json:"zone,omitempty"`
	Service   string                `json:"service,omitempty"`
	Owner     string                `json:"owner,omitempty"`
	PURL      string                `json:"purl"`
	Component vuln.FindingComponent `json:"component"`
	Aliases   []string              `json:"aliases,omitempty"`
	Severity  ident.Severity        `json:"severity"`
	KEV       bool                  `json:"kev,omitempty"`
	Fixed     []string              `json:"fixed,omitempty"`
	Fix       string                `json:"fix,omitempty"`
	// Status is affected, or what statements (VEX) of trusted authors say, and VEXSource
	// which one. What they clear stays, and says so.
	Status    vuln.Status `json:"status"`
	VEXSource string      `json:"vexSource,omitempty"`
	// Doubtful is true where it is not known which of an index's images runs.
	Doubtful bool `json:"doubtful,omitempty"`
	// Unheard is true where no loaded advisory has the identifier any more: that a feed
	// fell silent mends nothing, so the finding stays.
	Unheard bool `json:"unheard,omitempty"`
	// Tenants are whose documents show it.
	Tenants []string `json:"tenants"`
}

// findingScope is the scope of a container's findings: the cluster's name, escaped
// so that it ends at the first slash, and the container.
func findingScope(cluster, container string) string { return url.PathEscape(cluster) + "/" + container }

// mostKey is the length up to which a key is readable.
const mostKey = 400

// findingKey is unique within a container. During a roll-out it runs two images.
func findingKey(id, purl string, image ident.Digest) string {
	k := id + " " + purl + " " + image.String()
	if len(k) <= mostKey {
		return k
	}
	sum := sha256.Sum256([]byte(k))
	return strings.ToValidUTF8(k[:mostKey], "") + " " + hex.EncodeToString(sum[:])
}

// foundRunning is what the last look at everything that runs found. It is immutable.
type foundRunning struct {
	seq      uint64    // the view
	loaded   time.Time // the advisories
	uploads  *uploads  // the statements that were handed over; nil: not known
	findings []Finding // by cluster, container and key
}

// findingsTable holds the newest, and who waits for another.
type findingsTable struct {
	look sync.Mutex // one look at a time
	last atomic.Pointer[foundRunning]
	took atomic.Int64  // nanoseconds, of the last look
	wake chan struct{} // of capacity 1
}

// findingsEvery is how long findings rest at least between two looks.
const findingsEvery = 5 * time.Second

// findingsLook keeps the states of findings true: at once where advisories were loaded,
// soon where something came in or runs.
func (c *Catalog) findingsLook() looking {
	return looking{every: findingsEvery, wake: c.findings.wake, look: c.AuditFindings, failed: "what runs was not compared with the advisories"}
}

// wakeFindings makes the next look happen at once.
func (c *Catalog) wakeFindings() {
	select {
	case c.findings.wake <- struct{}{}:
	default:
	}
}

// AuditFindings compares everything that runs with the advisories, where either
// changed since it did so last, and writes down what began and what ended: a change is an
// event. It reports whether it did anything.
func (c *Catalog) AuditFindings(ctx context.Context) (bool, error) {
	if c.advisories.set.Load() == nil {
		return false, nil // nothing is known, which ends nothing
	}
	c.findings.look.Lock()
	defer c.findings.look.Unlock()
	v := c.follow.now()
	m, err := c.matched(ctx, v)
	if err != nil {
		return false, err
	}
	was := c.findings.last.Load()
	if was.covers(v, m) {
		return false, nil
	}
	begun := time.Now()
	defer func() { c.findings.took.Store(int64(time.Since(begun))) }()
	if was == nil {
		if was, err = c.writtenFindings(ctx); err != nil {
			return false, err
		}
	}
	var only map[string]bool
	if was.uploads != nil && was.loaded.Equal(m.Loaded) && v.material <= was.seq {
		only = m.uploads.changed(was.uploads) // nothing else did
	}
	now, err := c.findIn(ctx, v, m, only)
	if err != nil {
		return false, err
	}
	if only == nil {
		now.keepUnheard(was, v, m)
	} else {
		now.keepOthers(was, only)
	}
	if err := c.writeFindings(ctx, was, now); err != nil {
		return true, err
	}
	c.metrics.found(now)
	c.findings.last.Store(now)
	return true, nil
}

// covers reports whether a look is as good as another one now.
func (f *foundRunning) covers(v *view, m *matched) bool {
	return f != nil && m != nil && f.loaded.Equal(m.Loaded) && v.material <= f.seq && f.uploads != nil && v.vex.seq <= f.uploads.seq
}

// concerned reports whether a vulnerability has one of some identifiers, in upper case;
// nil are all there are.
func concerned(only map[string]bool, id string, aliases []string) bool {
	return only == nil || only[strings.ToUpper(id)] || slices.ContainsFunc(aliases, func(a string) bool { return only[strings.ToUpper(a)] })
}

// findIn compares what runs with the advisories of some identifiers, in upper case; of
// all where that is nil.
func (c *Catalog) findIn(ctx context.Context, v *view, m *matched, only map[string]bool) (*foundRunning, error) {
	out := &foundRunning{seq: v.seq, loaded: m.Loaded, uploads: m.uploads}
	type place struct{ scope, key string }
	at := map[place]int{}
	assessed := map[uint32]*assessed{}
	docs := subjects{store: c.store, docs: map[uint32][]store.Document{}}
	for g, entries := range m.index.Affecting() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !concerned(only, g.ID, g.Aliases) {
			continue
		}
		if only != nil {
			only[strings.ToUpper(g.ID)] = true // by whichever name it was meant
		}
		all, err := v.index.Find(ctx, index.Query{Entries: entries, Within: []index.Set{v.running.set}})
		if err != nil {
			return nil, err
		}
		if all.Artifacts.Len() == 0 {
			continue
		}
		for _, id := range entries {
			one, err := v.index.Find(ctx, index.Query{Entries: []uint32{id}, Within: []index.Set{all.Artifacts}})
			if err != nil {
				return nil, err
			}
			if one.Artifacts.Len() == 0 {
				continue
			}
			e, err := m.assess(v, id, assessed)
			if err != nil {
				return nil, err
			}
			which := slices.IndexFunc(e.findings, func(f vuln.Finding) bool { return f.ID == g.ID })
			if which < 0 {
				continue
			}
			plain := e.findings[which]
			talked := m.talked(&plain)
			for a := range one.Artifacts.All() {
				tenant := v.tenantOf(a)
				for _, d := range v.running.artifacts[a] {
					said := sayOf(&plain)
					if talked {
						about, err := docs.of(ctx, a)
						if err != nil {
							return nil, err
						}
						if i := slices.IndexFunc(about, func(x store.Document) bool { return one.Documents.Has(x.ID) }); i >= 0 {
							f := m.judge(plain, &about[i], &e.component, e.os, d)
							said.Status, said.VEXSource = f.Status, f.VEXSource
						}
					}
					for i := range v.running.images[d] {
						w := &v.running.images[d][i]
						p := place{findingScope(w.Cluster, w.key()), findingKey(g.ID, said.PURL, d)}
						n, ok := at[p]
						if !ok {
							n = len(out.findings)
							at[p] = n
							f := Finding{Cluster: w.Cluster, Container: w.key(), ID: g.ID, Said: said}
							f.Said.Image, f.Said.Zone, f.Said.Service, f.Said.Owner, f.Said.Doubtful = d, w.Zone, w.Service, w.Owner, v.running.indexes[d]
							f.scope, f.key = p.scope, p.key
							out.findings = append(out.findings, f)
						}
						if t := &out.findings[n].Said.Tenants; !slices.Contains(*t, tenant) {
							*t = append(*t, tenant)
							slices.Sort(*t)
						}
					}
				}
			}
		}
	}
	slices.SortFunc(out.findings, compareFindings)
	return out, nil
}

func compareFindings(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.scope, b.scope), cmp.Compare(a.key, b.key), a.From.Compare(b.From))
}

// keepUnheard keeps what was found before, of images that still run, and is of
// advisories that are no longer loaded.
func (now *foundRunning) keepUnheard(was *foundRunning, v *view, m *matched) {
	n := len(now.findings)
	for i := range was.findings {
		f := was.findings[i]
		if _, ok := m.Database.Lookup(f.ID); ok {
			continue
		}
		if slices.ContainsFunc(v.running.images[f.Said.Image], func(w Workload) bool { return w.Cluster == f.Cluster && w.key() == f.Container }) {
			f.Said.Unheard = true
			now.findings = append(now.findings, f)
		}
	}
	if len(now.findings) > n {
		slices.SortFunc(now.findings, compareFindings)
	}
}

// keepOthers keeps what was found before of other vulnerabilities than those of some
// identifiers, and of those that no advisory has any more.
func (now *foundRunning) keepOthers(was *foundRunning, only map[string]bool) {
	for i := range was.findings {
		if f := was.findings[i]; f.Said.Unheard || !concerned(only, f.ID, f.Said.Aliases) {
			now.findings = append(now.findings, f)
		}
	}
	slices.SortFunc(now.findings, compareFindings)
}

// assessed is an entry of the dictionary with what the advisories say of it.
type assessed struct {
	component sbom.Component
	os        sbom.Distro
	findings  []vuln.Finding
}

// assess compares an entry with the advisories, once.
func (m *matched) assess(v *view, id uint32, seen map[uint32]*assessed) (*assessed, error) {
	if e := seen[id]; e != nil {
		return e, nil
	}
	k, os, err := v.index.Component(id)
	if err != nil {
		return nil, err
	}
	e := &assessed{component: k, os: os, findings: m.Database.Assess(&k, os).Findings}
	for i := range e.findings {
		e.findings[i].PURL = canonical(k.PURL)
		m.Intelligence.Assess(&e.findings[i])
	}
	seen[id] = e
	return e, nil
}

func sayOf(f *vuln.Finding) FindingSaid {
	return FindingSaid{PURL: f.PURL, Component: f.Component, Aliases: f.Aliases, Severity: f.Severity, KEV: f.KEV, Fixed: f.Fixed, Fix: f.Fix, Status: f.Status}
}

// tenantOf is whose artifact one is.
func (v *view) tenantOf(artifact uint32) string {
	for t, set := range v.tenants {
		if set.Has(artifact) {
			return t
		}
	}
	return ""
}

// writtenFindings are those that hold, as they were written down.
func (c *Catalog) writtenFindings(ctx context.Context) (*foundRunning, error) {
	out := &foundRunning{}
	err := c.states(ctx, store.StateQuery{Kind: store.StateFinding}, func(s *store.State) error {
		f, err := findingOf(s)
		if err == nil {
			out.findings = append(out.findings, f)
		}
		return err
	})
	slices.SortFunc(out.findings, compareFindings)
	return out, err
}

func findingOf(s *store.State) (Finding, error) {
	cluster, container, _ := strings.Cut(s.Scope, "/")
	f := Finding{Container: container, ID: s.Subject, From: s.From, Until: s.Until}
	var err error
	if f.Cluster, err = url.PathUnescape(cluster); err == nil {
		err = json.Unmarshal(s.Body, &f.Said)
	}
	if err != nil {
		return Finding{}, ident.Errorf(ident.KindFailure, "the finding %.80q of %s cannot be read: %w", s.Key, s.Scope, err)
	}
	f.scope, f.key = s.Scope, s.Key
	return f, nil
}

// byScope splits findings that are sorted into those of one container each.
func byScope(list []Finding) map[string][]Finding {
	out := map[string][]Finding{}
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].scope == list[0].scope {
			n++
		}
		out[list[0].scope] = list[:n:n]
		list = list[n:]
	}
	return out
}

// writeFindings writes down what differs, and gives those that are there their times.
func (c *Catalog) writeFindings(ctx context.Context, was, now *foundRunning) error {
	before, after := byScope(was.findings), byScope(now.findings)
	for scope := range before {
		if _, ok := after[scope]; !ok {
			after[scope] = nil
		}
	}
	for _, scope := range slices.Sorted(maps.Keys(after)) {
		list := after[scope]
		if sameFindings(before[scope], list) {
			for i := range list {
				list[i].From = before[scope][i].From
			}
			continue
		}
		rows := make([]store.State, len(list))
		for i := range list {
			body, err := json.Marshal(&list[i].Said)
			if err != nil {
				return err
			}
			rows[i] = store.State{Key: list[i].key, Subject: list[i].ID, Body: body}
		}
		if _, err := c.store.Assert(ctx, c.mutation(self), store.StateFinding, scope, rows); err != nil && ident.KindOf(err) != ident.KindInvalid { // another server was here later
			return storeError(err)
		}
		from := map[string]time.Time{}
		err := c.states(ctx, store.StateQuery{Kind: store.StateFinding, Scope: scope}, func(s *store.State) error {
			from[s.Key] = s.From
			return nil
		})
		if err != nil {
			return err
		}
		for i := range list {
			list[i].From = from[list[i].key]
		}
	}
	return nil
}

// sameFindings reports whether two lists say the same, their times aside.
func sameFindings(a, b []Finding) bool {
	return slices.EqualFunc(a, b, func(x, y Finding) bool {
		return x.ID == y.ID && x.Said.equal(&y.Said)
	})
}

func (s *FindingSaid) equal(o *FindingSaid) bool {
	return s.Image == o.Image && s.Zone == o.Zone && s.Service == o.Service && s.Owner == o.Owner && s.PURL == o.PURL && s.Component == o.Component && s.Severity == o.Severity &&
		s.KEV == o.KEV && s.Status == o.Status && s.VEXSource == o.VEXSource && s.Fix == o.Fix && s.Doubtful == o.Doubtful && s.Unheard == o.Unheard && slices.Equal(s.Aliases, o.Aliases) && slices.Equal(s.Fixed, o.Fixed) && slices.Equal(s.Tenants, o.Tenants)
}
