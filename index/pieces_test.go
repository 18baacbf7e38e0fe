package index

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// resealed puts the right checksum behind a piece, so that what reads it gets past it.
func resealed(b []byte) []byte {
	if len(b) < 4 {
		return b
	}
	body := b[:len(b)-4]
	return binary.LittleEndian.AppendUint32(slices.Clip(body), crc32.Checksum(body, castagnoli))
}

func somePostings() ([]byte, []run, []uint32) {
	var pairs []uint64
	artifacts := make([]uint32, 300)
	for d := range uint64(300) {
		artifacts[d] = uint32(d * 7 % 200)
		pairs = append(pairs, 3<<32|d+37, 70_000<<32|d+37) // in all: dense
		if d%100 == 3 {
			pairs = append(pairs, 5<<32|d+37)
		}
		if d > 150 && d%2 == 0 {
			pairs = append(pairs, 9<<32|d+37)
		}
		pairs = append(pairs, (1000+d)<<32|d+37) // in one
	}
	slices.Sort(pairs)
	r := run{lo: 37, n: 300, pairs: pairs}
	piece, err := encodeSegment(37, artifacts, []postingWalk{r.walk()})
	if err != nil {
		panic(err)
	}
	return piece, []run{r}, artifacts
}

// A segment says what the runs say that it was made of.
func TestSegmentAgainstRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lo := rapid.Uint32Range(0, 200).Draw(t, "lo")
		n := rapid.Uint32Range(1, 400).Draw(t, "documents")
		density := rapid.IntRange(1, 60).Draw(t, "one in")
		components := rapid.Uint32Range(1, 300).Draw(t, "components")
		pick := rapid.Uint64().Draw(t, "seed")
		var pairs []uint64
		for c := range components {
			for d := range n {
				pick = pick*6364136223846793005 + 1442695040888963407
				if int(pick>>33)%density == 0 {
					pairs = append(pairs, uint64(c)*uint64(density)<<32|uint64(lo+d))
				}
			}
		}
		cut := rapid.Uint32Range(0, n).Draw(t, "cut")
		parts := []run{{lo: lo, n: cut}, {lo: lo + cut, n: n - cut}}
		for _, p := range pairs {
			i := 0
			if uint32(p) >= lo+cut {
				i = 1
			}
			parts[i].pairs = append(parts[i].pairs, p)
		}
		artifacts := make([]uint32, n)
		gone := rapid.Uint32Range(0, n).Draw(t, "gone") // n is none of them
		if gone < n {
			artifacts[gone] = none
		}
		piece, err := encodeSegment(lo, artifacts, []postingWalk{parts[0].walk(), parts[1].walk()})
		if err != nil {
			t.Fatal(err)
		}
		s, err := openSegment("test", piece)
		if err != nil {
			t.Fatal(err)
		}
		var ask []uint32
		for range rapid.IntRange(0, 20).Draw(t, "asked") {
			ask = append(ask, rapid.Uint32Range(0, components*uint32(density)).Draw(t, "component"))
		}
		slices.Sort(ask)
		ask = slices.Compact(ask)
		got, want := sized(lo+n), sized(lo+n)
		if err := s.add(ask, &got); err != nil {
			t.Fatal(err)
		}
		for i := range parts {
			parts[i].add(ask, &want)
		}
		want.Remove(lo + gone)
		if !slices.Equal(slices.Collect(got.All()), slices.Collect(want.All())) {
			t.Fatalf("components %v are in %v, want %v", ask, slices.Collect(got.All()), slices.Collect(want.All()))
		}
		var walked []uint64
		for walk := s.walk(); ; {
			c, docs, ok, err := walk()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			for _, d := range docs {
				walked = append(walked, uint64(c)<<32|uint64(d))
			}
		}
		left := slices.DeleteFunc(slices.Clone(pairs), func(p uint64) bool { return gone < n && uint32(p) == lo+gone })
		if !slices.Equal(walked, left) {
			t.Fatalf("walking gives %v, want %v", walked, left)
		}
	})
}

