package catalog

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/sqlite"
)

// Of two servers one writes checkpoints; the other does so when that one falls behind,
// although the pieces that it began with are gone by then, and back again. Each
// checkpoint opens as it is, with everything in it.
func TestCheckpointsOfTwoServers(t *testing.T) {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, t.TempDir(), sqlite.Options{Coding: store.Coding{Encode: index.EncodeRow}})
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	start := func() *Catalog {
		c, err := Open(ctx, Options{Store: s, Log: slog.New(slog.NewTextHandler(&said, nil)), Now: time.Now, Shared: true})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	count := 0
	take := func(c *Catalog, n int) {
		for range n {
			count++
			doc := fmt.Sprintf(`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"p%d","version":"1","purl":"pkg:npm/p%d@1"}]}`, count, count)
			if _, err := c.Take(ctx, authz.Actor{Subject: "ci"}, Upload{Body: strings.NewReader(doc), Size: int64(len(doc))}); err != nil {
				t.Fatal(err)
			}
		}
	}
	owner := func() string {
		_, cp, err := loadCheckpoint(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		return cp.Pieces
	}
	save := func(c *Catalog) {
		if err := c.follow.catchUp(ctx); err != nil {
			t.Fatal(err)
		}
		if err := c.save(ctx); err != nil {
			t.Fatal(err)
		}
	}
	a, b := start(), start()
	take(a, 40)
	save(a)
	take(b, 3)
	if save(b); owner() != a.pieces {
		t.Error("a checkpoint that is not far behind was written anew by another server")
	}
	for round := range 4 {
		from, to := a, b
		if round%2 == 1 {
			from, to = b, a
		}
		from.behind, to.behind = 1000, 1
		take(to, 5+round*20)
		save(to)
		if owner() != to.pieces {
			t.Errorf("round %d: the server did not take over from one that fell behind", round)
		}
		x, _, err := loadCheckpoint(ctx, s)
		if err != nil || int(x.Snapshot().Documents()) != count {
			t.Errorf("round %d: the checkpoint has not all of %d documents: %v", round, count, err)
		}
		take(from, 1)
		save(from) // covered: nothing is written
		there, err := s.Segments(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i := range there {
			if strings.HasPrefix(there[i].Name, from.pieces) {
				t.Errorf("round %d: %s is nobody's any more", round, there[i].Name)
			}
		}
	}
	for _, c := range []*Catalog{a, b} {
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	c := start()
	if n := int(c.follow.now().index.Documents()); n != count {
		t.Errorf("%d of %d documents after a new start", n, count)
	}
	if err := c.Close(ctx); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if said.Len() > 0 {
		t.Errorf("the log says: %s", said.String())
	}
}
