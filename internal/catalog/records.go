package catalog

import (
	"context"
	"io"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Changes returns what changed after a sequence number, in order and without a gap.
func (c *Catalog) Changes(ctx context.Context, after uint64, limit int) ([]store.Change, error) {
	rows, err := c.store.Since(ctx, after, limit)
	return rows, storeError(err)
}

// Await returns when questions see a change after a sequence number.
func (c *Catalog) Await(ctx context.Context, after uint64) error { return c.follow.reach(ctx, after+1) }

// Journal returns the encoded records after a sequence number.
func (c *Catalog) Journal(ctx context.Context, after uint64, limit int) ([][]byte, error) {
	rows, err := c.store.Journal(ctx, after, limit)
	return rows, storeError(err)
}

// Checkpoints returns the signed notes over the journal's end.
func (c *Catalog) Checkpoints(ctx context.Context, from uint64, limit int) ([][]byte, error) {
	rows, err := c.store.Checkpoints(ctx, from, limit)
	return rows, storeError(err)
}

// Rejected lists a tenant's documents in quarantine.
func (c *Catalog) Rejected(ctx context.Context, tenant string, after uint64, limit int) ([]store.Rejected, error) {
	rows, err := c.store.Rejected(ctx, tenant, after, limit)
	return rows, storeError(err)
}

// RejectedContent returns the bytes of a document in quarantine, and how many.
func (c *Catalog) RejectedContent(ctx context.Context, tenant string, id uint64) (io.ReadCloser, int64, error) {
	row, err := c.store.RejectedBytes(ctx, tenant, id)
	if err != nil {
		return nil, 0, storeError(err)
	}
	r, err := unpack(row.Data)
	return r, row.Size, err
}

// DropRejected forgets a document in quarantine.
func (c *Catalog) DropRejected(ctx context.Context, by authz.Actor, tenant string, id uint64) error {
	if _, err := c.store.RejectedBytes(ctx, tenant, id); err != nil {
		return storeError(err) // another tenant's is nobody's
	}
	n, err := c.store.DropRejected(ctx, c.mutation(by), []uint64{id})
	if err == nil && n == 0 {
		return ident.Errorf(ident.KindNotFound, "nothing in quarantine has the number %d", id)
	}
	return storeError(err)
}
