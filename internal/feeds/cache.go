package feeds

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/wholefile"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/pack"
)

// FileName is the cache's file in its folder.
const FileName = "advisories.pack"

// maxCache bounds the file: the whole of osv.dev needs less than a fifth of it.
const maxCache = 4 << 30

// Cache is a folder with one file. Several programs may read it while one writes; of
// two that write the later wins.
type Cache struct {
	Dir    string
	Client *http.Client // for mirrors
	// Wait waits between two attempts; nil does it by the clock.
	Wait func(context.Context, time.Duration) error
	// Stall is how long a mirror may send nothing; 0 is a minute.
	Stall time.Duration
	// Progress is told what is being done; nil tells nobody.
	Progress func(stage string, done, total int)

	limits archiveLimits // the zero value: those of everybody
}

// Note says what a cache holds.
type Note struct {
	SchemaVersion string           `json:"schemaVersion"`
	Updated       time.Time        `json:"updated"` // when the cache was written
	AsOf          time.Time        `json:"asOf"`    // newest record
	Sources       []Source         `json:"sources"`
	Only          []string         `json:"only,omitempty"` // ecosystems that are kept; none: all
	Advisories    int              `json:"advisories"`
	Ecosystems    []EcosystemCount `json:"ecosystems"` // most first
	Path          string           `json:"-"`
}

// Source is one place that advisories come from.
type Source struct {
	From         string    `json:"from"` // as it was named
	URL          string    `json:"url,omitempty"`
	ETag         string    `json:"etag,omitempty"`
	LastModified string    `json:"lastModified,omitempty"`
	Updated      time.Time `json:"updated"` // when it was last read without fault
	Advisories   int       `json:"advisories"`
	Quarantined  int       `json:"quarantined"`
	// Held says why what the source now has was not taken, and what was there stays; "" where it was.
	Held string `json:"held,omitempty"`
}

// EcosystemCount is how many advisories name packages of an ecosystem.
type EcosystemCount struct {
	Ecosystem  string `json:"ecosystem"`
	Advisories int    `json:"advisories"`
}

// Problem is one input that was quarantined, or a source that was not taken.
type Problem struct{ Where, Message, Hint string }

// Request says what to bring up to date.
type Request struct {
	From  []string // files, folders, archives, URLs of mirrors; none: those of the cache
	Only  []string // ecosystems to keep; none: all, or those of the cache where From is none
	At    time.Time
	Force bool // take a source although it shrank by half
}

// Path is the cache's file.
func (c *Cache) Path() string { return filepath.Join(c.Dir, FileName) }

// Load reads the cache; nil without an error if there is none.
func (c *Cache) Load(ctx context.Context) ([]*vuln.Advisory, *Note, error) {
	set, note, err := c.read(ctx)
	if err != nil || set == nil {
		return nil, nil, err
	}
	return set.Advisories(), note, nil
}

// Note reads what the cache holds; nil without an error if there is none.
func (c *Cache) Note(ctx context.Context) (*Note, error) {
	raw, err := c.bytes(ctx)
	if err != nil || raw == nil {
		return nil, err
	}
	text, err := pack.Note(raw)
	if err != nil {
		return nil, c.unusable(err)
	}
	return c.note(text)
}

