package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

func TestLeavesComeBack(t *testing.T) {
	p := newPacker()
	text := rapid.OneOf(rapid.StringN(0, 30, 60), rapid.SampledFrom([]string{"", "\xff\xfe", `{"a":1}`, `{"a":1,"b":2}`, strings.Repeat("b", store.MaxState)}))
	state := rapid.Custom(func(t *rapid.T) leafState {
		return leafState{"n" + rapid.StringN(0, 4, 8).Draw(t, "name"), text.Draw(t, "subject"), text.Draw(t, "body"), rapid.Int64().Draw(t, "from")}
	})
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(state, 0, 100).Draw(t, "states")
		slices.SortFunc(list, func(a, b leafState) int { return a.compare(&b) })
		list = slices.CompactFunc(list, func(a, b leafState) bool { return a.compare(&b) == 0 })
		var again []leafState
		leaves(list, func(leaf []leafState) {
			size := 0
			for i := range leaf[:len(leaf)-1] {
				size += leaf[i].size()
			}
			if len(leaf) > leafStates || size >= leafBytes {
				t.Fatalf("a leaf of %d states has %d bytes before its last", len(leaf), size)
			}
			got, err := p.unpackLeaf("CVE-1", leaf[0].name, p.packLeaf(leaf))
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, got...)
		})
		if !slices.Equal(again, list) {
			t.Fatalf("%d states come back as %d others", len(list), len(again))
		}
	})
}

// What findings have in common is written once.
func TestLeavesAreSmall(t *testing.T) {
	var list []leafState
	size := 0
	for n := range leafStates {
		list = append(list, leafState{name: fmt.Sprintf("prod/shop/Deployment/app-%02d/app CVE-1 pkg:npm/a@1", n), from: 1,
			body: fmt.Sprintf(`{"image":"sha256:%064x","zone":"dmz","purl":"pkg:npm/a@1","severity":"high","aliases":["%s"]}`, n, strings.Repeat("GHSA-", 60))})
		size += list[n].size()
	}
	if got := len(newPacker().packLeaf(list)); got > size/10 {
		t.Errorf("%d bytes of states take %d", size, got)
	}
}

func FuzzUnpackLeaf(f *testing.F) {
	p := newPacker()
	f.Add([]byte{}, "")
	f.Add([]byte{runPlain}, "a")
	f.Add([]byte{runPlain, 0, 1, 'a', 0, 2, 0, 0, 1, 'b'}, "a")
	f.Add([]byte{runPlain, 0, 1, 'a', 0, 2, 0, 9, 1, 'b'}, "a")
	f.Add([]byte{runPlain, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 1}, "a")
	f.Add(p.packLeaf([]leafState{{"a", "", "body", 1}, {"ab", "s", "bony", 7}}), "a")
	f.Fuzz(func(t *testing.T, b []byte, first string) {
		list, err := p.unpackLeaf("CVE-7", first, b)
		if err != nil {
			if ident.KindOf(err) != ident.KindFailure || !strings.Contains(err.Error(), "CVE-7") {
				t.Fatalf("the error %v", err)
			}
			return
		}
		again, err := p.unpackLeaf("CVE-7", first, p.packLeaf(list))
		if err != nil || !slices.Equal(again, list) || len(list) > leafStates {
			t.Fatalf("%d states come back as %d, %v", len(list), len(again), err)
		}
	})
}
