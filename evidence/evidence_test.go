package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
)

func Example() {
	skey, vkey, err := note.GenerateKey(strings.NewReader("an example's seed, not a secret."), "journal.example.test")
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, _ := note.NewSigner(skey)
	verifier, _ := note.NewVerifier(vkey)

	var head Head
	var journal [][]byte
	for _, object := range []string{"document/0", "document/1"} {
		var encoding []byte
		head, encoding, err = head.Append(Record{Time: time.Unix(1772366400, 0), Actor: "ci@example.test", Action: "document.add", Object: object})
		if err != nil {
			fmt.Println(err)
			return
		}
		journal = append(journal, encoding)
	}
	signed, _ := Sign(Checkpoint{Origin: "journal.example.test/shop", Head: head}, signer)
	checkpoint, _ := Open(signed, "journal.example.test/shop", verifier)

	// Somebody drops the last record.
	v := NewVerifier(Head{}, checkpoint)
	record, _ := v.Add(journal[0])
	fmt.Println(record.Seq, record.Action, record.Object)
	_, err = v.Finish()
	fmt.Println(err)
	// Output:
	// 1 document.add document/0
	// the journal does not hold from record 2 on: a checkpoint was signed at record 2, and the journal ends at 1
}

func keys(t testing.TB, name string, seed byte) (Signer, note.Verifier) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 64)), name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

// chain makes a journal of n records and the heads after each.
func chain(t testing.TB, n int) (journal [][]byte, heads []Head) {
	t.Helper()
	var h Head
	for i := range n {
		var b []byte
		var err error
		h, b, err = h.Append(Record{Time: time.Unix(int64(1772366400+i), 123000).UTC(), Actor: "ci", Action: "document.add", Object: fmt.Sprint("document/", i), After: ident.SHA256([]byte{byte(i)}).String()})
		if err != nil {
			t.Fatal(err)
		}
		journal, heads = append(journal, b), append(heads, h)
	}
	return journal, heads
}

func verify(journal [][]byte, checkpoints ...Checkpoint) error {
	v := NewVerifier(Head{}, checkpoints...)
	for _, b := range journal {
		if _, err := v.Add(b); err != nil {
			return err
		}
	}
	_, err := v.Finish()
	return err
}

func TestRecordRoundTrip(t *testing.T) {
	text := rapid.StringN(-1, -1, 300)
	rapid.Check(t, func(t *rapid.T) {
		want := Record{Time: time.UnixMicro(rapid.Int64Range(-62135596800000000, 253402300799000000).Draw(t, "time")).UTC(),
			Actor: text.Draw(t, "actor"), Action: text.Draw(t, "action"), Object: text.Draw(t, "object"), Before: text.Draw(t, "before"), After: text.Draw(t, "after")}
		head := Head{Seq: rapid.Uint64Range(0, 1<<63).Draw(t, "seq")}
		head.Hash[0] = rapid.Byte().Draw(t, "hash")
		next, b, err := head.Append(want)
		if err != nil {
			t.Fatal(err)
		}
		want.Seq, want.Previous = head.Seq+1, head.Hash
		got, err := Decode(b)
		if err != nil || got != want {
			t.Fatalf("%+v came back as %+v, %v", want, got, err)
		}
		if next.Seq != want.Seq || next.Hash != HashOf(b) {
			t.Fatalf("the head is %+v", next)
		}
	})
}

