package vuln

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Report is the result of a scan.
type Report struct {
	Findings  []Finding   `json:"findings"`  // most severe first, then by id, purl and document
	Unmatched []Unmatched `json:"unmatched"` // in the order of documents and components
	// Components counts what was looked at; WithoutIdentity, how many of them
	// cannot be compared with any advisory whatever is loaded.
	Components      int `json:"components"`
	WithoutIdentity int `json:"componentsWithoutIdentity"`
	// Uncompared counts the documents that list components of which none was compared with
	// any advisory (NothingCompared): no finding in them says nothing. Provenance does not
	// count: what is known of toolchains is often of none that advisories are about.
	Uncompared int `json:"-"`
}

// NothingCompared reports whether none of so many components was compared with any
// advisory, by what a scan of them could not match: they have no identity, or nothing is
// loaded about their ecosystems.
func NothingCompared(unmatched []Unmatched, components int) bool {
	n := 0
	for i := range unmatched { // at most one of these classes for a component
		if unmatched[i].Class != UnmatchedAdvisory {
			n++
		}
	}
	return components > 0 && n == components
}

// Assessment is everything a database says about one component.
type Assessment struct {
	Identities []Identity
	Matches    []Match     // of all identities
	Findings   []Finding   // one per alias group; document fields are empty
	Unmatched  []Unmatched // what could not be compared; document fields are empty
}

// WithoutIdentity reports whether no advisory can be compared with the component.
func (a *Assessment) WithoutIdentity() bool { return len(a.Identities) == 0 }

// Assess matches one component. subjectOS is the distribution that the
// component's document is about.
func (db *Database) Assess(c *sbom.Component, subjectOS sbom.Distro) *Assessment {
	out := &Assessment{}
	p, qs, gap := db.ask(c, subjectOS)
	for i := range qs {
		out.Identities = append(out.Identities, qs[i].id)
	}
	if gap != nil {
		out.Unmatched = []Unmatched{*gap}
		return out
	}
	matches := make(map[Identity][]Match, len(qs))
	var doubts []Doubt
	for i := range qs {
		m, d := db.matches(&qs[i])
		matches[qs[i].id] = m
		out.Matches = append(out.Matches, m...)
		doubts = append(doubts, d...)
	}
	out.Findings = db.findingsOf(p, out.Identities, matches)
	said := map[*Group]bool{}
	for _, m := range out.Matches {
		said[db.group.At(m.Advisory)] = true
	}
	for _, d := range doubts {
		if g := db.group.At(d.Advisory); !said[g] {
			said[g] = true
			out.Unmatched = append(out.Unmatched, unmatched(c, UnmatchedAdvisory, d.Advisory.ID, "advisory "+d.Advisory.ID+" names it, but "+d.Reason))
		}
	}
	return out
}

// ask says under which identities a component is compared, with its package URL; or why
// it cannot be, and then under which it could be if something were loaded.
func (db *Database) ask(c *sbom.Component, subjectOS sbom.Distro) (PURL, []asked, *Unmatched) {
	p, qs, err := identify(c, subjectOS)
	if err != nil {
		u := unmatched(c, UnmatchedIdentity, "", err.Error())
		return p, nil, &u
	}
	if eco := qs[0].id.Ecosystem; !db.Covers(eco) {
		u := unmatched(c, UnmatchedEcosystem, "", "no advisory for "+eco+" is loaded")
		return p, qs, &u
	}
	return p, qs, nil
}

func unmatched(c *sbom.Component, class UnmatchedClass, advisory, reason string) Unmatched {
	return Unmatched{Name: c.Name, Version: c.Version, PURL: c.PURL, Class: class, Reason: reason, Advisory: advisory}
}

// assessed is what an assessment depends on.
type assessed struct {
	purl, version string
	source        sbom.SourcePackage
	os            sbom.Distro
}

// Scanner matches components once per distinct package URL, source package and
// distribution. It is not safe for concurrent use; the database behind it is.
type Scanner struct {
	db    *Database
	known *Intelligence
	seen  map[assessed]*Assessment
}

// NewScanner returns a scanner over a database.
func NewScanner(db *Database) *Scanner {
	return &Scanner{db: db, seen: map[assessed]*Assessment{}}
}

