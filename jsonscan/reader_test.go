package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	realdocs "github.com/cofferdam-io/cofferdam/internal/corpus"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
)

// value reads any value into the form that encoding/json gives it, with numbers
// as their text.
func value(r *Reader) any {
	switch r.Kind() {
	case Object:
		m := map[string]any{}
		r.Object()
		for {
			k, ok := r.NextKey()
			if !ok {
				return m
			}
			name := string(k)
			m[name] = value(r)
		}
	case Array:
		a := []any{}
		r.Array()
		for r.NextItem() {
			a = append(a, value(r))
		}
		return a
	case String:
		return r.String()
	case Number:
		b, _, _ := r.number()
		return json.Number(b)
	case Bool:
		return r.Bool()
	default:
		r.Skip()
		return nil
	}
}

func read(data []byte, o Options) (any, error) {
	r := New(data, o)
	v := value(r)
	return v, r.End()
}

// duplicates reports whether an object in data has a name twice, by encoding/json's tokens.
func duplicates(t testing.TB, data []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var stack []map[string]bool // nil for an array
	var isKey []bool
	for {
		tok, err := dec.Token()
		if err != nil {
			return false
		}
		top := len(stack) - 1
		if s, ok := tok.(string); ok && top >= 0 && stack[top] != nil && isKey[top] {
			if stack[top][s] {
				return true
			}
			stack[top][s] = true
			isKey[top] = false
			continue
		}
		switch tok {
		case json.Delim('{'):
			stack, isKey = append(stack, map[string]bool{}), append(isKey, true)
			continue
		case json.Delim('['):
			stack, isKey = append(stack, nil), append(isKey, false)
			continue
		case json.Delim('}'), json.Delim(']'):
			if top < 0 {
				t.Fatal("encoding/json closed more than it opened")
			}
			stack, isKey = stack[:top], isKey[:top]
			top--
		}
		if top >= 0 && stack[top] != nil {
			isKey[top] = true
		}
	}
}

// agree holds the package against encoding/json on one input.
func agree(t testing.TB, data []byte) {
	t.Helper()
	var want any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	theirs := json.Valid(data)
	if theirs {
		if err := dec.Decode(&want); err != nil {
			theirs = false // nested beyond their limit
		}
	}
	isUTF8 := utf8.Valid(data)
	o := Options{MaxDepth: 10_000, MaxStringBytes: math.MaxInt}
	got, err := read(data, o)
	bom := bytes.HasPrefix(data, []byte("\uFEFF"))
	switch {
	case bom:
	case err == nil && !theirs:
		t.Fatalf("%q is accepted, encoding/json refuses it", data)
	case err == nil && !cmp.Equal(got, want):
		t.Fatalf("%q differs: %s", data, cmp.Diff(want, got))
	case err != nil && theirs && isUTF8 && !duplicates(t, data):
		t.Fatalf("%q is refused, encoding/json accepts it: %v", data, err)
	}
	if err != nil {
		var se *SyntaxError
		var ie *ident.Error
		if !errors.As(err, &se) || !errors.As(err, &ie) {
			t.Fatalf("error %T is not both a SyntaxError and an ident.Error", err)
		}
		if se.Offset < 0 || se.Offset > len(data) || se.Line < 1 || se.Column < 1 {
			t.Fatalf("%q: impossible place %+v", data, se)
		}
	}

	r := New(data, o)
	raw := r.Raw()
	skipErr := r.End()
	if (skipErr == nil) != (err == nil) && (!theirs || !duplicates(t, data)) {
		t.Fatalf("%q: Skip says %v, reading says %v", data, skipErr, err)
	}
	if skipErr == nil && !bom && !bytes.Equal(raw, bytes.Trim(data, " \t\r\n")) {
		t.Fatalf("Raw of %q is %q", data, raw)
	}
	o.StrictSkip = true
	strict := New(data, o)
	strict.Skip()
	if strictErr := strict.End(); (strictErr == nil) != (err == nil) {
		t.Fatalf("%q: strict Skip says %v, reading says %v", data, strictErr, err)
	}
}

