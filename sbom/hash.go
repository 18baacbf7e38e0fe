package sbom

import "strings"

// hashNames are the algorithms of CycloneDX 1.7, of SPDX 2.3 section 7.10 and of
// SPDX 3 (Core/Vocabularies/HashAlgorithm), stripped of case and separators, in
// CycloneDX's spelling.
var hashNames = map[string]string{
	"MD5": "MD5", "SHA1": "SHA-1", "SHA224": "SHA-224", "SHA256": "SHA-256", "SHA384": "SHA-384", "SHA512": "SHA-512",
	"SHA3224": "SHA3-224", "SHA3256": "SHA3-256", "SHA3384": "SHA3-384", "SHA3512": "SHA3-512",
	"BLAKE2B256": "BLAKE2b-256", "BLAKE2B384": "BLAKE2b-384", "BLAKE2B512": "BLAKE2b-512", "BLAKE3": "BLAKE3",
	"STREEBOG256": "Streebog-256", "STREEBOG512": "Streebog-512",
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
