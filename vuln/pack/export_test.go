package pack

import "crypto/sha256"

// HeaderBytes is how long the header is.
const HeaderBytes = headerBytes

// Sealed is a pack with a body and its checksum.
func Sealed(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(append([]byte(magic), sum[:]...), body...)
}
