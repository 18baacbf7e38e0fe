package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/sqlite"
	"github.com/cofferdam-io/cofferdam/internal/wholefile"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// openCatalogue opens a SQLite catalogue that is there already.
func openCatalogue(ctx context.Context, data string) (*sqlite.Store, error) {
	if err := hasCatalogue(data); err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, data, sqlite.Options{Coding: (&catalog.Coding{}).Store()})
}

// BackupCatalogue writes one moment of a SQLite catalogue to a file, which appears whole
// or not at all, while a server may use the catalogue.
func (l *Loader) BackupCatalogue(ctx context.Context, data, file string) (a *report.CatalogueBackup, err error) {
	s, err := openCatalogue(ctx, data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	l.progress("writing the backup", 0, 1)
	a = &report.CatalogueBackup{SchemaVersion: inventory.SchemaVersion, File: file}
	sum := sha256.New()
	err = wholefile.Keep(file, 0o600, func(w io.Writer) error {
		return s.Backup(ctx, io.MultiWriter(w, sum, (*counter)(&a.Bytes)))
	})
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "the backup was not written: %w", err).At(file)
	}
	a.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return a, nil
}

// CompactCatalogue gives the room that purged documents left in a SQLite catalogue back to
// the file system, while a server may use the catalogue.
func (l *Loader) CompactCatalogue(ctx context.Context, data string) (a *report.CatalogueCompacted, err error) {
	s, err := openCatalogue(ctx, data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	l.progress("writing the catalogue anew", 0, 1)
	c, err := s.Compact(ctx)
	if err != nil {
		return nil, err
	}
	return &report.CatalogueCompacted{SchemaVersion: inventory.SchemaVersion, Data: data, Before: c.Before, After: c.After, Waits: c.Waits}, nil
}

// counter counts what is written.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// RestoreCatalogue makes a data folder of a backup, which is checked before it is put in
// place.
func (l *Loader) RestoreCatalogue(ctx context.Context, data, file string) (a *report.CatalogueRestored, err error) {
	f, err := l.open(file)
	if err != nil {
		return nil, ident.Unreadable(file, err)
	}
	defer f.Close() //nolint:errcheck // it is read only
	l.progress("restoring", 0, 1)
	if err := sqlite.Restore(ctx, data, f); err != nil {
		return nil, err
	}
	s, err := sqlite.Open(ctx, data, sqlite.Options{Coding: (&catalog.Coding{}).Store()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	p, err := s.Position(ctx)
	if err != nil {
		return nil, err
	}
	_, err = os.Lstat(filepath.Join(data, store.KeyFile))
	return &report.CatalogueRestored{SchemaVersion: inventory.SchemaVersion, Data: data, Documents: p.Documents, Records: p.Journal.Seq, Head: hex.EncodeToString(p.Journal.Hash[:]), NoKey: errors.Is(err, fs.ErrNotExist)}, nil
}

// AuditCatalogue verifies the journal of a catalogue, its signed checkpoints, and that
// every document is what the journal says of it. That it does not hold is an answer and
// no error.
func (l *Loader) AuditCatalogue(ctx context.Context, data, db string, t JournalTrust) (a *report.CatalogueAudit, err error) {
	if db == "" {
		if err := hasCatalogue(data); err != nil {
			return nil, err
		}
	}
	s, err := openStore(ctx, &ServeOptions{Data: data, DB: db}, (&catalog.Coding{}).Store())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	a = &report.CatalogueAudit{SchemaVersion: inventory.SchemaVersion}
	kept := slices.Clone(t.Kept)
	for from, more := uint64(0), len(t.Keys) > 0; more; {
		notes, err := s.Checkpoints(ctx, from, checkpointsAtOnce)
		if err != nil {
			return nil, err
		}
		more = len(notes) == checkpointsAtOnce
		for _, n := range notes {
			c, err := evidence.Open(n, "", t.Keys...)
			var unknown *note.UnverifiedNoteError
			switch {
			case err == nil:
				kept = append(kept, c)
				from = c.Head.Seq + 1
			case errors.As(err, &unknown):
				if from, err = nextCheckpoint(n); err != nil {
					return nil, err
				}
				a.Foreign++
			default:
				a.Problem = err.Error()
				return a, nil
			}
		}
	}
	a.Checkpoints = len(kept)
	for _, c := range kept {
		a.Signed = max(a.Signed, c.Head.Seq)
	}
	l.progress("verifying the journal", 0, 1)
	got, err := s.Audit(ctx, kept...)
	var broken *evidence.Broken
	switch {
	case errors.As(err, &broken):
		a.Problem = err.Error()
		return a, nil
	case err != nil:
		return nil, err
	}
	a.Holds, a.Records, a.Documents, a.Purged, a.Head = true, got.Records, got.Documents, got.Purged, hex.EncodeToString(got.Head.Hash[:])
	return a, nil
}

const checkpointsAtOnce = 1000

// nextCheckpoint is the sequence number after that of a checkpoint which nobody known
// signed: its second line (C2SP tlog-checkpoint).
func nextCheckpoint(n []byte) (uint64, error) {
	lines := strings.SplitN(string(n), "\n", 3)
	if len(lines) == 3 {
		if seq, err := strconv.ParseUint(lines[1], 10, 64); err == nil {
			return seq + 1, nil
		}
	}
	return 0, ident.Errorf(ident.KindInvalid, "a checkpoint in the catalogue is none")
}

// hasCatalogue refuses a folder without a catalogue, which opening would make.
func hasCatalogue(data string) error {
	path := filepath.Join(data, sqlite.File)
	_, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ident.Errorf(ident.KindFailure, "there is no catalogue in this folder").At(data).WithHint("--data is the folder that cofferdam serve was given; pg_dump makes backups of a PostgreSQL database")
	case err != nil:
		return ident.Unreadable(path, err)
	}
	return nil
}
