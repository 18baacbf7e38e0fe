package vuln

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// MaxAdvisories bounds a database. The whole of osv.dev is below a million
// records; an index entry costs a few hundred bytes.
const MaxAdvisories = 4_000_000

// Database answers which advisories affect an identity. It is immutable and
// safe for concurrent use.
type Database struct {
	advisories []*Advisory
	entries    map[packageKey]*packageEntries
	groups     map[string]*Group // by id and alias, upper case
	upstream   map[string][]*Advisory
	group      map[*Advisory]*Group
	scopes     map[string]map[string]bool // base → releases that entries are about ("" is any)
	asOf       time.Time
	duplicates int
}

type packageKey struct{ base, name string }

// packageEntries are the entries about one package. Their ranges are put in order when
// the package is first asked for: most never are.
type packageEntries struct {
	once    sync.Once
	entries []entry
}

// about returns the entries about a package, ready to be evaluated.
func (db *Database) about(base, name string) []entry {
	p := db.entries[packageKey{base, canonicalName(base, name)}]
	if p == nil {
		return nil
	}
	p.once.Do(func() {
		for i := range p.entries {
			if e := &p.entries[i]; e.fault == "" {
				e.prepare(&e.advisory.Affected[e.affected])
			}
		}
	})
	return p.entries
}

// entry is one affected package of one advisory, ready to be evaluated.
type entry struct {
	advisory *Advisory
	affected int
	scope    scope
	order    *order
	ranges   []orderedSpans
	fault    string // why it cannot be evaluated
}

// orderedSpans are the spans of one range and the order they are in.
type orderedSpans struct {
	order *order
	spans []span
}

// Options tune a database.
type Options struct {
	// MaxAdvisories replaces the constant of that name where it is positive.
	MaxAdvisories int
}

// Group is one vulnerability: the records that name each other as aliases.
type Group struct {
	ID         string   // prefers CVE, then GHSA, then the ecosystem's own
	Aliases    []string // the other identifiers, sorted
	Advisories []*Advisory
	Withdrawn  bool // every record is withdrawn
}

// Has reports whether an advisory is one of the group's records.
func (g *Group) Has(a *Advisory) bool { return slices.Contains(g.Advisories, a) }

// Match is one affected entry that holds the version asked for.
type Match struct {
	Advisory *Advisory
	Affected int      // index in Advisory.Affected
	Range    string   // the stretch that holds the version, for people: ">= 1.21.0-0, < 1.21.3"
	Fixed    []string // versions above the one asked for that end a stretch of this entry, ascending
}

// Doubt is an entry that names the package and could not be evaluated: the
// answer for it is unknown, never "not affected".
type Doubt struct {
	Advisory *Advisory
	Affected int
	Reason   string
}

// NewDatabase indexes advisories by ecosystem and package and closes their aliases;
// ranges are put in order when somebody asks for their package. Where one id occurs more than once the record
// with the newest Modified is kept (the later one on a tie). Withdrawn records
// are found by Lookup and never match. The advisories must not be changed afterwards.
func NewDatabase(advisories []*Advisory, o Options) (*Database, error) {
	most := MaxAdvisories
	if o.MaxAdvisories > 0 {
		most = o.MaxAdvisories
	}
	if len(advisories) > most {
		return nil, ident.Errorf(ident.KindLimit, "%d advisories are more than %d", len(advisories), most)
	}
	db := &Database{
		entries:  make(map[packageKey]*packageEntries, len(advisories)),
		groups:   make(map[string]*Group, 3*len(advisories)),
		upstream: map[string][]*Advisory{},
		group:    make(map[*Advisory]*Group, len(advisories)),
		scopes:   map[string]map[string]bool{},
	}
	at := make(map[string]int, len(advisories))
	for _, a := range advisories {
		key := strings.ToUpper(a.ID)
		if i, ok := at[key]; ok {
			db.duplicates++
			if !a.Modified.Before(db.advisories[i].Modified) {
				db.advisories[i] = a
			}
			continue
		}
		at[key] = len(db.advisories)
		db.advisories = append(db.advisories, a)
	}
	for _, a := range db.advisories {
		if a.Modified.After(db.asOf) {
			db.asOf = a.Modified
		}
		if a.Withdrawn.IsZero() {
			db.index(a)
		}
	}
	db.closeAliases()
	return db, nil
}

