package notify

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/retry"
	"github.com/cofferdam-io/cofferdam/report"
)

// Message is what a receiver gets.
type Message struct {
	Type string    `json:"type"` // "findings.changed", or "findings.resync"
	Time time.Time `json:"timestamp"`
	Data Data      `json:"data"`
}

// The types of messages. After a resync a receiver has to ask for all findings: the
// server does not know any more what it was told.
const (
	TypeChanged = "findings.changed"
	TypeResync  = "findings.resync"
)

// Data is how what runs differs from what the receiver was told before.
type Data struct {
	Begun   []report.RunningFinding `json:"begun"`
	Changed []report.RunningFinding `json:"changed"` // another severity or status, or exploited now
	Ended   []Told                  `json:"ended"`
	More    int                     `json:"more"` // changes that are in messages to come
}

// mostTold bounds one message.
const mostTold = 200

// The waits between tries.
const (
	firstWait   = 5 * time.Second
	longestWait = time.Hour
)

// Follower tells one receiver what changes. It is used once.
type Follower struct {
	Hook *Hook
	// File keeps what was told. Where it is not there yet, what is so now is taken for
	// told, unless Initial.
	File    string
	Initial bool
	// Current returns the findings to be told. An error is that they are not known now.
	// Revision changes when they may have; "" is that they are not known yet.
	Current  func(ctx context.Context) ([]report.RunningFinding, error)
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
func (f *Follower) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

func (f *Follower) set(change func(*Status)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.status)
}

// Run tells until the context ends, or the receiver wants no more.
func (f *Follower) Run(ctx context.Context) {
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
			told = map[Subject]Told{}
			if !f.Initial || resync {
				for i := range now {
					x := toldOf(&now[i])
					told[x.Subject] = x
				}
			}
			f.keep(ctx, told)
		}
		if resync {
			if !f.deliver(ctx, Message{Type: TypeResync}) {
				return
			}
			resync = false
		}
		for {
			m := difference(told, now)
			if m == nil {
				break
			}
			if !f.deliver(ctx, *m) {
				return
			}
			m.Data.learn(told)
			f.keep(ctx, told)
		}
		seen = revision
	}
}

// begin reads what was told. Where that cannot be read, what is so when it is known
// is taken for told, and the receiver is told to ask.
func (f *Follower) begin(ctx context.Context) (told map[Subject]Told, resync bool) {
	told, err := readTold(f.File)
	if err != nil {
		f.Log.ErrorContext(ctx, "what a webhook was told is lost; its receiver is asked to ask for everything", "webhook", f.Hook.Name, "error", err)
		return nil, true
	}
	return told, false
}

func (f *Follower) keep(ctx context.Context, told map[Subject]Told) {
	if err := writeTold(f.File, told); err != nil {
		f.Log.ErrorContext(ctx, "what a webhook was told cannot be kept: after a restart it is told again", "webhook", f.Hook.Name, "error", err)
	}
}

// deliver tries until a message is taken. It returns false where there is no more to
// try.
func (f *Follower) deliver(ctx context.Context, m Message) bool {
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
		wait := backoff(cmp.Or(f.Wait, firstWait), try)
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

// backoff doubles with every try, up to longestWait, and half of it is chance, so that
// those who failed together do not come again together.
func backoff(first time.Duration, try int) time.Duration {
	d := longestWait
	if try < 20 {
		d = min(first<<try, longestWait)
	}
	return d/2 + mathrand.N(d/2+1) // #nosec G404 -- spreads tries
}

// difference is the next message, or nil where there is nothing to tell.
func difference(told map[Subject]Told, now []report.RunningFinding) *Message {
	m := &Message{Type: TypeChanged, Data: Data{Begun: []report.RunningFinding{}, Changed: []report.RunningFinding{}, Ended: []Told{}}}
	d := &m.Data
	n := 0
	add := func(tell func()) {
		if n++; n <= mostTold {
			tell()
		}
	}
	still := make(map[Subject]bool, len(now))
	for i := range now {
		x := toldOf(&now[i])
		still[x.Subject] = true
		was, known := told[x.Subject]
		switch {
		case !known:
			add(func() { d.Begun = append(d.Begun, now[i]) })
		case was.differs(&x):
			add(func() { d.Changed = append(d.Changed, now[i]) })
		}
	}
	var ended []Told
	for s, t := range told {
		if !still[s] {
			ended = append(ended, t)
		}
	}
	slices.SortFunc(ended, func(a, b Told) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Container, b.Container), cmp.Compare(a.ID, b.ID), cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.Image, b.Image))
	})
	for _, t := range ended {
		add(func() { d.Ended = append(d.Ended, t) })
	}
	if n == 0 {
		return nil
	}
	d.More = max(0, n-mostTold)
	return m
}

// learn notes what a message told.
func (d *Data) learn(told map[Subject]Told) {
	for _, list := range [][]report.RunningFinding{d.Begun, d.Changed} {
		for i := range list {
			x := toldOf(&list[i])
			told[x.Subject] = x
		}
	}
	for i := range d.Ended {
		delete(told, d.Ended[i].Subject)
	}
}
