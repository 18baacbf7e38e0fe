package layout

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Key is a public key of an owner or a functionary.
type Key struct {
	ID     ident.Digest // SHA-256 of its SubjectPublicKeyInfo
	Name   string
	public crypto.PublicKey
}

// minRSA is the least length of RSA keys, in bits: as for signatures elsewhere.
const minRSA = 2048

// ParseKey reads a public key: PEM, or JSON as in-toto writes it. Name is for messages.
func ParseKey(name string, raw []byte) (*Key, error) {
	if strings.HasPrefix(strings.TrimSpace(string(raw)), "{") {
		m, err := object(raw)
		if err != nil {
			return nil, err
		}
		k, err := readKey(m)
		if err != nil {
			return nil, err
		}
		k.Name = name
		return k, nil
	}
	return pemKey(name, raw)
}

func pemKey(name string, raw []byte) (*Key, error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, ident.Errorf(ident.KindInvalid, "holds no public key in PEM")
	}
	if strings.Contains(block.Type, "PRIVATE") {
		return nil, ident.Errorf(ident.KindInvalid, "holds a private key").WithHint("the public one verifies")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "holds no public key: %w", err)
	}
	return newKey(name, public)
}

func newKey(name string, public crypto.PublicKey) (*Key, error) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSA {
			return nil, ident.Errorf(ident.KindInvalid, "is an RSA key of %d bits, fewer than %d", k.N.BitLen(), minRSA)
		}
	case *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return nil, ident.Errorf(ident.KindUnsupported, "is a key of a kind that is not judged: %T", public)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "is no public key: %w", err)
	}
	return &Key{ID: ident.SHA256(der), Name: name, public: public}, nil
}

// readKey reads {"keytype", "scheme", "keyval": {"public"}} (specification, section 4.2.1).
// The scheme has to be the one that the type of key is judged by.
func readKey(m map[string]any) (*Key, error) {
	kind, _ := m["keytype"].(string)
	scheme, _ := m["scheme"].(string)
	val, _ := m["keyval"].(map[string]any)
	text, _ := val["public"].(string)
	var k *Key
	var err error
	if kind == "ed25519" && !strings.Contains(text, "BEGIN") {
		raw, decodeErr := hex.DecodeString(text)
		if decodeErr != nil || len(raw) != ed25519.PublicKeySize {
			return nil, ident.Errorf(ident.KindInvalid, "is no Ed25519 key of 32 bytes in hexadecimal")
		}
		k, err = newKey("", ed25519.PublicKey(raw))
	} else {
		k, err = pemKey("", []byte(text))
	}
	if err != nil {
		return nil, err
	}
	ok := false
	switch k.public.(type) {
	case *rsa.PublicKey:
		ok = scheme == "rsassa-pss-sha256"
	case *ecdsa.PublicKey:
		ok = strings.HasPrefix(scheme, "ecdsa-sha2-nistp") || scheme == "ecdsa"
	case ed25519.PublicKey:
		ok = scheme == "ed25519"
	}
	if !ok {
		return nil, ident.Errorf(ident.KindUnsupported, "is a key of the type %.40q and the scheme %.40q, which are not judged", kind, scheme)
	}
	return k, nil
}

// signedBy reports whether one of the signatures is the key's. What a signature says of
// its key counts for nothing.
func (s *signed) signedBy(k *Key) bool {
	for _, x := range s.signatures {
		if k.verifies(s.message, x.bytes) {
			return true
		}
	}
	return false
}

func (k *Key) verifies(message, sig []byte) bool {
	switch p := k.public.(type) {
	case *rsa.PublicKey: // rsassa-pss-sha256
		sum := sha256.Sum256(message)
		return rsa.VerifyPSS(p, crypto.SHA256, sum[:], sig, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto}) == nil
	case *ecdsa.PublicKey: // ecdsa-sha2-nistpN
		switch p.Curve.Params().BitSize {
		case 256:
			sum := sha256.Sum256(message)
			return ecdsa.VerifyASN1(p, sum[:], sig)
		case 384:
			sum := sha512.Sum384(message)
			return ecdsa.VerifyASN1(p, sum[:], sig)
		case 521:
			sum := sha512.Sum512(message)
			return ecdsa.VerifyASN1(p, sum[:], sig)
		}
	case ed25519.PublicKey:
		return ed25519.Verify(p, message, sig)
	}
	return false
}
