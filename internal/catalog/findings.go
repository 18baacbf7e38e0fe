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
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

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
	names      []string // its identifiers, in upper case; nil: not noted
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

// findingScope names a container: the cluster's name, escaped so that it ends at the first
// slash, and the container.
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

// row is the name of a finding among those of its vulnerability: the container, the key, and
// how many characters the container has.
func (f *Finding) row() string {
	return f.scope + " " + f.key + " " + strconv.Itoa(utf8.RuneCountInString(f.scope))
}

// ofRow reads the container and the key from a row's name.
func ofRow(name string) (scope, key string, ok bool) {
	end := strings.LastIndexByte(name, ' ')
	if end < 0 {
		return "", "", false
	}
	runes, err := strconv.Atoi(name[end+1:])
	rest := name[:end]
	for at := range rest {
		if runes--; runes < 0 {
			return rest[:at], strings.TrimPrefix(rest[at:], " "), err == nil && rest[at] == ' '
		}
	}
	return "", "", false
}

// findingsTable holds the newest, and who waits for another.
type findingsTable struct {
	look    sync.Mutex // one look at a time
	exposed exposed
	// versions are those of the vulnerabilities' findings in the store, as far as they are
	// known. Only a look reads them.
	versions map[string]uint64
	// unsure are vulnerabilities of which a look that failed may have written findings down
	// that it does not have.
	unsure map[string]bool
	last   atomic.Pointer[foundRunning]
	took   atomic.Int64  // nanoseconds, of the last look
	wake   chan struct{} // of capacity 1
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
	err := c.rows(ctx, store.StateQuery{}, func(f *Finding) error {
		list = append(list, *f)
		return nil
	})
	slices.SortFunc(list, compareFindings)
	return foundOf(list), err
}

// rows hands over findings as they were written down, by vulnerability and row. What has a
// subject a program before schema 5 wrote while it was replaced: each is here as well, as
// this one found it.
func (c *Catalog) rows(ctx context.Context, q store.StateQuery, each func(*Finding) error) error {
	q.Kind = store.StateFinding
	return c.states(ctx, q, func(s *store.State) error {
		if s.Subject != "" {
			return nil
		}
		f, err := findingOf(s)
		if err != nil {
			return err
		}
		return each(&f)
	})
}

func findingOf(s *store.State) (Finding, error) {
	f := Finding{ID: s.Scope, From: s.From, Until: s.Until}
	var err error
	scope, key, ok := ofRow(s.Key)
	cluster, container, _ := strings.Cut(scope, "/")
	if !ok {
		err = errors.New("it names no container")
	} else if f.Cluster, err = url.PathUnescape(cluster); err == nil {
		err = json.Unmarshal(s.Body, &f.Said)
	}
	if err != nil {
		return Finding{}, ident.Errorf(ident.KindFailure, "the finding %.80q of %.80s cannot be read: %w", s.Key, s.Scope, err)
	}
	f.Container, f.scope, f.key = container, scope, key
	return f, nil
}

// mostWritten bounds the findings that are written down in one transaction, which holds
// up intake, where they are of several vulnerabilities.
const mostWritten = 4096

// findingsChange is how the findings of a vulnerability differ from what is written down.
type findingsChange struct {
	opens []*Finding // of foundRunning
	ends  []*Finding
}

// writeFindings writes down what differs, and gives those that are there their times: of many
// vulnerabilities in one transaction. Where another server wrote down something of one
// meanwhile, what is to be written is worked out anew from that. What a look that failed
// midway has written down, the next one finds there.
func (c *Catalog) writeFindings(ctx context.Context, was, now *foundRunning) error {
	changes := map[string]*findingsChange{}
	of := func(id string) *findingsChange {
		d := changes[id]
		if d == nil {
			d = &findingsChange{}
			changes[id] = d
		}
		return d
	}
	for _, scope := range now.differing(was) {
		differences(was.in.At(scope), now.in.At(scope), func(f *Finding) { d := of(f.ID); d.ends = append(d.ends, f) }, func(f *Finding) { d := of(f.ID); d.opens = append(d.opens, f) })
	}
	for id := range c.findings.unsure {
		of(id)
	}
	whole := false
	defer func() {
		c.findings.unsure = nil
		if !whole { // some of it may be written down, which was does not know
			clear(c.findings.versions)
			c.findings.unsure = map[string]bool{}
			for id := range changes {
				c.findings.unsure[id] = true
			}
		}
	}()
	var batch []string
	n := 0
	write := func() error {
		err := c.amendFindings(ctx, batch, changes, now)
		batch, n = batch[:0], 0
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(changes)) {
		size := len(changes[id].opens) + len(changes[id].ends)
		if n+size > mostWritten && len(batch) > 0 {
			if err := write(); err != nil {
				return err
			}
		}
		batch, n = append(batch, id), n+size
	}
	if len(batch) > 0 {
		if err := write(); err != nil {
			return err
		}
	}
	whole = true
	return nil
}

