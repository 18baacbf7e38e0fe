package catalog_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/postgres"
	"github.com/cofferdam-io/cofferdam/internal/testenv/pg"
)

// A server that would look for the changes of others once in an hour shows them at
// once, since it hears of them: to who asks, and to who waits for events. That it was cut
// off, and what happened meanwhile, is made up for as soon as it hears again.
func TestChangesOfOtherServersAreHeard(t *testing.T) {
	server := pg.Shared(t)
	dsn := server.Database(t)
	limits := catalog.Limits{Poll: time.Hour}
	figuresA, figures := prometheus.NewRegistry(), prometheus.NewRegistry()
	a, endA := open(t, shared(t, dsn), catalog.Options{Shared: true, Limits: limits, Metrics: figuresA})
	defer endA()
	b, endB := open(t, shared(t, dsn), catalog.Options{Shared: true, Limits: limits, Metrics: figures, Log: slog.New(slog.DiscardHandler)})
	defer endB()
	listens := func() bool { return gauge(t, figures, "cofferdam_store_listening") == 1 }
	eventually(t, "the second server listens", listens)
	eventually(t, "and the first", func() bool { return gauge(t, figuresA, "cofferdam_store_listening") == 1 })

	n := 0
	comes := func(what string) {
		t.Helper()
		n++
		take(t, a, catalog.Upload{}, text(fmt.Sprint("image", n), fmt.Sprintf("pkg:npm/a@%d", n)))
		begun := time.Now()
		// A question looks at nothing but what the server has seen.
		eventually(t, what, func() bool { return total(t, b, catalog.Search{Component: "pkg:npm/a"}) == n })
		t.Logf("%s: after %v", what, time.Since(begun))
	}
	comes("in peace")
	// Who waits for events waits like this.
	events := make(chan error, 1)
	at, err := b.Changes(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	go func() { events <- b.Await(t.Context(), at[len(at)-1].Seq) }()
	time.Sleep(50 * time.Millisecond)
	comes("while somebody waits")
	select {
	case err := <-events:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("who waits for events is told nothing")
	}

	if ended := server.EndSessions(t, dsn, "LISTEN%"); ended != 2 {
		t.Errorf("%d servers listened", ended)
	}
	comes("after the connection was lost")
	eventually(t, "the second server listens again", listens)
	comes("once it listens again")
}

// gauge is the value of a metric without labels.
func gauge(t *testing.T, r *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after a minute", what)
		}
	}
}

// A client is told that the database is away, and not where it is.
func TestDatabaseAway(t *testing.T) {
	server := pg.Start(t)
	dsn := server.Database(t)
	s, err := postgres.Open(t.Context(), dsn, postgres.Options{Coding: store.Coding{Encode: index.EncodeRow}, Patience: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	c, end := open(t, s, catalog.Options{Shared: true, Log: slog.New(slog.DiscardHandler)})
	defer end()
	server.Kill()
	doc := text("image", "pkg:npm/a@1")
	_, err = c.Take(t.Context(), ci, catalog.Upload{Body: bytes.NewReader(doc), Size: int64(len(doc))})
	if ident.KindOf(err) != ident.KindIndeterminate || !errors.Is(err, store.ErrRetryLater) {
		t.Errorf("%v", err)
	}
	if said := err.Error(); strings.Contains(said, "user=") || strings.Contains(said, "postgres") || strings.Contains(said, "dial") {
		t.Errorf("a client is told %q", said)
	}
	if err := c.Ready(t.Context()); err == nil {
		t.Error("it is ready without its database")
	}
	server.Restart(t)
	take(t, c, catalog.Upload{}, doc)
}
