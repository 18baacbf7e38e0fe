package cli

import (
	"errors"
	"syscall"
)

// outputError recognises a reader that went away, which is no failure of ours.
func outputError(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return errClosedPipe
	}
	return err
}