// Assess is Database.Assess, remembered. The result is shared and must not be changed.
func (s *Scanner) Assess(c *sbom.Component, subjectOS sbom.Distro) *Assessment {
	if c.PURL == "" {
		return s.db.Assess(c, subjectOS)
	}
	key := assessed{purl: c.PURL, version: c.Version, source: c.Source, os: subjectOS}
	a, ok := s.seen[key]
	if !ok {
		a = s.db.Assess(c, subjectOS)
		s.seen[key] = a
	}
	return a
}

// Scan matches every component of every document, and the documents' subjects
// where those are packages: exactly one finding per alias group and package URL
// of a document. Two components of a document with one package URL are one
// finding with two indices. Files without a package URL are not packages and
// are not reported as unmatched. Findings are judged by what is known beside the
// advisories; nil is nothing. The error is the context's.
func Scan(ctx context.Context, docs []*sbom.Document, db *Database, known *Intelligence) (*Report, error) {
	r := &Report{Findings: []Finding{}, Unmatched: []Unmatched{}}
	s := NewScanner(db)
	s.known = known
	for _, d := range docs {
		if err := s.scan(ctx, d, r); err != nil {
			return nil, err
		}
	}
	SortFindings(r.Findings)
	return r, nil
}

// SortFindings puts first what should be looked at first: what is known to be
// exploited, then the most severe, then the most likely; the rest by identifier and
// package URL. Findings that are alike keep their order.
func SortFindings(fs []Finding) {
	likely := func(f *Finding) float64 {
		if f.EPSS == nil {
			return -1
		}
		return *f.EPSS
	}
	slices.SortStableFunc(fs, func(a, b Finding) int {
		switch {
		case a.KEV && !b.KEV:
			return -1
		case b.KEV && !a.KEV:
			return 1
		}
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(likely(&b), likely(&a)), strings.Compare(a.ID, b.ID), strings.Compare(a.PURL, b.PURL))
	})
}

// checkEvery is how many components are matched between two looks at the context.
const checkEvery = 256

func (s *Scanner) scan(ctx context.Context, d *sbom.Document, r *Report) error {
	type found struct{ id, purl, version string }
	at := map[found]int{}
	artifact := ArtifactOf(d)
	unmatched, components := len(r.Unmatched), r.Components
	one := func(index int, c *sbom.Component) {
		a := s.Assess(c, d.Subject.OS)
		r.Components++
		if a.WithoutIdentity() {
			r.WithoutIdentity++
		}
		for _, f := range a.Findings {
			key := found{f.ID, c.PURL, f.Component.Version}
			if i, ok := at[key]; ok {
				r.Findings[i].Indices = append(r.Findings[i].Indices, index)
				continue
			}
			at[key] = len(r.Findings)
			f.PURL, f.Document, f.File, f.Layer, f.Indices = c.PURL, d.Digest, d.File, c.Layer, []int{index}
			s.known.Judge(&f, artifact, c)
			r.Findings = append(r.Findings, f)
		}
		for _, u := range a.Unmatched {
			u.Document, u.File, u.Component, u.Pointer, u.Name, u.Version = d.Digest, d.File, index, c.Pointer, c.Name, c.Version
			r.Unmatched = append(r.Unmatched, u)
		}
	}
	if subject, ok := SubjectPackage(d); ok {
		one(int(sbom.SubjectIndex), subject)
	}
	for i := range d.Components {
		if i%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if c := &d.Components[i]; c.Type != "file" || c.PURL != "" {
			one(i, c)
		}
	}
	if d.Format != sbom.Provenance && NothingCompared(r.Unmatched[unmatched:], r.Components-components) {
		r.Uncompared++
	}
	return ctx.Err()
}

// SubjectPackage returns the subject of a document as a component where it is
// itself a package of an ecosystem and not listed among the components: an
// application's SBOM is about a package, and that package may be affected.
func SubjectPackage(d *sbom.Document) (*sbom.Component, bool) {
	if d.Subject.PURL == "" {
		return nil, false
	}
	c := &sbom.Component{ID: d.Subject.ID, Name: d.Subject.Name, Version: d.Subject.Version, PURL: d.Subject.PURL}
	if _, err := IdentityOf(c, d.Subject.OS); ident.KindOf(err) != ident.KindInvalid && err != nil {
		return nil, false // an image, a directory, a file: no ecosystem has it
	}
	for i := range d.Components {
		if d.Components[i].PURL == c.PURL {
			return nil, false
		}
	}
	return c, true
}
