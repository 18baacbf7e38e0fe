package segment

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestLists holds lists of a line of forks against plain copies.
func TestLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 1, pageSize - 1, pageSize, pageSize + 1, 3*pageSize + 7, pageSize*chunkPages + 3}).Draw(t, "n")
		plain := make([][]int, n)
		for i := range plain {
			for k := range i % 3 {
				plain[i] = append(plain[i], i*10+k)
			}
		}
		all, plains := []lists[int]{listsOf(plain)}, [][][]int{plain}
		for range rapid.IntRange(1, 30).Draw(t, "operations") {
			last := len(all) - 1
			l, p := &all[last], &plains[last]
			x := rapid.SliceOfN(rapid.Int(), 0, 3).Draw(t, "x")
			switch op := rapid.IntRange(0, 3).Draw(t, "operation"); {
			case op == 0:
				all, plains = append(all, l.fork()), append(plains, slices.Clone(*p))
			case op == 1 || len(*p) == 0:
				for range rapid.IntRange(1, 2*pageSize).Draw(t, "more") {
					l.push(x)
					*p = append(*p, x)
				}
			default:
				i := rapid.IntRange(0, len(*p)-1).Draw(t, "i")
				(*p)[i] = x
				l.set(i, x)
			}
		}
		for k := range all {
			if all[k].len() != len(plains[k]) {
				t.Fatalf("fork %d has %d lists, not %d", k, all[k].len(), len(plains[k]))
			}
			for i, want := range plains[k] {
				if got := all[k].at(i); !slices.Equal(got, want) {
					t.Fatalf("fork %d: list %d is %v, not %v", k, i, got, want)
				}
			}
		}
	})
}
