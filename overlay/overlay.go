// Package overlay has a map that is never changed: one with a few other entries shares
// all the rest with the one that it is made from, however large that is.
package overlay

import "iter"

// Map is an immutable map, safe for concurrent use. The zero value is empty.
type Map[K comparable, V any] struct {
	base map[K]V
	over map[K]change[V] // what differs from base
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
	if len(m.over) > 0 {
		if c, ok := m.over[k]; ok {
			return c.value, !c.gone
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
		for k, c := range m.over {
			if !c.gone && !yield(k, c.value) {
				return
			}
		}
		for k, v := range m.base {
			if _, ok := m.over[k]; !ok && !yield(k, v) {
				return
			}
		}
	}
}

// The changes that are carried along before everything is copied: copying costs each
// change little then, and reading never passes more than one map.
const (
	mostCarried  = 1024
	carriedShare = 16 // one part in so many of what is shared
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
	out := Map[K, V]{base: m.base, over: make(map[K]change[V], len(m.over)+len(put)+len(drop)), n: m.n}
	for k, c := range m.over {
		out.over[k] = c
	}
	for _, k := range drop {
		if _, there := out.Get(k); there {
			out.n--
			if _, below := m.base[k]; below {
				out.over[k] = change[V]{gone: true}
			} else {
				delete(out.over, k)
			}
		}
	}
	for k, v := range put {
		if _, there := out.Get(k); !there {
			out.n++
		}
		out.over[k] = change[V]{value: v}
	}
	if len(out.over) <= max(mostCarried, len(out.base)/carriedShare) {
		return out
	}
	all := make(map[K]V, out.n)
	for k, v := range out.All() {
		all[k] = v
	}
	return Of(all)
}
