package vuln

import (
	"slices"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// Concern is which records are about a component: what Database.Assess says, without the
// findings, for who has very many components.
type Concern struct {
	Affecting []*Advisory // that affect it, each once
	Doubtful  []*Advisory // that name it and cannot be evaluated for it, each once
	// Unidentified is true where no record can be compared with it, whatever is loaded.
	Unidentified bool
}

// Matcher says of very many components which records are about them. It reads every
// version once. It is not safe for concurrent use; the database behind it is.
type Matcher struct {
	db    *Database
	known versions
}

// NewMatcher returns a matcher over a database.
func NewMatcher(db *Database) *Matcher {
	return &Matcher{db: db, known: versions{}}
}

// versions remembers versions that were read, by their order.
type versions map[*order]map[string]readVersion

type readVersion struct {
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
	of[text] = readVersion{v, err}
	return v, err
}

// Concern says which records are about a component, as Database.Assess does.
func (m *Matcher) Concern(c *sbom.Component, subjectOS sbom.Distro) Concern {
	var out Concern
	db := m.db
	_, qs, gap := db.ask(c, subjectOS, m.known)
	if gap != nil {
		out.Unidentified = gap.Class == UnmatchedIdentity
		return out
	}
	var doubtful []*Advisory
	add := func(to *[]*Advisory, a *Advisory) {
		// The entries of one record stand side by side.
		if n := len(*to); n == 0 || (*to)[n-1] != a {
			*to = append(*to, a)
		}
	}
	for i := range qs {
		db.match(&qs[i], func(e *entry) { add(&out.Affecting, e.advisory) }, func(e *entry, _ string) { add(&doubtful, e.advisory) })
	}
	if len(qs) > 1 {
		out.Affecting, doubtful = once(out.Affecting), once(doubtful)
	}
	if len(doubtful) == 0 {
		return out
	}
	said := make(map[*Group]bool, len(out.Affecting))
	for _, a := range out.Affecting {
		said[db.group[a]] = true
	}
	for _, a := range doubtful {
		if g := db.group[a]; !said[g] {
			said[g] = true
			out.Doubtful = append(out.Doubtful, a)
		}
	}
	return out
}

// once leaves the first of each.
func once(list []*Advisory) []*Advisory {
	seen := make(map[*Advisory]bool, len(list))
	return slices.DeleteFunc(list, func(a *Advisory) bool {
		was := seen[a]
		seen[a] = true
		return was
	})
}
