package signing

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Key is a private key. It prints as nothing, so that no log can hold it.
type Key struct {
	sign    Sign
	public  crypto.PublicKey
	hash    crypto.Hash // zero for Ed25519, which signs what it is given
	details string      // its name in Sigstore's PublicKeyDetails
	kind    string      // Fulcio's word for it
	der     []byte      // of the public key (PKIX)
}

// Sign signs a message, whose hash is given (zero: the message itself, Ed25519), as every
// signer of that algorithm does.
type Sign func(ctx context.Context, message []byte, hash crypto.Hash) ([]byte, error)

// Kept returns a key that somebody else keeps and signs with, by its public half in PEM.
// What it signs is verified before it is handed on.
func Kept(name string, public []byte, sign Sign) (*Key, error) {
	k, err := keptKey(public, sign)
	if err != nil {
		return nil, err.At(name)
	}
	return k, nil
}

func keptKey(public []byte, sign Sign) (*Key, *ident.Error) {
	block, _ := pem.Decode(public)
	if block == nil || len(public) > maxKeyBytes {
		return nil, ident.Errorf(ident.KindFailure, "its public key is not PEM")
	}
	p, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "its public key is malformed: %w", err)
	}
	return newKey(p, sign)
}

// String keeps the key out of what is printed.
func (*Key) String() string { return "(private key)" }

// GoString keeps the key out of what is printed.
func (*Key) GoString() string { return "(private key)" }

const maxKeyBytes = 64 << 10

// The types of PEM of keys that cosign encrypts; both hold the same.
const (
	sigstoreKey = "ENCRYPTED SIGSTORE PRIVATE KEY"
	cosignKey   = "ENCRYPTED COSIGN PRIVATE KEY"
)

// ParseKey reads a private key: PEM with PKCS #8, SEC 1 or PKCS #1, or as cosign
// encrypts it, for which password is asked. ECDSA on P-256, P-384 or P-521, RSA of at
// least 2,048 bits, or Ed25519. No error holds any of the input.
func ParseKey(name string, raw []byte, password func() ([]byte, error)) (*Key, error) {
	bad := func(format string, args ...any) *ident.Error {
		return ident.Errorf(ident.KindFailure, format, args...).At(name)
	}
	if len(raw) > maxKeyBytes {
		return nil, bad("the key has %d bytes, more than %d", len(raw), maxKeyBytes)
	}
	block, rest := pem.Decode(raw)
	if block == nil {
		return nil, bad("is no private key in PEM").WithHint("cosign generate-key-pair and openssl genpkey write one")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, bad("holds something after the key").WithHint("one file for each key")
	}
	var private any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case sigstoreKey, cosignKey:
		secret, perr := password()
		if perr != nil {
			return nil, perr
		}
		der, derr := encrypted.Decrypt(block.Bytes, secret)
		if derr != nil {
			return nil, bad("the key cannot be decrypted").WithHint("COSIGN_PASSWORD has its password, or --password-stdin reads it")
		}
		private, err = x509.ParsePKCS8PrivateKey(der)
	case "ENCRYPTED PRIVATE KEY":
		return nil, bad("is encrypted in a way that is not read").WithHint("cosign import-key-pair --key FILE encrypts it as cosign does")
	default:
		return nil, bad("PEM of type %.60q is no private key", block.Type)
	}
	if err != nil {
		return nil, bad("the private key is malformed")
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, bad("keys of type %T do not sign", private)
	}
	k, fault := newKey(signer.Public(), local(signer))
	if fault != nil {
		return nil, fault.At(name)
	}
	return k, nil
}

// local signs with a key that is in memory.
func local(signer crypto.Signer) Sign {
	return func(_ context.Context, message []byte, hash crypto.Hash) ([]byte, error) {
		return signer.Sign(rand.Reader, digestOf(message, hash), hash)
	}
}

func newKey(public crypto.PublicKey, sign Sign) (*Key, *ident.Error) {
	k := &Key{sign: sign, public: public}
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		k.kind = "ECDSA"
		switch p.Curve {
		case elliptic.P256():
			k.hash, k.details = crypto.SHA256, "PKIX_ECDSA_P256_SHA_256"
		case elliptic.P384():
			k.hash, k.details = crypto.SHA384, "PKIX_ECDSA_P384_SHA_384"
		case elliptic.P521():
			k.hash, k.details = crypto.SHA512, "PKIX_ECDSA_P521_SHA_512"
		default:
			return nil, ident.Errorf(ident.KindFailure, "ECDSA on %s is not signed with", p.Curve.Params().Name).WithHint("P-256, P-384 or P-521")
		}
	case *rsa.PublicKey:
		details, ok := map[int]string{2048: "PKIX_RSA_PKCS1V15_2048_SHA256", 3072: "PKIX_RSA_PKCS1V15_3072_SHA256", 4096: "PKIX_RSA_PKCS1V15_4096_SHA256"}[p.N.BitLen()]
		if !ok {
			return nil, ident.Errorf(ident.KindFailure, "RSA of %d bits is not signed with", p.N.BitLen()).WithHint("2048, 3072 or 4096 bits")
		}
		k.hash, k.details, k.kind = crypto.SHA256, details, "RSA"
	case ed25519.PublicKey:
		k.details, k.kind = "PKIX_ED25519", "ED25519"
	default:
		return nil, ident.Errorf(ident.KindFailure, "keys of type %T are not signed with", p).WithHint("ECDSA, RSA or Ed25519")
	}
	var err error
	if k.der, err = x509.MarshalPKIXPublicKey(public); err != nil {
		return nil, ident.Errorf(ident.KindFailure, "the public key cannot be written: %w", err)
	}
	return k, nil
}

// made returns a key for a single signature, on P-256 as every Sigstore client makes it.
func made() (*Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	k, fault := newKey(private.Public(), local(private))
	if fault != nil {
		return nil, fault
	}
	return k, nil
}

// Public is the public key in PEM.
func (k *Key) Public() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: k.der})
}

// hint is the name of the key in a bundle, as cosign writes it. It proves nothing.
func (k *Key) hint() string {
	sum := sha256.Sum256(k.der)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// digest is what is signed of a message; the message itself for Ed25519.
func (k *Key) digest(message []byte) []byte { return digestOf(message, k.hash) }

func digestOf(message []byte, hash crypto.Hash) []byte {
	if hash == 0 {
		return message
	}
	h := hash.New()
	h.Write(message)
	return h.Sum(nil)
}

// Sign signs a message, and returns the signature, which was verified.
func (k *Key) Sign(ctx context.Context, message []byte) ([]byte, error) {
	sig, err := k.sign(ctx, message, k.hash)
	if err != nil {
		return nil, err
	}
	good, sum := false, k.digest(message)
	switch p := k.public.(type) {
	case *ecdsa.PublicKey:
		good = ecdsa.VerifyASN1(p, sum, sig)
	case *rsa.PublicKey:
		good = rsa.VerifyPKCS1v15(p, k.hash, sum, sig) == nil
	case ed25519.PublicKey:
		good = ed25519.Verify(p, message, sig)
	}
	if !good {
		return nil, ident.Errorf(ident.KindFailure, "the signature that was made is not of the key, or in another algorithm than %s", k.details).
			WithHint("at a key management service: is the public key that of the version that signs, and RSA with PKCS #1 v1.5?")
	}
	return sig, nil
}
