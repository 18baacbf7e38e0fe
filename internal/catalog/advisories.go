package catalog

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Advisories are what the components of the catalogue are compared with. They are not
// part of it: whoever runs it loads them, and may load others at any time.
type Advisories struct {
	Database *vuln.Database
	// Intelligence is what is known of vulnerabilities beside; nil is nothing.
	Intelligence *vuln.Intelligence
	Loaded       time.Time // when they were read
	Sources      []string
	Quarantined  int // records that could not be read
}

// AdvisoryState says what the catalogue has to compare with.
type AdvisoryState struct {
	Loaded      time.Time // zero: nothing is loaded
	AsOf        time.Time // newest modification of a record
	Records     int
	Sources     []string
	Quarantined int
	// Of the intelligence: of which day, and how many statements; zero is none.
	KEV, EPSS         time.Time
	Exploited, Scored int // entries of each
	Statements        int
	// Stated are the statements by the form of their documents (vuln.FormOpenVEX, …).
	Stated  map[string]Stated
	Reading bool  // others are being read
	Fault   error // why those that were read last cannot be used; earlier ones stay
	// Matched is how many of Components have been compared with them; the next
	// question compares the rest.
	Matched, Components uint32
}

// Stated is how many statements documents of one form have.
type Stated struct {
	Statements int
	Newest     time.Time // the last that was made or changed; zero where none says
}

// statedIn counts statements by the form of their documents.
func statedIn(in *vuln.Intelligence) map[string]Stated {
	out := map[string]Stated{}
	if in == nil {
		return out
	}
	for _, s := range in.Statements.All() {
		x := out[s.Form]
		x.Statements++
		if s.At.After(x.Newest) {
			x.Newest = s.At
		}
		out[s.Form] = x
	}
	return out
}

// matched are advisories with the components that they concern.
type matched struct {
	Advisories // Intelligence is with the statements that were handed over
	index      *index.AdvisoryIndex
	loaded     *vuln.Intelligence // without them
	uploads    *uploads
	stated     map[string]Stated
	steps      []advisoryStep // the last changes that led here, oldest first
}

// advisoryStep is one change of the advisories.
type advisoryStep struct {
	from time.Time       // Loaded of those before it
	ids  map[string]bool // of what it is about, in upper case
}

// mostSteps is how many changes may lie between two looks at what runs: after more
// everything is looked at.
const mostSteps = 64

// changedSince are the identifiers, in upper case, of what changed since the advisories
// that were loaded at a time; nil where that is not known.
func (m *matched) changedSince(loaded time.Time) map[string]bool {
	out := map[string]bool{}
	if m.Loaded.Equal(loaded) {
		return out
	}
	at := slices.IndexFunc(m.steps, func(s advisoryStep) bool { return s.from.Equal(loaded) })
	if at < 0 {
		return nil
	}
	for _, s := range m.steps[at:] {
		maps.Copy(out, s.ids)
	}
	return out
}

// with is m with the statements that were handed over.
func (m *matched) with(u *uploads, trusted []vuln.TrustedAuthor) *matched {
	next := *m
	next.uploads, next.Intelligence = u, m.loaded
	if len(u.docs) > 0 {
		var known vuln.Intelligence
		if m.loaded != nil {
			known = *m.loaded
		}
		known.Statements = known.Statements.With(u.statements(), trusted)
		next.Intelligence = &known
	}
	next.stated = statedIn(next.Intelligence)
	return &next
}

// advisories holds what is loaded. Questions read it without waiting; whoever finds
// that it does not cover the view's components extends it.
type advisories struct {
	set     atomic.Pointer[matched]
	extend  sync.Mutex // of who replaces set
	mu      sync.Mutex // of what follows
	reading bool
	fault   error
}

// extendEvery is how often components that came in are compared without anybody
// asking, so that the next question need not.
const extendEvery = 2 * time.Second

// ExpectAdvisories says that advisories are being read: until SetAdvisories or
// FailAdvisories, a question that needs them is told to come again where there are none.
func (c *Catalog) ExpectAdvisories() {
	c.advisories.mu.Lock()
	defer c.advisories.mu.Unlock()
	c.advisories.reading = true
}

// FailAdvisories says that reading advisories failed. Those that were loaded before
// stay.
func (c *Catalog) FailAdvisories(err error) {
	c.advisories.mu.Lock()
	defer c.advisories.mu.Unlock()
	c.advisories.reading, c.advisories.fault = false, err
}

// SetAdvisories compares every component with advisories, and answers questions by
// them from then on. Those loaded before serve until it returns nil.
func (c *Catalog) SetAdvisories(ctx context.Context, a Advisories) error {
	x, err := index.NewAdvisoryIndex(ctx, c.follow.now().index, a.Database)
	if err != nil {
		return err
	}
	s := &c.advisories
	s.extend.Lock()
	m := &matched{Advisories: a, index: x, loaded: a.Intelligence}
	s.set.Store(m.with(c.follow.now().vex, c.uploaders))
	s.extend.Unlock()
	c.wakeFindings()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading, s.fault = false, nil
	return nil
}

