package vuln

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Change says what differs between a database and the one that With made of it.
type Change struct {
	// Before are the records that are no longer there as they were, After those that
	// are there now, withdrawn ones included.
	Before, After []*Advisory
	// Packages are those that records before or after are about: all others match what
	// they matched.
	Packages map[Package]bool
	// Ecosystems are those that cover other releases than before, in lower case: what
	// could not be compared can be, or the other way round.
	Ecosystems map[string]bool
	// IDs are the identifiers, in upper case, of every vulnerability whose group of
	// records is another one: everything else has the findings that it had.
	IDs map[string]bool

	before map[*Advisory]bool
}

// With returns the database with some records in the place of those with their
// identifiers, and without those of the identifiers in drop. What it says is what
// NewDatabase says of the records that it then has, and it costs what the change costs:
// the rest is shared. Records must not be changed afterwards; of two with one identifier
// the later counts.
func (db *Database) With(put []*Advisory, drop ...string) (*Database, *Change, error) {
	next := *db
	x := &Change{Packages: map[Package]bool{}, Ecosystems: map[string]bool{}, IDs: map[string]bool{}}
	last := make(map[string]*Advisory, len(put))
	for _, a := range put {
		last[strings.ToUpper(a.ID)] = a
	}
	moved, places := map[int32]*Advisory{}, map[string]int32{}
	var dropped []string
	for _, id := range drop {
		key := strings.ToUpper(id)
		if i, ok := db.at.Get(key); ok && last[key] == nil && !slices.Contains(dropped, key) {
			x.Before = append(x.Before, db.record(i))
			moved[i] = nil
			next.n--
			dropped = append(dropped, key)
		}
	}
	for _, a := range put {
		key := strings.ToUpper(a.ID)
		if last[key] != a {
			continue
		}
		delete(last, key) // the same record may be there twice
		i, ok := db.at.Get(key)
		switch {
		case ok && db.record(i) == a:
			continue
		case ok:
			x.Before = append(x.Before, db.record(i))
		default:
			if i = next.places; i == MaxAdvisories {
				return nil, nil, ident.Errorf(ident.KindLimit, "more than %d advisories", MaxAdvisories)
			}
			places[key] = i
			next.places++
			next.n++
		}
		moved[i] = a
		x.After = append(x.After, a)
	}
	next.at, next.moved = db.at.With(places, dropped...), db.moved.With(moved)
	x.before = make(map[*Advisory]bool, len(x.Before))
	for _, a := range x.Before {
		x.before[a] = true
	}
	next.asOf = next.asOfWith(x)
	next.changePackages(db, x)
	next.changeGroups(db, x)
	return &next, x, nil
}

// asOfWith is the newest modification after a change.
func (db *Database) asOfWith(x *Change) time.Time {
	newest := db.asOf
	if slices.ContainsFunc(x.Before, func(a *Advisory) bool { return a.Modified.Equal(db.asOf) }) {
		newest = time.Time{}
		for i := range db.places {
			if a := db.record(i); a != nil && a.Modified.After(newest) {
				newest = a.Modified
			}
		}
	}
	for _, a := range x.After {
		if a.Modified.After(newest) {
			newest = a.Modified
		}
	}
	return newest
}

// changePackages makes the entries of those packages anew that the change is about.
func (db *Database) changePackages(was *Database, x *Change) {
	fresh := map[Package][]entry{}
	scopes := map[string]map[string]int{}
	count := func(s scope, n int) {
		if _, ok := scopes[s.base]; !ok {
			scopes[s.base] = maps.Clone(was.scopes[s.base])
		}
		count(scopes, s, n)
	}
	for _, a := range x.Before {
		for p, e := range entriesOf(a, 0) {
			x.Packages[p] = true
			count(e.scope, -1)
		}
	}
	for _, a := range x.After {
		for p, e := range entriesOf(a, db.at.At(strings.ToUpper(a.ID))) {
			x.Packages[p] = true
			fresh[p] = append(fresh[p], e)
			count(e.scope, 1)
		}
	}
	put := map[Package]*packageEntries{}
	var drop []Package
	for p := range x.Packages {
		list := fresh[p]
		if old := was.entries.At(p); old != nil {
			for i := range old.entries {
				if e := &old.entries[i]; !x.before[e.advisory] {
					list = append(list, entry{advisory: e.advisory, affected: e.affected, at: e.at, scope: e.scope, order: e.order, fault: e.advisory.Affected[e.affected].Unparsable})
				}
			}
		}
		if len(list) == 0 {
			drop = append(drop, p)
			continue
		}
		slices.SortFunc(list, func(a, b entry) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.affected, b.affected)) })
		put[p] = &packageEntries{entries: list}
	}
	db.entries = was.entries.With(put, drop...)
	db.scopes = maps.Clone(was.scopes)
	for base, releases := range scopes {
		db.scopes[base] = releases
		if len(releases) == 0 {
			delete(db.scopes, base)
		}
		if !maps.EqualFunc(releases, was.scopes[base], func(int, int) bool { return true }) {
			x.Ecosystems[base] = true
		}
	}
}

