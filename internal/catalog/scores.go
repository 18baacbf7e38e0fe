package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/decode"
	"github.com/cofferdam-io/cofferdam/sbom/quality"
	"github.com/cofferdam-io/cofferdam/sbom/spdx"
)

// Scoring says how documents are judged, and what becomes of bad ones.
type Scoring struct {
	Policy *quality.Policy // nil: the default one
	// Floor is the least score, by Profile, or "" for the mean of all; 0: none.
	Floor   float64
	Profile string
	// Refuse is true where documents below the floor, and those that the policy refuses,
	// are not taken in. They are marked otherwise.
	Refuse bool

	rules string // the revision: it names the rules, the floor included
}

// ready returns a copy that can be used; nil of nil.
func (s *Scoring) ready() *Scoring {
	if s == nil {
		return nil
	}
	r := *s
	r.rules = quality.Revision(s.Policy) + "/" + s.Profile + "/" + strconv.FormatFloat(s.Floor, 'g', -1, 64)
	return &r
}

// ScoreSaid is what is known of a document's quality. Another text of it ends the
// score's interval and begins the next.
type ScoreSaid struct {
	quality.Summary
	Rules string `json:"rules"`           // the revision of what it was judged by
	Below bool   `json:"below,omitempty"` // the floor
	Fault string `json:"fault,omitempty"` // why it cannot be judged; it has no score then
}

// judgeDocument judges a document that was decoded with details.
func (s *Scoring) judgeDocument(doc *sbom.Document, at time.Time) *ScoreSaid {
	r := quality.Score(doc, quality.Options{Policy: s.Policy, At: at, Findings: 1})
	said := &ScoreSaid{Summary: r.Summary(), Rules: s.rules}
	score := said.Score
	if p := said.Profile(s.Profile); p != nil {
		score = p.Score
	}
	said.Below = score < s.Floor
	return said
}

// refusal says why a document is not taken in, where its quality is a reason.
func (s *Scoring) refusal(doc *sbom.Document, said *ScoreSaid, at time.Time) error {
	switch {
	case !s.Refuse:
	case said.Below:
		score, by := said.Score, "all profiles"
		if p := said.Profile(s.Profile); p != nil {
			score, by = p.Score, p.ID
		}
		return ident.Errorf(ident.KindInvalid, "its score is %.1f by %s, and documents below %g are refused", score, by, s.Floor).
			WithHint("cofferdam sbom score FILE says what is missing, and where")
	case said.Refused:
		r := quality.Score(doc, quality.Options{Policy: s.Policy, At: at, Findings: 1, Profiles: []*quality.Profile{}})
		for _, c := range r.Policy.Checks {
			if c.Level == quality.Refuse {
				return ident.Errorf(ident.KindInvalid, "the policy %s refuses %s, at %d places, such as %q %s", r.Policy.Name, c.ID, c.Places, c.Findings[0].Pointer, c.Findings[0].Message).
					WithHint("cofferdam sbom score FILE --policy POLICY lists every place")
			}
		}
	}
	return nil
}

// scoresAtOnce is how many documents' scores are asserted together: one record of the
// journal for all of them, and as much that is read again when one changes.
const scoresAtOnce = 256

// scoreScope is the scope of the scores of scoresAtOnce documents.
func scoreScope(block int) string { return fmt.Sprintf("%010d", block*scoresAtOnce) }

func scoreKey(document uint32) string { return fmt.Sprintf("%010d", document) }

// The bounds of what scoreRow has room for; a test holds the tables against them.
const (
	mostProfiles = 4
	mostElements = 32
)

// scoreRow is what filters need of a document's score: a catalogue has a million.
type scoreRow struct {
	there                  bool
	refused, below, fault  bool
	ages                   bool  // what the policy says of it may change as it grows older
	from                   int64 // microseconds
	score                  float32
	rules                  unique.Handle[string]
	tenant, owner, service unique.Handle[string]
	profiles               [mostProfiles]profileRow
}

type profileRow struct {
	score float32
	unmet uint32 // elements of the profile, by their place
}