// ChangeAdvisories puts some records in the place of those with their identifiers among
// the advisories that are loaded, and takes out those of the identifiers in drop. It costs
// what the change costs: only components of the packages that it is about are compared, and
// only findings of the vulnerabilities that it is about are looked at. Of a, the time, the
// sources and what was quarantined are taken; its time must be another than that of those
// before. The error is of ident.KindUsage where none are loaded.
func (c *Catalog) ChangeAdvisories(ctx context.Context, a Advisories, put []*vuln.Advisory, drop ...string) error {
	s := &c.advisories
	s.extend.Lock()
	defer s.extend.Unlock()
	was := s.set.Load()
	if was == nil {
		return s.missing()
	}
	db, x, err := was.Database.With(put, drop...)
	if err != nil {
		return err
	}
	m := *was
	if m.index, err = was.index.With(ctx, db, x); err != nil {
		return err
	}
	m.Advisories = Advisories{Database: db, Intelligence: was.Intelligence, Loaded: a.Loaded, Sources: a.Sources, Quarantined: a.Quarantined}
	m.steps = append(slices.Clone(was.steps[max(0, len(was.steps)+1-mostSteps):]), advisoryStep{was.Loaded, x.IDs})
	s.set.Store(&m)
	c.wakeFindings()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading, s.fault = false, nil
	return nil
}

// Database returns the advisories that are loaded; nil for none.
func (c *Catalog) Database() *vuln.Database {
	if m := c.advisories.set.Load(); m != nil {
		return m.Database
	}
	return nil
}

// AdvisoryState says what is loaded.
func (c *Catalog) AdvisoryState() AdvisoryState {
	s := &c.advisories
	out := AdvisoryState{Components: c.follow.now().index.Components()}
	if m := s.set.Load(); m != nil {
		out.Loaded, out.AsOf, out.Records, out.Sources, out.Quarantined = m.Loaded, m.Database.AsOf(), m.Database.Len(), m.Sources, m.Quarantined
		if in := m.Intelligence; in != nil {
			out.Statements = in.Statements.Len()
			if in.Exploited != nil {
				out.KEV, out.Exploited = in.Exploited.Released, in.Exploited.Len()
			}
			if in.Likelihoods != nil {
				out.EPSS, out.Scored = in.Likelihoods.AsOf, in.Likelihoods.Len()
			}
		}
		out.Stated = m.stated
		out.Matched = min(m.index.Components(), out.Components)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out.Reading, out.Fault = s.reading, s.fault
	return out
}

// matched returns the advisories with every component of a view compared and all
// statements that were handed over until then, or says why there are none.
func (c *Catalog) matched(ctx context.Context, v *view) (*matched, error) {
	s := &c.advisories
	m := s.set.Load()
	if m == nil {
		return nil, s.missing()
	}
	if m.index.Components() >= v.index.Components() && m.uploads.seq >= v.vex.seq {
		return m, nil
	}
	s.extend.Lock()
	defer s.extend.Unlock()
	m = s.set.Load() // somebody else may have been quicker
	x, err := m.index.Extend(ctx, v.index)
	if err != nil {
		return nil, err
	}
	was := m
	if x != m.index {
		next := *m
		next.index = x
		m = &next
	}
	if m.uploads.seq < v.vex.seq {
		m = m.with(v.vex, c.uploaders)
	}
	if m != was {
		s.set.Store(m)
	}
	return m, nil
}

func (s *advisories) missing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.reading:
		return ident.Errorf(ident.KindIndeterminate, "the server is reading its advisories").WithHint("ask again in a few seconds")
	case s.fault != nil:
		return ident.Errorf(ident.KindUsage, "no advisories are loaded, so nothing can be said about vulnerabilities: reading them failed").
			WithHint("the server's log says why; GET /api/v1/advisories says what is loaded")
	}
	return ident.Errorf(ident.KindUsage, "no advisories are loaded, so nothing can be said about vulnerabilities").
		WithHint("cofferdam serve --advisories PATH, or once on the server's machine: cofferdam advisories update --from PATH")
}

// matchNew compares what came in, where there is something to compare it with.
func (c *Catalog) matchNew(ctx context.Context) {
	if c.advisories.set.Load() == nil {
		return
	}
	if _, err := c.matched(ctx, c.follow.now()); err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "new components were not compared with advisories", "error", err)
	}
}

// Revision changes with everything that an answer of now can depend on: what was taken
// in, what runs, and the advisories.
func (c *Catalog) Revision() string {
	r := strconv.FormatUint(c.follow.now().seq, 36)
	if m := c.advisories.set.Load(); m != nil {
		r += "-" + strconv.FormatInt(m.Loaded.UnixNano(), 36)
	}
	return r
}
