package app

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
)

// The advisory cache is a folder with two files: the records as they were
// published, in one zip archive, and a note of what they are.
const (
	cacheArchive = "advisories.zip"
	cacheNote    = "advisories.json"
)

// CacheNote says what the advisory cache holds.
type CacheNote struct {
	SchemaVersion string           `json:"schemaVersion"`
	Updated       time.Time        `json:"updated"` // when the cache was written
	AsOf          time.Time        `json:"asOf"`    // newest record
	Sources       []string         `json:"sources"`
	Advisories    int              `json:"advisories"`
	Ecosystems    []EcosystemCount `json:"ecosystems"`
	Quarantined   int              `json:"quarantined"`
	Path          string           `json:"path"`
}

// EcosystemCount is how many advisories name packages of an ecosystem.
type EcosystemCount struct {
	Ecosystem  string `json:"ecosystem"`
	Advisories int    `json:"advisories"`
}

func (l *Loader) cachedAdvisories() (string, error) {
	if l.Cache == "" || l.FS != nil {
		return "", nil
	}
	p := filepath.Join(l.Cache, cacheArchive)
	if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", openError(p, err)
	}
	return p, nil
}

// Status reads the cache's note; nil if there is no cache.
func (l *Loader) Status() (*CacheNote, error) {
	p := filepath.Join(l.Cache, cacheNote)
	raw, err := os.ReadFile(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, openError(p, err)
	}
	var n CacheNote
	if err := json.Unmarshal(raw, &n); err != nil {
		return nil, ident.Errorf(ident.KindFailure, "is damaged: %w", err).At(p).WithHint("cofferdam advisories update --from PATH writes it anew")
	}
	n.Path = filepath.Join(l.Cache, cacheArchive)
	return &n, nil
}

// Update replaces the cache by the records behind from, those of the named
// ecosystems only if any are named. The old cache stays until the new one is
// complete and on disk.
func (l *Loader) Update(ctx context.Context, from, ecosystems []string, at time.Time) (*CacheNote, []Problem, error) {
	if l.Cache == "" {
		return nil, nil, ident.Errorf(ident.KindFailure, "there is no folder for the cache").WithHint("set COFFERDAM_CACHE to one")
	}
	if err := os.MkdirAll(l.Cache, 0o750); err != nil {
		return nil, nil, openError(l.Cache, err)
	}
	tmp, err := os.CreateTemp(l.Cache, ".update-*")
	if err != nil {
		return nil, nil, openError(l.Cache, err)
	}
	defer os.Remove(tmp.Name()) // fails harmlessly once renamed
	defer tmp.Close()
	u := update{loader: l, wanted: ecosystems, zip: zip.NewWriter(tmp), count: map[string]int{}, seen: map[ident.Digest]bool{},
		note: &CacheNote{SchemaVersion: "1", Updated: at.UTC(), Sources: from, Ecosystems: []EcosystemCount{}, Path: filepath.Join(l.Cache, cacheArchive)}}
	for _, arg := range from {
		if err := u.take(ctx, arg); err != nil {
			return nil, nil, err
		}
	}
	if u.note.Advisories == 0 {
		return nil, u.problems, ident.Errorf(ident.KindFailure, "no advisory was found in %s; the cache is as it was", strings.Join(from, ", ")).
			WithHint("OSV records are wanted: JSON or YAML files, or a zip archive of them")
	}
	if err := errors.Join(u.zip.Close(), tmp.Sync(), tmp.Close()); err != nil {
		return nil, nil, ident.Errorf(ident.KindFailure, "writing the cache: %w", err)
	}
	for e, n := range u.count {
		u.note.Ecosystems = append(u.note.Ecosystems, EcosystemCount{e, n})
	}
	slices.SortFunc(u.note.Ecosystems, func(a, b EcosystemCount) int {
		return cmp.Or(cmp.Compare(b.Advisories, a.Advisories), cmp.Compare(a.Ecosystem, b.Ecosystem))
	})
	u.note.Quarantined = len(u.problems)
	raw, err := json.MarshalIndent(u.note, "", "  ")
	if err == nil {
		err = os.Rename(tmp.Name(), u.note.Path)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(l.Cache, cacheNote), append(raw, '\n'), 0o644)
	}
	if err != nil {
		return nil, nil, ident.Errorf(ident.KindFailure, "writing the cache: %w", err)
	}
	return u.note, u.problems, nil
}

