package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store/ledger"
)

// Backup writes the whole catalogue, as it is at one moment, to w: a database file
// that Restore takes. Intake goes on meanwhile. It needs room for a copy in the data
// folder while it runs, since SQLite writes files and not streams; the copy is
// removed on return.
func (s *Store) Backup(ctx context.Context, w io.Writer) (err error) {
	f, err := os.CreateTemp(filepath.Dir(s.engine.path), "backup-*.db")
	if err != nil {
		return ident.Errorf(ident.KindFailure, "a backup cannot be made: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}()
	// A connection of its own: the readers may not write, even elsewhere.
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: s.engine.path, RawQuery: "mode=rw&_pragma=busy_timeout(10000)"}).String())
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", f.Name())
	if err = errors.Join(explain("make a backup", err, false), db.Close()); err != nil {
		return err
	}
	// SQLite wrote the file under its name; f still reads from its beginning.
	if _, err := io.Copy(w, f); err != nil {
		return ident.Errorf(ident.KindFailure, "the backup cannot be written: %w", err)
	}
	return nil
}

// Restore makes a data folder of a backup. It refuses a folder that has a catalogue
// already, and checks what it wrote before it puts it in place: the file's
// structure, and that the journal's chain ends where the catalogue says.
func Restore(ctx context.Context, dir string, r io.Reader) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ident.Errorf(ident.KindFailure, "the data folder %s cannot be made: %w", dir, err)
	}
	path := filepath.Join(dir, File)
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return ident.Errorf(ident.KindRefused, "there is a catalogue in %s already", dir).WithHint("restore into an empty folder")
	}
	staging, err := os.MkdirTemp(dir, "restore-")
	if err != nil {
		return ident.Errorf(ident.KindFailure, "the backup cannot be restored: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	copied := filepath.Join(staging, File)
	if err := writeSynced(copied, r); err != nil {
		return ident.Errorf(ident.KindFailure, "the backup cannot be restored: %w", err)
	}
	if err := checkHeader(copied); err != nil {
		return err
	}
	if err := checkCopy(ctx, staging); err != nil {
		return err
	}
	// Its log was moved into it when it was closed.
	if err := os.Rename(copied, path); err != nil {
		return ident.Errorf(ident.KindFailure, "the backup cannot be restored: %w", err)
	}
	return syncDir(dir)
}

func writeSynced(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // #nosec G304 -- a folder of our own
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir) // #nosec G304 -- the operator's data folder
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkHeader refuses what is no catalogue before SQLite makes one of it, as it
// does of an empty file. The application's number stands at byte 68 (SQLite file
// format, section 1.3).
func checkHeader(path string) error {
	f, err := os.Open(path) // #nosec G304 -- a folder of our own
	if err != nil {
		return err
	}
	var header [100]byte
	_, err = io.ReadFull(f, header[:])
	if err = errors.Join(err, f.Close()); err != nil || binary.BigEndian.Uint32(header[68:]) != applicationID {
		return ident.Errorf(ident.KindInvalid, "this is no backup of a catalogue")
	}
	return nil
}

// checkCopy opens a restored catalogue and reads its journal.
func checkCopy(ctx context.Context, dir string) (err error) {
	e, err := open(ctx, filepath.Join(dir, File), Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	var answer string
	if err := e.conn.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&answer); err != nil || answer != "ok" {
		return errors.Join(ident.Errorf(ident.KindInvalid, "the backup is damaged: %s", answer), explain("check the backup", err, false))
	}
	l := ledger.NewReader(e)
	p, err := l.Position(ctx)
	if err != nil {
		return err
	}
	v := evidence.NewVerifier(evidence.Head{}, evidence.Checkpoint{Head: p.Journal})
	for {
		page, err := l.Journal(ctx, v.Head().Seq, 10000)
		if err != nil {
			return err
		}
		for _, record := range page {
			if _, err := v.Add(record); err != nil {
				return err
			}
		}
		if len(page) == 0 {
			_, err := v.Finish()
			return err
		}
	}
}
