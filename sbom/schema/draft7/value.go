package draft7

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/cofferdam-io/cofferdam/sbom/schema/decimal"
)

// Kind is the JSON type of a value.
type Kind uint8

// The JSON types (RFC 8259, section 3). Integer is not one of them: it is a number without a fractional part.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// article is the kind as a message says it.
func (k Kind) article() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// A Value is one value of a parsed document. Text is the decoded string, or the lexeme of a number or boolean. A document
// is mostly scalars, so what only containers have stands apart: a scalar costs 40 bytes.
type Value struct {
	Text string
	*container
	Offset int // of its first byte in the document
	Kind   Kind
}

// A container holds the items of an array, or the members of an object: names in document order, without duplicates,
// beside their values.
type container struct {
	Names  []string
	Kids   []Value
	hash   uint64
	hashed bool
}

// empty is the container of every scalar and empty array or object; nothing writes to it.
var empty = &container{}

// Member returns the value of an object's member.
func (v *Value) Member(name string) (*Value, bool) {
	if v.Kind != Object {
		return nil, false
	}
	for i, n := range v.Names {
		if n == name {
			return &v.Kids[i], true
		}
	}
	return nil, false
}

// equal reports equality as JSON Schema defines it (Core draft-07, section 4.2.3): numbers by value, objects without
// order.
func equal(a, b *Value) bool {
	if a.Kind != b.Kind || len(a.Kids) != len(b.Kids) {
		return false
	}
	switch a.Kind {
	case Null:
		return true
	case Number:
		return decimal.Parse(a.Text) == decimal.Parse(b.Text)
	case Array:
		for i := range a.Kids {
			if !equal(&a.Kids[i], &b.Kids[i]) {
				return false
			}
		}
		return true
	case Object:
		other := make(map[string]*Value, len(b.Kids))
		for i, n := range b.Names {
			other[n] = &b.Kids[i]
		}
		for i, n := range a.Names {
			o, ok := other[n]
			if !ok || !equal(&a.Kids[i], o) {
				return false
			}
		}
		return true
	default:
		return a.Text == b.Text
	}
}

// seed makes collisions unpredictable to whoever writes the document.
var seed = maphash.MakeSeed()

// sum returns a hash under which equal values agree. It is kept in the container: nested uniqueItems would otherwise hash
// the innermost value once per level.
func (v *Value) sum() uint64 {
	if v.hashed {
		return v.hash
	}
	sum := v.digest()
	if v.container != empty {
		v.hash, v.hashed = sum, true
	}
	return sum
}

// digest is sum without the memory.
func (v *Value) digest() uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	_ = h.WriteByte(byte(v.Kind)) // never fails
	var buf [8]byte
	switch v.Kind {
	case Number:
		d := decimal.Parse(v.Text)
		digits, exp := d.Key()
		_, _ = h.WriteString(digits)
		binary.LittleEndian.PutUint64(buf[:], uint64(exp)) //nolint:gosec // a bit pattern, not a quantity
		_, _ = h.Write(buf[:])
	case Array:
		for i := range v.Kids {
			binary.LittleEndian.PutUint64(buf[:], v.Kids[i].sum())
			_, _ = h.Write(buf[:])
		}
	case Object:
		var total uint64 // a sum, because members have no order
		for i := range v.Kids {
			var m maphash.Hash
			m.SetSeed(seed)
			binary.LittleEndian.PutUint64(buf[:], v.Kids[i].sum())
			_, _ = m.Write(buf[:])
			_, _ = m.WriteString(v.Names[i])
			total += m.Sum64()
		}
		binary.LittleEndian.PutUint64(buf[:], total)
		_, _ = h.Write(buf[:])
	default:
		_, _ = h.WriteString(v.Text)
	}
	return h.Sum64()
}

// firstDuplicate returns the indexes of the first two equal items.
func firstDuplicate(items []Value) (int, int, bool) {
	if len(items) < 2 {
		return 0, 0, false
	}
	seen := make(map[uint64][]int, len(items))
	for i := range items {
		h := items[i].sum()
		for _, j := range seen[h] {
			if equal(&items[i], &items[j]) {
				return j, i, true
			}
		}
		seen[h] = append(seen[h], i)
	}
	return 0, 0, false
}
