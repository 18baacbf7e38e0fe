package witness

import "encoding/binary"

// The packages of rpm's own database "ndb" (lib/backend/ndb/rpmpkg.c), little-endian: a
// header, slots that say where each package is, and the packages in blocks.
const (
	ndbMagic  = "RpmP"
	ndbSlot   = "Slot"
	ndbBlob   = "BlbS"
	ndbHeader = 32
	ndbUnit   = 16 // bytes of a slot, of a blob's header and of a block
	ndbPage   = 4096
)

// ndbHeaders calls each for the header of every package.
func ndbHeaders(raw []byte, each func([]byte) error) error {
	if len(raw) < ndbHeader || binary.LittleEndian.Uint32(raw[4:]) != 0 {
		return damagedRPM("it is cut short, or of a later version")
	}
	size := uint64(binary.LittleEndian.Uint32(raw[12:])) * ndbPage
	if size < ndbHeader || size > uint64(len(raw)) {
		return damagedRPM("its slots are cut short")
	}
	left := uint64(len(raw)) // two packages have no byte in common
	for slots := raw[ndbHeader:size]; len(slots) >= ndbUnit; slots = slots[ndbUnit:] {
		if string(slots[:4]) != ndbSlot {
			return damagedRPM("a slot is none")
		}
		id, at := binary.LittleEndian.Uint32(slots[4:]), uint64(binary.LittleEndian.Uint32(slots[8:]))*ndbUnit
		if at == 0 {
			continue // free
		}
		if at+ndbUnit > uint64(len(raw)) || string(raw[at:at+4]) != ndbBlob || binary.LittleEndian.Uint32(raw[at+4:]) != id {
			return damagedRPM("a package is not where its slot says")
		}
		n := uint64(binary.LittleEndian.Uint32(raw[at+12:]))
		if at += ndbUnit; n > uint64(len(raw))-at || n > left {
			return damagedRPM("a package is cut short")
		}
		left -= n
		if err := each(raw[at : at+n]); err != nil {
			return err
		}
	}
	return nil
}
