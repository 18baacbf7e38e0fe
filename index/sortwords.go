package index

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// placed is a word of a list while the list is sorted: what decides at the moment lies
// beside it, since the words themselves lie all over the memory.
type placed struct {
	head uint64 // the eight bytes of the word that decide, zeros where it ends
	at   uint32 // its place in the list
	left uint32 // bytes of the word from there; nine where it goes on behind head
}

func (a placed) compare(b placed) int {
	switch {
	case a.head < b.head:
		return -1
	case a.head > b.head:
		return 1
	case a.left != b.left: // the shorter one ends where the other has zeros or goes on
		return cmp.Compare(a.left, b.left)
	}
	return cmp.Compare(a.at, b.at)
}

// sortedWords returns the places of a list in the order of their words, and of the list
// where words are the same.
func sortedWords(list []wordOf) []placed {
	order := make([]placed, len(list))
	for i := range order {
		order[i].at = uint32(i) //nolint:gosec // a handful for each id
	}
	sortFrom(list, order, 0)
	return order
}

// fewWords are compared as they are: to look for what decides would take longer.
const fewWords = 8

// sortFrom sorts words that have their first depth bytes in common: by the next eight, and
// those that have these in common, too, in the same way.
func sortFrom(list []wordOf, order []placed, depth int) {
	if len(order) <= fewWords {
		slices.SortFunc(order, func(a, b placed) int {
			return cmp.Or(strings.Compare(list[a.at].word[depth:], list[b.at].word[depth:]), cmp.Compare(a.at, b.at))
		})
		return
	}
	for i := range order {
		o := &order[i]
		rest := list[o.at].word[depth:]
		var head [8]byte
		copy(head[:], rest)
		o.head, o.left = binary.BigEndian.Uint64(head[:]), uint32(min(len(rest), len(head)+1)) //nolint:gosec // nine at most
	}
	slices.SortFunc(order, placed.compare)
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && order[to].head == order[from].head && order[to].left == order[from].left {
			to++
		}
		if order[from].left > 8 && to-from > 1 {
			sortFrom(list, order[from:to], depth+8)
		}
		from = to
	}
}
