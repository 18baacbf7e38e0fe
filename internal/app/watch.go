package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
)

// watching is how often a folder is looked at. Names and sizes are compared, so that
// it works on network file systems, which tell nobody of changes.
const watching = 2 * time.Second

// mostWatched bounds the files of one folder that are remembered.
const mostWatched = 1_000_000

// seen is what a file was when it was looked at.
type seen struct {
	size  int64
	when  time.Time
	taken bool
}

// watch takes in every document that appears in a folder. A file is taken once it
// has stopped growing; one that changes is taken again, as another document. Files
// are never touched.
func (l *Loader) watch(ctx context.Context, c *catalog.Catalog, w watchConfig, log *slog.Logger) {
	files := map[string]seen{}
	log = log.With("folder", w.Path)
	t := time.NewTicker(watching)
	defer t.Stop()
	failed := ""
	for {
		if err := l.look(ctx, c, w, files, log); err != nil && ctx.Err() == nil {
			if failed != err.Error() {
				log.ErrorContext(ctx, "the folder cannot be watched", "error", err)
			}
			failed = err.Error()
		} else {
			failed = ""
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// look goes through the folder once.
func (l *Loader) look(ctx context.Context, c *catalog.Catalog, w watchConfig, files map[string]seen, log *slog.Logger) error {
	there := make(map[string]bool, len(files))
	err := filepath.WalkDir(w.Path, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == w.Path:
			return err
		case err != nil || ctx.Err() != nil:
			return ctx.Err() // a file that went away between two looks
		case d.IsDir() && path != w.Path && d.Name()[0] == '.':
			return fs.SkipDir
		case !d.Type().IsRegular() || d.Name()[0] == '.' || !sbomNames(path):
			return nil
		}
		st, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // it went away
		}
		there[path] = true
		now, before := seen{size: st.Size(), when: st.ModTime()}, files[path]
		switch {
		case before.size != now.size || !before.when.Equal(now.when):
			if len(files) >= mostWatched {
				return errors.New("too many files to remember: move those away that were taken in")
			}
			files[path] = now // taken at the next look, if it is the same then
		case !before.taken:
			if l.takeFile(ctx, c, w, path, st.Size(), log) {
				now.taken = true
				files[path] = now
			}
		}
		return nil
	})
	for path := range files {
		if !there[path] {
			delete(files, path)
		}
	}
	return err
}

// takeFile reports whether a file is dealt with: taken in, or in quarantine.
func (l *Loader) takeFile(ctx context.Context, c *catalog.Catalog, w watchConfig, path string, size int64, log *slog.Logger) bool {
	f, err := os.Open(path) // #nosec G304 -- a folder of the operator's
	if err != nil {
		log.WarnContext(ctx, "a file cannot be read", "file", path, "error", err)
		return false
	}
	defer f.Close() //nolint:errcheck // of a reader
	r, err := c.Take(ctx, authz.Actor{Subject: "watch:" + w.Path, Roles: []authz.Role{authz.Publisher}, Tenant: w.Tenant},
		catalog.Upload{Tenant: w.Tenant, Body: f, Size: size, Service: w.Service, Owner: w.Owner})
	var rejected *catalog.RejectedError
	switch {
	case errors.As(err, &rejected):
		log.WarnContext(ctx, "a document was put into quarantine", "file", path, "digest", rejected.Digest.String(), "error", err)
		return true
	case err != nil:
		log.WarnContext(ctx, "a document was not taken in; it is tried again", "file", path, "error", err)
		return false
	}
	log.InfoContext(ctx, "a document was taken in", "file", path, "digest", r.Digest.String(), "sequence", r.Sequence, "known", r.Duplicate)
	return true
}
