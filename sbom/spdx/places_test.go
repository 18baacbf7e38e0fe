package spdx

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// The table says what a map says, also where many identifiers share a hash, and after it
// was emptied.
func TestPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &places{}
		few := rapid.SampledFrom([]uint64{1, 3, 1 << 32}).Draw(t, "hashes")
		id := rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"", fmt.Sprint("SPDXRef-", rapid.IntRange(0, 200).Draw(t, "number"))}).Draw(t, "id")
		})
		for range 2 {
			twin := map[string]int32{}
			for i, name := range rapid.SliceOfN(id, 0, 150).Draw(t, "identifiers") {
				at, taken := p.hashed(name, uint32(uint64(hashOf(name))%few))
				if want, is := twin[name]; taken != is || taken && at != want {
					t.Fatalf("%q is at %d (%t), want %d (%t)", name, at, taken, want, is)
				}
				if taken {
					name = ""
				}
				p.put(name, uint32(uint64(hashOf(name))%few))
				if name != "" {
					twin[name] = int32(i) // #nosec G115 -- small
				}
			}
			for name, want := range twin {
				at, ok := p.hashed(name, uint32(uint64(hashOf(name))%few))
				written, is := p.written([]byte(name), int32(rapid.IntRange(-1, len(p.ids)).Draw(t, "guess")))
				if !ok || at != want || few > 3 && (!is || written != want) {
					t.Fatalf("%q is at %d (%t) and %d (%t), want %d", name, at, ok, written, is, want)
				}
			}
			p.clear()
		}
	})
}
