package vuln

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// packageEntries are the entries about one package. Their ranges are put in order when
// the package is first asked for: most never are.
type packageEntries struct {
	once    sync.Once
	entries []entry // in the order of the database: those of one advisory side by side
	scales  []*scale
	scopes  []scope // of the entries, each once
	quick   []quick // of each entry
}

// quick is what decides most entries: one stretch of versions on the first scale.
type quick struct {
	lo, hi int32
	scope  uint16 // in scopes
	alone  bool   // nothing else decides
}

// entry is one affected package of one advisory, ready to be evaluated.
type entry struct {
	advisory *Advisory
	affected int
	at       int32 // of the advisory, in the order of the database
	scope    scope
	order    *order
	ranges   []rankedSpans
	own      *scale  // of order; nil where it has none
	listed   []int32 // ranks of affected[].versions there, sorted
	fault    string  // why it cannot be evaluated
}

// rankedSpans are the spans of one range, and the scale that they are on.
type rankedSpans struct {
	scale *scale
	spans []span
}

// scale are the versions that the ranges of one package name, in one order. A version
// that is asked for is placed among them once, and then every range is a comparison of
// two numbers, however many there are: the kernel of a distribution has thousands.
// The rank of mark i is 2i+1; what lies between two marks has the even number between.
type scale struct {
	order *order
	marks []version        // ascending, each once
	mixed bool             // some have no key: all are there in full
	known map[string]int32 // then, their ranks by their text: comparators need not find it again
	// While it is made: what was noted, and by its text what was listed (-1 where the order
	// does not know it). Afterwards ranks are those of what was noted.
	noted  []version
	listed map[string]int32
	ranks  []int32
}

// about returns the entries about a package, ready to be evaluated; nil for none.
func (db *Database) about(base, name string) *packageEntries {
	p := db.entries.At(Package{base, canonicalName(base, name)})
	if p != nil {
		p.ready(nil)
	}
	return p
}

// ready puts the ranges in order where that was not done yet, with memory of the caller's
// or, for nil, of its own.
func (p *packageEntries) ready(m *rangeMemory) { p.once.Do(func() { p.prepare(m) }) }

// prepare puts the ranges of all entries in order, or notes why that is impossible.
func (p *packageEntries) prepare(m *rangeMemory) {
	if m == nil {
		m = new(rangeMemory)
	}
	for i := range p.entries {
		if e := &p.entries[i]; e.fault == "" {
			e.prepare(p, m)
		}
	}
	for _, s := range p.scales {
		s.sort()
	}
	p.quick = make([]quick, len(p.entries))
	for i := range p.entries {
		e := &p.entries[i]
		e.rank()
		at := slices.Index(p.scopes, e.scope)
		if at < 0 {
			at = len(p.scopes)
			p.scopes = append(p.scopes, e.scope)
		}
		k := quick{scope: uint16(min(at, mostScopes))} //nolint:gosec // no more than that
		if e.fault == "" && len(e.ranges) == 1 && len(e.ranges[0].spans) == 1 && e.ranges[0].scale == p.scales[0] && len(e.advisory.Affected[e.affected].Versions) == 0 {
			k.lo, k.hi, k.alone = e.ranges[0].spans[0].lo, e.ranges[0].spans[0].hi, at < mostScopes
		}
		p.quick[i] = k
	}
	for _, s := range p.scales {
		s.noted, s.listed, s.ranks = nil, nil, nil
	}
}

// of returns the entries of the advisory in a place of the database.
func (p *packageEntries) of(place int32) []entry {
	from, _ := slices.BinarySearchFunc(p.entries, place, func(e entry, place int32) int { return cmp.Compare(e.at, place) })
	to := from
	for to < len(p.entries) && p.entries[to].at == place {
		to++
	}
	return p.entries[from:to]
}

// mostScopes is how many scopes of one package's entries are told apart quickly. Real
// ones have some dozens.
const mostScopes = 1<<16 - 1

// coverings says of each scope whether it is about a component's; those beyond
// mostScopes are looked at one by one.
func (p *packageEntries) coverings(c scope, into []covering) []covering {
	for _, s := range p.scopes[:min(len(p.scopes), mostScopes)] {
		into = append(into, s.covers(c))
	}
	return into
}

// covering is coverings for one entry.
func (p *packageEntries) covering(i int, c scope, covers []covering) covering {
	if at := p.quick[i].scope; at < mostScopes {
		return covers[at]
	}
	return p.entries[i].scope.covers(c)
}

