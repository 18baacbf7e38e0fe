package vuln

import (
	"cmp"
	"slices"
	"strings"
)

// closeAliases joins records into groups. Aliases are symmetric and transitive
// (OSV schema, "aliases"), so a group is a connected component. A record of a
// distribution names what it is about under "upstream"; where that is a single
// CVE it is the same vulnerability and joins its group, where it is several
// (one security update for many) the record stays on its own and is found under
// each of them. Withdrawn records form groups of their own, so that a mistaken
// record's aliases join nothing.
func closeAliases(advisories []*Advisory) *aliases {
	out := &aliases{of: make(map[*Advisory]*Group, len(advisories)), upstream: map[string][]*Advisory{}}
	live := newForest()
	gone := newForest()
	for _, a := range advisories {
		f := live
		if !a.Withdrawn.IsZero() {
			f = gone
		}
		id := strings.ToUpper(a.ID)
		for _, name := range a.names() {
			f.spelling(name)
			f.join(id, strings.ToUpper(name))
		}
		for _, key := range a.amongOthers() {
			out.upstream[key] = append(out.upstream[key], a)
		}
	}
	out.live = out.groups(advisories, live, false)
	out.gone = out.groups(advisories, gone, true)
	return out
}

// aliases are the groups of some records.
type aliases struct {
	live, gone map[string]*Group // by id and alias, upper case
	of         map[*Advisory]*Group
	upstream   map[string][]*Advisory // by identifiers that they are about among others, upper case
}

// names are the identifiers that mean what a record means, its own first.
func (a *Advisory) names() []string {
	out := append([]string{a.ID}, a.Aliases...)
	if cves := upstreamCVEs(a); len(cves) == 1 && !hasCVE(a.Aliases) {
		out = append(out, cves[0])
	}
	return out
}

// amongOthers are the identifiers, in upper case, of what a record is about beside other
// things.
func (a *Advisory) amongOthers() []string {
	if len(upstreamCVEs(a)) == 1 && !hasCVE(a.Aliases) {
		return nil
	}
	out := make([]string, len(a.Upstream))
	for i, u := range a.Upstream {
		out[i] = strings.ToUpper(u)
	}
	return out
}

// groups makes the groups of a forest, and finds them under each of their identifiers.
func (out *aliases) groups(advisories []*Advisory, f *forest, withdrawn bool) map[string]*Group {
	members := map[string][]string{}
	for key := range f.parent {
		root := f.find(key)
		members[root] = append(members[root], f.spelled[key])
	}
	groups := make(map[string]*Group, len(members))
	for root, ids := range members {
		slices.SortFunc(ids, compareIDs)
		g := &Group{ID: ids[0], Aliases: slices.Clone(ids[1:]), Withdrawn: withdrawn}
		slices.Sort(g.Aliases)
		groups[root] = g
	}
	for _, a := range advisories {
		if a.Withdrawn.IsZero() == withdrawn {
			continue
		}
		g := groups[f.find(strings.ToUpper(a.ID))]
		g.Advisories = append(g.Advisories, a)
		out.of[a] = g
	}
	found := make(map[string]*Group, len(f.parent))
	for key := range f.parent {
		found[key] = groups[f.find(key)]
	}
	return found
}

// Lookup finds a vulnerability by any identifier or alias of it, in any case of
// letters. Records that name the identifier as one of several upstream
// vulnerabilities are in the group that is returned. A withdrawn record is
// found, with Withdrawn set.
func (db *Database) Lookup(id string) (*Group, bool) {
	key := strings.ToUpper(strings.TrimSpace(id))
	g, ok := db.live.Get(key)
	if !ok {
		g, ok = db.gone.Get(key)
	}
	more := db.upstream.At(key)
	if len(more) == 0 {
		return g, ok
	}
	out := &Group{ID: id, Aliases: []string{}}
	if ok {
		*out = Group{ID: g.ID, Aliases: g.Aliases, Advisories: slices.Clone(g.Advisories), Withdrawn: g.Withdrawn}
	}
	for _, a := range more {
		if !out.Has(a) {
			out.Advisories = append(out.Advisories, a)
		}
	}
	out.Withdrawn = !slices.ContainsFunc(out.Advisories, func(a *Advisory) bool { return a.Withdrawn.IsZero() })
	return out, true
}

// RelatedTo returns the records in force that name an identifier as related
// (OSV schema, "related"): near, and not the same vulnerability, so Lookup does
// not find them under it. They are what to suggest when Lookup finds nothing.
func (db *Database) RelatedTo(id string) []*Advisory {
	id = strings.TrimSpace(id)
	var out []*Advisory
	for _, a := range db.Advisories() {
		if a.Withdrawn.IsZero() && slices.ContainsFunc(a.Related, func(s string) bool { return strings.EqualFold(s, id) }) {
			out = append(out, a)
		}
	}
	return out
}

// GroupOf returns the group of one of the database's own records.
func (db *Database) GroupOf(a *Advisory) *Group { return db.group.At(a) }

func upstreamCVEs(a *Advisory) []string {
	var out []string
	for _, u := range a.Upstream {
		if idRank(u) == 0 {
			out = append(out, u)
		}
	}
	return out
}

func hasCVE(ids []string) bool {
	return slices.ContainsFunc(ids, func(s string) bool { return idRank(s) == 0 })
}

// idRank prefers CVE, then GHSA, then any other identifier.
func idRank(id string) int {
	switch {
	case len(id) > 4 && strings.EqualFold(id[:4], "CVE-"):
		return 0
	case len(id) > 5 && strings.EqualFold(id[:5], "GHSA-"):
		return 1
	}
	return 2
}

// compareIDs sorts identifiers by rank, then by length and text: CVE numbers
// of one year in numeric order.
func compareIDs(a, b string) int {
	return cmp.Or(cmp.Compare(idRank(a), idRank(b)), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// forest is a union-find over identifiers in upper case.
type forest struct {
	parent  map[string]string
	spelled map[string]string // as first written
}

func newForest() *forest { return &forest{map[string]string{}, map[string]string{}} }

func (f *forest) spelling(id string) {
	key := strings.ToUpper(id)
	if _, ok := f.parent[key]; !ok {
		f.parent[key], f.spelled[key] = key, id
	}
}

func (f *forest) find(key string) string {
	for f.parent[key] != key {
		f.parent[key] = f.parent[f.parent[key]]
		key = f.parent[key]
	}
	return key
}

func (f *forest) join(a, b string) {
	ra, rb := f.find(a), f.find(b)
	switch {
	case ra < rb:
		f.parent[rb] = ra
	case rb < ra:
		f.parent[ra] = rb
	}
}
