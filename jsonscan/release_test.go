package jsonscan

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// read reads [1, "text", …] inside of {"a": …}, releasing items as it goes, and returns
// the fault that it meets. Released bytes are overwritten.
func releasing(t *rapid.T, data []byte, every int) error {
	data = bytes.Clone(data)
	var o Options
	at := 0
	if every > 0 {
		o.Released = func(from, to int) {
			if from < at || to <= from {
				t.Fatalf("%d to %d is released behind %d", from, to, at)
			}
			clear(data[from:to])
			at = to
		}
	}
	r := New(data, o)
	for r.Object(); ; {
		key, ok := r.NextKey()
		if !ok {
			break
		}
		if string(key) != "a" {
			r.Skip()
			continue
		}
		r.Array()
		from := r.Offset()
		for n := 1; r.NextItem(); n++ {
			if every > 0 && n%every == 0 {
				here := r.Offset()
				r.Release(from)
				from = here
			}
			r.Skip()
		}
	}
	return r.End()
}

// What is released is not looked at again, and changes no position.
func TestReleaseKeepsPositions(t *testing.T) {
	piece := rapid.SampledFrom([]string{"\n", " ", "1", "\"é☃\"", "{\"k\":\n[]}", ",", "\"a\":", "]", "x", "null", "é"})
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		b.WriteString(rapid.SampledFrom([]string{`{"a":[`, "{\"é\":1,\n\"a\":[", "{\n\"a\" :\n[", `{"a":`}).Draw(t, "begin"))
		for range rapid.IntRange(0, 12).Draw(t, "items") {
			b.WriteString(rapid.SampledFrom([]string{`1`, ` "é☃" `, "{\"k\":\n[\n]}", "\n\nnull", `[[1]]`}).Draw(t, "item"))
			b.WriteString(rapid.SampledFrom([]string{",", ",\n", "  ,", ", "}).Draw(t, "comma"))
		}
		b.WriteString("0")
		for range rapid.IntRange(0, 4).Draw(t, "pieces") {
			b.WriteString(piece.Draw(t, "piece"))
		}
		b.WriteString(rapid.SampledFrom([]string{"]}", "]\n,\"b\":{\"c\":1}}", "],\"a\":1}", "", "]}}"}).Draw(t, "end"))
		every := rapid.IntRange(1, 4).Draw(t, "every")
		want, got := releasing(t, b.Bytes(), 0), releasing(t, b.Bytes(), every)
		if (want == nil) != (got == nil) || want != nil && want.Error() != got.Error() {
			t.Fatalf("%q: %v, want %v", b.Bytes(), got, want)
		}
	})
}

// Release is for items of an array that is open, one stretch behind the other.
func TestReleaseRefuses(t *testing.T) {
	released := 0
	r := New([]byte(`[1,2,[3,4],5,6]`), Options{Released: func(from, to int) { released += to - from }})
	r.Release(0) // nothing is open
	r.Array()
	from := r.Offset()
	r.Release(from) // nothing was read
	r.NextItem()
	r.Skip()
	r.NextItem()
	r.Release(from + 50) // not here yet
	if released != 0 {
		t.Errorf("%d bytes are released", released)
	}
	here := r.Offset()
	r.Release(from)
	r.Skip()
	r.NextItem()
	r.Release(from) // once is enough
	if released != here-from {
		t.Errorf("%d bytes are released, want %d", released, here-from)
	}
	if r.Skip(); r.Err() != nil {
		t.Error(r.Err())
	}
}

// What one of two twins passes is still due to the other, and a Reader that was told what
// another released names the place of a fault as if nothing were.
func TestTwins(t *testing.T) {
	data := []byte("{\"list\":[1,\n22,333],\"late\":{\"a\":[1,2],\n \"a\":3}}")
	var list, late *Reader
	r := New(data, Options{Released: func(from, to int) { clear(data[from:to]) }})
	for r.Object(); ; {
		key, ok := r.NextKey()
		if !ok {
			break
		}
		if string(key) == "list" {
			list = r.Defer()
		} else {
			late = r.Defer()
		}
	}
	count := func(r *Reader) (n int) {
		for r.Array(); r.NextItem(); n++ {
			r.Skip()
		}
		return n
	}
	if n := count(list.Twin()); n != 3 {
		t.Errorf("the first twin finds %d items", n)
	}
	list.Array()
	from := list.Offset()
	for n := 0; list.NextItem(); n++ {
		if n == 2 {
			list.Release(from)
		}
		list.Skip()
	}
	if data[from] != 0 {
		t.Fatal("nothing was released")
	}
	late.Without(list)
	for late.Object(); ; {
		if _, ok := late.NextKey(); !ok {
			break
		}
		late.Skip()
	}
	const want = `line 3, column 2 (/late/a): the name "a" occurs twice in one object`
	if err := late.Err(); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
