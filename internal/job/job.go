package job

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/retry"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Job is something that is done every day. Its exported fields are set before Run and
// not changed afterwards.
type Job struct {
	Name   string
	Server string // who this is; the same after a restart, and no two at once
	Store  store.Store
	At     Schedule
	// Do does it. It ends soon after its context does. The text says what came of it; an
	// error is tried again.
	Do  func(context.Context) (string, error)
	Now func() time.Time
	Log *slog.Logger
	// Wait waits, or until the context ends; nil does it by the clock.
	Wait func(context.Context, time.Duration) error

	mu      sync.Mutex
	version uint64 // of the scope, as far as it is known
}

// Run is what became of it on one server.
type Run struct {
	Server    string    `json:"server"`
	Begun     time.Time `json:"begun"`
	Ended     time.Time `json:"ended,omitzero"`     // zero while it is under way, or where the server was killed
	Succeeded time.Time `json:"succeeded,omitzero"` // when it last began and succeeded
	Failed    int       `json:"failed,omitempty"`   // times in a row
	Fault     string    `json:"fault,omitempty"`    // of the last time
	Result    string    `json:"result,omitempty"`   // of the last success
}

// lease says who does it now, and until when others take him for alive.
type lease struct {
	Server string    `json:"server"`
	Until  time.Time `json:"until"`
}

// State is how it is everywhere.
type State struct {
	Running string // the server that does it now; "" for none
	Runs    []Run  // of each server, by name
}

const (
	leaseTime  = 10 * time.Minute // a server that was killed holds others up for so long
	renewal    = leaseTime / 4
	busyWait   = 20 * time.Second // until the lease of another is looked at again
	firstRetry = 5 * time.Minute  // after a failure; doubled each time
	lastRetry  = 2 * time.Hour
	forget     = 30 * 24 * time.Hour // what became of it on a server that never came again
	tries      = 20                  // of a change that others make too
)

const leaseKey = "lease"

func runKey(server string) string { return "server " + server }

var errTaken = errors.New("another server took over: this one was taken for dead")

// Run does it whenever it is due, until the context ends. What was under way then counts
// as not done.
func (j *Job) Run(ctx context.Context) {
	wait := j.Wait
	if wait == nil {
		wait = retry.Sleep
	}
	for ctx.Err() == nil {
		d, err := j.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			j.Log.ErrorContext(ctx, "the job "+j.Name+" cannot be kept: it is looked at again", "error", err, "in", d)
		}
		if wait(ctx, d) != nil {
			return
		}
	}
}

// once does it where it is due, and returns how long there is nothing to do. An error is
// that the store cannot be asked.
func (j *Job) once(ctx context.Context) (time.Duration, error) {
	now := j.Now()
	s, err := j.State(ctx)
	if err != nil {
		return time.Minute, err
	}
	mine := s.of(j.Server)
	if due := j.At.Last(now, j.Server); !mine.Succeeded.Before(due) {
		return j.At.Next(now, j.Server).Sub(now), nil
	}
	if mine.Failed > 0 && !mine.Ended.IsZero() {
		if again := mine.Ended.Add(backoff(mine.Failed)); again.After(now) {
			return again.Sub(now), nil
		}
	}
	began := now
	took, err := j.change(ctx, func(s *kept) bool {
		if s.lease.Server != "" && s.lease.Server != j.Server && s.lease.Until.After(began) {
			return false
		}
		s.lease = lease{j.Server, began.Add(leaseTime)}
		mine = s.run(j.Server)
		mine.Begun, mine.Ended = began, time.Time{}
		s.put(mine, began)
		return true
	})
	if err != nil {
		return time.Minute, err
	}
	if !took {
		return busyWait, nil
	}
	result, err := j.leased(ctx)
	end := j.Now()
	if errors.Is(err, errTaken) {
		j.Log.ErrorContext(ctx, "the job "+j.Name+" was given up", "error", err)
		return busyWait, nil
	}
	mine.Ended, mine.Fault = end, ""
	switch {
	case ctx.Err() != nil:
		mine.Fault = "the server ended meanwhile"
	case err != nil:
		mine.Failed++
		mine.Fault = clip(err.Error())
		j.Log.ErrorContext(ctx, "the job "+j.Name+" failed and is tried again", "error", err, "failures", mine.Failed, "in", backoff(mine.Failed))
	default:
		mine.Succeeded, mine.Failed, mine.Result = began, 0, clip(result)
		j.Log.InfoContext(ctx, "the job "+j.Name+" is done", "result", result, "took", end.Sub(began))
	}
	// Written down also where the server ends: the next one need not wait for the lease.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err = j.change(last, func(s *kept) bool {
		if s.lease.Server == j.Server {
			s.lease = lease{}
		}
		s.put(mine, end)
		return true
	})
	return 0, err
}

