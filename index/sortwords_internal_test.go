package index

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Sorting words eight bytes at a time is sorting them, whatever they have in common, with
// zeros in them and at their ends.
func TestSortedWords(t *testing.T) {
	piece := rapid.SampledFrom([]string{"", "\x00", "a", "b", "\xff", "package-", "package-1", strings.Repeat("\x00", 8), strings.Repeat("long ", 30), "ab\x00"})
	rapid.Check(t, func(t *rapid.T) {
		var words []string
		var list wordList
		for i, word := range rapid.SliceOfN(rapid.SliceOfN(piece, 0, 5), 0, 60).Draw(t, "words") {
			words = append(words, strings.Join(word, ""))
			list.add(words[i], uint32(i/2))
		}
		want := make([]uint32, len(words))
		for i := range want {
			want[i] = uint32(i)
		}
		slices.SortFunc(want, func(a, b uint32) int { return cmp.Or(strings.Compare(words[a], words[b]), cmp.Compare(a, b)) })
		for i, o := range sortedWords(&list) {
			if o.at != want[i] {
				t.Fatalf("place %d has word %d, want %d", i, o.at, want[i])
			}
		}
	})
}

// BenchmarkSortedWords sorts the words of 350,000 packages of one document.
func BenchmarkSortedWords(b *testing.B) {
	var list wordList
	for i := range uint32(350_000) {
		n := i * 2654435761 % 350_000
		list.add(fmt.Sprintf("package-%d", n), i)
		list.add(fmt.Sprintf("\x00npm/package-%d", n), i)
	}
	for b.Loop() {
		sortedWords(&list)
	}
}
