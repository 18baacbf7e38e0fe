package catalog

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Drift is a container whose image and the catalogue do not agree, for a time.
type Drift struct {
	Cluster   string
	Container string // namespace/kind/name/container
	Image     ident.Digest
	Standing  Standing
	Doubts    []DoubtKind
	From      time.Time
	Until     time.Time // zero while it is so
}

// driftBody is what a state of drift says.
type driftBody struct {
	Standing Standing    `json:"standing"`
	Doubts   []DoubtKind `json:"doubts,omitempty"`
}

// self is who changes what the catalogue finds out itself.
var self = authz.Actor{Subject: "cofferdam"}

// driftEvery is how often what runs is held against the documents, where either
// changed; once a day it is done anyway, since documents grow old.
const (
	driftEvery = 30 * time.Second
	driftDaily = 24 * time.Hour
)

// driftLook looks for drift where something changed since it did so last, and once a
// day all the same.
func (c *Catalog) driftLook() looking {
	var seq uint64
	var last time.Time
	return looking{every: driftEvery, failed: "what runs was not held against the documents", look: func(ctx context.Context) (bool, error) {
		if v := c.follow.now(); v.seq == seq && time.Since(last) < driftDaily {
			return false, nil
		}
		begun := time.Now()
		n, err := c.Audit(ctx)
		if err == nil {
			seq, last = n, begun
		}
		return true, err
	}}
}

// Audit holds everything that runs against the documents of all tenants, and writes
// down what does not agree: a change of it is an event. It returns the sequence
// number that it covers.
func (c *Catalog) Audit(ctx context.Context) (uint64, error) {
	v := c.follow.now()
	tenants := slices.Sorted(maps.Keys(v.tenants))
	counts := map[Standing]int{}
	rows := map[string][]store.State{}
	add := func(w *Workload, s *Stand) error {
		counts[s.Standing]++
		if _, ok := rows[w.Cluster]; !ok {
			rows[w.Cluster] = nil
		}
		if s.Standing == Covered {
			return nil
		}
		b := driftBody{Standing: s.Standing}
		for _, d := range s.Doubts {
			if d.Kind.stale() && !slices.Contains(b.Doubts, d.Kind) {
				b.Doubts = append(b.Doubts, d.Kind)
			}
		}
		slices.Sort(b.Doubts)
		body, err := json.Marshal(&b)
		rows[w.Cluster] = append(rows[w.Cluster], store.State{Key: w.key(), Subject: w.Digest.String(), Body: body})
		return err
	}
	for d, ws := range v.running.images {
		best := &Stand{Standing: Missing}
		for _, t := range tenants {
			s, err := c.standOf(ctx, v, t, d, 0)
			if err != nil {
				return 0, err
			}
			if slices.Index(Standings(), s.Standing) < slices.Index(Standings(), best.Standing) {
				best = s
			}
		}
		for i := range ws {
			if err := add(&ws[i], best); err != nil {
				return 0, err
			}
		}
	}
	for i := range v.running.unknown {
		if err := add(&v.running.unknown[i], &Stand{Standing: Unresolved}); err != nil {
			return 0, err
		}
	}
	// A cluster of which nothing runs any more has nothing that drifted.
	err := c.states(ctx, store.StateQuery{Kind: store.StateDrift}, func(s *store.State) error {
		if _, ok := rows[s.Scope]; !ok {
			rows[s.Scope] = nil
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, cluster := range slices.Sorted(maps.Keys(rows)) {
		_, err := c.store.Assert(ctx, c.mutation(self), store.StateDrift, cluster, rows[cluster])
		if err != nil && ident.KindOf(err) != ident.KindInvalid { // another server was here later
			return 0, storeError(err)
		}
	}
	c.metrics.stand(counts)
	return v.seq, nil
}

// DriftQuery selects drift. Zero fields select everything that is so now.
type DriftQuery struct {
	Cluster string
	At      time.Time
	History bool // also what is no longer so
	Limit   int
	After   *Drift // the last of the page before
}

// Drifted returns what the last audit found, or what was so at a time.
func (c *Catalog) Drifted(ctx context.Context, q DriftQuery) ([]Drift, error) {
	sq := store.StateQuery{Kind: store.StateDrift, Scope: q.Cluster, At: q.At, History: q.History, Limit: q.Limit}
	if q.After != nil {
		sq.After = &store.State{Scope: q.After.Cluster, Key: q.After.Container, From: q.After.From}
	}
	rows, err := c.store.States(ctx, sq)
	if err != nil {
		return nil, storeError(err)
	}
	out := make([]Drift, 0, len(rows))
	for i := range rows {
		r := &rows[i]
		var b driftBody
		if err := json.Unmarshal(r.Body, &b); err != nil {
			return nil, ident.Errorf(ident.KindFailure, "the drift of %s cannot be read: %w", r.Key, err)
		}
		d := Drift{Cluster: r.Scope, Container: r.Key, Standing: b.Standing, Doubts: b.Doubts, From: r.From, Until: r.Until}
		if r.Subject != "" {
			if d.Image, err = ident.ParseDigest(r.Subject); err != nil {
				return nil, ident.Errorf(ident.KindFailure, "the drift of %s cannot be read: %w", r.Key, err)
			}
		}
		out = append(out, d)
	}
	return out, nil
}
