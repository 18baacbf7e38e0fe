package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Names are looked up by equality only, so that the tables keep a hash of them:
// 16 bytes of SHA-256 over length-prefixed fields, for which a collision that a
// stranger could bring about takes 2^64 work.

func hashed(fields ...string) []byte {
	n := 0
	for _, f := range fields {
		n += len(f) + binary.MaxVarintLen32
	}
	b := make([]byte, 0, n)
	for _, f := range fields {
		b = binary.AppendUvarint(b, uint64(len(f)))
		b = append(b, f...)
	}
	sum := sha256.Sum256(b)
	return sum[:16:16]
}

func nameHash(tenant string, k store.NameKind, name string) []byte {
	return hashed("name", tenant, string(rune(k)), name)
}

func identityHash(tenant, key string) []byte { return hashed("identity", tenant, key) }

// keyHash narrows the search for a component key to a run of the dictionary or two; the
// keys themselves are compared afterwards.
func keyHash(key string) int64 {
	var buf [256]byte
	sum := sha256.Sum256(append(buf[:0], key...))
	return int64(int32(binary.BigEndian.Uint32(sum[:4]))) // #nosec G115 -- a hash: the sign carries no meaning
}

// subject is how a document's subject is kept: JSON with short names, in a fixed
// order, without what is empty. A digest is its role's number, a space and itself.
type subject struct {
	Name       string   `json:"n,omitempty"`
	Version    string   `json:"v,omitempty"`
	Digests    []string `json:"d,omitempty"`
	References []string `json:"r,omitempty"`
	Build      string   `json:"b,omitempty"`
	Release    string   `json:"t,omitempty"`
	Service    string   `json:"s,omitempty"`
	Owner      string   `json:"o,omitempty"`
	Cluster    string   `json:"c,omitempty"`
	Claimed    string   `json:"a,omitempty"`
	Serial     string   `json:"i,omitempty"`
	Made       int64    `json:"m,omitempty"` // microseconds
	Incomplete bool     `json:"x,omitempty"`
	Origin     *origin  `json:"f,omitempty"`
}

// origin is where a document was found.
type origin struct {
	Image     string       `json:"i,omitempty"`
	How       string       `json:"h,omitempty"`
	Manifest  ident.Digest `json:"m,omitzero"`
	Blob      ident.Digest `json:"b,omitzero"`
	Predicate string       `json:"p,omitempty"`
}

func encodeSubject(s *store.Subject) (string, error) {
	k := subject{Name: s.Name, Version: s.Version, References: s.References, Build: s.Build, Release: s.Release, Service: s.Service, Owner: s.Owner, Cluster: s.Cluster,
		Claimed: s.Claimed.String(), Serial: s.Serial, Incomplete: s.Incomplete}
	if !s.Made.IsZero() {
		k.Made = micros(s.Made)
	}
	if s.Origin != (store.Origin{}) {
		o := origin(s.Origin)
		k.Origin = &o
	}
	for _, d := range s.Digests {
		k.Digests = append(k.Digests, strconv.Itoa(int(d.Role))+" "+d.Digest.String())
	}
	b, err := json.Marshal(&k)
	return string(b), err
}

func decodeSubject(text string) (store.Subject, error) {
	damaged := func(err error) (store.Subject, error) {
		return store.Subject{}, ident.Errorf(ident.KindFailure, "a document's subject is damaged in the database: %w", err).WithHint("restore a backup")
	}
	var k subject
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		return damaged(err)
	}
	s := store.Subject{Name: k.Name, Version: k.Version, References: k.References, Build: k.Build, Release: k.Release, Service: k.Service, Owner: k.Owner, Cluster: k.Cluster, Serial: k.Serial, Incomplete: k.Incomplete}
	if k.Made != 0 {
		s.Made = fromMicros(k.Made)
	}
	if k.Origin != nil {
		s.Origin = store.Origin(*k.Origin)
	}
	if k.Claimed != "" {
		var err error
		if s.Claimed, err = ident.ParseDigest(k.Claimed); err != nil {
			return damaged(err)
		}
	}
	for _, d := range k.Digests {
		role, text, _ := strings.Cut(d, " ")
		n, err := strconv.ParseUint(role, 10, 8)
		if err != nil {
			return damaged(err)
		}
		digest, err := ident.ParseDigest(text)
		if err != nil {
			return damaged(err)
		}
		s.Digests = append(s.Digests, ident.RoledDigest{Role: ident.DigestRole(n), Digest: digest})
	}
	return s, nil
}

// stateDigest is what the journal says of a document: a hash over everything that
// its intake fixed, so that a row that was changed behind the store's back shows.
// What changes later (artifact, status, tombstone) has records of its own.
func stateDigest(tenant string, original ident.Digest, size int64, media, format, subjectText, actor string, at int64, row []byte) string {
	h := sha256.New()
	var buf [binary.MaxVarintLen64]byte
	h.Write([]byte("cofferdam.dev/document/v1\x00"))
	field := func(s string) {
		h.Write(buf[:binary.PutUvarint(buf[:], uint64(len(s)))])
		h.Write([]byte(s))
	}
	for _, s := range []string{tenant, original.String(), media, format, subjectText, actor} {
		field(s)
	}
	h.Write(buf[:binary.PutVarint(buf[:], size)])
	h.Write(buf[:binary.PutVarint(buf[:], at)])
	h.Write(row)
	return digestText(h.Sum(nil))
}

func digestText(sum []byte) string {
	const hex = "0123456789abcdef"
	b := append(make([]byte, 0, 7+2*len(sum)), "sha256:"...)
	for _, c := range sum {
		b = append(b, hex[c>>4], hex[c&15])
	}
	return string(b)
}

// rawDigest is how a SHA-256 digest is kept: its 32 bytes.
func rawDigest(d ident.Digest) []byte {
	const digits = 2 * sha256.Size
	x := d.Hex()
	if len(x) != digits {
		return nil
	}
	b := make([]byte, sha256.Size)
	for i := range b {
		b[i] = nibble(x[2*i])<<4 | nibble(x[2*i+1])
	}
	return b
}

func nibble(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}

func parseRaw(b []byte) (ident.Digest, error) { return ident.ParseDigest(digestText(b)) }

func micros(t time.Time) int64     { return t.UnixMicro() }
func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }
