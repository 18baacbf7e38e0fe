package notify

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/retry"
)

// Message is what a receiver gets: V is what is told of, as it is now, and T what is kept
// of it and told when it ends.
type Message[V, T any] struct {
	Type string     `json:"type"` // "findings.changed", or "findings.resync"; scores likewise
	Time time.Time  `json:"timestamp"`
	Data Data[V, T] `json:"data"`
}

// The types of messages. After a resync a receiver has to ask for all findings, or
// scores: the server does not know any more what it was told.
const (
	TypeChanged       = "findings.changed"
	TypeResync        = "findings.resync"
	TypeScoresChanged = "scores.changed"
	TypeScoresResync  = "scores.resync"
)

// Data is how what is so differs from what the receiver was told before.
type Data[V, T any] struct {
	Begun   []V `json:"begun"`
	Changed []V `json:"changed"` // so that a receiver has to be told again
	Ended   []T `json:"ended"`
	More    int `json:"more"` // changes that are in messages to come
}

// Kind is what receivers can be told of.
type Kind[V, T any] struct {
	changed, resync string
	told            func(*V) T
	key             func(*T) string // what it is about; it orders what ended
	differs         func(was, now *T) bool
}

// mostTold bounds one message.
const mostTold = 200

// The waits between tries.
const (
	firstWait   = 5 * time.Second
	longestWait = time.Hour
)

// Follower tells one receiver what changes. It is used once.
type Follower[V, T any] struct {
	Kind Kind[V, T]
	Hook *Hook
	// File keeps what was told. Where it is not there yet, what is so now is taken for
	// told, unless Initial.
	File    string
	Initial bool
	// Current returns what is to be told of. An error is that they are not known now.
	// Revision changes when they may have; "" is that they are not known yet.
	Current  func(ctx context.Context) ([]V, error)
	Revision func() string
	Every    time.Duration // between looks: 2 s by default
	Wait     time.Duration // after the first failure: firstWait by default
	Log      *slog.Logger
	Now      func() time.Time

	mu     sync.Mutex
	status Status
}

// Status is how telling a receiver is.
type Status struct {
	Delivered time.Time // the last message that was taken
	Messages  int       // that were taken since the server began
	Failures  int       // since then, one after the other
	Problem   string    // why the last try failed
	Next      time.Time // when it is tried again
	Gone      bool      // the receiver said that it wants no more
}

// Status says how it is.
func (f *Follower[V, T]) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

func (f *Follower[V, T]) set(change func(*Status)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.status)
}

// Run tells until the context ends, or the receiver wants no more.
func (f *Follower[V, T]) Run(ctx context.Context) {
	defer f.Hook.Close()
	told, resync := f.begin(ctx)
	seen := ""
	t := time.NewTicker(cmp.Or(f.Every, 2*time.Second))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		revision := f.Revision() // before what it is of: what comes between is looked at again
		if revision == "" || revision == seen && !resync {
			continue
		}
		now, err := f.Current(ctx)
		if err != nil {
			continue // asked again in a moment; the catalogue says in its own log why
		}
		if told == nil { // the first time
			told = map[string]T{}
			if !f.Initial || resync {
				f.Kind.learn(told, now)
			}
			f.keep(ctx, told)
		}
		if resync {
			if !f.deliver(ctx, Message[V, T]{Type: f.Kind.resync}) {
				return
			}
			resync = false
		}
		for {
			m := f.Kind.difference(told, now)
			if m == nil {
				break
			}
			if !f.deliver(ctx, *m) {
				return
			}
			f.Kind.learn(told, m.Data.Begun)
			f.Kind.learn(told, m.Data.Changed)
			for i := range m.Data.Ended {
				delete(told, f.Kind.key(&m.Data.Ended[i]))
			}
			f.keep(ctx, told)
		}
		seen = revision
	}
}

// begin reads what was told. Where that cannot be read, what is so when it is known
// is taken for told, and the receiver is told to ask.
func (f *Follower[V, T]) begin(ctx context.Context) (told map[string]T, resync bool) {
	told, err := readTold(f.File, f.Kind.key)
	if err != nil {
		f.Log.ErrorContext(ctx, "what a webhook was told is lost; its receiver is asked to ask for everything", "webhook", f.Hook.Name, "error", err)
		return nil, true
	}
	return told, false
}

func (f *Follower[V, T]) keep(ctx context.Context, told map[string]T) {
	if err := writeTold(f.File, told); err != nil {
		f.Log.ErrorContext(ctx, "what a webhook was told cannot be kept: after a restart it is told again", "webhook", f.Hook.Name, "error", err)
	}
}

// deliver tries until a message is taken. It returns false where there is no more to
// try.
func (f *Follower[V, T]) deliver(ctx context.Context, m Message[V, T]) bool {
	id := "msg_" + rand.Text()
	for try := 0; ; try++ {
		at := f.Now().UTC()
		m.Time = at
		body, err := json.Marshal(&m)
		if err == nil {
			err = f.Hook.Send(ctx, id, at, body)
		}
		if err == nil {
			f.set(func(s *Status) {
				*s = Status{Delivered: at, Messages: s.Messages + 1}
			})
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		var r *Refused
		if errors.As(err, &r) && r.Gone() {
			f.Log.ErrorContext(ctx, "a webhook's receiver wants no more messages; it gets none until the server starts anew", "webhook", f.Hook.Name)
			f.set(func(s *Status) { s.Gone, s.Problem, s.Next = true, err.Error(), time.Time{} })
			return false
		}
		wait := retry.Backoff(cmp.Or(f.Wait, firstWait), longestWait, try)
		if r != nil {
			wait = max(wait, r.After)
		}
		f.Log.WarnContext(ctx, "a webhook was not taken", "webhook", f.Hook.Name, "error", err, "again", wait)
		f.set(func(s *Status) { s.Failures++; s.Problem, s.Next = err.Error(), f.Now().Add(wait) })
		if retry.Sleep(ctx, wait) != nil {
			return false
		}
	}
}

// difference is the next message, or nil where there is nothing to tell.
func (k *Kind[V, T]) difference(told map[string]T, now []V) *Message[V, T] {
	m := &Message[V, T]{Type: k.changed, Data: Data[V, T]{Begun: []V{}, Changed: []V{}, Ended: []T{}}}
	d := &m.Data
	n := 0
	add := func(tell func()) {
		if n++; n <= mostTold {
			tell()
		}
	}
	still := make(map[string]bool, len(now))
	for i := range now {
		x := k.told(&now[i])
		key := k.key(&x)
		still[key] = true
		was, known := told[key]
		switch {
		case !known:
			add(func() { d.Begun = append(d.Begun, now[i]) })
		case k.differs(&was, &x):
			add(func() { d.Changed = append(d.Changed, now[i]) })
		}
	}
	var ended []string
	for key := range told {
		if !still[key] {
			ended = append(ended, key)
		}
	}
	slices.Sort(ended)
	for _, key := range ended {
		add(func() { d.Ended = append(d.Ended, told[key]) })
	}
	if n == 0 {
		return nil
	}
	d.More = max(0, n-mostTold)
	return m
}

// learn notes what was told.
func (k *Kind[V, T]) learn(told map[string]T, vs []V) {
	for i := range vs {
		x := k.told(&vs[i])
		told[k.key(&x)] = x
	}
}
