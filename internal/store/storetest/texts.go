package storetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// packedWith is Doc(n), packed with the first bytes of a line.
func packedWith(n int, line uint32, through int64) store.Intake {
	in := Doc(n, "a")
	in.Texts = store.TextRef{Line: line, Through: through}
	return in
}

func piece(line uint32, at int64, data string) store.TextPiece {
	return store.TextPiece{Line: line, At: at, Size: 10 * int64(len(data)), Data: []byte(data)}
}

func texts(t *testing.T, s store.Store, _ *Dictionary) {
	ctx := t.Context()
	seq := must(s.Position(ctx))(t).Seq
	one := must(s.AddTexts(ctx, piece(0, 0, "abc")))(t)
	two := must(s.AddTexts(ctx, piece(0, 0, "other")))(t)
	if again := must(s.AddTexts(ctx, piece(one, 30, "de")))(t); one == 0 || two == one || again != one {
		t.Fatalf("lines %d, %d and %d", one, two, again)
	}
	if now := must(s.Position(ctx))(t).Seq; now != seq {
		t.Errorf("texts moved the sequence from %d to %d", seq, now)
	}
	read := func(line uint32, through int64) (all []byte) {
		t.Helper()
		for _, p := range must(s.Texts(ctx, store.TextRef{Line: line, Through: through}))(t) {
			if p.Line != line || p.Size != 10*int64(len(p.Data)) {
				t.Errorf("a piece comes back as %+v", p)
			}
			all = append(all, p.Data...)
		}
		return all
	}
	for through, want := range map[int64]string{1: "abc", 30: "abc", 31: "abcde", 50: "abcde"} {
		if got := read(one, through); string(got) != want {
			t.Errorf("through %d: %q", through, got)
		}
	}
	if got := read(two, 50); string(got) != "other" {
		t.Errorf("the other line: %q", got)
	}
	for _, ref := range []store.TextRef{{Line: one, Through: 51}, {Line: 99, Through: 1}} {
		if _, err := s.Texts(ctx, ref); ident.KindOf(err) != ident.KindFailure {
			t.Errorf("texts that are not there, %+v: %v", ref, err)
		}
	}
	for _, p := range []store.TextPiece{piece(one, 30, "x"), piece(one, 60, "x"), piece(99, 0, "x"), piece(99, 50, "x")} {
		if _, err := s.AddTexts(ctx, p); !errors.Is(err, store.ErrTextsGone) {
			t.Errorf("a piece that does not continue its line, %+v: %v", p, err)
		}
	}
	for _, p := range []store.TextPiece{{Data: []byte("x")}, {Size: -1}, {Line: one, At: -1, Size: 5}, piece(0, 10, "x"), {Size: store.MaxTexts + 1}, {Line: one, At: store.MaxTexts, Size: 1}} {
		if _, err := s.AddTexts(ctx, p); err == nil {
			t.Errorf("%+v is no piece and was taken", p)
		}
	}

	Commit(t, s, packedWith(1, one, 50), Doc(2), packedWith(3, two, 10), packedWith(4, one, 1))
	for n, want := range map[int]store.TextRef{1: {Line: one, Through: 50}, 2: {}, 3: {Line: two, Through: 10}, 4: {Line: one, Through: 1}} {
		if o := must(s.Original(ctx, "acme", Doc(n).Original))(t); o.Texts != want || !bytes.Equal(o.Data, Doc(n).Data) {
			t.Errorf("document %d is packed with %+v, not %+v", n, o.Texts, want)
		}
	}
	// Who comes second with the same bytes has the first one's.
	same := packedWith(1, two, 50)
	same.Subject.Build = "other"
	Commit(t, s, same)
	if o := must(s.Original(ctx, "acme", same.Original))(t); o.Texts.Line != one {
		t.Errorf("the same bytes are packed with %+v", o.Texts)
	}
	for _, in := range []store.Intake{packedWith(7, one, 51), packedWith(7, 99, 1)} {
		if _, err := s.Commit(ctx, []store.Intake{Doc(8), in}); !errors.Is(err, store.ErrTextsGone) {
			t.Errorf("packed with %+v, which is not there: %v", in.Texts, err)
		}
	}
	rejected := packedWith(7, one, 10)
	rejected.Rejected = "no SBOM"
	for _, in := range []store.Intake{rejected, packedWith(7, 0, 1), packedWith(7, one, 0), packedWith(7, one, -1), packedWith(7, one, store.MaxTexts+1)} {
		if _, err := s.Commit(ctx, []store.Intake{in}); ident.KindOf(err) != ident.KindInvalid {
			t.Errorf("packed with %+v: %v", in.Texts, err)
		}
	}
	if list := must(s.Lookup(ctx, "acme", Doc(8).Original))(t); len(list) != 0 {
		t.Error("of a group that was refused a document is there")
	}
}

func textsPurged(t *testing.T, s store.Store, _ *Dictionary) {
	ctx := t.Context()
	kept := must(s.AddTexts(ctx, piece(0, 0, "kept")))(t)
	lost := must(s.AddTexts(ctx, piece(0, 0, "lost")))(t)
	shared := packedWith(3, lost, 30)
	shared.Subject.Build = "other"
	Commit(t, s, packedWith(1, kept, 40), packedWith(2, kept, 40), packedWith(3, lost, 40), shared, packedWith(4, lost, 20)) // documents 0 to 4
	purge := func(seconds int, documents ...uint32) {
		t.Helper()
		must(s.Delete(ctx, By(seconds), documents))(t)
		must(s.Purge(ctx, By(seconds+1), must(s.Position(ctx))(t).Seq))(t)
	}
	there := func(line uint32, want bool) {
		t.Helper()
		if _, err := s.Texts(ctx, store.TextRef{Line: line, Through: 40}); (err == nil) != want {
			t.Errorf("line %d: %v", line, err)
		}
	}
	purge(20, 0, 2, 4) // one of two, and one of two that share their bytes
	there(kept, true)
	there(lost, true)
	purge(30, 3)
	there(kept, true)
	there(lost, false)
	for _, try := range []func() error{
		func() error { _, err := s.Commit(ctx, []store.Intake{packedWith(5, lost, 40)}); return err },
		func() error { _, err := s.AddTexts(ctx, piece(lost, 40, "more")); return err },
	} {
		if err := try(); !errors.Is(err, store.ErrTextsGone) {
			t.Errorf("a line that was purged: %v", err)
		}
	}
	purge(40, 1)
	there(kept, false)
	// A number is never another line's: who still knows it must not take that for its own.
	if next := must(s.AddTexts(ctx, piece(0, 0, "next")))(t); next == kept || next == lost {
		t.Errorf("line %d is there anew", next)
	}
}
