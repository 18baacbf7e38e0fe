package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// errTerminated is why a context ended that whoever runs the process wants gone: an init
// system, an orchestrator, kill.
var errTerminated = errors.New("asked to end")

// Signals returns a context that an interrupt or SIGTERM ends. A second one, while the
// command puts things in order, ends the process at once. stop gives the signals back.
func Signals(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	got := make(chan os.Signal, 1)
	signal.Notify(got, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case s := <-got:
			if s == syscall.SIGTERM {
				cancel(errTerminated)
			} else {
				cancel(context.Canceled)
			}
			signal.Stop(got) // the next one ends the process, as it does by default
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(got)
		cancel(context.Canceled)
		<-done
	}
}
