package ledger

import (
	"context"
	"errors"

	"github.com/cofferdam-io/cofferdam/internal/store"
)

// attempts is how often a change is made anew after an outcome that could not be
// told. The engine already waits and retries while it reconnects.
const attempts = 3

// write runs an idempotent change. Where the engine cannot tell whether it was
// committed, the change is made again, which finds out: it waits for the lock that
// the lost transaction holds until it has ended. As long as no attempt succeeds,
// the first one's outcome stays unknown, whatever the later ones failed of.
func (l *Ledger) write(ctx context.Context, f func(Tx) error) error {
	var unknown error
	for range attempts {
		err := l.engine.Write(ctx, f)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, store.ErrUnknownOutcome):
			unknown = err
		case unknown != nil:
			return unknown
		default:
			return err
		}
	}
	return unknown
}