// scoreBlock are the rows of scoresAtOnce documents. It is immutable once published.
type scoreBlock [scoresAtOnce]scoreRow

// scored is what is known of all documents. It is immutable.
type scored struct {
	material uint64 // of the view that it covers
	at       time.Time
	blocks   []*scoreBlock
	version  uint64 // of the blocks, since the server began
}

func (s *scored) row(document uint32) *scoreRow {
	b := int(document / scoresAtOnce)
	if s == nil || b >= len(s.blocks) || s.blocks[b] == nil {
		return nil
	}
	if r := &s.blocks[b][document%scoresAtOnce]; r.there {
		return r
	}
	return nil
}

// with is s with another block.
func (s *scored) with(block int, b *scoreBlock) *scored {
	next := &scored{material: s.material, at: s.at, version: s.version + 1, blocks: make([]*scoreBlock, max(len(s.blocks), block+1))}
	copy(next.blocks, s.blocks)
	next.blocks[block] = b
	return next
}

// scoresTable holds the newest, and verdicts that are to be written down.
type scoresTable struct {
	look sync.Mutex // one look at a time
	last atomic.Pointer[scored]

	mu    sync.Mutex
	fresh map[uint32]*ScoreSaid // by document
}

// mostFresh bounds the verdicts that wait, a kilobyte or two each. A document whose
// verdict is not here is judged as it is stored.
const mostFresh = 1 << 13

// keep puts the verdict of a document that came in where the next look finds it.
func (t *scoresTable) keep(document uint32, said *ScoreSaid) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fresh == nil {
		t.fresh = map[uint32]*ScoreSaid{}
	}
	if len(t.fresh) < mostFresh {
		t.fresh[document] = said
	}
}

// take returns the verdict of a document and forgets it; nil is that there is none.
func (t *scoresTable) take(document uint32) *ScoreSaid {
	t.mu.Lock()
	defer t.mu.Unlock()
	said := t.fresh[document]
	delete(t.fresh, document)
	return said
}

// forget drops the verdicts of documents below one: they are written down, or the
// documents are gone.
func (t *scoresTable) forget(below uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.fresh, func(document uint32, _ *ScoreSaid) bool { return document < below })
}

// How often documents that came in are judged, and how old a verdict may become that
// depends on the document's age.
const (
	scoresEvery = 2 * time.Second
	scoresDaily = 24 * time.Hour
)

// scoresLook keeps the scores true. It costs what came in and not what is there, and
// gives way to uploads: it need not rest for long.
func (c *Catalog) scoresLook() looking {
	return looking{every: scoresEvery, failed: "documents were not judged", look: func(ctx context.Context) (bool, error) {
		_, err := c.auditScores(ctx, true)
		var busy *BusyError
		if errors.As(err, &busy) {
			err = nil // it comes again
		}
		return false, err
	}}
}

// AuditScores judges every document that was not judged yet by the rules of now, and
// writes down what began and what ended: a change is an event. It reports whether it did
// anything.
func (c *Catalog) AuditScores(ctx context.Context) (bool, error) { return c.auditScores(ctx, false) }

func (c *Catalog) auditScores(ctx context.Context, yielding bool) (bool, error) {
	if c.scoring == nil {
		return false, nil
	}
	t := &c.scores
	t.look.Lock()
	defer t.look.Unlock()
	v, now := c.follow.now(), c.now()
	was := t.last.Load()
	if was == nil {
		var err error
		if was, err = c.writtenScores(ctx); err != nil {
			return false, err
		}
		t.last.Store(was)
	}
	old := now.Sub(was.at) >= scoresDaily
	if v.material <= was.material && !old {
		return false, nil
	}
	rules := unique.Make(c.scoring.rules)
	needs := func(id uint32) bool {
		r := was.row(id)
		if _, live := v.index.Artifact(id); !live {
			return r != nil
		}
		return r == nil || r.rules != rules || old && r.ages
	}
	next := was
	for block := 0; uint32(block)*scoresAtOnce < v.index.Documents(); block++ { //nolint:gosec // documents are numbered with 32 bits
		first := uint32(block) * scoresAtOnce //nolint:gosec // as above
		var due []uint32
		for id := first; id < min(first+scoresAtOnce, v.index.Documents()); id++ {
			if needs(id) {
				due = append(due, id)
			}
		}
		if len(due) == 0 {
			continue
		}
		b, err := c.scoreBlock(ctx, v, block, due, yielding)
		if err != nil {
			return true, err
		}
		next = next.with(block, b)
		t.last.Store(next)
	}
	t.forget(v.index.Documents())
	done := *next
	done.material = v.material
	if old {
		done.at = now
	}
	t.last.Store(&done)
	c.metrics.scored(&done, v)
	return true, nil
}

