package verify

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
)

// Key is a public key that signatures are accepted of.
type Key struct {
	fact.Key
	// From and Until bound the signed times that the key is good for, both included;
	// zero: not bounded. With a bound, a signature needs a verified time.
	From, Until time.Time
	public      crypto.PublicKey
	ways        []signature.Verifier // in the order in which they are tried
}

// The weakest keys that are taken: what NIST SP 800-131A still allows.
const (
	minRSABits = 2048
	maxRSABits = 8192 // beyond it, one verification takes long enough to hold up an admission
)

// ParseKey reads one public key: PEM with "PUBLIC KEY" (PKIX) or "RSA PUBLIC KEY"
// (PKCS #1): ECDSA on P-256, P-384 or P-521, Ed25519, or RSA of at least 2,048 bits. What
// is none is a *Refusal with the reason BadKey. name is where it came from, for people.
func ParseKey(name string, raw []byte) (*Key, error) {
	if len(raw) > maxKeyBytes {
		return nil, refuse(BadKey, "the key has %d bytes, more than %d", len(raw), maxKeyBytes)
	}
	block, rest := pem.Decode(raw)
	if block == nil {
		return nil, refuse(BadKey, "the key is not PEM").hint("it begins with -----BEGIN PUBLIC KEY-----; cosign public-key writes it")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, refuse(BadKey, "more than one key, or something after it").hint("one file for each key: --key may be given several times")
	}
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		return nil, refuse(BadKey, "a certificate where a public key is due").hint("--certificate-identity and --certificate-oidc-issuer judge certificates")
	default:
		if strings.Contains(block.Type, "PRIVATE KEY") {
			return nil, refuse(BadKey, "a private key where a public key is due").hint("cosign public-key --key FILE writes the public one; nothing but the signer should hold the private one")
		}
		return nil, refuse(BadKey, "PEM of type %.60q is no public key", block.Type)
	}
	if err != nil {
		return nil, refuse(BadKey, "the public key is malformed").because(err)
	}
	return newKey(name, public)
}

func newKey(name string, public crypto.PublicKey) (*Key, error) {
	k := &Key{public: public}
	var hashes []crypto.Hash
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		// SHA-256 with the larger curves is what older signers wrote.
		switch p.Curve {
		case elliptic.P256():
			hashes = []crypto.Hash{crypto.SHA256}
		case elliptic.P384():
			hashes = []crypto.Hash{crypto.SHA384, crypto.SHA256}
		case elliptic.P521():
			hashes = []crypto.Hash{crypto.SHA512, crypto.SHA256}
		default:
			return nil, refuse(BadKey, "ECDSA on %s is not taken", p.Curve.Params().Name).hint("P-256, P-384 or P-521")
		}
		k.Algorithm = "ECDSA " + p.Curve.Params().Name
	case *rsa.PublicKey:
		if bits := p.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil, refuse(BadKey, "RSA of %d bits is not taken", bits).hint("%d to %d bits", minRSABits, maxRSABits)
		}
		hashes = []crypto.Hash{crypto.SHA256}
		k.Algorithm = "RSA " + strconv.Itoa(p.N.BitLen())
	case ed25519.PublicKey:
		// Pure, and prehashed as transparency logs want it. The two sign different bytes
		// (RFC 8032 section 5.1), so that neither can be passed off as the other.
		k.Algorithm = "Ed25519"
		pure, err := signature.LoadVerifier(p, crypto.Hash(0))
		if err != nil {
			return nil, refuse(BadKey, "the public key is not taken").because(err)
		}
		prehashed, err := signature.LoadED25519phVerifier(p)
		if err != nil {
			return nil, refuse(BadKey, "the public key is not taken").because(err)
		}
		k.ways = []signature.Verifier{pure, prehashed}
	default:
		return nil, refuse(BadKey, "keys of type %T are not taken", public).hint("ECDSA, Ed25519 or RSA")
	}
	for _, h := range hashes {
		way, err := signature.LoadVerifier(public, h)
		if err != nil {
			return nil, refuse(BadKey, "the public key is not taken").because(err)
		}
		k.ways = append(k.ways, way)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, refuse(BadKey, "the public key is not taken").because(err)
	}
	k.ID, k.Name = ident.SHA256(der), name
	return k, nil
}

// keyHashes are the algorithms that signatures of a key may be over.
var keyHashes = map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}

// WithHash returns the key as one whose signatures are over that hash and no other:
// sha256, sha384 or sha512. Ed25519 signs what it is given, and stays as it is. What
// cannot be had is a *Refusal with the reason BadKey.
func (k *Key) WithHash(name string) (*Key, error) {
	if _, pure := k.public.(ed25519.PublicKey); pure {
		return k, nil
	}
	h, ok := keyHashes[name]
	if !ok {
		return nil, refuse(BadKey, "signatures over %.40q are not taken", name).hint("sha256, sha384 or sha512")
	}
	way, err := signature.LoadVerifier(k.public, h)
	if err != nil {
		return nil, refuse(BadKey, "the public key is not taken").because(err)
	}
	other := *k
	other.ways = []signature.Verifier{way}
	return &other, nil
}

// bounded reports whether the key is good for some time only.
func (k *Key) bounded() bool { return !k.From.IsZero() || !k.Until.IsZero() }

// ValidAtTime reports whether the key is good for signatures of a time.
func (k *Key) ValidAtTime(t time.Time) bool {
	return (k.From.IsZero() || !t.Before(k.From)) && (k.Until.IsZero() || !t.After(k.Until))
}

// PublicKey returns the key; it is what sigstore-go compares log entries with.
func (k *Key) PublicKey(...signature.PublicKeyOption) (crypto.PublicKey, error) { return k.public, nil }

var errNoWay = errors.New("the signature is not of this key")

// VerifySignature accepts a signature that one of the key's algorithms accepts.
func (k *Key) VerifySignature(sig, message io.Reader, opts ...signature.VerifyOption) error {
	var digest []byte
	for _, o := range opts {
		o.ApplyDigest(&digest)
	}
	if len(k.ways) == 1 {
		return k.ways[0].VerifySignature(sig, message, opts...)
	}
	s, err := io.ReadAll(sig)
	if err != nil {
		return err
	}
	m, err := io.ReadAll(message)
	if err != nil {
		return err
	}
	for _, way := range k.ways {
		// Pure Ed25519 signs the message: given a digest instead, its verifier would judge
		// an empty message, and so accept one signature over nothing for every artifact.
		if _, pure := way.(*signature.ED25519Verifier); pure && len(digest) > 0 {
			continue
		}
		if way.VerifySignature(bytes.NewReader(s), bytes.NewReader(m), opts...) == nil {
			return nil
		}
	}
	return errNoWay
}