// leased does it while the lease is renewed. It ends where another server has it.
func (j *Job) leased(ctx context.Context) (result string, err error) {
	ctx, give := context.WithCancelCause(ctx)
	defer give(nil)
	var renewing sync.WaitGroup
	ended := make(chan struct{})
	renewing.Go(func() {
		t := time.NewTicker(renewal)
		defer t.Stop()
		for {
			select {
			case <-ended:
				return
			case <-ctx.Done():
				return
			case <-t.C:
			}
			held, err := j.change(ctx, func(s *kept) bool {
				if s.lease.Server != j.Server {
					return false
				}
				s.lease.Until = j.Now().Add(leaseTime)
				return true
			})
			if err == nil && !held {
				give(errTaken)
				return
			}
		}
	})
	result, err = j.Do(ctx)
	close(ended)
	renewing.Wait()
	if errors.Is(context.Cause(ctx), errTaken) {
		return "", errTaken
	}
	return result, err
}

func backoff(failed int) time.Duration {
	d := firstRetry
	for range failed - 1 {
		if d *= 2; d >= lastRetry {
			return lastRetry
		}
	}
	return d
}

func clip(s string) string {
	if len(s) > 1000 {
		s = s[:1000] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// State says how it is everywhere.
func (j *Job) State(ctx context.Context) (*State, error) {
	k, err := j.read(ctx)
	if err != nil {
		return nil, err
	}
	s := &State{Runs: k.runs}
	if k.lease.Until.After(j.Now()) {
		s.Running = k.lease.Server
	}
	return s, nil
}

func (s *State) of(server string) Run {
	return (&kept{runs: s.Runs}).run(server)
}

// kept is what the store has of a job.
type kept struct {
	lease lease
	runs  []Run // by server
}

func (k *kept) run(server string) Run {
	if i := slices.IndexFunc(k.runs, func(r Run) bool { return r.Server == server }); i >= 0 {
		return k.runs[i]
	}
	return Run{Server: server}
}

// put replaces a server's, and forgets servers that never came again.
func (k *kept) put(r Run, now time.Time) {
	k.runs = slices.DeleteFunc(k.runs, func(x Run) bool { return x.Server == r.Server || now.Sub(x.Begun) > forget })
	k.runs = append(k.runs, r)
	slices.SortFunc(k.runs, func(a, b Run) int { return strings.Compare(a.Server, b.Server) })
}

// states are the rows that keep it.
func (k *kept) states() ([]store.State, error) {
	var out []store.State
	add := func(key string, v any) error {
		body, err := json.Marshal(v)
		out = append(out, store.State{Key: key, Body: body})
		return err
	}
	if k.lease.Server != "" {
		if err := add(leaseKey, k.lease); err != nil {
			return nil, err
		}
	}
	for _, r := range k.runs {
		if err := add(runKey(r.Server), r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// rows reads what is kept.
func (j *Job) rows(ctx context.Context) ([]store.State, error) {
	return j.Store.States(ctx, store.StateQuery{Kind: store.StateJob, Scope: j.Name, Limit: store.MaxPage})
}

func (j *Job) read(ctx context.Context) (*kept, error) {
	rows, err := j.rows(ctx)
	if err != nil {
		return nil, err
	}
	return keptOf(rows)
}

func keptOf(rows []store.State) (*kept, error) {
	k := &kept{}
	for i := range rows {
		var err error
		if rows[i].Key == leaseKey {
			err = json.Unmarshal(rows[i].Body, &k.lease)
		} else {
			var r Run
			err = json.Unmarshal(rows[i].Body, &r)
			k.runs = append(k.runs, r)
		}
		if err != nil {
			return nil, ident.Errorf(ident.KindFailure, "what is kept of a job cannot be read (%.80q): %w", rows[i].Key, err)
		}
	}
	return k, nil
}

// change changes what is kept, from what is there at that moment: another server's change
// in between makes it look again. It reports whether decide, which may run several times,
// wanted to in the end.
func (j *Job) change(ctx context.Context, decide func(*kept) bool) (bool, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for range tries {
		rows, err := j.rows(ctx)
		if err != nil {
			return false, err
		}
		k, err := keptOf(rows)
		if err != nil {
			return false, err
		}
		if !decide(k) {
			return false, nil
		}
		now, err := k.states()
		if err != nil {
			return false, err
		}
		c := store.StateChange{Scope: j.Name, Version: j.version}
		same := func(a, b store.State) bool { return a.Key == b.Key && string(a.Body) == string(b.Body) }
		for _, r := range rows {
			if !slices.ContainsFunc(now, func(x store.State) bool { return same(x, r) }) {
				c.Close = append(c.Close, r)
			}
		}
		for _, x := range now {
			if !slices.ContainsFunc(rows, func(r store.State) bool { return same(x, r) }) {
				c.Open = append(c.Open, x)
			}
		}
		done, err := j.Store.Amend(ctx, store.Mutation{Actor: "server:" + j.Server, Time: j.Now()}, store.StateJob, []store.StateChange{c})
		var moved *store.ScopesMoved
		switch {
		case errors.As(err, &moved):
			j.version = moved.Versions[j.Name]
			continue
		case err != nil:
			return false, err
		}
		j.version = done[0].Version
		return true, nil
	}
	return false, ident.Errorf(ident.KindFailure, "other servers change what is kept of the job %s again and again: %w", j.Name, store.ErrRetryLater)
}
