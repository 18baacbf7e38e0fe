package catalog

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/mapped"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/spdx"
)

// Upload is a document as somebody hands it over, with what they know of the
// artifact beside what it says itself.
type Upload struct {
	Tenant string
	Media  string // media type, as it came
	Body   io.Reader
	Size   int64 // of Body; -1 where that is unknown

	Artifact ident.Digest // the manifest's, where the sender knows it
	Version  string       // of the artifact
	Build    string       // identifier of the build that made it
	Release  string       // release tag
	Service  string
	Owner    string
	Cluster  string

	Attached // what a registry says of it; nothing where it does not come from one
}

// Receipt acknowledges a document: it is on disk.
type Receipt struct {
	Digest     ident.Digest
	Sequence   uint64
	Document   uint32
	Artifact   uint32
	Components int
	Duplicate  bool // it was there already, and nothing was written
	Status     store.Status
	Warnings   []sbom.Warning
	Blocked    []BlockedUse // components of the artifact that must not be used
}

// RejectedError says why a document was not taken in. Its bytes are kept in
// quarantine under ID.
type RejectedError struct {
	Digest ident.Digest
	ID     uint64
	Err    error // what is wrong with it
}

func (e *RejectedError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *RejectedError) Unwrap() error { return e.Err }

// Take takes a document in. When it returns nil the document is on disk and
// questions that are asked from then on see it. A *RejectedError says that the
// document is in quarantine, a *BusyError that nothing was done and when to come
// again.
func (c *Catalog) Take(ctx context.Context, by authz.Actor, u Upload) (*Receipt, error) {
	through, err := c.gates.enter(u.Tenant, c.follow.now().tenants[u.Tenant].Len())
	if err != nil {
		return nil, err
	}
	size := int64(0)
	defer func() { through(size) }()
	hold := &lease{of: &c.memory}
	defer hold.end()
	raw, err := c.read(u, hold)
	if err != nil {
		return nil, err
	}
	defer func() { c.bodies.give(raw) }()
	size = int64(len(raw))
	// What lies outside of the heap is large: others do not wait for it.
	packed := c.bodies.outside(raw)
	put := c.group.Put
	coming := 0
	if !packed {
		put, coming = c.group.PutExpected, 1
	}
	c.group.Expect(coming)
	defer func() { c.group.Expect(-coming) }()
	if err := c.workers.enter(ctx); err != nil {
		return nil, err
	}
	left := false
	leave := func() {
		if !left {
			left = true
			c.workers.leave()
		}
	}
	defer leave()
	digest := ident.SHA256(raw)
	if r, err := c.known(ctx, &u, digest); u.Fault == nil && (r != nil || err != nil) {
		return r, err
	}
	in := store.Intake{
		Mutation: store.Mutation{Actor: by.Subject, Time: c.now()},
		Tenant:   u.Tenant, Original: digest, Size: int64(len(raw)), Media: u.Media, Status: c.status,
	}
	// It is packed first, so that its memory goes back while it is read and the document
	// that it says grows.
	var large *frugal
	if packed {
		in.Data = c.pack(raw)
		body := raw
		large = &frugal{released: func(from, to int) { mapped.Release(body, from, to) }}
	}
	var again *repeats
	var repeated func(spdx.Repeat) // what is packed already needs none
	if !packed {
		again = c.texts.repeats()
		repeated = again.add
	}
	var doc *sbom.Document
	var said *ScoreSaid
	fault := u.Fault
	if fault == nil {
		doc, said, fault = c.admit(ctx, raw, digest, large, repeated)
	}
	if fault != nil {
		if ctx.Err() != nil {
			return nil, ident.Errorf(ident.KindFailure, "the upload was given up: %w", context.Cause(ctx))
		}
		in.Rejected = reason(fault)
	} else {
		in.Format = string(doc.Format) + "-" + doc.SpecVersion
		in.Subject = subjectOf(doc, &u)
		in.IDs, in.Keys = c.keys(doc, large)
		if err := in.Check(); err != nil {
			fault = err
			in.Rejected, in.IDs, in.Keys, in.Subject = reason(err), nil, nil, store.Subject{}
		}
	}
	if fault == nil {
		c.seen.Done(doc) // what is answered needs no components
	}
	switch {
	case packed:
	case fault != nil:
		in.Data = c.pack(raw) // what is in quarantine needs nothing beside it to be read
	default:
		in.Data, in.Texts = c.packShared(raw, again)
	}
	c.texts.done(again)
	c.bodies.give(raw)
	raw = nil
	leave() // what follows is waiting for the disk
	coming = 0
	got, err := put(ctx, in)
	if err != nil {
		if errors.Is(err, store.ErrTextsGone) {
			c.texts.gone(in.Texts.Line)
		}
		return nil, storeError(err)
	}
	if fault != nil {
		c.metrics.rejected.Inc()
		return nil, &RejectedError{Digest: digest, ID: got.Rejected, Err: fault}
	}
	if said != nil && !got.Duplicate {
		c.scores.keep(got.Document, said)
	}
	if err := c.follow.reach(ctx, got.Seq); err != nil {
		return nil, err
	}
	c.metrics.taken(in.Size, got.Components, got.Duplicate)
	blocked, err := c.blockedIn(ctx, c.follow.now(), got.Artifact)
	if err != nil {
		return nil, err
	}
	return &Receipt{Blocked: blocked, Digest: digest, Sequence: got.Seq, Document: got.Document, Artifact: got.Artifact, Components: got.Components,
		Duplicate: got.Duplicate, Status: in.Status, Warnings: doc.Warnings}, nil
}

