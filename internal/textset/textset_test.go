package textset

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// A set answers what a map does.
func TestSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Set
		twin := map[string]bool{}
		for range rapid.IntRange(0, 3000).Draw(t, "texts") {
			text := strconv.Itoa(rapid.IntRange(0, 2000).Draw(t, "text"))
			if got := s.Has([]byte(text)); got != twin[text] {
				t.Fatalf("%q is there: %v", text, got)
			}
			if got := s.Add(text); got == twin[text] {
				t.Fatalf("%q is new: %v", text, got)
			}
			twin[text] = true
		}
		if s.Len() != len(twin) {
			t.Fatalf("%d texts, want %d", s.Len(), len(twin))
		}
	})
}
