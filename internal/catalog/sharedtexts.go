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
	most  int // bytes of a line

	lines readLines
	lists sync.Pool // of *repeats, empty

	mu     sync.Mutex
	line   *textLine  // grows
	before *textLine  // is full; nothing is added to it
	piece  *textPiece // is being filled; nil: none
	room   []byte     // memory behind the piece that was handed over last
	// write hands a piece over to whoever writes, if that waits for one: while one is on its
	// way to the disk the next grows.
	write chan *textPiece
}

// repeats are what a document has of texts that were seen before, as it is read, and where
// a line has them.
type repeats struct {
	list  []spdx.Repeat
	texts []*spdx.Text // of list, by index
	spans []zstdframe.Span
}

func (r *repeats) add(one spdx.Repeat) { r.list = append(r.list, one) }

// repeats returns empty lists, which done takes back: they are a third of what taking a
// document in would leave to the collector.
func (s *sharedTexts) repeats() *repeats {
	if r, ok := s.lists.Get().(*repeats); ok {
		return r
	}
	return new(repeats)
}

// mostRepeats bounds lists that are used again.
const mostRepeats = 1 << 13

// done takes lists back that nobody looks at any more. It may be called with nil.
func (s *sharedTexts) done(r *repeats) {
	if r == nil || cap(r.list) > mostRepeats {
		return
	}
	clear(r.list) // what they point to
	clear(r.texts)
	r.list, r.texts, r.spans = r.list[:0], r.texts[:0], r.spans[:0]
	s.lists.Put(r)
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
	// textPieceLeast is how much is written at once at least: the packages of an image.
	textPieceLeast = 128 << 10
	// textPieceMost is how much at most. While a piece is that long and the one before it is
	// not on disk, nothing is added.
	textPieceMost = 4 << 20
	// textTimes is how often a text has to come again to be worth a place.
	textTimes = 2
	// textLineSize bounds what must be read for one document. Readers keep a line.
	textLineSize = 16 << 20
	// textLinesRead is how many lines are kept for reading.
	textLinesRead = 2
)

func newSharedTexts(s store.Store, log *slog.Logger) *sharedTexts {
	return &sharedTexts{store: s, log: log, most: textLineSize, line: &textLine{}, before: &textLine{}, write: make(chan *textPiece)}
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

// place says where a line has texts of a document, and which line, up to where: the one
// that grows, or the one before it while that has more of them. Texts that came more than
// once and have no place in the line that grows are given one, for documents to come. What a
// document says twice comes with them; alone it is not worth taking the document apart.
func (s *sharedTexts) place(again *repeats) (in store.TextRef) {
	if len(again.list) == 0 {
		return in
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	line, before := s.line, s.before // add may begin another, of which this document has nothing
	bytes, old := 0, 0
	for i := range again.list {
		t := again.list[i].Text()
		if again.texts = append(again.texts, t); t == nil {
			continue
		}
		if line.has(t.In, t.At, len(t.Bytes)) {
			bytes += len(t.Bytes)
		}
		if before.has(t.In, t.At, len(t.Bytes)) || before.has(t.Was.In, t.Was.At, len(t.Bytes)) {
			old += len(t.Bytes)
		}
	}
	from := line
	if old > bytes {
		from = before
	}
	spans := slices.Grow(again.spans, len(again.list))
	for i := range again.list {
		r, t := &again.list[i], again.texts[i]
		if t == nil {
			spans = append(spans, zstdframe.Span{From: r.From, To: r.To, At: r.At, Own: true})
			continue
		}
		switch {
		case from.has(t.In, t.At, len(t.Bytes)):
			spans = append(spans, zstdframe.Span{From: r.From, To: r.To, At: t.At})
		case from.has(t.Was.In, t.Was.At, len(t.Bytes)):
			spans = append(spans, zstdframe.Span{From: r.From, To: r.To, At: t.Was.At})
		}
		if t.In != any(line) && t.In != any(s.line) && r.Times >= textTimes {
			if kept := s.add(t.Bytes); kept != nil {
				kept.Was = spdx.Place{In: t.In, At: t.At}
				r.Move(t, kept) // or somebody else did, and these bytes lie there for nothing
			}
		}
	}
	if max(bytes, old) == 0 {
		return in
	}
	again.spans = spans
	return store.TextRef{Line: from.id, Through: int64(from.onDisk)}
}

// has reports whether a text that is kept at a place is on disk in the line.
func (l *textLine) has(in any, at, size int) bool {
	return in == any(l) && at+size <= l.onDisk && !l.ended
}

// add gives a text a place; nil: not now. s.mu is held.
func (s *sharedTexts) add(text []byte) *spdx.Text {
	if len(text) > textPieceMost {
		return nil
	}
	if p := s.piece; p != nil && (len(p.bytes) >= textPieceLeast || len(p.bytes)+len(text) > cap(p.bytes)) {
		select {
		case s.write <- p:
			s.piece, s.room = nil, p.bytes[len(p.bytes):]
		default:
			if len(p.bytes)+len(text) > cap(p.bytes) {
				return nil
			}
		}
	}
	if s.piece == nil {
		if s.line.given+textPieceMost > s.most {
			s.line, s.before = &textLine{}, s.line
		}
		if cap(s.room) < textPieceLeast || cap(s.room) < len(text) {
			s.room = make([]byte, 0, textPieceMost)
		}
		s.piece = &textPiece{line: s.line, at: s.line.given, bytes: s.room[:0]}
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
	if s.before == line {
		s.before = &textLine{}
	}
	if s.line == line {
		s.line, s.piece, s.room = &textLine{}, nil, nil
	}
}

// gone is told that the store has a line no more; 0: that it may not have the one that is
// used, since documents were purged.
func (s *sharedTexts) gone(id uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range []*textLine{s.before, s.line} {
		if id == 0 || l.id == id {
			s.leave(l)
		}
	}
}

// run writes pieces until ctx ends.
func (s *sharedTexts) run(ctx context.Context) {
	var e zstdframe.Encoder
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-s.write:
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
