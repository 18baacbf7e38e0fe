package index

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

const manifestMagic = "CFDM"

// A manifest is the head of a checkpoint. Its piece has the sections
//
//	header      sequence documents components               uvarints
//	dictionary  count { length name }                       pieces, in the order of their ids
//	postings    count { length name }                       pieces, in the order of their documents
//	deleted     a row (EncodeRow) of documents that the postings still have
//	moved       count { document artifact }                 since the postings were written
type manifest struct {
	seq                   uint64
	documents, components uint32
	dictionary, postings  []string
	dead                  Set
	moved                 []Move
}

func (m *manifest) encode() []byte {
	header := binary.AppendUvarint(nil, m.seq)
	for _, v := range []uint32{m.documents, m.components} {
		header = binary.AppendUvarint(header, uint64(v))
	}
	names := func(list []string) []byte {
		b := binary.AppendUvarint(nil, uint64(len(list)))
		for _, n := range list {
			b = binary.AppendUvarint(b, uint64(len(n)))
			b = append(b, n...)
		}
		return b
	}
	moved := binary.AppendUvarint(nil, uint64(len(m.moved)))
	for _, v := range m.moved {
		moved = binary.AppendUvarint(moved, uint64(v.Document))
		moved = binary.AppendUvarint(moved, uint64(v.Artifact))
	}
	s := newSealer(manifestMagic)
	for _, section := range [][]byte{header, names(m.dictionary), names(m.postings), EncodeRow(nil, slices.Collect(m.dead.All())), moved} {
		s.section(section)
	}
	return s.seal()
}

func decodeManifest(b []byte) (*manifest, error) {
	sections, err := open("manifest", manifestMagic, b, 5)
	if err != nil {
		return nil, err
	}
	m := &manifest{}
	h := reader{what: "manifest, header", b: sections[0]}
	m.seq = h.uvarint()
	m.documents, m.components = h.id(), h.id()
	names := func(what string, b []byte) []string {
		r := reader{what: what, b: b}
		list := make([]string, 0, min(r.count(), 1<<10))
		for !r.done() {
			list = append(list, string(r.bytes()))
		}
		if r.err != nil {
			h.err = r.err
		}
		return list
	}
	m.dictionary = names("manifest, dictionary", sections[1])
	m.postings = names("manifest, postings", sections[2])
	if h.err == nil && !h.done() {
		h.fail("there are bytes after the header")
	}
	if h.err != nil {
		return nil, h.err
	}
	dead, err := DecodeRow(nil, sections[3])
	if err != nil {
		return nil, damaged("manifest, deleted documents: %w", err)
	}
	for _, d := range dead {
		if d >= m.documents {
			return nil, damaged("manifest: the deleted document %d is not among %d", d, m.documents)
		}
		m.dead.Add(d)
	}
	r := reader{what: "manifest, moved documents", b: sections[4]}
	n := r.count()
	for range n {
		v := Move{r.id(), r.id()}
		if r.err == nil && (v.Document >= m.documents || v.Artifact >= maxArtifacts) {
			r.fail("document %d or artifact %d does not exist", v.Document, v.Artifact)
		}
		m.moved = append(m.moved, v)
	}
	if r.err == nil && !r.done() {
		r.fail("there are bytes after the last one")
	}
	return m, r.err
}

// Pieces returns the names of the pieces that a manifest needs, so that a store
// can drop others: what a crash left between a checkpoint's steps.
func Pieces(manifest []byte) ([]string, error) {
	m, err := decodeManifest(manifest)
	if err != nil {
		return nil, err
	}
	return slices.Concat(m.dictionary, m.postings), nil
}

// Open reads a checkpoint. get returns the bytes of a piece by its name; they must
// not be changed afterwards. The caller then applies what was committed after
// Snapshot().Seq(). Where the error is of KindInvalid or KindUnsupported the
// checkpoint is of no use: start from New and apply everything.
func Open(ctx context.Context, manifest []byte, get func(name string) ([]byte, error)) (*Index, error) {
	m, err := decodeManifest(manifest)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{seq: m.seq, dictionary: &dictionary{}, documents: m.documents, dead: m.dead, moved: m.moved}
	for _, name := range m.dictionary {
		piece, err := fetch(ctx, name, get)
		if err != nil {
			return nil, err
		}
		l, err := openLexicon(name, piece)
		if err != nil {
			return nil, err
		}
		if l.lo != s.dictionary.n || l.n == 0 {
			return nil, damaged("%s begins at component %d, not at %d", name, l.lo, s.dictionary.n)
		}
		s.dictionary.parts = append(s.dictionary.parts, l)
		s.dictionary.n += l.n
	}
	documents := uint32(0)
	for _, name := range m.postings {
		piece, err := fetch(ctx, name, get)
		if err != nil {
			return nil, err
		}
		g, err := openSegment(name, piece)
		if err != nil {
			return nil, err
		}
		if g.lo != documents || g.n == 0 {
			return nil, damaged("%s begins at document %d, not at %d", name, g.lo, documents)
		}
		s.segments = append(s.segments, g)
		s.artifacts = append(s.artifacts, g.artifacts...)
		documents += g.n
	}
	if documents != m.documents || s.dictionary.n != m.components {
		return nil, damaged("the pieces hold %d documents and %d components, and the manifest says %d and %d", documents, s.dictionary.n, m.documents, m.components)
	}
	for _, v := range m.moved {
		if s.artifacts[v.Document] != none {
			s.artifacts[v.Document] = v.Artifact
		}
	}
	for _, a := range s.artifacts {
		if a != none {
			s.most = max(s.most, a+1)
		}
	}
	x := New()
	x.kept = slices.Concat(m.dictionary, m.postings)
	x.snapshot.Store(s)
	return x, nil
}

func fetch(ctx context.Context, name string, get func(string) ([]byte, error)) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(name, "dictionary-") && !strings.HasPrefix(name, "postings-") {
		return nil, damaged("the manifest names a piece %q", clip(name))
	}
	b, err := get(name)
	if err != nil {
		return nil, ident.Errorf(ident.KindOf(err), "the piece %s of the index: %w", name, err)
	}
	return b, nil
}

// clip shortens foreign text for a message.
func clip(s string) string {
	const most = 120
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "�") + "…"
	}
	return s
}
