package jsonscan

import (
	"bytes"
	"encoding/binary"
)

// nameListLongest is where a list of names, searched from end to end, gives way
// to a map: below it the list is faster, above it an object of a million names
// would cost their square.
const nameListLongest = 24

// name is a name of an open object, with a cheap hash that is compared first.
type name struct {
	hash uint64
	text []byte
}

// nameHash mixes the length with the first and last bytes. It need not spread
// well: equal hashes are followed by a comparison.
func nameHash(b []byte) uint64 {
	n := uint64(len(b))
	if len(b) >= 8 {
		return binary.LittleEndian.Uint64(b) ^ binary.LittleEndian.Uint64(b[len(b)-8:])*31 ^ n<<56
	}
	if len(b) >= 4 {
		return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[len(b)-4:]))<<32 ^ n<<56
	}
	h := n
	for _, c := range b {
		h = h<<8 | uint64(c)
	}
	return h
}

// seenBefore reports whether the innermost object has had the name key, and remembers it.
func (r *Reader) seenBefore(l *level, key []byte) bool {
	if l.names != nil {
		if _, dup := l.names[string(key)]; dup {
			return true
		}
		l.names[string(key)] = struct{}{}
		return false
	}
	list := r.names[l.base:]
	h := nameHash(key)
	if bit := uint64(1) << (h * 0x9e3779b97f4a7c15 >> 58); l.seen&bit == 0 { // no name like it
		l.seen |= bit
	} else {
		for i := range list {
			if list[i].hash == h && bytes.Equal(list[i].text, key) {
				return true
			}
		}
	}
	if len(list) < nameListLongest {
		r.names = append(r.names, name{h, key})
		return false
	}
	l.names = make(map[string]struct{}, 4*nameListLongest)
	for _, n := range list {
		l.names[string(n.text)] = struct{}{}
	}
	l.names[string(key)] = struct{}{}
	return false
}
