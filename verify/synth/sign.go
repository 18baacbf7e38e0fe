package synth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/digitorus/timestamp"
)

// Signing says how something is signed. The zero value is as cosign signs today: a
// certificate of ten minutes on P-256, logged, in a log of the second generation, with a
// timestamp, in a bundle of version 0.3.
type Signing struct {
	// Key signs without a certificate; nil: a certificate for a key made for it.
	Key             crypto.Signer
	LeafKey         crypto.Signer  // the certificate's; nil: one on P-256
	Subject, Issuer string         // an address or a URI; whoever vouches for it
	Extensions      map[int]string // Fulcio's, by the last number of their identifiers
	// Statement is signed in an envelope; nil: the content itself is signed.
	Statement   []byte
	PayloadType string // "": in-toto's
	Version     string // of the bundle: 0.1, 0.2 or 0.3

	FirstLog bool // a log of the first generation, which promises and says when
	// BareOrigin has the first log sign checkpoints under its bare name, and promise
	// nothing.
	BareOrigin bool
	// DigestEntry has the first log hold the digest of what an envelope's signature is over
	// (hashedrekord); IntotoEntry has it hold the kind that came before dsse.
	DigestEntry, IntotoEntry bool

	NoLog     bool
	NoStamp   bool
	NoSCT     bool
	SCTMore   []byte            // extensions of the certificate log's promise
	Embedded  bool              // the timestamp brings the authority's certificate
	LaterSCT  time.Duration     // the certificate log's time after the signing
	Started   time.Duration     // how long before the signing the certificate begins; a minute if 0
	Validity  time.Duration     // of the certificate; ten minutes if 0
	StampAt   time.Duration     // the timestamp's time after the signing
	LoggedAt  time.Duration     // the first log's time after the signing
	LogBody   func(body Object) // changes what the log holds before it signs
	Depth     int               // of the log's tree; 20 if 0
	Authority *x509.Certificate // template changes of the leaf: copied usages; nil: code signing
}

// Certificate identifiers of Fulcio and of certificate logs.
var (
	fulcio = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1}
	sctOID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}
)

// Sign signs content, and returns the bundle as an object that Write writes.
func (d *Deployment) Sign(content []byte, s Signing) (Object, error) {
	key := s.Key
	var leaf *x509.Certificate
	if key == nil {
		if key = s.LeafKey; key == nil {
			k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				return nil, err
			}
			key = k
		}
		var err error
		if leaf, err = d.Certificate(key.Public(), s); err != nil {
			return nil, err
		}
	}
	version := s.Version
	if version == "" {
		version = "0.3"
	}
	bundle := Object{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}
	if version != "0.3" {
		bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=" + version
	}
	algorithm := of(key.Public())
	signed := content
	if s.Statement != nil {
		kind := s.payloadType()
		signed = []byte(fmt.Sprintf("DSSEv1 %d %s %d %s", len(kind), kind, len(s.Statement), s.Statement))
	}
	digest := algorithm.digest(signed)
	signature, err := algorithm.sign(key, signed, s.Statement != nil)
	if err != nil {
		return nil, err
	}
	if s.Statement != nil {
		kind := s.payloadType()
		bundle["dsseEnvelope"] = Object{"payload": encode(s.Statement), "payloadType": kind, "signatures": []any{Object{"sig": encode(signature)}}}
	} else {
		bundle["messageSignature"] = Object{"messageDigest": Object{"algorithm": algorithm.enum, "digest": encode(digest)}, "signature": encode(signature)}
	}
	material := Object{"tlogEntries": []any{}}
	var verifier []byte // as a log of the first generation keeps it
	switch {
	case leaf == nil:
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			return nil, err
		}
		id := sha256.Sum256(der)
		material["publicKey"] = Object{"hint": encode(id[:])}
		verifier = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	case version == "0.3":
		material["certificate"] = Object{"rawBytes": encode(leaf.Raw)}
	default:
		material["x509CertificateChain"] = Object{"certificates": []any{Object{"rawBytes": encode(leaf.Raw)}}}
	}
	if leaf != nil {
		verifier = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})
	}
	if !s.NoLog {
		var entry Object
		if s.FirstLog {
			entry, err = d.first(s, digest, signature, verifier)
		} else {
			entry, err = d.second(s, algorithm, digest, signature, leaf, key.Public())
		}
		if err != nil {
			return nil, err
		}
		material["tlogEntries"] = []any{entry}
	}
	if !s.NoStamp {
		sum := sha256.Sum256(signature)
		stamp, err := d.stamp(sum[:], d.at.Add(s.StampAt), s.Embedded)
		if err != nil {
			return nil, err
		}
		material["timestampVerificationData"] = Object{"rfc3161Timestamps": []any{Object{"signedTimestamp": encode(stamp)}}}
	}
	bundle["verificationMaterial"] = material
	return bundle, nil
}

func (s Signing) payloadType() string {
	if s.PayloadType != "" {
		return s.PayloadType
	}
	return "application/vnd.in-toto+json"
}

// Stamp returns a timestamp of the deployment's authority over a signature (RFC 3161).
func (d *Deployment) Stamp(signature []byte, at time.Time) ([]byte, error) {
	sum := sha256.Sum256(signature)
	return d.StampDigest(sum[:], at)
}

// StampDigest returns a timestamp over a SHA-256.
func (d *Deployment) StampDigest(sum []byte, at time.Time) ([]byte, error) {
	return d.stamp(sum, at, false)
}

