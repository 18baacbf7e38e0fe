package layout

import (
	"crypto"
	"crypto/dsa" //nolint:staticcheck // GnuPG's DSA keys are verified with, from 2048 bits on; none is made
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha256" // hashes of GnuPG's signatures
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// gpgKey is what is known of a key of GnuPG beside its numbers.
type gpgKey struct {
	fingerprint string // hexadecimal: the layout's name of it
	algorithm   byte   // of public keys, by RFC 4880 section 9.1 and RFC 9580
	created     time.Time
	expires     time.Time // zero: never; no later than its primary key
	weak        string    // why nothing counts that it signed
}

// The algorithms of public keys (RFC 9580 section 9.1).
const (
	gpgRSA   = 1
	gpgDSA   = 17
	gpgEdDSA = 22
)

// gpgHashes are those that count (RFC 9580 section 9.5); MD5, SHA-1, RIPEMD-160 and
// SHA-224 do not.
var gpgHashes = map[byte]crypto.Hash{8: crypto.SHA256, 9: crypto.SHA384, 10: crypto.SHA512}

// isGPG reports whether a key is one of GnuPG, as in-toto and securesystemslib write it:
// {"type", "method": "pgp+…", "keyid", "keyval", "creation_time", "validity_period",
// "subkeys"}, or with keytype and scheme.
func isGPG(m map[string]any) bool { return strings.HasPrefix(gpgMethod(m), "pgp+") }

func gpgMethod(m map[string]any) string {
	text, _ := m["method"].(string)
	if text == "" {
		text, _ = m["scheme"].(string)
	}
	return text
}

// readGPG reads a key of GnuPG with its subkeys. A primary key that cannot be judged by is
// an error, since it is what vouches for its subkeys; a subkey is one that signs nothing.
func readGPG(m map[string]any) (*Key, error) {
	first, err := readGPGPart(m)
	if err != nil {
		return nil, err
	}
	if first.gpg.weak != "" {
		return nil, ident.Errorf(ident.KindInvalid, "%s", first.gpg.weak)
	}
	k := &Key{ID: first.id, Who: "GPG key " + first.gpg.fingerprint, parts: []part{*first}, owned: []ident.Digest{first.id}}
	subkeys, _ := m["subkeys"].(map[string]any)
	if len(subkeys) > maxSignatures {
		return nil, ident.Errorf(ident.KindLimit, "has more than %d subkeys", maxSignatures)
	}
	for _, id := range slices.Sorted(maps.Keys(subkeys)) {
		sub, _ := subkeys[id].(map[string]any)
		p, err := readGPGPart(sub)
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "has the subkey %.40q, which %w", id, err)
		}
		if !strings.EqualFold(p.gpg.fingerprint, id) {
			return nil, ident.Errorf(ident.KindInvalid, "has the subkey %.40q, which is named %.40q as well", id, p.gpg.fingerprint)
		}
		if end := first.gpg.expires; p.gpg.expires.IsZero() || !end.IsZero() && end.Before(p.gpg.expires) {
			p.gpg.expires = end
		}
		k.parts, k.owned = append(k.parts, *p), append(k.owned, p.id)
	}
	return k, nil
}

// only returns what of a key its part of a fingerprint is: the same functionary, who may
// sign with nothing else; nil where it has none.
func (k *Key) only(fingerprint string) *Key {
	for _, p := range k.parts {
		if p.gpg != nil && strings.EqualFold(p.gpg.fingerprint, fingerprint) {
			c := *k
			c.parts = []part{p}
			return &c
		}
	}
	return nil
}