func someKeys(n int) []string {
	var keys []string
	for i := range n {
		c := sbom.Component{Name: "left-pad", Version: "1", PURL: "pkg:npm/left-pad@1." + strings.Repeat("1", i%30+1),
			Licenses: []sbom.License{{Expression: []string{"MIT", "ISC"}[i%2]}}}
		if i%3 == 0 {
			c.Hashes = []sbom.Hash{{Algorithm: "SHA-1", Value: strings.Repeat("ab", 20)}}
		}
		if i%5 == 0 {
			c = sbom.Component{Name: "thing" + strings.Repeat("x", i), Supplier: "Acme"}
		}
		keys = append(keys, KeyOf(&c, sbom.Distro{}))
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	slices.Reverse(keys) // ids in another order than keys
	return keys
}

// exercise asks a lexicon everything; damaged bytes may be answered with an error.
func exercise(x *lexicon) error {
	keys, err := x.allKeys(nil)
	if err != nil {
		return err
	}
	c := x.cursor()
	for i := range keys {
		if err := c.seek(uint32(i)); err != nil {
			return err
		}
		if !c.is(keys[i]) || string(c.key(nil)) != keys[i] {
			return ident.Errorf(ident.KindFailure, "entry %d is %q by its number and %q in order", i, c.key(nil), keys[i])
		}
	}
	if _, err := x.byHash("abab"); err != nil {
		return err
	}
	for i := range x.words.len() {
		if at, ok := x.words.find(x.words.word(i)); !ok || at != i {
			return ident.Errorf(ident.KindFailure, "word %d is found at %d", i, at)
		}
		if _, err := x.prepare(i); err != nil {
			return err
		}
	}
	_, err = x.byAttribute(func(*sbom.Component) bool { return true })
	return err
}

// Every byte that is damaged is noticed when the piece is opened.
func TestPiecesNoticeDamage(t *testing.T) {
	postings, _, _ := somePostings()
	dictionary, err := encodeLexicon(5, someKeys(100))
	if err != nil {
		t.Fatal(err)
	}
	m := manifest{seq: 9, documents: 4, components: 7, dictionary: []string{"dictionary-0-7"}, postings: []string{"postings-0-4-9"}, dead: NewSet(1, 3), moved: []Move{{2, 1}}}
	for name, c := range map[string]struct {
		piece []byte
		open  func([]byte) error
	}{
		"postings":   {postings, func(b []byte) error { _, err := openSegment("postings-37-337-1", b); return err }},
		"dictionary": {dictionary, func(b []byte) error { _, err := openLexicon("dictionary-5-105", b); return err }},
		"manifest":   {m.encode(), func(b []byte) error { _, err := decodeManifest(b); return err }},
	} {
		if err := c.open(c.piece); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i := range c.piece {
			bad := slices.Clone(c.piece)
			bad[i] ^= 1 << (i % 8)
			if err := c.open(bad); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: byte %d is damaged: %v", name, i, err)
			}
			if err := c.open(c.piece[:i]); err == nil {
				t.Errorf("%s: it is cut off at byte %d, and opens", name, i)
			}
		}
	}
}

// Even where the checksum was made to fit, a damaged byte gives an error at most.
func TestForgedPieces(t *testing.T) {
	postings, _, _ := somePostings()
	dictionary, err := encodeLexicon(5, someKeys(20))
	if err != nil {
		t.Fatal(err)
	}
	values := []byte{0, 1, 0x7f, 0x80, 0xff}
	refused := 0
	for i := range len(postings) {
		bad := slices.Clone(postings)
		bad[i] = values[i%5]
		if err := walkAll(resealed(bad)); err != nil {
			refused++
		}
	}
	for i := range len(dictionary) {
		for _, v := range []byte{values[i%5], values[(i+3)%5]} {
			bad := slices.Clone(dictionary)
			bad[i] = v
			x, err := openLexicon("dictionary", resealed(bad))
			if err == nil {
				err = exercise(x)
			}
			if err != nil {
				refused++
			}
			if err != nil && ident.KindOf(err) == ident.KindFailure {
				t.Errorf("byte %d is %d: %v", i, v, err)
			}
		}
	}
	if refused < 800 {
		t.Errorf("only %d forgeries were refused", refused)
	}
}

// misshapenKeys split into three parts, and are what KeyOf never writes.
var misshapenKeys = []string{
	"\x00\x00", "\x02\x00\x00", "\x02nthing\x00\x00", "x\x00\x00", "@1\x00\x00", "?a=b\x02\x00\x00", "#\x00\x00", "pkg:\x00\x00", "pkg:npm/@1\x00\x00",
	"pkg:npm/a@1\x02\x02\x00\x00", "nthing\x02?\x00\x00", "n\x01\x00\x00", "nthing\x00a\x00", "nthing\x00\x00\x01", "nthing\x00\x00\x00",
}

