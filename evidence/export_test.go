package evidence

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/cofferdam-io/cofferdam/ident"
)

// exported makes an export of n records with a checkpoint at each of some, and says with
// what keys they are signed.
func exported(t testing.TB, n int, at ...uint64) (export []byte, key note.Verifier, last Checkpoint) {
	t.Helper()
	secret, public, err := note.GenerateKey(nil, "example.com/journal")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	if key, err = note.NewVerifier(public); err != nil {
		t.Fatal(err)
	}
	var h Head
	heads, records := []Head{h}, [][]byte{}
	for i := range n {
		next, b, err := h.Append(Record{Time: time.Unix(int64(i), 0), Actor: "token:ci", Action: "document.add", Object: "document/" + strconv.Itoa(i), After: "sha256:x"})
		if err != nil {
			t.Fatal(err)
		}
		h, heads, records = next, append(heads, next), append(records, b)
	}
	var out bytes.Buffer
	x, err := NewExporter(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range at {
		last = Checkpoint{Origin: "example.com/journal", Head: heads[seq]}
		b, err := Sign(last, signer)
		if err == nil {
			err = x.Checkpoint(b)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := SeqOf(b); !ok || got != seq {
			t.Errorf("a note of record %d is taken for %d, %v", seq, got, ok)
		}
	}
	for _, b := range records {
		if err := x.Record(b); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes(), key, last
}

func TestVerifyExport(t *testing.T) {
	export, key, last := exported(t, 20, 5, 12)
	_, stranger, _ := exported(t, 1)
	seen := 0
	got, err := VerifyExport(bytes.NewReader(export), nil, []note.Verifier{key}, func(r *Record) error {
		if seen++; r.Seq != uint64(seen) || r.Object != "document/"+strconv.Itoa(seen-1) {
			t.Errorf("record %d is %+v", seen, r)
		}
		return nil
	})
	if err != nil || seen != 20 || got.Head.Seq != 20 || got.Checkpoints != 2 || got.Signed != 12 || got.Foreign != 0 || !got.Last.Equal(time.Unix(19, 0)) || !got.First.Equal(time.Unix(0, 0)) {
		t.Errorf("%+v, %v, %d records", got, err, seen)
	}
	for name, keys := range map[string][]note.Verifier{"no key": nil, "another's": {stranger}} {
		if got, err := VerifyExport(bytes.NewReader(export), nil, keys, nil); err != nil || got.Checkpoints != 0 || got.Foreign != 2 || got.Signed != 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	// A whole that was written anew holds by itself; what was kept elsewhere tells.
	anew, _, _ := exported(t, 20)
	if _, err := VerifyExport(bytes.NewReader(anew), nil, nil, nil); err != nil {
		t.Error(err)
	}
	last.Head.Hash[0] ^= 1
	var broken *Broken
	if _, err := VerifyExport(bytes.NewReader(anew), []Checkpoint{last}, nil, nil); !errors.As(err, &broken) || broken.Seq != 12 {
		t.Errorf("a checkpoint that was kept: %v", err)
	}
	empty, key, _ := exported(t, 0)
	if got, err := VerifyExport(bytes.NewReader(empty), nil, []note.Verifier{key}, nil); err != nil || got.Head.Seq != 0 {
		t.Errorf("an empty journal: %+v, %v", got, err)
	}
}

// Whatever is done to an export between its signatures shows.
func TestDamagedExports(t *testing.T) {
	export, key, _ := exported(t, 12, 4, 12)
	lines := strings.SplitAfter(string(export), "\n")
	lines = lines[:len(lines)-1] // the empty rest
	verify := func(lines ...string) error {
		_, err := VerifyExport(strings.NewReader(strings.Join(lines, "")), nil, []note.Verifier{key}, nil)
		return err
	}
	if err := verify(lines...); err != nil {
		t.Fatal(err)
	}
	records := lines[3:]
	for i := range records {
		without := append(append(append([]string{}, lines[:3]...), records[:i]...), records[i+1:]...)
		if err := verify(without...); ident.KindOf(err) != ident.KindRefused {
			t.Errorf("without record %d: %v", i+1, err)
		}
		if i > 0 {
			swapped := append([]string{}, lines...)
			swapped[3+i], swapped[2+i] = swapped[2+i], swapped[3+i]
			if err := verify(swapped...); ident.KindOf(err) != ident.KindRefused {
				t.Errorf("with records %d and %d swapped: %v", i, i+1, err)
			}
		}
		if err := verify(lines[:3+i]...); ident.KindOf(err) != ident.KindRefused {
			t.Errorf("cut before record %d: %v", i+1, err)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		bad := bytes.Clone(export)
		at := r.IntN(len(bad))
		bad[at] ^= 1 << r.IntN(8)
		_, err := VerifyExport(bytes.NewReader(bad), nil, []note.Verifier{key}, nil)
		// Of a checkpoint, the base64 of its signature has bits that mean nothing, and a name or
		// key that was changed makes it somebody else's.
		if err == nil && at >= len(strings.Join(lines[:3], "")) && !bytes.Equal(bytes.ToLower(bad), bytes.ToLower(export)) && strings.TrimSpace(string(bad)) != strings.TrimSpace(string(export)) {
			t.Fatalf("byte %d turned from %q to %q shows nothing", at, export[at], bad[at])
		}
	}
	for name, c := range map[string]struct{ text, want string }{
		"nothing":               {"", "line 1: is no export"},
		"no export":             {"hello\n", "line 1: is no export"},
		"another version":       {"{\"journal\":2}\n", "line 1: the export has version 2"},
		"a line of neither":     {"{\"journal\":1}\n{}\n", "line 2: the line is neither"},
		"a line that is long":   {"{\"journal\":1}\n" + strings.Repeat("x", maxLine+1), "line 2: the line has more than"},
		"a record that is none": {"{\"journal\":1}\n{\"record\":\"AAAA\"}\n", "from record 1 on"},
		"checkpoints behind":    {lines[0] + lines[3] + lines[1], "line 3: the line is a checkpoint after records"},
	} {
		if err := verify(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzVerifyExport(f *testing.F) {
	export, key, _ := exported(f, 3, 2)
	f.Add(export)
	f.Add([]byte("{\"journal\":1}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := uint64(0)
		got, err := VerifyExport(bytes.NewReader(b), nil, []note.Verifier{key}, func(*Record) error { n++; return nil })
		if err == nil && got.Head.Seq != n {
			t.Errorf("%d records were shown, and the head is %d", n, got.Head.Seq)
		}
	})
}
