package spdx

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	realdocs "github.com/cofferdam-io/cofferdam/internal/corpus"
)

// Whoever asks is told of the packages that were seen, in order, and where they stand; a text
// that is kept elsewhere is still seen.
func TestRepeats(t *testing.T) {
	document := func(packages ...string) []byte {
		return fmt.Appendf(nil, `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"n","packages":[%s]}`, strings.Join(packages, " ,\n "))
	}
	other := strings.Replace(seenPackages, "adduser", "another", 2)
	s := NewSeen(1 << 20)
	var repeats []Repeat
	read := func(doc []byte, want ...string) {
		t.Helper()
		repeats = nil
		if _, err := Decode(t.Context(), doc, Options{Seen: s, Repeated: func(r Repeat) { repeats = append(repeats, r) }}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range repeats {
			if got = append(got, string(doc[r.From:r.To])); string(r.Text().Bytes) != got[len(got)-1] {
				t.Errorf("the text of a repeat is %q and stands as %q", r.Text().Bytes, got[len(got)-1])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("repeats are %q, want %q", got, want)
		}
	}
	read(document(seenPackages))
	read(document(other, seenPackages), seenPackages)
	read(document(seenPackages, other), seenPackages, other)
	was, line := repeats[0].Text(), []byte("before "+seenPackages+" behind")
	kept := &Text{Bytes: line[7 : 7+len(seenPackages)], In: &line, At: 7}
	if !repeats[0].Move(was, kept) || repeats[0].Move(was, &Text{}) {
		t.Error("a text is moved once, by who comes first")
	}
	read(document(other, seenPackages), other, seenPackages)
	if got := repeats[1].Text(); got != kept || repeats[0].Text().In != nil {
		t.Errorf("the text is kept as %+v", got)
	}
	line[8]++ // what is compared with is what was given
	read(document(seenPackages))
}

// Of a relationship's packages it is told where the identifier stands, and where the package's
// own; of one that is the same as in the entry before only once.
func TestRepeatedIdentifiers(t *testing.T) {
	pack := func(id string) string {
		return fmt.Sprintf(`{"name":"n%[1]s","SPDXID":"SPDXRef-%[1]s","versionInfo":"1","downloadLocation":"NOASSERTION","filesAnalyzed":false,"licenseDeclared":"MIT","comment":"%[2]s"}`, id, strings.Repeat("long ", 20))
	}
	entry := func(from, to string) string {
		return fmt.Sprintf(`{"spdxElementId":"SPDXRef-%s","relatedSpdxElement":"SPDXRef-%s","relationshipType":"DEPENDS_ON"}`, from, to)
	}
	const head = `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"n",`
	packages := `"packages":[` + strings.Join([]string{pack("a"), pack("b"), pack("c"), pack("d"), strings.Replace(pack("e"), `f-e"`, `f-\u0065"`, 1)}, ",") + `]`
	for name, test := range map[string]struct {
		doc  string
		want []string
	}{
		"in the packages' order": {head + packages + `,"relationships":[` + strings.Join([]string{entry("a", "b"), entry("a", "c"), entry("a", "d")}, ",") + `]}`, []string{"a", "b", "c", "d"}},
		"in another": {head + packages + `,"relationships":[` + strings.Join([]string{entry("d", "a"), entry("c", "a"), entry("c", "b"), entry("DOCUMENT", "d"), entry("File-x", "b"), entry("c", "File-x")}, ",\n") + `]}`,
			[]string{"d", "a", "c", "a", "b", "d", "b", "c"}},
		"with escapes":  {head + packages + `,"relationships":[` + strings.Replace(entry("a", "b"), "f-b", `f-\u0062`, 1) + "," + entry("a", "c") + `]}`, []string{"a", "", "c"}},
		"before them":   {head + `"relationships":[` + entry("a", "b") + "," + entry("a", "c") + `],` + packages + `}`, []string{"a", "b", "c"}},
		"nothing known": {head + packages + `,"relationships":[` + entry("e", "x") + `]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSeen(1 << 20)
			for _, round := range []string{"first", "again"} { // packages that are read, and that were seen
				var got []string
				if _, err := Decode(t.Context(), []byte(test.doc), Options{Seen: s, Repeated: func(r Repeat) {
					if r.Text() != nil {
						return
					}
					said, own := test.doc[r.From:r.To], test.doc[r.At:r.At+r.To-r.From]
					if said != own { // in escapes: whoever uses it compares
						own = ""
					} else if test.doc[r.To] != '"' || test.doc[r.From-1] != '"' {
						t.Errorf("%s: %q does not stand by itself", round, said)
					}
					got = append(got, strings.TrimPrefix(own, "SPDXRef-"))
				}}); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("%s: the identifiers are %q, want %q", round, got, test.want)
				}
			}
		})
	}
}

// sameWithout decodes with what was seen before and without, and compares: without details,
// and with them.
func sameWithout(t *testing.T, data []byte, o Options) {
	t.Helper()
	compareSeen(t, data, o)
	o.Details = true
	compareSeen(t, data, o)
}

func compareSeen(t *testing.T, data []byte, o Options) {
	t.Helper()
	got, gotErr := Decode(context.Background(), data, o)
	seen := o.Seen
	o.Seen = nil
	want, wantErr := Decode(context.Background(), data, o)
	if (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Error() != wantErr.Error() {
		t.Fatalf("%v, want %v", gotErr, wantErr)
	}
	if got != nil {
		for i := range got.Components { // beside what it is remembered as, which is the same
			if c := &got.Components[i]; c.Known != nil {
				detached := c.Detached()
				detached.Details = c.Details
				if !reflect.DeepEqual(c.Known.Component, detached) {
					t.Fatalf("%+v is remembered as %+v", detached, c.Known.Component)
				}
				c.Known = nil
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v\nwant %+v", got, want)
	}
	if seen != nil && got != nil {
		seen.Done(got) // the next document is read into its lists
		if got.Components != nil || got.Dependencies != nil {
			t.Fatal("a document keeps lists that the next is read into")
		}
	}
}

const seenPackages = `{"name":"adduser","SPDXID":"SPDXRef-Package-deb-adduser-1","versionInfo":"3.1","supplier":"Organization: Somebody","downloadLocation":"NOASSERTION","filesAnalyzed":false,"licenseDeclared":"GPL-2.0-only","checksums":[{"algorithm":"SHA1","checksumValue":"0B"}],"externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:deb/debian/adduser@3.1"},{"referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a:x:y:1"}],"packageFileName":"a.deb","attributionTexts":["LayerDiffID: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]}`

// What was seen before changes nothing about what is read, however the next document
// differs from the last by one byte, by an order or by where it is cut off.
func TestSeenChangesNothing(t *testing.T) {
	one := []byte(`{` + head + `"packages":[` + seenPackages + `,` + seenPackages + `]}`)
	for _, bytesOf := range []int{0, 1 << 20} {
		seen := NewSeen(bytesOf)
		sameWithout(t, one, Options{Seen: seen})
		wrapped := append(append([]byte(`{"sbom":`), one...), '}')
		for i := range one {
			other := bytes.Clone(one)
			other[i] ^= 1
			sameWithout(t, other, Options{Seen: seen})
			sameWithout(t, one[:i], Options{Seen: seen})
			for depth := 1; i == 0 && depth < 8; depth++ {
				sameWithout(t, one, Options{Seen: seen, MaxDepth: depth})
				sameWithout(t, wrapped, Options{Seen: seen, MaxDepth: depth})
			}
		}
		// Of a real scanner's warnings, none is swallowed the second time.
		faulty := bytes.Replace(one, []byte(`"versionInfo":"3.1"`), []byte(`"versionInfo":31`), 2)
		sameWithout(t, faulty, Options{Seen: seen})
		sameWithout(t, faulty, Options{Seen: seen})
	}
}

func TestSeenOfRealDocuments(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(realdocs.Root(t), "sbom/guac-data/top-dh-sboms/*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no documents", err)
	}
	seen := NewSeen(8 << 20)
	for n, f := range files {
		if n%4 != 0 {
			continue // time under the race detector
		}
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			sameWithout(t, raw, Options{Seen: seen})
		}
	}
}

// FuzzSeen reads one document after another.
func FuzzSeen(f *testing.F) {
	one := `{` + head + `"packages":[` + seenPackages + `]}`
	f.Add([]byte(one), []byte(one))
	f.Add([]byte(one), []byte(`{"sbom":`+one+`}`))
	f.Add([]byte(one), []byte(`{`+head+`"packages":[ `+seenPackages+` , {},`+seenPackages+`]}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		seen := NewSeen(64 << 10)
		for _, d := range [][]byte{a, b, a} {
			sameWithout(t, d, Options{Seen: seen, MaxBytes: 1 << 20})
		}
	})
}

// One long list of packages is read as any, and drives out no more than its share of
// what is remembered.
func TestLongLists(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`{` + head + `"packages":[`)
	const packages = 40_000 // more than the list grows by little steps
	for i := range packages {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"SPDXID":"SPDXRef-Package-%d","name":"package-%d","versionInfo":"1","supplier":"Organization: Somebody","downloadLocation":"NOASSERTION","filesAnalyzed":false,"licenseDeclared":"MIT"}`, i, i)
	}
	b.WriteString(`]}`)
	seen := NewSeen(256 << 20)
	compareSeen(t, b.Bytes(), Options{Seen: seen})
	if len(seen.by) != seenOfOne {
		t.Errorf("%d packages of one document are remembered", len(seen.by))
	}
	compareSeen(t, b.Bytes(), Options{Seen: seen})
	if len(seen.by) != 2*seenOfOne {
		t.Errorf("%d packages of a document that came twice are remembered", len(seen.by))
	}
	d, err := Decode(context.Background(), b.Bytes(), Options{})
	raw, released := bytes.Clone(b.Bytes()), 0
	other, otherErr := Decode(context.Background(), raw, Options{Digest: d.Digest, Released: func(from, to int) {
		released += to - from
		clear(raw[from:to])
	}})
	if otherErr != nil || !reflect.DeepEqual(d, other) || released < releaseAtOnce {
		t.Errorf("%d bytes are released, and the document is another: %v", released, otherErr)
	}
	if err != nil || len(d.Components) != packages || cap(d.Components) > packages*5/4 {
		t.Errorf("%d packages, room for %d: %v", len(d.Components), cap(d.Components), err)
	}
}