// differences says how two lists of findings differ, both in the order of their places but
// for times, and gives those of the second that are in the first their times.
func differences(before, list []*Finding, ends, opens func(*Finding)) {
	for len(before) > 0 || len(list) > 0 {
		order := -1
		switch {
		case len(before) == 0:
			order = 1
		case len(list) > 0:
			order = cmp.Or(strings.Compare(before[0].scope, list[0].scope), strings.Compare(before[0].key, list[0].key))
		}
		if order == 0 && (before[0] == list[0] || sameFinding(before[0], list[0])) {
			if before[0] != list[0] {
				list[0].From = before[0].From
			}
			before, list = before[1:], list[1:]
			continue
		}
		if order <= 0 {
			ends(before[0])
			before = before[1:]
		}
		if order >= 0 {
			opens(list[0])
			list = list[1:]
		}
	}
}

func pointers(list []Finding) []*Finding {
	out := make([]*Finding, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

// amendments is how often a change is worked out anew because other servers wrote down
// findings of the same vulnerabilities meanwhile. Each time somebody's is written.
const amendments = 8

// amendFindings writes the changes of some vulnerabilities down, and notes since when what
// they open is so.
func (c *Catalog) amendFindings(ctx context.Context, ids []string, changes map[string]*findingsChange, now *foundRunning) error {
	t := &c.findings
	for range amendments {
		n := 0
		for _, id := range ids {
			n += len(changes[id].ends) + len(changes[id].opens)
		}
		if half := len(ids) / 2; n > store.MaxChange && half > 0 { // worked out anew
			if err := c.amendFindings(ctx, ids[:half], changes, now); err != nil {
				return err
			}
			ids = ids[half:]
		}
		list := make([]store.StateChange, len(ids))
		for i, id := range ids {
			d := &list[i]
			d.Scope, d.Version = id, t.versions[id]
			for _, f := range changes[id].ends {
				d.Close = append(d.Close, store.State{Key: f.row(), From: f.From})
			}
			for _, f := range changes[id].opens {
				body, err := json.Marshal(&f.Said)
				if err != nil {
					return err
				}
				d.Open = append(d.Open, store.State{Key: f.row(), Body: body})
			}
		}
		done, err := c.store.Amend(ctx, c.mutation(self), store.StateFinding, list)
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
		for i, id := range ids {
			t.versions[id] = done[i].Version
			for _, f := range changes[id].opens {
				f.From = done[i].At
			}
		}
		return nil
	}
	return ident.Errorf(ident.KindFailure, "other servers write down findings of the same vulnerabilities again and again: %w", store.ErrRetryLater).WithHint("servers that share a database are to be given the same advisories")
}

// readAgain works out anew the changes of vulnerabilities of which another server wrote
// findings down.
func (c *Catalog) readAgain(ctx context.Context, changes map[string]*findingsChange, moved *store.ScopesMoved, now *foundRunning) error {
	for id, version := range moved.Versions {
		var before []*Finding
		err := c.rows(ctx, store.StateQuery{Scope: id}, func(f *Finding) error {
			before = append(before, f)
			return nil
		})
		if err != nil {
			return err
		}
		slices.SortFunc(before, (*Finding).place)
		d, put := &findingsChange{}, map[string][]*Finding{}
		for _, scope := range now.about.At(strings.ToUpper(id)) {
			n := 0 // of those of before, which come up to the end of this container
			for n < len(before) && before[n].scope <= scope {
				n++
			}
			all, mine := now.own(scope, id) // others may be reading what an earlier look has too
			put[scope] = all
			differences(before[:n], mine, func(f *Finding) { d.ends = append(d.ends, f) }, func(f *Finding) { d.opens = append(d.opens, f) })
			before = before[n:]
		}
		d.ends = append(d.ends, before...)
		now.in = now.in.With(put)
		changes[id] = d
		c.findings.versions[id] = version
	}
	return nil
}

// sameFinding reports whether two say the same, their times aside.
func sameFinding(a, b *Finding) bool { return a.ID == b.ID && a.Said.equal(&b.Said) }

func (s *FindingSaid) equal(o *FindingSaid) bool {
	return s.Image == o.Image && s.Zone == o.Zone && s.Service == o.Service && s.Owner == o.Owner && s.PURL == o.PURL && s.Component == o.Component && s.Severity == o.Severity &&
		s.KEV == o.KEV && s.EPSS == o.EPSS && s.Status == o.Status && s.VEXSource == o.VEXSource && s.Fix == o.Fix && s.Doubtful == o.Doubtful && s.Unheard == o.Unheard && slices.Equal(s.Aliases, o.Aliases) && slices.Equal(s.Fixed, o.Fixed) && slices.Equal(s.Tenants, o.Tenants)
}
