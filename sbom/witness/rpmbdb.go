package witness

import "encoding/binary"

// A hash of Berkeley DB (dbinc/db_page.h), in the byte order of the machine that wrote
// it, as far as all pairs of numbers and packages are read.
const (
	bdbMagic    = 0x061561
	bdbHeader   = 26
	bdbHash     = 13
	bdbUnsorted = 2
	bdbOverflow = 7
	bdbKeyData  = 1
	bdbOffPage  = 3
)

// bdbOrder is the byte order of a hash of Berkeley DB; nil for any other file.
func bdbOrder(raw []byte) binary.ByteOrder {
	if len(raw) >= 72 {
		for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			if o.Uint32(raw[12:]) == bdbMagic {
				return o
			}
		}
	}
	return nil
}

type bdbFile struct {
	raw   []byte
	order binary.ByteOrder
	page  int
	left  int // bytes that may still be read: each page holds bytes of one package
}

// bdbHeaders calls each for the header of every package.
func bdbHeaders(raw []byte, each func([]byte) error) error {
	f := &bdbFile{raw: raw, order: bdbOrder(raw), left: len(raw)}
	size := f.order.Uint32(raw[20:])
	if size < 512 || size > 1<<16 || size&(size-1) != 0 {
		return damagedRPM("its pages have an impossible size")
	}
	f.page = int(size)
	if raw[24] != 0 {
		return damagedRPM("it is encrypted")
	}
	if last := uint64(f.order.Uint32(raw[32:])); (last+1)*uint64(f.page) > uint64(len(raw)) {
		return damagedRPM("it is cut short")
	}
	for n := 1; (n+1)*f.page <= len(raw); n++ {
		p := raw[n*f.page:][:f.page]
		if kind := p[25]; kind != bdbHash && kind != bdbUnsorted {
			continue
		}
		items := int(f.order.Uint16(p[20:]))
		if items%2 != 0 || bdbHeader+2*items > f.page {
			return damagedRPM("a page does not hold pairs")
		}
		for i := 0; i < items; i += 2 {
			key, at := int(f.order.Uint16(p[bdbHeader+2*i:])), int(f.order.Uint16(p[bdbHeader+2*i+2:]))
			if key+5 > f.page || at >= f.page {
				return damagedRPM("an item is outside its page")
			}
			if p[key] != bdbKeyData || f.order.Uint32(p[key+1:]) == 0 {
				continue // package 0 is the counter
			}
			blob, err := f.item(p, at, key)
			if err != nil {
				return err
			}
			if err := each(blob); err != nil {
				return err
			}
		}
	}
	return nil
}

// item returns the bytes of an item of a page, that of the key before it begins where it
// ends.
func (f *bdbFile) item(p []byte, at, end int) ([]byte, error) {
	if p[at] == bdbKeyData && at < end {
		return p[at+1 : end], nil
	}
	if p[at] != bdbOffPage || at+12 > f.page {
		return nil, damagedRPM("an item is of no kind that holds a package")
	}
	next, size := f.order.Uint32(p[at+4:]), int64(f.order.Uint32(p[at+8:]))
	if size > int64(f.left) {
		return nil, damagedRPM("a package is longer than the file")
	}
	f.left -= int(size)
	out := make([]byte, 0, size)
	for int64(len(out)) < size {
		if next == 0 || (int64(next)+1)*int64(f.page) > int64(len(f.raw)) {
			return nil, damagedRPM("a package is cut short")
		}
		q := f.raw[int(next)*f.page:][:f.page]
		n := int(f.order.Uint16(q[22:]))
		if q[25] != bdbOverflow || n == 0 || bdbHeader+n > f.page {
			return nil, damagedRPM("a package goes on in no page of its kind")
		}
		out = append(out, q[bdbHeader:bdbHeader+n]...)
		next = f.order.Uint32(q[16:])
	}
	return out[:size], nil
}
