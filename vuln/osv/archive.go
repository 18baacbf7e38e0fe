package osv

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"path"
	"slices"
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
	z, err := OpenArchive(bytes.NewReader(raw), int64(len(raw)), d.lim.Entries)
	if err != nil {
		return d.errorf(ident.KindOf(err), "%w", err)
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

// OpenArchive lists the members of a zip archive, of which there are most at most. The error
// is an ident.Error: KindLimit where there are more, which costs no memory; KindInvalid where
// the archive cannot be read.
func OpenArchive(r io.ReaderAt, size int64, most int) (*zip.Reader, error) {
	for _, at := range directories(r, size) {
		if countMembers(io.NewSectionReader(r, at, size-at), most) > most {
			return nil, ident.Errorf(ident.KindLimit, "the archive has more than %d members", most)
		}
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the zip archive cannot be read: %w", err)
	}
	if len(z.File) > most {
		return nil, ident.Errorf(ident.KindLimit, "the archive has %d members, more than %d", len(z.File), most)
	}
	return z, nil
}

// directories are the places where an archive's list of members may begin: what is at its
// end says so twice, by an offset and by a length, and large archives say it again (APPNOTE
// 4.3.14 to 4.3.16). Which of them counts is the reader's choice; none where it has no end.
func directories(r io.ReaderAt, size int64) []int64 {
	const endLen, end64Len, locatorLen, maxComment = 22, 56, 20, 1<<16 - 1
	tail := make([]byte, min(size, endLen+maxComment))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if i < 0 || len(tail)-i < endLen {
		return nil
	}
	end := size - int64(len(tail)) + int64(i)
	length, offset := uint64(binary.LittleEndian.Uint32(tail[i+12:])), uint64(binary.LittleEndian.Uint32(tail[i+16:]))
	starts := []uint64{offset, uint64(end) - length} //nolint:gosec // places outside are left out below
	if i >= locatorLen && bytes.HasPrefix(tail[i-locatorLen:], []byte("PK\x06\x07")) {
		at := binary.LittleEndian.Uint64(tail[i-locatorLen+8:])
		var b [end64Len]byte
		if at < uint64(size) { //nolint:gosec // a size is not negative
			if n, _ := r.ReadAt(b[:], int64(at)); n == len(b) { //nolint:gosec // below the size
				starts = append(starts, binary.LittleEndian.Uint64(b[48:]), at-binary.LittleEndian.Uint64(b[40:]))
			}
		}
	}
	var out []int64
	for _, s := range starts {
		if s < uint64(size) { //nolint:gosec // a size is not negative
			out = append(out, int64(s)) //nolint:gosec // below the size
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// countMembers counts the headers of members that follow one another (APPNOTE 4.3.12), and
// ends beyond most.
func countMembers(r io.Reader, most int) int {
	const headerLen = 46
	b := bufio.NewReaderSize(r, 64<<10)
	for n := 0; ; n++ {
		h, err := b.Peek(headerLen)
		if err != nil || n > most || !bytes.HasPrefix(h, []byte("PK\x01\x02")) {
			return n
		}
		rest := headerLen + int(binary.LittleEndian.Uint16(h[28:])) + int(binary.LittleEndian.Uint16(h[30:])) + int(binary.LittleEndian.Uint16(h[32:]))
		if _, err := b.Discard(rest); err != nil {
			return n + 1
		}
	}
}
