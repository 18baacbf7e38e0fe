package vuln

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// span is one stretch of affected versions in an ecosystem's order.
type span struct {
	from      *version // inclusive; nil is before every version
	to        *version // nil is without end
	inclusive bool     // to itself is affected (a last_affected event)
	fixed     bool     // to is a version that fixes (and not a limit)
	lo, hi    int32    // ranks that it holds once it is on a scale: from lo to before hi
}

// rangeMemory is where what is made of ranges lies: much of it at once, so that a small
// range costs no memory of its own. The zero value is ready. Whoever reads with it is not
// safe for concurrent use; what was read is.
type rangeMemory struct {
	keys     keyMemory
	versions []version
	spans    []span
	ranges   []rankedSpans
	edges    []edge // of the range that is read
}

// mostLaidOut is how many of one kind are got at once.
const mostLaidOut = 512

// room returns memory for n more values, and those that are left for others.
func room[T any](free []T, n int) (of, rest []T) {
	if cap(free)-len(free) < n {
		free = make([]T, 0, max(n, min(2*cap(free), mostLaidOut), 4))
	}
	to := len(free) + n
	return free[len(free):len(free):to], free[:to]
}

// edge is a version at which the state of a range changes.
type edge struct {
	at    *version // nil for "0"
	kind  int      // 0 introduced, 1 last affected, 2 fixed: the order of ties
	event *Event
}

// spansOf turns a range into its affected stretches, sorted and disjoint, as
// the OSV schema's evaluation algorithm does ("Evaluation": sort the events, let
// each switch the state, and apply limits). It refuses what the algorithm would
// silently read as "not affected": a range without an introduced event, an end
// that nothing opened (inverted), an introduced event within an open stretch
// (overlapping), a stretch that holds no version, and versions that the order
// does not know. A repeated end of a closed stretch changes nothing and is allowed.
func spansOf(o *order, r Range) ([]span, error) { return new(rangeMemory).spansOf(o, r) }

func (m *rangeMemory) spansOf(o *order, r Range) ([]span, error) {
	bad := func(format string, args ...any) ([]span, error) {
		return nil, ident.Errorf(ident.KindInvalid, format, args...)
	}
	edges := m.edges[:0]
	defer func() { m.edges = edges }()
	var versions []version
	versions, m.versions = room(m.versions, len(r.Events))
	var limit *version
	unlimited, endless := true, false
	var hasFixed, hasLast bool
	for i := range r.Events {
		e := &r.Events[i]
		text, kind := e.Introduced, 0
		set := 0
		for i, s := range [...]string{e.Introduced, e.LastAffected, e.Fixed, e.Limit} {
			if s != "" {
				text, kind = s, i
				set++
			}
		}
		if set != 1 {
			return bad("an event has %d of introduced, fixed, last_affected and limit, and needs exactly one", set)
		}
		hasLast, hasFixed = hasLast || kind == 1, hasFixed || kind == 2
		if hasLast && hasFixed {
			return bad("fixed and last_affected events exclude each other within a range")
		}
		if kind == 3 && text == "*" {
			limit, unlimited, endless = nil, true, true
			continue
		}
		var at *version
		if kind != 0 || text != "0" {
			v, err := o.read(text, &m.keys)
			if err != nil {
				return nil, err
			}
			versions = append(versions, v)
			at = &versions[len(versions)-1]
		}
		if kind == 3 {
			// A version is in range when it is before any of the limits.
			if limit == nil || o.compare(*at, *limit) > 0 {
				limit = at
			}
			unlimited = endless
			continue
		}
		edges = append(edges, edge{at, kind, e})
	}
	slices.SortStableFunc(edges, func(a, b edge) int {
		switch {
		case a.at == nil && b.at == nil:
			return a.kind - b.kind
		case a.at == nil:
			return -1
		case b.at == nil:
			return 1
		}
		if c := o.compare(*a.at, *b.at); c != 0 {
			return c
		}
		return a.kind - b.kind
	})
	var spans []span
	spans, m.spans = room(m.spans, (len(edges)+1)/2) // between two that begin one ends
	open := false
	for _, e := range edges {
		switch {
		case e.kind == 0 && open:
			return bad("introduced %s lies within a stretch that is already open (overlapping events)", clip(e.event.Introduced))
		case e.kind == 0:
			spans = append(spans, span{from: e.at})
			open = true
		case !open && len(spans) == 0:
			return bad("%s ends a stretch that no introduced event opened (inverted events)", clip(e.event.Fixed+e.event.LastAffected))
		case open:
			s := &spans[len(spans)-1]
			s.to, s.inclusive, s.fixed, open = e.at, e.kind == 1, e.kind == 2, false
			if e.kind == 2 && s.from != nil && o.compare(*s.from, *s.to) == 0 {
				return bad("introduced and fixed are both %s (empty range)", clip(e.event.Fixed))
			}
		}
	}
	if len(spans) == 0 {
		return bad("the range has no introduced event")
	}
	if !unlimited && limit != nil {
		spans = cutAt(o, spans, limit)
	}
	return spans, nil
}

// cutAt drops what is at or after a limit.
func cutAt(o *order, spans []span, limit *version) []span {
	var out []span
	for _, s := range spans {
		if s.from != nil && o.compare(*s.from, *limit) >= 0 {
			continue
		}
		if s.to == nil || o.compare(*s.to, *limit) > 0 || s.inclusive && o.compare(*s.to, *limit) == 0 {
			s.to, s.inclusive, s.fixed = limit, false, false
		}
		out = append(out, s)
	}
	return out
}

// holds reports whether v is affected.
func (s span) holds(o *order, v version) bool {
	if s.from != nil && o.against(v, *s.from) < 0 {
		return false
	}
	if s.to == nil {
		return true
	}
	c := o.against(v, *s.to)
	return c < 0 || c == 0 && s.inclusive
}

// String writes the stretch for people: ">= 1.2.0, < 1.4.1".
func (s span) String() string {
	var parts []string
	if s.from != nil {
		parts = append(parts, ">= "+s.from.text)
	}
	if s.to != nil {
		op := "< "
		if s.inclusive {
			op = "<= "
		}
		parts = append(parts, op+s.to.text)
	}
	if len(parts) == 0 {
		return "all versions"
	}
	return strings.Join(parts, ", ")
}
