package segment

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestVec holds vectors of a line of forks against plain copies: what is written to
// the newest is not seen in those before it, and changed leaves out nothing that
// differs.
func TestVec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const perChunk = pageSize * chunkPages
		n := rapid.SampledFrom([]int{0, 1, pageSize - 1, pageSize, pageSize + 1, perChunk - 1, perChunk, perChunk + pageSize + 3}).Draw(t, "n")
		plain := make([]int, n)
		for i := range plain {
			plain[i] = i
		}
		vecs, plains := []vec[int]{vecOf(slices.Clone(plain))}, [][]int{plain}
		for range rapid.IntRange(1, 30).Draw(t, "operations") {
			last := len(vecs) - 1
			v, p := &vecs[last], &plains[last]
			switch op := rapid.IntRange(0, 3).Draw(t, "operation"); {
			case op == 0:
				vecs, plains = append(vecs, v.fork()), append(plains, slices.Clone(*p))
			case op == 1 || len(*p) == 0:
				for range rapid.IntRange(1, 2*pageSize).Draw(t, "more") {
					v.push(-len(*p))
					*p = append(*p, -len(*p))
				}
			default:
				i := rapid.IntRange(0, len(*p)-1).Draw(t, "i")
				(*p)[i] = rapid.Int().Draw(t, "x")
				v.set(i, (*p)[i])
			}
		}
		for k := range vecs {
			if vecs[k].len() != len(plains[k]) {
				t.Fatalf("fork %d has %d elements, not %d", k, vecs[k].len(), len(plains[k]))
			}
			for i, want := range plains[k] {
				if got := vecs[k].at(i); got != want || *vecs[k].ref(i) != want {
					t.Fatalf("fork %d: element %d is %d, not %d", k, i, got, want)
				}
			}
		}
		for k := 1; k < len(vecs); k++ {
			seen := make(map[int]bool)
			vecs[k].changed(&vecs[k-1], func(i int) bool { seen[i] = true; return true })
			for i, x := range plains[k] {
				if (i >= len(plains[k-1]) || plains[k-1][i] != x) && !seen[i] {
					t.Fatalf("fork %d: element %d differs and is not handed over", k, i)
				}
			}
		}
	})
}
