package layout

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Key is who signs: an owner or a functionary, by the public keys that are theirs. Most have
// one; a key of GnuPG has subkeys, and who has certificates may have a key in each.
type Key struct {
	ID   ident.Digest // SHA-256 of the (first, or primary) key's SubjectPublicKeyInfo
	Name string
	// Who tells more where there is more to tell: a GPG key's fingerprint, a certificate's
	// subject.
	Who   string
	parts []part
	// owned are the IDs of all that is theirs, whether it may sign here or not, and whom
	// certificates name: who has one of them in common is the same.
	owned []ident.Digest
}

// part is one public key.
type part struct {
	id     ident.Digest
	public crypto.PublicKey
	gpg    *gpgKey // nil: not of GnuPG
}

// The least and largest length of RSA keys, in bits: the least as for signatures elsewhere.
const (
	minRSA = 2048
	maxRSA = 16384
)

// same reports whether two are one and the same, as far as thresholds are concerned.
func (k *Key) same(o *Key) bool {
	return slices.ContainsFunc(k.owned, func(d ident.Digest) bool { return slices.Contains(o.owned, d) })
}

// join adds a key to functionaries of whom each counts once: who is the same becomes one,
// who may sign with what either may sign with.
func join(list []*Key, k *Key) []*Key {
	var out []*Key
	var one *Key
	for _, o := range list {
		switch {
		case !o.same(k):
			out = append(out, o)
		case one == nil:
			c := *o
			one = &c
			out = append(out, one)
		default:
			one.absorb(o)
		}
	}
	if one == nil {
		return append(out, k)
	}
	one.absorb(k)
	return out
}

func (k *Key) absorb(o *Key) {
	k.parts, k.owned = slices.Clone(k.parts), append(slices.Clone(k.owned), o.owned...)
	for _, p := range o.parts {
		if !slices.ContainsFunc(k.parts, func(q part) bool { return q.id == p.id && (q.gpg == nil) == (p.gpg == nil) }) {
			k.parts = append(k.parts, p)
		}
	}
	k.Who = cmp.Or(k.Who, o.Who)
}

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
		if err := rsaLength(k); err != nil {
			return nil, err
		}
	case *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return nil, ident.Errorf(ident.KindUnsupported, "is a key of a kind that is not judged: %T", public)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "is no public key: %w", err)
	}
	id := ident.SHA256(der)
	return &Key{ID: id, Name: name, parts: []part{{id: id, public: public}}, owned: []ident.Digest{id}}, nil
}

func rsaLength(k *rsa.PublicKey) error {
	switch n := k.N.BitLen(); {
	case n < minRSA:
		return ident.Errorf(ident.KindInvalid, "is an RSA key of %d bits, fewer than %d", n, minRSA)
	case n > maxRSA:
		return ident.Errorf(ident.KindLimit, "is an RSA key of %d bits, more than %d", n, maxRSA)
	}
	return nil
}

// readKey reads {"keytype", "scheme", "keyval": {"public"}} (specification, section 4.2.1),
// or a key of GnuPG as in-toto exports it. The scheme has to be the one that the type of
// key is judged by.
func readKey(m map[string]any) (*Key, error) {
	if isGPG(m) {
		return readGPG(m)
	}
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
	switch k.parts[0].public.(type) {
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

// signedBy reports whether one of the signatures is of one of the key's parts. What a
// signature says of its key counts for nothing, but for why one does not count that says
// that it is of this key.
func (s *signed) signedBy(k *Key, at time.Time) (ok bool, why string) {
	for i := range s.signatures {
		x := &s.signatures[i]
		for j := range k.parts {
			p := &k.parts[j]
			if p.gpg == nil && x.headers == nil && verifies(p.public, s.message, x.bytes) {
				return true, ""
			}
			if p.gpg == nil || x.headers == nil {
				continue
			}
			err := p.gpg.verifies(p.public, s.message, x, at)
			if err == nil {
				return true, ""
			}
			if strings.EqualFold(x.keyID, p.gpg.fingerprint) {
				why = err.Error()
			}
		}
	}
	return false, why
}

func verifies(public crypto.PublicKey, message, sig []byte) bool {
	switch p := public.(type) {
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
