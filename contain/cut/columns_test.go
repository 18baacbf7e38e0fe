package cut

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTranspose(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var a, b [64]uint64
	for i := range a {
		a[i] = r.Uint64()
	}
	b = a
	transpose(&b)
	for i := range 64 {
		for j := range 64 {
			if a[i]>>j&1 != b[j]>>i&1 {
				t.Fatalf("bit %d of row %d is not bit %d of row %d", j, i, i, j)
			}
		}
	}
}

// TestColumnsAgainstRows: both ways of searching backwards see the same.
func TestColumnsAgainstRows(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 6))
		n := 1 + r.IntN(200)
		f := newFlow(n+1, n, 0, 1)
		f.rows = make([][]uint64, n)
		d := r.Float64() * 3 / float64(n)
		for u := range n {
			if r.IntN(10) == 0 {
				continue
			}
			f.rows[u] = newSet(n)
			for v := range n {
				if r.Float64() < d {
					set(f.rows[u]).add(int32(v))
				}
			}
			if r.IntN(4) == 0 {
				f.add(int32(u), int32(r.IntN(n)), Price(r.IntN(2)))
			}
		}
		f.sinks.add(int32(r.IntN(n)))
		c := coreach{flow: f, seen: newSet(f.nodes), fresh: make(set, f.words)}
		for x := range n {
			if f.sinks.has(int32(x)) {
				c.mark(int32(x))
			}
			if f.rows[x] != nil {
				c.pending = append(c.pending, int32(x))
			}
		}
		c.explicit()
		c.byColumns()
		want := f.coreach()
		if !slices.Equal(c.seen, want) {
			t.Fatalf("seed %d: by columns %b, by rows %b", seed, c.seen, want)
		}
	}
}
