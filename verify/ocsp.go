package verify

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/cofferdam-io/cofferdam/ident"
)

// OCSPResponse is what an authority's responder said of certificates (RFC 6960), as
// somebody fetched it. Nothing of it is believed before its signature verifies.
type OCSPResponse struct {
	raw     []byte
	answers []certID
}

// certID names a certificate: RFC 6960 section 4.1.1.
type certID struct {
	Hash                  pkix.AlgorithmIdentifier
	IssuerName, IssuerKey []byte
	Serial                *big.Int
}

// Limits of a response. Responders say a handful of things in 2 KiB.
const (
	maxOCSPBytes   = 1 << 20
	maxOCSPAnswers = 256
)

// basicOCSP is the type of response that there is (RFC 6960 section 4.2.1).
var basicOCSP = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}

// ParseOCSPResponse reads a response in DER, as openssl ocsp -respout writes it. Errors are
// of KindInvalid, of KindLimit, or of KindIndeterminate where the responder did not answer
// the question (it was busy, or does not know the authority).
func ParseOCSPResponse(raw []byte) (*OCSPResponse, error) {
	if len(raw) > maxOCSPBytes {
		return nil, ident.Errorf(ident.KindLimit, "the OCSP response has %d bytes, more than %d", len(raw), maxOCSPBytes)
	}
	var outer struct {
		Status asn1.Enumerated
		Basic  struct {
			Type asn1.ObjectIdentifier
			Body []byte
		} `asn1:"explicit,tag:0,optional"`
	}
	rest, err := asn1.Unmarshal(raw, &outer)
	switch {
	case err != nil || len(rest) > 0:
		return nil, ident.Errorf(ident.KindInvalid, "is no OCSP response in DER").WithHint("openssl ocsp -issuer CA -cert CERT -url URL -respout FILE writes one")
	case outer.Status != 0:
		return nil, ident.Errorf(ident.KindIndeterminate, "the OCSP responder did not answer: %s", ocsp.ResponseStatus(outer.Status)).WithHint("ask again later, or the responder that the certificate names")
	case !outer.Basic.Type.Equal(basicOCSP):
		return nil, ident.Errorf(ident.KindInvalid, "is an OCSP response of type %s, and only the basic one is read", outer.Basic.Type)
	}
	// What each answer is about; the rest is read by the library that verifies the signature.
	var basic struct {
		Said struct {
			Version   int `asn1:"optional,default:0,explicit,tag:0"`
			Responder asn1.RawValue
			At        time.Time `asn1:"generalized"` //nolint:misspell // encoding/asn1 spells it so
			Answers   []struct{ ID certID }
		}
	}
	if _, err := asn1.Unmarshal(outer.Basic.Body, &basic); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the OCSP response is malformed: %w", err)
	}
	if n := len(basic.Said.Answers); n == 0 || n > maxOCSPAnswers {
		return nil, ident.Errorf(ident.KindLimit, "the OCSP response has %d answers; 1 to %d are read", n, maxOCSPAnswers)
	}
	out := &OCSPResponse{raw: raw}
	for _, a := range basic.Said.Answers {
		if a.ID.Serial == nil {
			return nil, ident.Errorf(ident.KindInvalid, "the OCSP response is malformed: an answer names no certificate")
		}
		out.answers = append(out.answers, a.ID)
	}
	return out, nil
}

// ocspHashes are how a response may name the authority: SHA-1 is what nearly all do, and
// nothing rests on it alone, since the authority's signature is checked as well.
var ocspHashes = []struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash
}{
	{asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}, crypto.SHA1},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA256},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA384},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.SHA512},
}

// of reports whether an answer is about a certificate of an issuer.
func (id *certID) of(c, issuer *x509.Certificate) bool {
	var key struct {
		Algorithm pkix.AlgorithmIdentifier
		Bits      asn1.BitString
	}
	if _, err := asn1.Unmarshal(issuer.RawSubjectPublicKeyInfo, &key); err != nil || id.Serial.Cmp(c.SerialNumber) != 0 {
		return false
	}
	for _, h := range ocspHashes {
		if !id.Hash.Algorithm.Equal(h.oid) {
			continue
		}
		name, bits := h.hash.New(), h.hash.New()
		name.Write(issuer.RawSubject)
		bits.Write(key.Bits.RightAlign())
		return bytes.Equal(name.Sum(nil), id.IssuerName) && bytes.Equal(bits.Sum(nil), id.IssuerKey)
	}
	return false
}

// says returns what a response says of a certificate; nil where it says nothing that is to
// be believed: of another one, not signed by its issuer or by whom that issuer has answer,
// or ambiguous.
func (r *OCSPResponse) says(c, issuer *x509.Certificate, at time.Time) *ocsp.Response {
	about := 0
	for i := range r.answers {
		if r.answers[i].Serial.Cmp(c.SerialNumber) == 0 {
			if about++; !r.answers[i].of(c, issuer) {
				return nil // the library takes the first of a serial number
			}
		}
	}
	if about != 1 {
		return nil
	}
	said, err := ocsp.ParseResponseForCert(r.raw, c, nil)
	if err != nil {
		return nil
	}
	by := said.Certificate // whose signature over the response the library verified
	switch {
	case by == nil:
		if said.CheckSignatureFrom(issuer) != nil {
			return nil
		}
	case by.Equal(issuer):
	case by.CheckSignatureFrom(issuer) != nil, !slices.Contains(by.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning), // RFC 6960 section 4.2.2.2
		at.Before(by.NotBefore), at.After(by.NotAfter):
		return nil
	}
	return said
}