// scale returns the scale of an order.
func (p *packageEntries) scale(o *order) *scale {
	for _, s := range p.scales {
		if s.order == o {
			return s
		}
	}
	s := &scale{order: o}
	p.scales = append(p.scales, s)
	return s
}

// prepare reads the ranges of an entry, or notes why that is impossible.
func (e *entry) prepare(p *packageEntries, m *rangeMemory) {
	aff := &e.advisory.Affected[e.affected]
	hasVersions := len(aff.Versions) > 0
	e.ranges, m.ranges = room(m.ranges, len(aff.Ranges))
	for i, r := range aff.Ranges {
		o := e.order
		switch r.Type {
		case RangeGit:
			continue
		case RangeSemver:
			if o == nil || o.scalibr != "npm" && o != goOrder && o != pubOrder {
				o = semverOrder
			}
		case RangeEcosystem:
			if o == nil {
				e.fault = fmt.Sprintf("the ecosystem %s has no version order", clip(aff.Ecosystem))
				return
			}
		default:
			e.fault = fmt.Sprintf("range type %q is unknown", clip(string(r.Type)))
			return
		}
		spans, err := m.spansOf(o, r)
		if err != nil {
			e.fault = fmt.Sprintf("range %d: %v", i, err)
			return
		}
		hasVersions = true
		s := p.scale(o)
		for j := range spans {
			x := &spans[j]
			x.lo, x.hi = s.note(x.from), s.note(x.to)
		}
		e.ranges = append(e.ranges, rankedSpans{s, spans})
	}
	if e.order != nil && len(aff.Versions) > 0 {
		e.own = p.scale(e.order)
		e.listed = make([]int32, 0, len(aff.Versions))
		for _, text := range aff.Versions {
			if at := e.own.read(text, &m.keys); at >= 0 {
				e.listed = append(e.listed, at)
			}
		}
	}
	if !hasVersions {
		e.fault = "it gives neither versions nor a range of versions"
		if len(aff.Ranges) > 0 {
			e.fault = "it gives Git commits only"
		}
	}
}

// rank places what the entry names on the scales, where it has been noted.
func (e *entry) rank() {
	for _, r := range e.ranges {
		for i := range r.spans {
			s := &r.spans[i]
			if s.from != nil {
				s.lo = r.scale.ranks[s.lo]
			} else {
				s.lo = 0
			}
			switch {
			case s.to == nil:
				s.hi = 1<<31 - 1
			case s.inclusive:
				s.hi = r.scale.ranks[s.hi] + 1
			default:
				s.hi = r.scale.ranks[s.hi]
			}
		}
	}
	for i, at := range e.listed {
		e.listed[i] = e.own.ranks[at]
	}
	slices.Sort(e.listed)
}

// note takes down a version that a range names, and says as which; what it says of none
// means nothing.
func (s *scale) note(v *version) int32 {
	if v == nil {
		return 0
	}
	s.noted = append(s.noted, *v)
	s.mixed = s.mixed || v.key == ""
	return int32(len(s.noted) - 1) //nolint:gosec // of a bounded number of versions
}

// read notes a version by its text, each once; one that the order does not know is -1.
func (s *scale) read(text string, m *keyMemory) int32 {
	if at, ok := s.listed[text]; ok {
		return at
	}
	at := int32(-1)
	if v, err := s.order.read(text, m); err == nil {
		at = s.note(&v)
	}
	if s.listed == nil {
		s.listed = map[string]int32{}
	}
	s.listed[text] = at
	return at
}

// sort gives every version that was noted its rank. Those that the order holds equal have
// one.
func (s *scale) sort() {
	sorted := make([]int32, len(s.noted))
	for i := range sorted {
		sorted[i] = int32(i) //nolint:gosec // of a bounded number of versions
		if s.mixed {
			s.noted[i] = s.order.inFull(s.noted[i])
		}
	}
	slices.SortFunc(sorted, func(a, b int32) int { return s.compare(&s.noted[a], &s.noted[b]) })
	s.ranks = make([]int32, len(s.noted))
	n := 0
	for i, at := range sorted {
		if i == 0 || s.compare(&s.noted[sorted[n-1]], &s.noted[at]) != 0 {
			sorted[n] = at
			n++
		}
		s.ranks[at] = int32(2*n - 1) //nolint:gosec // of a bounded number of versions
	}
	s.marks = make([]version, n)
	for i, at := range sorted[:n] {
		s.marks[i] = s.noted[at]
	}
	if !s.mixed {
		return
	}
	s.known = make(map[string]int32, len(s.noted)+len(s.listed))
	for i := range s.noted {
		s.known[s.noted[i].text] = s.ranks[i]
	}
	for text, at := range s.listed {
		if at >= 0 {
			s.known[text] = s.ranks[at]
		}
	}
}