// Every way to tamper with a journal is found when the checkpoint at its end is
// known.
func TestTamperingIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 20).Draw(t, "records")
		var h Head
		var journal [][]byte
		for i := range n {
			var b []byte
			h, b, _ = h.Append(Record{Time: time.Unix(int64(i+1), 0), Actor: "a", Action: "x.y", Object: fmt.Sprint("o/", i)})
			journal = append(journal, b)
		}
		end := Checkpoint{Origin: "o", Head: h}
		if err := verify(journal, end); err != nil {
			t.Fatal(err)
		}
		bad := make([][]byte, n)
		for i := range journal {
			bad[i] = bytes.Clone(journal[i])
		}
		i := rapid.IntRange(0, n-1).Draw(t, "where")
		switch rapid.IntRange(0, 5).Draw(t, "how") {
		case 0: // a bit
			at := rapid.IntRange(0, len(bad[i])-1).Draw(t, "byte")
			bad[i][at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		case 1: // removal; of the last record too, which is truncation
			bad = append(bad[:i:i], bad[i+1:]...)
		case 2: // reordering
			j := rapid.IntRange(0, n-2).Draw(t, "other")
			bad[j], bad[j+1] = bad[j+1], bad[j]
		case 3: // repetition
			bad = append(bad[:i+1:i+1], bad[i:]...)
		case 4: // all rewritten from one record on, with hashes that fit
			var head Head
			for k := range bad {
				r, err := Decode(bad[k])
				if err != nil {
					t.Fatal(err)
				}
				if k == i {
					r.Actor = "somebody else"
				}
				head, bad[k], _ = head.Append(r)
			}
		case 5: // truncation inside a record
			bad[i] = bad[i][:rapid.IntRange(0, len(bad[i])-1).Draw(t, "length")]
		}
		err := verify(bad, end)
		var broken *Broken
		if !errors.As(err, &broken) || ident.KindOf(err) != ident.KindRefused {
			t.Fatalf("tampering was not found: %v", err)
		}
	})
}

func TestVerifierFromACheckpoint(t *testing.T) {
	journal, heads := chain(t, 6)
	v := NewVerifier(heads[2], Checkpoint{Head: heads[2]}, Checkpoint{Head: heads[4]}, Checkpoint{Head: heads[3]})
	for _, b := range journal[3:] {
		if _, err := v.Add(b); err != nil {
			t.Fatal(err)
		}
	}
	if h, err := v.Finish(); err != nil || h != heads[5] {
		t.Errorf("ended at %+v, %v", h, err)
	}
	if err := NewVerifier(heads[2], Checkpoint{Head: heads[1]}).err; err == nil {
		t.Error("a checkpoint that cannot be checked was passed over")
	}
	forged := heads[2]
	forged.Hash[0] ^= 1
	if _, err := NewVerifier(forged, Checkpoint{Head: heads[2]}).Add(journal[3]); err == nil {
		t.Error("a start that a checkpoint contradicts was taken")
	}
	if _, err := NewVerifier(Head{}, Checkpoint{Head: heads[5]}).Finish(); err == nil {
		t.Error("an empty journal passed for one of six records")
	}
}

