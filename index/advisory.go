package index

import (
	"bytes"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/overlay"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// AdvisoryIndex says which components an advisory affects. Every distinct
// component is matched once, however many documents have it. It is immutable and
// safe for concurrent use; Extend makes the one for a later snapshot, With the one for
// other advisories.
type AdvisoryIndex struct {
	db       *vuln.Database
	assessed uint32 // ids below
	packages overlay.Map[vuln.Package, *named]
	affected overlay.Map[*vuln.Advisory, []uint32]
	doubtful overlay.Map[*vuln.Advisory, []uint32] // the advisory names the component, and cannot be evaluated for it

	// Components that no advisory can be compared with, by what they may be: their
	// names without their case, and the names of their source packages.
	byName   overlay.Map[string, []uint32]
	bySource overlay.Map[string, []uint32]
	// Packages of a distribution whose release nothing tells, by that distribution
	// (with an empty source), and those of them that name a source package.
	unplaced overlay.Map[vuln.Unplaced, []uint32]
	sourced  []uint32
	unnamed  int // WithoutIdentity
}

// named are the components that are one package in some version: of each name the ids.
// They are not changed once an index has them.
type named struct {
	names []vuln.Name
	ids   [][]uint32
}

// NewAdvisoryIndex matches every component of a snapshot. The error is the
// context's, or says what is damaged.
func NewAdvisoryIndex(ctx context.Context, s *Snapshot, db *vuln.Database) (*AdvisoryIndex, error) {
	return (&AdvisoryIndex{db: db}).Extend(ctx, s)
}

// Components returns how many components were matched: a snapshot that has more
// needs Extend.
func (a *AdvisoryIndex) Components() uint32 { return a.assessed }

// WithoutIdentity returns how many of them have no package URL, or are of a distribution
// of which nothing tells the release: no advisory can be compared with them, whatever is
// loaded.
func (a *AdvisoryIndex) WithoutIdentity() int { return a.unnamed }

// Extend matches the components that came since. What is known is shared and not matched again.
func (a *AdvisoryIndex) Extend(ctx context.Context, s *Snapshot) (*AdvisoryIndex, error) {
	if s.dictionary.n <= a.assessed {
		return a, nil
	}
	few := (s.dictionary.n - a.assessed) / 4 // a package has some versions, and is of one more where it has a source
	l := &learning{reader: vuln.NewReader(), packages: make(map[vuln.Package]*named, few),
		byName: map[string][]uint32{}, bySource: map[string][]uint32{}, unplaced: map[vuln.Unplaced][]uint32{}}
	for _, x := range s.dictionary.parts {
		if x.lo+x.n <= a.assessed {
			continue
		}
		if err := l.learn(ctx, x, a.assessed); err != nil {
			return nil, err
		}
	}
	next := *a
	next.assessed = s.dictionary.n
	next.unnamed += l.unnamed
	next.byName, next.bySource, next.unplaced = grown(a.byName, l.byName), grown(a.bySource, l.bySource), grown(a.unplaced, l.unplaced)
	next.sourced = slices.Concat(a.sourced, l.sourced)
	slices.Sort(next.sourced)
	f := newFound()
	if err := f.match(ctx, vuln.NewMatcher(a.db), maps.All(l.packages)); err != nil {
		return nil, err
	}
	next.affected, next.doubtful = grown(a.affected, f.affected), grown(a.doubtful, f.doubtful)
	for p, n := range l.packages {
		if had, ok := a.packages.Get(p); ok {
			l.packages[p] = &named{slices.Concat(had.names, n.names), slices.Concat(had.ids, n.ids)}
		}
	}
	next.packages = a.packages.With(l.packages)
	return &next, nil
}

// Rematch matches every component with other advisories, without reading them again.
func (a *AdvisoryIndex) Rematch(ctx context.Context, db *vuln.Database) (*AdvisoryIndex, error) {
	f := newFound()
	if err := f.match(ctx, vuln.NewMatcher(db), a.packages.All()); err != nil {
		return nil, err
	}
	next := *a
	next.db, next.affected, next.doubtful = db, grown(overlay.Map[*vuln.Advisory, []uint32]{}, f.affected), grown(overlay.Map[*vuln.Advisory, []uint32]{}, f.doubtful)
	return &next, nil
}

// With matches the components that a change of the advisories is about with those that
// db, which was made by it, has instead; what all others match is shared.
func (a *AdvisoryIndex) With(ctx context.Context, db *vuln.Database, x *vuln.Change) (*AdvisoryIndex, error) {
	if len(x.Ecosystems) > 0 {
		for p := range a.packages.All() {
			if x.Ecosystems[p.Ecosystem] {
				return a.Rematch(ctx, db) // what could not be compared can be, or the other way round
			}
		}
	}
	m, err := vuln.NewMatcherOf(db, x.After)
	if err != nil {
		return nil, err
	}
	f := newFound()
	concerned := func(yield func(vuln.Package, *named) bool) {
		for p := range x.Packages {
			if n, ok := a.packages.Get(p); ok && !yield(p, n) {
				return
			}
		}
	}
	if err := f.match(ctx, m, concerned); err != nil {
		return nil, err
	}
	tidy(f.affected)
	tidy(f.doubtful)
	next := *a
	next.db, next.affected, next.doubtful = db, a.affected.With(f.affected, x.Before...), a.doubtful.With(f.doubtful, x.Before...)
	return &next, nil
}

// found gathers what components match.
type found struct{ affected, doubtful map[*vuln.Advisory][]uint32 }

func newFound() *found {
	return &found{map[*vuln.Advisory][]uint32{}, map[*vuln.Advisory][]uint32{}}
}

func (f *found) match(ctx context.Context, m *vuln.Matcher, packages iter.Seq2[vuln.Package, *named]) error {
	looked := 0
	for p, n := range packages {
		if looked++; looked%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		add := func(to map[*vuln.Advisory][]uint32, v *vuln.Advisory, at []int32) {
			if len(at) == 0 {
				return
			}
			list := slices.Grow(to[v], len(at))
			for _, i := range at {
				list = append(list, n.ids[i]...)
			}
			to[v] = list
		}
		m.Match(p, n.names, func(v *vuln.Advisory, affected, doubtful []int32) {
			add(f.affected, v, affected)
			add(f.doubtful, v, doubtful)
		})
	}
	return ctx.Err()
}

// grown adds what is new to lists, each in an array of its own, sorted, every id once.
func grown[K comparable](m overlay.Map[K, []uint32], fresh map[K][]uint32) overlay.Map[K, []uint32] {
	if m.Len() > 0 {
		for k, v := range fresh {
			if had := m.At(k); len(had) > 0 {
				fresh[k] = slices.Concat(had, v)
			}
		}
	}
	tidy(fresh)
	return m.With(fresh)
}

// tidy sorts lists, and leaves every id once.
func tidy[K comparable](m map[K][]uint32) {
	for k, v := range m {
		slices.Sort(v)
		if n := slices.Compact(v); len(n) != len(v) {
			m[k] = n
		}
	}
}

// learning reads components that an index does not know yet.
type learning struct {
	reader   *vuln.Reader
	packages map[vuln.Package]*named
	last     [2]struct { // that were added to: most versions of a package come one after another
		of    vuln.Package
		named *named
	}
	byName   map[string][]uint32
	bySource map[string][]uint32
	unplaced map[vuln.Unplaced][]uint32
	sourced  []uint32
	unnamed  int
}

// learn reads the entries of a lexicon from an id on. Entries that differ in
// attributes only stand side by side and are matched together.
func (l *learning) learn(ctx context.Context, x *lexicon, from uint32) error {
	c := x.cursor()
	var last []byte
	all := make([]uint32, 0, x.n) // never grown: others point into it
	begun := 0
	flush := func() error {
		ids := all[begun:len(all):len(all)]
		if len(ids) == 0 {
			return nil
		}
		component, p, os, err := parseIdentity(last)
		if err == nil {
			l.add(&component, p, os, ids)
		}
		begun = len(all)
		return err
	}
	for rank := range int(x.n) {
		if rank%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := c.next(rank%blockEntries == 0); err != nil {
			return err
		}
		id := x.lo + x.local[rank]
		if id < from {
			continue
		}
		if !bytes.Equal(last, c.identity) {
			if err := flush(); err != nil {
				return err
			}
			last = append(last[:0], c.identity...)
		}
		all = append(all, id)
	}
	return flush()
}

func (l *learning) add(c *sbom.Component, p vuln.PURL, os sbom.Distro, ids []uint32) {
	if c.Type == "file" && c.PURL == "" {
		return // a file is no package
	}
	var names []vuln.Named
	if p.Type != "" {
		names = l.reader.ReadParsed(p, c, os)
	} else if c.PURL != "" { // one whose canonical form is too long for a key
		names = l.reader.Read(c, os)
	}
	for i := range names {
		n := l.named(i, names[i].Package)
		n.names, n.ids = append(n.names, names[i].Name), append(n.ids, ids)
	}
	if len(names) == 0 {
		l.addUnnamed(c, os, ids)
	}
}

// named returns what is known of a package that is the one in a place of a component's names.
func (l *learning) named(place int, p vuln.Package) *named {
	last := &l.last[place%len(l.last)]
	if last.of == p && last.named != nil {
		return last.named
	}
	n := l.packages[p]
	if n == nil {
		n = new(named)
		l.packages[p] = n
	}
	last.of, last.named = p, n
	return n
}

// addUnnamed files a component that no advisory can be compared with.
func (l *learning) addUnnamed(c *sbom.Component, os sbom.Distro, ids []uint32) {
	if c.PURL == "" {
		l.unnamed += len(ids)
	}
	names := []string{folded(c.Name)}
	if c.Group != "" {
		names = append(names, folded(c.Group+"/"+c.Name))
	}
	for _, n := range names {
		l.byName[n] = append(l.byName[n], ids...)
	}
	source := c.Source.Name
	if p, ok := vuln.UnplacedPackage(c, os); ok {
		l.unnamed += len(ids)
		source = p.Source
		if source != "" {
			l.sourced = append(l.sourced, ids...)
		}
		p.Source = ""
		l.unplaced[p] = append(l.unplaced[p], ids...)
	}
	if source != "" {
		l.bySource[source] = append(l.bySource[source], ids...)
	}
}

// AffectedBy returns the entries of the dictionary that a group of the database's
// records affects, ascending.
func (a *AdvisoryIndex) AffectedBy(g *vuln.Group) []uint32 {
	var ids []uint32
	for _, v := range g.Advisories {
		ids = append(ids, a.affected.At(v)...)
	}
	return distinct(ids)
}

// Affecting yields every group of advisories that affects a component, in the order
// of their identifiers, with the entries of the dictionary that it affects, ascending.
func (a *AdvisoryIndex) Affecting() iter.Seq2[*vuln.Group, []uint32] {
	return func(yield func(*vuln.Group, []uint32) bool) {
		entries := map[*vuln.Group][]uint32{}
		for v, ids := range a.affected.All() {
			g := a.db.GroupOf(v)
			entries[g] = append(entries[g], ids...)
		}
		groups := slices.SortedFunc(maps.Keys(entries), func(x, y *vuln.Group) int { return strings.Compare(x.ID, y.ID) })
		for _, g := range groups {
			if !yield(g, distinct(entries[g])) {
				return
			}
		}
	}
}

// Find returns the artifacts that have a component which an advisory affects. id
// is the identifier of any record of its alias group. Doubtful are those that have a
// component which may be affected: the advisory cannot be evaluated for it, it
// bears the name of an affected package and cannot be compared, or the document names
// neither the release of the distribution nor any source package. Errors are of KindUsage where no
// loaded advisory has the identifier, which is not the same as not affected.
func (a *AdvisoryIndex) Find(ctx context.Context, s *Snapshot, id string, within []Set) (*Answer, error) {
	if a.assessed < s.dictionary.n {
		return nil, ident.Errorf(ident.KindFailure, "%d of %d components are not matched with advisories yet", s.dictionary.n-a.assessed, s.dictionary.n)
	}
	g, ok := a.db.Lookup(id)
	if !ok {
		return nil, ident.Errorf(ident.KindUsage, "no loaded advisory has %s: that is not the same as not affected", clip(id)).
			WithHint("%d advisories are loaded", a.db.Len())
	}
	var hits, doubts []uint32
	for _, v := range g.Advisories {
		hits = append(hits, a.affected.At(v)...)
		doubts = append(doubts, a.doubtful.At(v)...)
		for _, af := range v.Affected {
			doubts = append(doubts, a.byName.At(folded(af.Name))...)
			doubts = append(doubts, a.bySource.At(af.Name)...)
		}
	}
	hits = distinct(hits)
	// Another record of the vulnerability may say of what one leaves open that it is affected.
	doubts = slices.DeleteFunc(doubts, func(id uint32) bool {
		_, affected := slices.BinarySearch(hits, id)
		return affected
	})
	var homeless []uint32
	for p, ids := range a.unplaced.All() {
		if slices.ContainsFunc(g.Advisories, func(v *vuln.Advisory) bool {
			return slices.ContainsFunc(v.Affected, func(af vuln.Affected) bool { return p.In(af.Ecosystem) })
		}) {
			homeless = append(homeless, ids...)
		}
	}
	known := func(id uint32) bool { return id >= s.dictionary.n } // the snapshot may be an older one
	out := &Answer{Seq: s.seq, Components: slices.DeleteFunc(hits, known), Doubts: slices.DeleteFunc(distinct(doubts), known)}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var err error
	if out.Documents, err = s.union(out.Components); err != nil {
		return nil, err
	}
	out.Artifacts = s.toArtifacts(out.Documents, within)
	docs, err := s.union(out.Doubts)
	if err != nil {
		return nil, err
	}
	if len(homeless) > 0 {
		may, err := s.union(slices.DeleteFunc(distinct(homeless), known))
		if err != nil {
			return nil, err
		}
		tells, err := s.union(slices.DeleteFunc(slices.Clone(a.sourced), known))
		if err != nil {
			return nil, err
		}
		may.AndNot(tells)
		docs.Or(may)
	}
	out.DoubtfulDocuments = docs
	out.Doubtful = s.toArtifacts(docs, within)
	out.Doubtful.AndNot(out.Artifacts)
	return out, nil
}

// folded makes two texts equal that strings.EqualFold calls equal.
func folded(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}

func distinct(ids []uint32) []uint32 {
	slices.Sort(ids)
	return slices.Compact(ids)
}
