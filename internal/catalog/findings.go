package catalog

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"iter"
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
	// EPSS is the highest of Options.EPSSSteps that the likelihood of exploitation reaches; 0
	// where it reaches none, or nobody scored it. Scores change every day, and nobody asks about most of that.
	EPSS  float64  `json:"epss,omitempty"`
	Fixed []string `json:"fixed,omitempty"`
	Fix   string   `json:"fix,omitempty"`
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

// findingsTable holds the newest, and who waits for another.
type findingsTable struct {
	look    sync.Mutex // one look at a time
	exposed exposed
	// versions are those of the containers' findings in the store, by scope, as far as
	// they are known. Only a look reads them.
	versions map[string]uint64
	last     atomic.Pointer[foundRunning]
	took     atomic.Int64  // nanoseconds, of the last look
	wake     chan struct{} // of capacity 1
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
	return c.lookForFindings(ctx, false)
}

// RescanFindings is AuditFindings for everything that runs and all advisories, whatever
// changed since the last time. It returns how many findings there are.
func (c *Catalog) RescanFindings(ctx context.Context) (int, error) {
	if _, err := c.lookForFindings(ctx, true); err != nil {
		return 0, err
	}
	n := 0
	if f := c.findings.last.Load(); f != nil {
		for range f.all() {
			n++
		}
	}
	return n, nil
}

func (c *Catalog) lookForFindings(ctx context.Context, everything bool) (bool, error) {
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
	if was.covers(v, m) && !everything {
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
	if was.uploads != nil && v.material <= was.seq && !everything { // nothing else changed
		if only = m.changedSince(was.loaded); only != nil {
			maps.Copy(only, m.uploads.changed(was.uploads))
		}
	}
	list, err := c.findIn(ctx, v, m, only)
	if err != nil {
		return false, err
	}
	var now *foundRunning
	if only == nil {
		now = foundOf(withUnheard(list, was, v, m))
	} else {
		now = was.with(list, only, m)
	}
	now.seq, now.loaded, now.uploads = v.seq, m.Loaded, m.uploads
	if err := c.writeFindings(ctx, was, now); err != nil {
		return true, err
	}
	if c.deadlines != nil {
		err := c.findings.exposed.follow(now.differing(was), now, c.now(), func() (map[exposureKey][]exposure, error) { return c.exposures(ctx, &FindingQuery{}, time.Time{}, nil) })
		if err != nil {
			return true, err
		}
	}
	now.base, now.moved = nil, nil // one look does not hold on to all before it
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

// groupsIn yields the groups of advisories that affect a component, with the entries that
// they affect: those of some identifiers, in upper case, or all where that is nil. What a
// group goes by is in only afterwards, by whichever name it was meant.
func (m *matched) groupsIn(only map[string]bool) iter.Seq2[*vuln.Group, []uint32] {
	if only == nil {
		return m.index.Affecting()
	}
	var groups []*vuln.Group
	for _, id := range slices.Sorted(maps.Keys(only)) {
		named, _ := m.Database.Lookup(id)
		if named == nil {
			continue
		}
		for _, a := range named.Advisories {
			if g := m.Database.GroupOf(a); !slices.Contains(groups, g) {
				groups = append(groups, g)
				only[strings.ToUpper(g.ID)] = true
			}
		}
	}
	return func(yield func(*vuln.Group, []uint32) bool) {
		for _, g := range groups {
			if entries := m.index.AffectedBy(g); len(entries) > 0 && !yield(g, entries) {
				return
			}
		}
	}
}

// findIn compares what runs with the advisories of some identifiers, in upper case; of
// all where that is nil.
func (c *Catalog) findIn(ctx context.Context, v *view, m *matched, only map[string]bool) ([]Finding, error) {
	var out []Finding
	type place struct{ scope, key string }
	at := map[place]int{}
	components := map[uint32]*assessed{}
	docs := subjects{store: c.store, docs: map[uint32][]store.Document{}}
	for g, entries := range m.groupsIn(only) {
		if err := ctx.Err(); err != nil {
			return nil, err
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
			e, err := m.component(v, id, components)
			if err != nil {
				return nil, err
			}
			plain, there, err := m.finding(g, e, only == nil)
			if err != nil {
				return nil, err
			}
			if !there {
				continue
			}
			talked := m.talked(&plain)
			for a := range one.Artifacts.All() {
				tenant := v.tenantOf(a)
				for _, d := range v.running.artifacts[a] {
					said := c.sayOf(&plain)
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
							n = len(out)
							at[p] = n
							f := Finding{Cluster: w.Cluster, Container: w.key(), ID: g.ID, Said: said}
							f.Said.Image, f.Said.Zone, f.Said.Service, f.Said.Owner, f.Said.Doubtful = d, w.Zone, w.Service, w.Owner, v.running.indexes[d]
							f.scope, f.key = p.scope, p.key
							out = append(out, f)
						}
						if t := &out[n].Said.Tenants; !slices.Contains(*t, tenant) {
							*t = append(*t, tenant)
							slices.Sort(*t)
						}
					}
				}
			}
		}
	}
	slices.SortFunc(out, compareFindings)
	return out, nil
}

