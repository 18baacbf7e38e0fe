package provenance

import (
	"encoding/json"
	"strconv"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// ContentDigest is the SHA-256 of what a JSON document says, however it is written: with
// the names of its objects sorted, without space between, texts and numbers in one form.
// cosign reads a predicate and writes it anew, so that the document in a statement seldom
// has the bytes of the file that it was made from. What is no JSON object has the digest
// of its bytes; JSON in which a name occurs twice in an object is an error, as two readers
// would read two things.
func ContentDigest(document []byte) (ident.Digest, error) {
	r := jsonscan.New(document, jsonscan.Options{MaxStringBytes: len(document)})
	if r.Kind() != jsonscan.Object {
		return ident.SHA256(document), nil
	}
	v := r.Any(oneForm)
	if err := r.End(); err != nil {
		return ident.Digest{}, err
	}
	out, err := json.Marshal(v) // sorts names
	if err != nil {
		return ident.Digest{}, ident.Errorf(ident.KindInvalid, "cannot be written as JSON: %w", err)
	}
	return ident.SHA256(out), nil
}

// SBOMContent is the ContentDigest of a document as it is handed over: by itself, or in a
// statement, an envelope or a bundle.
func SBOMContent(raw []byte) (ident.Digest, error) {
	doc := raw
	if a, err := Open(raw, Limits{}); err == nil {
		if in, is, err := SBOM(a.Statement); is && err == nil {
			doc = in
		}
	}
	return ContentDigest(doc)
}

// oneForm is a number as Go reads it without being told more, which is what signers do.
// One with more digits than that holds stays as it is: it is not to become another.
func oneForm(raw string) any {
	digits := 0
	for _, c := range raw {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	if f, err := strconv.ParseFloat(raw, 64); err == nil && digits <= 15 {
		return f
	}
	return json.Number(raw)
}
