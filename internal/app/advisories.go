package app

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/feeds"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// fetchTime bounds one answer of a mirror: an archive of some hundred megabytes.
const fetchTime = 15 * time.Minute

func (l *Loader) feeds() *feeds.Cache {
	dir := ""
	if l.Cache != "" {
		dir = filepath.Join(l.Cache, "advisories")
	}
	return &feeds.Cache{Dir: dir, Client: &http.Client{Timeout: fetchTime}, Progress: l.Progress}
}

// cachedAdvisories is the file of the advisory cache; "" where there is none.
func (l *Loader) cachedAdvisories() (string, error) {
	if l.Cache == "" || l.FS != nil {
		return "", nil
	}
	p := l.feeds().Path()
	if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", ident.Unreadable(p, err)
	}
	return p, nil
}

// cached reads the advisory cache; nil where there is none.
func (l *Loader) cached(ctx context.Context) (*vuln.Database, error) {
	if p, err := l.cachedAdvisories(); err != nil || p == "" {
		return nil, err
	}
	l.progress("reading advisories", 0, 0)
	as, _, err := l.feeds().Load(ctx)
	if err != nil || as == nil {
		return nil, err
	}
	return vuln.NewDatabase(as, vuln.Options{})
}

// Status reads the cache's note; nil if there is no cache.
func (l *Loader) Status(ctx context.Context) (*feeds.Note, error) { return l.feeds().Note(ctx) }

// Knows says of identifiers whether the cache has a record of them, under that name or
// an alias, in their order; nil if there is no cache.
func (l *Loader) Knows(ctx context.Context, ids []string) ([]bool, error) {
	db, err := l.cached(ctx)
	if err != nil || db == nil {
		return nil, err
	}
	out := make([]bool, len(ids))
	for i, id := range ids {
		_, out[i] = db.Lookup(id)
	}
	return out, nil
}

// Update brings the cache up to date.
func (l *Loader) Update(ctx context.Context, q feeds.Request) (*feeds.Note, []Problem, error) {
	note, ps, err := l.feeds().Update(ctx, q)
	problems := make([]Problem, len(ps))
	for i, p := range ps {
		problems[i] = Problem(p)
	}
	return note, problems, err
}

// noAdvisories is the error where paths hold none.
func noAdvisories(paths []string, problems []Problem) error {
	where := strings.Join(paths, ", ")
	if len(problems) > 0 {
		return ident.Errorf(ident.KindFailure, "no advisory could be read from %s: %s", where, problems[0])
	}
	return ident.Errorf(ident.KindFailure, "no advisory was found in %s", where).
		WithHint("OSV records are wanted: JSON or YAML files, folders, or a zip archive of them")
}