func readGPGPart(m map[string]any) (*part, error) {
	g := &gpgKey{}
	id, _ := m["keyid"].(string)
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != 20 {
		return nil, ident.Errorf(ident.KindInvalid, "has no fingerprint of 40 hexadecimal digits as its keyid: %.60q", id)
	}
	g.fingerprint = strings.ToLower(id)
	var created, period int64
	for name, into := range map[string]*int64{"creation_time": &created, "validity_period": &period} {
		n, ok := m[name].(int64)
		if v := m[name]; v != nil && (!ok || n < 0 || n > 1<<32) {
			return nil, ident.Errorf(ident.KindInvalid, "has a %s that is no number of seconds", name)
		}
		*into = n
	}
	if created > 0 {
		g.created = time.Unix(created, 0).UTC()
	}
	if period > 0 {
		if g.created.IsZero() {
			return nil, ident.Errorf(ident.KindInvalid, "is valid for a time, and does not say from when")
		}
		g.expires = g.created.Add(time.Duration(period) * time.Second)
	}
	if hashes := texts(m["hashes"]); len(hashes) > 0 && !slices.Contains(hashes, "pgp+SHA2") {
		g.weak = "signs by hashes that do not count: " + strings.Join(hashes, ", ")
	}
	val, _ := m["keyval"].(map[string]any)
	public, _ := val["public"].(map[string]any)
	number := func(name string) *big.Int {
		text, _ := public[name].(string)
		raw, err := hex.DecodeString(text)
		if err != nil || len(raw) == 0 || len(raw) > maxRSA/8 {
			return nil
		}
		return new(big.Int).SetBytes(raw)
	}
	p := &part{gpg: g}
	switch method := gpgMethod(m); method {
	case "pgp+rsa-pkcsv1.5":
		n, e := number("n"), number("e")
		if n == nil || e == nil || !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 || e.Bit(0) == 0 {
			return nil, ident.Errorf(ident.KindInvalid, "is no RSA key: modulus and exponent in hexadecimal make one")
		}
		k := &rsa.PublicKey{N: n, E: int(e.Int64())}
		g.algorithm, p.public = gpgRSA, k
		if err := rsaLength(k); err != nil {
			g.weak = err.Error()
		}
	case "pgp+dsa-fips-180-2":
		k := &dsa.PublicKey{Parameters: dsa.Parameters{P: number("p"), Q: number("q"), G: number("g")}, Y: number("y")}
		g.algorithm, p.public = gpgDSA, k
		if k.P == nil || k.Q == nil || k.G == nil || k.Y == nil {
			return nil, ident.Errorf(ident.KindInvalid, "is no DSA key: p, q, g and y in hexadecimal make one")
		}
		g.weak = weakDSA(k)
	case "pgp+eddsa-ed25519":
		text, _ := public["q"].(string)
		raw, err := hex.DecodeString(text)
		if err == nil && len(raw) == 1+ed25519.PublicKeySize && raw[0] == 0x40 { // as OpenPGP marks it
			raw = raw[1:]
		}
		if err != nil || len(raw) != ed25519.PublicKeySize {
			return nil, ident.Errorf(ident.KindInvalid, "is no Ed25519 key of 32 bytes in hexadecimal")
		}
		g.algorithm, p.public = gpgEdDSA, ed25519.PublicKey(raw)
	default:
		return nil, ident.Errorf(ident.KindUnsupported, "is a GPG key of the method %.60q, which is not judged", method).WithHint("RSA, DSA and Ed25519 are")
	}
	der, err := spki(p.public)
	if err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "is no public key: %w", err)
	}
	p.id = ident.SHA256(der)
	return p, nil
}

// weakDSA says why nothing counts that a key signed: FIPS 186-4 section 4.2 has the lengths.
func weakDSA(k *dsa.PublicKey) string {
	one := big.NewInt(1)
	in := func(x *big.Int) bool { // of the group of order q
		return x.Cmp(one) > 0 && x.Cmp(k.P) < 0 && new(big.Int).Exp(x, k.Q, k.P).Cmp(one) == 0
	}
	switch l, n := k.P.BitLen(), k.Q.BitLen(); {
	case l < 2048 || l > 3072 || n != 224 && n != 256:
		return fmt.Sprintf("is a DSA key of %d bits over %d, and from 2048 over 224 to 3072 over 256 count", l, n)
	case new(big.Int).Mod(new(big.Int).Sub(k.P, one), k.Q).Sign() != 0 || !in(k.G) || !in(k.Y):
		return "is a DSA key whose numbers do not belong together"
	}
	return ""
}

// spki is a SubjectPublicKeyInfo (RFC 5280 section 4.1), of DSA (RFC 3279 section 2.3.2) too.
func spki(public crypto.PublicKey) ([]byte, error) {
	k, is := public.(*dsa.PublicKey)
	if !is {
		return x509.MarshalPKIXPublicKey(public)
	}
	y, err := asn1.Marshal(k.Y)
	if err != nil {
		return nil, err
	}
	type parameters struct{ P, Q, G *big.Int }
	type algorithm struct {
		ID         asn1.ObjectIdentifier
		Parameters parameters
	}
	return asn1.Marshal(struct {
		Algorithm algorithm
		Key       asn1.BitString
	}{algorithm{asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}, parameters{k.P, k.Q, k.G}}, asn1.BitString{Bytes: y, BitLength: 8 * len(y)}})
}

