package index

import (
	"context"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Query asks for the artifacts that contain a component. Exactly one of
// Component, Name, License, Supplier, Hash and Entries is given.
type Query struct {
	// Component is a package URL or bare name with or without a version or a range
	// (vuln.ParseComponentQuery).
	Component vuln.ComponentQuery
	// Name is a component name, of which Match says what has to agree. Case does not count.
	Name  string
	Match NameMatch
	// License is an SPDX identifier, or a whole expression or name as it was written.
	// An identifier is found within expressions. Case does not count.
	License string
	// Supplier is a supplier as written; case does not count.
	Supplier string
	// Hash is a value in hexadecimal, with or without "sha256:" and the like before it.
	Hash string
	// Entries are component ids, as an AdvisoryIndex gives them. Nil is none given.
	Entries []uint32

	// Within are sets of artifacts: what runs now, what is in a zone. An artifact
	// counts only if it is in all of them.
	Within []Set
}

// NameMatch says how much of a name is given.
type NameMatch uint8

// The ways to match a name.
const (
	NameExact NameMatch = iota
	NamePrefix
	NameContains
)

// Answer is what a query found.
type Answer struct {
	Artifacts Set // that contain it
	// Doubtful artifacts contain what may be it, and nothing that is it: a component of
	// that name whose version cannot be compared with the one asked for.
	Doubtful   Set
	Components []uint32 // the entries that were meant, ascending; some may be in deleted documents only
	Doubts     []uint32 // those that may be, ascending
	Documents  Set      // that contain it, Within aside
	// DoubtfulDocuments contain what may be it, Within aside; some contain it as well.
	DoubtfulDocuments Set
	Seq               uint64 // what was committed up to here is covered
}

// minContained is the least length of a text looked for within names: shorter ones
// are in nearly all of them.
const minContained = 3

// Find answers a query. Errors are of KindUsage where the query is wrong, of
// KindInvalid where stored bytes are damaged, or the context's.
func (s *Snapshot) Find(ctx context.Context, q Query) (*Answer, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	out := &Answer{Seq: s.seq}
	for _, x := range s.dictionary.parts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		hits, doubts, err := x.find(&q)
		if err != nil {
			return nil, err
		}
		// Parts come in the order of their ids.
		out.Components = appendIDs(out.Components, x.lo, hits)
		out.Doubts = appendIDs(out.Doubts, x.lo, doubts)
	}
	if q.Entries != nil {
		out.Components = q.Entries
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var err error
	if out.Documents, err = s.union(out.Components); err != nil {
		return nil, err
	}
	out.Artifacts = s.toArtifacts(out.Documents, q.Within)
	if len(out.Doubts) > 0 {
		docs, err := s.union(out.Doubts)
		if err != nil {
			return nil, err
		}
		out.DoubtfulDocuments = docs
		out.Doubtful = s.toArtifacts(docs, q.Within)
		out.Doubtful.AndNot(out.Artifacts)
	}
	return out, nil
}

func appendIDs(dst []uint32, lo uint32, local []uint32) []uint32 {
	for _, i := range local {
		dst = append(dst, lo+i)
	}
	return dst
}

func (q *Query) check() error {
	given := 0
	for _, is := range []bool{q.Component.Word() != "", q.Name != "", q.License != "", q.Supplier != "", q.Hash != "", q.Entries != nil} {
		if is {
			given++
		}
	}
	usage := func(format string, args ...any) error { return ident.Errorf(ident.KindUsage, format, args...) }
	switch {
	case given != 1:
		return usage("a query asks for exactly one of a component, a name, a licence, a supplier and a hash, not for %d", given)
	case q.Match > NameContains:
		return usage("there is no way %d to match a name", q.Match)
	case q.Match == NameContains && len(q.Name) < minContained:
		return usage("%q is in too many names: at least %d letters are looked for within them", q.Name, minContained)
	case max(len(q.Name), len(q.License), len(q.Supplier), len(q.Hash)) > maxText:
		return usage("what is asked for is longer than %d bytes", maxText)
	case q.Entries != nil && !slices.IsSorted(q.Entries):
		return usage("the component ids asked for are not sorted")
	}
	return nil
}

// find returns the entries of a lexicon that are meant and that may be, by id − lo.
func (x *lexicon) find(q *Query) (hits, doubts []uint32, err error) {
	if err := x.derive(); err != nil {
		return nil, nil, err
	}
	switch {
	case q.Component.Word() != "":
		return x.byComponent(q.Component)
	case q.Name != "":
		return x.byName(strings.ToLower(q.Name), q.Match), nil, nil
	case q.License != "":
		hits, err = x.byAttribute(func(c *sbom.Component) bool {
			return slices.ContainsFunc(c.Licenses, func(l sbom.License) bool { return saysLicence(l, q.License) })
		})
		return hits, nil, err
	case q.Supplier != "":
		hits, err = x.byAttribute(func(c *sbom.Component) bool { return strings.EqualFold(c.Supplier, q.Supplier) })
		return hits, nil, err
	case q.Hash != "":
		value := q.Hash
		if i := strings.LastIndexByte(value, ':'); i >= 0 {
			value = value[i+1:]
		}
		hits, err = x.byHash(value)
		return hits, nil, err
	}
	return nil, nil, nil
}

func (x *lexicon) byComponent(q vuln.ComponentQuery) (hits, doubts []uint32, err error) {
	word, ok := x.words.find(q.Word())
	if !ok {
		return nil, nil, nil
	}
	p, err := x.prepare(word)
	if err != nil {
		return nil, nil, err
	}
	selected, doubtful := q.Select(p.candidates)
	return pick(p.local, selected), pick(p.local, doubtful), nil
}

// pick returns the entries at some positions, ascending.
func pick(local []uint32, at []int) []uint32 {
	out := make([]uint32, len(at))
	for i, k := range at {
		out[i] = local[k]
	}
	slices.Sort(out)
	return out
}

// byName returns the entries of the names that are, begin with or contain a text.
func (x *lexicon) byName(text string, how NameMatch) []uint32 {
	var found []int
	switch how {
	case NameExact:
		if i, ok := x.words.find(text); ok {
			found = append(found, i)
		}
	case NamePrefix:
		for i, _ := x.words.find(text); i < x.words.len() && strings.HasPrefix(x.words.word(i), text); i++ {
			found = append(found, i)
		}
	case NameContains:
		found = x.words.containing(text)
	}
	var out []uint32
	for _, i := range found {
		if x.words.word(i)[0] != 0 { // else it stands for a package URL
			out = append(out, x.ofWord(i)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// byAttribute judges each distinct set of attributes once.
func (x *lexicon) byAttribute(means func(*sbom.Component) bool) ([]uint32, error) {
	var out []uint32
	for i, t := range x.tuples {
		var c sbom.Component
		if err := parseAttributes(t, &c); err != nil {
			return nil, err
		}
		if means(&c) {
			out = append(out, x.byTuple.of(i)...)
		}
	}
	slices.Sort(out)
	return out, nil
}

// saysLicence reports whether a licence is, or its SPDX expression mentions, what
// is asked for. "GPL-2.0-only" is not in "LGPL-2.0-only": identifiers end where
// SPDX 2.3, annex D, says that an idstring does.
func saysLicence(l sbom.License, asked string) bool {
	if strings.EqualFold(l.Expression, asked) {
		return true
	}
	if l.Name {
		return false
	}
	for id := range strings.FieldsFuncSeq(l.Expression, func(r rune) bool { return r == ' ' || r == '(' || r == ')' || r == '\t' || r == '\n' }) {
		if strings.EqualFold(id, asked) {
			return true
		}
	}
	return false
}
