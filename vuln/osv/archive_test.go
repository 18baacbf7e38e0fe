package osv_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
)

// hollow is an archive of members that hold nothing.
func hollow(tb testing.TB, n int, comment string) []byte {
	tb.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for i := range n {
		if _, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("../%d.json", i)}); err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.SetComment(comment); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func TestOpenArchive(t *testing.T) {
	for name, c := range map[string]struct {
		raw  []byte
		most int
		kind ident.Kind // KindLimit, KindInvalid; 0: it is read
	}{
		"as many as may be": {hollow(t, 10, ""), 10, 0},
		"one more":          {hollow(t, 11, ""), 10, ident.KindLimit},
		"with a comment":    {hollow(t, 11, "PK and more"), 10, ident.KindLimit},
		"in zip64":          {hollow(t, 70_000, ""), 69_999, ident.KindLimit},
		"in zip64, in time": {hollow(t, 70_000, ""), 70_000, 0},
		"none":              {hollow(t, 0, ""), 0, 0},
		"no archive":        {[]byte("PK\x05\x06"), 10, ident.KindInvalid},
		"nothing":           {nil, 10, ident.KindInvalid},
	} {
		z, err := osv.OpenArchive(bytes.NewReader(c.raw), int64(len(c.raw)), c.most)
		if c.kind == 0 && (err != nil || len(z.File) > c.most) || c.kind != 0 && (err == nil || ident.KindOf(err) != c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is too much is not listed first: a list of 60,000 members is refused for a few
// allocations, also where the archive's end says that it is short or elsewhere.
func TestRefusedArchivesAreNotListed(t *testing.T) {
	raw := hollow(t, 60_000, "")
	lies := bytes.Clone(raw)
	end := bytes.LastIndex(lies, []byte("PK\x05\x06"))
	binary.LittleEndian.PutUint32(lies[end+12:], 46) // the length
	binary.LittleEndian.PutUint16(lies[end+8:], 1)   // how many
	binary.LittleEndian.PutUint16(lies[end+10:], 1)
	for name, raw := range map[string][]byte{"honest": raw, "lying": lies} {
		allocs := testing.AllocsPerRun(3, func() {
			if _, err := osv.OpenArchive(bytes.NewReader(raw), int64(len(raw)), 100); ident.KindOf(err) != ident.KindLimit {
				t.Errorf("%s: %v", name, err)
			}
		})
		if allocs > 100 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}