// verifies returns nil where a signature is the key's, and counts; else why not.
func (g *gpgKey) verifies(public crypto.PublicKey, message []byte, x *signature, at time.Time) error {
	hash, err := g.headers(x.headers, at)
	switch {
	case err != nil:
		return err
	case g.weak != "":
		return fmt.Errorf("is of a key that %s", g.weak)
	case g.created.After(at):
		return fmt.Errorf("is of a key that is made only on %s", g.created.Format(time.RFC3339))
	case !g.expires.IsZero() && !at.Before(g.expires):
		return fmt.Errorf("is of a key that expired on %s", g.expires.Format(time.RFC3339))
	}
	// Section 5.2.4: the message, the headers, and how many these are.
	h := hash.New()
	h.Write(message)
	h.Write(x.headers)
	h.Write(binary.BigEndian.AppendUint32([]byte{4, 0xff}, uint32(len(x.headers)))) //nolint:gosec // headers has it below 2^16+6
	sum, ok := h.Sum(nil), false
	switch k := public.(type) {
	case *rsa.PublicKey:
		if n := k.Size() - len(x.bytes); n >= 0 { // numbers are written without zeros in front
			ok = rsa.VerifyPKCS1v15(k, hash, sum, append(make([]byte, n), x.bytes...)) == nil
		}
	case *dsa.PublicKey:
		var of struct{ R, S *big.Int }
		rest, err := asn1.Unmarshal(x.bytes, &of)
		ok = err == nil && len(rest) == 0 && dsa.Verify(k, sum[:k.Q.BitLen()/8], of.R, of.S)
	case ed25519.PublicKey:
		ok = ed25519.Verify(k, sum, x.bytes)
	}
	if !ok {
		return fmt.Errorf("does not verify: what it signs or its headers were changed, or it is of another key")
	}
	return nil
}

// The subpackets of a signature that are understood (RFC 9580 section 5.2.3).
const (
	gpgCreated     = 2
	gpgExpires     = 3
	gpgIssuer      = 16
	gpgFingerprint = 33
)

// headers reads what GnuPG signs beside the message (RFC 4880 section 5.2.3: version 4,
// type, algorithms, hashed subpackets), and returns by which hash.
func (g *gpgKey) headers(raw []byte, at time.Time) (crypto.Hash, error) {
	if len(raw) < 6 || len(raw) != 6+int(binary.BigEndian.Uint16(raw[4:])) {
		return 0, fmt.Errorf("has malformed headers")
	}
	hash, counts := gpgHashes[raw[3]]
	switch {
	case raw[0] != 4:
		return 0, fmt.Errorf("is of version %d of OpenPGP's signatures, and 4 is judged", raw[0])
	case raw[1] != 0:
		return 0, fmt.Errorf("is of the type %#x, and not over a document", raw[1]) // a certification, a text whose line ends are changed
	case raw[2] != g.algorithm:
		return 0, fmt.Errorf("is of the algorithm %d, and its key of %d", raw[2], g.algorithm)
	case !counts:
		return 0, fmt.Errorf("is by the hash %d, which does not count: SHA-256, SHA-384 and SHA-512 do", raw[3])
	}
	var created time.Time
	var lasts time.Duration
	for rest := raw[6:]; len(rest) > 0; {
		n, used := subpacket(rest)
		if n < 1 || used+n > len(rest) {
			return 0, fmt.Errorf("has malformed headers")
		}
		kind, critical, body := rest[used]&0x7f, rest[used]&0x80 != 0, rest[used+1:used+n]
		rest = rest[used+n:]
		switch {
		case (kind == gpgCreated || kind == gpgExpires) && len(body) == 4:
			seconds := binary.BigEndian.Uint32(body)
			if kind == gpgCreated {
				created = time.Unix(int64(seconds), 0).UTC()
			} else {
				lasts = time.Duration(seconds) * time.Second
			}
		case kind == gpgIssuer && len(body) == 8:
			if !strings.HasSuffix(g.fingerprint, hex.EncodeToString(body)) {
				return 0, fmt.Errorf("says that it is of another key")
			}
		case kind == gpgFingerprint && len(body) == 21 && body[0] == 4:
			if g.fingerprint != hex.EncodeToString(body[1:]) {
				return 0, fmt.Errorf("says that it is of another key")
			}
		case critical:
			return 0, fmt.Errorf("has a header (%d) that must be understood, and is not", kind)
		}
	}
	switch {
	case created.IsZero():
		return 0, fmt.Errorf("does not say when it was made")
	case created.Before(g.created):
		return 0, fmt.Errorf("says that it was made before its key was")
	case lasts > 0 && !at.Before(created.Add(lasts)):
		return 0, fmt.Errorf("has expired by its own word")
	}
	return hash, nil
}

// subpacket reads the length of a subpacket (RFC 4880 section 5.2.3.1), and how many bytes
// say it; 0 where it is malformed.
func subpacket(b []byte) (length, used int) {
	switch {
	case b[0] < 192:
		return int(b[0]), 1
	case b[0] < 255 && len(b) >= 2:
		return int(b[0]-192)<<8 + int(b[1]) + 192, 2
	case b[0] == 255 && len(b) >= 5:
		if n := binary.BigEndian.Uint32(b[1:]); n < 1<<16 {
			return int(n), 5
		}
	}
	return 0, 0
}
