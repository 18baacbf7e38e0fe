package job_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/job"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/postgres"
	"github.com/cofferdam-io/cofferdam/internal/store/sqlite"
	"github.com/cofferdam-io/cofferdam/internal/testenv/pg"
)

// TestMain ends the PostgreSQL that tests share.
func TestMain(m *testing.M) {
	code := m.Run()
	pg.StopShared()
	os.Exit(code)
}

func onEngines(t *testing.T, test func(t *testing.T, open func() store.Store)) {
	t.Helper()
	coding := store.Coding{Encode: index.EncodeRow}
	opened := func(t *testing.T, s store.Store, err error) store.Store {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		test(t, func() store.Store {
			s, err := sqlite.Open(context.Background(), dir, sqlite.Options{Coding: coding})
			return opened(t, s, err)
		})
	})
	t.Run("postgres", func(t *testing.T) {
		dsn := pg.Shared(t).Database(t)
		test(t, func() store.Store {
			s, err := postgres.Open(context.Background(), dsn, postgres.Options{Coding: coding})
			return opened(t, s, err)
		})
	})
}

// clock is a time that stands until somebody waits.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// days lets a job run for some waits, each of which moves the clock, and returns the times
// at which it was done.
func days(t *testing.T, j *job.Job, c *clock, waits int, do func(n int) error) (at []string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	j.Now, j.Log = c.now, slog.New(slog.NewTextHandler(t.Output(), nil))
	j.Do = func(context.Context) (string, error) {
		at = append(at, c.now().Format("02T15:04"))
		c.forward(time.Minute)
		return fmt.Sprint("time ", len(at)), do(len(at))
	}
	j.Wait = func(_ context.Context, d time.Duration) error {
		if waits--; waits < 0 {
			stop()
			return context.Canceled
		}
		if d <= 0 {
			d = time.Second
		}
		c.forward(d)
		return nil
	}
	j.Run(ctx)
	return at
}

// What is due is done at its time, once; what failed is tried again, later and later; what
// was due while no server ran is done when one starts.
func TestEveryNight(t *testing.T) { onEngines(t, everyNight) }

