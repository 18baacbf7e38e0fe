package catalog

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// FindingQuery selects findings of what runs. Zero fields select everything.
type FindingQuery struct {
	// Tenant and Mine leave out what no document of the tenant shows.
	Tenant string
	Mine   bool

	Cluster, Zone, Service, Owner string
	ID                            string // of the vulnerability, by any of its names
	Severity                      ident.Severity
	KEV                           bool           // only what is known to be exploited
	EPSS                          float64        // one of Options.EPSSSteps: only what is as likely to be exploited, or likelier
	Overdue                       bool           // only what was to be gone by now (Options.Deadlines); not of History
	Images                        []ident.Digest // only what containers of these run; empty: any
	Statuses                      []vuln.Status
	States                        []TriageState
	Origins                       []string // base, application, unknown

	At      time.Time // what was so then; zero: now
	History bool      // also what is no longer so; At is not looked at
	After   *FindingCursor
	Limit   int
}

// FindingCursor is the place of a finding in the order of answers.
type FindingCursor struct {
	ID, Scope, Key string
	From           time.Time
}

// TriagedFinding is a finding with what was decided about it.
type TriagedFinding struct {
	Finding
	State  TriageState
	Triage *Triage // nil: nobody decided anything
	// Origin is what brought the component, by the documents of now, and Base the image
	// that it came with, or was put on.
	Origin vuln.Origin
	Base   string
	// Exposed is since when the container is exposed to it, whatever images came between, and Due
	// until when it is to be gone; both zero where there are no deadlines, and Due where the
	// finding has none. Overdue says whether that time has passed.
	Exposed, Due time.Time
	Overdue      bool
}

// Cursor is where an answer goes on after the finding.
func (f *Finding) Cursor() FindingCursor { return FindingCursor{f.ID, f.scope, f.key, f.From} }

// RunningFindings is the answer.
type RunningFindings struct {
	// Sequence and Loaded say what the answer is of: the changes and the advisories that
	// the last look covered; zero for the past.
	Sequence uint64
	Loaded   time.Time
	Items    []TriagedFinding
	More     bool
	// Counts are by severity, and KEV of those known to be exploited, of all that is
	// selected now and that no statement clears; nil for the past. Cleared is how many one
	// does.
	Counts  map[ident.Severity]int
	KEV     int
	Cleared int
	Overdue int // of all that is selected now
	Total   int
	// OriginUnknown is how many are left out because it is not known what brought them,
	// where the query asks for origins; for the past those up to the end of the page.
	// OriginPending is how many artifacts that run were not looked at for that yet.
	OriginUnknown, OriginPending int
}

// Findings answers which vulnerabilities what runs has, or had at a time. Now is as
// of the last look: this moment, unless a look takes long, and then some seconds ago.
func (c *Catalog) Findings(ctx context.Context, q FindingQuery) (*RunningFindings, error) {
	if !q.At.IsZero() || q.History {
		return c.pastFindings(ctx, &q)
	}
	if err := c.lookAgain(ctx); err != nil {
		return nil, err
	}
	last := c.findings.last.Load()
	if last == nil {
		if c.advisories.set.Load() == nil {
			return nil, c.advisories.missing()
		}
		return nil, ident.Errorf(ident.KindIndeterminate, "the server is comparing what runs with its advisories").WithHint("ask again in a few seconds")
	}
	v, now := c.follow.now(), c.now()
	origins := c.origins.last.Load()
	out := &RunningFindings{Sequence: last.seq, Loaded: last.loaded, Counts: map[ident.Severity]int{}, OriginPending: origins.waiting(v)}
	for f := range last.all() {
		if !q.selects(f) {
			continue
		}
		t, ok := c.triaged(&q, v, f, now, c.findings.exposed.since)
		if !ok {
			continue
		}
		if !c.origin(&q, origins, &t, out) {
			continue
		}
		out.Total++
		if t.Overdue {
			out.Overdue++
		}
		switch {
		case f.Said.Status.Clears():
			out.Cleared++
		case f.Said.KEV:
			out.KEV++
			fallthrough
		default:
			out.Counts[f.Said.Severity]++
		}
		if q.After != nil && !q.After.before(f) {
			continue
		}
		if len(out.Items) == q.Limit {
			out.More = true
			continue
		}
		out.Items = append(out.Items, t)
	}
	return out, nil
}

// FindingsRevision changes with what Findings answers about now; "" is that nothing
// is known.
func (c *Catalog) FindingsRevision() string {
	last := c.findings.last.Load()
	if last == nil {
		return ""
	}
	return strconv.FormatUint(last.seq, 36) + "-" + strconv.FormatInt(last.loaded.UnixNano(), 36)
}

// Sequence is the last change that the catalogue's view has: decisions about findings are among them.
func (c *Catalog) Sequence() uint64 { return c.follow.now().seq }

// quickLook is how long a look may take that a question waits for.
const quickLook = 200 * time.Millisecond

// lookAgain looks at what runs where the last look is no longer good and another is
// quick, so that who asks sees what they did before.
func (c *Catalog) lookAgain(ctx context.Context) error {
	if c.findings.last.Load().covers(c.follow.now(), c.advisories.set.Load()) || c.findings.took.Load() > int64(quickLook) {
		return nil
	}
	_, err := c.AuditFindings(ctx)
	return err
}

// before reports whether a cursor stands before a finding.
func (a *FindingCursor) before(f *Finding) bool {
	return compareFindings(Finding{scope: a.Scope, key: a.Key, From: a.From}, *f) < 0
}

func (q *FindingQuery) selects(f *Finding) bool {
	s := &f.Said
	return (q.Cluster == "" || f.Cluster == q.Cluster) && (q.Zone == "" || s.Zone == q.Zone) && (q.Service == "" || s.Service == q.Service) && (q.Owner == "" || s.Owner == q.Owner) &&
		(q.ID == "" || f.ID == q.ID || slices.Contains(s.Aliases, q.ID)) && s.Severity >= q.Severity && (!q.KEV || s.KEV) && s.EPSS >= q.EPSS && (len(q.Images) == 0 || slices.Contains(q.Images, s.Image)) && (len(q.Statuses) == 0 || slices.Contains(q.Statuses, s.Status)) && (!q.Mine || slices.Contains(s.Tenants, q.Tenant))
}

// triaged adds what was decided and until when it is to be gone, and reports whether the query
// asks for that. since says when the exposure began.
func (c *Catalog) triaged(q *FindingQuery, v *view, f *Finding, at time.Time, since func(*Finding) time.Time) (TriagedFinding, bool) {
	out := TriagedFinding{Finding: *f, State: FindingNew}
	best, proposed := v.decided(f, at, c.fourEyes)
	switch {
	case proposed != nil:
		out.State, out.Triage = FindingProposed, proposed
	case best != nil:
		out.State, out.Triage = best.State, best
	}
	if c.deadlines != nil && since != nil {
		out.Exposed = since(f)
		out.Due = c.due(&out, out.Exposed)
		if !q.At.IsZero() {
			at = q.At
		}
		out.Overdue = !out.Due.IsZero() && at.After(out.Due)
	}
	return out, (len(q.States) == 0 || slices.Contains(q.States, out.State)) && (!q.Overdue || out.Overdue)
}

// origin fills in what brought a finding's component, and reports whether the query asks
// for that. What is left out since nobody knows is counted.
func (c *Catalog) origin(q *FindingQuery, known *knownOrigins, t *TriagedFinding, out *RunningFindings) bool {
	t.Origin, t.Base = c.origins.find(known, &t.Finding, q.Tenant, q.Mine)
	if len(q.Origins) == 0 || t.Origin.Is(q.Origins) {
		return true
	}
	if t.Origin == vuln.OriginUnknown && !t.Said.Status.Clears() {
		out.OriginUnknown++
	}
	return false
}

// pastFindings reads what was written down, by vulnerability and container. Decisions are
// those of now.
func (c *Catalog) pastFindings(ctx context.Context, q *FindingQuery) (*RunningFindings, error) {
	origins := c.origins.last.Load()
	out := &RunningFindings{OriginPending: origins.waiting(c.follow.now())}
	sq := store.StateQuery{At: q.At, History: q.History}
	if q.After != nil {
		sq.After = &store.State{Scope: q.After.ID, Key: (&Finding{scope: q.After.Scope, key: q.After.Key}).row(), From: q.After.From}
	}
	v, now := c.follow.now(), c.now()
	var since func(*Finding) time.Time
	if c.deadlines != nil && !q.History {
		all, err := c.exposures(ctx, &FindingQuery{Cluster: q.Cluster, Tenant: q.Tenant, Mine: q.Mine}, q.At, nil)
		if err != nil {
			return nil, err
		}
		since = func(f *Finding) time.Time {
			list := all[exposureKey{f.scope, f.ID}]
			if len(list) == 0 {
				return f.From
			}
			return list[len(list)-1].from
		}
	}
	err := c.rows(ctx, sq, func(f *Finding) error {
		if !q.selects(f) {
			return nil
		}
		t, ok := c.triaged(q, v, f, now, since)
		if !ok || !c.origin(q, origins, &t, out) {
			return nil
		}
		if len(out.Items) == q.Limit {
			out.More = true
			return errEnough
		}
		out.Items = append(out.Items, t)
		return nil
	})
	if err == errEnough { //nolint:errorlint // it is this very value
		err = nil
	}
	return out, err
}

// errEnough ends the reading of states.
var errEnough = ident.Errorf(ident.KindFailure, "enough")
