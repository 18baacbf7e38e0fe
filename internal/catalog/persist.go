package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// The names under which a checkpoint of the index is kept: its manifest, what is
// known beside it, and what the names of its pieces begin with.
const (
	manifestName = "index/manifest"
	besideName   = "index/beside"
	piecePrefix  = "index/piece/"
)

// When a checkpoint is due, and how often that is looked at. What is behind the last
// one is read and indexed anew at the next start, some ten thousand documents a
// second.
const (
	checkpointEvery = 4096 // documents
	checkpointLook  = 20 * time.Second
)

// saveWhenDue writes a checkpoint where the index has grown enough since the last.
func (c *Catalog) saveWhenDue(ctx context.Context) {
	n := uint64(c.follow.now().index.Documents())
	if n < c.kept+checkpointEvery {
		return
	}
	if err := c.save(ctx); err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "the index's checkpoint was not written", "error", err)
	}
	c.kept = n
}

// checkpoint is what is kept beside the index's own manifest.
type checkpoint struct {
	// Pieces is what the names of the pieces begin with. Servers that share a store
	// have one each, so that none removes a piece that another's checkpoint names.
	Pieces  string              `json:"pieces"`
	Tenants map[string][]uint32 `json:"tenants"` // artifacts
}

// load opens the last checkpoint. The index is derived: where a piece of it is
// missing or damaged, it is made anew from the forward rows, and the log says so.
func load(ctx context.Context, s store.Store, log *slog.Logger) (x *index.Index, tenants map[string]index.Set, pieces string, err error) {
	x, c, err := loadCheckpoint(ctx, s)
	if err == nil {
		tenants = make(map[string]index.Set, len(c.Tenants))
		for t, list := range c.Tenants {
			tenants[t] = index.NewSet(list...)
		}
		return x, tenants, c.Pieces, nil
	}
	if ctx.Err() != nil {
		return nil, nil, "", context.Cause(ctx)
	}
	if ident.KindOf(err) != ident.KindNotFound {
		log.WarnContext(ctx, "the index's checkpoint cannot be used; the index is made anew", "error", err)
	}
	return index.New(), map[string]index.Set{}, piecePrefix, nil
}

func loadCheckpoint(ctx context.Context, s store.Store) (*index.Index, *checkpoint, error) {
	manifest, err := s.Segment(ctx, manifestName)
	if err != nil {
		return nil, nil, err
	}
	beside, err := s.Segment(ctx, besideName)
	if err != nil {
		return nil, nil, err
	}
	var c checkpoint
	if err := json.Unmarshal(beside.Data, &c); err != nil {
		return nil, nil, ident.Errorf(ident.KindInvalid, "what is kept beside the index cannot be read: %w", err)
	}
	x, err := index.Open(ctx, manifest.Data, func(name string) ([]byte, error) {
		p, err := s.Segment(ctx, c.Pieces+name)
		return p.Data, err
	})
	return x, &c, err
}

// save writes a checkpoint: everything or nothing. Of servers that share a store one
// writes them, as long as it does: another one's that is not far behind will do, and
// when it falls behind, or is gone, whoever sees it takes its place.
func (c *Catalog) save(ctx context.Context) error {
	if c.pieces != piecePrefix {
		if covered, err := c.coveredByAnother(ctx); covered || err != nil {
			return err
		}
	}
	for range 3 {
		lost, err := c.saveOnce(ctx)
		if errors.Is(err, store.ErrSegmentsGone) {
			continue // another server wrote its checkpoint between our looking and our writing
		}
		if err != nil || len(lost) == 0 {
			return err
		}
		// Another server's checkpoint took their place in the meantime; they are in memory.
		c.follow.index.Lost(lost...)
	}
	return ident.Errorf(ident.KindFailure, "other servers write the index's checkpoints at the same time")
}

// coveredByAnother reports whether the store has another server's checkpoint, of which
// what was taken in since is quickly read again.
func (c *Catalog) coveredByAnother(ctx context.Context) (bool, error) {
	beside, err := c.store.Segment(ctx, besideName)
	switch {
	case ident.KindOf(err) == ident.KindNotFound:
		return false, nil
	case err != nil:
		return false, storeError(err)
	}
	var there checkpoint
	if err := json.Unmarshal(beside.Data, &there); err != nil {
		return false, nil //nolint:nilerr // what cannot be read is written anew
	}
	return there.Pieces != c.pieces && beside.Last+c.behind > c.follow.now().seq, nil
}

// saveOnce writes a checkpoint, or says which of its pieces the store has lost.
func (c *Catalog) saveOnce(ctx context.Context) (lost []string, err error) {
	cp, err := c.follow.index.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	if cp.Seq == 0 {
		return nil, nil // nothing happened yet
	}
	if err := c.follow.reach(ctx, cp.Seq); err != nil {
		return nil, err
	}
	segment := func(name string, data []byte) store.Segment {
		return store.Segment{Name: name, First: 1, Last: cp.Seq, Data: data}
	}
	var put []store.Segment
	fresh := make(map[string]bool, len(cp.New))
	for _, p := range cp.New {
		fresh[p.Name] = true
		put = append(put, segment(c.pieces+p.Name, p.Bytes))
	}
	kept, drop, need, lost, err := c.others(ctx, cp, fresh)
	if err != nil || len(lost) > 0 {
		return lost, err
	}
	put = append(put, kept...)
	// The sets may be of a later change than the checkpoint: what is read again then
	// adds what they have already.
	beside := checkpoint{Pieces: c.pieces, Tenants: map[string][]uint32{}}
	for t, s := range c.follow.now().tenants {
		beside.Tenants[t] = slices.AppendSeq(make([]uint32, 0, s.Len()), s.All())
	}
	text, err := json.Marshal(&beside)
	if err != nil {
		return nil, err
	}
	put = append(put, segment(manifestName, cp.Manifest), segment(besideName, text))
	if err := c.store.PutSegments(ctx, put, drop, need); err != nil {
		return nil, storeError(err)
	}
	c.follow.index.Keep(cp)
	c.loaded = c.pieces
	return nil, nil
}

// others are the pieces of a checkpoint that are not new: copied from where they
// were loaded, if that is another server's place. What no checkpoint names any more
// is to be dropped; need are those that are in their place, and lost those that are nowhere.
func (c *Catalog) others(ctx context.Context, cp *index.Checkpoint, fresh map[string]bool) (put []store.Segment, drop, need, lost []string, err error) {
	names, err := index.Pieces(cp.Manifest)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	there, err := c.store.Segments(ctx)
	if err != nil {
		return nil, nil, nil, nil, storeError(err)
	}
	stored := make(map[string]bool, len(there))
	for i := range there {
		stored[there[i].Name] = true
	}
	named := map[string]bool{manifestName: true, besideName: true}
	for _, n := range names {
		named[c.pieces+n] = true
		if fresh[n] {
			continue
		}
		if stored[c.pieces+n] {
			need = append(need, c.pieces+n)
			continue
		}
		p, err := c.store.Segment(ctx, c.loaded+n)
		if ident.KindOf(err) == ident.KindNotFound {
			lost = append(lost, n)
			continue
		}
		if err != nil {
			return nil, nil, nil, nil, storeError(err)
		}
		p.Name = c.pieces + n
		put = append(put, p)
	}
	for n := range stored {
		if !named[n] && strings.HasPrefix(n, "index/") {
			drop = append(drop, n)
		}
	}
	return put, drop, need, lost, nil
}
