package postgres

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/cofferdam-io/cofferdam/internal/retry"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// channel is where replicas tell each other that they have committed something.
const channel = "cofferdam"

const (
	hintEvery   = 20 * time.Millisecond // one hint stands for all commits of this time
	hintTime    = 5 * time.Second       // for which one is tried
	listenProbe = 30 * time.Second      // how often a silent connection is asked whether it is there
)

// hints tell other replicas, after a commit, that there is something to look at. They
// are no part of the transaction: one that notifies takes a lock of the whole server,
// held until its commit is on disk, and fails where the server's queue of notifications is full.
// No change is to fail or wait for a hint.
type hints struct {
	pool *pgxpool.Pool
	self string // what a replica knows its own hints by
	wake chan struct{}
	stop context.CancelFunc
	done chan struct{}
}

func newHints(ctx context.Context, pool *pgxpool.Pool) *hints {
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	h := &hints{pool: pool, self: rand.Text(), wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	go h.run(run)
	return h
}

// send asks for a hint, and waits for nothing.
func (h *hints) send() {
	select {
	case h.wake <- struct{}{}:
	default: // the one that is waiting comes after this commit, too
	}
}

func (h *hints) run(ctx context.Context) {
	defer close(h.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		}
		try, cancel := context.WithTimeout(ctx, hintTime)
		_, _ = h.pool.Exec(try, "SELECT pg_notify($1, $2)", channel, h.self) // a hint that is lost costs the others a moment
		cancel()
		if retry.Sleep(ctx, hintEvery) != nil {
			return
		}
	}
}

func (h *hints) close() {
	h.stop()
	<-h.done
}

// Listen is store.Listener's. It has a connection of its own beside the pool's.
func (s *Store) Listen(ctx context.Context, heard func()) error {
	c, err := pgx.ConnectConfig(ctx, s.engine.pool.Config().ConnConfig)
	if err != nil {
		return listening(ctx, err)
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), hintTime)
		defer cancel()
		_ = c.Close(end) // nothing is left to say on it
	}()
	if _, err := c.Exec(ctx, "LISTEN "+channel); err != nil {
		return listening(ctx, err)
	}
	heard()
	for {
		wait, cancel := context.WithTimeout(ctx, listenProbe)
		n, err := c.WaitForNotification(wait)
		silent := wait.Err() != nil
		cancel()
		switch {
		case err == nil:
			if n.Payload != s.engine.hints.self {
				heard()
			}
		case ctx.Err() != nil || !silent:
			return listening(ctx, err)
		default:
			// A connection whose other end has gone without a word is silent, too.
			probe, cancel := context.WithTimeout(ctx, hintTime)
			err := c.Ping(probe)
			cancel()
			if err != nil {
				return listening(ctx, err)
			}
		}
	}
}

// listening is why nothing is heard.
func listening(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return classify("listen for the changes of other servers", err, false)
}

var _ store.Listener = (*Store)(nil)
