package index

import (
	"bytes"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// words files entries under the words that queries look for
// (vuln.CandidateWords). The versions of a package stand side by side in a lexicon
// and have the same words: they are one group, and words list groups. The texts
// lie sorted in one string, so that "contains" is a scan of memory.
type words struct {
	text   string
	end    []uint32 // of word i in text
	groups grouped  // word → groups
	first  []uint32 // of each group, its first rank; one more for the end
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
	return sort.Find(w.len(), func(i int) int { return strings.Compare(word, w.word(i)) })
}

// ofWord returns the entries of a word, by id − lo, in the order of their ranks.
func (x *lexicon) ofWord(word int) []uint32 {
	var out []uint32
	for _, g := range x.words.groups.of(word) {
		out = append(out, x.local[x.words.first[g]:x.words.first[g+1]]...)
	}
	return out
}

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
// Nearly every word is of one group, so they are told apart by sorting at the end.
type wordBuilder struct {
	list   wordList
	first  []uint32
	prefix []byte // package URL up to the version, of the last entry
	rest   []byte // its qualifiers and fields
	alone  bool   // it shares its words with no other
	some   []string
}

// add files the entry of a rank.
func (b *wordBuilder) add(rank uint32, identity []byte) error {
	prefix, rest := identity, []byte(nil)
	if i := bytes.IndexByte(identity, fieldEnd); i >= 0 {
		prefix, rest = identity[:i], identity[i:]
	}
	if len(prefix) == 0 {
		return damaged("an entry has neither a package URL nor a name")
	}
	if prefix[0] == noPURL {
		rest = nil // its name is the only word
	} else if i := until(prefix, '@'); i < len(prefix) {
		prefix, rest = identity[:i], identity[i:]
		rest = rest[until(rest, '?'):]
	}
	if !b.alone && len(b.first) > 0 && bytes.Equal(prefix, b.prefix) && bytes.Equal(rest, b.rest) {
		return nil
	}
	b.prefix, b.rest = append(b.prefix[:0], prefix...), append(b.rest[:0], rest...)
	// The version of the module golang.org/toolchain decides which package it is.
	b.alone = bytes.HasSuffix(prefix, []byte("/toolchain"))
	var err error
	if b.some, err = appendIdentityWords(b.some[:0], identity); err != nil {
		return err
	}
	group := uint32(len(b.first)) //nolint:gosec // as many as ids at most
	b.first = append(b.first, rank)
	for _, w := range b.some {
		b.list.add(w, group)
	}
	return nil
}

// until returns how many bytes come before a separator or what ends it in the
// identity of a component with a package URL: "?", "#" or a field.
func until(b []byte, separator byte) int {
	for i, c := range b {
		if c == separator || c == '?' || c == '#' || c == fieldEnd {
			return i
		}
	}
	return len(b)
}

// build ends a builder after n entries.
func (b *wordBuilder) build(n uint32) words {
	order := sortedWords(&b.list)
	size, distinct := 0, 0
	var last []byte
	for i := range order {
		if word := b.list.word(order[i].at); i == 0 || !bytes.Equal(word, last) {
			distinct++
			size += len(word)
			last = word
		}
	}
	w := words{end: make([]uint32, 0, distinct), first: append(b.first, n),
		groups: grouped{from: make([]uint32, 0, distinct+1), items: make([]uint32, len(order))}}
	var text strings.Builder
	text.Grow(size)
	for i := range order {
		if word := b.list.word(order[i].at); i == 0 || !bytes.Equal(word, last) {
			last = word
			text.Write(word)
			w.end = append(w.end, uint32(text.Len()))        //nolint:gosec // the text of all words is below 4 GiB
			w.groups.from = append(w.groups.from, uint32(i)) //nolint:gosec // a handful for each id
		}
		w.groups.items[i] = b.list.of[order[i].at].group
	}
	w.groups.from = append(w.groups.from, uint32(len(order))) //nolint:gosec // as above
	w.text = text.String()
	return w
}

// preparedWords remembers, of the words that were asked for, the components ready
// to be matched. They take some 600 bytes each; beyond maxPrepared of them all
// are forgotten, which costs the next question of each word a fraction of a
// millisecond.
type preparedWords struct {
	byWord sync.Map // int → *prepared
	count  atomic.Int64
}

type prepared struct {
	local      []uint32 // id − lo
	candidates *vuln.Candidates
}

const maxPrepared = 100_000

// prepare returns the entries of a word, ready to be matched.
func (x *lexicon) prepare(word int) (*prepared, error) {
	if p, ok := x.ready.byWord.Load(word); ok {
		return p.(*prepared), nil
	}
	p := &prepared{local: x.ofWord(word)}
	components := make([]sbom.Component, len(p.local))
	cur := x.cursor()
	for i, id := range p.local {
		if err := cur.seek(id); err != nil {
			return nil, err
		}
		c, _, _, err := parseIdentity(cur.identity)
		if err != nil {
			return nil, err
		}
		components[i] = c
	}
	p.candidates = vuln.NewCandidates(components)
	if x.ready.count.Add(int64(len(p.local))) > maxPrepared {
		x.ready.count.Store(int64(len(p.local)))
		x.ready.byWord.Clear()
	}
	x.ready.byWord.Store(word, p)
	return p, nil
}
