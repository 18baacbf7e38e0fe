package index

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// wordList are words with what each is of. Their texts lie one behind the other, so that
// nobody has a pointer to each: the collector would follow hundreds of thousands.
type wordList struct {
	text []byte
	of   []wordOf
}

type wordOf struct {
	end   int // of the word in the list's text; it begins where the one before ends
	group uint32
}

func (l *wordList) add(word string, group uint32) {
	l.text = append(l.text, word...)
	l.of = append(l.of, wordOf{len(l.text), group})
}

func (l *wordList) word(i uint32) []byte {
	from := 0
	if i > 0 {
		from = l.of[i-1].end
	}
	return l.text[from:l.of[i].end]
}

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
func sortedWords(list *wordList) []placed {
	order := make([]placed, len(list.of))
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
func sortFrom(list *wordList, order []placed, depth int) {
	if len(order) <= fewWords {
		slices.SortFunc(order, func(a, b placed) int {
			return cmp.Or(bytes.Compare(list.word(a.at)[depth:], list.word(b.at)[depth:]), cmp.Compare(a.at, b.at))
		})
		return
	}
	for i := range order {
		o := &order[i]
		rest := list.word(o.at)[depth:]
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
