package quality

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// fact is one thing that is found out of a document or of each component, once for all
// profiles.
type fact uint8

const (
	notJudged fact = iota
	byAuthor
	byAuthorContact
	byOrganization
	bySignature
	byFormat
	byNTIAFormat
	byFormatVersion
	byBSIFormat
	byTelcoFormat
	byContext
	byTimestamp
	byTool
	byToolVersion
	byVersion
	bySerial
	byDocumentName
	byDataLicense
	byNoVulnerabilities
	byCompleteness
	byTopLevel

	byComponentName
	byComponentVersion
	byComponentProducer
	byComponentSupplier
	byComponentSupplierOnly
	byComponentContact
	byComponentID
	byComponentIdentifier
	byComponentPURL
	byComponentHash
	byComponentAlgorithm
	byComponentHashOrCode
	byComponentDeployableHash
	byComponentSourceHash
	byComponentLicense
	byComponentDeclared    // and valid
	byComponentConcluded   // and valid
	byComponentDeclaredAny // whatever it says
	byComponentConcludedAny
	byComponentEffective
	byComponentRelation
	byComponentDependency
	byComponentCopyright
	byComponentDeployableURI
	byComponentSourceURI
	byComponentSecurityTxt
	byComponentFilename
	byComponentExecutable
	byComponentArchive
	byComponentStructured
	facts

	lastDocumentFact = byTopLevel
	componentFacts   = facts - lastDocumentFact - 1
)

// Outcome answers what an element asks.
type Outcome uint8

// The outcomes. The zero value is what could not be found out.
const (
	NotExamined Outcome = iota
	Absent
	Declared // unknown or withheld, and the document says so
	Present
)

var outcomeWords = [...]string{"notExamined", "absent", "declared", "present"}

func (o Outcome) String() string { return outcomeWords[o] }

// MarshalText writes the word.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// undecided are texts that say that a value is not known, or not told.
var undecided = []string{"NOASSERTION", "NONE", "UNKNOWN", "NOT PROVIDED", "NOTPROVIDED", "WITHHELD", "REDACTED"}

// Undecided reports whether a text says that a value is not known or withheld.
func Undecided(s string) bool {
	if len(s) < 4 || len(s) > 12 {
		return false
	}
	for _, u := range undecided {
		if strings.EqualFold(s, u) {
			return true
		}
	}
	return false
}

// said judges a text.
func said(s string) Outcome {
	switch {
	case strings.TrimSpace(s) == "":
		return Absent
	case Undecided(strings.TrimSpace(s)):
		return Declared
	}
	return Present
}

// contactable judges a text that has to say how to reach somebody.
func contactable(s string) Outcome {
	if o := said(s); o != Present || strings.Contains(s, "@") || strings.Contains(s, "://") {
		return o
	}
	return Absent
}

// hashLengths are the hexadecimal digits of the algorithms, in CycloneDX's spelling.
var hashLengths = map[string]int{
	"MD5": 32, "SHA-1": 40, "SHA-224": 56, "SHA-256": 64, "SHA-384": 96, "SHA-512": 128,
	"SHA3-224": 56, "SHA3-256": 64, "SHA3-384": 96, "SHA3-512": 128,
	"BLAKE2b-256": 64, "BLAKE2b-384": 96, "BLAKE2b-512": 128, "BLAKE3": 64, "Streebog-256": 64, "Streebog-512": 128,
	"MD2": 32, "MD4": 32, "MD6": 128, "ADLER32": 8,
}

// collisions have been made for these, or they were never for security.
var weakHashes = map[string]bool{"MD2": true, "MD4": true, "MD5": true, "ADLER32": true, "SHA-1": true}

// hashOutcome judges hashes by their values, or by the names of their algorithms. That a
// value is not of its algorithm's length is for the check malformed-hash.
func hashOutcome(hashes []sbom.Hash, byName bool) Outcome {
	best := Absent
	for _, h := range hashes {
		n := hashLengths[h.Algorithm]
		switch {
		case n > 0 && (byName || h.Value != "" && isHex(h.Value)):
			return Present
		case Undecided(h.Value):
			best = Declared
		}
	}
	return best
}

func isHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
