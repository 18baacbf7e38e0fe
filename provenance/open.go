package provenance

import (
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// Attestation is a statement with what it came in.
type Attestation struct {
	Statement *Statement
	// Envelope is nil where the statement came bare, as BuildKit writes it.
	Envelope *Envelope
	// Bundled is true where the envelope stood in a Sigstore bundle.
	Bundled bool
}

// Open reads a statement, bare, in a DSSE envelope, or in one within a Sigstore
// bundle: which, the names at its top level tell. Errors are of KindUnsupported where
// raw is none of these, and of KindInvalid or KindLimit where it is a bad one. An
// envelope whose payload is no statement is of KindUnsupported, too: somebody signed
// something else.
func Open(raw []byte, lim Limits) (*Attestation, error) {
	lim = lim.filled()
	if len(raw) > lim.Bytes {
		return nil, tooLarge(len(raw), lim.Bytes)
	}
	var bundled []byte
	var statement, envelope bool
	r := jsonscan.New(raw, jsonscan.Options{})
	if r.Kind() != jsonscan.Object {
		return nil, notOne(r, "an attestation")
	}
	r.Object()
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "_type", "predicateType":
			statement = true
		case "payload", "payloadType":
			envelope = true
		case "dsseEnvelope":
			bundled = r.Raw()
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	kinds := 0
	for _, is := range []bool{statement, envelope, bundled != nil} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return nil, ident.Errorf(ident.KindInvalid, "is a statement and an envelope at once: two readers would read two things")
	case statement:
		s, err := ParseStatement(raw, lim)
		if err != nil {
			return nil, err
		}
		return &Attestation{Statement: s}, nil
	case envelope:
		return enveloped(raw, lim, false)
	case bundled != nil:
		return enveloped(bundled, lim, true)
	}
	return nil, ident.Errorf(ident.KindUnsupported, "is no in-toto statement, DSSE envelope or Sigstore bundle")
}

func enveloped(raw []byte, lim Limits, bundled bool) (*Attestation, error) {
	e, err := ParseEnvelope(raw, lim)
	if err != nil {
		return nil, err
	}
	if e.PayloadType != InTotoPayload {
		return nil, ident.Errorf(ident.KindUnsupported, "is a DSSE envelope around %.120q and no in-toto statement", e.PayloadType)
	}
	s, err := ParseStatement(e.Payload, lim)
	if err != nil {
		return nil, err
	}
	return &Attestation{Statement: s, Envelope: e, Bundled: bundled}, nil
}
