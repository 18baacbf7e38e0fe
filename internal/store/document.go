package store

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Mutation says who changes something, and when.
type Mutation struct {
	Actor string    // identity; required
	Time  time.Time // kept in microseconds, UTC; required
}

// Subject says what a document is about. All strings are UTF-8 without NUL.
type Subject struct {
	Name, Version string
	// Digests are the identity set of the artifact. Documents of one tenant that share
	// a digest of role manifest, config or unknown are of one artifact; an index lists
	// several and a document's digest is no artifact's, so these two only name. With no
	// such digest, documents of one Name and Version are of one artifact; with neither,
	// each document is its own.
	Digests []ident.RoledDigest
	// Claimed is the digest that only the sender says it is about: the document does
	// not name it. It is a name to find it by, and says which artifact it is only where
	// the document has no digest of its own to say so: somebody who hands an old
	// document over for a new image must not make the two one artifact.
	Claimed    ident.Digest
	References []string // image references, package URLs: names to find it by
	Build      string   // build identifier
	Release    string   // release tag
	Service    string
	Owner      string
	Cluster    string // where the document is about one cluster

	// Serial and Made are the document's own: its serial number (CycloneDX) or
	// namespace (SPDX), and when it says it was made.
	Serial string
	Made   time.Time
	// Incomplete is true where the document says itself that it does not list everything.
	Incomplete bool

	// Origin is where it was found, if it was found somewhere and not handed over by
	// whoever made it.
	Origin Origin
}

// Origin says what a document was attached to in a registry, and how. It is what was
// found; that it is true, nobody checked. The zero value is no origin.
type Origin struct {
	Image     string       // registry/repository@digest
	How       string       // in which way it is attached: "referrers-api", "cosign-attestation", …
	Manifest  ident.Digest // of the manifest that attaches it
	Blob      ident.Digest // of the bytes that were fetched: the document's own, or those of the statement, envelope or bundle around it
	Predicate string       // type of the in-toto predicate; "" where the document came bare
}

// Intake is a document to take in.
type Intake struct {
	Mutation
	Tenant   string
	Original ident.Digest // SHA-256 of the original bytes
	Size     int64        // of the original bytes
	Data     []byte       // the original bytes, compressed with zstd by the caller
	Texts    TextRef      // the dictionary that Data was compressed with
	Media    string       // media type it came with; may be empty
	Format   string       // what it was decoded as: "spdx-2.3"; may be empty in quarantine
	Status   Status       // StatusDraft unless set
	Subject  Subject
	// Keys are the canonical keys of its components, sorted and unique.
	Keys []string
	// IDs are components that the caller need not name, for it knows their numbers: from
	// Dictionary, a Receipt or its own dictionary (Coding.Known), all of this database. What is
	// written is the same as if their keys were in Keys. They stand in any order; a component
	// may be in both, or twice. A number that the dictionary does not have is refused with
	// ident.KindInvalid.
	IDs []uint32
	// Rejected is why the document cannot be taken in. It is then kept in quarantine:
	// Keys, IDs and Subject are not looked at.
	Rejected string
}

// Receipt is the acknowledgement of one Intake.
type Receipt struct {
	Seq      uint64
	Document uint32 // 0 where it was rejected
	Artifact uint32 // of the document, when it was taken in
	Rejected uint64 // its id in quarantine; 0 where it was taken in
	// Components is how many different ones were written; 0 for a duplicate.
	Components int
	Duplicate  bool // it was known already; Seq is that of the first
	// Row is the forward row and Added the dictionary's new entries that came with this
	// document: what an index needs to follow without reading them back. Both are nil
	// for a duplicate. Position.Seq+1 == Seq tells whether changes of others lie between.
	Row   []byte
	Added []Entry
}

// Entry is one component key and its id.
type Entry struct {
	ID  uint32
	Key string
}

// Status is how far a document has come (C23).
type Status uint8

// The statuses of a document.
const (
	StatusDraft Status = iota
	StatusReviewed
	StatusPublished
)

// String returns the status as the API spells it.
func (s Status) String() string {
	switch s {
	case StatusReviewed:
		return "reviewed"
	case StatusPublished:
		return "published"
	}
	return "draft"
}

