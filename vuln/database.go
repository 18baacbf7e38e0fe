package vuln

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/overlay"
)

// MaxAdvisories bounds a database. The whole of osv.dev is below a million
// records; an index entry costs a few hundred bytes.
const MaxAdvisories = 4_000_000

// Database answers which advisories affect an identity. It is immutable and
// safe for concurrent use; With makes one with other records that shares the rest.
type Database struct {
	advisories []*Advisory                   // shared with the database that this one was made from
	moved      overlay.Map[int32, *Advisory] // what stands in a place instead, or behind them; nil where one was taken out
	places     int32
	n          int                        // without those that were taken out
	at         overlay.Map[string, int32] // by id, upper case: the place in advisories
	entries    overlay.Map[Package, *packageEntries]
	live, gone overlay.Map[string, *Group] // by id and alias, upper case: records in force, and withdrawn ones
	upstream   overlay.Map[string, []*Advisory]
	group      overlay.Map[*Advisory, *Group]
	scopes     map[string]map[string]int // base → releases that entries are about ("" is any), and how many
	asOf       time.Time
	duplicates int
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
	db := &Database{scopes: map[string]map[string]int{}}
	at := make(map[string]int32, len(advisories))
	for _, a := range advisories {
		key := strings.ToUpper(a.ID)
		if i, ok := at[key]; ok {
			db.duplicates++
			if !a.Modified.Before(db.advisories[i].Modified) {
				db.advisories[i] = a
			}
			continue
		}
		at[key] = int32(len(db.advisories)) //nolint:gosec // no more than MaxAdvisories
		db.advisories = append(db.advisories, a)
	}
	db.n, db.places, db.at = len(db.advisories), int32(len(db.advisories)), overlay.Of(at) //nolint:gosec // see above
	entries := make(map[Package]*packageEntries, len(db.advisories))
	for i, a := range db.advisories {
		if a.Modified.After(db.asOf) {
			db.asOf = a.Modified
		}
		for p, e := range entriesOf(a, int32(i)) { //nolint:gosec // see above
			if entries[p] == nil {
				entries[p] = &packageEntries{}
			}
			entries[p].entries = append(entries[p].entries, e)
			count(db.scopes, e.scope, 1)
		}
	}
	db.entries = overlay.Of(entries)
	g := closeAliases(db.advisories)
	db.live, db.gone, db.group, db.upstream = overlay.Of(g.live), overlay.Of(g.gone), overlay.Of(g.of), overlay.Of(g.upstream)
	return db, nil
}

// Len returns the number of distinct advisories.
func (db *Database) Len() int { return db.n }

// Duplicates returns how many records were replaced by another of the same id.
func (db *Database) Duplicates() int { return db.duplicates }

// AsOf returns the newest modification time of any advisory, or the zero time.
func (db *Database) AsOf() time.Time { return db.asOf }

// Advisories returns all records, in the order they were given.
func (db *Database) Advisories() []*Advisory {
	out := make([]*Advisory, 0, db.n)
	for i := range db.places {
		if a := db.record(i); a != nil {
			out = append(out, a)
		}
	}
	return out
}

// record is the advisory in a place; nil where it was taken out.
func (db *Database) record(i int32) *Advisory {
	if a, ok := db.moved.Get(i); ok || int(i) >= len(db.advisories) {
		return a
	}
	return db.advisories[i]
}

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
	for place := range db.places {
		a := db.record(place)
		if a == nil {
			continue
		}
		for i := range a.Affected {
			aff := &a.Affected[i]
			s := scopeOf(aff.Ecosystem)
			p := db.about(s.base, aff.Name)
			if p == nil {
				continue
			}
			for _, e := range p.of(place) {
				if e.affected == i && e.fault != "" {
					out = append(out, Doubt{a, i, e.fault})
				}
			}
		}
	}
	return out
}

// Package names what records are about: an ecosystem without its release, in lower case,
// and a name in its canonical form there.
type Package struct{ Ecosystem, Name string }

