package index

import (
	"context"
	"fmt"
	"slices"
)

// Piece is an immutable part of a checkpoint. The bytes must not be changed.
type Piece struct {
	Name  string
	Bytes []byte
}

// Checkpoint is what a store keeps so that the index need not be rebuilt: first
// the new pieces, then, in one step, the manifest in place of the last one, and
// only then may it drop pieces. A crash between these leaves the old checkpoint whole.
type Checkpoint struct {
	Seq      uint64   // the manifest covers what was committed up to here
	Manifest []byte   // names every piece that is part of the checkpoint
	New      []Piece  // those that the last kept checkpoint did not have
	Drop     []string // pieces of the last kept checkpoint that this one does not need
	pieces   []string
}

// mostDeadShare is the part of a segment (a quarter) from which on it is rewritten
// without what was deleted.
const mostDeadShare = 4

// Checkpoint writes down what was applied since the last one, and merges pieces
// where the policy asks for it. Apply and readers go on meanwhile. Call Keep once
// the store has it; until then the next checkpoint brings its pieces again. The
// error is the context's, or says which piece is damaged.
func (x *Index) Checkpoint(ctx context.Context) (*Checkpoint, error) {
	x.checkpoint.Lock()
	defer x.checkpoint.Unlock()

	x.apply.Lock()
	s := x.snapshot.Load()
	x.seal, x.sealIDs = s.documents, s.dictionary.n
	x.apply.Unlock()

	dict, err := s.flushDictionary(ctx)
	if err != nil {
		return nil, err
	}
	segments, err := s.flushPostings(ctx)
	if err != nil {
		return nil, err
	}
	purged, moved := sized(s.documents), slices.Clone(s.moved)
	for _, g := range segments {
		if slices.Contains(s.segments, g) {
			continue
		}
		for i, a := range g.artifacts {
			if a == none {
				purged.Add(g.lo + uint32(i)) //nolint:gosec // below n
			}
		}
		moved = slices.DeleteFunc(moved, func(m Move) bool { return g.lo <= m.Document && m.Document-g.lo < g.n })
	}
	x.install(s, dict, segments, purged, moved)

	dead := s.dead.Clone()
	dead.AndNot(purged)
	m := manifest{seq: s.seq, documents: s.documents, components: s.dictionary.n, dead: dead, moved: moved}
	out := &Checkpoint{Seq: s.seq}
	add := func(name string, piece []byte) {
		out.pieces = append(out.pieces, name)
		if !slices.Contains(x.kept, name) {
			out.New = append(out.New, Piece{name, piece})
		}
	}
	for _, l := range dict {
		m.dictionary = append(m.dictionary, l.name)
		add(l.name, l.piece)
	}
	for _, g := range segments {
		m.postings = append(m.postings, g.name)
		add(g.name, g.piece)
	}
	for _, name := range x.kept {
		if !slices.Contains(out.pieces, name) {
			out.Drop = append(out.Drop, name)
		}
	}
	out.Manifest = m.encode()
	return out, nil
}

// Keep tells the index that the store has a checkpoint: pieces and manifest.
func (x *Index) Keep(c *Checkpoint) {
	x.checkpoint.Lock()
	defer x.checkpoint.Unlock()
	x.kept = c.pieces
}

// Lost tells the index that the store has some pieces no more: the next checkpoint
// brings them again.
func (x *Index) Lost(names ...string) {
	x.checkpoint.Lock()
	defer x.checkpoint.Unlock()
	x.kept = slices.DeleteFunc(slices.Clone(x.kept), func(n string) bool { return slices.Contains(names, n) })
}

// install puts what a checkpoint made of the snapshot s in its place. What was
// applied meanwhile lies behind the seal, moves and deletes aside.
func (x *Index) install(s *Snapshot, dict []*lexicon, segments []*segment, purged Set, moved []Move) {
	x.apply.Lock()
	defer x.apply.Unlock()
	now := *x.snapshot.Load()
	now.segments = segments
	now.runs = slices.DeleteFunc(slices.Clone(now.runs), func(r run) bool { return r.lo < s.documents })
	later := slices.DeleteFunc(slices.Clone(now.dictionary.parts), func(l *lexicon) bool { return l.lo < s.dictionary.n })
	now.dictionary = &dictionary{parts: append(slices.Clip(dict), later...), n: now.dictionary.n}
	now.moved = append(moved[:len(moved):len(moved)], now.moved[len(s.moved):]...)
	if purged.Len() > 0 {
		now.artifacts = slices.Clone(now.artifacts)
		for d := range purged.All() {
			now.artifacts[d] = none
		}
		now.dead = now.dead.Clone()
		now.dead.AndNot(purged)
	}
	x.snapshot.Store(&now)
}

