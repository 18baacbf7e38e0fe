package store

import (
	"context"
	"errors"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
)

// Store keeps the catalogue. All methods may be called from many goroutines, and
// several processes may have stores open on one database.
//
// Durability: a method that changes something returns nil only when the change is
// on stable storage, as far as the operating system and the disk keep their word;
// after a crash at any moment it is there whole. A change that was not
// acknowledged is there whole or not at all.
//
// Errors: every error is an *ident.Error, wraps one, is a *ScopesMoved, or the context's.
// ErrRetryLater means that
// nothing was changed and the same call may be made again; ErrUnknownOutcome that
// the store could not tell whether the change was made: ask (Lookup) or repeat the
// call, for every change is idempotent. Any other error means that nothing was
// changed and that repeating it will not help.
type Store interface {
	Intaker
	Reader

	// Delete sets tombstones. Their documents no longer answer Lookup, but Documents,
	// Original and the forward row keep them until Purge. Documents that are unknown or
	// deleted already are passed over; the count is of new tombstones.
	Delete(ctx context.Context, by Mutation, documents []uint32) (int, error)
	// Purge removes what tombstones at or before sequence through left: the row, the
	// metadata and, where no other document has them, the original bytes. The journal
	// keeps that they existed. It works in steps of its own, so that it never holds up
	// intake for long; the count is of documents purged, also on an error. Documents in
	// keep stay as they are.
	Purge(ctx context.Context, by Mutation, through uint64, keep ...uint32) (int, error)
	// SetStatus moves a document to another status (draft, reviewed, published). It
	// fails with ident.KindNotFound where there is no such live document.
	SetStatus(ctx context.Context, by Mutation, document uint32, status Status) error

	// PutSegments writes segments of the index and removes others, all or nothing: a
	// merge never leaves both its inputs and its output, or neither. A segment of the
	// same name is replaced. Segments are derived data and have no journal record. need
	// are names that what is put relies on; where the store has one of them no more, since
	// another server dropped it meanwhile, nothing is changed and ErrSegmentsGone returned.
	PutSegments(ctx context.Context, put []Segment, drop, need []string) error

	// AddTexts adds a piece to its line, which must end where the piece begins; line 0 begins
	// a new one. It returns the line, or ErrTextsGone where the line does not end there.
	// Texts have no journal record: the digests of the documents that need them hold them.
	// It is not idempotent: after ErrUnknownOutcome leave the line.
	AddTexts(ctx context.Context, p TextPiece) (uint32, error)

	// Assert makes rows the whole state of a scope from time by.Time on: rows that are
	// open and not given are closed, given ones that differ are closed and opened anew,
	// given ones that are the same stay. It refuses, with ident.KindInvalid, a time
	// before the latest one asserted for the scope: history is appended to. The count is
	// of rows opened and closed; where it is 0, nothing is written.
	Assert(ctx context.Context, by Mutation, kind StateKind, scope string, rows []State) (int, error)

	// Amend changes states of a kind in many scopes, all or nothing, each from the version
	// that the caller knows: it reads no state, and costs what the changes cost. It returns
	// what became of each, in order. Where a scope has another version, nothing is changed
	// and the error is a *ScopesMoved. A scope for which a later time than by.Time was
	// asserted is changed for that time: history is appended to. All that changes is one
	// record of the journal; a change without rows is none.
	Amend(ctx context.Context, by Mutation, kind StateKind, changes []StateChange) ([]Amended, error)

	// Forget removes everything that ever held for some scopes of a kind, each with a record
	// of the journal, which keeps what was asserted, and that it was removed. The count is of
	// scopes that were there; at most MaxPage are given at once.
	Forget(ctx context.Context, by Mutation, kind StateKind, scopes []string) (int, error)

	// DropRejected removes documents from quarantine.
	DropRejected(ctx context.Context, by Mutation, ids []uint64) (int, error)

	// Checkpoint signs the end of the journal and keeps the note. It returns the last
	// note where nothing happened since.
	Checkpoint(ctx context.Context, origin string, signer evidence.Signer) ([]byte, error)

	// Close waits for calls under way. The store may not be used afterwards.
	Close() error
}

