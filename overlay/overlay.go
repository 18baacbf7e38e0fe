// Package overlay has a map that is never changed: one with a few other entries shares
// all the rest with the one that it is made from, however large that is.
package overlay

import (
	"iter"
	"maps"
)

// Map is an immutable map, safe for concurrent use. The zero value is empty.
type Map[K comparable, V any] struct {
	base map[K]V
	over [2]map[K]change[V] // what differs from base: what came last, and what came before
	n    int
}

type change[V any] struct {
	value V
	gone  bool
}

// Of returns a map of m, which must not be changed afterwards.
func Of[K comparable, V any](m map[K]V) Map[K, V] { return Map[K, V]{base: m, n: len(m)} }

// Len returns how many entries there are.
func (m Map[K, V]) Len() int { return m.n }

// Get returns the value of a key.
func (m Map[K, V]) Get(k K) (V, bool) {
	for _, over := range m.over {
		if len(over) > 0 {
			if c, ok := over[k]; ok {
				return c.value, !c.gone
			}
		}
	}
	v, ok := m.base[k]
	return v, ok
}

// At returns the value of a key, or the zero value.
func (m Map[K, V]) At(k K) V {
	v, _ := m.Get(k)
	return v
}

// All yields every entry, in no order.
func (m Map[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for i, over := range m.over {
			for k, c := range over {
				if i > 0 {
					if _, ok := m.over[0][k]; ok {
						continue
					}
				}
				if !c.gone && !yield(k, c.value) {
					return
				}
			}
		}
		for k, v := range m.base {
			if _, ok := m.over[0][k]; ok {
				continue
			}
			if _, ok := m.over[1][k]; !ok && !yield(k, v) {
				return
			}
		}
	}
}

// How many changes are carried along: the last few are copied by each change, those
// before by one change in so many, and everything where they are a part of it that counts.
// So a change costs little, and reading passes at most three maps.
const (
	mostLast    = 64
	mostCarried = 1024
	carriedPart = 16 // one in so many of what is shared
)

// With returns the map with the entries of put, which must not be changed afterwards, and
// without the keys of drop that put does not have.
func (m Map[K, V]) With(put map[K]V, drop ...K) Map[K, V] {
	if len(put) == 0 && len(drop) == 0 {
		return m
	}
	if m.n == 0 {
		return Of(put)
	}
	out := m
	last := make(map[K]change[V], len(m.over[0])+len(put)+len(drop))
	maps.Copy(last, m.over[0])
	out.over[0] = last
	for _, k := range drop {
		if _, there := out.Get(k); there {
			out.n--
			last[k] = change[V]{gone: true}
		}
	}
	for k, v := range put {
		if _, there := out.Get(k); !there {
			out.n++
		}
		last[k] = change[V]{value: v}
	}
	if len(last) <= mostLast {
		return out
	}
	if before := m.over[1]; len(last)+len(before) <= max(mostCarried, len(m.base)/carriedPart) {
		both := make(map[K]change[V], len(last)+len(before))
		maps.Copy(both, before)
		maps.Copy(both, last)
		out.over = [2]map[K]change[V]{nil, both}
		return out
	}
	all := make(map[K]V, out.n)
	for k, v := range out.All() {
		all[k] = v
	}
	return Of(all)
}
