package catalog

import (
	"context"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/retry"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

const (
	listenAgain    = 100 * time.Millisecond // after the first failure
	listenSeldom   = 30 * time.Second       // after many
	listenedLongly = 10 * time.Second       // a connection that lived so long was a good one
)

// listen tells the follower that another server has committed something, until the
// context ends. The follower polls beside it, and that is what nothing is missed by: while
// nobody is heard, changes of others show up to a poll later.
func (c *Catalog) listen(ctx context.Context, l store.Listener) {
	deaf := false
	for failures := 0; ; failures++ {
		begun := time.Now()
		err := l.Listen(ctx, func() {
			if deaf {
				c.log.InfoContext(ctx, "changes of other servers are heard of at once again")
				deaf = false
			}
			c.metrics.listening.Set(1)
			c.follow.hear()
		})
		c.metrics.listening.Set(0)
		if ctx.Err() != nil {
			return
		}
		if !deaf {
			c.log.WarnContext(ctx, "changes of other servers are not heard of at once, only by looking", "every", c.limits.Poll, "error", err)
			deaf = true
		}
		if time.Since(begun) > listenedLongly {
			failures = 0
		}
		if retry.Sleep(ctx, retry.Backoff(listenAgain, listenSeldom, failures)) != nil {
			return
		}
	}
}

// hear has the follower look at the store now. Any number of calls before it does so
// is one look.
func (f *follower) hear() {
	select {
	case f.heard <- struct{}{}:
	default:
	}
}
