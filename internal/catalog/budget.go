package catalog

import (
	"context"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// BusyError says that the catalogue has as much to do as it takes on at once, and
// when to come again. Nothing was done.
type BusyError struct {
	After time.Duration
	What  string // that there is too much of: "documents in memory"
}

func (e *BusyError) Error() string { return "the catalogue is busy: too many " + e.What }

// budget is a number of bytes that uploads share, so that many of them at once, or
// a few giants, do not fill the memory.
type budget struct {
	mu          sync.Mutex
	total, free int64
}

// take gives n bytes to a lease, or says that there are none now. Who is alone gets
// all that is asked for: each document is bounded by itself, and coming again would
// not help.
func (b *budget) take(l *lease, n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if alone := b.free+l.held == b.total; n > b.free && !alone {
		return &BusyError{After: 2 * time.Second, What: "bytes of documents in memory"}
	}
	b.free -= n
	l.held += n
	return nil
}

// lease is what one upload holds of a budget.
type lease struct {
	of   *budget
	held int64
}

func (l *lease) end() {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.of.free += l.held
	l.held = 0
}

// slots are places of workers. Waiting for one has an end, and so has the queue.
type slots struct {
	work  chan struct{}
	queue chan struct{}
	wait  time.Duration
}

func newSlots(work, queue int, wait time.Duration) *slots {
	return &slots{work: make(chan struct{}, work), queue: make(chan struct{}, work+queue), wait: wait}
}

// enter waits for a place; the caller leaves it with leave.
func (s *slots) enter(ctx context.Context) error {
	select {
	case s.queue <- struct{}{}:
	default:
		return &BusyError{After: s.wait, What: "uploads in the queue"}
	}
	select {
	case s.work <- struct{}{}:
		return nil
	default:
	}
	t := time.NewTimer(s.wait)
	defer t.Stop()
	select {
	case s.work <- struct{}{}:
		return nil
	case <-t.C:
		<-s.queue
		return &BusyError{After: s.wait, What: "uploads in the queue"}
	case <-ctx.Done():
		<-s.queue
		return ident.Errorf(ident.KindFailure, "the upload was given up: %w", context.Cause(ctx))
	}
}

func (s *slots) leave() {
	<-s.work
	<-s.queue
}
