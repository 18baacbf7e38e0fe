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
