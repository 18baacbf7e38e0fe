package store

import "github.com/cofferdam-io/cofferdam/evidence"

// Position is how far a store is. The numbers of documents, components and
// artifacts count every one ever assigned: the next id of each.
type Position struct {
	Seq        uint64
	Documents  uint32
	Components uint32
	Artifacts  uint32
	Journal    evidence.Head // Journal.Seq is Seq
}

// ChangeKind is what a change means to a reader of Since.
type ChangeKind uint8

// The kinds of changes. Their numbers are stored.
const (
	// ChangeOther concerns neither documents nor states: its journal record says what.
	ChangeOther ChangeKind = iota
	// ChangeAdded: Document was taken in, with Row, Tenant and Artifact. Where it was
	// purged since, Row is nil and its ChangeDeleted follows.
	ChangeAdded
	// ChangeDeleted: Document has a tombstone.
	ChangeDeleted
	// ChangeJoined: a document showed that artifact From is artifact Artifact. All
	// documents of From are of Artifact now.
	ChangeJoined
	// ChangeStatus: Document has another status.
	ChangeStatus
	// ChangeState: Assert changed the states of a kind, StateKind.
	ChangeState
)

// Change is one step of the sequence. Sequence numbers have no gaps, and every
// journal record is one.
type Change struct {
	Seq       uint64
	Kind      ChangeKind
	Document  uint32
	Artifact  uint32 // of the document, as of now
	From      uint32 // ChangeJoined
	Tenant    string
	Row       []byte // ChangeAdded: the forward row
	StateKind StateKind
}

// AuditReport says what an audit covered.
type AuditReport struct {
	Records   int           // of the journal, all verified
	Documents int           // compared with their records; deleted ones too
	Purged    int           // gone, with a record of their purge
	Head      evidence.Head // where the verified journal ends
}

// Segment is an immutable piece of the index, derived from the rows of a range of
// the sequence.
type Segment struct {
	Name        string // unique; at most 255 bytes
	First, Last uint64 // the sequence numbers that it covers, inclusive
	Size        int64  // of Data; set by the store
	Data        []byte // nil in lists
}
