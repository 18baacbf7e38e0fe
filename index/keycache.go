package index

import (
	"slices"
	"strings"
	"sync"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// KeyCache makes keys, and remembers those of components that come again: documents
// share most of theirs, and a key takes ten times as long to make as to find. All that a
// key is made of is compared, so that it never gives a wrong one. It may be used by many
// goroutines.
type KeyCache struct {
	most int // bytes of each half

	mu          sync.RWMutex
	young, aged map[string]*known // by what a component is called
	size        int               // of young
}

// known is a component and its key. Of components that are called alike the latest few
// are kept, as a list.
type known struct {
	component sbom.Component // what a key is made of; the rest is left out
	os        sbom.Distro
	key       string
	next      *known
}

// longestKnown bounds one entry: components that say more are seldom the same again.
// mostOfOne bounds what is remembered of one document, so that one of a million components
// does not drive out what others share, and mostAlike those that are called alike.
const (
	longestKnown = 4 << 10
	mostOfOne    = 4096
	mostAlike    = 4
)

// NewKeyCache returns a cache of about so many bytes.
func NewKeyCache(bytes int) *KeyCache {
	return &KeyCache{most: max(bytes/2, longestKnown), young: map[string]*known{}}
}

// KeysOf is the function KeysOf, remembered.
func (k *KeyCache) KeysOf(d *sbom.Document) []string {
	keys := make([]string, 0, len(d.Components)+1)
	var name, key []byte
	fresh := 0
	add := func(c *sbom.Component) {
		if found, ok := workedKey(c, d.Subject.OS); ok {
			keys = append(keys, found)
			return
		}
		name = appendCalled(name[:0], c)
		if found, ok := k.find(name, c, d.Subject.OS); ok {
			keep(c, d.Subject.OS, found)
			keys = append(keys, found)
			return
		}
		key = AppendKey(key[:0], c, d.Subject.OS)
		made := string(key)
		if fresh++; fresh <= mostOfOne {
			k.remember(name, c, d.Subject.OS, made)
			keep(c, d.Subject.OS, made)
		}
		keys = append(keys, made)
	}
	for i := range d.Components {
		add(&d.Components[i])
	}
	if c, ok := vuln.SubjectPackage(d); ok {
		add(c)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// worked is the key of a component that its reader remembers, in documents of one
// distribution. Those of others follow: base images of several hold the same packages of
// languages.
type worked struct {
	os   sbom.Distro
	key  string
	next *worked
}

// workedKey returns the key that lies beside what a component is remembered as. The two
// share their texts where nobody has changed the component, so that comparing them reads
// none of these.
func workedKey(c *sbom.Component, os sbom.Distro) (string, bool) {
	if c.Known == nil {
		return "", false
	}
	w, _ := c.Known.Worked.Load().(*worked)
	for ; w != nil; w = w.next {
		if w.os == os {
			return w.key, sameKey(&c.Known.Component, c)
		}
	}
	return "", false
}

// keep puts a key beside what its component is remembered as.
func keep(c *sbom.Component, os sbom.Distro, key string) {
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
	c.Known.Worked.Store(&worked{os: sbom.Distro{ID: strings.Clone(os.ID), VersionID: strings.Clone(os.VersionID)}, key: key, next: was})
}

// appendCalled appends what a component is looked up by.
func appendCalled(b []byte, c *sbom.Component) []byte {
	if c.PURL != "" {
		return append(b, c.PURL...)
	}
	return append(append(append(b, c.Name...), 0), c.Version...)
}

func (k *KeyCache) find(name []byte, c *sbom.Component, os sbom.Distro) (string, bool) {
	k.mu.RLock()
	e := k.young[string(name)].of(c, os)
	if e != nil {
		k.mu.RUnlock()
		return e.key, true
	}
	e = k.aged[string(name)].of(c, os)
	k.mu.RUnlock()
	if e == nil {
		return "", false
	}
	k.put(name, known{component: e.component, os: e.os, key: e.key})
	return e.key, true
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
		slices.Equal(a.Licenses, b.Licenses) && slices.Equal(a.Hashes, b.Hashes) &&
		(a.PURL != "" || a.Type == b.Type && slices.Equal(a.CPEs, b.CPEs))
}

func (k *KeyCache) remember(name []byte, c *sbom.Component, os sbom.Distro, key string) {
	e := known{os: sbom.Distro{ID: strings.Clone(os.ID), VersionID: strings.Clone(os.VersionID)}, key: key,
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
	n := overhead + 2*len(c.PURL) + len(c.Name) + len(c.Version) + len(c.Group) + len(c.Source.Name) + len(c.Source.Version) + len(c.Supplier) + len(c.Type) + len(e.key)
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
