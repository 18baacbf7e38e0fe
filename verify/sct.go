package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"math"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// sctList is the extension that holds the promises of certificate logs (RFC 6962 section 3.3).
var sctList = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}

// promisedBy counts the certificate logs that promised to take a leaf in, each once, by
// the promises within it (RFC 6962 sections 3.2 and 3.3): signatures by ECDSA on P-256
// over SHA-256, of logs that are known, and trusted at the time of the promise. A list
// that is malformed, or holds a promise by other means, counts nothing.
//
// sigstore-go does the same, and takes longer to read the leaf twice and its issuer once
// with a second parser of certificates than to verify the signature. It is asked wherever
// these are fewer than needed, so that it has the last word and gives the reasons.
func promisedBy(leaf, issuer *x509.Certificate, logs map[string]*root.TransparencyLog) int {
	list, ok := embedded(leaf)
	if !ok {
		return 0
	}
	before, ok := beforePromise(leaf.RawTBSCertificate)
	if !ok {
		return 0
	}
	key := sha256.Sum256(issuer.RawSubjectPublicKeyInfo)
	counted := map[string]bool{}
	for !list.Empty() {
		var raw cryptobyte.String
		if !list.ReadUint16LengthPrefixed(&raw) {
			return 0
		}
		var s promise
		if !s.read(raw) {
			return 0
		}
		id := hex.EncodeToString(s.log)
		log := logs[id]
		if log == nil || counted[id] || s.at > math.MaxInt64 {
			continue
		}
		at := time.UnixMilli(int64(s.at)) // #nosec G115 -- compared above
		if !log.ValidityPeriodStart.IsZero() && at.Before(log.ValidityPeriodStart) || !log.ValidityPeriodEnd.IsZero() && at.After(log.ValidityPeriodEnd) {
			continue
		}
		counted[id] = s.verifies(log.PublicKey, key[:], before)
	}
	n := 0
	for _, ok := range counted {
		if ok {
			n++
		}
	}
	return n
}

// promise is a signed certificate timestamp.
type promise struct {
	log        []byte
	at         uint64 // milliseconds since 1970
	extensions cryptobyte.String
	signature  cryptobyte.String
}

// How a promise may be signed (RFC 5246 section 7.4.1.4.1).
const (
	tlsSHA256 = 4
	tlsECDSA  = 3
)

// read reports whether raw is a promise of version 1, by ECDSA over SHA-256, and
// nothing else.
func (p *promise) read(raw cryptobyte.String) bool {
	var version, hash, algorithm uint8
	return raw.ReadUint8(&version) && version == 0 && raw.ReadBytes(&p.log, sha256.Size) && raw.ReadUint64(&p.at) &&
		raw.ReadUint16LengthPrefixed(&p.extensions) && raw.ReadUint8(&hash) && hash == tlsSHA256 && raw.ReadUint8(&algorithm) && algorithm == tlsECDSA &&
		raw.ReadUint16LengthPrefixed(&p.signature) && raw.Empty()
}

// verifies judges the signature over a certificate as it was before promises were put
// into it, and its issuer's key.
func (p *promise) verifies(log crypto.PublicKey, issuer, before []byte) bool {
	var b cryptobyte.Builder
	b.AddUint8(0) // version 1
	b.AddUint8(0) // certificate_timestamp
	b.AddUint64(p.at)
	b.AddUint16(1) // precert_entry
	b.AddBytes(issuer)
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(before) })
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(p.extensions) })
	signed, err := b.Bytes()
	if err != nil {
		return false
	}
	sum := sha256.Sum256(signed)
	k, ok := log.(*ecdsa.PublicKey)
	return ok && k.Curve == elliptic.P256() && ecdsa.VerifyASN1(k, sum[:], p.signature)
}

// embedded returns the promises within a certificate.
func embedded(leaf *x509.Certificate) (list cryptobyte.String, ok bool) {
	for _, e := range leaf.Extensions {
		if !e.Id.Equal(sctList) {
			continue
		}
		value := cryptobyte.String(e.Value)
		var octets cryptobyte.String
		return list, value.ReadASN1(&octets, casn1.OCTET_STRING) && value.Empty() && octets.ReadUint16LengthPrefixed(&list) && octets.Empty() && !list.Empty()
	}
	return nil, false
}

// beforePromise returns a TBSCertificate (RFC 5280 section 4.1) without the extension
// that holds promises, of which there must be one.
func beforePromise(tbs []byte) ([]byte, bool) {
	in := cryptobyte.String(tbs)
	var fields cryptobyte.String
	if !in.ReadASN1(&fields, casn1.SEQUENCE) || !in.Empty() {
		return nil, false
	}
	head := fields
	for !fields.Empty() && !fields.PeekASN1Tag(extensionsTag) {
		if !fields.SkipASN1(tagOf(fields)) {
			return nil, false
		}
	}
	head = head[:len(head)-len(fields)]
	var outer, list cryptobyte.String
	if !fields.ReadASN1(&outer, extensionsTag) || !fields.Empty() || !outer.ReadASN1(&list, casn1.SEQUENCE) || !outer.Empty() {
		return nil, false
	}
	kept, found := make([]byte, 0, len(list)), 0
	for !list.Empty() {
		var one cryptobyte.String
		var id asn1.ObjectIdentifier
		if !list.ReadASN1Element(&one, casn1.SEQUENCE) {
			return nil, false
		}
		inner := one
		if !inner.ReadASN1(&inner, casn1.SEQUENCE) || !inner.ReadASN1ObjectIdentifier(&id) {
			return nil, false
		}
		if id.Equal(sctList) {
			found++
			continue
		}
		kept = append(kept, one...)
	}
	if found != 1 {
		return nil, false
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(head)
		b.AddASN1(extensionsTag, func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(kept) })
		})
	})
	out, err := b.Bytes()
	return out, err == nil
}

// extensionsTag is that of the extensions of a TBSCertificate.
var extensionsTag = casn1.Tag(3).ContextSpecific().Constructed()

// tagOf is the tag that an element which is not empty begins with.
func tagOf(s cryptobyte.String) casn1.Tag { return casn1.Tag(s[0]) }
