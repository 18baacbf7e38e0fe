package store

// TextRef says which texts the bytes of a document were packed with (RFC 8878 section 5, a
// dictionary of raw content): the bytes of a line that lie before a place. The zero value
// is none.
type TextRef struct {
	Line    uint32
	Through int64 // bytes, unpacked
}

// TextPiece is a piece of a line.
type TextPiece struct {
	Line uint32
	At   int64  // where in the line its first byte is
	Size int64  // unpacked
	Data []byte // compressed with zstd by the caller
}
