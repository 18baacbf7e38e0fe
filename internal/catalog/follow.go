package catalog

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// view is one consistent state of everything that questions are asked of. It stays
// as it is.
type view struct {
	seq      uint64
	index    *index.Snapshot
	tenants  map[string]index.Set // artifacts
	running  *running
	blocks   []Block
	triage   map[string][]Triage // by vulnerability
	vex      *uploads            // statements that were handed over
	vouchers *vouchers           // who vouches for documents
	// material is the last change that says what runs or what is in it: what the
	// catalogue finds out itself changes neither.
	material uint64

	// described remembers, by tenant, what every answer about now says of itself.
	described sync.Map // of *described
}

// follower keeps a view of the store. One goroutine reads what was committed, by
// this server or by another, and applies it; readers take the newest view.
type follower struct {
	store store.Store
	log   *slog.Logger
	index *index.Index
	poll  time.Duration
	view  atomic.Pointer[view]

	mu      sync.Mutex
	changed chan struct{} // closed when a view is published
	broken  error         // why the store cannot be followed now

	wake   chan struct{}
	heard  chan struct{} // another server may have committed something
	wanted atomic.Uint64 // the highest sequence number that somebody waits for
	own    offered
	stop   context.CancelFunc
	done   chan struct{}
}

// changesAtOnce bounds what one step of following holds in memory.
const changesAtOnce = 2048

// newFollower reads everything since the checkpoint that the index and the tenants
// are of.
func newFollower(ctx context.Context, s store.Store, x *index.Index, tenants map[string]index.Set, log *slog.Logger, poll time.Duration) (*follower, error) {
	f := &follower{store: s, log: log, index: x, poll: poll, changed: make(chan struct{}), wake: make(chan struct{}, 1), heard: make(chan struct{}, 1), done: make(chan struct{})}
	first := &view{seq: x.Snapshot().Seq(), index: x.Snapshot(), tenants: tenants}
	var err error
	if first.running, err = readRunning(ctx, s, tenants, time.Time{}); err != nil {
		return nil, err
	}
	first.material = first.seq
	if first.triage, err = readTriage(ctx, s); err != nil {
		return nil, err
	}
	if first.vex, err = uploaded(ctx, s, first.seq); err != nil {
		return nil, err
	}
	if first.blocks, err = readBlocks(ctx, s, "", time.Time{}); err != nil {
		return nil, err
	}
	if first.vouchers, err = readVouchers(ctx, s, time.Time{}); err != nil {
		return nil, err
	}
	f.view.Store(first)
	if err := f.catchUp(ctx); err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	f.stop = stop
	go f.run(run)
	return f, nil
}

// run follows the store until its context ends.
func (f *follower) run(ctx context.Context) {
	defer close(f.done)
	t := time.NewTicker(f.poll)
	defer t.Stop()
	for {
		look := false
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		case <-f.heard:
			look = true
		case <-t.C:
			// What a commit of this server's brings is offered in a moment; a large one
			// would be read back for nothing.
			look = f.own.coming.Load() == 0
		}
		err := f.takeOffered(ctx)
		if err == nil && (look || f.now().seq < f.wanted.Load()) {
			err = f.catchUp(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		f.mu.Lock()
		was := f.broken
		f.broken = err
		f.mu.Unlock()
		if err != nil && (was == nil || was.Error() != err.Error()) {
			f.log.ErrorContext(ctx, "the index cannot follow the store", "error", err)
		}
		if err == nil && was != nil {
			f.log.InfoContext(ctx, "the index follows the store again")
		}
	}
}

func (f *follower) close(ctx context.Context) error {
	f.stop()
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// fault is why the store cannot be followed now; nil while it can.
func (f *follower) fault() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.broken
}

// now returns the newest view.
func (f *follower) now() *view { return f.view.Load() }

// reach waits until the view covers a sequence number.
func (f *follower) reach(ctx context.Context, seq uint64) error {
	for {
		changed := f.after(seq)
		if changed == nil {
			return nil
		}
		f.want(seq)
		select {
		case <-changed:
		case <-f.done:
			return ident.Errorf(ident.KindIndeterminate, "the server is stopping; what was taken in is on disk")
		case <-ctx.Done():
			return ident.Errorf(ident.KindIndeterminate, "the change is on disk, and the index does not show it yet: %w", context.Cause(ctx))
		}
	}
}

// want wakes the follower for a sequence number.
func (f *follower) want(seq uint64) {
	for was := f.wanted.Load(); was < seq && !f.wanted.CompareAndSwap(was, seq); was = f.wanted.Load() {
		continue
	}
	f.signal()
}

func (f *follower) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// after returns what is closed when there is a newer view than now's, or nil where
// a view covers the sequence number already.
func (f *follower) after(seq uint64) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now().seq >= seq {
		return nil
	}
	return f.changed
}

func (f *follower) publish(v *view) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.view.Store(v)
	close(f.changed)
	f.changed = make(chan struct{})
}

// catchUp applies everything that was committed since the view.
func (f *follower) catchUp(ctx context.Context) error {
	for {
		v := f.now()
		changes, err := f.store.Since(ctx, v.seq, changesAtOnce)
		if err != nil || len(changes) == 0 {
			return err
		}
		next, err := f.step(ctx, v, changes, nil)
		if err != nil {
			return err
		}
		f.publish(next)
	}
}

