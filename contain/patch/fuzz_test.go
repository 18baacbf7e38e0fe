package patch

import (
	"bytes"
	"hash/crc32"
	"math/rand"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
)

// FuzzRewrite gives hostile texts to the builder of trees and to every edit: what
// comes back says what was wanted, or there is an error with a kind.
func FuzzRewrite(f *testing.F) {
	for _, s := range []string{policy, `{"a":[1,{"b":null}]}`, "a: &x [1]\nb: *x\nc:\n  <<: {k: 1}\n", "? a\n: b\n", "- - a\n  - b\n-\n  c: |+\n    x\n\n", "a: 'b\n\n  c'\n\"d\": e\n  f # g\n",
		"\uFEFF%YAML 1.1\n---\na: !!int \"1\"\r\nb: >-2\r\n    x\r\n...\n", "[a: b, {c, d: }]", "a:\t1\n", "{{- if x }}\n", "a: {b: [1,\n # c\n 2]}\n"} {
		f.Add([]byte(s))
	}
	corpus.Seed(f, "netpol", ".yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 64<<10 {
			return
		}
		began := used.CPU(t) // other programs' time is no finding
		defer func() {
			if took := used.CPU(t) - began; took > 2*time.Second {
				t.Fatalf("%d bytes took %v of processor time", len(text), took)
			}
		}()
		d, err := parse(text)
		if err != nil {
			if ident.KindOf(err) == ident.KindFailure {
				t.Fatalf("an error without a kind: %v", err)
			}
			return
		}
		have := d.root.tree()
		if same, err := Rewrite(text, have); err != nil || !bytes.Equal(same, text) {
			t.Fatalf("rewritten to what it says: %v\n%q", err, same)
		}
		seed := int64(crc32.ChecksumIEEE(text))
		want := altered(rand.New(rand.NewSource(seed)), have, 0)
		got, err := Rewrite(text, want)
		if err != nil {
			if ident.KindOf(err) == ident.KindFailure {
				t.Fatalf("an error without a kind: %v", err)
			}
			return
		}
		wanted, err := canonical(want, 0)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := d.decode(got); err != nil || !equal(v, wanted) {
			t.Fatalf("says something else: %v\n%q", err, got)
		}
		start := estate.Source{Start: seed & 0xff, End: int64(len(text))}
		_, _ = File(text, start, want) // whatever begins there: an error, or a text that was checked
	})
}