// Len returns the number of distinct advisories.
func (db *Database) Len() int { return len(db.advisories) }

// Duplicates returns how many records were replaced by another of the same id.
func (db *Database) Duplicates() int { return db.duplicates }

// AsOf returns the newest modification time of any advisory, or the zero time.
func (db *Database) AsOf() time.Time { return db.asOf }

// Advisories returns all records, in the order they were given.
func (db *Database) Advisories() []*Advisory { return slices.Clone(db.advisories) }

// Covers reports whether any advisory is about the ecosystem of an identity,
// and, for distributions, about its release. Where it does not, "no match"
// means nothing.
func (db *Database) Covers(ecosystem string) bool {
	c := scopeOf(ecosystem)
	for release := range db.scopes[c.base] {
		if (scope{base: c.base, release: release}).covers(c) != coversNot {
			return true
		}
	}
	return false
}

// Faults returns the entries that cannot be evaluated, in the order of the
// database. Components of their packages are unmatched.
func (db *Database) Faults() []Doubt {
	var out []Doubt
	for _, a := range db.advisories {
		for i := range a.Affected {
			aff := &a.Affected[i]
			s := scopeOf(aff.Ecosystem)
			for _, e := range db.about(s.base, aff.Name) {
				if e.advisory == a && e.affected == i && e.fault != "" {
					out = append(out, Doubt{a, i, e.fault})
				}
			}
		}
	}
	return out
}

// index adds the entries of an advisory.
func (db *Database) index(a *Advisory) {
	for i := range a.Affected {
		aff := &a.Affected[i]
		if aff.Ecosystem == "" || aff.Name == "" {
			continue // GIT ranges without a package (OSV schema, affected[].package)
		}
		e := entry{advisory: a, affected: i, scope: scopeOf(aff.Ecosystem), order: orderOf(aff.Ecosystem), fault: aff.Unparsable}
		key := packageKey{e.scope.base, canonicalName(e.scope.base, aff.Name)}
		if db.entries[key] == nil {
			db.entries[key] = &packageEntries{}
		}
		db.entries[key].entries = append(db.entries[key].entries, e)
		if db.scopes[e.scope.base] == nil {
			db.scopes[e.scope.base] = map[string]bool{}
		}
		if e.scope.variant == "" || e.scope.variant == "pro" {
			db.scopes[e.scope.base][e.scope.release] = true
		}
	}
}

// prepare orders the ranges of an entry, or records why that is impossible.
func (e *entry) prepare(aff *Affected) {
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
		e.ranges = append(e.ranges, orderedSpans{o, spans})
	}
	if !hasVersions {
		e.fault = "it gives neither versions nor a range of versions"
		if len(aff.Ranges) > 0 {
			e.fault = "it gives Git commits only"
		}
	}
}

// Match returns the entries that affect an identity, and those about its
// package that could not be evaluated. Both are in the order of the database.
func (db *Database) Match(id Identity) ([]Match, []Doubt) {
	c := scopeOf(id.Ecosystem)
	entries := db.about(c.base, id.Name)
	if len(entries) == 0 {
		return nil, nil
	}
	var matches []Match
	var doubts []Doubt
	q := newAsked(id)
	for i := range entries {
		e := &entries[i]
		switch e.scope.covers(c) {
		case coversNot:
			continue
		case coversDoubtful:
			doubts = append(doubts, Doubt{e.advisory, e.affected, "it is about the product stream " + clip(e.advisory.Affected[e.affected].Ecosystem) + ", which a package does not show"})
			continue
		case coversVariant:
			if !strings.Contains(id.Version, "esm") && plainSibling(entries, e.advisory, c) {
				continue
			}
		case coversPlainly:
			if strings.Contains(id.Version, "esm") && variantSibling(entries, e.advisory, c) {
				continue
			}
		}
		m, hit, reason := e.evaluate(&q)
		switch {
		case hit:
			matches = append(matches, m)
		case reason != "":
			doubts = append(doubts, Doubt{e.advisory, e.affected, reason})
		}
	}
	return matches, doubts
}

