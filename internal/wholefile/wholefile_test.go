package wholefile_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/wholefile"
)

func TestWholeOrNotAtAll(t *testing.T) {
	for name, write := range map[string]func(string, fs.FileMode, func(io.Writer) error) error{"Replace": wholefile.Replace, "Keep": wholefile.Keep} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "x.json")
			holds := func(want string, mode fs.FileMode) {
				t.Helper()
				b, err := os.ReadFile(path)
				if err != nil || string(b) != want {
					t.Errorf("it holds %q (%v), want %q", b, err, want)
				}
				if s, err := os.Stat(path); err != nil || s.Mode().Perm() != mode {
					t.Errorf("%v (%v), want the permissions %v", s.Mode(), err, mode)
				}
				if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
					t.Errorf("something is left behind: %v (%v)", all, err)
				}
			}
			if err := write(path, 0o644, wholefile.Bytes([]byte("first"))); err != nil {
				t.Fatal(err)
			}
			holds("first", 0o644)
			if err := write(path, 0o600, wholefile.Bytes([]byte("second"))); err != nil {
				t.Fatal(err)
			}
			holds("second", 0o600)
			half := errors.New("no more came")
			err := write(path, 0o600, func(w io.Writer) error {
				_, err := io.WriteString(w, "thi")
				return errors.Join(err, half)
			})
			if !errors.Is(err, half) {
				t.Errorf("it ended with %v", err)
			}
			holds("second", 0o600)
			if err := write(filepath.Join(dir, "missing", "x"), 0o600, wholefile.Bytes(nil)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("into a folder that is not there: %v", err)
			}
			if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := write(filepath.Join(dir, "folder"), 0o600, wholefile.Bytes(nil)); err == nil {
				t.Error("a folder was replaced")
			}
			if all, err := os.ReadDir(dir); err != nil || len(all) != 2 {
				t.Errorf("something is left behind: %v (%v)", all, err)
			}
		})
	}
}