var seeds = []string{
	`{"a":[1,2.5e-3,-0,null,true,false],"b":{"c":"d\u00e9\n\"\\\/"},"":[]}`, `[]`, `{}`, ` [ ] `, "\uFEFF{}", `""`, `0`, `-`, `01`, `1.`, `1e`, `1e+`, `.5`, `+1`,
	`[1,]`, `{"a":1,}`, `{,}`, `[,]`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1 "b":2}`, `[1 2]`, `nul`, `nulls`, `truefalse`, `{}{}`, `{} x`, ``, ` `,
	"\"\x01\"", "\"\t\"", `"\x"`, `"\u12"`, `"\u12G4"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, `"\ud83d\u0041"`, `"\`, `"\u`, `"abc`,
	"\"\xff\"", "\xff", `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `[{"x":{"y":1,"y":2}}]`, "[\u00a01]", "[1\v]", `["\u0000"]`, "\"\x7f\"", `{"a":[}`, `[{]`, `]`, `}`,
	`[[[[[[[[[[]]]]]]]]]]`, `{"k":"0123456789abcdef\"0123456789"}`, `"日本語のテキスト"`, "\"12345678\x1f\"", `1E400`, `-9223372036854775808`, "[1,\n 2,\r\n\t3]",
}

func TestAgreesWithEncodingJSON(t *testing.T) {
	for _, s := range seeds {
		agree(t, []byte(s))
		for i := range len(s) {
			agree(t, []byte(s[:i]))
			agree(t, []byte(s[:i]+"\x00"+s[i:]))
			agree(t, []byte(s[:i]+","+s[i:]))
		}
	}
}

func FuzzAgreesWithEncodingJSON(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	realdocs.Seed(f, "sbom", ".json")
	f.Fuzz(func(t *testing.T, data []byte) { agree(t, data) })
}

func TestDocumentsOfAnyShapeReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var gen func(depth int) *rapid.Generator[any]
		gen = func(depth int) *rapid.Generator[any] {
			kinds := []*rapid.Generator[any]{
				rapid.String().AsAny(), rapid.Float64Range(-1e9, 1e9).AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
			}
			if depth > 0 {
				sub := rapid.Deferred(func() *rapid.Generator[any] { return gen(depth - 1) })
				kinds = append(kinds, rapid.SliceOfN(sub, 0, 6).AsAny(), rapid.MapOfN(rapid.String(), sub, 0, 60).AsAny())
			}
			return rapid.OneOf(kinds...)
		}
		data, err := json.MarshalIndent(gen(3).Draw(t, "value"), rapid.SampledFrom([]string{"", "\t"}).Draw(t, "prefix"), rapid.SampledFrom([]string{"", " ", "   "}).Draw(t, "indent"))
		if err != nil {
			t.Fatal(err) // every generated value is a document
		}
		var want any
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		got, err := read(data, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func TestErrorsNamePlaceAndValue(t *testing.T) {
	for _, c := range []struct{ in, at, pointer, message string }{
		{"{\n \"a\": [1, x]\n}", "line 2, column 11", "/a/1", "'x' where a value is due"},
		{`{"a":1,"b":[],"a":2}`, "line 1, column 15", "/a", `the name "a" occurs twice in one object`},
		{`{"a~/b":tru}`, "line 1, column 9", "/a~0~1b", "'t' where a value is due"},
		{"[\"é\x01\"]", "line 1, column 4", "/0", "a control character stands unescaped in a string"},
		{`["a`, "line 1, column 4", "/0", "the input ends inside a string"},
		{`{"a":{"b":[`, "line 1, column 12", "/a/b", "the input ends where a comma or ']' is due"},
		{`[1] 2`, "line 1, column 5", "", "'2' where the end of the input is due"},
		{"[\"\xc3\"]", "line 1, column 3", "", "the byte 0xc3 is not UTF-8"},
	} {
		_, err := read([]byte(c.in), Options{})
		var se *SyntaxError
		if !errors.As(err, &se) {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		if at := fmt.Sprintf("line %d, column %d", se.Line, se.Column); at != c.at || se.Pointer != c.pointer || se.Message != c.message {
			t.Errorf("%q: %s %q %s", c.in, at, se.Pointer, se.Message)
		}
		if ident.KindOf(err) != ident.KindInvalid {
			t.Errorf("%q: kind %v", c.in, ident.KindOf(err))
		}
	}
}

func TestLimits(t *testing.T) {
	deep := strings.Repeat("[", 100_000)
	for _, read := range map[string]func(r *Reader){
		"walk": func(r *Reader) {
			for r.Array() && r.NextItem() {
			}
		},
		"skip":  func(r *Reader) { r.Skip() },
		"defer": func(r *Reader) { r.Defer() },
	} {
		r := New([]byte(deep), Options{MaxDepth: 100})
		read(r)
		var se *SyntaxError
		if !errors.As(r.Err(), &se) || se.Kind != ident.KindLimit || se.Offset != 100 {
			t.Errorf("%v", r.Err())
		}
	}
	inner := New([]byte(`{"a":[[[]]]}`), Options{MaxDepth: 3})
	inner.Object()
	inner.NextKey()
	inner.Array()
	inner.NextItem()
	inner.Skip()
	if ident.KindOf(inner.Err()) != ident.KindLimit {
		t.Errorf("Skip does not count the levels around it: %v", inner.Err())
	}
	long := New([]byte(`["0123456789"]`), Options{MaxStringBytes: 9})
	long.Array()
	long.NextItem()
	if s := long.String(); s != "" || ident.KindOf(long.Err()) != ident.KindLimit {
		t.Errorf("%q %v", s, long.Err())
	}
}

func TestManyNamesStayLinear(t *testing.T) {
	var b strings.Builder
	const n = 200_000
	for i := range n {
		fmt.Fprintf(&b, `%c"commonprefix%07dcommonsuffix":1`, ",{"[min(1, max(0, 1-i))], i)
	}
	r := New([]byte(b.String()+"}"), Options{})
	r.Object()
	for {
		if _, ok := r.NextKey(); !ok {
			break
		}
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	r = New([]byte(b.String()+`,"commonprefix0000003commonsuffix":1}`), Options{})
	r.Object()
	for {
		if _, ok := r.NextKey(); !ok {
			break
		}
	}
	if r.Err() == nil {
		t.Fatal("a duplicate among many names is accepted")
	}
}

func TestTolerate(t *testing.T) {
	var said []string
	o := Options{Tolerate: func(r *Reader, want, got Kind) {
		said = append(said, fmt.Sprintf("%s: %s where %s is due", r.Pointer(), got, want))
	}}
	in := `{"s":{"x":[1]},"i":"7","b":[],"o":5,"a":{},"n":null,"last":"kept"}`
	r := New([]byte(in), o)
	r.Object()
	var last string
	for {
		k, ok := r.NextKey()
		if !ok {
			break
		}
		switch string(k) {
		case "s", "n":
			if r.String() != "" {
				t.Error("a mismatch is not zero")
			}
		case "i":
			r.Int()
		case "b":
			r.Bool()
		case "o":
			if r.Object() {
				t.Error("a number was entered")
			}
		case "a":
			if r.Array() {
				t.Error("an object was entered as an array")
			}
		case "last":
			last = r.String()
		}
	}
	if err := r.End(); err != nil || last != "kept" {
		t.Fatal(last, err)
	}
	want := []string{
		"/s: an object where a string is due", "/i: a string where a number is due", "/b: an array where a boolean is due",
		"/o: a number where an object is due", "/a: an object where an array is due",
	}
	if d := cmp.Diff(want, said); d != "" {
		t.Fatal(d)
	}
	strict := New([]byte(`[1]`), Options{})
	strict.Array()
	strict.NextItem()
	_ = strict.String()
	if err := strict.End(); err == nil || !strings.Contains(err.Error(), "(/0): a number where a string is due") {
		t.Fatal(err)
	}
}

// TestRequire: what is required is not tolerated, null excepted.
func TestRequire(t *testing.T) {
	required := map[Kind]func(r *Reader) bool{
		Object: (*Reader).RequireObject, Array: (*Reader).RequireArray, String: func(r *Reader) bool { return r.RequireString() != "" },
	}
	tolerant := Options{Tolerate: func(r *Reader, _, _ Kind) { t.Errorf("%s is tolerated", r.Pointer()) }}
	for want, read := range required {
		for in, got := range map[string]Kind{"{}": Object, "[]": Array, `"a"`: String, "7": Number, "true": Bool, "null": Null, "": End, "x": Invalid} {
			r := New([]byte(in), tolerant)
			ok := read(r)
			if ok != (got == want) || (r.Err() == nil) != (got == want || got == Null) {
				t.Errorf("%s required of %q: %v %v", want, in, ok, r.Err())
			}
		}
	}
}

func TestStrings(t *testing.T) {
	for in, want := range map[string][]string{`["a","",null,"\u0062"]`: {"a", "", "", "b"}, "[]": nil, "null": nil} {
		r := New([]byte(in), Options{})
		if got := r.Strings(); r.End() != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q %v", in, got, r.Err())
		}
	}
	for in, at := range map[string]string{`["a",7]`: "(/1)", `{"a":"b"}`: "an array is due", `["a"`: "the input ends"} {
		r := New([]byte(in), Options{})
		if r.Strings(); r.Err() == nil || !strings.Contains(r.Err().Error(), at) {
			t.Errorf("%s: %v", in, r.Err())
		}
	}
}

func TestUnreadValuesAreSkippedAndMisuseIsAnError(t *testing.T) {
	r := New([]byte(`{"a":{"x":[1,2]},"b":[3,{"y":4}],"c":5}`), Options{})
	var keys []string
	r.Object()
	for {
		k, ok := r.NextKey()
		if !ok {
			break
		}
		keys = append(keys, string(k))
		if string(k) == "b" {
			r.Array()
			for n := 0; r.NextItem(); n++ {
			}
		}
	}
	if err := r.End(); err != nil || strings.Join(keys, "") != "abc" {
		t.Fatal(keys, err)
	}
	for name, misuse := range map[string]func(r *Reader){
		"two values of one member": func(r *Reader) { r.NextKey(); r.Int(); r.Int() },
		"items of an object":       func(r *Reader) { r.NextItem() },
		"a value before its key":   func(r *Reader) { r.Skip() },
		"the end in the middle":    func(r *Reader) { r.NextKey() },
	} {
		r := New([]byte(`{"a":1,"b":2}`), Options{})
		r.Object()
		misuse(r)
		if r.End() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDeferKeepsPlaces(t *testing.T) {
	data := []byte("{\"x\":[\n{\"a\":1},\n{\"a\":true}],\"y\":2}")
	r := New(data, Options{})
	r.Object()
	r.NextKey()
	later := r.Defer()
	if k, ok := r.NextKey(); !ok || string(k) != "y" || r.Int() != 2 {
		t.Fatal("the outer document was lost")
	}
	if _, ok := r.NextKey(); ok || r.End() != nil {
		t.Fatal(r.Err())
	}
	later.Array()
	for later.NextItem() {
		later.Object()
		later.NextKey()
		later.Int()
		later.NextKey()
	}
	var se *SyntaxError
	if !errors.As(later.End(), &se) || se.Line != 3 || se.Column != 6 || se.Pointer != "/x/1/a" {
		t.Fatalf("%+v", se)
	}
}

func TestStringsDoNotAliasTheInput(t *testing.T) {
	var b strings.Builder
	b.WriteByte('[')
	for i := range 3000 {
		fmt.Fprintf(&b, `"%d-%s",`, i%1500, strings.Repeat("x", i%200))
	}
	b.WriteString(`"end"]`)
	data := []byte(b.String())
	var want []string
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	r := New(data, Options{})
	var got []string
	r.Array()
	for r.NextItem() {
		got = append(got, r.String())
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	clear(data)
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

func TestNumbers(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "-9223372036854775808": math.MinInt64, "12": 12, "null": 0} {
		r := New([]byte(in), Options{})
		if got := r.Int(); got != want || r.End() != nil {
			t.Errorf("%s: %d %v", in, got, r.Err())
		}
	}
	for _, in := range []string{"1.0", "1e3", "9223372036854775808", `"1"`, "-", "true"} {
		r := New([]byte(in), Options{})
		if r.Int(); r.End() == nil {
			t.Errorf("Int accepts %s", in)
		}
	}
	r := New([]byte("-1.5e3"), Options{})
	if v := r.Float(); v != -1500 || r.End() != nil {
		t.Error(v, r.Err())
	}
	r = New([]byte("1e400"), Options{})
	if r.Float(); r.End() == nil {
		t.Error("a number beyond float64 is accepted")
	}
}

func TestResetReadsAsNewDoes(t *testing.T) {
	r := New([]byte(`{"a": [1, {"a": "broken`), Options{MaxDepth: 4})
	r.Skip()
	if r.Err() == nil {
		t.Fatal("the first text is broken")
	}
	for _, text := range []string{`{"a": 1, "b": "x"}`, "\uFEFF{\"a\": [1, 2]}", `{"a": 1, "a": 2}`, "{\"a\": \"\xff\"}", `[[[[[1]]]]]`, ``} {
		r.Reset([]byte(text))
		fresh := New([]byte(text), Options{MaxDepth: 4})
		var keys [2][]string
		for i, r := range []*Reader{r, fresh} {
			if r.Kind() == Object {
				for r.Object(); ; {
					k, ok := r.NextKey()
					if !ok {
						break
					}
					keys[i] = append(keys[i], string(k))
				}
			} else {
				r.Skip()
			}
		}
		got, want := r.End(), fresh.End()
		if (got == nil) != (want == nil) || got != nil && got.Error() != want.Error() || !slices.Equal(keys[0], keys[1]) {
			t.Errorf("%q: after Reset %v %v, new %v %v", text, keys[0], got, keys[1], want)
		}
	}
}

func TestSkipSame(t *testing.T) {
	value := []byte(`{"a":[1,"}"],"b":{}}`)
	whole := New(value, Options{})
	if whole.SkipSame() || whole.SkipSame(nil, nil) || whole.SkipSame(value[:5], value[6:]) || whole.SkipSame(value, []byte("}")) {
		t.Error("what is not the same was skipped")
	}
	if !whole.SkipSame(value[:5], nil, value[5:8], value[8:]) || whole.End() != nil {
		t.Errorf("parts are not the whole: %v", whole.End())
	}
	for text, want := range map[string]bool{
		`{"x": {"a":[1,"}"],"b":{}}, "y": 1}`: true,
		`{"x":{"a":[1,"}"],"b":{} },"y":1}`:   false,
		`{"x":{"a":[1,"}"],"b":{}`:            false,
		`{"x":3,"y":1}`:                       false,
	} {
		r := New([]byte(text), Options{})
		r.Object()
		r.NextKey()
		if got := r.Ahead(4); !bytes.Equal(got, []byte(`{"a"`)) && want {
			t.Errorf("%s: ahead %q", text, got)
		}
		if got := r.SkipSame(value); got != want {
			t.Errorf("%s: %t", text, got)
		}
		if r.SkipSame(nil) {
			t.Errorf("%s: nothing was skipped", text)
		}
		key, ok := r.NextKey()
		if ok != (text[len(text)-1] == '}' && bytes.HasSuffix([]byte(text), []byte("1}"))) || ok && string(key) != "y" {
			t.Errorf("%s: then %q %t %v", text, key, ok, r.Err())
		}
	}
}

func TestTime(t *testing.T) {
	r := New([]byte(`{"a":["2026-11-20T14:00:00.5+02:00","","yesterday",null]}`), Options{})
	var got []string
	r.Members(func(string) {
		for r.Array(); r.NextItem(); {
			at := r.Time(func(pointer, message string) { got = append(got, pointer+": "+message) })
			got = append(got, at.Format(time.RFC3339Nano))
		}
	})
	const never = "0001-01-01T00:00:00Z"
	if want := "2026-11-20T12:00:00.5Z " + never + " /a/2: not a time in RFC 3339 " + never + " " + never; strings.Join(got, " ") != want || r.End() != nil {
		t.Errorf("%q, want %q; %v", got, want, r.Err())
	}
}

// Texts of any length come out as they are, those that share a slot too.
func TestTextsOfAnyLength(t *testing.T) {
	long := bytes.Repeat([]byte("abcdefghijklmnopqrstuvwxyz0123456789"), 3)
	var of texts
	for range 2 {
		for n := range len(long) {
			for from := 0; from+n <= len(long); from += 7 {
				if got := of.of(long[from : from+n]); got != string(long[from:from+n]) {
					t.Fatalf("%q comes out as %q", long[from:from+n], got)
				}
			}
		}
	}
}

// Texts that differ in one byte seldom share a slot, wherever that stands.
func TestSlotsAreSpread(t *testing.T) {
	for n := 1; n <= internLongest; n++ {
		for at := range n {
			slots := map[uint8]bool{}
			b := bytes.Repeat([]byte("x"), n)
			for c := range 64 {
				b[at] = byte(' ' + c)
				slots[slotOf(b)] = true
			}
			if len(slots) < 32 {
				t.Errorf("64 texts of %d bytes that differ in byte %d have %d slots", n, at, len(slots))
			}
		}
	}
}

// Everything before asciiEnd is ASCII, and a byte that is not stands at it or soon behind.
func TestASCIIEnd(t *testing.T) {
	for n := range 100 {
		d := bytes.Repeat([]byte("a"), n)
		if got := asciiEnd(d); got != n {
			t.Errorf("of %d bytes of ASCII %d are", n, got)
		}
		for at := range n {
			d[at] = 0x80
			if got := asciiEnd(d); got > at || got+32 <= at {
				t.Errorf("of %d bytes with another at %d, %d are ASCII", n, at, got)
			}
			d[at] = 'a'
		}
	}
}
