package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/wholefile"
)

// outputError recognises a reader that went away, which is no failure of ours.
func outputError(err error) error {
	if errors.Is(err, syscall.EPIPE) {
		return errClosedPipe
	}
	return err
}

// wholeFile writes the file that a flag names: it appears whole or not at all. A device or
// a pipe is written to and stays what it is: /dev/null, /dev/stdout and what a shell makes
// of >(…) must not become files.
func wholeFile(flag, name string, body func(io.Writer) error) error {
	place, replace, err := placeOf(name)
	switch {
	case err != nil:
	case replace:
		err = wholefile.Replace(place, 0o644, body)
	default:
		err = writeTo(place, body)
	}
	if own := (*ident.Error)(nil); err != nil && !errors.As(err, &own) && !errors.Is(err, errClosedPipe) {
		return ident.Errorf(ident.KindFailure, "%s %s: %w", flag, name, err)
	}
	return err
}

// placeOf says where a file that a user names is, with links followed, and whether it may
// be replaced as a whole.
func placeOf(name string) (place string, replace bool, err error) {
	st, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(name)); errors.Is(err, fs.ErrNotExist) {
			return "", false, errors.New("its folder does not exist")
		}
		return name, true, nil // a link to nothing is replaced
	case err != nil:
		return "", false, err
	case st.IsDir():
		return "", false, errors.New("is a folder")
	case !st.Mode().IsRegular() || strings.HasPrefix(filepath.Clean(name), "/dev/"):
		return name, false, nil
	}
	place, err = filepath.EvalSymlinks(name)
	return place, true, err
}

func writeTo(name string, body func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_TRUNC, 0) // #nosec G304 -- the user's own
	if err != nil {
		return err
	}
	return outputError(errors.Join(body(f), f.Close()))
}
