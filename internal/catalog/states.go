package catalog

import (
	"context"

	"github.com/cofferdam-io/cofferdam/internal/store"
)

// statesAtOnce bounds a page of states.
const statesAtOnce = 8192

// eachState hands every state that a query selects to each, page after page. What is
// handed over is each's own.
func eachState(ctx context.Context, s store.Store, q store.StateQuery, each func(*store.State) error) error {
	q.Limit = statesAtOnce
	for {
		rows, err := s.States(ctx, q)
		if err != nil {
			return storeError(err)
		}
		for i := range rows {
			if err := each(&rows[i]); err != nil {
				return err
			}
		}
		if len(rows) < q.Limit {
			return nil
		}
		q.After = &rows[len(rows)-1]
	}
}

func (c *Catalog) states(ctx context.Context, q store.StateQuery, each func(*store.State) error) error {
	return eachState(ctx, c.store, q, each)
}
