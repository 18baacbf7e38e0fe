package vuln

import (
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Name is one name and version under which records are about a component: an Identity,
// read once for every database that is asked about it.
type Name struct {
	in      *ecosystem
	text    string  // the version, as Identity has it
	version version // in the ecosystem's own order; zero where it has none
}

// ecosystem is what the names of one OSV ecosystem share.
type ecosystem struct {
	name  string
	scope scope
	order *order
}

// Named is a name with the package that it is of.
type Named struct {
	Package Package
	Name    Name
}

// Reader reads under which names records are about components. It is not safe for
// concurrent use.
type Reader struct {
	keys       keyMemory
	ecosystems map[string]*ecosystem
	releases   releases
	out        []Named
}

// NewReader returns a reader.
func NewReader() *Reader { return &Reader{ecosystems: map[string]*ecosystem{}, releases: releases{}} }

// Read says under which names records are about a component; none where no record can be
// compared with it, whatever is loaded. The list is overwritten by the next call.
func (r *Reader) Read(c *sbom.Component, subjectOS sbom.Distro) []Named {
	p, err := purlOf(c)
	if err != nil {
		return nil
	}
	return r.ReadParsed(p, c, subjectOS)
}

// ReadParsed is Read for a component whose package URL is parsed, with the component's
// version where it has none.
func (r *Reader) ReadParsed(p PURL, c *sbom.Component, subjectOS sbom.Distro) []Named {
	ids, err := identities(p, c, subjectOS, r.releases)
	if err != nil {
		return nil
	}
	r.out = r.out[:0]
	for i := range ids {
		id := &ids[i]
		e := r.ecosystems[id.Ecosystem]
		if e == nil {
			e = &ecosystem{id.Ecosystem, scopeOf(id.Ecosystem), orderOf(id.Ecosystem)}
			r.ecosystems[e.name] = e
		}
		n := Name{in: e}
		switch {
		case i > 0 && ids[i-1].Version == id.Version && r.out[i-1].Name.in == e:
			n = r.out[i-1].Name
		case e.order != nil:
			if n.version, err = e.order.read(id.Version, &r.keys); err != nil {
				return nil
			}
			n.text = r.keys.keepText(id.Version) // not the package URL that it is a part of
			if n.version.text == id.Version {
				n.version.text = n.text
			}
		case id.Version == "":
			return nil
		default:
			n.text = r.keys.keepText(id.Version)
		}
		r.out = append(r.out, Named{Package{e.scope.base, canonicalName(e.scope.base, id.Name)}, n})
	}
	return r.out
}

// Matcher says of very many names which records are about them. It is not safe for
// concurrent use; the database behind it is.
type Matcher struct {
	db      *Database
	among   *Database // whose records are asked about
	covers  map[*ecosystem]bool
	memory  rangeMemory
	hit     [][]int32 // by entry of a package
	doubted [][]int32
}

// NewMatcher returns a matcher over a database.
func NewMatcher(db *Database) *Matcher {
	return &Matcher{db: db, among: db, covers: map[*ecosystem]bool{}}
}

// NewMatcherOf returns a matcher over a database that tells of some of its records only.
func NewMatcherOf(db *Database, some []*Advisory) (*Matcher, error) {
	among, err := NewDatabase(some, Options{})
	m := NewMatcher(db)
	m.among = among
	return m, err
}

// Match tells, of each record that affects one of a package's names or may do so, the
// positions of those names, ascending; doubtful are those for which it cannot be
// evaluated. A record with several entries about the package is told of once for each.
// What it tells of is its own until found returns.
func (m *Matcher) Match(of Package, names []Name, found func(a *Advisory, affected, doubtful []int32)) {
	p := m.among.entries.At(of)
	if p == nil {
		return
	}
	p.ready(&m.memory)
	for len(m.hit) < len(p.entries) {
		m.hit, m.doubted = append(m.hit, nil), append(m.doubted, nil)
	}
	at := int32(0)
	hit := func(i int) { m.hit[i] = append(m.hit[i], at) }
	doubt := func(i int, _ string) { m.doubted[i] = append(m.doubted[i], at) }
	for i := range names {
		n := &names[i]
		covered, looked := m.covers[n.in]
		if !looked {
			covered = m.db.Covers(n.in.name)
			m.covers[n.in] = covered
		}
		if !covered {
			continue
		}
		at = int32(i) //nolint:gosec // of a bounded number of components
		q := asked{id: Identity{Ecosystem: n.in.name, Name: of.Name, Version: n.text}}
		if n.in.order != nil {
			q.orders[0], q.parsed[0] = n.in.order, n.version
		}
		p.match(&q, n.in.scope, hit, doubt)
	}
	for i := range p.entries {
		if len(m.hit[i])+len(m.doubted[i]) > 0 {
			found(p.entries[i].advisory, m.hit[i], m.doubted[i])
			m.hit[i], m.doubted[i] = m.hit[i][:0], m.doubted[i][:0]
		}
	}
}

// FindingIn is the finding of one group's records in a component, as Assess has it among
// those of all; false where there is none.
func (g *Group) FindingIn(c *sbom.Component, subjectOS sbom.Distro) (Finding, bool, error) {
	db, err := NewDatabase(g.Advisories, Options{})
	if err != nil {
		return Finding{}, false, err
	}
	for _, f := range db.Assess(c, subjectOS).Findings {
		if f.ID == g.ID {
			return f, true, nil
		}
	}
	return Finding{}, false, nil
}
