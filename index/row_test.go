package index_test

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
)

func drawIDs(t *rapid.T) []uint32 {
	var ids []uint32
	next := uint64(0)
	for range rapid.IntRange(0, 30).Draw(t, "runs") {
		next += uint64(rapid.OneOf(rapid.Uint32Range(0, 3), rapid.Uint32Range(0, 1<<20), rapid.Uint32Range(0, 1<<30)).Draw(t, "gap"))
		for range rapid.IntRange(1, 40).Draw(t, "length") {
			if next > 1<<32-2 {
				return ids
			}
			ids = append(ids, uint32(next))
			next++
		}
	}
	return ids
}

func TestRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := drawIDs(t)
		row := index.EncodeRow([]byte("before"), ids)
		got, err := index.DecodeRow([]uint32{7}, row[len("before"):])
		if err != nil || got[0] != 7 || !slices.Equal(got[1:], ids) {
			t.Fatalf("%v became %v, %v", ids, got, err)
		}
	})
}

// A base image's row costs a few bytes however long it is.
func TestRowOfRunsIsSmall(t *testing.T) {
	ids := make([]uint32, 10_000)
	for i := range ids {
		ids[i] = uint32(i) + 5
	}
	if n := len(index.EncodeRow(nil, ids)); n > 12 {
		t.Errorf("a run of 10,000 ids takes %d bytes", n)
	}
}

// Every bit of a row is under its checksum.
func TestRowDamage(t *testing.T) {
	row := index.EncodeRow(nil, []uint32{1, 2, 3, 900, 70_000})
	for i := range row {
		for bit := range 8 {
			bad := slices.Clone(row)
			bad[i] ^= 1 << bit
			if _, err := index.DecodeRow(nil, bad); err == nil {
				t.Errorf("bit %d of byte %d may be flipped", bit, i)
			}
		}
		if _, err := index.DecodeRow(nil, row[:i]); ident.KindOf(err) != ident.KindInvalid {
			t.Errorf("cut off at %d: %v", i, err)
		}
	}
}

func TestRowRefusesUnsorted(t *testing.T) {
	for _, ids := range [][]uint32{{2, 1}, {1, 1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v was encoded", ids)
				}
			}()
			index.EncodeRow(nil, ids)
		}()
	}
}

// checked puts the right checksum behind bytes, so that what reads them gets past it.
func checked(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(slices.Clip(b), crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func TestRowForged(t *testing.T) {
	uv := func(vs ...uint64) (b []byte) {
		b = []byte{1}
		for _, v := range vs {
			b = binary.AppendUvarint(b, v)
		}
		return b
	}
	for _, c := range []struct {
		name, say string
		row       []byte
	}{
		{"a billion components", "more than", uv(1<<30, 1, 1<<30-2)},
		{"a run beyond the last id", "beyond", uv(3, (1<<32-3)<<1|1, 1)},
		{"a run beyond the count", "beyond", uv(3, 1, 8)},
		{"a run of 2^64-1", "beyond", uv(3, 1, 1<<64-1)},
		{"a gap beyond the last id", "beyond", uv(1, 1<<34)},
		{"a count without ids", "cut off", uv(3)},
		{"bytes after the last", "after the last", uv(1, 2, 2)},
		{"another format", "format 9", []byte{9, 0}},
	} {
		if _, err := index.DecodeRow(nil, checked(c.row)); err == nil || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzDecodeRow(f *testing.F) {
	f.Add(index.EncodeRow(nil, nil))
	f.Add(index.EncodeRow(nil, []uint32{0, 1, 2, 3, 500, 1 << 20, 1<<32 - 2}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 4 {
			b = checked(b[:len(b)-4])
		}
		ids, err := index.DecodeRow(nil, b)
		if err != nil {
			return
		}
		again, err := index.DecodeRow(nil, index.EncodeRow(nil, ids))
		if err != nil || !slices.Equal(ids, again) {
			t.Fatalf("%v became %v, %v", ids, again, err)
		}
	})
}