// compare orders two versions on the scale.
func (s *scale) compare(a, b *version) int {
	if s.mixed || b.key == "" {
		return s.order.compare(*a, *b)
	}
	return strings.Compare(a.key, b.key)
}

// rankOf places a version: where a mark is the same to what names it (order.against), at
// that mark.
func (s *scale) rankOf(v version) int32 {
	if s.mixed {
		if at, ok := s.known[v.text]; ok {
			return at
		}
		v = s.order.inFull(v)
	}
	lo, hi := 0, len(s.marks)
	for lo < hi {
		at := int(uint(lo+hi) >> 1) //nolint:gosec // of no negative numbers
		switch c := s.compare(&s.marks[at], &v); {
		case c == 0:
			return int32(2*at + 1) //nolint:gosec // of a bounded number of versions
		case c < 0:
			lo = at + 1
		default:
			hi = at
		}
	}
	// Right behind the mark that it is a local version of. Between marks that are local
	// themselves a version stays where it is; package indexes take no such versions, and
	// advisories name none.
	if lo > 0 && s.order == pypiOrder && s.order.against(v, s.marks[lo-1]) == 0 {
		lo--
		return int32(2*lo + 1) //nolint:gosec // see above
	}
	return int32(2 * lo) //nolint:gosec // see above
}

// sibling reports whether the same advisory has an entry that covers a scope so.
func (p *packageEntries) sibling(e *entry, c scope, as covering) bool {
	return slices.ContainsFunc(p.of(e.at), func(e entry) bool { return e.scope.covers(c) == as })
}

// asked is the version of a query, parsed at most once per order and placed at most
// once per scale.
type asked struct {
	id     Identity
	orders [2]*order
	parsed [2]version
	errs   [2]error
	scales [2]*scale
	ranks  [2]int32
}

func (q *asked) in(o *order) (version, error) {
	for i, have := range q.orders {
		if have == o {
			return q.parsed[i], q.errs[i]
		}
		if have == nil {
			q.orders[i] = o
			q.parsed[i], q.errs[i] = o.parse(q.id.Version)
			return q.parsed[i], q.errs[i]
		}
	}
	return o.parse(q.id.Version)
}

func (q *asked) on(s *scale) (int32, error) {
	for i, have := range q.scales {
		if have == s {
			return q.ranks[i], nil
		}
		if have == nil {
			v, err := q.in(s.order)
			if err == nil {
				q.scales[i], q.ranks[i] = s, s.rankOf(v)
			}
			return q.ranks[i], err
		}
	}
	v, err := q.in(s.order)
	if err != nil {
		return 0, err
	}
	return s.rankOf(v), nil
}

// lists reports whether affected[].versions holds the version, as it is written or under
// another spelling that the order holds equal ("1.0" and "1.0.0" in PyPI).
func (e *entry) lists(q *asked) bool {
	if e.own != nil {
		if at, err := q.on(e.own); err == nil {
			_, ok := slices.BinarySearch(e.listed, at)
			return ok
		}
	}
	return slices.Contains(e.advisory.Affected[e.affected].Versions, q.id.Version)
}

// judge decides one entry: a hit, or a reason why it cannot be told, or neither (not
// affected).
func (e *entry) judge(q *asked) (hit bool, reason string) {
	hit = e.lists(q)
	if e.fault != "" {
		return hit, "it has an unparsable range: " + e.fault
	}
	for _, r := range e.ranges {
		at, err := q.on(r.scale)
		if err != nil {
			if hit {
				return true, ""
			}
			return false, err.Error()
		}
		for i := range r.spans {
			hit = hit || r.spans[i].lo <= at && at < r.spans[i].hi
		}
	}
	return hit, ""
}

// describe says which stretch of an entry that was hit holds the version, and which
// versions mend it.
func (e *entry) describe(q *asked) Match {
	m := Match{Advisory: e.advisory, Affected: e.affected, Range: "= " + q.id.Version}
	if e.fault != "" {
		return m
	}
	for _, r := range e.ranges {
		at, err := q.on(r.scale)
		if err != nil {
			break
		}
		for i := range r.spans {
			s := &r.spans[i]
			if s.lo <= at && at < s.hi {
				m.Range = s.String()
			}
			if s.fixed && at < s.hi {
				m.Fixed = append(m.Fixed, s.to.text)
			}
		}
	}
	m.Fixed = sortVersions(e.order, m.Fixed)
	return m
}
