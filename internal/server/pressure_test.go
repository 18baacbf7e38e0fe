package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/internal/server"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// slowDisk keeps commits waiting until it is let go, and refuses some after that, as a
// database that is away for a moment does.
type slowDisk struct {
	store.Store
	entered, released chan struct{}
	once              sync.Once
	away              atomic.Int64 // commits that are refused yet
}

func (d *slowDisk) Commit(ctx context.Context, group []store.Intake) ([]store.Receipt, error) {
	d.once.Do(func() { close(d.entered) })
	select {
	case <-d.released:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if d.away.Add(-1) >= 0 {
		return nil, fmt.Errorf("the database is away: %w", store.ErrRetryLater)
	}
	return d.Store.Commit(ctx, group)
}

// answers counts what a server answered, and what told somebody to come again without
// saying when.
type answers struct {
	busy, away, mute atomic.Int64
	refused          chan struct{} // one for each 429
}

type answerWriter struct {
	http.ResponseWriter
	of *answers
}

func (w answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w answerWriter) WriteHeader(code int) {
	if code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
		if w.Header().Get("Retry-After") == "" {
			w.of.mute.Add(1)
		}
	}
	switch code {
	case http.StatusTooManyRequests:
		w.of.busy.Add(1)
		w.of.refused <- struct{}{}
	case http.StatusServiceUnavailable:
		w.of.away.Add(1)
	}
	w.ResponseWriter.WriteHeader(code)
}

// While the disk is slow and the memory for documents is full, each further one is told to
// come again and when; push does, also where the database is away next, and in the end
// each document is there once, byte for byte.
func TestPushComesAgain(t *testing.T) {
	const senders = 6
	disk := &slowDisk{entered: make(chan struct{}), released: make(chan struct{})}
	disk.away.Store(2)
	said := &answers{refused: make(chan struct{}, 1000)}
	r := start(t, settings{access: server.Access{Loopback: true}, catalog: catalog.Limits{Document: 1 << 20, Memory: 1 << 20},
		store: func(s store.Store) store.Store { disk.Store = s; return disk },
		front: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { h.ServeHTTP(answerWriter{w, said}, q) })
		}})
	c, err := client.New(r.url, client.Options{Patience: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	docs := make([][]byte, senders+1)
	for i := range docs {
		docs[i] = append(document(fmt.Sprint("registry.example/slow", i), "", fmt.Sprintf("pkg:npm/slow@1.%d", i)), bytes.Repeat([]byte(" "), 600<<10)...)
	}
	var wg sync.WaitGroup
	push := func(doc []byte) {
		wg.Go(func() {
			got, err := c.Push(t.Context(), client.Document{Name: "slow", Size: int64(len(doc)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(doc)), nil }})
			if err != nil || got.Digest != ident.SHA256(doc).String() {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	push(docs[0])
	<-disk.entered // and holds more than half of the memory
	for _, doc := range docs[1:] {
		push(doc)
	}
	for range senders {
		<-said.refused
	}
	close(disk.released)
	wg.Wait()
	if said.mute.Load() > 0 || said.away.Load() == 0 {
		t.Errorf("%d × 429, %d × 503, %d of them without Retry-After", said.busy.Load(), said.away.Load(), said.mute.Load())
	}
	for i, doc := range docs {
		if x := r.do("GET", "/api/v1/documents/"+ident.SHA256(doc).String()+"/content", "", nil); !bytes.Equal(x.body, doc) {
			t.Errorf("document %d: %d %.100s", i, x.code, x.body)
		}
	}
	var page struct{ Items []server.Change }
	r.do("GET", "/api/v1/changes?limit=100", "", nil).into(t, &page)
	if len(page.Items) != len(docs) {
		t.Errorf("%d changes of %d documents", len(page.Items), len(docs))
	}
}
