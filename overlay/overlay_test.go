package overlay_test

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/cofferdam-io/cofferdam/overlay"
)

// TestMapIsAMap: after any changes a map holds what a plain one holds, and those that it
// was made from hold what they held.
func TestMapIsAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	plain := map[int]int{}
	for k := range 3000 {
		plain[k] = k
	}
	type moment struct {
		m    overlay.Map[int, int]
		want map[int]int
	}
	m := overlay.Of(maps.Clone(plain))
	var past []moment
	for range 300 {
		put, drop := map[int]int{}, []int{}
		for range r.IntN(30) {
			put[r.IntN(6000)] = r.Int()
		}
		for range r.IntN(30) {
			drop = append(drop, r.IntN(6000))
		}
		m = m.With(put, drop...)
		for _, k := range drop {
			delete(plain, k)
		}
		maps.Copy(plain, put)
		if got := maps.Collect(m.All()); m.Len() != len(plain) || !maps.Equal(got, plain) {
			t.Fatalf("%d entries, Len %d; want %d", len(got), m.Len(), len(plain))
		}
		for range 20 {
			k := r.IntN(6000)
			v, ok := m.Get(k)
			if w, there := plain[k]; v != w || ok != there || m.At(k) != w {
				t.Fatalf("%d is %d, %t; want %d, %t", k, v, ok, w, there)
			}
		}
		if r.IntN(20) == 0 {
			past = append(past, moment{m, maps.Clone(plain)})
		}
	}
	for _, p := range past {
		if !maps.Equal(maps.Collect(p.m.All()), p.want) {
			t.Fatal("a map changed after another was made from it")
		}
	}
}