func TestMisshapenKeys(t *testing.T) {
	for _, key := range misshapenKeys {
		piece, err := encodeLexicon(5, []string{key})
		if err != nil {
			continue
		}
		x, err := openLexicon("dictionary", piece)
		if err == nil {
			err = exercise(x)
		}
		if err == nil {
			_, _, err = ParseKey([]byte(key))
		}
		if ident.KindOf(err) != ident.KindInvalid {
			t.Errorf("a dictionary of the key %q: %v", key, err)
		}
	}
}

func walkAll(piece []byte) error {
	s, err := openSegment("postings", piece)
	if err != nil {
		return err
	}
	into := sized(s.lo + s.n)
	for walk := s.walk(); ; {
		c, _, ok, err := walk()
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
		if err := s.add([]uint32{c}, &into); err != nil {
			return err
		}
	}
}

// A part of the tail that a checkpoint takes as it is has the bytes that writing it anew
// would make, and answers as before.
func TestLexiconIsKept(t *testing.T) {
	keys := someKeys(200)
	tail, err := buildLexicon(7, keys)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := oneLexicon([]*lexicon{tail})
	if err != nil {
		t.Fatal(err)
	}
	anew, err := mergeLexicons([]*lexicon{tail})
	if err != nil {
		t.Fatal(err)
	}
	if kept.tail || kept.name != fmt.Sprintf("dictionary-7-%d", 7+len(keys)) || !bytes.Equal(kept.piece, anew) {
		t.Errorf("%s, of the tail %v, has %d bytes, and anew %d", kept.name, kept.tail, len(kept.piece), len(anew))
	}
	if err := exercise(kept); err != nil {
		t.Error(err)
	}
}

func FuzzSegment(f *testing.F) {
	piece, _, _ := somePostings()
	f.Add(piece)
	empty, err := encodeSegment(0, nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(empty)
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := walkAll(resealed(b)); err != nil && ident.KindOf(err) != ident.KindInvalid && ident.KindOf(err) != ident.KindUnsupported {
			t.Error(err)
		}
	})
}

func FuzzLexicon(f *testing.F) {
	for _, n := range []int{0, 1, 40} {
		piece, err := encodeLexicon(5, someKeys(n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(piece)
	}
	for _, key := range misshapenKeys {
		piece, err := encodeLexicon(5, []string{key})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(piece)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := openLexicon("dictionary", resealed(b))
		if err == nil {
			err = exercise(x)
		}
		if err != nil && ident.KindOf(err) != ident.KindInvalid && ident.KindOf(err) != ident.KindUnsupported {
			t.Error(err)
		}
	})
}

func FuzzManifest(f *testing.F) {
	m := manifest{seq: 9, documents: 4, components: 7, dictionary: []string{"dictionary-0-7"}, postings: []string{"postings-0-4-9"}, dead: NewSet(1, 3), moved: []Move{{2, 1}}}
	f.Add(m.encode())
	f.Add((&manifest{}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeManifest(resealed(b))
		if err != nil {
			return
		}
		if _, err := decodeManifest(m.encode()); err != nil {
			t.Error(err)
		}
	})
}

func TestMergesAreLogarithmic(t *testing.T) {
	var runs []run
	copied, longest := 0, 0
	for i := range 4096 {
		before := len(runs)
		runs = appendRun(runs, run{lo: uint32(i), n: 1, pairs: make([]uint64, 10)}, 0)
		if len(runs) <= before {
			copied += len(runs[len(runs)-1].pairs)
		}
		longest = max(longest, len(runs))
	}
	if copied > 4096*10*6 || longest > 40 {
		t.Errorf("of 40,960 pairs %d were copied, and there were up to %d runs", copied, longest)
	}
	for _, c := range []struct {
		sizes       []int
		fresh, keep int
	}{
		{[]int{100, 10}, 1, 1},
		{[]int{100, 60, 50}, 2, 2},
		{[]int{100, 50, 50}, 2, 0},
		{[]int{100, 0}, 1, 2},
		{[]int{5, 5, 5}, 0, 0},
	} {
		if got := plan(c.sizes, c.fresh); got != c.keep {
			t.Errorf("of %v, %d of them kept, %d stay, want %d", c.sizes, c.fresh, got, c.keep)
		}
	}
}
