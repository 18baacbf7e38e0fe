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

// Reader reads under which names records are about components; every version once. It
// is not safe for concurrent use.
type Reader struct {
	known      versions
	ecosystems map[string]*ecosystem
	packages   map[Package]Package // the first of equal ones: their text is kept once
}

// NewReader returns a reader.
func NewReader() *Reader {
	return &Reader{known: versions{}, ecosystems: map[string]*ecosystem{}, packages: map[Package]Package{}}
}

// Read says under which names records are about a component; none where no record can be
// compared with it, whatever is loaded.
func (r *Reader) Read(c *sbom.Component, subjectOS sbom.Distro) []Named {
	_, qs, err := identify(c, subjectOS, r.known)
	if err != nil {
		return nil
	}
	out := make([]Named, len(qs))
	for i := range qs {
		q := &qs[i]
		e := r.ecosystems[q.id.Ecosystem]
		if e == nil {
			e = &ecosystem{q.id.Ecosystem, scopeOf(q.id.Ecosystem), orderOf(q.id.Ecosystem)}
			r.ecosystems[e.name] = e
		}
		p := Package{e.scope.base, canonicalName(e.scope.base, q.id.Name)}
		if first, ok := r.packages[p]; ok {
			p = first
		} else {
			r.packages[p] = p
		}
		out[i] = Named{p, Name{in: e, text: q.id.Version}}
		if e.order != nil {
			out[i].Name.version, _ = q.in(e.order)
			if known, ok := r.known[e.order][q.id.Version]; ok {
				out[i].Name.text = known.text
			}
		}
	}
	return out
}

// versions remembers versions that were read, by their order.
type versions map[*order]map[string]readVersion

type readVersion struct {
	text    string // as it is written
	version version
	err     error
}

// mostRemembered is how many versions of one order are remembered: as many as a large
// estate has, and a bound.
const mostRemembered = 1 << 18

func (k versions) parse(o *order, text string) (version, error) {
	if k == nil {
		return o.parse(text)
	}
	of := k[o]
	if r, ok := of[text]; ok {
		return r.version, r.err
	}
	v, err := o.parse(text)
	if of == nil || len(of) == mostRemembered {
		of = map[string]readVersion{}
		k[o] = of
	}
	of[text] = readVersion{text, v, err}
	return v, err
}

// Matcher says of very many names which records are about them. It is not safe for
// concurrent use; the database behind it is.
type Matcher struct {
	db      *Database
	among   *Database // whose records are asked about
	covers  map[*ecosystem]bool
	known   versions
	hit     [][]int32 // by entry of a package
	doubted [][]int32
}

// NewMatcher returns a matcher over a database.
func NewMatcher(db *Database) *Matcher {
	return &Matcher{db: db, among: db, covers: map[*ecosystem]bool{}, known: versions{}}
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
	p.once.Do(p.prepare)
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
		q := asked{id: Identity{Ecosystem: n.in.name, Name: of.Name, Version: n.text}, known: m.known}
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
