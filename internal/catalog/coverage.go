package catalog

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/inventory"
)

// coverage says what the answer rests on, in the words of the command line.
func (w *asked) coverage(ctx context.Context) error {
	cov := &w.out.Coverage
	cov.NotSeen = []string{}
	known := w.known()
	covered := map[ident.Ref]bool{}
	for d, list := range w.runs.images {
		has := known[d]
		for i := range list {
			r := list[i].ref()
			was, seen := covered[r]
			covered[r] = has && (was || !seen)
		}
		switch {
		case has && w.runs.indexes[d]:
			cov.SBOMMatchedBy.Index += len(list)
		case has:
			cov.SBOMMatchedBy.Digest += len(list)
		}
	}
	for i := range w.runs.unknown {
		covered[w.runs.unknown[i].ref()] = false
	}
	cov.Workloads = len(covered)
	for _, all := range covered {
		if all {
			cov.WithSBOM++
		}
	}
	if w.c.advisories.set.Load() != nil {
		m, err := w.c.matched(ctx, w.v)
		if err != nil {
			return err
		}
		cov.AdvisoriesAsOf, cov.ComponentsWithoutIdentity = m.Database.AsOf().Format(time.DateOnly), m.index.WithoutIdentity()
	}
	var err error
	cov.Quarantined, err = w.c.quarantined(ctx, w.q.Tenant)
	return err
}

// known are the images that a document of the tenant describes.
func (w *asked) known() map[ident.Digest]bool { return describe(w.v, w.runs, w.q.Tenant).known }

// mostCounted bounds how many documents in quarantine are counted.
const mostCounted = 1000

// quarantined counts a tenant's documents that could not be read, up to a bound: what is
// in them is in no answer.
func (c *Catalog) quarantined(ctx context.Context, tenant string) (int, error) {
	rows, err := c.store.Rejected(ctx, tenant, 0, mostCounted)
	return len(rows), storeError(err)
}

// uncovered lists the containers that were not searched, and says so where nobody
// reported what runs.
func (w *asked) uncovered() {
	known := w.known()
	add := func(x *Workload, reason string) {
		if len(w.out.NotCovered) == mostNotCovered {
			w.out.CutNotCovered++
			return
		}
		w.out.NotCovered = append(w.out.NotCovered, inventory.NotCovered{Workload: x.ref(), Zone: x.Zone, Image: imageOf(x), Reason: reason})
	}
	for d, list := range w.runs.images {
		if known[d] {
			continue
		}
		for i := range list {
			add(&list[i], "no document names "+d.Short())
		}
	}
	for i := range w.runs.unknown {
		add(&w.runs.unknown[i], "its cluster did not say which digest the image has")
	}
	slices.SortFunc(w.out.NotCovered, func(a, b inventory.NotCovered) int {
		return cmp.Or(a.Workload.Compare(b.Workload), cmp.Compare(a.Image, b.Image))
	})
	if w.out.Coverage.Workloads == 0 {
		reason := "no cluster has reported what runs in it"
		if !w.q.At.IsZero() {
			reason = "no cluster had reported what ran in it at " + w.q.At.UTC().Format(time.RFC3339)
		}
		w.out.Unknowns = append(w.out.Unknowns, inventory.Unknown{Object: "what runs", Reason: reason, Affects: []ident.Ref{}})
	}
	if n := w.out.Coverage.Quarantined; n > 0 {
		text := strconv.Itoa(n)
		if n == mostCounted {
			text += " or more"
		}
		w.out.Unknowns = append(w.out.Unknowns, inventory.Unknown{Object: "documents in quarantine", Reason: text + " could not be read, and what they list was not searched", Affects: []ident.Ref{}})
	}
}

// incomplete names the documents of running images that say themselves that they do
// not list everything.
func (w *asked) incomplete(ctx context.Context) error {
	for after := int64(-1); ; {
		ids, err := w.c.store.Named(ctx, w.q.Tenant, store.ByMark, store.MarkIncomplete, after, statesAtOnce)
		if err != nil {
			return storeError(err)
		}
		running := ids[:0]
		for _, id := range ids {
			after = int64(id)
			if a, live := w.v.index.Artifact(id); live && w.runs.set.Has(a) {
				running = append(running, id)
			}
		}
		more := after >= 0 && len(ids) == statesAtOnce
		docs, err := w.c.store.Documents(ctx, running)
		if err != nil {
			return storeError(err)
		}
		for i := range docs {
			a, _ := w.v.index.Artifact(docs[i].ID)
			w.unknown("document "+docs[i].Original.String(), "it says itself that it does not list everything", index.NewSet(a))
		}
		if !more {
			return nil
		}
	}
}

// clusters are those that reported; of a tenant, those in which what it describes runs.
func (w *asked) clusters() []string {
	c := coverage(w.v, w.runs, w.q.Tenant).Clusters
	if len(c) == 0 {
		return []string{"none"}
	}
	return c
}
