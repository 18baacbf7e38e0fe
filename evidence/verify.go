package evidence

import (
	"fmt"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Broken says where a journal does not hold. It comes wrapped in an
// *ident.Error of kind ident.KindRefused.
type Broken struct {
	Seq    uint64 // the first record that cannot be trusted
	Reason string
}

// Error names the record and the reason.
func (b *Broken) Error() string {
	return fmt.Sprintf("the journal does not hold from record %d on: %s", b.Seq, b.Reason)
}

// Verifier checks a stream of encodings. It finds every change, removal,
// insertion and reordering by the chain itself, and a rewritten or truncated end
// by the checkpoints it is given: without a checkpoint whoever holds the store
// can rewrite all of it. It is used from one goroutine.
type Verifier struct {
	head        Head
	checkpoints []Checkpoint // not yet met, by sequence
	err         error
}

// NewVerifier starts behind from: the zero Head for a whole journal, or the head
// of a checkpoint that is trusted, for what came after it. Checkpoints at or
// before from are compared with it where they have the same sequence number; an
// older one cannot be checked from there, and Finish says so.
func NewVerifier(from Head, checkpoints ...Checkpoint) *Verifier {
	v := &Verifier{head: from, checkpoints: slices.Clone(checkpoints)}
	slices.SortStableFunc(v.checkpoints, func(a, b Checkpoint) int {
		switch {
		case a.Head.Seq < b.Head.Seq:
			return -1
		case a.Head.Seq > b.Head.Seq:
			return 1
		}
		return 0
	})
	if len(v.checkpoints) > 0 && v.checkpoints[0].Head.Seq < from.Seq {
		v.fail(v.checkpoints[0].Head.Seq, "a checkpoint lies before the record that verification started behind")
	}
	v.meet()
	return v
}

// Add checks the next record's encoding and returns the record. After an error
// every further call returns the same error.
func (v *Verifier) Add(encoding []byte) (Record, error) {
	if v.err != nil {
		return Record{}, v.err
	}
	r, err := Decode(encoding)
	switch {
	case err != nil:
		v.fail(v.head.Seq+1, err.Error())
	case r.Seq != v.head.Seq+1:
		v.fail(v.head.Seq+1, fmt.Sprintf("record %d stands in its place", r.Seq))
	case r.Previous != v.head.Hash:
		v.fail(r.Seq, "it does not carry the hash of the record before it")
	}
	if v.err != nil {
		return Record{}, v.err
	}
	v.head = Head{Seq: r.Seq, Hash: HashOf(encoding)}
	v.meet()
	return r, v.err
}

// Head returns the end of what has been verified so far.
func (v *Verifier) Head() Head { return v.head }

// Finish is called after the last record. It fails where a checkpoint says that
// there were more.
func (v *Verifier) Finish() (Head, error) {
	if v.err == nil && len(v.checkpoints) > 0 {
		last := v.checkpoints[len(v.checkpoints)-1]
		v.fail(v.head.Seq+1, fmt.Sprintf("a checkpoint was signed at record %d, and the journal ends at %d", last.Head.Seq, v.head.Seq))
	}
	return v.head, v.err
}

// meet compares the head with the checkpoints of its sequence number.
func (v *Verifier) meet() {
	for v.err == nil && len(v.checkpoints) > 0 && v.checkpoints[0].Head.Seq == v.head.Seq {
		if v.checkpoints[0].Head.Hash != v.head.Hash {
			v.fail(v.head.Seq, "a checkpoint signed another hash at this record: this record or one before it was rewritten")
		}
		v.checkpoints = v.checkpoints[1:]
	}
}

func (v *Verifier) fail(seq uint64, reason string) {
	if v.err == nil {
		v.err = ident.Errorf(ident.KindRefused, "%w", &Broken{Seq: seq, Reason: reason}).
			WithHint("compare with a backup or with checkpoints that left this machine")
	}
}
