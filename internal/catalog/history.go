package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sort"
	"time"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// HistoryQuery asks what is known of artifacts over time. Exactly one of the names is given.
type HistoryQuery struct {
	Tenant string
	Digest ident.Digest // of an artifact or a document
	Kind   store.NameKind
	Name   string

	After int64 // documents with higher numbers only; -1: from the first on
	Limit int
}

// History is what was handed over about artifacts, and where those ran.
type History struct {
	Documents []store.Document // in the order in which they came
	More      bool
	Runs      []Run
	CutRuns   bool // some are not listed
}

// Run is an interval in which a container ran an artifact, as its cluster was reported.
type Run struct {
	Artifact uint32
	Workload
	Until time.Time // zero while it runs
}

// mostRuns bounds the intervals that one answer lists.
const mostRuns = 10_000

// History answers what was handed over about an artifact, a build, a release, a
// service or an owner, by whom and when, and where the artifacts ran.
func (c *Catalog) History(ctx context.Context, q HistoryQuery) (*History, error) {
	var docs []store.Document
	var err error
	out := &History{}
	if !q.Digest.IsZero() {
		docs, err = c.named(ctx, q.Tenant, q.Digest)
		if ident.KindOf(err) == ident.KindNotFound {
			left, lerr := c.archivedNamed(ctx, q.Tenant, q.Digest)
			if lerr != nil {
				return nil, lerr
			}
			if len(left) > 0 {
				docs, err = left, nil
			}
		}
		if err != nil {
			return nil, err
		}
		docs = slices.DeleteFunc(docs, func(d store.Document) bool { return int64(d.ID) <= q.After })
		if out.More = len(docs) > q.Limit; out.More {
			docs = docs[:q.Limit]
		}
	} else {
		ids, err := c.store.Named(ctx, q.Tenant, q.Kind, q.Name, q.After, q.Limit+1)
		if err != nil {
			return nil, storeError(err)
		}
		if out.More = len(ids) > q.Limit; out.More {
			ids = ids[:q.Limit]
		}
		if docs, err = c.store.Documents(ctx, ids); err != nil {
			return nil, storeError(err)
		}
	}
	out.Documents = docs
	type image struct {
		artifact uint32
		digest   ident.Digest
	}
	seen := map[image]bool{}
	for i := range docs {
		for _, d := range docs[i].Subject.Digests {
			x := image{docs[i].Artifact, d.Digest}
			if seen[x] || d.Role == ident.RoleDocument {
				continue
			}
			seen[x] = true
			if err := c.runs(ctx, x.artifact, d.Digest, out); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(out.Runs, func(a, b Run) int { return a.Since.Compare(b.Since) })
	return out, nil
}

// archivedNamed are the documents of a digest that left the index, where none is left in
// it: names lead to those that are live, so that all of the archive is looked at.
func (c *Catalog) archivedNamed(ctx context.Context, tenant string, d ident.Digest) ([]store.Document, error) {
	var out []store.Document
	for after := uint64(0); ; {
		docs, err := c.store.Archived(ctx, tenant, after, statesAtOnce)
		if err != nil {
			return nil, storeError(err)
		}
		for i := range docs {
			after = docs[i].Deleted
			if docs[i].Original == d || slices.Contains(digestsOf(&docs[i].Subject), d) {
				out = append(out, docs[i])
			}
		}
		if len(docs) < statesAtOnce {
			slices.SortFunc(out, func(a, b store.Document) int { return cmp.Compare(a.ID, b.ID) })
			return out, nil
		}
	}
}

// runs adds the intervals in which an image ran.
func (c *Catalog) runs(ctx context.Context, artifact uint32, d ident.Digest, out *History) error {
	rows, err := c.store.States(ctx, store.StateQuery{Kind: store.StateRuns, Subject: d.String(), History: true, Limit: mostRuns})
	if err != nil {
		return storeError(err)
	}
	for i := range rows {
		if len(out.Runs) == mostRuns {
			out.CutRuns = true
			return nil
		}
		r := Run{Artifact: artifact, Until: rows[i].Until}
		if err := json.Unmarshal(rows[i].Body, &r.Workload); err != nil {
			return ident.Errorf(ident.KindFailure, "the state %q of cluster %s cannot be read: %w", rows[i].Key, rows[i].Scope, err)
		}
		r.Cluster, r.Since = rows[i].Scope, rows[i].From
		out.Runs = append(out.Runs, r)
	}
	return nil
}

// SequenceAt returns the sequence number of the last change before a time, so that
// what follows it is what changed since. It looks the time up in the journal, whose
// records say when.
func (c *Catalog) SequenceAt(ctx context.Context, t time.Time) (uint64, error) {
	p, err := c.store.Position(ctx)
	if err != nil {
		return 0, storeError(err)
	}
	t = t.Truncate(time.Microsecond) // as records keep it
	var fault error
	n := sort.Search(int(p.Seq), func(i int) bool { //nolint:gosec // sequence numbers count what fits a disk
		if fault != nil {
			return true
		}
		rows, err := c.store.Journal(ctx, uint64(i), 1) //nolint:gosec // not negative
		if err != nil || len(rows) == 0 {
			fault = storeError(err)
			return true
		}
		r, err := evidence.Decode(rows[0])
		if err != nil {
			fault = err
			return true
		}
		return !r.Time.Before(t)
	})
	return uint64(n), fault //nolint:gosec // not negative
}