// plan cuts parts of the given sizes, the oldest first, into what stays and what
// is to be merged. fresh is the first part that no checkpoint has, which must be
// written anyway. An older one is merged with those behind it when it is no larger
// than they are together: so what is kept halves in size from part to part, each
// occurrence is rewritten a logarithmic number of times, and a small change never
// rewrites a large piece.
func plan(sizes []int, fresh int) (keep int) {
	keep = fresh
	behind := 0
	for _, n := range sizes[fresh:] {
		behind += n
	}
	if behind == 0 {
		return len(sizes)
	}
	for keep > 0 && sizes[keep-1] <= behind {
		keep--
		behind += sizes[keep]
	}
	return keep
}

func (s *Snapshot) flushDictionary(ctx context.Context) ([]*lexicon, error) {
	parts := s.dictionary.parts
	fresh := slices.IndexFunc(append(slices.Clone(parts), &lexicon{tail: true}), func(l *lexicon) bool { return l.tail })
	sizes := make([]int, len(parts))
	for i, l := range parts {
		sizes[i] = len(l.piece)
	}
	keep := plan(sizes, fresh)
	if keep == len(parts) {
		return parts, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	merged, err := oneLexicon(parts[keep:])
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(parts[:keep]), merged), nil
}

// oneLexicon makes the piece of a checkpoint of adjacent parts.
func oneLexicon(parts []*lexicon) (*lexicon, error) {
	last := parts[len(parts)-1]
	name := fmt.Sprintf("dictionary-%d-%d", parts[0].lo, last.lo+last.n)
	if len(parts) == 1 {
		return last.kept(name)
	}
	piece, err := mergeLexicons(parts)
	if err != nil {
		return nil, err
	}
	return openLexicon(name, piece)
}

func (s *Snapshot) flushPostings(ctx context.Context) ([]*segment, error) {
	sizes := make([]int, len(s.segments), len(s.segments)+1)
	for i, g := range s.segments {
		sizes[i] = len(g.piece)
	}
	behind := 0
	for _, r := range s.runs {
		behind += 3*len(r.pairs) + int(r.n) // about what they take once written
	}
	keep := plan(append(sizes, behind), len(s.segments))
	keep = min(keep, len(s.segments))
	segments := make([]*segment, 0, len(s.segments)+1)
	for _, g := range s.segments[:keep] {
		if (g.live-s.liveIn(g))*mostDeadShare >= g.live && g.live > 0 {
			fresh, err := s.write(ctx, []*segment{g}, nil)
			if err != nil {
				return nil, err
			}
			g = fresh
		}
		segments = append(segments, g)
	}
	if behind == 0 {
		return segments, nil
	}
	g, err := s.write(ctx, s.segments[keep:], s.runs)
	if err != nil {
		return nil, err
	}
	return append(segments, g), nil
}

// liveIn counts the documents of a segment that are not deleted.
func (s *Snapshot) liveIn(g *segment) uint32 {
	n := uint32(0)
	for i, a := range g.artifacts {
		if a != none && !s.dead.Has(g.lo+uint32(i)) { //nolint:gosec // below n
			n++
		}
	}
	return n
}

// write makes one segment of adjacent ones and the runs behind them, without what is deleted.
func (s *Snapshot) write(ctx context.Context, segments []*segment, runs []run) (*segment, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	lo, hi := s.documents, s.documents
	var parts []postingWalk
	for _, g := range segments {
		lo, hi = min(lo, g.lo), g.lo+g.n
		parts = append(parts, g.walk())
	}
	for i := range runs {
		lo, hi = min(lo, runs[i].lo), runs[i].lo+runs[i].n
		parts = append(parts, runs[i].walk())
	}
	artifacts := slices.Clone(s.artifacts[lo:hi])
	for i := range artifacts {
		if s.dead.Has(lo + uint32(i)) { //nolint:gosec // below hi
			artifacts[i] = none
		}
	}
	checked := func(w postingWalk) postingWalk {
		n := 0
		return func() (uint32, []uint32, bool, error) {
			if n++; n%(1<<14) == 0 {
				if err := ctx.Err(); err != nil {
					return 0, nil, false, err
				}
			}
			return w()
		}
	}
	for i := range parts {
		parts[i] = checked(parts[i])
	}
	piece, err := encodeSegment(lo, artifacts, parts)
	if err != nil {
		return nil, err
	}
	return openSegment(fmt.Sprintf("postings-%d-%d-%d", lo, hi, s.seq), piece)
}