func compareFindings(a, b Finding) int { return a.place(&b) }

// place is negative, zero or positive as a finding stands before, with or behind another.
func (f *Finding) place(o *Finding) int {
	return cmp.Or(cmp.Compare(f.scope, o.scope), cmp.Compare(f.key, o.key), f.From.Compare(o.From))
}

// assessed is an entry of the dictionary with what the advisories say of it.
type assessed struct {
	component sbom.Component
	os        sbom.Distro
	all       bool // findings are those of all advisories
	findings  []vuln.Finding
}

// component reads an entry, once.
func (m *matched) component(v *view, id uint32, seen map[uint32]*assessed) (*assessed, error) {
	if e := seen[id]; e != nil {
		return e, nil
	}
	k, os, err := v.index.Component(id)
	if err != nil {
		return nil, err
	}
	e := &assessed{component: k, os: os}
	seen[id] = e
	return e, nil
}

// finding is what a group of advisories says of a component. Where all groups will be
// asked for, the component is compared with all at once.
func (m *matched) finding(g *vuln.Group, e *assessed, all bool) (vuln.Finding, bool, error) {
	var f vuln.Finding
	if all {
		if !e.all {
			e.all, e.findings = true, m.Database.Assess(&e.component, e.os).Findings
		}
		i := slices.IndexFunc(e.findings, func(f vuln.Finding) bool { return f.ID == g.ID })
		if i < 0 {
			return f, false, nil
		}
		f = e.findings[i]
	} else {
		var there bool
		var err error
		if f, there, err = g.FindingIn(&e.component, e.os); err != nil || !there {
			return f, false, err
		}
	}
	f.PURL = canonical(e.component.PURL)
	m.Intelligence.Assess(&f)
	return f, true, nil
}

func (c *Catalog) sayOf(f *vuln.Finding) FindingSaid {
	return FindingSaid{PURL: f.PURL, Component: f.Component, Aliases: f.Aliases, Severity: f.Severity, KEV: f.KEV, EPSS: c.epssStep(f.EPSS), Fixed: f.Fixed, Fix: f.Fix, Status: f.Status}
}

// epssStep is the highest step that a score reaches; 0 for none.
func (c *Catalog) epssStep(score *float64) (step float64) {
	if score == nil {
		return 0
	}
	for _, s := range c.epssSteps {
		// Scores have five decimals, and are kept as float32: those that are told as the same
		// as the step reach it.
		if *score+epssExact >= s {
			step = max(step, s)
		}
	}
	return step
}

// epssExact is half of the last decimal of scores.
const epssExact = 5e-6