// entriesOf yields the entries of a record that can be evaluated, by their packages; none
// of a withdrawn one.
func entriesOf(a *Advisory, at int32) iter.Seq2[Package, entry] {
	return func(yield func(Package, entry) bool) {
		if !a.Withdrawn.IsZero() {
			return
		}
		for i := range a.Affected {
			aff := &a.Affected[i]
			if aff.Ecosystem == "" || aff.Name == "" {
				continue // GIT ranges without a package (OSV schema, affected[].package)
			}
			e := entry{advisory: a, affected: i, at: at, scope: scopeOf(aff.Ecosystem), order: orderOf(aff.Ecosystem), fault: aff.Unparsable}
			if !yield(Package{e.scope.base, canonicalName(e.scope.base, aff.Name)}, e) {
				return
			}
		}
	}
}

// count adds to how many entries are about a release. Variants other than subscriptions
// are packages of their own: they say nothing about the others.
func count(scopes map[string]map[string]int, s scope, n int) {
	if s.variant != "" && s.variant != "pro" {
		return
	}
	if scopes[s.base] == nil {
		scopes[s.base] = map[string]int{}
	}
	if scopes[s.base][s.release] += n; scopes[s.base][s.release] == 0 {
		delete(scopes[s.base], s.release)
	}
}

// Match returns the entries that affect an identity, and those about its
// package that could not be evaluated. Both are in the order of the database.
func (db *Database) Match(id Identity) ([]Match, []Doubt) { return db.matches(&asked{id: id}) }

func (db *Database) matches(q *asked) (matches []Match, doubts []Doubt) {
	c := scopeOf(q.id.Ecosystem)
	p := db.about(c.base, q.id.Name)
	if p == nil {
		return nil, nil
	}
	p.match(q, c, func(i int) { matches = append(matches, p.entries[i].describe(q)) },
		func(i int, reason string) {
			doubts = append(doubts, Doubt{p.entries[i].advisory, p.entries[i].affected, reason})
		})
	return matches, doubts
}

// match tells the entries that affect what is asked for, of a release, and those that may.
func (p *packageEntries) match(q *asked, c scope, hit func(int), doubt func(int, string)) {
	var few [16]covering
	covers := p.coverings(c, few[:0])
	at, err := int32(0), error(nil)
	if len(p.scales) > 0 {
		at, err = q.on(p.scales[0])
	}
	subscribed := strings.Contains(q.id.Version, "esm")
	for i := range p.quick {
		k := &p.quick[i]
		covering := p.covering(i, c, covers)
		if covering == coversNot {
			continue
		}
		e := &p.entries[i]
		switch {
		case k.alone && covering == coversPlainly && !subscribed && err == nil:
			if k.lo <= at && at < k.hi {
				hit(i)
			}
			continue
		case covering == coversDoubtful:
			doubt(i, "it is about the product stream "+clip(e.advisory.Affected[e.affected].Ecosystem)+", which a package does not show")
			continue
		case covering == coversVariant && !subscribed && p.sibling(e, c, coversPlainly):
			continue // a machine without a subscription follows the release itself
		case covering == coversPlainly && subscribed && p.sibling(e, c, coversVariant):
			continue
		}
		switch is, reason := e.judge(q); {
		case is:
			hit(i)
		case reason != "":
			doubt(i, reason)
		}
	}
}

// affects reports whether any record of a group still affects an identity.
func (db *Database) affects(g *Group, id Identity) bool {
	c := scopeOf(id.Ecosystem)
	p := db.about(c.base, id.Name)
	if p == nil {
		return false
	}
	q := asked{id: id}
	for _, a := range g.Advisories {
		place, ok := db.at.Get(strings.ToUpper(a.ID))
		if !ok {
			continue
		}
		of := p.of(place)
		for i := range of {
			e := &of[i]
			if cov := e.scope.covers(c); cov != coversPlainly && cov != coversVariant {
				continue
			}
			if hit, _ := e.judge(&q); hit {
				return true
			}
		}
	}
	return false
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
