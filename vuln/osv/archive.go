package osv

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// ratioFrom is the size above which a member's compression ratio is judged:
// below it a bomb is no danger, and a short repetitive record can shrink a lot.
const ratioFrom = 1 << 20

// isZip reports whether the document begins as a zip archive does (APPNOTE
// section 4.3: a local file header, or the end record of an empty archive).
func isZip(raw []byte) bool {
	return bytes.HasPrefix(raw, []byte("PK\x03\x04")) || bytes.HasPrefix(raw, []byte("PK\x05\x06"))
}

// archive reads the members of a zip archive. Member names are for messages
// only: nothing is written anywhere. Members that are no JSON or YAML by name
// are passed over.
func (d *decoder) archive(raw []byte) error {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return d.errorf(ident.KindInvalid, "the zip archive cannot be read: %w", err)
	}
	if len(z.File) > d.lim.Entries {
		return d.errorf(ident.KindLimit, "the archive has %d members, more than %d", len(z.File), d.lim.Entries)
	}
	var total int64
	var buf bytes.Buffer
	for _, m := range z.File {
		if err := d.ctx.Err(); err != nil {
			return err
		}
		d.member = memberName(m.Name)
		switch strings.ToLower(path.Ext(m.Name)) {
		case ".json", ".yaml", ".yml", ".ndjson", ".jsonl":
		default:
			continue
		}
		if m.Mode().IsDir() {
			continue
		}
		buf.Reset()
		n, err := d.inflate(&buf, m, d.lim.ArchiveBytes-total)
		if total += n; err != nil {
			if ident.KindOf(err) == ident.KindLimit {
				if total >= d.lim.ArchiveBytes {
					d.member = ""
					return d.errorf(ident.KindLimit, "the archive holds more than %d bytes", d.lim.ArchiveBytes)
				}
			}
			d.fault(Fault{Message: err.Error()})
			continue
		}
		if err := d.document(buf.Bytes()); err != nil {
			var e *ident.Error
			if !errors.As(err, &e) || d.ctx.Err() != nil || e.Kind == ident.KindLimit {
				return err
			}
			d.fault(Fault{Message: e.Message})
		}
	}
	d.member = ""
	return nil
}

// inflate reads one member, bounded by its own limits and by what is left of
// the archive's. The sizes that the archive declares are not believed.
func (d *decoder) inflate(buf *bytes.Buffer, m *zip.File, left int64) (int64, error) {
	most := min(d.lim.RecordBytes, left)
	if packed := int64(m.CompressedSize64); packed >= 0 && packed < d.lim.RecordBytes {
		most = min(most, max(ratioFrom, packed*d.lim.Ratio))
	}
	r, err := m.Open()
	if err != nil {
		return 0, ident.Errorf(ident.KindInvalid, "the member cannot be read: %w", err)
	}
	n, err := io.Copy(buf, io.LimitReader(r, most+1))
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	switch {
	case n > most:
		return n, ident.Errorf(ident.KindLimit, "the member inflates beyond %d bytes", most)
	case err != nil:
		return n, ident.Errorf(ident.KindInvalid, "the member cannot be read: %w", err)
	}
	return n, nil
}

// memberName makes a foreign name fit for a message.
func memberName(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most] + "…"
	}
	if q := strconv.Quote(s); q[1:len(q)-1] != s {
		return q
	}
	return s
}
