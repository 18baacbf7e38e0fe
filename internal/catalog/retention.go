package catalog

import (
	"context"
	"slices"
	"sort"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Retention says for how long documents are kept. An artifact's documents stay as
// long as it runs or may be deployed.
type Retention struct {
	// Archive is how long after an artifact last ran, was last deployable, or its
	// document came in, whichever is latest, the document leaves the index; zero: never.
	Archive time.Duration
	// Purge is how long after that its bytes are removed; zero: never.
	Purge time.Duration
	// Reports is how old the last report of a cluster or source may be: while one is
	// older, nobody knows what runs, and nothing is archived or purged. 48 hours by default.
	Reports time.Duration
	// Decisions is how long after it was judged a decision of a gate or a verification is
	// kept, with its answer; zero: for ever. The journal's record of it stays in any case.
	Decisions time.Duration
}

// Due is what retention would do now.
type Due struct {
	Sequence uint64
	// Held is why nothing is archived and no bytes are removed; empty where nothing stands in the way.
	Held    []string
	Archive []DueDocument
	// Purge counts the documents whose bytes would be removed: those archived by the
	// change PurgeThrough or before.
	Purge        int
	PurgeThrough uint64
	// Kept are archived documents whose bytes would be removed, were their artifacts not
	// needed again: they run, or may be deployed.
	Kept []uint32
	// Decisions are those that would be removed, whatever holds the rest.
	Decisions int
}

// DueDocument is one that would be archived.
type DueDocument struct {
	store.Document
	// LastNeeded is when its artifact last ran or was last deployable; zero where it
	// never was.
	LastNeeded time.Time
}

// mostDue bounds the documents that one run archives.
const mostDue = 100_000

// Due returns what retention would do now, and does nothing.
func (c *Catalog) Due(ctx context.Context, r Retention) (*Due, error) {
	v, now := c.follow.now(), c.now()
	out := &Due{Sequence: v.seq}
	if r == (Retention{}) {
		return out, nil
	}
	var err error
	if r.Decisions > 0 {
		err = c.oldDecisions(ctx, now.Add(-r.Decisions), func(_ []string, n int) error {
			out.Decisions += n
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if r.Archive == 0 && r.Purge == 0 {
		return out, nil
	}
	if out.Held, err = c.held(ctx, v, r, now); err != nil || len(out.Held) > 0 {
		return out, err
	}
	deployable, err := c.deployable(ctx)
	if err != nil {
		return nil, err
	}
	needed := func(d ident.Digest) bool { return deployable[d] || len(v.running.images[d]) > 0 }
	if r.Archive > 0 {
		if err := c.dueArchive(ctx, v, now, now.Add(-r.Archive), needed, out); err != nil {
			return nil, err
		}
	}
	if r.Purge > 0 {
		if err := c.duePurge(ctx, v, now.Add(-r.Purge), needed, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// deployable are the images that may be deployed now.
func (c *Catalog) deployable(ctx context.Context) (map[ident.Digest]bool, error) {
	out := map[ident.Digest]bool{}
	err := c.states(ctx, store.StateQuery{Kind: store.StateDeployable}, func(s *store.State) error {
		d, err := ident.ParseDigest(s.Subject)
		out[d] = true
		return err
	})
	return out, err
}

// held says why nobody knows what is needed.
func (c *Catalog) held(ctx context.Context, v *view, r Retention, now time.Time) ([]string, error) {
	reporters, err := c.Reporters(ctx)
	if err != nil {
		return nil, err
	}
	if len(reporters) == 0 {
		return []string{"nobody reports what runs or what may be deployed"}, nil
	}
	most := r.Reports
	if most == 0 {
		most = 48 * time.Hour
	}
	var out []string
	for _, x := range reporters {
		if age := now.Sub(x.Last); age > most+time.Hour { // Last is to the hour
			out = append(out, "the "+string(x.Kind)+" "+x.Name+" has not reported since "+x.Last.UTC().Format(time.RFC3339))
		}
	}
	if len(out) == 0 && len(v.running.unknown) > 0 {
		w := &v.running.unknown[0]
		out = append(out, "container "+w.key()+" of the cluster "+w.Cluster+" runs an image that nobody has resolved")
	}
	return out, nil
}

func (c *Catalog) dueArchive(ctx context.Context, v *view, now, cutoff time.Time, needed func(ident.Digest) bool, out *Due) error {
	lasts := map[ident.Digest]time.Time{}
	last := func(d ident.Digest) (time.Time, error) {
		if t, ok := lasts[d]; ok {
			return t, nil
		}
		t := time.Time{}
		if needed(d) {
			t = now
		} else {
			for _, kind := range []store.StateKind{store.StateRuns, store.StateDeployable} {
				err := c.states(ctx, store.StateQuery{Kind: kind, Subject: d.String(), History: true}, func(s *store.State) error {
					if s.Until.IsZero() {
						t = now
					} else if s.Until.After(t) {
						t = s.Until
					}
					return nil
				})
				if err != nil {
					return t, err
				}
			}
		}
		lasts[d] = t
		return t, nil
	}
	live := v.index.Live()
	for part := range chunks(live, statesAtOnce/8) {
		if err := ctx.Err(); err != nil {
			return err
		}
		artifacts, err := c.byArtifact(ctx, part)
		if err != nil {
			return err
		}
		for _, a := range part {
			// The artifact is needed as long as one of its identities is, whichever document
			// gives it.
			var when time.Time
			for i := range artifacts[a] {
				for _, d := range digestsOf(&artifacts[a][i].Subject) {
					t, err := last(d)
					if err != nil {
						return err
					}
					if t.After(when) {
						when = t
					}
				}
			}
			for i := range artifacts[a] {
				d := &artifacts[a][i]
				if d.Deleted == 0 && when.Before(cutoff) && d.Time.Before(cutoff) {
					out.Archive = append(out.Archive, DueDocument{*d, when})
				}
				if len(out.Archive) == mostDue {
					return nil
				}
			}
		}
	}
	return nil
}

// byArtifact returns the live documents of artifacts, those of each oldest first.
func (c *Catalog) byArtifact(ctx context.Context, artifacts []uint32) (map[uint32][]store.Document, error) {
	ids, err := c.store.ArtifactDocuments(ctx, artifacts...)
	if err != nil {
		return nil, storeError(err)
	}
	docs, err := c.store.Documents(ctx, ids)
	if err != nil {
		return nil, storeError(err)
	}
	out := make(map[uint32][]store.Document, len(artifacts))
	for i := range docs {
		out[docs[i].Artifact] = append(out[docs[i].Artifact], docs[i])
	}
	return out, nil
}

func digestsOf(s *store.Subject) []ident.Digest {
	var out []ident.Digest
	for _, d := range s.Digests {
		out = append(out, d.Digest)
	}
	if !s.Claimed.IsZero() {
		out = append(out, s.Claimed)
	}
	return out
}

// chunks hands out the numbers of a set, some at a time.
func chunks(s index.Set, n int) func(func([]uint32) bool) {
	return func(yield func([]uint32) bool) {
		part := make([]uint32, 0, n)
		for id := range s.All() {
			if part = append(part, id); len(part) == n {
				if !yield(part) {
					return
				}
				part = part[:0]
			}
		}
		if len(part) > 0 {
			yield(part)
		}
	}
}

// duePurge finds the last change at or before a time: what was archived by then. What is
// needed again, by itself or as another document's artifact, is kept.
func (c *Catalog) duePurge(ctx context.Context, v *view, cutoff time.Time, needed func(ident.Digest) bool, out *Due) error {
	p, err := c.store.Position(ctx)
	if err != nil {
		return storeError(err)
	}
	var fault error
	// The first change after the cutoff; the journal's times do not go back by more
	// than clocks of servers differ.
	n := sort.Search(int(p.Seq), func(i int) bool { //nolint:gosec // as many changes as fit
		if fault != nil {
			return true
		}
		at, err := c.changedAt(ctx, uint64(i)+1) //nolint:gosec // not negative
		if err != nil {
			fault = err
			return true
		}
		return at.After(cutoff)
	})
	if fault != nil {
		return fault
	}
	out.PurgeThrough = uint64(n) //nolint:gosec // not negative
	if n == 0 {
		return nil
	}
	keeps := func(d store.Document) bool { return slices.ContainsFunc(digestsOf(&d.Subject), needed) }
	for t := range v.tenants {
		after := uint64(0)
		for {
			docs, err := c.store.Archived(ctx, t, after, statesAtOnce)
			if err != nil {
				return storeError(err)
			}
			artifacts := make([]uint32, len(docs))
			for i := range docs {
				artifacts[i] = docs[i].Artifact
			}
			others, err := c.byArtifact(ctx, artifacts)
			if err != nil {
				return err
			}
			for i := range docs {
				if after = docs[i].Deleted; after > out.PurgeThrough {
					break
				}
				if keeps(docs[i]) || slices.ContainsFunc(others[docs[i].Artifact], keeps) {
					out.Kept = append(out.Kept, docs[i].ID)
				} else {
					out.Purge++
				}
			}
			if len(docs) < statesAtOnce || after > out.PurgeThrough {
				break
			}
		}
	}
	return nil
}

func (c *Catalog) changedAt(ctx context.Context, seq uint64) (time.Time, error) {
	rows, err := c.store.Journal(ctx, seq-1, 1)
	if err != nil {
		return time.Time{}, storeError(err)
	}
	if len(rows) != 1 {
		return time.Time{}, ident.Errorf(ident.KindFailure, "the journal has no record %d", seq)
	}
	r, err := evidence.Decode(rows[0])
	return r.Time, err
}

// Retired is what retention did.
type Retired struct {
	Archived, Purged int
	Decisions        int // removed
	Held             []string
}

// Retire archives and purges what is due.
func (c *Catalog) Retire(ctx context.Context, by authz.Actor, r Retention) (*Retired, error) {
	due, err := c.Due(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &Retired{Held: due.Held}
	if due.Decisions > 0 {
		if out.Decisions, err = c.forgetDecisions(ctx, by, c.now().Add(-r.Decisions)); err != nil {
			return out, err
		}
	}
	ids := make([]uint32, 0, len(due.Archive))
	for i := range due.Archive {
		ids = append(ids, due.Archive[i].ID)
	}
	slices.Sort(ids)
	if len(ids) > 0 {
		if out.Archived, err = c.store.Delete(ctx, c.mutation(by), ids); err != nil {
			return out, storeError(err)
		}
	}
	if due.Purge > 0 {
		if out.Purged, err = c.store.Purge(ctx, c.mutation(by), due.PurgeThrough, due.Kept...); err != nil {
			return out, storeError(err)
		}
		c.texts.gone(0)
	}
	return out, c.settle(ctx)
}

// retiring is how often a catalogue that has rules of retention keeps them.
const retiring = time.Hour

// KeepRetention keeps the rules until the context ends.
func (c *Catalog) KeepRetention(ctx context.Context, r Retention) {
	t := time.NewTicker(retiring)
	defer t.Stop()
	held := ""
	for {
		got, err := c.Retire(ctx, self, r)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			c.log.WarnContext(ctx, "documents were not archived", "error", err)
		case len(got.Held) > 0:
			if held != got.Held[0] {
				c.log.WarnContext(ctx, "nothing is archived: nobody knows what is still needed", "why", got.Held)
			}
			held = got.Held[0]
		default:
			held = ""
			if got.Archived+got.Purged > 0 {
				c.log.InfoContext(ctx, "documents left", "archived", got.Archived, "purged", got.Purged)
			}
		}
		if err == nil && got.Decisions > 0 {
			c.log.InfoContext(ctx, "decisions left", "removed", got.Decisions)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Archived lists a tenant's documents that left the index and were not purged, in
// the order in which they left: those after a change.
func (c *Catalog) Archived(ctx context.Context, tenant string, after uint64, limit int) ([]store.Document, error) {
	docs, err := c.store.Archived(ctx, tenant, after, limit)
	return docs, storeError(err)
}
