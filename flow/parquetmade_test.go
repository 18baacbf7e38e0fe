package flow

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// packs writes Parquet as flow logs of Amazon VPC are: a thrift of the compact
// protocol, columns compressed by gzip, dictionaries for what repeats.
type packs struct {
	b    []byte
	last []int16 // of the fields of each open structure
}

func (w *packs) open()  { w.last = append(w.last, 0) }
func (w *packs) close() { w.b, w.last = append(w.b, 0), w.last[:len(w.last)-1] }

// field begins one of a kind: 5 and 6 numbers, 8 bytes, 9 lists, 12 structures.
func (w *packs) field(id int16, kind byte) {
	last := &w.last[len(w.last)-1]
	w.b = append(w.b, byte(id-*last)<<4|kind) //nolint:gosec // they are near
	*last = id
}

func (w *packs) number(id int16, kind byte, n int) {
	w.field(id, kind)
	w.b = binary.AppendVarint(w.b, int64(n))
}

func (w *packs) text(s string) { w.b = append(binary.AppendUvarint(w.b, uint64(len(s))), s...) }

func (w *packs) list(id int16, kind byte, n int) {
	w.field(id, 9)
	w.b = append(w.b, 0xf0|kind)
	w.b = binary.AppendUvarint(w.b, uint64(n)) //nolint:gosec // a length
}

func (w *packs) structure(id int16) {
	w.field(id, 12)
	w.open()
}

// packedColumns are those of the records that benchLines makes, and which of them are numbers
// of how many bytes: texts have none.
var packedColumns = []struct {
	name  string
	field int
	wide  int
}{{"srcaddr", 3, 0}, {"dstaddr", 4, 0}, {"srcport", 5, 4}, {"dstport", 6, 4}, {"protocol", 7, 4}, {"bytes", 9, 8}, {"start", 10, 8}, {"end", 11, 8}, {"action", 12, 0}, {"log_status", 13, 0}}

// packedLines is a Parquet file of the benchDistinct lines of benchLines, again and
// again to n, in row groups of 100,000.
func packedLines(t testing.TB, n int) []byte {
	t.Helper()
	const group = 5 * benchDistinct
	lines := strings.Split(strings.TrimSpace(string(benchLines(AWS, benchDistinct))), "\n")
	out := []byte("PAR1")
	foot := &packs{}
	foot.open()
	foot.number(1, 5, 1)
	foot.list(2, 12, len(packedColumns)+1)
	foot.open()
	foot.field(4, 8)
	foot.text("schema")
	foot.number(5, 5, len(packedColumns))
	foot.close()
	for _, c := range packedColumns {
		foot.open()
		foot.number(1, 5, physical(c.wide))
		foot.number(3, 5, 1) // optional
		foot.field(4, 8)
		foot.text(c.name)
		foot.close()
	}
	foot.number(3, 6, n)
	foot.list(4, 12, (n+group-1)/group)
	for at := 0; at < n; at += group {
		rows := min(group, n-at)
		columns := make([][]string, len(packedColumns))
		for i := range rows {
			fields := strings.Fields(lines[i%benchDistinct])
			for k, c := range packedColumns {
				columns[k] = append(columns[k], fields[c.field])
			}
		}
		foot.open()
		foot.list(1, 12, len(packedColumns))
		for k, c := range packedColumns {
			from := len(out)
			var dict, data int
			out, dict, data = packedColumn(t, out, columns[k], c.wide)
			foot.open()
			foot.number(2, 6, 0)
			foot.structure(3)
			foot.number(1, 5, physical(c.wide))
			foot.list(3, 8, 1)
			foot.text(c.name)
			foot.number(4, 5, 2) // gzip
			foot.number(5, 6, rows)
			foot.number(7, 6, len(out)-from)
			foot.number(9, 6, data)
			if dict > 0 {
				foot.number(11, 6, dict)
			}
			foot.close()
			foot.close()
		}
		foot.number(3, 6, rows)
		foot.close()
	}
	foot.close()
	out = append(out, foot.b...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(foot.b))), "PAR1"...) //nolint:gosec // small
}

func physical(wide int) int { return map[int]int{0: 6, 4: 1, 8: 2}[wide] }

// packedColumn appends the pages of a column, and says where its dictionary, if it
// has one, and its first page of data are.
func packedColumn(t testing.TB, out []byte, values []string, wide int) (_ []byte, dict, data int) {
	t.Helper()
	const inPage = benchDistinct
	ids := make(map[string]int)
	var words []byte
	for _, v := range values {
		if _, has := ids[v]; !has {
			ids[v] = len(ids)
			words = plainValue(t, words, v, wide)
		}
	}
	byRef := len(words) < 1<<20 // beyond, writers give it up
	if byRef {
		dict = len(out)
		out = packedPage(t, out, 2, 7, words, len(ids), 0)
	}
	data = len(out)
	for len(values) > 0 {
		page := values[:min(inPage, len(values))]
		values = values[len(page):]
		levels := binary.AppendUvarint(nil, uint64(len(page))<<1)
		body := append(binary.LittleEndian.AppendUint32(nil, uint32(len(levels)+1)), levels...) //nolint:gosec // small
		body = append(body, 1)
		if !byRef {
			for _, v := range page {
				body = plainValue(t, body, v, wide)
			}
			out = packedPage(t, out, 0, 5, body, len(page), 0)
			continue
		}
		width := bits.Len(uint(len(ids) - 1)) //nolint:gosec // there are some
		body = append(body, byte(width))      //nolint:gosec // 20 at most
		groups := (len(page) + 7) / 8
		body = binary.AppendUvarint(body, uint64(groups)<<1|1) //nolint:gosec // a length
		packed := make([]byte, groups*width+8)
		for i, v := range page {
			at := i * width
			word := binary.LittleEndian.Uint64(packed[at>>3:])
			binary.LittleEndian.PutUint64(packed[at>>3:], word|uint64(ids[v])<<(at&7)) //nolint:gosec // a position
		}
		out = packedPage(t, out, 0, 5, append(body, packed[:groups*width]...), len(page), 8)
	}
	return out, dict, data
}

func plainValue(t testing.TB, b []byte, v string, wide int) []byte {
	t.Helper()
	if wide == 0 {
		return append(binary.LittleEndian.AppendUint32(b, uint32(len(v))), v...) //nolint:gosec // short
	}
	n, err := strconv.ParseUint(v, 10, 63)
	if err != nil {
		t.Fatal(err)
	}
	if wide == 4 {
		return binary.LittleEndian.AppendUint32(b, uint32(n)) //nolint:gosec // made so
	}
	return binary.LittleEndian.AppendUint64(b, n)
}

// packedPage appends a page: of which kind (0 data, 2 a dictionary), whose header is
// which field, in which encoding.
func packedPage(t testing.TB, out []byte, kind int, header int16, body []byte, values, encoding int) []byte {
	t.Helper()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	h := &packs{b: out}
	h.open()
	h.number(1, 5, kind)
	h.number(2, 5, len(body))
	h.number(3, 5, z.Len())
	h.structure(header)
	h.number(1, 5, values)
	h.number(2, 5, encoding)
	if kind == 0 {
		h.number(3, 5, 3)
		h.number(4, 5, 3)
	}
	h.close()
	h.close()
	return append(h.b, z.Bytes()...)
}
