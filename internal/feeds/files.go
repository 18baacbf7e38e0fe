package feeds

import (
	"archive/zip"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
	"github.com/cofferdam-io/cofferdam/vuln/pack"
)

// Limits on what is read of one source.
const (
	maxPiece   = 64 << 20 // one file or member, uncompressed; the largest record has a tenth of it
	maxMembers = 2_000_000
	maxTotal   = 8 << 30 // of an archive, uncompressed
	maxRatio   = 200     // of a member above a mebibyte, uncompressed to compressed
	maxRecords = 2_000_000
	maxTold    = 1000 // problems that are told one by one; of the others it is told how many they are
)

var recordExts = []string{".json", ".yaml", ".yml", ".ndjson", ".jsonl"}

func isRecord(name string) bool {
	return slices.Contains(recordExts, strings.ToLower(filepath.Ext(name)))
}

// files reads a file, folder or glob. Files whose size and time are those of the last
// time are not read again; a checkout of git leaves both where it changes nothing.
func (u *update) files(ctx context.Context, from string, known map[string]*pack.Piece, got *pack.Source) error {
	names, err := list(from)
	if err != nil {
		return err
	}
	for i, name := range names {
		if u.cache.Progress != nil {
			u.cache.Progress("reading advisories", i, len(names))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		st, err := os.Stat(name)
		if err != nil {
			return ident.Unreadable(name, err)
		}
		if strings.EqualFold(filepath.Ext(name), ".zip") {
			if err := u.archive(ctx, name, name+"!", known, got); err != nil {
				return err
			}
			continue
		}
		stamp := fmt.Sprintf("%d %d", st.Size(), st.ModTime().UnixNano())
		if p := known[name]; p != nil && p.Stamp == stamp {
			got.Pieces = append(got.Pieces, *p)
			continue
		}
		if st.Size() > maxPiece {
			u.quarantine(name, "is larger than %d MiB", maxPiece>>20)
			continue
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			return ident.Unreadable(name, err)
		}
		if err := u.piece(ctx, name, stamp, raw, name != from, got); err != nil {
			return err
		}
	}
	return nil
}

// list names the files behind an argument, sorted; hidden entries of folders are left out.
func list(from string) ([]string, error) {
	st, err := os.Stat(from)
	if err != nil {
		if names, gerr := filepath.Glob(from); strings.ContainsAny(from, "*?[") && gerr == nil && len(names) > 0 {
			return names, nil
		}
		return nil, ident.Unreadable(from, err)
	}
	if !st.IsDir() {
		return []string{from}, nil
	}
	var out []string
	err = filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return ident.Unreadable(p, err)
		case p != from && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir() && (isRecord(p) || strings.EqualFold(filepath.Ext(p), ".zip")):
			if len(out) == maxMembers {
				return ident.Errorf(ident.KindLimit, "holds more than %d files", maxMembers).At(from)
			}
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

// archiveLimits bound what an archive may hold.
type archiveLimits struct {
	members int
	total   int64 // bytes, uncompressed
}

// archives are the limits of archives.
func (c *Cache) archives() archiveLimits {
	if c.limits != (archiveLimits{}) {
		return c.limits
	}
	return archiveLimits{maxMembers, maxTotal}
}

// archive reads the members of a zip archive whose checksum changed.
func (u *update) archive(ctx context.Context, file, prefix string, known map[string]*pack.Piece, got *pack.Source) error {
	f, err := os.Open(file)
	if err != nil {
		return ident.Unreadable(file, err)
	}
	defer f.Close() //nolint:errcheck // of a reader
	st, err := f.Stat()
	if err != nil {
		return ident.Unreadable(file, err)
	}
	lim := u.cache.archives()
	z, err := osv.OpenArchive(f, st.Size(), lim.members)
	if err != nil {
		u.quarantine(prefix, "%v", err)
		return nil //nolint:nilerr // quarantined: it costs only itself
	}
	total := int64(0)
	for i, m := range z.File {
		if u.cache.Progress != nil {
			u.cache.Progress("reading advisories", i, len(z.File))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !isRecord(m.Name) || m.Mode().IsDir() {
			continue
		}
		name, stamp := prefix+m.Name, fmt.Sprintf("%d %08x", m.UncompressedSize64, m.CRC32)
		if p := known[name]; p != nil && p.Stamp == stamp {
			got.Pieces = append(got.Pieces, *p)
			continue
		}
		raw, err := inflate(m, lim.total-total)
		if total += int64(len(raw)); total > lim.total {
			u.quarantine(prefix, "the archive inflates beyond %d bytes: %s and what follows was not read", lim.total, strconv.Quote(m.Name))
			return nil
		}
		if err != nil {
			u.quarantine(name, "%v", err)
			continue
		}
		if err := u.piece(ctx, name, stamp, raw, true, got); err != nil {
			return err
		}
	}
	return nil
}

// inflate reads a member, of which it returns what it read where that is too much. The sizes
// that the archive declares are not believed.
func inflate(m *zip.File, left int64) ([]byte, error) {
	most := min(maxPiece, left)
	if packed := int64(m.CompressedSize64); packed >= 0 && packed < maxPiece { //nolint:gosec // compared at once
		most = min(most, max(1<<20, packed*maxRatio))
	}
	r, err := m.Open()
	if err != nil {
		return nil, fmt.Errorf("the member cannot be read: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(r, most+1))
	if err = errors.Join(err, r.Close()); err != nil && int64(len(raw)) <= most {
		return nil, fmt.Errorf("the member cannot be read: %w", err)
	}
	if int64(len(raw)) > most {
		return raw, fmt.Errorf("the member inflates beyond %d bytes", most)
	}
	return raw, nil
}

// piece decodes a document of one or more records. What was found in a folder and is
// something else is passed over, and remembered as nothing.
func (u *update) piece(ctx context.Context, name, stamp string, raw []byte, found bool, got *pack.Source) error {
	as, faults, err := osv.Decode(ctx, name, raw, osv.Limits{})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && (!found || ident.KindOf(err) != ident.KindUnsupported) {
		var e *ident.Error
		if errors.As(err, &e) {
			u.quarantine(cmp.Or(e.Where, name), "%s", e.Message)
		} else {
			u.quarantine(name, "%v", err)
		}
		return nil // read again the next time: it has no stamp
	}
	for _, f := range faults {
		u.quarantine(f.Where(), "%s", f.Message)
	}
	if len(faults) > 0 {
		stamp = "" // told again the next time
	}
	as = u.wanted(as)
	if u.records += len(as); u.records > maxRecords {
		return ident.Errorf(ident.KindLimit, "more than %d records are new", maxRecords).At(got.Name).
			WithHint("--ecosystem keeps only the records that are wanted")
	}
	// What is kept of the document decides about memory, not how long it is.
	got.Pieces = append(got.Pieces, pack.Piece{Name: name, Stamp: stamp, Advisories: pack.Compact(as)})
	return nil
}
