package synth_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/vuln"
)

func digest(t *testing.T, c synth.Config) (sum string, occurrences, components int) {
	t.Helper()
	corpus, err := synth.New(c)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	known := 0
	seen := map[string]bool{}
	for d, ok := corpus.Next(); ok; d, ok = corpus.Next() {
		known += len(d.NewKeys)
		for i, id := range d.Entries {
			if int(id) >= known || i > 0 && id <= d.Entries[i-1] {
				t.Fatalf("document %d has the ids %v of %d", d.ID, d.Entries, known)
			}
			_, _ = h.Write(binary.LittleEndian.AppendUint32(nil, id))
		}
		for _, k := range d.NewKeys {
			if seen[k] {
				t.Fatalf("the key %q is new twice", k)
			}
			seen[k] = true
			k, os, err := index.ParseKey([]byte(k))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := vuln.IdentityOf(&k, os); err != nil {
				t.Fatalf("%+v: %v", k, err)
			}
			_, _ = h.Write([]byte(k.PURL))
		}
		occurrences += len(d.Entries)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), occurrences, corpus.Components()
}

func TestCorpus(t *testing.T) {
	for _, unrelated := range []bool{false, true} {
		c := synth.Config{Documents: 300, Components: 120, Seed: 1, Unrelated: unrelated}
		if unrelated {
			c.Documents = 40
		}
		first, occurrences, components := digest(t, c)
		if again, _, _ := digest(t, c); again != first {
			t.Error("the same configuration makes other documents")
		}
		other := c
		other.Seed = 2
		if second, _, _ := digest(t, other); second == first {
			t.Error("another seed makes the same documents")
		}
		if per := occurrences / c.Documents; per < 100 || per > 140 {
			t.Errorf("unrelated %v: %d components a document, want about 120", unrelated, per)
		}
		t.Logf("unrelated %v: %d occurrences of %d components", unrelated, occurrences, components)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []synth.Config{{}, {Documents: 1, Components: 9}, {Documents: 1 << 30, Components: 100}} {
		if _, err := synth.New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
