package catalog

import (
	"bytes"
	"math/bits"
	"sync"

	"github.com/cofferdam-io/cofferdam/internal/mapped"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/zstdframe"
)

// bodies are the buffers that documents are read into, used again: the system would
// otherwise hand out, clear and take back as much memory as is sent. There is a pool
// for each power of two. Larger documents are rare; theirs is memory outside of the
// heap, where there is such, which is gone as soon as it is given back: a collector
// that finds 256 MB in use lets as much rubbish gather beside it.
type bodies struct {
	pools [largestKept - smallestKept + 1]sync.Pool

	mu     sync.Mutex
	mapped map[*byte][]byte // by their first byte
}

const (
	smallestKept = 12 // 4 kB
	largestKept  = 22 // 4 MB
)

// take returns an empty buffer with room for n bytes. Whoever takes it gives it back
// once, and nobody may look at it afterwards.
func (b *bodies) take(n int64) []byte {
	if n > 1<<largestKept {
		whole, err := mapped.New(n)
		if err != nil {
			return make([]byte, 0, n)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.mapped == nil {
			b.mapped = map[*byte][]byte{}
		}
		b.mapped[&whole[0]] = whole
		return whole[:0]
	}
	class := max(bits.Len64(uint64(max(n, 1)-1)), smallestKept) //nolint:gosec // at least 0
	if p, ok := b.pools[class-smallestKept].Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, 1<<class)
}

// give gives a buffer back. Others than take's are left to the collector.
func (b *bodies) give(buf []byte) {
	if cap(buf) == 0 {
		return
	}
	if cap(buf) > 1<<largestKept {
		first := &buf[:1][0]
		b.mu.Lock()
		whole, ok := b.mapped[first]
		delete(b.mapped, first)
		b.mu.Unlock()
		if ok {
			mapped.Free(whole)
		}
		return
	}
	class := bits.Len(uint(cap(buf))) - 1
	if class < smallestKept || cap(buf) != 1<<class {
		return
	}
	b.pools[class-smallestKept].Put(&buf)
}

// outside reports whether a buffer of take's is memory outside of the heap.
func (b *bodies) outside(buf []byte) bool {
	if cap(buf) <= 1<<largestKept {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	_, is := b.mapped[&buf[:1][0]]
	return is
}

// packShared packs a document of which some texts were seen before, and says which texts
// that the store has a reader needs.
func (c *Catalog) packShared(raw []byte, again *repeats) ([]byte, store.TextRef) {
	in := c.texts.place(again)
	if len(again.spans) == 0 || len(raw) > zstdframe.MaxShared {
		return c.pack(raw), store.TextRef{}
	}
	return c.packed(raw, func(e *zstdframe.Encoder, dst []byte) []byte {
		return e.AppendShared(dst, raw, int(in.Through), again.spans)
	}), in
}

// pack packs a document.
func (c *Catalog) pack(raw []byte) []byte {
	return c.packed(raw, func(e *zstdframe.Encoder, dst []byte) []byte { return e.Append(dst, raw) })
}

// packed is what an encoder makes of a document. Encoders are used again: one holds a
// megabyte of tables.
func (c *Catalog) packed(raw []byte, with func(e *zstdframe.Encoder, dst []byte) []byte) []byte {
	e, ok := c.encoders.Get().(*zstdframe.Encoder)
	if !ok {
		e = new(zstdframe.Encoder)
	}
	// What does not pack takes a little more than it had; memory that is not touched is
	// not taken.
	packed := with(e, c.bodies.take(int64(zstdframe.MaxSize(len(raw)))))
	c.encoders.Put(e)
	out := bytes.Clone(packed)
	c.bodies.give(packed)
	return out
}
