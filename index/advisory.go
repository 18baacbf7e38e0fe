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
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// AdvisoryIndex says which components an advisory affects. Every distinct
// component is matched once, however many documents have it. It is immutable and
// safe for concurrent use; Extend makes the one for a later snapshot.
type AdvisoryIndex struct {
	db       *vuln.Database
	assessed uint32 // ids below
	affected map[*vuln.Advisory][]uint32
	doubtful map[*vuln.Advisory][]uint32 // the advisory names the component, and cannot be evaluated for it

	// Components that no advisory can be compared with, by what they may be: their
	// names without their case, and the names of their source packages.
	byName   map[string][]uint32
	bySource map[string][]uint32
	// Packages of a distribution whose release nothing tells, by that distribution
	// (with an empty source), and those of them that name a source package.
	unplaced map[vuln.Unplaced][]uint32
	sourced  []uint32
	unnamed  int // WithoutIdentity
}

// NewAdvisoryIndex matches every component of a snapshot. The error is the
// context's, or says what is damaged.
func NewAdvisoryIndex(ctx context.Context, s *Snapshot, db *vuln.Database) (*AdvisoryIndex, error) {
	a := &AdvisoryIndex{db: db, affected: map[*vuln.Advisory][]uint32{}, doubtful: map[*vuln.Advisory][]uint32{},
		byName: map[string][]uint32{}, bySource: map[string][]uint32{}, unplaced: map[vuln.Unplaced][]uint32{}}
	return a.Extend(ctx, s)
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
	next := &AdvisoryIndex{db: a.db, assessed: s.dictionary.n, affected: clipped(a.affected), doubtful: clipped(a.doubtful),
		byName: clipped(a.byName), bySource: clipped(a.bySource), unplaced: clipped(a.unplaced), sourced: slices.Clip(a.sourced), unnamed: a.unnamed}
	for _, x := range s.dictionary.parts {
		if x.lo+x.n <= a.assessed {
			continue
		}
		if err := next.learn(ctx, x, a.assessed); err != nil {
			return nil, err
		}
	}
	for _, lists := range []map[*vuln.Advisory][]uint32{next.affected, next.doubtful} {
		sortLists(lists)
	}
	sortLists(next.byName)
	sortLists(next.bySource)
	sortLists(next.unplaced)
	slices.Sort(next.sourced)
	return next, nil
}

// clipped copies a map whose lists then grow without touching the old ones.
func clipped[K comparable](m map[K][]uint32) map[K][]uint32 {
	out := make(map[K][]uint32, len(m))
	for k, v := range m {
		out[k] = slices.Clip(v)
	}
	return out
}

// sortLists sorts lists that grew, each in an array of its own.
func sortLists[K comparable](m map[K][]uint32) {
	for k, v := range m {
		if !slices.IsSorted(v) {
			v = slices.Clone(v)
			slices.Sort(v)
			m[k] = v
		}
	}
}

// learn matches the entries of a lexicon from an id on. Entries that differ in
// attributes only stand side by side and are matched together.
func (a *AdvisoryIndex) learn(ctx context.Context, x *lexicon, from uint32) error {
	c, m := x.cursor(), vuln.NewMatcher(a.db)
	var last []byte
	var ids []uint32
	flush := func() error {
		if len(ids) == 0 {
			return nil
		}
		component, os, err := parseIdentity(last)
		if err == nil {
			a.add(m, &component, os, ids)
		}
		ids = ids[:0]
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
		ids = append(ids, id)
	}
	return flush()
}

func (a *AdvisoryIndex) add(m *vuln.Matcher, c *sbom.Component, os sbom.Distro, ids []uint32) {
	if c.Type == "file" && c.PURL == "" {
		return // a file is no package
	}
	found := m.Concern(c, os)
	for _, v := range found.Affecting {
		a.affected[v] = append(a.affected[v], ids...)
	}
	for _, v := range found.Doubtful {
		a.doubtful[v] = append(a.doubtful[v], ids...)
	}
	if found.Unidentified {
		a.addUnnamed(c, os, ids)
	}
}

// addUnnamed files a component that no advisory can be compared with.
func (a *AdvisoryIndex) addUnnamed(c *sbom.Component, os sbom.Distro, ids []uint32) {
	if c.PURL == "" {
		a.unnamed += len(ids)
	}
	names := []string{folded(c.Name)}
	if c.Group != "" {
		names = append(names, folded(c.Group+"/"+c.Name))
	}
	for _, n := range names {
		a.byName[n] = append(a.byName[n], ids...)
	}
	source := c.Source.Name
	if p, ok := vuln.UnplacedPackage(c, os); ok {
		a.unnamed += len(ids)
		source = p.Source
		if source != "" {
			a.sourced = append(a.sourced, ids...)
		}
		p.Source = ""
		a.unplaced[p] = append(a.unplaced[p], ids...)
	}
	if source != "" {
		a.bySource[source] = append(a.bySource[source], ids...)
	}
}

// Affecting yields every group of advisories that affects a component, in the order
// of their identifiers, with the entries of the dictionary that it affects, ascending.
func (a *AdvisoryIndex) Affecting() iter.Seq2[*vuln.Group, []uint32] {
	return func(yield func(*vuln.Group, []uint32) bool) {
		entries := map[*vuln.Group][]uint32{}
		for v, ids := range a.affected {
			g := a.db.GroupOf(v)
			entries[g] = append(entries[g], ids...)
		}
		groups := slices.SortedFunc(maps.Keys(entries), func(x, y *vuln.Group) int { return strings.Compare(x.ID, y.ID) })
		for _, g := range groups {
			ids := entries[g]
			slices.Sort(ids)
			if !yield(g, slices.Compact(ids)) {
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
		hits = append(hits, a.affected[v]...)
		doubts = append(doubts, a.doubtful[v]...)
		for _, af := range v.Affected {
			doubts = append(doubts, a.byName[folded(af.Name)]...)
			doubts = append(doubts, a.bySource[af.Name]...)
		}
	}
	var homeless []uint32
	for p, ids := range a.unplaced {
		if slices.ContainsFunc(g.Advisories, func(v *vuln.Advisory) bool {
			return slices.ContainsFunc(v.Affected, func(af vuln.Affected) bool { return p.In(af.Ecosystem) })
		}) {
			homeless = append(homeless, ids...)
		}
	}
	known := func(id uint32) bool { return id >= s.dictionary.n } // the snapshot may be an older one
	out := &Answer{Seq: s.seq, Components: slices.DeleteFunc(distinct(hits), known), Doubts: slices.DeleteFunc(distinct(doubts), known)}
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
