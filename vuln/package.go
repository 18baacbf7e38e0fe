package vuln

import (
	"fmt"
	"slices"
	"sync"
)

// packageEntries are the entries about one package. Their ranges are put in order when
// the package is first asked for: most never are.
type packageEntries struct {
	once    sync.Once
	entries []entry
	of      map[*Advisory][]int32 // positions in entries
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

// rankedSpans are the spans of one range, and where they are on their scale.
type rankedSpans struct {
	scale *scale
	spans []rankedSpan
}

type rankedSpan struct {
	span
	lo, hi int32 // ranks that it holds: from lo to before hi
}

// scale are the versions that the ranges of one package name, in one order. A version
// that is asked for is placed among them once, and then every range is a comparison of
// two numbers, however many there are: the kernel of a distribution has thousands.
// The rank of mark i is 2i+1; what lies between two marks has the even number between.
type scale struct {
	order *order
	marks []version // ascending, each once
	known map[string]int32
}

// about returns the entries about a package, ready to be evaluated; nil for none.
func (db *Database) about(base, name string) *packageEntries {
	p := db.entries.At(Package{base, canonicalName(base, name)})
	if p != nil {
		p.once.Do(p.prepare)
	}
	return p
}

// prepare puts the ranges of all entries in order, or notes why that is impossible.
func (p *packageEntries) prepare() {
	p.of = make(map[*Advisory][]int32, len(p.entries))
	for i := range p.entries {
		e := &p.entries[i]
		p.of[e.advisory] = append(p.of[e.advisory], int32(i)) //nolint:gosec // of a bounded number of entries
		if e.fault == "" {
			e.prepare(p)
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
	s := &scale{order: o, known: map[string]int32{}}
	p.scales = append(p.scales, s)
	return s
}

// prepare reads the ranges of an entry, or notes why that is impossible.
func (e *entry) prepare(p *packageEntries) {
	aff := &e.advisory.Affected[e.affected]
	hasVersions := len(aff.Versions) > 0
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
		spans, err := spansOf(o, r)
		if err != nil {
			e.fault = fmt.Sprintf("range %d: %v", i, err)
			return
		}
		hasVersions = true
		s := p.scale(o)
		ranked := rankedSpans{s, make([]rankedSpan, len(spans))}
		for j, x := range spans {
			ranked.spans[j].span = x
			s.add(x.from)
			s.add(x.to)
		}
		e.ranges = append(e.ranges, ranked)
	}
	if e.order != nil && len(aff.Versions) > 0 {
		e.own = p.scale(e.order)
		for _, text := range aff.Versions {
			e.own.read(text)
		}
	}
	if !hasVersions {
		e.fault = "it gives neither versions nor a range of versions"
		if len(aff.Ranges) > 0 {
			e.fault = "it gives Git commits only"
		}
	}
}

// rank places what the entry names on the scales.
func (e *entry) rank() {
	for _, r := range e.ranges {
		for i := range r.spans {
			s := &r.spans[i]
			s.lo, s.hi = 0, 1<<31-1
			if s.from != nil {
				s.lo = r.scale.known[s.from.text]
			}
			if s.to != nil {
				s.hi = r.scale.known[s.to.text]
				if s.inclusive {
					s.hi++
				}
			}
		}
	}
	if e.own == nil {
		return
	}
	for _, text := range e.advisory.Affected[e.affected].Versions {
		if at, ok := e.own.known[text]; ok && at > 0 {
			e.listed = append(e.listed, at)
		}
	}
	slices.Sort(e.listed)
}

// add notes a version that a range names.
func (s *scale) add(v *version) {
	if v == nil {
		return
	}
	if _, ok := s.known[v.text]; !ok {
		s.known[v.text] = 0
		s.marks = append(s.marks, *v)
	}
}

// read notes a version by its text; one that the order does not know has no rank.
func (s *scale) read(text string) {
	if _, ok := s.known[text]; ok {
		return
	}
	v, err := s.order.parse(text)
	if err != nil {
		return
	}
	s.known[text] = 0
	v.text = text
	s.marks = append(s.marks, v)
}

// sort gives every version that was noted its rank. Texts that the order holds equal
// have one.
func (s *scale) sort() {
	slices.SortFunc(s.marks, s.order.compare)
	kept := s.marks[:0]
	for _, v := range s.marks {
		if n := len(kept); n == 0 || s.order.compare(kept[n-1], v) != 0 {
			kept = append(kept, v)
		}
		s.known[v.text] = int32(2*len(kept) - 1) //nolint:gosec // of a bounded number of versions
	}
	s.marks = slices.Clip(kept)
}

// rankOf places a version.
func (s *scale) rankOf(v version) int32 {
	if at, ok := s.known[v.text]; ok {
		return at
	}
	i, same := slices.BinarySearchFunc(s.marks, v, s.order.compare)
	if same {
		i = 2*i + 1
	} else {
		i *= 2
	}
	return int32(i) //nolint:gosec // of a bounded number of versions
}

// sibling reports whether the same advisory has an entry that covers a scope so.
func (p *packageEntries) sibling(a *Advisory, c scope, as covering) bool {
	return slices.ContainsFunc(p.of[a], func(i int32) bool { return p.entries[i].scope.covers(c) == as })
}

// asked is the version of a query, parsed at most once per order and placed at most
// once per scale.
type asked struct {
	id     Identity
	known  versions // read before; nil for none
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
			q.parsed[i], q.errs[i] = q.known.parse(o, q.id.Version)
			return q.parsed[i], q.errs[i]
		}
	}
	return q.known.parse(o, q.id.Version)
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
