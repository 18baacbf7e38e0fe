package index

import (
	"hash/maphash"
	"slices"
	"sort"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Collector makes the keys of a document whose components come one by one and are not
// kept: of a long document, these are all that an index needs. The zero value is ready.
type Collector struct {
	keys  []string
	ofOS  []int // of keys, those that the document's distribution belongs into
	whole map[int]string
	seed  maphash.Seed
	purls []uint64 // hashes of what the components' package URLs are written as
	block strings.Builder
	buf   []byte
}

// collected is how much memory one key that somebody keeps can keep alive.
const collected = 4 << 10

// Add takes a component in. Nothing of it is kept.
func (l *Collector) Add(c *sbom.Component) {
	if l.keys == nil {
		l.seed = maphash.MakeSeed()
	}
	if c.PURL != "" {
		l.purls = append(l.purls, maphash.String(l.seed, c.PURL))
	}
	var ofOS bool
	l.buf, ofOS = appendWhole(l.buf[:0], c)
	if ofOS {
		l.ofOS = append(l.ofOS, len(l.keys))
	}
	if len(l.buf) > MaxKeyBytes {
		if ofOS { // it is cut with the distribution in it
			if l.whole == nil {
				l.whole = map[int]string{}
			}
			l.whole[len(l.keys)] = string(l.buf)
		}
		l.buf = cutKey(l.buf, 0)
	}
	l.keys = append(l.keys, l.keep(l.buf))
}

// keep returns a key as a string, one of many in a block.
func (l *Collector) keep(key []byte) string {
	if len(key) > collected/8 {
		return string(key)
	}
	if l.block.Cap()-l.block.Len() < len(key) {
		l.block = strings.Builder{}
		l.block.Grow(collected)
	}
	from := l.block.Len()
	l.block.Write(key)
	return l.block.String()[from:]
}

// KeysOf is the function KeysOf of the document that the components belong to, and that
// has the others. It ends the Collector.
func (l *Collector) KeysOf(d *sbom.Document) []string {
	if d.Subject.OS != (sbom.Distro{}) {
		for _, i := range l.ofOS {
			key, whole := l.whole[i]
			if !whole {
				key = l.keys[i]
			}
			l.buf = insertOS(append(l.buf[:0], key...), 0, d.Subject.OS)
			if len(l.buf) > MaxKeyBytes {
				l.buf = cutKey(l.buf, 0)
			}
			l.keys[i] = l.keep(l.buf)
		}
	}
	keys := l.keys
	for i := range d.Components {
		keys = append(keys, KeyOf(&d.Components[i], d.Subject.OS))
	}
	slices.Sort(keys)
	if c, ok := vuln.SubjectPackage(d); ok && !l.has(keys, c.PURL) {
		keys = append(keys, KeyOf(c, d.Subject.OS))
		slices.Sort(keys)
	}
	*l = Collector{}
	return slices.Compact(keys)
}

// has reports whether a component that was added has a package URL, written in the same
// words: its hash says so, and among the sorted keys one begins with it.
func (l *Collector) has(keys []string, purl string) bool {
	if len(l.purls) == 0 || !slices.Contains(l.purls, maphash.String(l.seed, purl)) {
		return false
	}
	identity := KeyOf(&sbom.Component{PURL: purl}, sbom.Distro{})
	identity = identity[:strings.IndexAny(identity, "\x00\x02")]
	at := sort.SearchStrings(keys, identity)
	return at < len(keys) && strings.HasPrefix(keys[at], identity)
}
