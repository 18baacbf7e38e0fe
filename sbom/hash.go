package sbom

import (
	"maps"
	"slices"
	"strings"
)

// hashNames are the algorithms of CycloneDX 1.7, of SPDX 2.3 section 7.10 and of
// SPDX 3 (Core/Vocabularies/HashAlgorithm), stripped of case and separators, in
// CycloneDX's spelling; and that spelling itself.
var hashNames = withThemselves(map[string]string{
	"MD5": "MD5", "SHA1": "SHA-1", "SHA224": "SHA-224", "SHA256": "SHA-256", "SHA384": "SHA-384", "SHA512": "SHA-512",
	"SHA3224": "SHA3-224", "SHA3256": "SHA3-256", "SHA3384": "SHA3-384", "SHA3512": "SHA3-512",
	"BLAKE2B256": "BLAKE2b-256", "BLAKE2B384": "BLAKE2b-384", "BLAKE2B512": "BLAKE2b-512", "BLAKE3": "BLAKE3",
	"STREEBOG256": "Streebog-256", "STREEBOG512": "Streebog-512",
})

func withThemselves(names map[string]string) map[string]string {
	for _, name := range slices.Collect(maps.Values(names)) {
		names[name] = name
	}
	return names
}

var noSeparators = strings.NewReplacer("-", "", "_", "", " ", "")

// HashAlgorithm gives CycloneDX's spelling to the spellings in use; an algorithm
// that is not known is folded to capitals.
func HashAlgorithm(s string) string {
	if name, ok := hashNames[s]; ok {
		return name
	}
	if name, ok := hashNames[strings.ToUpper(noSeparators.Replace(s))]; ok {
		return name
	}
	return strings.ToUpper(s)
}

// HashValue gives hexadecimal in lower case, as Hash.Value has it. Nearly all is written so:
// it is returned as it is.
func HashValue(s string) string {
	const tops = 0x8080808080808080
	const ones = tops >> 7
	rest := s
	for len(rest) >= 8 {
		b := rest[:8]
		x := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		// Of bytes below 0x80, the first sum has the top bit from 'A' on, the second behind 'Z'.
		if (x|(x+(0x80-'A')*ones)&^(x+(0x80-'Z'-1)*ones))&tops != 0 {
			return strings.ToLower(s)
		}
		rest = rest[8:]
	}
	for i := range len(rest) {
		if c := rest[i]; 'A' <= c && c <= 'Z' || c >= 0x80 {
			return strings.ToLower(s)
		}
	}
	return s
}
