package catalog

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// The names under which a checkpoint of the index is kept: its manifest, whose
// documents are, and its pieces.
const (
	manifestName = "index/manifest"
	tenantsName  = "index/tenants"
	piecePrefix  = "index/piece/"
)

// When a checkpoint is due, and how often that is looked at. What is behind the last
// one is read and indexed anew at the next start, some ten thousand documents a
// second.
const (
	checkpointEvery = 4096 // documents
	checkpointLook  = 20 * time.Second
)

// keeper writes checkpoints as the index grows, until its context ends.
type keeper struct {
	stop context.CancelFunc
	done chan struct{}
	last uint64 // documents at the last one
}

func (c *Catalog) keep(ctx context.Context) {
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.keeper = keeper{stop: stop, done: make(chan struct{}), last: uint64(c.follow.now().index.Documents())}
	go func() {
		defer close(c.keeper.done)
		t := time.NewTicker(checkpointLook)
		defer t.Stop()
		for {
			select {
			case <-run.Done():
				return
			case <-t.C:
			}
			n := uint64(c.follow.now().index.Documents())
			if n < c.keeper.last+checkpointEvery {
				continue
			}
			if err := c.save(run); err != nil && run.Err() == nil {
				c.log.WarnContext(run, "the index's checkpoint was not written", "error", err)
			}
			c.keeper.last = n
		}
	}()
}

// load opens the last checkpoint. The index is derived: where a piece of it is
// missing or damaged, it is made anew from the forward rows, and the log says so.
func load(ctx context.Context, s store.Store, log *slog.Logger) (*index.Index, map[string]index.Set, error) {
	x, tenants, err := loadCheckpoint(ctx, s)
	if err == nil {
		return x, tenants, nil
	}
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	if ident.KindOf(err) != ident.KindNotFound {
		log.WarnContext(ctx, "the index's checkpoint cannot be used; the index is made anew", "error", err)
	}
	return index.New(), map[string]index.Set{}, nil
}

func loadCheckpoint(ctx context.Context, s store.Store) (*index.Index, map[string]index.Set, error) {
	manifest, err := s.Segment(ctx, manifestName)
	if err != nil {
		return nil, nil, err
	}
	whose, err := s.Segment(ctx, tenantsName)
	if err != nil {
		return nil, nil, err
	}
	tenants, err := readTenants(whose.Data)
	if err != nil {
		return nil, nil, err
	}
	x, err := index.Open(ctx, manifest.Data, func(name string) ([]byte, error) {
		p, err := s.Segment(ctx, piecePrefix+name)
		return p.Data, err
	})
	return x, tenants, err
}

// save writes a checkpoint: everything or nothing.
func (c *Catalog) save(ctx context.Context) error {
	cp, err := c.follow.index.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if err := c.follow.reach(ctx, cp.Seq); err != nil {
		return err
	}
	// The sets may be of a later change than the checkpoint: what is read again then
	// adds what they have already.
	whose, err := writeTenants(c.follow.now().tenants)
	if err != nil {
		return err
	}
	segment := func(name string, data []byte) store.Segment {
		return store.Segment{Name: name, First: 1, Last: cp.Seq, Data: data}
	}
	put := []store.Segment{segment(manifestName, cp.Manifest), segment(tenantsName, whose)}
	for _, p := range cp.New {
		put = append(put, segment(piecePrefix+p.Name, p.Bytes))
	}
	drop := make([]string, len(cp.Drop))
	for i, name := range cp.Drop {
		drop[i] = piecePrefix + name
	}
	return storeError(c.store.PutSegments(ctx, put, drop))
}

func writeTenants(sets map[string]index.Set) ([]byte, error) {
	out := make(map[string][]uint32, len(sets))
	for t, s := range sets {
		list := make([]uint32, 0, s.Len())
		for a := range s.All() {
			list = append(list, a)
		}
		out[t] = list
	}
	return json.Marshal(out)
}

func readTenants(data []byte) (map[string]index.Set, error) {
	var lists map[string][]uint32
	if err := json.Unmarshal(data, &lists); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the list of tenants cannot be read: %w", err)
	}
	out := make(map[string]index.Set, len(lists))
	for t, list := range lists {
		out[t] = index.NewSet(list...)
	}
	return out, nil
}
