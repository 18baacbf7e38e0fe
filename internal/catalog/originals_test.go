package catalog_test

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// asked counts how often a store is asked for a document's bytes, and can refuse to list
// them.
type asked struct {
	store.Store
	times  atomic.Int64
	refuse bool
}

func (a *asked) Lookup(ctx context.Context, tenant string, d ident.Digest) ([]store.Document, error) {
	a.times.Add(1)
	return a.Store.Lookup(ctx, tenant, d)
}

func (a *asked) Digests(ctx context.Context, after ident.Digest, limit int) ([]ident.Digest, error) {
	if a.refuse {
		return nil, store.ErrRetryLater
	}
	return a.Store.Digests(ctx, after, limit)
}

// The store is asked about bytes that it may have, and about no others: those that were
// there at start, that came since, that are gone again, and that another process wrote.
func TestAskedOnlyWhatMayBe(t *testing.T) {
	dir := t.TempDir()
	made := 0
	fresh := func() []byte { made++; return text(fmt.Sprint("app-", made), "pkg:npm/x@1") }
	take := func(c *catalog.Catalog, doc []byte, service string) *catalog.Receipt {
		t.Helper()
		r, err := c.Take(t.Context(), ci, catalog.Upload{Tenant: "acme", Body: bytes.NewReader(doc), Size: int64(len(doc)), Service: service})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	asks := func(s *asked, what string, want bool, do func()) {
		t.Helper()
		before := s.times.Load()
		do()
		if got := s.times.Load() > before; got != want {
			t.Errorf("%s: the store was asked: %t", what, got)
		}
	}
	// until waits until the store is asked about new documents, or no more: once the digests
	// at start have been read.
	until := func(s *asked, c *catalog.Catalog, want bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			before := s.times.Load()
			take(c, fresh(), "")
			if s.times.Load() > before == want {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("the store is asked about new documents: %t", !want)
			}
		}
	}
	old := fresh()
	for _, when := range []string{"first start", "second start"} {
		s := &asked{Store: embedded(t, dir)}
		c, end := open(t, s, catalog.Options{Limits: catalog.Limits{Poll: 10 * time.Millisecond}})
		if when == "first start" {
			take(c, old, "")
		}
		until(s, c, false)
		asks(s, when+", an old one", true, func() {
			if r := take(c, old, ""); !r.Duplicate {
				t.Errorf("%s: taken in again: %+v", when, r)
			}
		})
		one := fresh()
		asks(s, when+", a new one", false, func() { take(c, one, "") })
		asks(s, when+", the same", true, func() {
			if r := take(c, one, ""); !r.Duplicate {
				t.Errorf("%s: taken in again: %+v", when, r)
			}
		})
		asks(s, when+", said of a service", true, func() {
			if r := take(c, one, "shop"); r.Duplicate {
				t.Errorf("%s: what was said of it is lost: %+v", when, r)
			}
		})
		// Gone again.
		gone := take(c, fresh(), "")
		if err := c.Archive(t.Context(), ci, gone.Document); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Purge(t.Context(), store.Mutation{Actor: "ci", Time: time.Now()}, 1<<40); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		asks(s, when+", one that was purged", true, func() {
			if r := take(c, text(fmt.Sprint("app-", made), "pkg:npm/x@1"), ""); r.Duplicate {
				t.Errorf("%s: a purged one is known: %+v", when, r)
			}
		})
		end()
	}
	// Another process writes to the folder: from then on nothing is sure.
	s := &asked{Store: embedded(t, dir)}
	c, end := open(t, s, catalog.Options{Limits: catalog.Limits{Poll: 10 * time.Millisecond}})
	defer end()
	until(s, c, false)
	second, endSecond := open(t, embedded(t, dir), catalog.Options{})
	defer endSecond()
	theirs := fresh()
	take(second, theirs, "shop")
	until(s, c, true)
	asks(s, "another's", true, func() {
		if r := take(c, theirs, ""); !r.Duplicate {
			t.Errorf("another's is taken in again: %+v", r)
		}
	})
}

// A store that does not list what it has is asked about everything, and so is one that
// other servers write to.
func TestAskedAboutEverything(t *testing.T) {
	for what, o := range map[string]struct {
		refuse bool
		catalog.Options
	}{"no list": {refuse: true}, "shared": {Options: catalog.Options{Shared: true}}} {
		s := &asked{Store: embedded(t, t.TempDir()), refuse: o.refuse}
		c, end := open(t, s, o.Options)
		for n := range int64(3) {
			doc := text(fmt.Sprint("app-", n), "pkg:npm/x@1")
			if _, err := c.Take(t.Context(), ci, catalog.Upload{Tenant: "acme", Body: bytes.NewReader(doc), Size: int64(len(doc))}); err != nil {
				t.Fatal(err)
			}
			if got := s.times.Load(); got != n+1 {
				t.Errorf("%s: asked %d times about %d uploads", what, got, n+1)
			}
		}
		end()
	}
}