// scoreBlock judges some documents of a block, writes down how all of it stands, and
// returns that.
func (c *Catalog) scoreBlock(ctx context.Context, v *view, block int, due []uint32, yielding bool) (*scoreBlock, error) {
	scope := scoreScope(block)
	rows := map[string]store.State{}
	err := c.states(ctx, store.StateQuery{Kind: store.StateScore, Scope: scope}, func(s *store.State) error {
		rows[s.Key] = *s
		return nil
	})
	if err != nil {
		return nil, err
	}
	docs, err := c.store.Documents(ctx, due)
	if err != nil {
		return nil, storeError(err)
	}
	meta := make(map[uint32]*store.Document, len(docs))
	for i := range docs {
		meta[docs[i].ID] = &docs[i]
	}
	for _, id := range due {
		d := meta[id]
		if _, live := v.index.Artifact(id); !live || d == nil || d.Deleted != 0 {
			delete(rows, scoreKey(id))
			continue
		}
		begun := time.Now()
		said := c.scores.take(id)
		waited := said != nil
		if !waited {
			if said, err = c.judgeStored(ctx, d); err != nil {
				return nil, err
			}
		}
		body, err := json.Marshal(said)
		if err != nil {
			return nil, err
		}
		rows[scoreKey(id)] = store.State{Key: scoreKey(id), Subject: d.Original.String(), Body: body}
		if yielding && !waited {
			c.giveWay(ctx, time.Since(begun))
		}
	}
	list := make([]store.State, 0, len(rows))
	for k := range rows {
		list = append(list, store.State{Key: k, Subject: rows[k].Subject, Body: rows[k].Body})
	}
	if _, err := c.store.Assert(ctx, c.mutation(self), store.StateScore, scope, list); err != nil && ident.KindOf(err) != ident.KindInvalid { // another server was here later
		return nil, storeError(err)
	}
	return c.writtenBlock(ctx, block)
}

// giveWay waits while uploads are under way, so that judging takes at most a twentieth
// of a processor from them.
func (c *Catalog) giveWay(ctx context.Context, took time.Duration) {
	if len(c.workers.work) == 0 {
		return
	}
	t := time.NewTimer(min(20*took, time.Second))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// judgeStored judges a document as it was handed over. What is wrong with the document
// is said in the answer; an error is that it could not be judged now.
func (c *Catalog) judgeStored(ctx context.Context, d *store.Document) (*ScoreSaid, error) {
	hold := &lease{of: &c.memory}
	defer hold.end()
	if err := c.memory.take(hold, d.Size); err != nil {
		return nil, err
	}
	fault := func(err error) *ScoreSaid {
		return &ScoreSaid{Rules: c.scoring.rules, Fault: reason(err)}
	}
	o, err := c.store.Original(ctx, d.Tenant, d.Original)
	if err != nil {
		return nil, storeError(err)
	}
	r, err := c.original(ctx, o)
	switch {
	case ident.KindOf(err) == ident.KindIndeterminate: // the store is away
		return nil, err
	case err != nil:
		return fault(err), nil
	}
	defer r.Close() //nolint:errcheck // of a reader
	buf := c.bodies.take(d.Size + bytes.MinRead)
	w := bytes.NewBuffer(buf)
	n, err := w.ReadFrom(io.LimitReader(r, d.Size))
	raw := w.Bytes()
	defer func() { c.bodies.give(buf) }()
	if err != nil || n != d.Size {
		return fault(ident.Errorf(ident.KindFailure, "the stored bytes of %s are damaged", d.Original)), nil
	}
	doc, err := c.decodeDetails(ctx, raw, d.Original, 0, nil)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return fault(err), nil
	}
	said := c.scoring.judgeDocument(doc, c.now())
	c.seen.Done(doc)
	return said, nil
}

