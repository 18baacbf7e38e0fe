package catalog

import (
	"bytes"
	"math/bits"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// bodies are the buffers that documents are read into, used again: the system would
// otherwise hand out, clear and take back as much memory as is sent. There is a pool
// for each power of two; larger documents are rare, and what they took goes back.
type bodies struct {
	pools [largestKept - smallestKept + 1]sync.Pool
}

const (
	smallestKept = 12 // 4 kB
	largestKept  = 22 // 4 MB
)

// take returns an empty buffer with room for n bytes.
func (b *bodies) take(n int64) []byte {
	if n > 1<<largestKept {
		return make([]byte, 0, n)
	}
	class := max(bits.Len64(uint64(max(n, 1)-1)), smallestKept) //nolint:gosec // at least 0
	if p, ok := b.pools[class-smallestKept].Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return make([]byte, 0, 1<<class)
}

// give gives a buffer back that nobody looks at any more.
func (b *bodies) give(buf []byte) {
	class := bits.Len(uint(cap(buf))) - 1 //nolint:gosec // at least 0
	if class < smallestKept || class > largestKept || cap(buf) != 1<<class {
		return
	}
	b.pools[class-smallestKept].Put(&buf)
}

// compress packs a document. Encoders are used again: one holds a megabyte of tables.
// The documents of one kind pack alike, and a buffer that is too small is copied.
func (c *Catalog) compress(raw []byte) ([]byte, error) {
	e, ok := c.encoders.Get().(*zstd.Encoder)
	if !ok {
		var err error
		if e, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest)); err != nil {
			return nil, err
		}
	}
	defer c.encoders.Put(e)
	room := c.bodies.take(int64(len(raw)/4) + 1024)
	packed := e.EncodeAll(raw, room)
	out := bytes.Clone(packed)
	c.bodies.give(packed)
	return out, nil
}
