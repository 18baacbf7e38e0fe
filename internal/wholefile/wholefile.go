// Package wholefile puts files in place whole or not at all: what is written goes to a
// file beside, which takes the name once it is complete, so that nobody ever reads half
// of one, and a failure leaves what was there before.
package wholefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace writes a file with the permissions mode.
func Replace(path string, mode fs.FileMode, body func(io.Writer) error) error {
	return write(path, mode, body, func(*os.File) error { return nil })
}

// Keep is Replace for what has to be there after the machine lost its power: file and
// folder are on stable storage once it returns without an error.
func Keep(path string, mode fs.FileMode, body func(io.Writer) error) error {
	if err := write(path, mode, body, (*os.File).Sync); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path)) // #nosec G304 -- the caller's folder
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Bytes is a body that is there already.
func Bytes(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

func write(path string, mode fs.FileMode, body func(io.Writer) error, settle func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".cofferdam-*") // only its owner may read it
	if err != nil {
		return err
	}
	err = body(f)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = settle(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
