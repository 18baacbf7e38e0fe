package index

import (
	"fmt"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// One document drives out no more than its share of what is remembered.
func TestKeyCacheShare(t *testing.T) {
	d := &sbom.Document{Components: make([]sbom.Component, mostOfOne+500)}
	for i := range d.Components {
		d.Components[i] = sbom.Component{Name: fmt.Sprint("component ", i)}
	}
	k := NewKeyCache(64 << 20)
	for round := range 3 {
		if got := len(k.KeysOf(d)); got != len(d.Components) {
			t.Fatalf("%d keys", got)
		}
		if want := min((round+1)*mostOfOne, len(d.Components)); len(k.young) != want {
			t.Errorf("%d of one document are remembered, want %d", len(k.young), want)
		}
	}
}