// step is how much more memory a body of unknown size asks for at a time.
const step = 1 << 20

// read reads a body into memory that is accounted for before it is filled.
func (c *Catalog) read(u Upload, hold *lease) ([]byte, error) {
	tooBig := func() error {
		return ident.Errorf(ident.KindLimit, "the document is larger than %d bytes", c.limits.Document).
			WithHint("limits.documentBytes in the server's configuration")
	}
	if u.Size > c.limits.Document {
		return nil, tooBig()
	}
	first := u.Size
	if first < 0 {
		first = 64 << 10
	}
	if err := c.memory.take(hold, first); err != nil {
		return nil, err
	}
	buf := c.bodies.take(first + 1) // one more, so that the end is seen without growing
	ok := false
	defer func() {
		if !ok {
			c.bodies.give(buf)
		}
	}()
	for {
		n, err := u.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > c.limits.Document {
			return nil, tooBig()
		}
		switch {
		case errors.Is(err, io.EOF):
			if u.Size >= 0 && int64(len(buf)) != u.Size {
				return nil, ident.Errorf(ident.KindInvalid, "the upload ended after %d of %d bytes", len(buf), u.Size)
			}
			ok = true
			return buf, nil
		case err != nil:
			return nil, ident.Errorf(ident.KindInvalid, "the upload broke off after %d bytes: %w", len(buf), err)
		}
		if len(buf) == cap(buf) {
			more := max(int64(cap(buf))/2, step)
			if err := c.memory.take(hold, more); err != nil {
				return nil, err
			}
			grown := append(c.bodies.take(int64(cap(buf))+more), buf...)
			c.bodies.give(buf)
			buf = grown
		}
	}
}

// known finds a document that is there already: the same bytes, with nothing said
// about them that was not said before.
func (c *Catalog) known(ctx context.Context, u *Upload, digest ident.Digest) (*Receipt, error) {
	if c.has != nil && c.has.lack(digest, c.follow.now().index.Documents()) {
		return nil, nil
	}
	docs, err := c.store.Lookup(ctx, u.Tenant, digest)
	if err != nil {
		return nil, storeError(err)
	}
	for i := range docs {
		if d := &docs[i]; u.saysOf(&d.Subject) {
			c.metrics.taken(d.Size, 0, true)
			blocked, err := c.blockedIn(ctx, c.follow.now(), d.Artifact)
			if err != nil {
				return nil, err
			}
			return &Receipt{Blocked: blocked, Digest: digest, Sequence: d.Seq, Document: d.ID, Artifact: d.Artifact, Duplicate: true, Status: d.Status}, nil
		}
	}
	return nil, nil
}

// saysOf reports whether everything that the sender says is said by a subject.
func (u *Upload) saysOf(s *store.Subject) bool {
	same := func(said, known string) bool { return said == "" || said == known }
	if !u.Artifact.IsZero() {
		own := func(d ident.RoledDigest) bool { return d.Digest == u.Artifact }
		if s.Claimed != u.Artifact && !slices.ContainsFunc(s.Digests, own) {
			return false
		}
	}
	return same(u.Version, s.Version) && same(u.Build, s.Build) && same(u.Release, s.Release) && same(u.Service, s.Service) &&
		same(u.Owner, s.Owner) && same(u.Cluster, s.Cluster) && u.says(s)
}

// frugal is how a large document is read: its memory goes back while it is, and of its
// components nothing is kept but their keys.
type frugal struct {
	released func(from, to int) // which of its bytes nobody will look at again
	keys     index.Collector
}

// mostHeld bounds the memory that a document takes which is read whole, beside its bytes,
// when it is taken in. What was taken in before there was such a bound can still be read.
const mostHeld = 384 << 20

