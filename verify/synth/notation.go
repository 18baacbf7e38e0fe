package synth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/cose"
	"github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/tspclient-go"
	"golang.org/x/crypto/ocsp"
)

// Notary is an authority of code signing certificates, and a signer whom it certified,
// who signs as the Notary Project's notation does, by that project's own library.
type Notary struct {
	at          time.Time
	root        chain
	leaf        *x509.Certificate
	key         crypto.Signer
	deployment  *Deployment // whose timestamps are asked for
	Certificate *x509.Certificate
}

// NotaryOptions say what a Notary is like.
type NotaryOptions struct {
	At      time.Time // the certificates are good from an hour before until a day after
	Subject pkix.Name // of the signer; its zero value is C=US, ST=WA, O=acme, CN=builder
	Key     crypto.Signer
	Lists   []string // where the certificate says that revocations are told
	Asked   []string // … and where that can be asked (OCSP)
}

// NewNotary returns one.
func NewNotary(o NotaryOptions) (*Notary, error) {
	d, err := New(Options{At: o.At, Direct: true})
	if err != nil {
		return nil, err
	}
	n := &Notary{at: o.At.UTC().Truncate(time.Second), deployment: d, key: o.Key}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if n.key == nil {
		if n.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, err
		}
	}
	if o.Subject.CommonName == "" {
		o.Subject = pkix.Name{Country: []string{"US"}, Province: []string{"WA"}, Organization: []string{"acme"}, CommonName: "builder"}
	}
	from, until := n.at.Add(-time.Hour), n.at.Add(day)
	top := chain{key: key}
	root, err := top.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "acme root", Organization: []string{"acme"}}, NotBefore: from, NotAfter: until, SerialNumber: big.NewInt(1),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}, key.Public())
	if err != nil {
		return nil, err
	}
	n.root = chain{key: key, certs: []*x509.Certificate{root}}
	n.leaf, err = n.root.issue(&x509.Certificate{Subject: o.Subject, NotBefore: from, NotAfter: until, SerialNumber: big.NewInt(2), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, CRLDistributionPoints: o.Lists, OCSPServer: o.Asked}, n.key.Public())
	n.Certificate = n.leaf
	return n, err
}

// Root returns the certificate of the authority, in PEM.
func (n *Notary) Root() []byte { return certificatePEM(n.root.certs[0]) }

// StampRoot returns that of its timestamps' authority, in PEM.
func (n *Notary) StampRoot() []byte {
	return certificatePEM(n.deployment.tsa.certs[len(n.deployment.tsa.certs)-1])
}

func certificatePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// NotationSigning says how something is signed.
type NotationSigning struct {
	COSE       bool
	Authority  bool      // by the scheme notary.x509.signingAuthority
	Expiry     time.Time // zero: none
	Stamped    time.Time // zero: without a timestamp
	Payload    []byte    // instead of one about the digest
	Type       string    // of the payload, instead of the Notary Project's
	Attributes []signature.Attribute
}

// Sign returns an envelope about a digest (sha256:…), and its media type.
func (n *Notary) Sign(digest string, s NotationSigning) (envelope []byte, mediaType string, err error) {
	mediaType = jws.MediaTypeEnvelope
	if s.COSE {
		mediaType = cose.MediaTypeEnvelope
	}
	e, err := signature.NewEnvelope(mediaType)
	if err != nil {
		return nil, "", err
	}
	signer, err := signature.NewLocalSigner([]*x509.Certificate{n.leaf, n.root.certs[0]}, n.key)
	if err != nil {
		return nil, "", err
	}
	q := &signature.SignRequest{Signer: signer, SigningTime: n.at, Expiry: s.Expiry, SigningScheme: signature.SigningSchemeX509, SigningAgent: "synth", ExtendedSignedAttributes: s.Attributes,
		Payload: signature.Payload{ContentType: "application/vnd.cncf.notary.payload.v1+json", Content: s.Payload}}
	if s.Type != "" {
		q.Payload.ContentType = s.Type
	}
	if s.Payload == nil {
		if q.Payload.Content, err = json.Marshal(Object{"targetArtifact": Object{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 16}}); err != nil {
			return nil, "", err
		}
	}
	if s.Authority {
		q.SigningScheme = signature.SigningSchemeX509SigningAuthority
	}
	if !s.Stamped.IsZero() {
		q.Timestamper, q.TSARootCAs = &timestamper{n.deployment, s.Stamped}, x509.NewCertPool()
		q.TSARootCAs.AddCert(n.deployment.tsa.certs[len(n.deployment.tsa.certs)-1])
	}
	envelope, err = e.Sign(q)
	return envelope, mediaType, err
}

// timestamper answers requests as a timestamp authority does (RFC 3161).
type timestamper struct {
	d  *Deployment
	at time.Time
}

func (t *timestamper) Timestamp(_ context.Context, q *tspclient.Request) (*tspclient.Response, error) {
	token := timestamp.Timestamp{HashAlgorithm: crypto.SHA256, HashedMessage: q.MessageImprint.HashedMessage, Time: t.at.UTC(), Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}, AddTSACertificate: true}
	raw, err := token.CreateResponseWithOpts(t.d.stampCert, t.d.stamper, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	out := new(tspclient.Response)
	return out, out.UnmarshalBinary(raw)
}

// RevocationList returns a list of the authority's that revokes serial numbers (the
// signer's is 2), good from a time on for an hour, in DER.
func (n *Notary) RevocationList(from time.Time, revoked ...int64) ([]byte, error) {
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: from, NextUpdate: from.Add(time.Hour)}
	for _, serial := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(serial), RevocationTime: from.Add(-time.Minute)})
	}
	return x509.CreateRevocationList(rand.Reader, list, n.root.certs[0], n.root.key)
}

// Answer is what a responder says of the signer's certificate.
type Answer struct {
	Status    int           // ocsp.Good, Revoked, Unknown
	From      time.Duration // after the signing
	Endless   bool          // without an end; else it is good for an hour
	Delegated bool          // by a responder that the authority certified, and not by itself
	NotForIt  bool          // … for something else
	Serial    int64         // of another certificate; 0: the signer's
	Of        *Notary       // names another authority; nil: this one
}

// OCSP returns such an answer (RFC 6960), in DER.
func (n *Notary) OCSP(a Answer) ([]byte, error) {
	from := n.at.Add(a.From)
	r := ocsp.Response{Status: a.Status, SerialNumber: n.leaf.SerialNumber, ThisUpdate: from, RevokedAt: from.Add(-time.Minute)}
	if !a.Endless {
		r.NextUpdate = from.Add(time.Hour)
	}
	if a.Serial != 0 {
		r.SerialNumber = big.NewInt(a.Serial)
	}
	issuer, responder, key := n.root.certs[0], n.root.certs[0], n.root.key
	if a.Of != nil {
		issuer = a.Of.root.certs[0]
	}
	if a.Delegated {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		usage := x509.ExtKeyUsageOCSPSigning
		if a.NotForIt {
			usage = x509.ExtKeyUsageCodeSigning
		}
		if responder, err = n.root.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "responder"}, NotBefore: n.at.Add(-time.Hour), NotAfter: n.at.Add(day), SerialNumber: big.NewInt(9),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage}}, k.Public()); err != nil {
			return nil, err
		}
		key, r.Certificate = k, responder
	}
	return ocsp.CreateResponse(issuer, responder, r, key)
}
