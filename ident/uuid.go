package ident

import (
	"crypto/sha256"
	"fmt"
)

// UUIDOf derives a UUID from texts, so that a document made twice from the same
// input is the same document.
func UUIDOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return UUIDFrom([sha256.Size]byte(h.Sum(nil)))
}

// UUIDFrom makes a UUID (RFC 9562, version 8: custom) of a SHA-256 sum.
func UUIDFrom(sum [sha256.Size]byte) string {
	b := sum[:16]
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
