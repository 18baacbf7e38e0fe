package catalog

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/cofferdam-io/cofferdam/internal/store"
)

// offered are changes that this server has committed itself: what the follower
// would read back from the store, it has here. Only what comes next in the sequence is
// taken from here; anything else, another server's change in between for example, is
// read from the store.
type offered struct {
	mu      sync.Mutex
	changes []store.Change // in the order of the sequence, with gaps
	entries []store.Entry  // of the dictionary, that came with them

	coming atomic.Int32 // commits of this server's that are on their way
}

// mostOffered bounds what lies here while the follower cannot apply it. What does not
// fit is read from the store.
const mostOffered = 4 * changesAtOnce

// committer is the store that groups are committed to, which shows them to the follower
// and has their bytes remembered.
type committer struct {
	store.Intaker
	follow *follower
	has    *originals // or nil
}

func (c committer) Commit(ctx context.Context, group []store.Intake) ([]store.Receipt, error) {
	c.follow.own.coming.Add(1)
	defer c.follow.own.coming.Add(-1)
	receipts, err := c.Intaker.Commit(ctx, group)
	if err == nil {
		if c.has != nil {
			c.has.took(group, receipts)
		}
		c.follow.offer(group, receipts)
	}
	return receipts, err
}

func (f *follower) offer(group []store.Intake, receipts []store.Receipt) {
	o := &f.own
	o.mu.Lock()
	for i := range receipts {
		r := &receipts[i]
		if r.Duplicate || len(o.changes) >= mostOffered || len(o.changes) > 0 && o.changes[len(o.changes)-1].Seq >= r.Seq {
			continue
		}
		c := store.Change{Seq: r.Seq, Tenant: group[i].Tenant}
		if r.Rejected == 0 {
			c.Kind, c.Document, c.Artifact, c.Row = store.ChangeAdded, r.Document, r.Artifact, r.Row
		}
		o.changes = append(o.changes, c)
		o.entries = append(o.entries, r.Added...)
	}
	o.mu.Unlock()
	f.signal()
}

// takeOffered applies what was offered and comes next.
func (f *follower) takeOffered(ctx context.Context) error {
	for {
		v := f.now()
		changes, entries := f.own.next(v.seq)
		if len(changes) == 0 {
			return nil
		}
		next, err := f.step(ctx, v, changes, entries)
		if err != nil {
			return err
		}
		f.publish(next)
	}
}

// next takes the changes that follow a sequence number without a gap. Those before it
// are forgotten; those behind a gap stay, until the store was asked for what is between.
func (o *offered) next(seq uint64) ([]store.Change, []store.Entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	old := 0
	for old < len(o.changes) && o.changes[old].Seq <= seq {
		old++
	}
	n := old
	for n < len(o.changes) && n-old < changesAtOnce && o.changes[n].Seq == seq+uint64(n-old)+1 {
		n++
	}
	taken := o.changes[old:n:n]
	o.changes = o.changes[n:]
	if len(o.changes) == 0 {
		entries := o.entries
		o.changes, o.entries = nil, nil
		return taken, entries
	}
	return taken, o.entries
}