func TestAppendRefuses(t *testing.T) {
	at := time.Unix(1, 0)
	for what, r := range map[string]Record{
		"a long field": {Time: at, Object: strings.Repeat("x", MaxField+1)},
		"a far year":   {Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if _, _, err := (Head{}).Append(r); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
	if _, b, err := (Head{}).Append(Record{Time: at, Actor: strings.Repeat("x", MaxField), Action: strings.Repeat("x", MaxField),
		Object: strings.Repeat("x", MaxField), Before: strings.Repeat("x", MaxField), After: strings.Repeat("x", MaxField)}); err != nil || len(b) > MaxRecord {
		t.Errorf("the largest record has %d bytes, %v", len(b), err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	journal, _ := chain(t, 1)
	good := journal[0]
	at := func(i int, c byte) []byte { b := bytes.Clone(good); b[i] = c; return b }
	for what, b := range map[string][]byte{
		"nothing":          {},
		"another version":  at(0, 2),
		"record 0":         at(1, 0),
		"a long number":    append([]byte{1, 0x81, 0x00}, good[2:]...),
		"an endless one":   append([]byte{1}, bytes.Repeat([]byte{0xff}, 60)...),
		"more behind it":   append(bytes.Clone(good), 0),
		"too long a field": append(append(bytes.Clone(good[:1+1+8+32]), 0xff, 0xff, 0x03), good[42:]...),
		"gigantic":         make([]byte, MaxRecord+1),
	} {
		if _, err := Decode(b); ident.KindOf(err) != ident.KindInvalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range good {
		if _, err := Decode(good[:i]); err == nil {
			t.Errorf("the first %d bytes were taken", i)
		}
	}
}

func TestCheckpoints(t *testing.T) {
	signer, verifier := keys(t, "journal.example.test", 1)
	other, stranger := keys(t, "other.example.test", 2)
	_, heads := chain(t, 3)
	want := Checkpoint{Origin: "journal.example.test/shop", Head: heads[2]}
	b, err := Sign(want, signer, other)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range [][]note.Verifier{{verifier}, {stranger}, {verifier, stranger}} {
		if got, err := Open(b, want.Origin, v...); err != nil || got != want {
			t.Errorf("opened as %+v, %v", got, err)
		}
	}
	_, unknown := keys(t, "third.example.test", 3)
	if _, err := Open(b, "", unknown); ident.KindOf(err) != ident.KindRefused {
		t.Errorf("no known key: %v", err)
	}
	if _, err := Open(b, "journal.example.test/other", verifier); ident.KindOf(err) != ident.KindRefused {
		t.Errorf("another journal: %v", err)
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		if got, err := Open(bad, want.Origin, verifier); err == nil && got != want {
			t.Errorf("byte %d changed, and it says %+v", i, got)
		}
	}
	for _, text := range []string{"o\n1\n", "o\n1\nAAAA\n", "o\n01\n" + strings.Repeat("A", 43) + "=\n", "o\n-1\n" + strings.Repeat("A", 43) + "=\n", " o\n1\n" + strings.Repeat("A", 43) + "=\n", "o\n1\n" + strings.Repeat("A", 43) + "=\nmore\n"} {
		b, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(b, "", verifier); ident.KindOf(err) != ident.KindInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, origin := range []string{"", " a", "a\nb", strings.Repeat("a", 300)} {
		if _, err := Sign(Checkpoint{Origin: origin}, signer); err == nil {
			t.Errorf("origin %q was signed", origin)
		}
	}
	if _, err := Sign(want); err == nil {
		t.Error("signed without a signer")
	}
	if _, err := Open(make([]byte, MaxNote+1), "", verifier); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("a gigantic note: %v", err)
	}
}

const wantHash = "8f481a1500c7eaaac71f450a4bea0246ea0210e587e317a0ea751372ea5168b6"

// The encoding is a format that others will read for years: its bytes are fixed.
func TestEncodingIsFixed(t *testing.T) {
	h, b, err := Head{}.Append(Record{Time: time.UnixMicro(1), Actor: "a", Action: "b.c", Object: "d", Before: "", After: "e"})
	if err != nil {
		t.Fatal(err)
	}
	want := "\x01\x01\x02" + strings.Repeat("\x00", 32) + "\x01a\x03b.c\x01d\x00\x01e"
	if string(b) != want {
		t.Errorf("encoding %q, want %q", b, want)
	}
	// sha256 of "cofferdam.dev/journal/record/v1", a zero byte and the encoding, by
	// sha256sum.
	if got := fmt.Sprintf("%x", h.Hash); got != wantHash {
		t.Errorf("hash %s, want %s", got, wantHash)
	}
}

func FuzzDecode(f *testing.F) {
	journal, _ := chain(f, 3)
	for _, b := range journal {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(b)
		if err != nil {
			return
		}
		// What is read is written the same: there is one encoding.
		if got := encode(&r); !bytes.Equal(got, b) {
			t.Errorf("%x was read, and is written as %x", b, got)
		}
	})
}

func FuzzOpen(f *testing.F) {
	signer, verifier := keys(f, "journal.example.test", 1)
	b, err := Sign(Checkpoint{Origin: "o", Head: Head{Seq: 7}}, signer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Open(b, "", verifier)
		if err == nil && (c.Origin != "o" || c.Head != Head{Seq: 7}) {
			t.Errorf("a forged checkpoint: %+v", c)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	var h Head
	var journal [][]byte
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 10000 {
		var e []byte
		h, e, _ = h.Append(Record{Time: time.Unix(int64(i), 0), Actor: "ci@example.test", Action: "document.add", Object: fmt.Sprint("document/", i), After: ident.SHA256([]byte(fmt.Sprint(r.Uint64()))).String()})
		journal = append(journal, e)
	}
	for b.Loop() {
		if err := verify(journal, Checkpoint{Head: h}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(journal)), "ns/record")
}
