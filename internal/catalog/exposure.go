package catalog

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// HasDeadlines reports whether there are any, without which nothing is overdue.
func (c *Catalog) HasDeadlines() bool { return c.deadlines != nil }

// samePause is how long a container may seem free of a vulnerability, and still be exposed to
// it as before: between an image and its document, which comes after it.
const samePause = 24 * time.Hour

// exposureKey is a container's scope and a vulnerability.
type exposureKey struct{ scope, id string }

// exposure is how long a container was exposed to a vulnerability.
type exposure struct {
	from, until time.Time // until is zero while it holds
	severity    ident.Severity
	kev         bool
	group       string // whose it is, where groups are asked for
}

// join adds an interval to those before it, the list being sorted by their beginnings.
func join(list []exposure, e exposure) []exposure {
	if n := len(list); n > 0 {
		last := &list[n-1]
		if last.until.IsZero() || !e.from.After(last.until.Add(samePause)) {
			if !last.until.IsZero() && (e.until.IsZero() || e.until.After(last.until)) {
				last.until, last.severity, last.kev, last.group = e.until, e.severity, e.kev, e.group
			}
			return list
		}
	}
	return append(list, e)
}

// exposures reads them out of what was written down, as it was known at a time; zero: now. A
// finding that a statement clears is none. group says whose one is; nil: nobody asks.
func (c *Catalog) exposures(ctx context.Context, q *FindingQuery, at time.Time, group func(*Finding) string) (map[exposureKey][]exposure, error) {
	all := map[exposureKey][]exposure{}
	err := c.rows(ctx, store.StateQuery{History: true}, func(f *Finding) error {
		if !q.selects(f) || f.Said.Status.Clears() || !at.IsZero() && f.From.After(at) {
			return nil
		}
		e := exposure{from: f.From, until: f.Until, severity: f.Said.Severity, kev: f.Said.KEV}
		if group != nil {
			e.group = group(f)
		}
		if !at.IsZero() && e.until.After(at) {
			e.until = time.Time{}
		}
		k := exposureKey{f.scope, f.ID}
		all[k] = append(all[k], e)
		return nil
	})
	for k, list := range all {
		slices.SortStableFunc(list, func(a, b exposure) int { return a.from.Compare(b.from) })
		joined := list[:0:0]
		for _, e := range list {
			joined = join(joined, e)
		}
		all[k] = joined
	}
	return all, err
}

// exposed remembers since when containers are exposed to what they are exposed to, where that is
// asked for: the time of a finding is that of its words, which a new image changes.
type exposed struct {
	mu sync.Mutex
	of map[string]map[string]exposure // by scope and vulnerability, the last of each; nil: nothing is known yet
}

// follow takes in how the findings of some containers are now. history reads what was written
// down of all, the first time.
func (e *exposed) follow(scopes []string, now *foundRunning, at time.Time, history func() (map[exposureKey][]exposure, error)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.of == nil {
		all, err := history()
		if err != nil {
			return err
		}
		e.of = map[string]map[string]exposure{}
		for k, list := range all {
			if e.of[k.scope] == nil {
				e.of[k.scope] = map[string]exposure{}
			}
			e.of[k.scope][k.id] = list[len(list)-1]
		}
		return nil
	}
	for _, scope := range scopes {
		is := map[string]exposure{}
		for _, f := range now.in.At(scope) {
			if f.Said.Status.Clears() {
				continue
			}
			x := exposure{from: f.From, severity: f.Said.Severity, kev: f.Said.KEV}
			if other, ok := is[f.ID]; ok && other.from.Before(x.from) {
				x.from = other.from // another component has it
			}
			is[f.ID] = x
		}
		for id, was := range e.of[scope] {
			x, holds := is[id]
			switch {
			case holds:
				if len(join([]exposure{was}, x)) == 1 {
					x.from = was.from
				}
				is[id] = x
			case was.until.IsZero():
				was.until = at
				is[id] = was
			case at.Sub(was.until) <= samePause:
				is[id] = was
			}
		}
		if e.of[scope] = is; len(is) == 0 {
			delete(e.of, scope)
		}
	}
	return nil
}

// since is when the exposure began that a finding is a part of.
func (e *exposed) since(f *Finding) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if x, ok := e.of[f.scope][f.ID]; ok && x.from.Before(f.From) {
		return x.from
	}
	return f.From
}

