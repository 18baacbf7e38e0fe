package catalog

import (
	"context"
	"time"
)

// looking is work that keeps something derived true: it is done again and again until
// its context ends, and costs at most a twentieth of a processor, however large the
// estate is.
type looking struct {
	every time.Duration                               // it rests so long at least between two looks
	wake  <-chan struct{}                             // ends a rest; nil for none
	look  func(context.Context) (did bool, err error) // did says whether there was anything to do
	// failed is what the log says of a look that ended with an error; the next is due as ever.
	failed string
}

func (c *Catalog) keepLooking(ctx context.Context, l looking) {
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-rest.C:
		}
		begun := time.Now()
		did, err := l.look(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			c.log.WarnContext(ctx, l.failed, "error", err)
		}
		wait := l.every
		if did {
			wait = max(wait, 20*time.Since(begun))
		}
		rest.Reset(wait)
	}
}