// Document is the metadata of a document that was taken in.
type Document struct {
	ID       uint32
	Seq      uint64 // of its intake
	Artifact uint32
	Tenant   string
	Original ident.Digest
	Size     int64 // of the original bytes
	Media    string
	Format   string
	Status   Status
	Subject  Subject
	Actor    string
	Time     time.Time
	Deleted  uint64 // sequence of its tombstone; 0 while it is live
}

// Original is a document's bytes as they were handed over, compressed.
type Original struct {
	Digest ident.Digest
	Size   int64  // of the bytes before compression
	Data   []byte // zstd
	Texts  TextRef
}

// Rejected is a document in quarantine.
type Rejected struct {
	ID       uint64 // the sequence number of its journal record
	Tenant   string
	Original ident.Digest
	Size     int64
	Data     []byte // zstd; nil in lists
	Media    string
	Reason   string
	Actor    string
	Time     time.Time
}

// NameKind is a way to find documents.
type NameKind uint8

// The kinds of names. Their numbers are stored.
const (
	ByDigest NameKind = iota + 1
	ByReference
	ByName
	ByBuild
	ByRelease
	ByService
	ByOwner
	ByCluster
	BySerial
	ByMark // MarkIncomplete
)

// MarkIncomplete is the mark of documents that say themselves that they do not list
// everything.
const MarkIncomplete = "incomplete"

// Name is one name of a document.
type Name struct {
	Kind NameKind
	Text string
}

