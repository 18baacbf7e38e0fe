package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// GroupOptions bound a Group.
type GroupOptions struct {
	MaxDocuments int   // in one commit; 0: 256
	MaxBytes     int64 // compressed, in one commit; 0: 32 MiB
	MaxPending   int64 // compressed bytes that may wait; 0: 256 MiB. Beyond, Put pushes back
	// Linger is how long a commit waits for documents that were announced (Expect), so that
	// one sync serves them all; 0: 20 ms. What nobody announced is not waited for.
	Linger time.Duration
}

// Group coalesces concurrent Puts into commits: while one is on its way to the
// disk, the next one gathers. A lone Put is committed at once.
type Group struct {
	to      Intaker
	o       GroupOptions
	mu      sync.Mutex
	queue   []*put
	pending int64 // bytes queued or being committed
	coming  int   // documents that were announced
	closed  bool
	wake    chan struct{} // holds one token where the queue may have work
	done    chan struct{}
}

type put struct {
	ctx     context.Context
	in      Intake
	receipt Receipt
	err     error
	ready   chan struct{}
}

// overhead is what a waiting document costs beside its bytes, so that many small
// ones push back too.
const overhead = 1 << 10

func (p *put) cost() int64 {
	n := int64(len(p.in.Data)) + overhead + 4*int64(len(p.in.IDs))
	for _, k := range p.in.Keys {
		n += int64(len(k))
	}
	return n
}

// NewGroup starts a group. Close it before the store that it commits to.
func NewGroup(to Intaker, o GroupOptions) *Group {
	if o.MaxDocuments <= 0 {
		o.MaxDocuments = 256
	}
	o.MaxDocuments = min(o.MaxDocuments, MaxGroup)
	if o.MaxBytes <= 0 {
		o.MaxBytes = 32 << 20
	}
	if o.MaxPending <= 0 {
		o.MaxPending = 256 << 20
	}
	if o.Linger <= 0 {
		o.Linger = 20 * time.Millisecond
	}
	g := &Group{to: to, o: o, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go g.run()
	return g
}

// Put takes one document in and returns when it is on stable storage. It fails at
// once with ErrRetryLater where too much is waiting already. A caller that gives up
// (ctx) while its document is being committed gets ErrUnknownOutcome; one whose
// document was still waiting gets ctx's error, and nothing was changed.
func (g *Group) Put(ctx context.Context, in Intake) (Receipt, error) { return g.put(ctx, in, 0) }

// PutExpected is Put for a document that was announced; it is so no more.
func (g *Group) PutExpected(ctx context.Context, in Intake) (Receipt, error) {
	return g.put(ctx, in, 1)
}

func (g *Group) put(ctx context.Context, in Intake, announced int) (Receipt, error) {
	if err := in.Check(); err != nil {
		g.Expect(-announced)
		return Receipt{}, err
	}
	p := &put{ctx: ctx, in: in, ready: make(chan struct{})}
	g.mu.Lock()
	g.coming -= announced
	switch {
	case g.closed:
		g.mu.Unlock()
		return Receipt{}, ident.Errorf(ident.KindFailure, "%w", ErrClosed)
	case g.pending > 0 && g.pending+p.cost() > g.o.MaxPending:
		g.mu.Unlock()
		g.signal()
		return Receipt{}, ident.Errorf(ident.KindFailure, "%d bytes wait for the disk already: %w", g.o.MaxPending, ErrRetryLater).
			WithHint("send the document again in a second")
	}
	g.pending += p.cost()
	g.queue = append(g.queue, p)
	g.mu.Unlock()
	g.signal()
	select {
	case <-p.ready:
		return p.receipt, p.err
	case <-ctx.Done():
	}
	// Take it out of the queue, where it still is.
	g.mu.Lock()
	for i, q := range g.queue {
		if q == p {
			g.queue = append(g.queue[:i:i], g.queue[i+1:]...)
			g.pending -= p.cost()
			g.mu.Unlock()
			return Receipt{}, ctx.Err()
		}
	}
	g.mu.Unlock()
	select {
	case <-p.ready:
		return p.receipt, p.err
	default:
		return Receipt{}, fmt.Errorf("%w: %w", ErrUnknownOutcome, ctx.Err())
	}
}

// Close commits what waits and returns when all of it was answered.
func (g *Group) Close() error {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.signal()
	<-g.done
	return nil
}

// Expect announces n documents that are about to come by PutExpected; a negative number
// takes it back, for those that will not.
func (g *Group) Expect(n int) {
	if n == 0 {
		return
	}
	g.mu.Lock()
	g.coming += n
	none := g.coming <= 0
	g.mu.Unlock()
	if none {
		g.signal()
	}
}

// linger waits while documents are coming that the next commit has room for.
func (g *Group) linger() {
	var until <-chan time.Time
	for {
		g.mu.Lock()
		var bytes int64
		for _, p := range g.queue {
			bytes += int64(len(p.in.Data))
		}
		enough := len(g.queue) == 0 || g.coming <= 0 || g.closed || len(g.queue) >= g.o.MaxDocuments || bytes >= g.o.MaxBytes
		g.mu.Unlock()
		if enough {
			return
		}
		if until == nil {
			t := time.NewTimer(g.o.Linger)
			defer t.Stop()
			until = t.C
		}
		select {
		case <-g.wake:
		case <-until:
			return
		}
	}
}

func (g *Group) signal() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

func (g *Group) run() {
	defer close(g.done)
	for {
		g.linger()
		batch, closed := g.take()
		if len(batch) > 0 {
			g.commit(batch)
			continue
		}
		if closed {
			return
		}
		<-g.wake
	}
}

// take removes the next batch from the queue.
func (g *Group) take() (batch []*put, closed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var bytes int64
	for len(g.queue) > 0 && len(batch) < g.o.MaxDocuments {
		p := g.queue[0]
		if bytes += int64(len(p.in.Data)); len(batch) > 0 && bytes > g.o.MaxBytes {
			break
		}
		g.queue[0] = nil
		g.queue = g.queue[1:]
		batch = append(batch, p)
	}
	return batch, g.closed
}

// commit answers a batch. The commit is nobody's request: it is not cancelled
// with one of them.
func (g *Group) commit(batch []*put) {
	ctx := context.WithoutCancel(batch[0].ctx)
	group := make([]Intake, len(batch))
	var cost int64
	for i, p := range batch {
		group[i] = p.in
		cost += p.cost()
	}
	receipts, err := g.to.Commit(ctx, group)
	if err == nil && len(receipts) != len(batch) {
		err = ident.Errorf(ident.KindFailure, "the store gave %d receipts for %d documents", len(receipts), len(batch))
	}
	switch {
	case err == nil:
		for i, p := range batch {
			p.receipt = receipts[i]
		}
	case len(batch) > 1 && !errors.Is(err, ErrRetryLater) && !errors.Is(err, ErrUnknownOutcome):
		// One document that the database refuses must not take the others down.
		for i, p := range batch {
			if r, err := g.to.Commit(ctx, group[i:i+1]); err != nil {
				p.err = err
			} else {
				p.receipt = r[0]
			}
		}
	default:
		for _, p := range batch {
			p.err = err
		}
	}
	g.mu.Lock()
	g.pending -= cost
	g.mu.Unlock()
	for _, p := range batch {
		close(p.ready)
	}
}
