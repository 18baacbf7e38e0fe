package app

import (
	"context"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
)

// lookForAdvisories is how often the advisories' files are looked at: a change is
// loaded without a restart.
const lookForAdvisories = 30 * time.Second

// advisoryFeed loads a server's advisories, and again when their files change.
type advisoryFeed struct {
	loader     *Loader
	paths      []string // none: the local cache
	beside     IntelligenceInputs
	fetched    []fetchedFeed // of beside, that the nightly job brings
	into       *catalog.Catalog
	log        *slog.Logger
	now        func() time.Time
	every      time.Duration
	looking    sync.Mutex // one look at a time
	last       string     // what the files were when they were read
	lastBeside string     // what those beside the advisories were
}

// check says at the start that a path which was named does not exist: nobody would
// notice that later.
func (f *advisoryFeed) check() error {
	for _, p := range slices.Concat(f.paths, f.besides()) {
		if strings.ContainsAny(p, "*?[") {
			continue
		}
		if _, err := f.loader.stat(p); err != nil {
			return ident.Unreadable(p, err)
		}
	}
	return nil
}

// besides are the files and folders of what is known beside advisories.
func (f *advisoryFeed) besides() []string {
	in := f.there()
	return slices.DeleteFunc(slices.Concat([]string{in.KEV, in.EPSS, in.Trust}, in.VEX), func(p string) bool { return p == "" })
}

// run follows the files until the context ends.
func (f *advisoryFeed) run(ctx context.Context) {
	t := time.NewTicker(f.every)
	defer t.Stop()
	for {
		_ = f.look(ctx) // it has said what failed
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// look loads the advisories where their files are not those of the last time. What
// fails is said once for each state of the files, and leaves what is loaded.
func (f *advisoryFeed) look(ctx context.Context) error {
	f.looking.Lock()
	defer f.looking.Unlock()
	seen, besides, err := f.prints()
	if err == nil && seen == f.last {
		if seen == "" {
			f.into.FailAdvisories(nil) // nothing was named, and there is no cache
		}
		return nil
	}
	f.into.ExpectAdvisories()
	begun := f.now()
	var a catalog.Advisories
	if err == nil {
		a, err = f.load(ctx)
	}
	if err == nil {
		err = f.put(ctx, a, besides != f.lastBeside)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		f.into.FailAdvisories(err)
		if said := "failed " + seen + err.Error(); said != f.last {
			f.log.ErrorContext(ctx, "advisories cannot be loaded; those of before stay", "error", err)
			f.last = said
		}
		return err
	}
	f.last, f.lastBeside = seen, besides
	f.log.InfoContext(ctx, "advisories loaded", "records", a.Database.Len(), "asOf", a.Database.AsOf().Format(time.DateOnly), "quarantined", a.Quarantined, "took", f.now().Sub(begun))
	return nil
}

// mostDifferent is up to how many records a change is told to the catalogue as one:
// beyond that, comparing everything costs as much.
const mostDifferent = 4096

// put hands over what was read: where few records differ from those of before and nothing
// else does, as a change, which costs no more than it is.
func (f *advisoryFeed) put(ctx context.Context, a catalog.Advisories, beside bool) error {
	if had := f.into.Database(); had != nil && !beside {
		if put, drop := had.Differences(a.Database); len(put)+len(drop) <= mostDifferent {
			return f.into.ChangeAdvisories(ctx, a, put, drop...)
		}
	}
	return f.into.SetAdvisories(ctx, a)
}

func (f *advisoryFeed) load(ctx context.Context) (catalog.Advisories, error) {
	at := f.now()
	l := &Loader{Files: f.loader.Files, Cache: f.loader.Cache} // no meter: nobody waits
	db, problems, err := l.Advisories(ctx, f.paths)
	if err != nil {
		return catalog.Advisories{}, err
	}
	if db == nil {
		return catalog.Advisories{}, ident.Errorf(ident.KindFailure, "the advisory cache is gone")
	}
	beside := f.there()
	beside.At = at
	known, faults, err := l.Intelligence(ctx, beside)
	if err != nil {
		return catalog.Advisories{}, err
	}
	f.complain(ctx, "advisories", problems)
	f.complain(ctx, "statements", faults)
	return catalog.Advisories{Database: db, Intelligence: known, Loaded: at, Sources: f.paths, Quarantined: len(problems) + len(faults)}, nil
}

// complain logs what could not be read, of very much only the beginning.
func (f *advisoryFeed) complain(ctx context.Context, what string, problems []Problem) {
	for i, p := range problems {
		if i == 20 {
			f.log.WarnContext(ctx, "more of the "+what+" cannot be read", "count", len(problems)-i)
			break
		}
		f.log.WarnContext(ctx, "one of the "+what+" cannot be read", "where", p.Where, "error", p.Message)
	}
}

// prints is what the files are, by name, size and time, and of them those beside the
// advisories; "" where there is no cache and nothing was named.
func (f *advisoryFeed) prints() (all, besides string, err error) {
	paths := f.paths
	if len(paths) == 0 {
		cached, err := f.loader.cachedAdvisories()
		if err != nil || cached == "" {
			return "", "", err
		}
		paths = []string{cached}
	}
	advisories, err := f.printsOf(paths, advisoryFile)
	if err != nil {
		return "", "", err
	}
	besides, err = f.printsOf(f.besides(), func(string) bool { return true })
	return advisories + "\n" + besides, besides, err
}

func (f *advisoryFeed) printsOf(paths []string, wanted func(string) bool) (string, error) {
	var rows []string
	for _, p := range paths {
		files, err := f.loader.expand(p, wanted)
		if err != nil {
			return "", err
		}
		for _, x := range files {
			st, err := f.loader.stat(x.name)
			if err != nil {
				return "", ident.Unreadable(x.name, err)
			}
			rows = append(rows, fingerprint(x.name, st))
		}
	}
	slices.Sort(rows)
	return strings.Join(rows, "\n"), nil
}

func fingerprint(name string, st fs.FileInfo) string {
	return filepath.Clean(name) + " " + strconv.FormatInt(st.Size(), 10) + " " + strconv.FormatInt(st.ModTime().UnixNano(), 10)
}
