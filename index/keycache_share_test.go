package index

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// One document drives out no more than its share of what is remembered.
func TestKeyCacheShare(t *testing.T) {
	d := &sbom.Document{Components: make([]sbom.Component, mostOfOne+500)}
	for i := range d.Components {
		d.Components[i] = sbom.Component{Name: fmt.Sprint("component ", i)}
	}
	k := NewKeyCache(64<<20, nil)
	for round := range 3 {
		if ids, keys := k.Keys(d); len(ids) != 0 || len(keys) != len(d.Components) {
			t.Fatalf("%d numbers and %d keys", len(ids), len(keys))
		}
		if want := min((round+1)*mostOfOne, len(d.Components)); len(k.young) != want {
			t.Errorf("%d of one document are remembered, want %d", len(k.young), want)
		}
	}
}

// However many distributions documents name, and however long, few are remembered.
func TestKeyCacheSystems(t *testing.T) {
	k := NewKeyCache(64<<20, nil)
	d := &sbom.Document{Components: []sbom.Component{{Name: "a"}}}
	for _, id := range []string{"debian", strings.Repeat("x", longestName)} {
		for n := range 2*mostSystems + 1 {
			d.Subject.OS = sbom.Distro{ID: id, VersionID: fmt.Sprint(n)}
			if _, keys := k.Keys(d); !slices.Equal(keys, KeysOf(d)) {
				t.Fatalf("%s %d: %q", id, n, keys)
			}
		}
		if len(k.systems) != 1 { // they were cleared when they were too many
			t.Errorf("%s: %d distributions are remembered", id, len(k.systems))
		}
	}
	if got := k.young["a\x00"]; got == nil || got.os.ID != "debian" {
		t.Errorf("%+v is remembered last", got)
	}
}

// Numbers of distributions are not given twice: where there are no more, keys are found
// as they were without.
func TestKeyCacheSystemsEnd(t *testing.T) {
	was := systems.Swap(math.MaxUint32 - 1)
	defer systems.Store(was) // other tests want numbers
	first := true
	for range 3 {
		k := NewKeyCache(1<<20, func(keys []string, ids []uint32, _ []int) []int {
			for i := range keys {
				ids[i] = 7
			}
			return nil
		})
		if on := k.system(sbom.Distro{}); (on.number != 0) != first {
			t.Fatalf("number %d is given", on.number)
		}
		first = false
		known := &sbom.Known{Component: sbom.Component{Name: "a"}}
		known.Number.Store(8) // as that of no distribution
		c := known.Component
		c.Known = known
		d := &sbom.Document{Components: []sbom.Component{c}}
		for round := range 3 {
			if ids, keys := k.Keys(d); round > 0 && !slices.Equal(ids, []uint32{7}) || len(ids)+len(keys) != 1 {
				t.Errorf("round %d: %v and %q", round, ids, keys)
			}
		}
	}
}
