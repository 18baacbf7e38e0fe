package index

import (
	"bytes"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// words files entries under the words that queries look for
// (vuln.CandidateWords). The texts lie sorted in one string, so that "contains" is
// a scan of memory.
type words struct {
	text    string
	end     []uint32 // of word i in text
	entries grouped  // word → id − lo
}

func (w *words) len() int { return len(w.end) }

func (w *words) word(i int) string {
	from := uint32(0)
	if i > 0 {
		from = w.end[i-1]
	}
	return w.text[from:w.end[i]]
}

// find returns the position of a word, or where it would be.
func (w *words) find(word string) (int, bool) {
	return sort.Find(w.len(), func(i int) int { return compareStrings(word, w.word(i)) })
}

// of yields the entries of a word, by id − lo, ascending.
func (w *words) of(i int) []uint32 { return w.entries.of(i) }

// containing returns the words that hold a text.
func (w *words) containing(text string) []int {
	var out []int
	for from := 0; from < len(w.text); {
		i := strings.Index(w.text[from:], text)
		if i < 0 {
			break
		}
		at := uint32(from + i) //nolint:gosec // the text of all words is below 4 GiB
		n := sort.Search(w.len(), func(k int) bool { return w.end[k] > at })
		if at+uint32(len(text)) <= w.end[n] { //nolint:gosec // as above
			out = append(out, n)
			from = int(w.end[n])
		} else {
			from += i + 1 // it runs over the end of a word
		}
	}
	return out
}

// wordBuilder collects the words of entries that come in the order of their keys.
type wordBuilder struct {
	at     map[string]uint32
	list   []string
	pairs  []uint64 // word<<32 | id − lo
	prefix []byte   // package URL up to the version
	shared map[string][]uint32
}

func newWordBuilder(n int) *wordBuilder {
	return &wordBuilder{at: make(map[string]uint32, n/4), pairs: make([]uint64, 0, 2*n), shared: map[string][]uint32{}}
}

// add files an entry. The versions of a package stand side by side and have the
// same words, unless their qualifiers or fields differ.
func (b *wordBuilder) add(id uint32, identity []byte) error {
	i := bytes.IndexAny(identity, "@?#\x02")
	if i < 0 {
		i = len(identity)
	}
	prefix, rest := identity[:i], identity[i:]
	if j := bytes.IndexAny(rest, "?#\x02"); j >= 0 {
		rest = rest[j:]
	} else {
		rest = nil
	}
	if !bytes.Equal(prefix, b.prefix) {
		b.prefix = append(b.prefix[:0], prefix...)
		clear(b.shared)
	}
	list, ok := b.shared[string(rest)]
	// The version of the module golang.org/toolchain decides which package it is.
	if !ok || bytes.HasSuffix(prefix, []byte("/toolchain")) {
		c, _, err := parseIdentity(identity)
		if err != nil {
			return err
		}
		list = nil
		for _, w := range vuln.CandidateWords(&c) {
			n, known := b.at[w]
			if !known {
				w = strings.Clone(w)
				n = uint32(len(b.list)) //nolint:gosec // fewer than four words for each id
				b.at[w] = n
				b.list = append(b.list, w)
			}
			list = append(list, n)
		}
		b.shared[string(rest)] = list
	}
	for _, w := range list {
		b.pairs = append(b.pairs, uint64(w)<<32|uint64(id))
	}
	return nil
}

func (b *wordBuilder) build() words {
	order := make([]uint32, len(b.list))
	for i := range order {
		order[i] = uint32(i) //nolint:gosec // as above
	}
	slices.SortFunc(order, func(x, y uint32) int { return compareStrings(b.list[x], b.list[y]) })
	w := words{end: make([]uint32, len(order))}
	place := make([]uint32, len(order))
	var text strings.Builder
	for i, k := range order {
		text.WriteString(b.list[k])
		w.end[i] = uint32(text.Len()) //nolint:gosec // as above
		place[k] = uint32(i)          //nolint:gosec // as above
	}
	w.text = text.String()
	w.entries = grouped{from: make([]uint32, len(order)+1), items: make([]uint32, len(b.pairs))}
	for _, p := range b.pairs {
		w.entries.from[place[p>>32]+1]++
	}
	for i := range order {
		w.entries.from[i+1] += w.entries.from[i]
	}
	at := slices.Clone(w.entries.from)
	for _, p := range b.pairs {
		k := place[p>>32]
		w.entries.items[at[k]] = uint32(p) //nolint:gosec // the low half
		at[k]++
	}
	for i := range order {
		slices.Sort(w.of(i))
	}
	return w
}

// preparedWords remembers, of the words that were asked for, the components ready
// to be matched. They take some 600 bytes each; beyond maxPrepared of them all
// are forgotten, which costs the next question of each word a fraction of a
// millisecond.
type preparedWords struct {
	byWord sync.Map // int → *vuln.Candidates
	count  atomic.Int64
}

const maxPrepared = 100_000

// candidates returns the entries of a word as candidates, in the order of words.of.
func (x *lexicon) candidates(word int) (*vuln.Candidates, error) {
	if c, ok := x.ready.byWord.Load(word); ok {
		return c.(*vuln.Candidates), nil
	}
	ids := x.words.of(word)
	components := make([]sbom.Component, len(ids))
	cur := x.cursor()
	for i, id := range ids {
		if err := cur.seek(id); err != nil {
			return nil, err
		}
		c, _, err := parseIdentity(cur.identity)
		if err != nil {
			return nil, err
		}
		components[i] = c
	}
	c := vuln.NewCandidates(components)
	if x.ready.count.Add(int64(len(ids))) > maxPrepared {
		x.ready.count.Store(int64(len(ids)))
		x.ready.byWord.Clear()
	}
	x.ready.byWord.Store(word, c)
	return c, nil
}