// step is the view after some changes. entries are of the dictionary, in order, as
// far as they are known without asking for them.
func (f *follower) step(ctx context.Context, v *view, changes []store.Change, entries []store.Entry) (*view, error) {
	last := changes[len(changes)-1].Seq
	if first := changes[0].Seq; first != v.seq+1 {
		return nil, ident.Errorf(ident.KindFailure, "the store's changes go from %d to %d: some are missing", v.seq, first)
	}
	next := &view{seq: last, tenants: v.tenants, running: v.running, blocks: v.blocks, triage: v.triage, vex: v.vex, vouchers: v.vouchers, material: v.material}
	b := index.Batch{Seq: last}
	known := f.index.Snapshot()
	var added []uint32
	runs, blocks, triage, vex, trust, own := false, false, false, false, false, owners{sets: v.tenants}
	for i := range changes {
		c := &changes[i]
		if c.Kind == store.ChangeAdded || c.Kind == store.ChangeDeleted || c.Kind == store.ChangeJoined || c.Kind == store.ChangeState && c.StateKind == store.StateRuns {
			next.material = c.Seq
		}
		switch c.Kind {
		case store.ChangeAdded:
			own.add(c.Tenant, c.Artifact)
			added = append(added, c.Document)
			d := index.Document{ID: c.Document, Artifact: c.Artifact}
			if c.Row != nil {
				ids, err := index.DecodeRow(nil, c.Row)
				if err != nil {
					return nil, ident.Errorf(ident.KindFailure, "the forward row of document %d: %w", c.Document, err)
				}
				d.Components = ids
			}
			b.Documents = append(b.Documents, d)
		case store.ChangeDeleted:
			b.Deleted = append(b.Deleted, c.Document)
		case store.ChangeJoined:
			docs, err := f.store.ArtifactDocuments(ctx, c.Artifact)
			if err != nil {
				return nil, err
			}
			for _, d := range docs {
				if d < known.Documents()+uint32(len(b.Documents)) { //nolint:gosec // of a bounded batch
					b.Moved = append(b.Moved, index.Move{Document: d, Artifact: c.Artifact})
				}
			}
		case store.ChangeState:
			runs = runs || c.StateKind == store.StateRuns
			blocks = blocks || c.StateKind == store.StateBlocked
			triage = triage || c.StateKind == store.StateTriage
			vex = vex || c.StateKind == store.StateVEX
			trust = trust || c.StateKind == store.StateTrust
		}
	}
	if err := f.keys(ctx, known, &b, entries); err != nil {
		return nil, err
	}
	if err := f.index.Apply(b); err != nil {
		return nil, err
	}
	next.index, next.tenants = f.index.Snapshot(), own.sets
	var err error
	if blocks {
		if next.blocks, err = readBlocks(ctx, f.store, "", time.Time{}); err != nil {
			return nil, err
		}
	}
	if triage {
		if next.triage, err = readTriage(ctx, f.store); err != nil {
			return nil, err
		}
	}
	if vex {
		if next.vex, err = uploaded(ctx, f.store, last); err != nil {
			return nil, err
		}
	}
	if trust {
		if next.vouchers, err = readVouchers(ctx, f.store, time.Time{}); err != nil {
			return nil, err
		}
	}
	switch {
	case runs:
		next.running, err = readRunning(ctx, f.store, next.tenants, time.Time{})
	case len(added) > 0 && len(v.running.images) > 0:
		next.running, err = v.running.with(ctx, f.store, added)
	}
	return next, err
}

// keys reads the dictionary's entries that the batch's documents need. Later ones
// may come with them.
func (f *follower) keys(ctx context.Context, known *index.Snapshot, b *index.Batch, given []store.Entry) error {
	need := uint32(0)
	for i := range b.Documents {
		if c := b.Documents[i].Components; len(c) > 0 {
			need = max(need, c[len(c)-1]+1)
		}
	}
	n := known.Components()
	for i := range given {
		if given[i].ID == n {
			b.Keys = append(b.Keys, given[i].Key)
			n++
		}
	}
	for n < need {
		entries, err := f.store.Dictionary(ctx, n, changesAtOnce*8)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return ident.Errorf(ident.KindFailure, "the dictionary ends at %d, and a document has component %d", n, need-1)
		}
		for i := range entries {
			if entries[i].ID != n {
				return ident.Errorf(ident.KindFailure, "the dictionary goes from %d to %d", n, entries[i].ID)
			}
			b.Keys = append(b.Keys, entries[i].Key)
			n++
		}
	}
	return nil
}

// owners are the artifacts of each tenant. The sets that it began with are left
// alone.
type owners struct {
	sets map[string]index.Set
	own  map[string]bool // of sets that are this one's to change
}

func (o *owners) add(tenant string, artifact uint32) {
	s := o.sets[tenant]
	if s.Has(artifact) {
		return
	}
	if !o.own[tenant] {
		if o.own == nil {
			o.sets, o.own = maps.Clone(o.sets), make(map[string]bool)
			if o.sets == nil {
				o.sets = make(map[string]index.Set)
			}
		}
		s, o.own[tenant] = s.Clone(), true
	}
	s.Add(artifact)
	o.sets[tenant] = s
}