func (d *Deployment) stamp(sum []byte, at time.Time, embedded bool) ([]byte, error) {
	t := timestamp.Timestamp{AddTSACertificate: embedded, HashAlgorithm: crypto.SHA256, HashedMessage: sum, Time: at.UTC(), Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}}
	return t.CreateResponseWithOpts(d.stampCert, d.stamper, crypto.SHA256)
}

// Certificate issues one, with the promise of the certificate log in it (RFC 6962
// section 3.3).
func (d *Deployment) Certificate(public crypto.PublicKey, s Signing) (*x509.Certificate, error) {
	d.leafSerial++
	started, validity := s.Started, s.Validity
	if started == 0 {
		started = time.Minute
	}
	if validity == 0 {
		validity = 10 * time.Minute
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1000 + d.leafSerial), NotBefore: d.at.Add(-started), NotAfter: d.at.Add(-started).Add(validity),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}
	if s.Authority != nil {
		t.ExtKeyUsage, t.IsCA, t.BasicConstraintsValid = s.Authority.ExtKeyUsage, s.Authority.IsCA, s.Authority.BasicConstraintsValid
	}
	if strings.Contains(s.Subject, "://") {
		u, err := url.Parse(s.Subject)
		if err != nil {
			return nil, err
		}
		t.URIs = []*url.URL{u}
	} else {
		t.EmailAddresses = []string{s.Subject}
	}
	text := func(n int, value string) error {
		der, err := asn1.MarshalWithParams(value, "utf8")
		t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: append(append(asn1.ObjectIdentifier{}, fulcio...), n), Value: der})
		return err
	}
	if err := text(8, s.Issuer); err != nil {
		return nil, err
	}
	for n := 9; n <= 22; n++ {
		if v, ok := s.Extensions[n]; ok {
			if err := text(n, v); err != nil {
				return nil, err
			}
		}
	}
	before, err := d.ca.issue(t, public)
	if err != nil || s.NoSCT {
		return before, err
	}
	promise, err := d.promise(before, d.at.Add(s.LaterSCT), s.SCTMore)
	if err != nil {
		return nil, err
	}
	t.ExtraExtensions = append(t.ExtraExtensions, pkix.Extension{Id: sctOID, Value: promise})
	return d.ca.issue(t, public)
}

// promise is the list of one signed certificate timestamp over a certificate without it.
func (d *Deployment) promise(before *x509.Certificate, at time.Time, more []byte) ([]byte, error) {
	var stamp [8]byte
	binary.BigEndian.PutUint64(stamp[:], uint64(at.UnixMilli())) // #nosec G115 -- after 1970
	issuer := sha256.Sum256(d.ca.certs[0].RawSubjectPublicKeyInfo)
	tbs := before.RawTBSCertificate
	signed := append([]byte{0, 0}, stamp[:]...)
	signed = append(append(signed, 0, 1), issuer[:]...)
	signed = append(append(signed, byte(len(tbs)>>16), byte(len(tbs)>>8), byte(len(tbs))), tbs...) // #nosec G115 -- three bytes
	extensions := append(binary.BigEndian.AppendUint16(nil, uint16(len(more))), more...)           // #nosec G115 -- a few bytes
	signed = append(signed, extensions...)
	sum := sha256.Sum256(signed)
	sig, err := ecdsa.SignASN1(rand.Reader, d.ctLog, sum[:])
	if err != nil {
		return nil, err
	}
	sct := append(append([]byte{0}, d.ctID...), stamp[:]...)
	sct = append(append(sct, extensions...), 4, 3, byte(len(sig)>>8), byte(len(sig))) // #nosec G115 -- SHA-256, ECDSA
	sct = append(sct, sig...)
	list := binary.BigEndian.AppendUint16(nil, uint16(len(sct)+2))               // #nosec G115 -- some 120 bytes
	list = append(binary.BigEndian.AppendUint16(list, uint16(len(sct))), sct...) // #nosec G115
	return asn1.Marshal(list)
}

// way is how keys of a kind sign.
type way struct {
	hash                crypto.Hash
	name, enum, details string
}

func of(public crypto.PublicKey) way {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P384():
			return way{crypto.SHA384, "sha384", "SHA2_384", "PKIX_ECDSA_P384_SHA_384"}
		case elliptic.P521():
			return way{crypto.SHA512, "sha512", "SHA2_512", "PKIX_ECDSA_P521_SHA_512"}
		}
	case ed25519.PublicKey:
		return way{crypto.SHA512, "sha512", "SHA2_512", "PKIX_ED25519_PH"}
	case *rsa.PublicKey:
		return way{crypto.SHA256, "sha256", "SHA2_256", "PKIX_RSA_PKCS1V15_" + strconv.Itoa(k.N.BitLen()) + "_SHA256"}
	}
	return way{crypto.SHA256, "sha256", "SHA2_256", "PKIX_ECDSA_P256_SHA_256"}
}

func (w way) digest(b []byte) []byte {
	h := w.hash.New()
	h.Write(b)
	return h.Sum(nil)
}

// sign signs as the kind of key does: Ed25519 prehashed for content that is logged, pure
// in envelopes.
func (w way) sign(key crypto.Signer, message []byte, envelope bool) ([]byte, error) {
	if _, ok := key.(ed25519.PrivateKey); ok {
		if envelope {
			return key.Sign(rand.Reader, message, crypto.Hash(0))
		}
		return key.Sign(rand.Reader, w.digest(message), &ed25519.Options{Hash: crypto.SHA512})
	}
	return key.Sign(rand.Reader, w.digest(message), w.hash)
}

func hexed(b []byte) string { return hex.EncodeToString(b) }