// Intaker takes documents in. It is what a Group needs of a Store.
type Intaker interface {
	// Commit takes a group of documents in, in one transaction, and returns a receipt
	// for each, in order. All are on stable storage when it returns nil, and none is
	// where it returns ErrRetryLater or ident.KindInvalid.
	//
	// It is idempotent: a document whose tenant, digest and subject are known already
	// gets the first one's receipt, with Duplicate set, and nothing is written for it.
	// The sequence, document, component and artifact numbers are assigned in commit
	// order under a lock that is held until the commit, so that nobody ever sees a gap.
	Commit(ctx context.Context, group []Intake) ([]Receipt, error)
}

// Reader asks. Each call sees one consistent state, at least as new as any change
// that was acknowledged, by this store, before the call.
type Reader interface {
	// Position returns how far the store is.
	Position(ctx context.Context) (Position, error)
	// Since returns the changes after a sequence number, at most limit, in order and
	// without a gap. An empty answer means that there are none yet. The dictionary that
	// rows refer to is complete in any later call of Dictionary.
	Since(ctx context.Context, after uint64, limit int) ([]Change, error)
	// Dictionary returns the entries from an id on, at most limit, in order of their
	// ids, which are dense from 0.
	Dictionary(ctx context.Context, from uint32, limit int) ([]Entry, error)

	// Lookup returns the live documents of a tenant with these original bytes.
	Lookup(ctx context.Context, tenant string, original ident.Digest) ([]Document, error)
	// Digests returns the digests of the original bytes that the store has, of any tenant and
	// in the order of their bytes, those after a digest (all of them after the zero one), at
	// most limit.
	Digests(ctx context.Context, after ident.Digest, limit int) ([]ident.Digest, error)
	// Documents returns the metadata of documents, deleted ones too, in the order of
	// ids; unknown and purged ones are left out.
	Documents(ctx context.Context, ids []uint32) ([]Document, error)
	// Named returns the numbers of a tenant's live documents with a name of a kind, in
	// order, those after a number, at most limit. ByDigest takes any role's digest.
	Named(ctx context.Context, tenant string, kind NameKind, name string, after int64, limit int) ([]uint32, error)
	// ArtifactDocuments returns the live documents of artifacts, oldest first.
	ArtifactDocuments(ctx context.Context, artifacts ...uint32) ([]uint32, error)
	// Archived returns a tenant's documents with a tombstone that were not purged, those
	// whose tombstone is after a sequence number, in the order of tombstones.
	Archived(ctx context.Context, tenant string, after uint64, limit int) ([]Document, error)
	// Original returns the compressed original bytes; ident.KindNotFound where the
	// tenant has no document with them, deleted and not yet purged ones included.
	Original(ctx context.Context, tenant string, digest ident.Digest) (Original, error)

	// Texts returns the pieces of a line that begin before ref.Through, in order;
	// ident.KindFailure where they do not reach there.
	Texts(ctx context.Context, ref TextRef) ([]TextPiece, error)

	// Rejected returns a tenant's quarantined documents, without their bytes, after an id.
	Rejected(ctx context.Context, tenant string, after uint64, limit int) ([]Rejected, error)
	// RejectedBytes returns one with its bytes.
	RejectedBytes(ctx context.Context, tenant string, id uint64) (Rejected, error)

	// Segments lists the segments by name, without their bytes.
	Segments(ctx context.Context) ([]Segment, error)
	// Segment returns one; ident.KindNotFound where there is none of the name, and
	// ident.KindFailure where its bytes do not match their checksum.
	Segment(ctx context.Context, name string) (Segment, error)

	// States returns the rows that q selects, by scope and key, at most q.Limit.
	States(ctx context.Context, q StateQuery) ([]State, error)

	// Journal returns the encodings of the journal's records after a sequence number,
	// at most limit, in order: what evidence.Verifier reads.
	Journal(ctx context.Context, after uint64, limit int) ([][]byte, error)
	// Audit verifies the whole journal against its end and the given checkpoints, and
	// compares every document's row, metadata and tombstone with what the journal says
	// of it. It does not read original bytes: their digest is compared by who decompresses
	// them. The error wraps *evidence.Broken where something does not hold. Whoever can
	// write to the database can rewrite both, so only checkpoints that were kept elsewhere
	// make an audit mean something against its operator.
	Audit(ctx context.Context, checkpoints ...evidence.Checkpoint) (AuditReport, error)
	// Checkpoints returns the signed notes from a sequence number on, in order.
	Checkpoints(ctx context.Context, from uint64, limit int) ([][]byte, error)
}

