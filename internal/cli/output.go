package cli

import (
	"errors"
	"path/filepath"
	"syscall"
)

// outputError recognises a reader that went away, which is no failure of ours.
func outputError(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return errClosedPipe
	}
	return err
}

func dirOf(path string) string { return filepath.Dir(path) }