// decodeDetails reads a document with what only its quality asks for.
func (c *Catalog) decodeDetails(ctx context.Context, raw []byte, digest ident.Digest, held int, repeated func(spdx.Repeat)) (*sbom.Document, error) {
	return one(decode.Bytes(ctx, "", raw, decode.Limits{MaxBytes: int(c.limits.Document), Digest: digest, Details: true, Seen: c.seen, Repeated: repeated, MaxHeld: held}))
}

// writtenScores are those that hold, as they were written down.
func (c *Catalog) writtenScores(ctx context.Context) (*scored, error) {
	out := &scored{at: c.now()}
	block := -1
	err := c.states(ctx, store.StateQuery{Kind: store.StateScore}, func(s *store.State) error {
		first, err := strconv.Atoi(s.Scope)
		if err != nil || first < 0 || first%scoresAtOnce != 0 {
			return unreadableScore(s, err)
		}
		if first/scoresAtOnce == block {
			return nil
		}
		block = first / scoresAtOnce
		b, err := c.writtenBlock(ctx, block)
		if err == nil {
			out = out.with(block, b)
		}
		return err
	})
	return out, err
}

func unreadableScore(s *store.State, err error) error {
	return ident.Errorf(ident.KindFailure, "the score %.80q cannot be read: %w", s.Scope+"/"+s.Key, err)
}

// writtenBlock reads the scores of one block.
func (c *Catalog) writtenBlock(ctx context.Context, block int) (*scoreBlock, error) {
	out := &scoreBlock{}
	var ids []uint32
	err := c.states(ctx, store.StateQuery{Kind: store.StateScore, Scope: scoreScope(block)}, func(s *store.State) error {
		id, said, err := scoreOf(s)
		if err != nil {
			return err
		}
		if int(id/scoresAtOnce) != block {
			return unreadableScore(s, errors.New("it is of another document"))
		}
		out[id%scoresAtOnce] = c.rowOf(said, s.From)
		ids = append(ids, id)
		return nil
	})
	if err != nil {
		return nil, err
	}
	docs, err := c.store.Documents(ctx, ids)
	if err != nil {
		return nil, storeError(err)
	}
	for i := range docs {
		out[docs[i].ID%scoresAtOnce].of(&docs[i])
	}
	return out, nil
}

func scoreOf(s *store.State) (uint32, *ScoreSaid, error) {
	id, err := strconv.ParseUint(s.Key, 10, 32)
	said := &ScoreSaid{}
	if err == nil {
		err = json.Unmarshal(s.Body, said)
	}
	if err != nil {
		return 0, nil, unreadableScore(s, err)
	}
	return uint32(id), said, nil
}

func (c *Catalog) rowOf(s *ScoreSaid, from time.Time) scoreRow {
	r := scoreRow{there: true, refused: s.Refused, below: s.Below, fault: s.Fault != "", from: from.UnixMicro(), score: float32(s.Score), rules: unique.Make(s.Rules)}
	r.ages = s.Unresolved > 0 && c.scoring != nil && c.scoring.Policy != nil && c.scoring.Policy.Ages()
	for i, p := range quality.Profiles() {
		x := s.Profile(p.ID)
		if x == nil {
			continue
		}
		r.profiles[i].score = float32(x.Score)
		for _, id := range x.Unmet {
			r.profiles[i].unmet |= elementMask(p, id)
		}
	}
	return r
}

// elementMask is the bit of an element of a profile; 0 where it has none of the name.
func elementMask(p *quality.Profile, id string) uint32 {
	for j := range p.Elements {
		if p.Elements[j].ID == id {
			return 1 << j
		}
	}
	return 0
}

// of adds whose document it is.
func (r *scoreRow) of(d *store.Document) {
	r.tenant, r.owner, r.service = unique.Make(d.Tenant), unique.Make(d.Subject.Owner), unique.Make(d.Subject.Service)
}