// update is one run of Update.
type update struct {
	loader   *Loader
	wanted   []string
	zip      *zip.Writer
	note     *CacheNote
	count    map[string]int
	seen     map[ident.Digest]bool
	problems []Problem
}

func (u *update) take(ctx context.Context, arg string) error {
	files, err := u.loader.expand(arg, hasExt(".json", ".yaml", ".yml", ".zip", ".ndjson", ".jsonl"))
	if err != nil {
		return err
	}
	for i, f := range files {
		u.loader.progress("reading advisories", i, len(files))
		raw, err := u.loader.read(ctx, f.name)
		if ident.KindOf(err) == ident.KindLimit {
			u.problems = append(u.problems, problemOf(f.name, err))
			continue
		}
		if err != nil {
			return err
		}
		if !isZip(raw) {
			if err := u.piece(ctx, f.name, filepath.Ext(f.name), raw, f.walked); err != nil {
				return err
			}
			continue
		}
		if err := u.explode(ctx, f, raw); err != nil {
			return err
		}
	}
	return nil
}

func isZip(raw []byte) bool { return bytes.HasPrefix(raw, []byte("PK\x03\x04")) }

// maxMember is the limit of one member of an archive: the largest published
// record has less than a tenth of it.
const maxMember = 64 << 20

// explode takes an archive's members one by one, so that each is judged, and
// kept or not, on its own.
func (u *update) explode(ctx context.Context, f file, raw []byte) error {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		u.problems = append(u.problems, Problem{Where: f.name, Message: "the zip archive cannot be read: " + err.Error()})
		return nil //nolint:nilerr // quarantined: it costs only itself
	}
	if len(z.File) > maxFiles*10 {
		u.problems = append(u.problems, Problem{Where: f.name, Message: fmt.Sprintf("the archive has %d members, more than %d", len(z.File), maxFiles*10)})
		return nil
	}
	want := hasExt(".json", ".yaml", ".yml", ".ndjson", ".jsonl")
	for _, m := range z.File {
		if !want(m.Name) || m.Mode().IsDir() {
			continue
		}
		r, err := m.Open()
		if err != nil {
			u.problems = append(u.problems, Problem{Where: f.name + "!" + m.Name, Message: err.Error()})
			continue
		}
		data, rerr := io.ReadAll(io.LimitReader(r, maxMember+1))
		_ = r.Close() // the checksum was compared when the end was read
		if rerr != nil || len(data) > maxMember {
			u.problems = append(u.problems, Problem{Where: f.name + "!" + m.Name, Message: "the member is damaged or too large"})
			continue
		}
		if err := u.piece(ctx, f.name+"!"+m.Name, filepath.Ext(m.Name), data, true); err != nil {
			return err
		}
	}
	return nil
}

// piece takes one document that holds one or more records.
func (u *update) piece(ctx context.Context, name, ext string, raw []byte, walked bool) error {
	as, faults, err := osv.Decode(ctx, name, raw, osv.Limits{})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !walked || ident.KindOf(err) != ident.KindUnsupported {
			u.problems = append(u.problems, problemOf(name, err))
		}
		return nil
	}
	for _, ft := range faults {
		u.problems = append(u.problems, Problem{Where: ft.Where(), Message: ft.Message})
	}
	digest := ident.SHA256(raw)
	if u.seen[digest] || !u.keep(as) {
		return nil
	}
	u.seen[digest] = true
	w, err := u.zip.Create(fmt.Sprintf("%06d%s", len(u.seen), strings.ToLower(ext)))
	if err == nil {
		_, err = w.Write(raw)
	}
	if err != nil {
		return ident.Errorf(ident.KindFailure, "writing the cache: %w", err)
	}
	return nil
}

// keep counts the records of a file and reports whether any is wanted.
func (u *update) keep(as []*vuln.Advisory) bool {
	kept := false
	for _, a := range as {
		names := map[string]bool{}
		for _, af := range a.Affected {
			base, _, _ := strings.Cut(af.Ecosystem, ":")
			names[base] = true
		}
		wanted := len(u.wanted) == 0
		for n := range names {
			wanted = wanted || slices.ContainsFunc(u.wanted, func(w string) bool { return strings.EqualFold(w, n) })
		}
		if !wanted {
			continue
		}
		kept = true
		u.note.Advisories++
		for n := range names {
			u.count[n]++
		}
		if a.Modified.After(u.note.AsOf) {
			u.note.AsOf = a.Modified
		}
	}
	return kept
}