// admit reads a document, judges it where documents are judged, and refuses it where its
// quality is a reason. What the quality of a large one asks for would take too much memory
// beside all else: unless it may be refused it is judged later, as it is stored.
func (c *Catalog) admit(ctx context.Context, raw []byte, digest ident.Digest, large *frugal, repeated func(spdx.Repeat)) (*sbom.Document, *ScoreSaid, error) {
	s := c.scoring
	if s == nil || large != nil && !s.Refuse {
		doc, err := c.decode(ctx, raw, digest, mostHeld, large, repeated)
		return doc, nil, err
	}
	doc, err := c.decodeDetails(ctx, raw, digest, mostHeld, repeated)
	if err != nil {
		return nil, nil, err
	}
	at := c.now()
	said := s.judgeDocument(doc, at)
	return doc, said, s.refusal(doc, said, at)
}

// decode reads the document, with at most so much memory held where it is read whole; 0 is
// any. A list of several is no document: each of them is one.
func (c *Catalog) decode(ctx context.Context, raw []byte, digest ident.Digest, held int, large *frugal, repeated func(spdx.Repeat)) (*sbom.Document, error) {
	limits := decode.Limits{MaxBytes: int(c.limits.Document), Digest: digest, Seen: c.seen, Repeated: repeated, MaxHeld: held}
	if large != nil {
		limits.Released, limits.Each = large.released, large.keys.Add
	}
	return one(decode.Bytes(ctx, "", raw, limits))
}

// keys are those of a document that was read so, or their numbers where these are known.
func (c *Catalog) keys(doc *sbom.Document, large *frugal) (ids []uint32, keys []string) {
	if large != nil {
		return nil, large.keys.KeysOf(doc)
	}
	return c.said.Keys(doc)
}

// one is the only document of an input.
func one(docs []*sbom.Document, err error) (*sbom.Document, error) {
	if err != nil {
		return nil, err
	}
	if len(docs) != 1 {
		return nil, ident.Errorf(ident.KindUnsupported, "holds %d documents, and each needs its own digest", len(docs)).
			WithHint("push the documents one by one")
	}
	return docs[0], nil
}

// subjectOf joins what a document and its sender say about the artifact.
func subjectOf(doc *sbom.Document, u *Upload) store.Subject {
	s := store.Subject{Name: doc.Subject.Name, Version: doc.Subject.Version, Digests: doc.Subject.Digests, Serial: short(doc.Serial), Made: doc.Created, Incomplete: doc.Incomplete,
		Build: u.Build, Release: u.Release, Service: u.Service, Owner: u.Owner, Cluster: u.Cluster}
	if s.Name == "" {
		s.Name = doc.Name
	}
	if u.Version != "" {
		s.Version = u.Version
	}
	for _, r := range doc.Subject.References {
		s.References = append(s.References, r.String())
	}
	if doc.Subject.PURL != "" {
		s.References = append(s.References, doc.Subject.PURL)
	}
	own := func(d ident.RoledDigest) bool { return d.Digest == u.Artifact }
	if !slices.ContainsFunc(s.Digests, own) {
		s.Claimed = u.Artifact
	}
	u.join(&s, doc)
	return s
}

// short is a text that is compared and looked up only: one that no table would keep
// stands for itself by its digest.
func short(s string) string {
	if len(s) <= 512 && utf8.ValidString(s) && !strings.ContainsRune(s, 0) {
		return s
	}
	return ident.SHA256([]byte(s)).String()
}

// reason is what quarantine keeps of an error: one line of a bounded length.
func reason(err error) string {
	text := err.Error()
	var e *ident.Error
	if errors.As(err, &e) && e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return printable(text, store.MaxText)
}

// storeError turns what the store says a caller must do into what a client is told. What
// the database said is for the operator, who reads it in the log: it names hosts and users.
func storeError(err error) error {
	told := func(message, hint string) error {
		return &ident.Error{Kind: ident.KindIndeterminate, Message: message, Hint: hint, Err: err}
	}
	if errors.Is(err, store.ErrTextsGone) {
		return told("what the document was packed with is gone; nothing was changed", "try again: it is packed anew")
	}
	if errors.Is(err, store.ErrRetryLater) || errors.Is(err, store.ErrClosed) {
		return told("the catalogue cannot be read or written now; nothing was changed", "try again; the server's log says what it waits for")
	}
	if errors.Is(err, store.ErrUnknownOutcome) {
		return told("the connection to the database was lost before it answered", "send it again: a document that is there already is not stored twice")
	}
	return err
}