// Listener is a store that hears of what other processes commit.
type Listener interface {
	// Listen calls heard once it hears, for what came before may have been missed, and
	// then after changes that another process has committed. That is a hint, and no more:
	// one may be lost, and several be one; Reader.Since says what changed. heard must not
	// block. It returns when ctx ends, and when nothing can be heard any more, with the
	// reason; it may then be called again.
	Listen(ctx context.Context, heard func()) error
}

// Coding is what an engine is told about rows and the caller's dictionary, so that
// it needs to know neither.
type Coding struct {
	// Encode appends the forward row of sorted, unique component ids to dst. Required.
	Encode func(dst []byte, ids []uint32) []byte
	// Known fills ids[i] for every key that the caller's own dictionary has, and
	// appends the indices of the others to missing. It may answer only from entries that
	// this store returned from Dictionary or in a Receipt: they are committed. It is
	// called from several goroutines at once. Nil: every key is looked up in the
	// database.
	Known func(keys []string, ids []uint32, missing []int) []int
	// Count returns a number of entries, the first ones by id, that Known surely finds:
	// a key that it misses is none of them. It is asked before and after Known, and the
	// lower answer counts. Nil: Known may miss any.
	Count func() uint32
}

// Sentinels that say what the caller must do; use errors.Is.
var (
	// ErrRetryLater: nothing was changed; the same call may succeed later (the database
	// is away or locked, the disk is full).
	ErrRetryLater = errors.New("retry later")
	// ErrUnknownOutcome: the store could not tell whether the change was committed.
	ErrUnknownOutcome = errors.New("could not tell whether it was committed")
	// ErrClosed: the store or the group was closed.
	ErrClosed = errors.New("the store is closed")
	// ErrSegmentsGone: another server dropped segments that the change relies on; look again.
	ErrSegmentsGone = errors.New("another server dropped segments meanwhile")
	// ErrTextsGone: the store has a line of texts no more, or less of it. Pack without it.
	ErrTextsGone = errors.New("texts that documents share are gone")
	// ErrNewerSchema: a newer program wrote the database.
	ErrNewerSchema = errors.New("the database has a newer schema")
)

// Limits of one call. An engine refuses more with ident.KindLimit before it
// touches the database.
const (
	MaxGroup      = 1024    // intakes in one Commit: bounds the time for which the sequence is locked
	MaxKey        = 1 << 16 // bytes of one component key: a package URL with attributes is far below 1 kB; index.MaxKeyBytes is as many
	MaxComponents = 1 << 22 // component keys of one document
	MaxOriginal   = 1 << 29 // compressed bytes of one document: the engines' own limit is 1 GB
	MaxText       = 1 << 12 // bytes of one name, reference, reason or actor
	MaxNames      = 1 << 10 // digests, and references, of one subject
	MaxPage       = 1 << 16 // rows of one page; a larger limit is cut to it
	MaxSegment    = 1 << 28 // bytes of one segment of the index
	MaxState      = 1 << 16 // bytes of one state's body
	MaxTexts      = 1 << 26 // bytes of one line of texts, unpacked: what a reader of one document may need
)
