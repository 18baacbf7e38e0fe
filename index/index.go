package index

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Index is the whole: one writer applies what was committed, any number of
// readers ask snapshots. All methods are safe for concurrent use; Apply calls
// are serialised, Checkpoint calls as well, and neither waits for the other for
// longer than it takes to exchange two lists.
type Index struct {
	snapshot   atomic.Pointer[Snapshot]
	apply      sync.Mutex // of the writer: guards seal, and the step from one snapshot to the next
	checkpoint sync.Mutex // one checkpoint at a time
	seal       uint32     // documents below are under a checkpoint's hands: their runs are not merged
	sealIDs    uint32     // and ids
	lookup     *lookup
	kept       []string // pieces of the last checkpoint that the store has
}

// New returns an empty index.
func New() *Index {
	x := &Index{lookup: newLookup()}
	x.snapshot.Store(&Snapshot{dictionary: &dictionary{}})
	return x
}

// Snapshot returns the state after the last Apply. It stays as it is.
func (x *Index) Snapshot() *Snapshot { return x.snapshot.Load() }

// Document is one stored SBOM.
type Document struct {
	ID         uint32   // dense, in the order of commits, from 0
	Artifact   uint32   // dense; several documents may be of one artifact
	Components []uint32 // component ids, sorted, each once
}

// Move says that a document turned out to be of another artifact.
type Move struct{ Document, Artifact uint32 }

// Batch is what was committed between two sequence numbers.
type Batch struct {
	Seq       uint64     // of the last of it; above that of the batch before
	Keys      []string   // of new components, whose ids follow the known ones
	Documents []Document // whose IDs follow the known ones
	Moved     []Move
	Deleted   []uint32 // documents
}

// Apply takes in a batch, all or nothing. What it refuses, with an error of
// KindInvalid, is a gap, a repetition or a number that nothing has: the caller
// then asks the store for what lies between Snapshot().Seq() and the batch. Slices
// of the batch may be reused afterwards; keys are kept.
func (x *Index) Apply(b Batch) error {
	x.apply.Lock()
	defer x.apply.Unlock()
	old := x.snapshot.Load()
	if err := old.check(&b); err != nil {
		return err
	}
	next := *old
	next.seq = b.Seq
	if len(b.Keys) > 0 {
		d, err := x.learn(old.dictionary, b.Keys)
		if err != nil {
			return err
		}
		next.dictionary = d
	}
	if len(b.Documents) > 0 {
		next.addDocuments(b.Documents, x.seal)
	}
	if len(b.Moved) > 0 {
		next.artifacts = slices.Clone(next.artifacts)
		next.moved = slices.Clone(next.moved)
		for _, m := range b.Moved {
			if next.artifacts[m.Document] != none {
				next.artifacts[m.Document] = m.Artifact
				next.moved = append(next.moved, m)
				next.most = max(next.most, m.Artifact+1)
			}
		}
	}
	if len(b.Deleted) > 0 {
		next.dead = next.dead.Clone()
		for _, d := range b.Deleted {
			next.dead.Add(d)
		}
	}
	x.snapshot.Store(&next)
	return nil
}

// check refuses what does not follow the snapshot.
func (s *Snapshot) check(b *Batch) error {
	bad := func(format string, args ...any) error { return ident.Errorf(ident.KindInvalid, format, args...) }
	if b.Seq <= s.seq && (s.seq > 0 || s.documents > 0) {
		return bad("the batch of sequence %d does not follow %d", b.Seq, s.seq)
	}
	ids := uint64(s.dictionary.n) + uint64(len(b.Keys))
	docs := uint64(s.documents) + uint64(len(b.Documents))
	if ids > maxID || docs > maxID {
		return ident.Errorf(ident.KindLimit, "%d components or %d documents are more than ids can number", ids, docs)
	}
	for i := range b.Documents {
		d := &b.Documents[i]
		if uint64(d.ID) != uint64(s.documents)+uint64(i) {
			return bad("document %d does not follow %d: something that was committed is missing", d.ID, int64(s.documents)+int64(i)-1)
		}
		if d.Artifact >= maxArtifacts {
			return bad("document %d is of artifact %d, and artifacts are numbered below %d", d.ID, d.Artifact, maxArtifacts)
		}
		for k, c := range d.Components {
			if uint64(c) >= ids || k > 0 && c <= d.Components[k-1] {
				return bad("the components of document %d are not sorted, unique ids below %d", d.ID, ids)
			}
		}
	}
	for _, m := range b.Moved {
		if uint64(m.Document) >= docs || m.Artifact >= maxArtifacts {
			return bad("document %d cannot be moved to artifact %d: one of them does not exist", m.Document, m.Artifact)
		}
	}
	for _, d := range b.Deleted {
		if uint64(d) >= docs {
			return bad("document %d cannot be deleted: it does not exist", d)
		}
	}
	return nil
}

// learn gives new keys the ids that follow.
func (x *Index) learn(d *dictionary, keys []string) (*dictionary, error) {
	if err := x.lookup.fill(d); err != nil {
		return nil, err
	}
	var c lexiconCursor
	x.lookup.mu.RLock()
	for _, k := range keys {
		id, known, err := x.lookup.find(d, k, &c)
		if err == nil && known {
			err = ident.Errorf(ident.KindInvalid, "a new component has the key of component %d", id)
		}
		if err != nil {
			x.lookup.mu.RUnlock()
			return nil, err
		}
	}
	x.lookup.mu.RUnlock()
	part, err := buildLexicon(d.n, keys)
	if err != nil {
		return nil, err
	}
	parts := append(slices.Clip(d.parts), part)
	first := slices.IndexFunc(parts, func(l *lexicon) bool { return l.tail && l.lo >= x.sealIDs })
	for {
		sizes := make([]int, 0, len(parts)-first)
		for _, l := range parts[first:] {
			sizes = append(sizes, int(l.n))
		}
		n := crowded(sizes)
		if n == 0 {
			break
		}
		piece, err := mergeLexicons(parts[len(parts)-n:])
		if err != nil {
			return nil, err
		}
		if part, err = readTail(piece); err != nil {
			return nil, err
		}
		parts = append(parts[:len(parts)-n], part)
	}
	next := &dictionary{parts: parts, n: part.lo + part.n}
	return next, x.lookup.fill(next)
}

// Unknown stands in Lookup's answer for a key that has no id.
const Unknown uint32 = none

// Lookup appends the ids of keys to ids, Unknown for those that have none, and
// returns how many those are. It is what a store asks inside its acknowledging
// transaction, so that it need not ask its own table for known components.
func (x *Index) Lookup(keys []string, ids []uint32) ([]uint32, int, error) {
	d := x.Snapshot().dictionary
	if err := x.lookup.fill(d); err != nil {
		return ids, 0, err
	}
	x.lookup.mu.RLock()
	defer x.lookup.mu.RUnlock()
	unknown := 0
	var c lexiconCursor
	for _, k := range keys {
		id, known, err := x.lookup.find(d, k, &c)
		switch {
		case err != nil:
			return ids, unknown, err
		case !known:
			id = Unknown
			unknown++
		}
		ids = append(ids, id)
	}
	return ids, unknown, nil
}
