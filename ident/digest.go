package ident

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// DigestRole says what a digest was computed over. Two digests that differ in
// role can name one artifact: an OCI index lists manifests, and a manifest
// names a configuration.
type DigestRole uint8

// The roles, from the outermost object to the innermost.
const (
	RoleUnknown  DigestRole = iota // the source did not say
	RoleIndex                      // OCI image index, Docker manifest list
	RoleManifest                   // OCI image manifest of one platform
	RoleConfig                     // OCI image configuration (Docker's image ID)
	RoleDocument                   // the bytes of a document, such as an SBOM
)

var roleNames = [...]string{"unknown", "index", "manifest", "config", "document"}

// String returns the role as CLI.md spells it.
func (r DigestRole) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return roleNames[RoleUnknown]
}

// MarshalText writes the role as String does.
func (r DigestRole) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Digest is a content digest in the form of the OCI image specification
// (descriptor, section "Digests"): "algorithm:hex". The zero value is no digest.
// Digests are comparable and are used as map keys.
type Digest struct{ s string }

// hexLengths gives, per registered algorithm, the number of hexadecimal digits.
var hexLengths = map[string]int{"sha256": 64, "sha384": 96, "sha512": 128}

// ParseDigest reads "sha256:…", "sha384:…" or "sha512:…". Hexadecimal digits may
// be of either case and are folded to lower case.
func ParseDigest(s string) (Digest, error) {
	alg, enc, ok := strings.Cut(s, ":")
	if !ok {
		return Digest{}, Errorf(KindInvalid, "%q is not a digest: no algorithm before a colon", clip(s))
	}
	want, known := hexLengths[alg]
	if !known {
		return Digest{}, Errorf(KindInvalid, "%q is not a digest: unknown algorithm %q", clip(s), clip(alg))
	}
	if len(enc) != want {
		return Digest{}, Errorf(KindInvalid, "%q is not a digest: %s has %d hexadecimal digits, found %d", clip(s), alg, want, len(enc))
	}
	for i := 0; i < len(enc); i++ {
		if !isHex(enc[i]) {
			return Digest{}, Errorf(KindInvalid, "%q is not a digest: character %d is not hexadecimal", clip(s), len(alg)+2+i)
		}
	}
	return Digest{alg + ":" + strings.ToLower(enc)}, nil
}

// SHA256 returns the digest of b.
func SHA256(b []byte) Digest {
	sum := sha256.Sum256(b)
	return Digest{"sha256:" + hex.EncodeToString(sum[:])}
}

// IsZero reports whether d is no digest.
func (d Digest) IsZero() bool { return d.s == "" }

// String returns "algorithm:hex", or "" for the zero value.
func (d Digest) String() string { return d.s }

// Algorithm returns the part before the colon.
func (d Digest) Algorithm() string { a, _, _ := strings.Cut(d.s, ":"); return a }

// Hex returns the part after the colon.
func (d Digest) Hex() string { _, h, _ := strings.Cut(d.s, ":"); return h }

// Short returns "sha256:" and the first twelve digits, for tables.
func (d Digest) Short() string {
	if i := strings.IndexByte(d.s, ':'); i > 0 && len(d.s) > i+13 {
		return d.s[:i+13]
	}
	return d.s
}

// MarshalText writes String.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.s), nil }

// UnmarshalText reads what ParseDigest reads; empty text is the zero value.
func (d *Digest) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Digest{}
		return nil
	}
	v, err := ParseDigest(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// RoledDigest is a digest and what it was computed over.
type RoledDigest struct {
	Role   DigestRole `json:"role"`
	Digest Digest     `json:"digest"`
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// clip shortens foreign text for an error message, so that a hostile value
// cannot fill a terminal.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "�") + "…"
	}
	return s
}
