package index

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// KeyCache makes keys, and remembers those of components that come again: documents
// share most of theirs, and a key takes ten times as long to make as to find. What is
// said of a component is compared whole, so that it never gives a wrong key. It may be
// used by many goroutines.
type KeyCache struct {
	most int // bytes of each half

	mu          sync.RWMutex
	young, aged map[string]string // what is said → key
	size        int               // of young
}

// longestSaid bounds one entry: components that say more are seldom the same again.
// mostOfOne bounds what is remembered of one document, so that one of a million components
// does not drive out what others share.
const (
	longestSaid = 4 << 10
	mostOfOne   = 4096
)

// NewKeyCache returns a cache of about so many bytes.
func NewKeyCache(bytes int) *KeyCache {
	return &KeyCache{most: max(bytes/2, longestSaid), young: map[string]string{}}
}

// KeysOf is the function KeysOf, remembered.
func (k *KeyCache) KeysOf(d *sbom.Document) []string {
	keys := make([]string, 0, len(d.Components)+1)
	var said, key []byte
	fresh := 0
	add := func(c *sbom.Component) {
		said = appendSaid(said[:0], c, d.Subject.OS)
		if found, ok := k.find(said); ok {
			keys = append(keys, found)
			return
		}
		key = AppendKey(key[:0], c, d.Subject.OS)
		made := string(key)
		if fresh++; fresh <= mostOfOne {
			k.put(said, made)
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

func (k *KeyCache) find(said []byte) (string, bool) {
	k.mu.RLock()
	key, ok := k.young[string(said)]
	if ok {
		k.mu.RUnlock()
		return key, true
	}
	key, ok = k.aged[string(said)]
	k.mu.RUnlock()
	if ok {
		k.put(said, key)
	}
	return key, ok
}

func (k *KeyCache) put(said []byte, key string) {
	if len(said) > longestSaid || len(key) > longestSaid {
		return
	}
	const overhead = 64 // of a map's entry
	n := len(said) + len(key) + overhead
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.size+n > k.most {
		k.young, k.aged, k.size = make(map[string]string, len(k.young)), k.young, 0
	}
	k.young[string(said)] = strings.Clone(key)
	k.size += n
}

// appendSaid writes everything that AppendKey looks at, in a form that tells two
// components apart wherever their keys could differ.
func appendSaid(b []byte, c *sbom.Component, os sbom.Distro) []byte {
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	for _, s := range [...]string{c.PURL, c.Name, c.Group, c.Version, c.Source.Name, c.Source.Version, c.Supplier, os.ID, os.VersionID} {
		text(s)
	}
	if c.PURL == "" {
		text(c.Type)
		b = binary.AppendUvarint(b, uint64(len(c.CPEs)))
		for _, s := range c.CPEs {
			text(s)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(c.Licenses)))
	for _, l := range c.Licenses {
		b = append(b, byte(l.Kind), byte(boolRank(l.Name))) //nolint:gosec // 0 or 1
		text(l.Expression)
	}
	for _, h := range c.Hashes {
		text(h.Algorithm)
		text(h.Value)
	}
	return b
}