func (c *Cache) bytes(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	st, err := os.Stat(c.Path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && st.Size() > maxCache {
		return nil, c.unusable(ident.Errorf(ident.KindLimit, "has more than %d GiB", maxCache>>30))
	}
	var raw []byte
	if err == nil {
		raw, err = os.ReadFile(c.Path())
	}
	if err != nil {
		return nil, c.unusable(err)
	}
	return raw, nil
}

func (c *Cache) read(ctx context.Context) (*pack.Set, *Note, error) {
	raw, err := c.bytes(ctx)
	if err != nil || raw == nil {
		return nil, nil, err
	}
	set, err := pack.Decode(raw)
	if err != nil {
		return nil, nil, c.unusable(err)
	}
	note, err := c.note(set.Note)
	return set, note, err
}

func (c *Cache) note(text []byte) (*Note, error) {
	var n Note
	if err := json.Unmarshal(text, &n); err != nil {
		return nil, c.unusable(err)
	}
	n.Path = c.Path()
	return &n, nil
}

func (c *Cache) unusable(err error) error {
	return ident.Errorf(ident.KindFailure, "the cache of advisories cannot be used: %w", err).At(c.Path()).
		WithHint("cofferdam advisories update --from … makes it anew")
}

// Update brings the cache up to date. Of each source only what changed is read. A
// source that cannot be reached, or that lost half of its records, keeps those of before
// and is a problem. The error is set where nothing can be kept at all.
func (c *Cache) Update(ctx context.Context, q Request) (*Note, []Problem, error) {
	if c.Dir == "" {
		return nil, nil, ident.Errorf(ident.KindFailure, "there is no folder for the cache").WithHint("set COFFERDAM_CACHE to one")
	}
	old, was, err := c.read(ctx)
	if err != nil && len(q.From) == 0 {
		return nil, nil, err
	}
	if err != nil || was == nil {
		old, was = &pack.Set{}, &Note{}
	}
	if len(q.From) == 0 {
		for _, s := range was.Sources {
			if !slices.Contains(q.From, s.From) {
				q.From = append(q.From, s.From)
			}
		}
		if len(q.Only) == 0 {
			q.Only = was.Only
		}
	}
	if len(q.From) == 0 {
		return nil, nil, ident.Errorf(ident.KindUsage, "the cache has no sources yet").
			WithHint("--from PATH of OSV records (a folder, a file, a zip archive), or --from URL of a mirror with --ecosystem NAME")
	}
	u := &update{cache: c, request: q, old: old, was: was, note: &Note{SchemaVersion: "1", Updated: q.At.UTC(), Only: q.Only, Sources: []Source{}, Ecosystems: []EcosystemCount{}, Path: c.Path()}}
	if !slices.Equal(was.Only, q.Only) {
		u.old = &pack.Set{} // what was left out then is not there to be kept
	}
	for _, from := range q.From {
		if err := u.source(ctx, from); err != nil {
			return nil, u.problems, err
		}
	}
	u.count()
	if u.note.Advisories == 0 {
		return nil, u.problems, ident.Errorf(ident.KindFailure, "no advisory was found in %s; the cache is as it was", strings.Join(q.From, ", ")).
			WithHint("OSV records are wanted: JSON or YAML files, or a zip archive of them")
	}
	return u.note, u.problems, c.write(u)
}

// update is one run of Update.
type update struct {
	cache    *Cache
	request  Request
	old      *pack.Set
	was      *Note
	set      pack.Set
	note     *Note
	problems []Problem
	broken   int // inputs of this source that were quarantined, told or not
	records  int // that were read anew, of all sources
}

func (u *update) problem(where, format string, args ...any) {
	u.problems = append(u.problems, Problem{Where: where, Message: fmt.Sprintf(format, args...)})
}

// quarantine notes an input that cannot be read. A source may consist of nothing else:
// beyond a number they are only counted.
func (u *update) quarantine(where, format string, args ...any) {
	if u.broken++; u.broken <= maxTold {
		u.problem(where, format, args...)
	}
}

// quarantined ends a source's count of them, and begins the next one's.
func (u *update) quarantined(source string) int {
	n := u.broken
	if u.broken = 0; n > maxTold {
		u.problem(source, "%d more inputs are quarantined, and not named one by one", n-maxTold)
	}
	return n
}

// before returns what the cache had of a source; empty where it had none.
func (u *update) before(name string) (pack.Source, Source) {
	i := slices.IndexFunc(u.old.Sources, func(s pack.Source) bool { return s.Name == name })
	j := slices.IndexFunc(u.was.Sources, func(s Source) bool { return s.name() == name })
	if i < 0 || j < 0 {
		return pack.Source{Name: name}, Source{}
	}
	return u.old.Sources[i], u.was.Sources[j]
}

// name is under which a source stands in the cache.
func (s Source) name() string { return cmp.Or(s.URL, s.From) }

// source brings one source up to date.
func (u *update) source(ctx context.Context, from string) error {
	if IsURL(from) {
		return u.mirror(ctx, from)
	}
	had, was := u.before(from)
	got := pack.Source{Name: from}
	known := byName(had)
	if err := u.files(ctx, from, known, &got); err != nil {
		return err
	}
	now := Source{From: from, Updated: u.request.At.UTC(), Quarantined: u.quarantined(from)}
	u.keep(had, was, got, now)
	return nil
}

func byName(s pack.Source) map[string]*pack.Piece {
	out := make(map[string]*pack.Piece, len(s.Pieces))
	for i := range s.Pieces {
		out[s.Pieces[i].Name] = &s.Pieces[i]
	}
	return out
}

// shrinkFrom is how many records a source has before losing half of them is suspicious.
const shrinkFrom = 10

// keep takes what a source has now, unless it lost half of its records: then what was
// there stays, and somebody is told. An advisory that is gone reads as harmless.
func (u *update) keep(had pack.Source, was Source, got pack.Source, now Source) {
	before, after := had.Len(), got.Len()
	if Shrank(before, after) && !u.request.Force {
		was.Held = fmt.Sprintf("it has %d records and had %d", after, before)
		u.problem(now.name(), "lost more than half of its records (%d of %d are left): those of %s are kept", after, before, was.Updated.Format(time.DateOnly))
		u.problems[len(u.problems)-1].Hint = "look at the source; --accept-shrunk takes it as it is"
		u.put(had, was)
		return
	}
	u.put(got, now)
}

// put adds a source to what the cache will hold.
func (u *update) put(s pack.Source, n Source) {
	n.Advisories = s.Len()
	u.set.Sources = append(u.set.Sources, s)
	u.note.Sources = append(u.note.Sources, n)
}

// count sums up what the cache will hold.
func (u *update) count() {
	count := map[string]int{}
	for _, a := range u.set.Advisories() {
		u.note.Advisories++
		if a.Modified.After(u.note.AsOf) {
			u.note.AsOf = a.Modified
		}
		for _, e := range ecosystems(a) {
			count[e]++
		}
	}
	for e, n := range count {
		u.note.Ecosystems = append(u.note.Ecosystems, EcosystemCount{e, n})
	}
	slices.SortFunc(u.note.Ecosystems, func(a, b EcosystemCount) int {
		return cmp.Or(cmp.Compare(b.Advisories, a.Advisories), cmp.Compare(a.Ecosystem, b.Ecosystem))
	})
}

// ecosystems are the distinct ecosystems of an advisory, without their releases.
func ecosystems(a *vuln.Advisory) []string {
	var out []string
	for i := range a.Affected {
		base, _, _ := strings.Cut(a.Affected[i].Ecosystem, ":")
		if !slices.Contains(out, base) {
			out = append(out, base)
		}
	}
	return out
}

// wanted leaves the advisories of the ecosystems that are kept.
func (u *update) wanted(list []*vuln.Advisory) []*vuln.Advisory {
	if len(u.request.Only) == 0 {
		return list
	}
	return slices.DeleteFunc(list, func(a *vuln.Advisory) bool {
		return !slices.ContainsFunc(ecosystems(a), func(e string) bool {
			return slices.ContainsFunc(u.request.Only, func(w string) bool { return strings.EqualFold(w, e) })
		})
	})
}

// write replaces the cache's file. The old one stays until the new one is on disk.
func (c *Cache) write(u *update) error {
	fail := func(err error) error { return ident.Errorf(ident.KindFailure, "writing the cache: %w", err) }
	text, err := json.Marshal(u.note)
	if err != nil {
		return fail(err)
	}
	u.set.Note = text
	if err := os.MkdirAll(c.Dir, 0o750); err != nil {
		return fail(err)
	}
	raw := pack.Encode(&u.set)
	if len(raw) > maxCache { // it would be written and could not be read
		return ident.Errorf(ident.KindLimit, "the cache would have more than %d GiB; it is as it was", maxCache>>30).At(c.Path()).
			WithHint("--ecosystem keeps only the records that are wanted")
	}
	if err := wholefile.Keep(c.Path(), 0o600, wholefile.Bytes(raw)); err != nil {
		return fail(err)
	}
	return nil
}
