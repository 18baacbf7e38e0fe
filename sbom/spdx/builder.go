package spdx

import (
	"context"
	"fmt"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/note"
)

// Places that an SPDX identifier can lead to besides a component's index.
const (
	atDocument    int32 = -1 - iota // the document itself
	atOther                         // a file, a snippet, another document
	atNoAssertion                   // the word NOASSERTION
)

// usualDocID is what SPDX 2 prescribes (section 6.3); it is understood even where
// a document says otherwise later on.
const usualDocID = "SPDXRef-DOCUMENT"

// builder collects a document of any encoding. Its methods are called in document
// order; finish resolves what needed the whole.
type builder struct {
	ctx       context.Context
	opt       Options
	doc       *sbom.Document
	docID     string
	ids       *places // SPDXID → component
	images    map[int32]*imageFacts
	described []string // SPDXIDs that the document describes, in order, perhaps repeated
	fileName  string   // of the described file, if the document describes a file
	edges     []sbom.Dependency
	notes     []note.Note // about the document
	renamed   []renaming
	marked    bool     // there is a package that marks says something of
	handing   *handing // nil where packages are not handed over
	// passedOver is true where the text ended with a fault and packages that it had put off
	// to hand them over were not read.
	passedOver bool
	dropped    int // warnings beyond the limit
	size       int
	read       int   // of size, where the encoding's reader says so while packages come; or 0
	err        error // a limit was met or the context ended
}

func newBuilder(ctx context.Context, o Options, size int) *builder {
	b := &builder{
		ctx: ctx, opt: o, size: size, docID: usualDocID,
		doc:    &sbom.Document{Format: sbom.SPDX},
		images: map[int32]*imageFacts{},
	}
	likely := min(size/1024, 512) // packages: few documents have more for their size
	if o.Seen != nil {
		if l, ok := o.Seen.lists.Get().(*lists); ok {
			b.doc.Components, b.edges = l.components, l.edges
		}
		b.ids, _ = o.Seen.names.Get().(*places)
	}
	if b.doc.Components == nil {
		b.doc.Components = make([]sbom.Component, 0, likely)
	}
	if b.ids == nil {
		b.ids = &places{ids: make([]string, 0, likely)}
	}
	if o.Details {
		b.doc.Details = &sbom.DocumentDetails{}
	}
	return b
}

func (b *builder) warn(pointer, format string, args ...any) {
	if len(b.doc.Warnings) >= b.opt.MaxWarnings {
		b.dropped++
		return
	}
	b.doc.Warnings = append(b.doc.Warnings, sbom.Warning{Pointer: clip(pointer, 200), Message: fmt.Sprintf(format, args...)})
}

// alive reports whether to go on; it looks at the context now and then.
func (b *builder) alive(n int) bool {
	if b.err == nil && n%1024 == 0 {
		b.err = b.ctx.Err()
	}
	return b.err == nil
}

// add appends a component.
func (b *builder) add(c *sbom.Component, image *imageFacts) bool {
	b.marked = b.marked || marks(c)
	return b.place(c, c.Pointer, c.Known, hashOf(c.ID), image)
}

// place is add where the hash of the component's identifier is known, and c may be what
// many share: it is copied, and not changed. It is false where there are too many.
func (b *builder) place(c *sbom.Component, pointer string, known *sbom.Known, hash uint32, image *imageFacts) bool {
	i := len(b.doc.Components)
	if i >= b.opt.MaxPackages {
		b.err = ident.Errorf(ident.KindLimit, "the document has more than %d packages", b.opt.MaxPackages)
		return false
	}
	if c.Name == "" {
		b.warn(pointer, "the package has no name")
	}
	name := ""
	switch _, taken := b.ids.hashed(c.ID, hash); {
	case c.ID == "":
		b.warn(pointer, "the package has no SPDX identifier; no relationship can name it")
	case taken || c.ID == b.docID:
		b.warn(pointer, "the SPDX identifier %q is taken; relationships mean its first bearer", clip(c.ID, 80))
	default:
		name = c.ID
	}
	if image != nil {
		b.images[int32(i)] = image //nolint:gosec // as above
	}
	if i == cap(b.doc.Components) {
		more := b.more(i)
		b.doc.Components = slices.Grow(b.doc.Components, more)
		b.ids.ids, b.ids.at = slices.Grow(b.ids.ids, more), slices.Grow(b.ids.at, more)
	}
	b.doc.Components = append(b.doc.Components, *c)
	placed := &b.doc.Components[i]
	placed.Pointer, placed.Known = pointer, known
	b.ids.put(name, hash)
	return true
}

