package corpus

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Strict holds a decoder against documents made of doc, a JSON text that it reads:
// one with names that differ only by case beside every member, and one with every
// object back to front, say the same; one with a name that occurs twice, one with a
// value of another kind, and one cut anywhere are refused, the first two with the
// JSON pointer of the fault in parentheses. lenient names the values that may be of
// another kind. decode leaves out of its result what is of the bytes and not of the
// document.
func Strict(t *testing.T, doc string, decode func(data []byte) (any, error), lenient func(pointer string) bool) {
	t.Helper()
	want, err := decode([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	same := func(name, doc string) {
		if got, err := decode([]byte(doc)); err != nil || !reflect.DeepEqual(want, got) {
			t.Errorf("%s: %v\n%+v\nwant\n%+v\n%s", name, err, got, want, doc)
		}
	}
	same("as it stands, written anew", parse(t, doc).text())
	same("names of other case beside each", OtherCase(t, doc))
	same("back to front", backToFront(t, doc))
	refused := func(name, at, doc string) {
		got, err := decode([]byte(doc))
		if err == nil {
			t.Errorf("%s at %s is taken for %+v\n%s", name, at, got, doc)
		} else if !strings.Contains(err.Error(), "("+at+")") {
			t.Errorf("%s at %s: %v", name, at, err)
		}
	}
	repeated(t, doc, func(at, doc string) { refused("a name that occurs twice", at, doc) })
	otherKinds(t, doc, func(at, doc string) {
		if !lenient(at) {
			refused("a value of another kind", at, doc)
		}
	})
	for i := range len(doc) {
		if got, err := decode([]byte(doc[:i])); err == nil {
			t.Fatalf("cut at %d it is taken for %+v", i, got)
		}
	}
}

// OtherCase returns a document with members before and after each of doc's whose
// names differ from its name only by case, and whose values are others of the
// same kind.
func OtherCase(tb testing.TB, doc string) string {
	root := parse(tb, doc)
	root.walk("", func(_ string, v *value) {
		names, values := v.names, v.values
		if names == nil {
			return
		}
		v.names, v.values = nil, nil
		taken := map[string]bool{}
		for _, n := range names {
			taken[n] = true
		}
		other := func(name string, like *value) {
			if !taken[name] {
				taken[name] = true
				v.names, v.values = append(v.names, name), append(v.values, like.another())
			}
		}
		for i, n := range names {
			other(strings.ToUpper(n), values[i])
			v.names, v.values = append(v.names, n), append(v.values, values[i])
			other(strings.ToLower(n), values[i])
			other(strings.ToUpper(n[:1])+strings.ToLower(n[1:]), values[i]) // of the names in capitals
		}
	})
	return root.text()
}

func backToFront(tb testing.TB, doc string) string {
	root := parse(tb, doc)
	root.walk("", func(_ string, v *value) {
		if v.names != nil {
			slices.Reverse(v.names)
			slices.Reverse(v.values)
		}
	})
	return root.text()
}

// repeated gives, for each member of doc, its pointer and a document in whose
// object it stands once more.
func repeated(tb testing.TB, doc string, each func(at, doc string)) {
	root := parse(tb, doc)
	root.walk("", func(at string, v *value) {
		n := len(v.names)
		for i := range n {
			v.names, v.values = append(v.names, v.names[i]), append(v.values, v.values[i])
			each(at+"/"+v.names[i], root.text())
			v.names, v.values = v.names[:n], v.values[:n]
		}
	})
}

// otherKinds gives, for each value of doc below its root, its pointer and the
// documents where it is of another kind.
func otherKinds(tb testing.TB, doc string, each func(at, doc string)) {
	root := parse(tb, doc)
	root.walk("", func(at string, v *value) {
		if at == "" {
			return
		}
		was := *v
		for _, scalar := range []string{`"other"`, "7", "true", `{"other":[]}`, `["other"]`} {
			if like(scalar) != was.like() {
				*v = value{scalar: scalar}
				each(at, root.text())
			}
		}
		*v = was
	})
}

// value is a JSON value with its members in their order.
type value struct {
	scalar string   // the text of what is neither object nor array
	names  []string // not nil: an object
	values []*value // of an object or array
}

func parse(tb testing.TB, doc string) *value {
	tb.Helper()
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	v, err := next(d)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func next(d *json.Decoder) (*value, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	v := &value{}
	switch t {
	case json.Delim('{'):
		v.names = []string{}
	case json.Delim('['):
	default:
		text, err := json.Marshal(t)
		v.scalar = string(text)
		return v, err
	}
	for d.More() {
		if v.names != nil {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			v.names = append(v.names, name.(string))
		}
		item, err := next(d)
		if err != nil {
			return nil, err
		}
		v.values = append(v.values, item)
	}
	_, err = d.Token()
	return v, err
}

// text writes the value as JSON. Names are written as they are: those of the
// documents that tests hold need no escapes.
func (v *value) text() string {
	if v.scalar != "" {
		return v.scalar
	}
	parts := make([]string, len(v.values))
	for i, x := range v.values {
		if parts[i] = x.text(); v.names != nil {
			parts[i] = `"` + v.names[i] + `":` + parts[i]
		}
	}
	if v.names != nil {
		return "{" + strings.Join(parts, ",") + "}"
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// walk visits every value with its JSON pointer, what it holds before itself.
func (v *value) walk(at string, visit func(at string, v *value)) {
	for i, x := range v.values {
		name := strconv.Itoa(i)
		if v.names != nil {
			name = v.names[i]
		}
		x.walk(at+"/"+name, visit)
	}
	visit(at, v)
}

// like is the first byte of a value, one and the same for all of a kind.
func like(text string) byte {
	switch c := text[0]; {
	case c == '-' || '0' <= c && c <= '9':
		return '0'
	case c == 'f':
		return 't'
	default:
		return c
	}
}

func (v *value) like() byte { return like(v.text()) }

// another returns a value of the same kind that says something else.
func (v *value) another() *value {
	return &value{scalar: map[byte]string{'"': `"another"`, '0': "99", 't': "true", 'n': "null", '[': "[]", '{': "{}"}[v.like()]}
}
