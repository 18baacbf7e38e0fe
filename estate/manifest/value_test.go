package manifest_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
)

func TestDocumentsHavePlaces(t *testing.T) {
	text := "# first\na: 1\nöl: {b: x, c: [v, z]}\nlong: |\n  one\n  two\nquoted: \"q\"\n---\n{\"j\": true}\n---\nbroken: [\n---\n---\nlast: null\n"
	docs, err := manifest.Documents(context.Background(), manifest.Input{Name: "f", Data: []byte(text)}, manifest.Options{})
	if err != nil || len(docs) != 4 {
		t.Fatalf("%v, %d documents", err, len(docs))
	}
	if docs[2].Err == nil || docs[2].At.Line < 11 || docs[2].Root.Kind() != manifest.Absent {
		t.Errorf("the broken one: %+v", docs[2])
	}
	places := map[string]manifest.Place{}
	for _, d := range docs {
		for _, e := range d.Root.Entries() {
			places[e.Key] = e.At
			for _, inner := range e.Value.Entries() {
				places[inner.Key] = inner.At
			}
		}
	}
	want := map[string]manifest.Place{"a": {Line: 2, Column: 1}, "öl": {Line: 3, Column: 1}, "b": {Line: 3, Column: 6}, "c": {Line: 3, Column: 12}, "long": {Line: 4, Column: 1},
		"quoted": {Line: 7, Column: 1}, "j": {Line: 9, Column: 3}, "last": {Line: 14, Column: 1}}
	if !reflect.DeepEqual(places, want) {
		t.Errorf("keys stand at\n%v, want\n%v", places, want)
	}
	root := docs[0].Root
	for _, c := range []struct {
		field        string
		line, column int
		want         manifest.Place
	}{
		{"long", 2, 3, manifest.Place{Line: 6, Column: 5}},
		{"quoted", 1, 1, manifest.Place{Line: 7, Column: 10}},
		{"a", 1, 5, manifest.Place{Line: 2, Column: 4}},
		{"none", 1, 1, manifest.Place{}},
	} {
		if got := root.Field(c.field).Inside(c.line, c.column); got != c.want {
			t.Errorf("inside %s: %v, want %v", c.field, got, c.want)
		}
	}
	if got, want := root.Any(), (map[string]any{"a": int64(1), "öl": map[string]any{"b": "x", "c": []any{"v", "z"}}, "long": "one\ntwo\n", "quoted": "q"}); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestDocumentsHaveLimits(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		o    manifest.Options
		want ident.Kind
	}{
		"bytes":     {"abcdef", manifest.Options{MaxBytes: 5}, ident.KindLimit},
		"documents": {"--- 1\n--- 2\n--- 3\n", manifest.Options{MaxDocuments: 2}, ident.KindLimit},
		"text":      {"a: \xff", manifest.Options{}, ident.KindInvalid},
	} {
		if _, err := manifest.Documents(context.Background(), manifest.Input{Name: "f", Data: []byte(c.text)}, c.o); ident.KindOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	docs, err := manifest.Documents(context.Background(), manifest.Input{Data: []byte("[[[[1]]]]")}, manifest.Options{MaxDepth: 3})
	if err != nil || len(docs) != 1 || docs[0].Err == nil || docs[0].Err.Kind != ident.KindLimit {
		t.Errorf("depth: %v %+v", err, docs)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := manifest.Documents(ctx, manifest.Input{Data: []byte("a: 1")}, manifest.Options{}); err == nil {
		t.Error("a cancelled context is no error")
	}
}
