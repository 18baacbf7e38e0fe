package evidence

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Limits of a record. They are far above what a mutation needs, and low enough
// that a damaged length never costs memory.
const (
	MaxField  = 4 << 10         // bytes in one string
	MaxRecord = 5*MaxField + 64 // bytes in one encoding: five strings, the fixed part and five lengths
)

const (
	version = 1
	domain  = "cofferdam.dev/journal/record/v1\x00"
)

// Hash is the SHA-256 of a record's encoding behind the journal's prefix.
type Hash [sha256.Size]byte

// Record is one mutation. Seq and Previous are set by Head.Append.
type Record struct {
	Seq      uint64    // 1 for the first record, without gaps
	Time     time.Time // when, as the actor's server saw it; kept in microseconds, UTC
	Previous Hash      // hash of record Seq-1; zero for the first
	Actor    string    // the identity that asked for it
	Action   string    // what was done, as noun.verb: "document.add"
	Object   string    // what it was done to: "document/17"
	Before   string    // digest of the object's state before; "" if it was not there
	After    string    // digest of the object's state after; "" if it is gone
}

// Head is the end of a chain: the number of records and the hash of the last.
// The zero Head is the end of an empty chain.
type Head struct {
	Seq  uint64
	Hash Hash
}

// Append binds r to the chain and returns the new head and the record's
// encoding. It fails with ident.KindLimit where a field is longer than MaxField,
// and with ident.KindInvalid where the time lies outside years 1 to 9999; the
// head is then unchanged.
func (h Head) Append(r Record) (Head, []byte, error) {
	for _, f := range []string{r.Actor, r.Action, r.Object, r.Before, r.After} {
		if len(f) > MaxField {
			return h, nil, ident.Errorf(ident.KindLimit, "a field of a journal record has %d bytes; at most %d fit", len(f), MaxField)
		}
	}
	if y := r.Time.UTC().Year(); y < 1 || y > 9999 {
		return h, nil, ident.Errorf(ident.KindInvalid, "the time of a journal record is in year %d", y)
	}
	if h.Seq == math.MaxUint64 {
		return h, nil, ident.Errorf(ident.KindLimit, "the journal's sequence is used up")
	}
	r.Seq, r.Previous = h.Seq+1, h.Hash
	b := encode(&r)
	return Head{Seq: r.Seq, Hash: HashOf(b)}, b, nil
}

// HashOf returns the hash of a record's encoding.
func HashOf(encoding []byte) Hash {
	// One buffer on the stack for all but unusual records.
	var buf [512]byte
	return sha256.Sum256(append(append(buf[:0], domain...), encoding...))
}

func encode(r *Record) []byte {
	b := make([]byte, 0, 64+len(r.Actor)+len(r.Action)+len(r.Object)+len(r.Before)+len(r.After))
	b = append(b, version)
	b = binary.AppendUvarint(b, r.Seq)
	b = binary.AppendVarint(b, r.Time.UnixMicro())
	b = append(b, r.Previous[:]...)
	for _, f := range []string{r.Actor, r.Action, r.Object, r.Before, r.After} {
		b = binary.AppendUvarint(b, uint64(len(f)))
		b = append(b, f...)
	}
	return b
}

// Decode reads one encoding. Anything but the one encoding of a record is
// refused with ident.KindInvalid: another version, a varint that is not the
// shortest, a field that is too long, bytes behind the end.
func Decode(b []byte) (Record, error) {
	var r Record
	if len(b) > MaxRecord {
		return r, ident.Errorf(ident.KindInvalid, "a journal record has %d bytes; at most %d fit", len(b), MaxRecord)
	}
	d := decoder{b: b}
	if v := d.byte(); d.fault == "" && v != version {
		return r, ident.Errorf(ident.KindInvalid, "a journal record has version %d; this program reads version %d", v, version)
	}
	r.Seq = d.uvarint()
	if d.fault == "" && r.Seq == 0 {
		d.fail("sequence number 0")
	}
	r.Time = time.UnixMicro(d.varint()).UTC()
	if y := r.Time.Year(); d.fault == "" && (y < 1 || y > 9999) {
		d.fail("a time outside years 1 to 9999")
	}
	copy(r.Previous[:], d.take(len(r.Previous)))
	for _, f := range []*string{&r.Actor, &r.Action, &r.Object, &r.Before, &r.After} {
		*f = d.string()
	}
	if d.fault == "" && d.at != len(b) {
		d.fail("bytes behind its end")
	}
	if d.fault != "" {
		return Record{}, ident.Errorf(ident.KindInvalid, "a journal record is damaged at byte %d: %s", d.at, d.fault)
	}
	return r, nil
}

// decoder reads fields; after the first fault every read gives a zero value.
type decoder struct {
	b     []byte
	at    int
	fault string
}

func (d *decoder) fail(why string) {
	if d.fault == "" {
		d.fault = why
	}
}

func (d *decoder) take(n int) []byte {
	if d.fault != "" {
		return nil
	}
	if n > len(d.b)-d.at {
		d.fail(fmt.Sprintf("%d bytes are due and %d are left", n, len(d.b)-d.at))
		return nil
	}
	d.at += n
	return d.b[d.at-n : d.at]
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	if d.fault != "" {
		return 0
	}
	v, n := binary.Uvarint(d.b[d.at:])
	switch {
	case n <= 0:
		d.fail("a number without an end")
		return 0
	case n > 1 && d.b[d.at+n-1] == 0:
		d.fail("a number that is not in its shortest form")
		return 0
	}
	d.at += n
	return v
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v
}

func (d *decoder) string() string {
	n := d.uvarint()
	if n > MaxField {
		d.fail(fmt.Sprintf("a field of %d bytes; at most %d fit", n, MaxField))
		return ""
	}
	return string(d.take(int(n))) // #nosec G115 -- n is at most MaxField
}
