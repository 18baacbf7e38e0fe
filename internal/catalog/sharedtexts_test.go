package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// likes makes documents of one organisation, one after the other: most of their packages
// are in others too.
func likes(t *testing.T) (next func() []byte) {
	t.Helper()
	corpus, err := synth.New(synth.Config{Documents: 1000, Components: 283, Seed: 3, Spelled: true})
	if err != nil {
		t.Fatal(err)
	}
	return func() []byte {
		d, _ := corpus.Next()
		return corpus.SPDX(nil, &d)
	}
}

func many(n int, next func() []byte) (docs [][]byte) {
	for range n {
		docs = append(docs, next())
	}
	return docs
}

// untilShared takes documents in, one after the other, until one is packed with others'
// texts and is as small as is wanted (0: of any size), and returns them. Texts are written
// beside intake: how many documents that takes is the machine's affair.
func untilShared(t *testing.T, c *catalog.Catalog, s store.Store, next func() []byte, most int) (docs [][]byte, line uint32) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		docs = append(docs, next())
		takeAll(t, c, docs[len(docs)-1:])
		lines, size := linesOf(t, s, docs[len(docs)-1:])
		if lines[0] != 0 && (most == 0 || size <= most) {
			return docs, lines[0]
		}
		if time.Now().After(end) {
			t.Fatalf("after %d documents the last is packed with line %d, and takes %d bytes (%d at most)", len(docs), lines[0], size, most)
		}
	}
}

// takeAll takes documents in, several at once.
func takeAll(t *testing.T, c *catalog.Catalog, docs [][]byte) {
	t.Helper()
	var wg sync.WaitGroup
	gate := make(chan struct{}, 4)
	for _, d := range docs {
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			if _, err := c.Take(context.Background(), ci, catalog.Upload{Body: bytes.NewReader(d), Size: int64(len(d))}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// sameBytes fails unless each document comes back as it was handed over.
func sameBytes(t *testing.T, c *catalog.Catalog, docs [][]byte) {
	t.Helper()
	for i, d := range docs {
		r, n, err := c.Content(t.Context(), "", ident.SHA256(d))
		if err != nil {
			t.Fatalf("document %d: %v", i, err)
		}
		got, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil || n != int64(len(d)) || !bytes.Equal(got, d) {
			t.Fatalf("document %d comes back as %d bytes, not %d: %v", i, len(got), len(d), err)
		}
	}
}

// linesOf returns the line of texts that each document is packed with, and how large all
// are together.
func linesOf(t *testing.T, s store.Store, docs [][]byte) (lines []uint32, size int) {
	t.Helper()
	for _, d := range docs {
		o, err := s.Original(t.Context(), "", ident.SHA256(d))
		if err != nil {
			t.Fatal(err)
		}
		lines, size = append(lines, o.Texts.Line), size+len(o.Data)
	}
	return lines, size
}

// Documents are packed with texts that others have too, and come back as they were: from
// the same server, from one that is started anew, and from another replica.
func TestDocumentsShareTexts(t *testing.T) { onEngines(t, documentsShareTexts) }

func documentsShareTexts(t *testing.T, reopen func() store.Store) {
	next := likes(t)
	docs := many(1, next)
	s := reopen()
	c, end := open(t, s, catalog.Options{})
	takeAll(t, c, docs)
	lines, alone := linesOf(t, s, docs)
	if lines[0] != 0 {
		t.Errorf("the first document is packed with line %d", lines[0])
	}
	for range 2 { // both several at once and one after the other
		together := many(20, next)
		takeAll(t, c, together)
		one, _ := untilShared(t, c, s, next, alone*3/4)
		docs = slices.Concat(docs, together, one)
	}
	sameBytes(t, c, docs)
	end()
	c, end = open(t, reopen(), catalog.Options{})
	other, endOther := open(t, reopen(), catalog.Options{})
	slices.Reverse(docs)
	sameBytes(t, c, docs)
	sameBytes(t, other, docs)
	endOther()
	end()
}

// Where documents are purged their texts go with the last of them, and a server that
// still knew them packs what comes next without.
func TestSharedTextsArePurged(t *testing.T) { onEngines(t, sharedTextsArePurged) }

func sharedTextsArePurged(t *testing.T, reopen func() store.Store) {
	more := likes(t)
	s := reopen()
	c, end := open(t, s, catalog.Options{})
	defer end()
	docs, line := untilShared(t, c, s, more, 0)
	n := len(docs)
	// Another server purges all of them, and this one does not hear of it.
	by := store.Mutation{Actor: "ops", Time: time.Now()}
	other := reopen()
	ids := make([]uint32, n)
	for i := range ids {
		ids[i] = uint32(i)
	}
	if _, err := other.Delete(t.Context(), by, ids); err != nil {
		t.Fatal(err)
	}
	p, err := other.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if purged, err := other.Purge(t.Context(), by, p.Seq); err != nil || purged != n {
		t.Fatal(purged, err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Texts(t.Context(), store.TextRef{Line: line, Through: 1}); err == nil {
		t.Errorf("line %d is there without a document", line)
	}
	docs = append(docs, many(20, more)...)
	next := docs[n]
	again := func() error {
		_, err := c.Take(t.Context(), ci, catalog.Upload{Body: bytes.NewReader(next), Size: int64(len(next))})
		return err
	}
	if err := again(); ident.KindOf(err) != ident.KindIndeterminate {
		t.Errorf("a document that was packed with what is gone: %v", err)
	}
	if err := again(); err != nil {
		t.Errorf("the same sent again: %v", err)
	}
	takeAll(t, c, docs[n+1:])
	sameBytes(t, c, docs[n:])
}

// withoutTexts is a store that cannot write texts.
type withoutTexts struct{ store.Store }

func (withoutTexts) AddTexts(context.Context, store.TextPiece) (uint32, error) {
	return 0, errors.New("the disk is full")
}

func TestTextsThatCannotBeWritten(t *testing.T) {
	docs := many(12, likes(t))
	s := withoutTexts{embedded(t, t.TempDir())}
	c, end := open(t, s, catalog.Options{})
	defer end()
	takeAll(t, c, docs)
	if lines, _ := linesOf(t, s, docs); slices.Max(lines) != 0 {
		t.Errorf("documents are packed with lines %v", lines)
	}
	sameBytes(t, c, docs)
}
