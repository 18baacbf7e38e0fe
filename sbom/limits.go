package sbom

import "github.com/cofferdam-io/cofferdam/ident"

// Limits bound what a codec reads of one document. The zero value has the
// defaults.
type Limits struct {
	MaxBytes      int // 512 MiB by default
	MaxComponents int // two million by default
	// Digest is the SHA-256 of the bytes, where the caller has computed it.
	Digest ident.Digest
	// Details asks for Details, of formats that have them.
	Details bool
}

const (
	defaultMaxBytes      = 512 << 20
	defaultMaxComponents = 2_000_000
)

// Admit fills in the defaults, and refuses bytes beyond the limit with an error
// of kind limit.
func (l *Limits) Admit(data []byte) error {
	if l.MaxBytes <= 0 {
		l.MaxBytes = defaultMaxBytes
	}
	if l.MaxComponents <= 0 {
		l.MaxComponents = defaultMaxComponents
	}
	if len(data) > l.MaxBytes {
		return ident.Errorf(ident.KindLimit, "the document has %d bytes, more than %d", len(data), l.MaxBytes)
	}
	return nil
}

// Whole is a form of documents that is read whole: how it is called ("an SPDX 3
// document"), and how many times the length of its text that takes.
type Whole struct {
	What  string
	Times int
}

// Fits refuses a document of n bytes that would take more than held bytes of memory, with
// an error of kind limit that says how long one may be; held 0: none is refused.
func (w Whole) Fits(n, held int) error {
	if held <= 0 || n <= held/w.Times {
		return nil
	}
	return ident.Errorf(ident.KindLimit, "%s is read whole, and of %d bytes would take too much memory; at most %d bytes are read", w.What, n, held/w.Times).
		WithHint("SPDX 2 and CycloneDX in JSON, alone in their file, are read piece by piece: cofferdam sbom convert FILE -o cyclonedx")
}