// long is from how many packages on a list is long.
const long = 1 << 15

// more is for how many more packages than n there should be room. Of a long list it is
// as many as the rest of the document would have if it went on so: growing little
// by little copies all of it again and again, and holds it twice.
func (b *builder) more(n int) int {
	if n < long || b.read == 0 {
		return n/4 + 64
	}
	rest := int(float64(n) * float64(b.size-b.read) / float64(b.read))
	return min(max(rest+rest/32+64, n/8), 3*n)
}

// find returns the component that an identifier names, or one of the places above. guess
// is a component that it may name, or none.
func (b *builder) find(id []byte, guess int32) int32 {
	if i, ok := b.ids.written(id, guess); ok {
		return i
	}
	switch {
	case string(id) == b.docID, string(id) == usualDocID:
		return atDocument
	case string(id) == noAssertion:
		return atNoAssertion
	}
	return atOther
}

// relate records a relationship whose ends are known. to is the identifier behind
// the place toAt.
func (b *builder) relate(fromAt, toAt int32, to []byte, rel relation) {
	if rel.reversed {
		fromAt, toAt = toAt, fromAt
	}
	switch {
	case rel.verb == describes:
		if fromAt == atDocument && toAt != atNoAssertion && !rel.reversed {
			b.described = append(b.described, string(to))
		} else if fromAt == atDocument && toAt >= 0 {
			b.described = append(b.described, b.doc.Components[toAt].ID)
		}
		return
	case toAt == atNoAssertion:
		// The author says that more is contained or needed and does not say what.
		// Of the whole document this is said only by its subject; which package
		// that is shows in finish.
		if fromAt == atDocument || fromAt >= 0 {
			b.edges = append(b.edges, sbom.Dependency{From: fromAt, To: atNoAssertion})
		}
	case fromAt == toAt, toAt < 0, fromAt < atDocument:
		return
	default:
		b.edges = append(b.edges, sbom.Dependency{From: fromAt, To: toAt, Kind: rel.kind})
	}
	if len(b.edges) > b.opt.MaxDependencies {
		b.err = ident.Errorf(ident.KindLimit, "the document has more than %d relationships between packages", b.opt.MaxDependencies)
	}
}

// finish makes the document: it finds the subject, takes it from among the
// components where it is the scanned artifact, and settles the dependencies.
func (b *builder) finish() (*sbom.Document, error) {
	if b.err != nil {
		return nil, b.err
	}
	b.nameNotes()
	subject, roots := b.subject()
	for _, i := range roots {
		b.edges = append(b.edges, sbom.Dependency{From: sbom.SubjectIndex, To: i, Kind: sbom.Contains})
	}
	removed := int32(-1)
	if subject >= 0 && b.isArtifact(subject) {
		removed = subject
		b.doc.Components = slices.Delete(b.doc.Components, int(subject), int(subject)+1)
	}
	settle := func(i int32) int32 {
		switch {
		case i < 0 || i == removed:
			return sbom.SubjectIndex
		case removed >= 0 && i > removed:
			return i - 1
		}
		return i
	}
	kept := b.edges[:0]
	for _, e := range b.edges {
		if e.To == atNoAssertion {
			b.doc.Incomplete = b.doc.Incomplete || e.From == atDocument || e.From == subject
			continue
		}
		e.From, e.To = settle(e.From), settle(e.To)
		if e.From != e.To {
			kept = append(kept, e)
		}
	}
	if len(kept) > 0 && b.opt.Each == nil {
		b.doc.Dependencies = kept
	}
	if len(b.doc.Components) == 0 {
		b.doc.Components = nil
	}
	b.settleNotes()
	b.rename(settle)
	if b.opt.Seen != nil && len(b.ids.ids) <= mostKept {
		b.ids.clear()
		b.opt.Seen.names.Put(b.ids)
	}
	if b.dropped > 0 {
		b.doc.Warnings = append(b.doc.Warnings, sbom.Warning{Message: fmt.Sprintf("%d more warnings are not listed", b.dropped)})
	}
	return b.doc, nil
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && s[most]&0xC0 == 0x80 {
		most--
	}
	return s[:most] + "…"
}
