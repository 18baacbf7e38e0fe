package jsonwrite_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/jsonwrite"
)

func Example() {
	w := jsonwrite.New(os.Stdout)
	w.Object()
	w.Member("name", "Cofferdam")
	w.Name("walls")
	w.Array()
	w.Int(2)
	w.Bool(true)
	w.EndArray()
	w.EndObject()
	if err := w.Flush(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {
	//  "name": "Cofferdam",
	//  "walls": [
	//   2,
	//   true
	//  ]
	// }
}

// write writes what encoding/json would read back as v.
func write(w *jsonwrite.Writer, v any) {
	switch v := v.(type) {
	case map[string]any:
		w.Object()
		for k, x := range v {
			w.Name(k)
			write(w, x)
		}
		w.EndObject()
	case []any:
		w.Array()
		for _, x := range v {
			write(w, x)
		}
		w.EndArray()
	case string:
		w.String(v)
	case bool:
		w.Bool(v)
	case float64:
		w.Int(int64(v))
	}
}

func anyValue(depth int) *rapid.Generator[any] {
	leaf := []*rapid.Generator[any]{
		rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.IntRange(-1000, 1000), func(n int) any { return float64(n) }),
	}
	if depth > 0 {
		sub := anyValue(depth - 1)
		leaf = append(leaf,
			rapid.Map(rapid.SliceOfN(sub, 0, 4), func(l []any) any { return append([]any{}, l...) }),
			rapid.Map(rapid.MapOfN(rapid.String(), sub, 0, 4), func(m map[string]any) any { return m }))
	}
	return rapid.OneOf(leaf...)
}

func TestReadsBackAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue(4).Draw(t, "value")
		var b bytes.Buffer
		w := jsonwrite.New(&b)
		write(w, v)
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal(b.Bytes(), &got); err != nil || !reflect.DeepEqual(got, v) {
			t.Fatalf("%v: %v\n%s\nwant %v", err, got, b.Bytes(), v)
		}
	})
}

func TestText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a\x00\x1f\x7f\"\\/<>&", "\"a\\u0000\\u001f\x7f\\\"\\\\/<>&\""},
		{"\n\r\t\b", `"\n\r\t\u0008"`},
		{"x\xff\xe2\x80y", "\"x\uFFFD\uFFFD\uFFFDy\""},
		{"\u2028\u2029ü\U0001F600", "\"\\u2028\\u2029ü\U0001F600\""},
	} {
		var b bytes.Buffer
		w := jsonwrite.New(&b)
		w.String(c.in)
		if err := w.Flush(); err != nil || strings.TrimSuffix(b.String(), "\n") != c.want {
			t.Errorf("%q: %v %s, want %s", c.in, err, b.String(), c.want)
		}
	}
}

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestErrorsStick(t *testing.T) {
	w := jsonwrite.New(&failing{1})
	w.Array()
	for range 100_000 {
		w.String("0123456789")
	}
	if w.Err() == nil {
		t.Error("the error is told only at the end")
	}
	w.EndArray()
	if err := w.Flush(); err == nil || err.Error() != "disk full" {
		t.Errorf("Flush returned %v", err)
	}
}

func BenchmarkWriter(b *testing.B) {
	var n int64
	for b.Loop() {
		var out bytes.Buffer
		w := jsonwrite.New(&out)
		w.Array()
		for range 1000 {
			w.Object()
			w.Member("name", "openssl")
			w.Member("purl", "pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64")
			w.EndObject()
		}
		w.EndArray()
		_ = w.Flush()
		n = int64(out.Len())
	}
	b.SetBytes(n)
}