// affects reports whether any record of a group still affects an identity.
func (db *Database) affects(g *Group, id Identity) bool {
	c := scopeOf(id.Ecosystem)
	q := newAsked(id)
	entries := db.about(c.base, id.Name)
	for i := range entries {
		e := &entries[i]
		if db.group[e.advisory] != g {
			continue
		}
		if cov := e.scope.covers(c); cov != coversPlainly && cov != coversVariant {
			continue
		}
		if _, hit, _ := e.evaluate(&q); hit {
			return true
		}
	}
	return false
}

// plainSibling reports whether the same advisory has an entry for the release
// itself: the one that a machine without a subscription follows.
func plainSibling(entries []entry, a *Advisory, c scope) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return e.advisory == a && e.scope.covers(c) == coversPlainly })
}

func variantSibling(entries []entry, a *Advisory, c scope) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return e.advisory == a && e.scope.covers(c) == coversVariant })
}

// asked is the version of a query, parsed at most once per order.
type asked struct {
	id     Identity
	orders [2]*order
	parsed [2]version
	errs   [2]error
}

func newAsked(id Identity) asked { return asked{id: id} }

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

// evaluate decides one entry: a match, or a reason why it cannot be told, or
// neither (not affected).
func (e *entry) evaluate(q *asked) (m Match, hit bool, reason string) {
	m = Match{Advisory: e.advisory, Affected: e.affected}
	if slices.Contains(e.advisory.Affected[e.affected].Versions, q.id.Version) {
		hit, m.Range = true, "= "+q.id.Version
	}
	if e.fault != "" {
		return m, hit, "it has an unparsable range: " + e.fault
	}
	for _, r := range e.ranges {
		v, err := q.in(r.order)
		if err != nil {
			if hit {
				break
			}
			return m, false, err.Error()
		}
		for _, s := range r.spans {
			if s.holds(r.order, v) {
				hit, m.Range = true, s.String()
			}
			if s.fixed && r.order.compare(*s.to, v) > 0 {
				m.Fixed = append(m.Fixed, s.to.text)
			}
		}
	}
	if !hit {
		if hit = e.listsEqual(q); hit {
			m.Range = "= " + q.id.Version
		}
	}
	if hit {
		m.Fixed = sortVersions(e.order, m.Fixed)
	}
	return m, hit, ""
}

// listsEqual reports whether affected[].versions holds the version under
// another spelling that the order holds equal ("1.0" and "1.0.0" in PyPI).
func (e *entry) listsEqual(q *asked) bool {
	versions := e.advisory.Affected[e.affected].Versions
	if e.order == nil || len(versions) == 0 {
		return false
	}
	v, err := q.in(e.order)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(versions, func(s string) bool {
		w, err := e.order.parse(s)
		return err == nil && e.order.compare(v, w) == 0
	})
}

// sortVersions sorts and compacts versions in an order; versions that it does
// not know come last, by their text.
func sortVersions(o *order, texts []string) []string {
	if o == nil {
		o = semverOrder
	}
	slices.SortFunc(texts, func(a, b string) int {
		va, errA := o.parse(a)
		vb, errB := o.parse(b)
		switch {
		case errA == nil && errB == nil:
			if c := o.compare(va, vb); c != 0 {
				return c
			}
		case errA == nil:
			return -1
		case errB == nil:
			return 1
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(texts)
}