// CheckEPSS refuses a likelihood that findings are not told apart by; 0 is any.
func (c *Catalog) CheckEPSS(likely float64) error {
	if likely == 0 || slices.Contains(c.epssSteps, likely) {
		return nil
	}
	if len(c.epssSteps) == 0 {
		return ident.Errorf(ident.KindUsage, "findings are not told apart by EPSS here").WithHint("findings.epssSteps of the server's configuration")
	}
	return ident.Errorf(ident.KindUsage, "findings are not told apart at an EPSS of %g", likely).WithHint("one of %v, which findings.epssSteps of the server's configuration says", c.epssSteps)
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
	var list []Finding
	err := c.states(ctx, store.StateQuery{Kind: store.StateFinding}, func(s *store.State) error {
		f, err := findingOf(s)
		if err == nil {
			list = append(list, f)
		}
		return err
	})
	slices.SortFunc(list, compareFindings)
	return foundOf(list), err
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

// mostWritten bounds the findings that are written down in one transaction, which holds
// up intake: those of one advisory nearly always fit.
const mostWritten = 4096

// writeFindings writes down what differs, and gives those that are there their times: many
// containers in one transaction. Where another server wrote down something of a container
// meanwhile, what is to be written is worked out anew from that. What a look that failed
// midway has written down, the next one finds there.
func (c *Catalog) writeFindings(ctx context.Context, was, now *foundRunning) error {
	var changes []store.StateChange
	n, whole := 0, false
	defer func() {
		if !whole { // some of it may be written down, which was does not know
			clear(c.findings.versions)
		}
	}()
	for _, scope := range now.differing(was) {
		d, err := findingsChange(scope, was.in.At(scope), now.in.At(scope))
		if err != nil {
			return err
		}
		size := len(d.Open) + len(d.Close)
		if size == 0 {
			continue
		}
		if n += size; n > mostWritten && len(changes) > 0 {
			if err := c.amendFindings(ctx, changes, now); err != nil {
				return err
			}
			changes, n = nil, size
		}
		changes = append(changes, d)
	}
	if len(changes) > 0 {
		if err := c.amendFindings(ctx, changes, now); err != nil {
			return err
		}
	}
	whole = true
	return nil
}

// findingsChange says how two lists of a container's findings differ, both in the order of
// their keys, and gives those of the second that are in the first their times.
func findingsChange(scope string, before, list []Finding) (store.StateChange, error) {
	d := store.StateChange{Scope: scope}
	for len(before) > 0 || len(list) > 0 {
		order := -1
		switch {
		case len(before) == 0:
			order = 1
		case len(list) > 0:
			order = strings.Compare(before[0].key, list[0].key)
		}
		if order == 0 && sameFinding(&before[0], &list[0]) {
			list[0].From = before[0].From
			before, list = before[1:], list[1:]
			continue
		}
		if order <= 0 {
			d.Close = append(d.Close, store.State{Key: before[0].key, From: before[0].From})
			before = before[1:]
		}
		if order >= 0 {
			body, err := json.Marshal(&list[0].Said)
			if err != nil {
				return d, err
			}
			d.Open = append(d.Open, store.State{Key: list[0].key, Subject: list[0].ID, Body: body})
			list = list[1:]
		}
	}
	return d, nil
}

// amendments is how often a change is worked out anew because other servers wrote down
// findings of the same containers meanwhile. Each time somebody's is written.
const amendments = 8

// amendFindings writes changes down, and notes since when what they open is so.
func (c *Catalog) amendFindings(ctx context.Context, changes []store.StateChange, now *foundRunning) error {
	t := &c.findings
	for range amendments {
		for i := range changes {
			changes[i].Version = t.versions[changes[i].Scope]
		}
		done, err := c.store.Amend(ctx, c.mutation(self), store.StateFinding, changes)
		var moved *store.ScopesMoved
		if errors.As(err, &moved) {
			if err := c.readAgain(ctx, changes, moved, now); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return storeError(err)
		}
		for i := range changes {
			scope := changes[i].Scope
			t.versions[scope] = done[i].Version
			list := now.in.At(scope)
			for _, o := range changes[i].Open {
				at, _ := slices.BinarySearchFunc(list, o.Key, func(f Finding, key string) int { return strings.Compare(f.key, key) })
				list[at].From = done[i].At
			}
		}
		return nil
	}
	return ident.Errorf(ident.KindFailure, "other servers write down findings of the same containers again and again: %w", store.ErrRetryLater).WithHint("servers that share a database are to be given the same advisories")
}

// readAgain works out anew the changes of containers of which another server wrote
// findings down.
func (c *Catalog) readAgain(ctx context.Context, changes []store.StateChange, moved *store.ScopesMoved, now *foundRunning) error {
	for i := range changes {
		scope := changes[i].Scope
		version, is := moved.Versions[scope]
		if !is {
			continue
		}
		var before []Finding
		err := c.states(ctx, store.StateQuery{Kind: store.StateFinding, Scope: scope}, func(s *store.State) error {
			f, err := findingOf(s)
			before = append(before, f)
			return err
		})
		if err != nil {
			return err
		}
		slices.SortFunc(before, compareFindings)
		if changes[i], err = findingsChange(scope, before, now.in.At(scope)); err != nil {
			return err
		}
		c.findings.versions[scope] = version
	}
	return nil
}

// sameFinding reports whether two say the same, their times aside.
func sameFinding(a, b *Finding) bool { return a.ID == b.ID && a.Said.equal(&b.Said) }

func (s *FindingSaid) equal(o *FindingSaid) bool {
	return s.Image == o.Image && s.Zone == o.Zone && s.Service == o.Service && s.Owner == o.Owner && s.PURL == o.PURL && s.Component == o.Component && s.Severity == o.Severity &&
		s.KEV == o.KEV && s.EPSS == o.EPSS && s.Status == o.Status && s.VEXSource == o.VEXSource && s.Fix == o.Fix && s.Doubtful == o.Doubtful && s.Unheard == o.Unheard && slices.Equal(s.Aliases, o.Aliases) && slices.Equal(s.Fixed, o.Fixed) && slices.Equal(s.Tenants, o.Tenants)
}
