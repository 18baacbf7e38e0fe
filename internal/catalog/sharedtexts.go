package catalog

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/zstdframe"
	"github.com/cofferdam-io/cofferdam/sbom/spdx"
)

// sharedTexts keeps what documents have in common: a package of a base image, which a
// scanner writes in the same words each time. Texts that came again are laid one behind
// the other in a line, which the store keeps in pieces; a document is then packed as a
// reference to them (zstd's dictionaries), which takes less time and less room than the
// text. A document refers only to what is on disk, and to one line.
type sharedTexts struct {
	store store.Store
	log   *slog.Logger

	lines readLines

	mu      sync.Mutex
	line    *textLine
	piece   *textPiece // is being filled; nil: none
	waiting int        // pieces that are full and not on disk
	full    chan *textPiece
}

// textLine is texts of which documents that refer to it may need all that are before some
// place.
type textLine struct {
	id     uint32 // the store's; 0: nothing of it is on disk
	onDisk int    // bytes
	given  int    // bytes that have a place, those on disk included
	ended  bool   // a piece of it was lost: nothing can follow
}

// textPiece is what is written at once. Its bytes are never moved: Seen compares with them.
type textPiece struct {
	line  *textLine
	at    int
	bytes []byte
}

const (
	// textPieceSize is how much is written at once: the packages of one or two images.
	textPieceSize = 256 << 10
	// textLineSize bounds what must be read for one document. Readers keep a line.
	textLineSize = 16 << 20
	// textPiecesWaiting is how many pieces may wait for the disk; while they do, nothing is added.
	textPiecesWaiting = 2
	// textLinesRead is how many lines are kept for reading.
	textLinesRead = 2
)

func newSharedTexts(s store.Store, log *slog.Logger) *sharedTexts {
	return &sharedTexts{store: s, log: log, line: &textLine{}, full: make(chan *textPiece, textPiecesWaiting)}
}

// readLines are the lines that documents were read with lately.
type readLines struct {
	mu   sync.Mutex
	list []readLine // the latest first
}

// readLine is a line from its beginning on, as far as somebody needed it.
type readLine struct {
	id    uint32
	bytes []byte
}

// read returns the texts that a document was packed with.
func (s *sharedTexts) read(ctx context.Context, ref store.TextRef) ([]byte, error) {
	l := &s.lines
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.IndexFunc(l.list, func(r readLine) bool { return r.id == ref.Line })
	if at >= 0 && int64(len(l.list[at].bytes)) >= ref.Through {
		one := l.list[at]
		l.list = slices.Insert(slices.Delete(l.list, at, at+1), 0, one)
		return one.bytes[:ref.Through], nil
	}
	pieces, err := s.store.Texts(ctx, ref)
	if err != nil {
		return nil, storeError(err)
	}
	one := readLine{id: ref.Line}
	for _, p := range pieces {
		if one.bytes, err = s.unpack(one.bytes, p); err != nil {
			return nil, err
		}
	}
	l.list = slices.DeleteFunc(l.list, func(r readLine) bool { return r.id == ref.Line })
	l.list = slices.Insert(l.list, 0, one)
	l.list = l.list[:min(len(l.list), textLinesRead)]
	return one.bytes[:ref.Through], nil
}

// unpack appends a piece.
func (*sharedTexts) unpack(line []byte, p store.TextPiece) ([]byte, error) {
	r, err := unpack(p.Data)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // of a reader
	w := bytes.NewBuffer(line)
	if n, err := w.ReadFrom(io.LimitReader(r, p.Size+1)); err != nil || n != p.Size {
		return nil, ident.Errorf(ident.KindFailure, "line %d of texts is damaged at %d", p.Line, p.At).WithHint("restore a backup: documents are packed with it")
	}
	return w.Bytes(), nil
}

// spans says where a line has texts of a document, and which line, up to where. Texts that
// have no place yet are given one, for documents to come.
func (s *sharedTexts) spans(repeats []spdx.Repeat) (in store.TextRef, spans []zstdframe.Span) {
	if len(repeats) == 0 {
		return in, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in = store.TextRef{Line: s.line.id, Through: int64(s.line.onDisk)}
	spans = make([]zstdframe.Span, 0, len(repeats))
	for i := range repeats {
		r := &repeats[i]
		t := r.Text()
		if t.In != any(s.line) {
			if kept := s.add(t.Bytes); kept != nil {
				r.Move(t, kept) // or somebody else did, and these bytes lie there for nothing
			}
		} else if t.At+len(t.Bytes) <= int(in.Through) {
			spans = append(spans, zstdframe.Span{From: r.From, To: r.To, At: t.At})
		}
	}
	return in, spans
}

// add gives a text a place; nil: not now. s.mu is held.
func (s *sharedTexts) add(text []byte) *spdx.Text {
	if len(text) > textPieceSize {
		return nil
	}
	if s.piece != nil && len(s.piece.bytes)+len(text) > textPieceSize {
		if s.waiting == textPiecesWaiting {
			return nil
		}
		s.waiting++
		s.full <- s.piece
		s.piece = nil
	}
	if s.piece == nil {
		if s.line.given+textPieceSize > textLineSize {
			s.line = &textLine{}
		}
		s.piece = &textPiece{line: s.line, at: s.line.given, bytes: make([]byte, 0, textPieceSize)}
	}
	p := s.piece
	at := len(p.bytes)
	p.bytes = append(p.bytes, text...)
	p.line.given += len(text)
	return &spdx.Text{Bytes: p.bytes[at:len(p.bytes):len(p.bytes)], In: p.line, At: p.at + at}
}

// leave has nothing refer to a line any more.
func (s *sharedTexts) leave(line *textLine) {
	line.ended = true
	if s.line == line {
		s.line, s.piece = &textLine{}, nil
	}
}

// gone is told that the store has a line no more; 0: that it may not have the one that is
// used, since documents were purged.
func (s *sharedTexts) gone(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == 0 || s.line.id == id {
		s.leave(s.line)
	}
}

// run writes pieces until ctx ends.
func (s *sharedTexts) run(ctx context.Context) {
	var e zstdframe.Encoder
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-s.full:
			s.keep(ctx, p, e.Append(nil, p.bytes))
		}
	}
}

func (s *sharedTexts) keep(ctx context.Context, p *textPiece, packed []byte) {
	s.mu.Lock()
	id, ended := p.line.id, p.line.ended
	s.mu.Unlock()
	var err error
	if !ended {
		id, err = s.store.AddTexts(ctx, store.TextPiece{Line: id, At: int64(p.at), Size: int64(len(p.bytes)), Data: packed})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
	switch {
	case err != nil:
		s.leave(p.line)
		if ctx.Err() == nil {
			s.log.LogAttrs(ctx, slog.LevelWarn, "texts that documents share could not be written; the next documents are packed without them", slog.String("error", err.Error()))
		}
	case !ended:
		p.line.id, p.line.onDisk = id, p.at+len(p.bytes)
	}
}
