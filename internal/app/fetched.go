package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/feeds"
	"github.com/cofferdam-io/cofferdam/internal/wholefile"
	"github.com/cofferdam-io/cofferdam/vuln/epss"
	"github.com/cofferdam-io/cofferdam/vuln/kev"
)

// fetchedFeed is a feed beside the advisories that the nightly job fetches.
type fetchedFeed struct {
	what, url string
	path      string // of the copy in the cache
	most      int64  // bytes
	entries   func(ctx context.Context, raw []byte) (int, error)
}

// fetchedFeeds are those of the configuration that are addresses, and the inputs with the
// copies in their place.
func (l *Loader) fetchedFeeds(in IntelligenceInputs, nightly bool) (IntelligenceInputs, []fetchedFeed, error) {
	var out []fetchedFeed
	for _, f := range []struct {
		of      *string
		feed    fetchedFeed
		name    string
		entries func(ctx context.Context, raw []byte) (int, error)
	}{
		{&in.KEV, fetchedFeed{what: "kev", most: 64 << 20}, "kev.json", func(ctx context.Context, raw []byte) (int, error) {
			k, err := kev.Decode(ctx, "", raw)
			return k.Len(), err
		}},
		{&in.EPSS, fetchedFeed{what: "epss", most: 256 << 20}, "epss.csv", func(ctx context.Context, raw []byte) (int, error) {
			s, err := epss.Decode(ctx, "", raw, epss.Limits{})
			return s.Len(), err
		}},
	} {
		if !feeds.IsURL(*f.of) {
			continue
		}
		switch {
		case !nightly:
			return in, nil, ident.Errorf(ident.KindUsage, "%s is an address, which the nightly job fetches, and there is none", f.feed.what).WithHint(`nightly: {at: "02:30"} in the configuration, or a file`)
		case l.Cache == "":
			return in, nil, ident.Errorf(ident.KindFailure, "there is no folder for the copy of %s", *f.of).WithHint("set COFFERDAM_CACHE to one")
		}
		f.feed.url, f.feed.path, f.feed.entries = *f.of, filepath.Join(l.Cache, "feeds", f.name), f.entries
		out = append(out, f.feed)
		*f.of = f.feed.path
	}
	return in, out, nil
}

func (f *fetchedFeed) notePath() string { return f.path + ".note.json" }

// note reads what is known of the copy; one that is damaged is none.
func (f *fetchedFeed) note() feeds.Fetched {
	var had feeds.Fetched
	raw, err := os.ReadFile(f.notePath())
	if err == nil {
		err = json.Unmarshal(raw, &had)
	}
	if _, gone := os.Stat(f.path); err != nil || gone != nil {
		return feeds.Fetched{}
	}
	return had
}

// refresh fetches the feed where it changed. What is broken, or has less than half of the
// entries of before, is not taken: what is missing would read as harmless.
func (f *fetchedFeed) refresh(ctx context.Context, c *feeds.Cache, at time.Time) error {
	had := f.note()
	raw, now, err := c.Document(ctx, f.url, had, f.most, at)
	if err != nil {
		return err
	}
	if raw != nil {
		if now.Entries, err = f.entries(ctx, raw); err != nil {
			return err
		}
		if feeds.Shrank(had.Entries, now.Entries) {
			return ident.Errorf(ident.KindFailure, "it has %d entries and had %d", now.Entries, had.Entries)
		}
	}
	note, err := json.Marshal(&now)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o750); err != nil {
		return err
	}
	if raw != nil {
		if err := wholefile.Keep(f.path, 0o600, wholefile.Bytes(raw)); err != nil {
			return err
		}
	}
	return wholefile.Keep(f.notePath(), 0o600, wholefile.Bytes(note))
}

// refreshBesides fetches what is fetched, and says what was not taken and why.
func (f *advisoryFeed) refreshBesides(ctx context.Context) (held []string) {
	for i := range f.fetched {
		x := &f.fetched[i]
		if err := x.refresh(ctx, f.loader.feeds(), f.now()); err != nil {
			held = append(held, fmt.Sprintf("%s (%s): %s", x.what, x.url, err))
		}
	}
	return held
}

// there is what is known beside advisories, without copies that were never fetched.
func (f *advisoryFeed) there() IntelligenceInputs {
	in := f.beside
	for i := range f.fetched {
		if _, err := os.Stat(f.fetched[i].path); errors.Is(err, fs.ErrNotExist) {
			for _, p := range []*string{&in.KEV, &in.EPSS} {
				if *p == f.fetched[i].path {
					*p = ""
				}
			}
		}
	}
	return in
}