func everyNight(t *testing.T, open func() store.Store) {
	s, c := open(), &clock{at: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	begin := func() *job.Job {
		return &job.Job{Name: "nightly", Server: "a", Store: s, At: job.Schedule{Hour: 2*time.Hour + 30*time.Minute}}
	}
	well := func(int) error { return nil }
	if got := days(t, begin(), c, 5, well); strings.Join(got, " ") != "01T12:00 02T02:30 03T02:30" {
		t.Errorf("done at %v: the first time at once, then every night", got)
	}
	c.forward(30 * time.Hour) // nobody was there for a night
	late := c.now().Format("02T15:04")
	got := days(t, begin(), c, 2, well)
	if len(got) == 0 || got[0] != late {
		t.Errorf("after a night that was missed: %v, want %s first", got, late)
	}
	bad := func(n int) error {
		if n < 4 {
			return errors.New("the mirror is away")
		}
		return nil
	}
	c.forward(24 * time.Hour)
	j := begin()
	first := c.now()
	got = days(t, j, c, 6, bad)
	want := []time.Duration{0, 6 * time.Minute, 17 * time.Minute, 38 * time.Minute} // a minute each, and 5, 10, 20 in between
	for i, d := range want {
		if i >= len(got) || got[i] != first.Add(d).Format("02T15:04") {
			t.Fatalf("tried at %v, the first time at %s", got, first)
		}
	}
	state, err := j.State(t.Context())
	if err != nil || len(state.Runs) != 1 || state.Runs[0].Failed != 0 || state.Running != "" {
		t.Errorf("%+v, %v", state, err)
	}
	rows, err := s.States(t.Context(), store.StateQuery{Kind: store.StateJob, History: true, Limit: 1000})
	if err != nil || !slices.ContainsFunc(rows, func(r store.State) bool { return strings.Contains(string(r.Body), "the mirror is away") }) {
		t.Errorf("history does not have the failure: %v", err)
	}
	if _, err := s.Audit(t.Context()); err != nil {
		t.Error(err)
	}
}

// Several servers are never at it at once, each does it, and one that is killed in the
// middle holds the others up only as long as its lease.
func TestNeverTwoAtOnce(t *testing.T) { onEngines(t, neverTwoAtOnce) }

func neverTwoAtOnce(t *testing.T, open func() store.Store) {
	c := &clock{at: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var mu sync.Mutex
	busy, done := 0, map[string]int{}
	var all sync.WaitGroup
	const servers = 4
	for i := range servers {
		j := &job.Job{Name: "nightly", Server: fmt.Sprint("server-", i), Store: open(), Now: c.now, Log: slog.New(slog.DiscardHandler)}
		j.Do = func(context.Context) (string, error) {
			mu.Lock()
			busy++
			if busy > 1 {
				t.Error("two at once")
			}
			mu.Unlock()
			time.Sleep(5 * time.Millisecond)
			mu.Lock()
			busy--
			done[j.Server]++
			finished := len(done) == servers
			mu.Unlock()
			if finished {
				stop()
			}
			return "", nil
		}
		j.Wait = func(ctx context.Context, _ time.Duration) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(2 * time.Millisecond):
				return nil
			}
		}
		all.Go(func() { j.Run(ctx) })
	}
	all.Wait()
	if len(done) != servers {
		t.Fatalf("done on %v", done)
	}
	// A server that was killed: its lease is there, and nobody renews it.
	s := open()
	body := fmt.Sprintf(`{"server":"dead","until":%q}`, c.now().Add(10*time.Minute).Format(time.RFC3339))
	if _, err := s.Assert(t.Context(), store.Mutation{Actor: "t", Time: c.now()}, store.StateJob, "other", []store.State{{Key: "lease", Body: []byte(body)}}); err != nil {
		t.Fatal(err)
	}
	j := &job.Job{Name: "other", Server: "a", Store: s}
	if got := days(t, j, c, 40, func(int) error { return nil }); len(got) == 0 || got[0] != "01T12:10" {
		t.Errorf("done at %v, want 12:10 first, when the lease has ended", got)
	}
}

// A server that ends in the middle counts as not having done it, and leaves no lease.
func TestEndInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Coding: store.Coding{Encode: index.EncodeRow}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // of a test
	ctx, stop := context.WithCancel(t.Context())
	j := &job.Job{Name: "nightly", Server: "a", Store: s, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	j.Do = func(ctx context.Context) (string, error) {
		stop()
		<-ctx.Done()
		return "", ctx.Err()
	}
	j.Run(ctx)
	state, err := j.State(t.Context())
	if err != nil || state.Running != "" || len(state.Runs) != 1 || !state.Runs[0].Succeeded.IsZero() || state.Runs[0].Failed != 0 || state.Runs[0].Fault == "" {
		t.Fatalf("%+v, %v", state, err)
	}
}

// Whatever the time, the last time that it was due is not after it, the next one is, and
// they are a day apart but for the jitter.
func TestSchedule(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := job.Schedule{Hour: time.Duration(rapid.IntRange(0, 24*60-1).Draw(rt, "minute")) * time.Minute, Jitter: time.Duration(rapid.IntRange(0, 24*60-1).Draw(rt, "jitter")) * time.Minute}
		now := time.Unix(rapid.Int64Range(1.7e9, 1.9e9).Draw(rt, "now"), 0)
		last, next := s.Last(now, "x"), s.Next(now, "x")
		if last.After(now) || !next.After(now) || next.Sub(last) > 24*time.Hour+s.Jitter {
			rt.Fatalf("last %s, now %s, next %s", last, now, next)
		}
		if s.Last(next, "x") != next || s.Last(next.Add(-1), "x") != last {
			rt.Fatalf("something lies between %s and %s", last, next)
		}
	})
}
