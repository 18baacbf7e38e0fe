package catalog

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Block is a component that must not be used.
type Block struct {
	List      string    `json:"-"`
	Component string    `json:"-"` // as a question asks for it: a package URL or name, with or without a version or range
	Reason    string    `json:"reason"`
	Ticket    string    `json:"ticket,omitempty"`
	Expires   time.Time `json:"expires,omitzero"` // zero: never
	Since     time.Time `json:"-"`

	query vuln.ComponentQuery
}

// active reports whether a block counts at a time.
func (b *Block) active(at time.Time) bool { return b.Expires.IsZero() || at.Before(b.Expires) }

// MostBlocks bounds one list: each is asked for with every document.
const MostBlocks = 10_000

// SetBlocks makes blocks the whole of a list from now on.
func (c *Catalog) SetBlocks(ctx context.Context, by authz.Actor, list string, blocks []Block) (changed int, err error) {
	if len(blocks) > MostBlocks {
		return 0, ident.Errorf(ident.KindLimit, "the list has %d entries; at most %d fit", len(blocks), MostBlocks)
	}
	rows := make([]store.State, 0, len(blocks))
	for i := range blocks {
		b := blocks[i]
		if _, err := vuln.ParseComponentQuery(b.Component); err != nil {
			return 0, ident.Errorf(ident.KindInvalid, "entry %d: %w", i, err)
		}
		if strings.TrimSpace(b.Reason) == "" {
			return 0, ident.Errorf(ident.KindInvalid, "entry %d, %.80q, has no reason", i, b.Component).WithHint("who is stopped by it will ask for it")
		}
		body, err := json.Marshal(&b)
		if err != nil {
			return 0, err
		}
		rows = append(rows, store.State{Key: b.Component, Body: body})
	}
	n, err := c.store.Assert(ctx, c.mutation(by), store.StateBlocked, list, rows)
	if err != nil || n == 0 {
		return n, storeError(err)
	}
	return n, c.settle(ctx)
}

// Blocks lists what is blocked, or was at a time; of one list where that is named.
func (c *Catalog) Blocks(ctx context.Context, list string, at time.Time) ([]Block, error) {
	return readBlocks(ctx, c.store, list, at)
}

func readBlocks(ctx context.Context, s store.Store, list string, at time.Time) ([]Block, error) {
	var out []Block
	err := eachState(ctx, s, store.StateQuery{Kind: store.StateBlocked, Scope: list, At: at}, func(row *store.State) error {
		b := Block{List: row.Scope, Component: row.Key, Since: row.From}
		err := json.Unmarshal(row.Body, &b)
		if err == nil {
			b.query, err = vuln.ParseComponentQuery(b.Component)
		}
		if err != nil {
			return ident.Errorf(ident.KindFailure, "entry %.80q of the list %.80q cannot be read: %w", row.Key, row.Scope, err)
		}
		out = append(out, b)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// BlockedUse is a blocked component in an artifact.
type BlockedUse struct {
	Block
	Components []FoundComponent // that are meant
	// Doubtful is true where a version cannot be compared with the block's: it may be
	// one that is meant.
	Doubtful bool
}

// blockedIn returns what of the blocked an artifact has.
func (c *Catalog) blockedIn(ctx context.Context, v *view, artifact uint32) ([]BlockedUse, error) {
	var out []BlockedUse
	now := c.now()
	for i := range v.blocks {
		b := &v.blocks[i]
		if !b.active(now) {
			continue
		}
		a, err := v.index.Find(ctx, index.Query{Component: b.query, Within: []index.Set{index.NewSet(artifact)}})
		if err != nil {
			return nil, err
		}
		use := BlockedUse{Block: *b, Doubtful: a.Artifacts.Len() == 0}
		ids := a.Components
		if use.Doubtful {
			ids = a.Doubts
		}
		if a.Artifacts.Len()+a.Doubtful.Len() == 0 {
			continue
		}
		for _, id := range ids {
			one, err := v.index.Find(ctx, index.Query{Entries: []uint32{id}, Within: []index.Set{index.NewSet(artifact)}})
			if err != nil {
				return nil, err
			}
			if one.Artifacts.Len() == 0 {
				continue
			}
			k, _, err := v.index.Component(id)
			if err != nil {
				return nil, err
			}
			use.Components = append(use.Components, FoundComponent{PURL: k.PURL, Name: k.Name, Version: k.Version, Supplier: k.Supplier})
		}
		out = append(out, use)
	}
	return out, nil
}

// BlockedWhere is where a blocked component is.
type BlockedWhere struct {
	Block
	Artifacts []FoundArtifact // the first of them
	Doubtful  []FoundArtifact
	Total     int
	Running   int // of Total
}

// Blocked says, for everything that is blocked, which artifacts of a tenant have it.
// Of each, at most limit artifacts are listed, those that run first.
func (c *Catalog) Blocked(ctx context.Context, tenant, list string, limit int) (seq uint64, out []BlockedWhere, err error) {
	v := c.follow.now()
	now := c.now()
	for i := range v.blocks {
		b := &v.blocks[i]
		if list != "" && b.List != list || !b.active(now) {
			continue
		}
		a, err := v.index.Find(ctx, index.Query{Component: b.query, Within: []index.Set{v.tenants[tenant]}})
		if err != nil {
			return 0, nil, err
		}
		w := BlockedWhere{Block: *b, Total: a.Artifacts.Len()}
		runs := a.Artifacts.Clone()
		runs.And(v.running.set)
		w.Running = runs.Len()
		rest := a.Artifacts.Clone()
		rest.AndNot(v.running.set)
		some := index.NewSet(slices.Concat(first(runs, limit), first(rest, max(0, limit-w.Running)))...)
		q := &Search{Tenant: tenant}
		if w.Artifacts, err = c.list(ctx, v, v.running, q, some, a.Documents); err != nil {
			return 0, nil, err
		}
		if a.Doubtful.Len() > 0 {
			perhaps, err := v.index.Find(ctx, index.Query{Entries: a.Doubts})
			if err != nil {
				return 0, nil, err
			}
			if w.Doubtful, err = c.list(ctx, v, v.running, q, index.NewSet(first(a.Doubtful, limit)...), perhaps.Documents); err != nil {
				return 0, nil, err
			}
		}
		out = append(out, w)
	}
	return v.seq, out, nil
}

func first(s index.Set, n int) []uint32 {
	var out []uint32
	for id := range s.All() {
		if len(out) == n {
			break
		}
		out = append(out, id)
	}
	return out
}
