package pack_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/osv"
	"github.com/cofferdam-io/cofferdam/vuln/pack"
)

func Example() {
	set := &pack.Set{Note: []byte("of today"), Sources: []pack.Source{{Name: "all.zip", Pieces: []pack.Piece{{Name: "GO-1.json", Stamp: "7", Advisories: []*vuln.Advisory{{ID: "GO-1"}}}}}}}
	back, err := pack.Decode(pack.Encode(set))
	fmt.Println(err, string(back.Note), back.Advisories()[0].ID)
	// Output: <nil> of today GO-1
}

func TestEveryRecordComesBack(t *testing.T) {
	text := rapid.SampledFrom([]string{"", "a", "1.0.0", strings.Repeat("long ", 60), "ünï\x00"})
	texts := func(t *rapid.T, label string) []string {
		n := rapid.IntRange(0, 3).Draw(t, label)
		var out []string
		for range n {
			out = append(out, text.Draw(t, label))
		}
		return out
	}
	at := func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "never") {
			return time.Time{}
		}
		return time.Unix(rapid.Int64Range(-1e10, 1e11).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nano")).UTC()
	}
	scores := func(t *rapid.T) []vuln.Score {
		if rapid.Bool().Draw(t, "unscored") {
			return nil
		}
		return []vuln.Score{{Type: text.Draw(t, "type"), Vector: text.Draw(t, "vector"), Base: rapid.SampledFrom([]float64{0, 9.8, math.NaN()}).Draw(t, "base")}}
	}
	rapid.Check(t, func(t *rapid.T) {
		set := &pack.Set{Note: []byte(text.Draw(t, "note"))}
		for range rapid.IntRange(0, 3).Draw(t, "sources") {
			s := pack.Source{Name: text.Draw(t, "name")}
			for range rapid.IntRange(0, 3).Draw(t, "pieces") {
				p := pack.Piece{Name: text.Draw(t, "name"), Stamp: text.Draw(t, "stamp")}
				for range rapid.IntRange(0, 2).Draw(t, "records") {
					a := &vuln.Advisory{ID: text.Draw(t, "id"), Aliases: texts(t, "aliases"), Upstream: texts(t, "upstream"), Related: texts(t, "related"), Summary: text.Draw(t, "summary"),
						Published: at(t), Modified: at(t), Withdrawn: at(t), Severity: scores(t), DatabaseSeverity: text.Draw(t, "word"), Source: text.Draw(t, "source")}
					for range rapid.IntRange(0, 2).Draw(t, "affected") {
						f := vuln.Affected{Ecosystem: text.Draw(t, "ecosystem"), Name: text.Draw(t, "package"), PURL: text.Draw(t, "purl"), Versions: texts(t, "versions"), Severity: scores(t), Unparsable: text.Draw(t, "fault")}
						for range rapid.IntRange(0, 2).Draw(t, "ranges") {
							f.Ranges = append(f.Ranges, vuln.Range{Type: vuln.RangeSemver, Events: []vuln.Event{{Introduced: text.Draw(t, "from")}, {Fixed: text.Draw(t, "to")}}}, vuln.Range{Type: vuln.RangeGit})
						}
						a.Affected = append(a.Affected, f)
					}
					p.Advisories = append(p.Advisories, a)
				}
				s.Pieces = append(s.Pieces, p)
			}
			set.Sources = append(set.Sources, s)
		}
		raw := pack.Encode(set)
		back, err := pack.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(set, back, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
		for i := range set.Sources {
			for _, p := range set.Sources[i].Pieces {
				if d := cmp.Diff(p.Advisories, pack.Compact(p.Advisories), cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
					t.Fatal(d)
				}
			}
		}
		note, err := pack.Note(raw)
		if err != nil || !bytes.Equal(note, set.Note) {
			t.Fatal(note, err)
		}
		// A bit that changes is noticed, wherever it is.
		i := rapid.IntRange(0, len(raw)-1).Draw(t, "byte")
		raw[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := pack.Decode(raw); err == nil {
			t.Fatalf("a changed byte %d is not noticed", i)
		}
	})
}

func TestWhatIsRefused(t *testing.T) {
	raw := pack.Encode(&pack.Set{Note: []byte("n")})
	for name, c := range map[string]struct {
		raw  []byte
		kind ident.Kind
	}{
		"nothing":   {nil, ident.KindUnsupported},
		"a zip":     {[]byte("PK\x03\x04"), ident.KindUnsupported},
		"cut short": {raw[:len(raw)-1], ident.KindInvalid},
		"longer":    {append(bytes.Clone(raw), 0), ident.KindInvalid},
	} {
		if _, err := pack.Decode(c.raw); ident.KindOf(err) != c.kind || err == nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := pack.Note(c.raw); ident.KindOf(err) != c.kind || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDecode gives every body its right checksum, so that what is behind it is read.
func FuzzDecode(f *testing.F) {
	whole := pack.Encode(&pack.Set{Sources: []pack.Source{{Name: "s", Pieces: []pack.Piece{{Advisories: []*vuln.Advisory{{ID: "x", Affected: []vuln.Affected{{Name: "y", Ranges: []vuln.Range{{Type: vuln.RangeSemver}}}}}}}}}}})
	f.Add(whole[pack.HeaderBytes:])
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, body []byte) {
		raw := pack.Sealed(body)
		if set, err := pack.Decode(raw); err == nil {
			if again, err := pack.Decode(pack.Encode(set)); err != nil || len(again.Advisories()) != len(set.Advisories()) {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	dir := os.Getenv("COFFERDAM_DATA")
	if dir == "" {
		b.Skip("COFFERDAM_DATA is not set: there are no advisories")
	}
	var set pack.Set
	for _, sub := range []string{"osv-go", "osv-pypa"} {
		s := pack.Source{Name: sub}
		err := filepath.WalkDir(filepath.Join(dir, "vuln", sub), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || filepath.Ext(path) != ".json" && filepath.Ext(path) != ".yaml" {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			as, _, err := osv.Decode(context.Background(), path, raw, osv.Limits{})
			if err == nil {
				s.Pieces = append(s.Pieces, pack.Piece{Name: path, Advisories: as})
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		set.Sources = append(set.Sources, s)
	}
	raw := pack.Encode(&set)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	b.Run("pack", func(b *testing.B) {
		for b.Loop() {
			if _, err := pack.Decode(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	as := set.Advisories()
	b.Run("database", func(b *testing.B) {
		for b.Loop() {
			if _, err := vuln.NewDatabase(as, vuln.Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Logf("%d records, %d bytes", len(as), len(raw))
}
