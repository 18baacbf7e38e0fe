package provenance

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// InTotoPayload is the payload type of statements (DSSE, in-toto envelope layer).
const InTotoPayload = "application/vnd.in-toto+json"

// Envelope is a DSSE envelope (secure-systems-lab/dsse v1.0): a payload, its type,
// and signatures over both.
type Envelope struct {
	PayloadType string
	Payload     []byte // decoded
	Signatures  []Signature
}

// Signature is one signature of an envelope, unverified.
type Signature struct {
	KeyID string // a hint which key; may be empty, and proves nothing
	Sig   []byte
}

// maxSignatures bounds the signatures of one envelope; envelopes have one to three.
const maxSignatures = 64

// ParseEnvelope reads a DSSE envelope. Errors are of KindUnsupported where raw is no
// envelope, and of KindInvalid or KindLimit where it is a bad one.
func ParseEnvelope(raw []byte, lim Limits) (*Envelope, error) {
	lim = lim.filled()
	if len(raw) > lim.Bytes {
		return nil, tooLarge(len(raw), lim.Bytes)
	}
	var (
		e              Envelope
		payload, typed bool
	)
	// A payload in base64 takes four bytes for three.
	r := jsonscan.New(raw, jsonscan.Options{MaxStringBytes: lim.Bytes})
	if r.Kind() != jsonscan.Object {
		return nil, notOne(r, "a DSSE envelope")
	}
	r.Object()
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "payloadType":
			e.PayloadType, typed = r.RequireString(), true
		case "payload":
			if r.Kind() != jsonscan.String {
				return nil, ident.Errorf(ident.KindInvalid, "the payload of the DSSE envelope is no text")
			}
			var err error
			if e.Payload, err = unbase64(r.Bytes()); err != nil && r.Err() == nil {
				return nil, ident.Errorf(ident.KindInvalid, "the payload of the DSSE envelope is no base64: %w", err)
			}
			payload = true
		case "signatures":
			if err := e.readSignatures(r); err != nil {
				return nil, err
			}
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	switch {
	case !payload && !typed:
		return nil, ident.Errorf(ident.KindUnsupported, "is no DSSE envelope")
	case !payload || !typed || e.PayloadType == "":
		return nil, ident.Errorf(ident.KindInvalid, "the DSSE envelope lacks its payload or the payload's type")
	case len(e.Signatures) == 0:
		return nil, ident.Errorf(ident.KindInvalid, "the DSSE envelope has no signature")
	}
	return &e, nil
}

func (e *Envelope) readSignatures(r *jsonscan.Reader) error {
	r.RequireArray()
	for r.NextItem() {
		if len(e.Signatures) == maxSignatures {
			return ident.Errorf(ident.KindLimit, "the DSSE envelope has more than %d signatures", maxSignatures)
		}
		var s Signature
		r.RequireObject()
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			switch string(key) {
			case "keyid":
				s.KeyID = r.String()
			case "sig":
				var err error
				if s.Sig, err = unbase64(r.Bytes()); err != nil && r.Err() == nil {
					return ident.Errorf(ident.KindInvalid, "a signature of the DSSE envelope is no base64: %w", err)
				}
			}
		}
		if err := r.Err(); err != nil {
			return err
		}
		if len(s.Sig) == 0 {
			return ident.Errorf(ident.KindInvalid, "signature %d of the DSSE envelope is empty", len(e.Signatures)+1)
		}
		e.Signatures = append(e.Signatures, s)
	}
	return r.Err()
}

// SignedBytes returns what the signatures are over: the pre-authentication encoding
// of type and payload (DSSE protocol, "PAE").
func (e *Envelope) SignedBytes() []byte {
	b := make([]byte, 0, len(e.PayloadType)+len(e.Payload)+48)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(e.PayloadType)), 10)
	b = append(append(b, ' '), e.PayloadType...)
	b = strconv.AppendInt(append(b, ' '), int64(len(e.Payload)), 10)
	return append(append(b, ' '), e.Payload...)
}

// unbase64 decodes either alphabet, with padding: DSSE leaves the choice to the
// writer. Line breaks are no part of either.
func unbase64(text []byte) ([]byte, error) {
	enc := base64.StdEncoding
	if bytes.ContainsAny(text, "-_") {
		enc = base64.URLEncoding
	}
	if i := bytes.IndexAny(text, "\r\n"); i >= 0 {
		return nil, base64.CorruptInputError(i)
	}
	out := make([]byte, enc.DecodedLen(len(text)))
	n, err := enc.Strict().Decode(out, text)
	return out[:n], err
}