// changeGroups closes the aliases of those records anew that are in a group with a record
// of the change, before or after.
func (db *Database) changeGroups(was *Database, x *Change) {
	touched := map[*Group]bool{}
	for _, list := range [][]*Advisory{x.Before, x.After} {
		for _, a := range list {
			for _, name := range a.names() {
				key := strings.ToUpper(name)
				for _, groups := range []*Group{was.live.At(key), was.gone.At(key)} {
					if groups != nil {
						touched[groups] = true
					}
				}
			}
		}
	}
	var around []*Advisory
	var live, gone []string
	for g := range touched {
		keys := g.keys()
		for _, key := range keys {
			x.IDs[key] = true
		}
		if g.Withdrawn {
			gone = append(gone, keys...)
		} else {
			live = append(live, keys...)
		}
		for _, a := range g.Advisories {
			if !x.before[a] {
				around = append(around, a)
			}
		}
	}
	around = append(around, x.After...)
	place := func(a *Advisory) int32 { return db.at.At(strings.ToUpper(a.ID)) }
	slices.SortFunc(around, func(a, b *Advisory) int { return cmp.Compare(place(a), place(b)) })
	now := closeAliases(around)
	for _, groups := range []map[string]*Group{now.live, now.gone} {
		for key := range groups {
			x.IDs[key] = true
		}
	}
	db.live, db.gone = was.live.With(now.live, live...), was.gone.With(now.gone, gone...)
	db.group = was.group.With(now.of, x.Before...)

	mentioned := map[string]bool{}
	for _, list := range [][]*Advisory{x.Before, x.After} {
		for _, a := range list {
			for _, key := range a.amongOthers() {
				mentioned[key] = true
			}
		}
	}
	put := map[string][]*Advisory{}
	var drop []string
	for key := range mentioned {
		var list []*Advisory
		for _, a := range was.upstream.At(key) {
			if !x.before[a] {
				list = append(list, a)
			}
		}
		for _, a := range x.After {
			for _, k := range a.amongOthers() {
				if k == key {
					list = append(list, a)
				}
			}
		}
		slices.SortStableFunc(list, func(a, b *Advisory) int { return cmp.Compare(place(a), place(b)) })
		if put[key] = list; len(list) == 0 {
			delete(put, key)
			drop = append(drop, key)
		}
	}
	db.upstream = was.upstream.With(put, drop...)
}

// keys are the identifiers of a group, in upper case.
func (g *Group) keys() []string {
	out := make([]string, 0, 1+len(g.Aliases))
	out = append(out, strings.ToUpper(g.ID))
	for _, a := range g.Aliases {
		out = append(out, strings.ToUpper(a))
	}
	return out
}

// Differences says how to make a database of the records of another one from this one,
// for With: the records that are new or say something else, and the identifiers of those
// that are gone.
func (db *Database) Differences(other *Database) (put []*Advisory, drop []string) {
	for i := range other.places {
		a := other.record(i)
		if a == nil {
			continue
		}
		if at, ok := db.at.Get(strings.ToUpper(a.ID)); !ok || !db.record(at).same(a) {
			put = append(put, a)
		}
	}
	for i := range db.places {
		if a := db.record(i); a != nil {
			if _, ok := other.at.Get(strings.ToUpper(a.ID)); !ok {
				drop = append(drop, a.ID)
			}
		}
	}
	return put, drop
}

// same reports whether two records say the same, from wherever they were read.
func (a *Advisory) same(b *Advisory) bool {
	score := func(x, y Score) bool {
		return x.Type == y.Type && x.Vector == y.Vector && (x.Base == y.Base || math.IsNaN(x.Base) && math.IsNaN(y.Base))
	}
	return a == b || a.ID == b.ID && a.Summary == b.Summary && a.Details == b.Details && a.DatabaseSeverity == b.DatabaseSeverity &&
		a.Modified.Equal(b.Modified) && a.Published.Equal(b.Published) && a.Withdrawn.Equal(b.Withdrawn) &&
		slices.Equal(a.Aliases, b.Aliases) && slices.Equal(a.Upstream, b.Upstream) && slices.Equal(a.Related, b.Related) &&
		slices.Equal(a.References, b.References) && slices.EqualFunc(a.Severity, b.Severity, score) &&
		slices.EqualFunc(a.Affected, b.Affected, func(x, y Affected) bool {
			return x.Ecosystem == y.Ecosystem && x.Name == y.Name && x.PURL == y.PURL && x.Unparsable == y.Unparsable && slices.Equal(x.Versions, y.Versions) && slices.EqualFunc(x.Severity, y.Severity, score) &&
				slices.EqualFunc(x.Ranges, y.Ranges, func(p, q Range) bool { return p.Type == q.Type && slices.Equal(p.Events, q.Events) })
		})
}
