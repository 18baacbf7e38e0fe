package feeds

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln/pack"
)

// Limits on what a mirror may send.
const (
	maxArchive = 2 << 30  // ECOSYSTEM/all.zip
	maxListing = 64 << 20 // ECOSYSTEM/modified_id.csv
	maxSingly  = 500      // records that are fetched one by one before the archive is
)

// IsURL reports whether a source is an address, and no path.
func IsURL(s string) bool { return strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://") }

// mirror brings the ecosystems of a mirror up to date, each a source of its own.
func (u *update) mirror(ctx context.Context, from string) error {
	if len(u.request.Only) == 0 {
		return ident.Errorf(ident.KindUsage, "a mirror serves ecosystems one by one, and none is named").At(from).WithHint("--ecosystem Go --ecosystem npm")
	}
	for i, e := range u.request.Only {
		if u.cache.Progress != nil {
			u.cache.Progress("fetching advisories", i, len(u.request.Only))
		}
		at := strings.TrimRight(from, "/") + "/" + url.PathEscape(e)
		had, was := u.before(at)
		got, now, err := u.ecosystem(ctx, at, had, was)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			u.quarantined(at)
			if had.Len() == 0 {
				return ident.Errorf(ident.KindFailure, "%w", err).At(at)
			}
			was.Held = err.Error()
			u.problem(at, "%s; the records of %s are kept", err, was.Updated.Format(time.DateOnly))
			u.put(had, was)
			continue
		}
		now.From, now.URL, now.Updated = from, at, u.request.At.UTC()
		u.keep(had, was, got, now)
	}
	return nil
}

// ecosystem fetches what changed: nothing, a few records, or the whole archive.
func (u *update) ecosystem(ctx context.Context, at string, had pack.Source, was Source) (pack.Source, Source, error) {
	now := Source{ETag: was.ETag, LastModified: was.LastModified}
	finish := func(s pack.Source) (pack.Source, Source, error) {
		now.Quarantined = u.quarantined(at)
		return s, now, nil
	}
	if had.Len() > 0 {
		got, ok, err := u.singly(ctx, at, had)
		if err == nil && ok {
			return finish(got)
		}
		if ctx.Err() != nil {
			return got, now, ctx.Err()
		}
	}
	tmp, err := os.CreateTemp("", "cofferdam-advisories-*.zip")
	if err != nil {
		return had, now, err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // it is temporary
	defer tmp.Close()           //nolint:errcheck // closed below where it matters
	changed := true
	header, err := u.get(ctx, at+"/all.zip", was, maxArchive, &spool{file: tmp})
	if errors.Is(err, errNotModified) {
		changed, err = false, nil
	}
	if err != nil {
		return had, now, err
	}
	if !changed {
		return finish(had)
	}
	if err := tmp.Close(); err != nil {
		return had, now, err
	}
	got := pack.Source{Name: at}
	if err := u.archive(ctx, tmp.Name(), at+"/", byName(had), &got); err != nil {
		return had, now, err
	}
	if got.Len() == 0 {
		return had, now, errors.New("the archive holds no advisory of this ecosystem")
	}
	now.ETag, now.LastModified = header.Get("ETag"), header.Get("Last-Modified")
	return finish(got)
}

// singly fetches the records that the mirror's list says are newer, and leaves out those
// that it does not have any more; ok is false where the archive is less work.
func (u *update) singly(ctx context.Context, at string, had pack.Source) (got pack.Source, ok bool, err error) {
	var text memory
	if _, err := u.get(ctx, at+"/modified_id.csv", Source{}, maxListing, &text); err != nil {
		return got, false, err
	}
	listed, err := listing(text.String())
	if err != nil {
		return got, false, err
	}
	got.Name = at
	known := byName(had)
	var fetch []string
	for id, modified := range listed {
		name := at + "/" + id + ".json"
		p := known[name]
		if p != nil && (len(p.Advisories) == 0 || !p.Advisories[0].Modified.Truncate(time.Second).Before(modified.Truncate(time.Second))) {
			continue
		}
		if fetch = append(fetch, id); len(fetch) > maxSingly {
			return got, false, nil
		}
	}
	for i := range had.Pieces {
		p := &had.Pieces[i]
		id := strings.TrimSuffix(strings.TrimPrefix(p.Name, at+"/"), ".json")
		if modified, is := listed[id]; is && (len(p.Advisories) == 0 || !p.Advisories[0].Modified.Truncate(time.Second).Before(modified.Truncate(time.Second))) {
			got.Pieces = append(got.Pieces, *p)
		}
	}
	slices.Sort(fetch)
	for _, id := range fetch {
		var raw memory
		name := at + "/" + id + ".json"
		if _, err := u.get(ctx, at+"/"+url.PathEscape(id)+".json", Source{}, maxPiece, &raw); err != nil {
			return got, false, err
		}
		if err := u.piece(ctx, name, "", raw.Bytes(), false, &got); err != nil {
			return got, false, err
		}
	}
	return got, true, nil
}

// listing reads "2026-01-02T03:04:05Z,ID" a line.
func listing(text string) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	for line := range strings.Lines(text) {
		at, id, ok := strings.Cut(strings.TrimSpace(line), ",")
		if at == "" && !ok {
			continue
		}
		t, err := time.Parse(time.RFC3339Nano, at)
		if err != nil || id == "" || strings.ContainsAny(id, "/\\") {
			return nil, fmt.Errorf("the list of records has the line %.80q", line)
		}
		out[id] = t.UTC()
	}
	if len(out) == 0 {
		return nil, errors.New("the list of records is empty")
	}
	return out, nil
}
