package index

import (
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// KeyCache makes keys, and remembers those of components that come again: documents
// share most of theirs, and a key takes ten times as long to make as to find. All that a
// key is made of is compared, so that it never gives a wrong one. Beside a key lies the
// number that it has in the dictionary, once there is one: most components of a document
// are numbers then, and nobody sorts, compares or looks up what they are called. It may
// be used by many goroutines.
type KeyCache struct {
	most    int // bytes of each half
	numbers Numbers

	mu          sync.RWMutex
	young, aged map[string]*known // by what a component is called
	size        int               // of young
	systems     map[sbom.Distro]*system
}

// system is a distribution to one cache. Keys that lie beside components are found by it:
// another cache's number is of another dictionary.
type system struct {
	os     sbom.Distro
	kept   bool   // and keys with it: its name is no longer than names of distributions are
	number uint32 // no other of this process has it; 0: there are no more
}

// systems counts those of all caches.
var systems atomic.Uint64

func nextSystem() uint32 {
	if n := systems.Add(1); n <= math.MaxUint32 {
		return uint32(n)
	}
	return 0
}

// Numbers fills ids[i] with the number of keys[i] in a dictionary, where that has it, and
// appends the indices of the others to missing. A number is a key's for ever. It is called
// from several goroutines at once.
type Numbers func(keys []string, ids []uint32, missing []int) []int

// known is a component and its key. Of components that are called alike the latest few
// are kept, as a list.
type known struct {
	component sbom.Component // what a key is made of; the rest is left out
	os        sbom.Distro
	key       *numbered
	next      *known
}

// numbered is a key, and its number where that was learnt.
type numbered struct {
	key   string
	above atomic.Uint64 // by one: 0 is not known
}

// longestKnown bounds one entry: components that say more are seldom the same again.
// mostOfOne bounds what is remembered of one document, so that one of a million components
// does not drive out what others share, mostAlike those that are called alike, and
// mostSystems the distributions, whose names have at most longestName bytes.
const (
	longestKnown = 4 << 10
	mostOfOne    = 4096
	mostAlike    = 4
	mostSystems  = 1024
	longestName  = 256
)

// NewKeyCache returns a cache of about so many bytes, of keys that have their numbers from
// one dictionary. numbers may be nil: then none has a number.
func NewKeyCache(bytes int, numbers Numbers) *KeyCache {
	return &KeyCache{most: max(bytes/2, longestKnown), numbers: numbers, young: map[string]*known{}, systems: map[sbom.Distro]*system{}}
}

// Keys is the function KeysOf, remembered: a document's components by their numbers,
// where these are known, and the keys of all others. Both are sorted, and nothing is in
// either twice. A component that is met for the first time is among the keys, even where
// the dictionary has it.
func (k *KeyCache) Keys(d *sbom.Document) (ids []uint32, keys []string) {
	var name, key []byte
	var ask []*numbered // met before, and without a number so far
	fresh := 0
	on := k.system(d.Subject.OS)
	if k.numbers != nil {
		ids = make([]uint32, 0, len(d.Components)+1)
	}
	add := func(c *sbom.Component) {
		if id, ok := workedNumber(c, on); ok {
			ids = append(ids, id)
			return
		}
		found := workedKey(c, on)
		if found == nil {
			name = appendCalled(name[:0], c)
			if found = k.find(name, c, on.os); found != nil {
				keep(c, on, found.key)
			}
		}
		if found != nil {
			if above := found.above.Load(); above > 0 {
				id := uint32(above - 1) //nolint:gosec // learn put it there
				ids = append(ids, id)
				keepNumber(c, on, id)
			} else {
				ask = append(ask, found)
			}
			return
		}
		key = AppendKey(key[:0], c, on.os)
		made := string(key)
		if fresh++; fresh <= mostOfOne && on.kept {
			k.remember(name, c, on.os, made)
			keep(c, on, made)
		}
		keys = append(keys, made)
	}
	for i := range d.Components {
		add(&d.Components[i])
	}
	if c, ok := vuln.SubjectPackage(d); ok {
		add(c)
	}
	ids, keys = k.learn(ask, ids, keys)
	slices.Sort(ids)
	slices.Sort(keys)
	return slices.Compact(ids), slices.Compact(keys)
}

// learn asks for the numbers of keys, and appends each to one of the lists.
func (k *KeyCache) learn(ask []*numbered, ids []uint32, keys []string) ([]uint32, []string) {
	from := len(keys)
	for _, n := range ask {
		keys = append(keys, n.key)
	}
	if k.numbers == nil || len(ask) == 0 {
		return ids, keys
	}
	found := make([]uint32, len(ask))
	missing := k.numbers(keys[from:], found, nil)
	rest := keys[:from]
	for i, n := range ask {
		if len(missing) > 0 && missing[0] == i {
			missing = missing[1:]
			rest = append(rest, n.key)
			continue
		}
		n.above.Store(uint64(found[i]) + 1)
		ids = append(ids, found[i])
	}
	return ids, rest
}

// system returns what a distribution is here, the same each time, until there are too many:
// their keys are then made anew.
func (k *KeyCache) system(os sbom.Distro) *system {
	if len(os.ID)+len(os.VersionID) > longestName {
		return &system{os: os}
	}
	k.mu.RLock()
	s := k.systems[os]
	k.mu.RUnlock()
	if s != nil {
		return s
	}
	os = sbom.Distro{ID: strings.Clone(os.ID), VersionID: strings.Clone(os.VersionID)}
	k.mu.Lock()
	defer k.mu.Unlock()
	if s = k.systems[os]; s == nil {
		if len(k.systems) >= mostSystems {
			clear(k.systems)
		}
		s = &system{os, true, nextSystem()}
		k.systems[os] = s
	}
	return s
}

// worked is the key of a component that its reader remembers, in documents of one
// distribution. Those of others follow: base images of several hold the same packages of
// languages.
type worked struct {
	on *system
	numbered
	next *worked
}

// workedNumber returns the number that lies beside what a component is remembered as, if
// it is that of a key on this distribution. It is the same as workedKey's, and nearer: the
// upper half of Known.Number is the system's.
func workedNumber(c *sbom.Component, on *system) (uint32, bool) {
	if c.Known == nil || on.number == 0 {
		return 0, false
	}
	n := c.Known.Number.Load()
	return uint32(n), uint32(n>>32) == on.number && sameKey(&c.Known.Component, c) //nolint:gosec // the halves
}

// keepNumber puts a number there, instead of that on another distribution.
func keepNumber(c *sbom.Component, on *system, id uint32) {
	if c.Known != nil && on.number != 0 && sameKey(&c.Known.Component, c) {
		c.Known.Number.Store(uint64(on.number)<<32 | uint64(id))
	}
}

// workedKey returns the key that lies beside what a component is remembered as, or nil.
// The two share their texts where nobody has changed the component, so that comparing
// them reads none of these.
func workedKey(c *sbom.Component, on *system) *numbered {
	if c.Known == nil {
		return nil
	}
	w, _ := c.Known.Worked.Load().(*worked)
	for ; w != nil; w = w.next {
		if w.on == on {
			if sameKey(&c.Known.Component, c) {
				return &w.numbered
			}
			return nil
		}
	}
	return nil
}

// keep puts a key beside what its component is remembered as.
func keep(c *sbom.Component, on *system, key string) {
	if c.Known == nil || len(key) > longestKnown || !sameKey(&c.Known.Component, c) {
		return
	}
	was, _ := c.Known.Worked.Load().(*worked)
	n := 1
	for w := was; w != nil; w = w.next {
		n++
	}
	if n > mostAlike {
		was = nil
	}
	c.Known.Worked.Store(&worked{on: on, numbered: numbered{key: key}, next: was})
}

// appendCalled appends what a component is looked up by.
func appendCalled(b []byte, c *sbom.Component) []byte {
	if c.PURL != "" {
		return append(b, c.PURL...)
	}
	return append(append(append(b, c.Name...), 0), c.Version...)
}

// find returns the key of a component that is remembered by its name, or nil.
func (k *KeyCache) find(name []byte, c *sbom.Component, os sbom.Distro) *numbered {
	k.mu.RLock()
	e := k.young[string(name)].of(c, os)
	if e != nil {
		k.mu.RUnlock()
		return e.key
	}
	e = k.aged[string(name)].of(c, os)
	k.mu.RUnlock()
	if e == nil {
		return nil
	}
	k.put(name, known{component: e.component, os: e.os, key: e.key})
	return e.key
}

// of returns the entry for a component, or nil.
func (e *known) of(c *sbom.Component, os sbom.Distro) *known {
	for ; e != nil; e = e.next {
		if e.os == os && sameKey(&e.component, c) {
			return e
		}
	}
	return nil
}

// sameKey compares everything that AppendKey looks at.
func sameKey(a, b *sbom.Component) bool {
	return a.PURL == b.PURL && a.Name == b.Name && a.Version == b.Version && a.Group == b.Group && a.Source == b.Source && a.Supplier == b.Supplier &&
		same(a.Licenses, b.Licenses) && same(a.Hashes, b.Hashes) &&
		(a.PURL != "" || a.Type == b.Type && same(a.CPEs, b.CPEs))
}

// same is slices.Equal. Of a list that two share it reads nothing.
func same[T comparable](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

func (k *KeyCache) remember(name []byte, c *sbom.Component, os sbom.Distro, key string) {
	e := known{os: os, key: &numbered{key: key},
		component: sbom.Component{PURL: c.PURL, Name: c.Name, Version: c.Version, Group: c.Group, Source: c.Source, Supplier: c.Supplier, Licenses: c.Licenses, Hashes: c.Hashes}}
	if c.PURL == "" {
		e.component.Type, e.component.CPEs = c.Type, c.CPEs
	}
	if e.bytes() <= longestKnown {
		e.component = e.component.Detached()
		k.put(name, e)
	}
}

// bytes is about how many an entry takes.
func (e *known) bytes() int {
	const overhead = 700 // the entry, its name's and its own place in the map
	c := &e.component
	n := overhead + 2*len(c.PURL) + len(c.Name) + len(c.Version) + len(c.Group) + len(c.Source.Name) + len(c.Source.Version) + len(c.Supplier) + len(c.Type) + len(e.key.key)
	for _, s := range c.CPEs {
		n += len(s) + 16
	}
	for i := range c.Licenses {
		n += len(c.Licenses[i].Expression) + 24
	}
	for i := range c.Hashes {
		n += len(c.Hashes[i].Algorithm) + len(c.Hashes[i].Value) + 32
	}
	return n
}

func (k *KeyCache) put(name []byte, e known) {
	n := e.bytes()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.size+n > k.most {
		k.young, k.aged, k.size = make(map[string]*known, len(k.young)), k.young, 0
	}
	e.next = k.young[string(name)]
	for i, last := 1, e.next; last != nil; i, last = i+1, last.next {
		if i == mostAlike-1 {
			last.next = nil
		}
	}
	k.young[string(name)] = &e
	k.size += n
}
