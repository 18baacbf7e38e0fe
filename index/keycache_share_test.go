package index

import (
	"fmt"
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