// Names returns everything a document can be found by, each once.
func (s *Subject) Names() []Name {
	var names []Name
	add := func(k NameKind, text string) {
		if n := (Name{k, text}); text != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	for _, d := range s.Digests {
		add(ByDigest, d.Digest.String())
	}
	add(ByDigest, s.Claimed.String())
	add(ByDigest, s.Origin.Blob.String())
	for _, r := range s.References {
		add(ByReference, r)
	}
	add(ByName, s.Name)
	add(ByBuild, s.Build)
	add(ByRelease, s.Release)
	add(ByService, s.Service)
	add(ByOwner, s.Owner)
	add(ByCluster, s.Cluster)
	add(BySerial, s.Serial)
	if s.Incomplete {
		add(ByMark, MarkIncomplete)
	}
	return names
}

// Identities returns the keys that say which artifact it is: documents of one
// tenant that share one are of one artifact (see Digests). It is empty where
// nothing says so.
func (s *Subject) Identities() []string {
	var keys []string
	for _, d := range s.Digests {
		if d.Role == ident.RoleIndex || d.Role == ident.RoleDocument || d.Digest.IsZero() {
			continue
		}
		if k := "digest " + d.Digest.String(); !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 && !s.Claimed.IsZero() {
		return []string{"digest " + s.Claimed.String()}
	}
	if len(keys) == 0 && s.Name != "" {
		// Lengths first: "a b" + "c" is not "a" + "b c".
		keys = append(keys, string(binary.AppendUvarint([]byte("name "), uint64(len(s.Name))))+s.Name+s.Version)
	}
	return keys
}

// Fingerprint is a hash of the subject: two intakes of the same bytes are the same
// document only where it is equal. The order of digests and references does not
// matter; what the bytes themselves say (Serial, Made) does not either, nor where they
// were found (Origin): the first one counts.
func (s *Subject) Fingerprint() [16]byte {
	h := sha256.New()
	write := func(list ...string) {
		h.Write(binary.AppendUvarint(nil, uint64(len(list))))
		for _, t := range list {
			h.Write(binary.AppendUvarint(nil, uint64(len(t))))
			h.Write([]byte(t))
		}
	}
	digests := make([]string, len(s.Digests))
	for i, d := range s.Digests {
		digests[i] = string(rune('0'+d.Role)) + d.Digest.String()
	}
	if !s.Claimed.IsZero() {
		digests = append(digests, "claimed "+s.Claimed.String())
	}
	slices.Sort(digests)
	write(slices.Compact(digests)...)
	write(slices.Compact(slices.Sorted(slices.Values(s.References)))...)
	write(s.Name, s.Version, s.Build, s.Release, s.Service, s.Owner, s.Cluster)
	return [16]byte(h.Sum(nil)[:16])
}

// Check validates an intake against the limits and rules above. Every engine
// calls it before it touches the database; a caller may, to quarantine early.
func (in *Intake) Check() error {
	switch {
	case in.Original.Algorithm() != "sha256":
		return ident.Errorf(ident.KindInvalid, "a document is kept by its SHA-256 digest, not by %q", in.Original.String())
	case in.Size < 0:
		return ident.Errorf(ident.KindInvalid, "document %s has a negative size", in.Original.Short())
	case len(in.Data) > MaxOriginal:
		return ident.Errorf(ident.KindLimit, "document %s has %d bytes after compression; at most %d fit", in.Original.Short(), len(in.Data), MaxOriginal)
	case in.Texts.Through < 0 || in.Texts.Through > MaxTexts || (in.Texts.Line == 0) != (in.Texts.Through == 0) || in.Rejected != "" && in.Texts.Line != 0:
		return ident.Errorf(ident.KindInvalid, "document %s is packed with %d bytes of line %d, which cannot be", in.Original.Short(), in.Texts.Through, in.Texts.Line)
	case in.Status > StatusPublished:
		return ident.Errorf(ident.KindInvalid, "document %s has status %d, which does not exist", in.Original.Short(), in.Status)
	}
	if err := in.Mutation.Check(); err != nil {
		return err
	}
	if err := checkText("tenant", in.Tenant); err != nil {
		return err
	}
	if err := checkText("media type", in.Media); err != nil {
		return err
	}
	if in.Rejected != "" {
		return nil
	}
	if err := in.Subject.check(); err != nil {
		return err
	}
	if err := checkText("format", in.Format); err != nil {
		return err
	}
	if n := len(in.Keys) + len(in.IDs); n > MaxComponents {
		return ident.Errorf(ident.KindLimit, "document %s has %d components; at most %d fit", in.Original.Short(), n, MaxComponents)
	}
	for i, k := range in.Keys {
		if len(k) > MaxKey || k == "" {
			return ident.Errorf(ident.KindLimit, "a component key of document %s has %d bytes; 1 to %d fit", in.Original.Short(), len(k), MaxKey)
		}
		if i > 0 && in.Keys[i-1] >= k {
			return ident.Errorf(ident.KindInvalid, "the component keys of document %s are not sorted and unique", in.Original.Short())
		}
	}
	return nil
}

// Check requires an actor and a time.
func (m Mutation) Check() error {
	if m.Actor == "" || m.Time.IsZero() {
		return ident.Errorf(ident.KindUsage, "a change needs an actor and a time")
	}
	return checkText("actor", m.Actor)
}

func (s *Subject) check() error {
	if len(s.Digests) > MaxNames || len(s.References) > MaxNames {
		return ident.Errorf(ident.KindLimit, "a subject has %d digests and %d references; at most %d of each fit", len(s.Digests), len(s.References), MaxNames)
	}
	for _, f := range [...]struct{ what, text string }{
		{"name", s.Name}, {"version", s.Version}, {"build identifier", s.Build}, {"release tag", s.Release},
		{"service", s.Service}, {"owner", s.Owner}, {"cluster", s.Cluster}, {"serial number", s.Serial},
		{"image of origin", s.Origin.Image}, {"way of attaching", s.Origin.How}, {"predicate type", s.Origin.Predicate},
	} {
		if err := checkText(f.what, f.text); err != nil {
			return err
		}
	}
	for _, r := range s.References {
		if err := checkText("reference", r); err != nil {
			return err
		}
	}
	return nil
}

// checkText refuses what PostgreSQL cannot keep as text, in both engines, so that
// they agree.
func checkText(what, s string) error {
	if len(s) > MaxText {
		return ident.Errorf(ident.KindLimit, "a %s has %d bytes; at most %d fit", what, len(s), MaxText)
	}
	if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		return ident.Errorf(ident.KindInvalid, "a %s is not UTF-8 text without NUL: %.80q", what, s)
	}
	return nil
}