// due says until when what a finding is about is to be gone; zero: there is no deadline, or the
// finding was cleared or accepted.
func (c *Catalog) due(t *TriagedFinding, since time.Time) time.Time {
	if t.Said.Status.Clears() || t.State == FindingAccepted {
		return time.Time{}
	}
	if d := c.deadlines.Of(t.Said.Severity, t.Said.KEV); d > 0 {
		return since.Add(d)
	}
	return time.Time{}
}

// Remediation says how long vulnerabilities stay in what runs.
type Remediation struct {
	Since   time.Time
	Classes []RemediationClass // by severity, the worst first
}

// RemediationClass are the exposures of one severity: a container is exposed to a
// vulnerability from when it was known until no component of what it runs has it,
// or a statement clears it, whatever images came between.
type RemediationClass struct {
	Severity ident.Severity
	Open     int           // exposures that hold
	Oldest   time.Duration // of them
	Overdue  int           // of them: beyond their deadline, where there are deadlines. Accepted ones are among them
	// Remediated ended since, while the container went on running; Gone ended since with
	// their container.
	Remediated, Gone int
	Late             int // of the remediated: after their deadline
	// Mean, Median, P90 (nearest rank) and Slowest are of the remediated.
	Mean, Median, P90, Slowest time.Duration
}

// Spread says how durations are distributed.
type Spread struct {
	N                          int
	Mean, Median, P90, Slowest time.Duration // P90 by nearest rank; all zero where N is
}

// spread sorts durations and says how they are distributed.
func spread(list []time.Duration) Spread {
	n := len(list)
	if n == 0 {
		return Spread{}
	}
	slices.Sort(list)
	var sum time.Duration
	for _, d := range list {
		sum += d / time.Duration(n)
	}
	return Spread{n, sum, list[n/2], list[(9*n+9)/10-1], list[n-1]}
}

// Remediation measures exposures that hold or ended since a time: now, or as was known at
// q.At.
func (c *Catalog) Remediation(ctx context.Context, q FindingQuery, since time.Time) (*Remediation, error) {
	all, err := c.exposures(ctx, &q, q.At, nil)
	if err != nil {
		return nil, err
	}
	ran, err := c.ran(ctx, c.follow.now(), q.Tenant, q.At)
	if err != nil {
		return nil, err
	}
	now := q.At
	if now.IsZero() {
		now = c.now()
	}
	return &Remediation{Since: since, Classes: c.classes(all, ran, "", since, now)}, nil
}

// classes measures the exposures of a group; of all where it is "".
func (c *Catalog) classes(all map[exposureKey][]exposure, ran *running, group string, since, now time.Time) []RemediationClass {
	runs := map[string]bool{}
	for _, ws := range ran.images {
		for i := range ws {
			runs[findingScope(ws[i].Cluster, ws[i].key())] = true
		}
	}
	took := map[ident.Severity][]time.Duration{}
	classes := map[ident.Severity]*RemediationClass{}
	for s := ident.SeverityUnknown; s <= ident.SeverityCritical; s++ {
		classes[s] = &RemediationClass{Severity: s}
	}
	for k, list := range all {
		for _, e := range list {
			if group != "" && e.group != group {
				continue
			}
			class, deadline := classes[e.severity], c.deadlines.Of(e.severity, e.kev)
			late := func(d time.Duration) int {
				if deadline > 0 && d > deadline {
					return 1
				}
				return 0
			}
			switch {
			case e.until.IsZero():
				class.Open++
				class.Oldest = max(class.Oldest, now.Sub(e.from))
				class.Overdue += late(now.Sub(e.from))
			case e.until.Before(since):
			case runs[k.scope]:
				class.Remediated++
				class.Late += late(e.until.Sub(e.from))
				took[e.severity] = append(took[e.severity], e.until.Sub(e.from))
			default:
				class.Gone++
			}
		}
	}
	out := make([]RemediationClass, 0, len(classes))
	for s, class := range classes {
		x := spread(took[s])
		class.Mean, class.Median, class.P90, class.Slowest = x.Mean, x.Median, x.P90, x.Slowest
		out = append(out, *class)
	}
	slices.SortFunc(out, func(a, b RemediationClass) int { return cmp.Compare(b.Severity, a.Severity) })
	return out
}
