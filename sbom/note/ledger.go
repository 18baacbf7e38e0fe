package note

import (
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// Ledger is what an encoder has to say of what its format has no words for.
type Ledger struct {
	Notes  []Note      // of what is being written
	Losses sbom.Losses // of the document
	In     string      // where the format keeps notes: "property", "annotation"
}

// Note keeps a value and lists it as what the format has no words for.
func (l *Ledger) Note(name, value, pointer, what string) {
	l.Notes = append(l.Notes, Note{Name: name, Value: value})
	l.Losses.Add(pointer, what, l.In)
}

// Seed is what a document is named by: the digest of the bytes that it was, or where
// it was never bytes, of what write says of it.
func Seed(d *sbom.Document, write func(io.Writer) error) (string, error) {
	if !d.Digest.IsZero() {
		return d.Digest.String(), nil
	}
	h := sha256.New()
	err := write(h)
	return hex.EncodeToString(h.Sum(nil)), err
}
