package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Workload is a container of a workload that runs an image, as its cluster was
// reported.
type Workload struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Container string `json:"container"`
	Image     string `json:"image,omitempty"` // the reference, as the workload names it
	// Digest is what the cluster says it runs; empty where it did not resolve one.
	Digest      ident.Digest `json:"digest,omitzero"`
	Zone        string       `json:"zone,omitempty"`
	Service     string       `json:"service,omitempty"`
	Owner       string       `json:"owner,omitempty"`
	Criticality string       `json:"criticality,omitempty"`
	Since       time.Time    `json:"since,omitzero"` // reported first, in this form
}

// running is what runs, by what it runs.
type running struct {
	images    map[ident.Digest][]Workload
	unknown   []Workload // whose image has no digest
	artifacts map[uint32][]ident.Digest
	indexes   map[ident.Digest]bool // those of images that documents call an index: which of its artifacts runs is not known
	set       index.Set             // the artifacts
	zones     map[string]index.Set  // of them, those in a zone
	clusters  map[string]index.Set
}

// readRunning reads what runs at a time, or now where that is zero, and which
// artifacts those are.
func readRunning(ctx context.Context, s store.Store, tenants map[string]index.Set, at time.Time) (*running, error) {
	r := &running{images: map[ident.Digest][]Workload{}, artifacts: map[uint32][]ident.Digest{}, indexes: map[ident.Digest]bool{}}
	err := eachState(ctx, s, store.StateQuery{Kind: store.StateRuns, At: at}, func(row *store.State) error {
		var w Workload
		if err := json.Unmarshal(row.Body, &w); err != nil {
			return ident.Errorf(ident.KindFailure, "the state %q of cluster %s cannot be read: %w", row.Key, row.Scope, err)
		}
		w.Cluster, w.Since = row.Scope, row.From
		if w.Digest.IsZero() {
			r.unknown = append(r.unknown, w)
			return nil
		}
		r.images[w.Digest] = append(r.images[w.Digest], w)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, tenant := range slices.Sorted(maps.Keys(tenants)) {
		for d := range r.images {
			docs, err := s.Named(ctx, tenant, store.ByDigest, d.String(), -1, store.MaxPage)
			if err != nil {
				return nil, err
			}
			if len(docs) == 0 {
				continue
			}
			meta, err := s.Documents(ctx, docs)
			if err != nil {
				return nil, err
			}
			for i := range meta {
				r.add(meta[i].Artifact, d)
				if slices.Contains(meta[i].Subject.Digests, ident.RoledDigest{Digest: d, Role: ident.RoleIndex}) {
					r.indexes[d] = true
				}
			}
		}
	}
	r.sum()
	return r, nil
}

func (r *running) add(artifact uint32, d ident.Digest) {
	if !slices.Contains(r.artifacts[artifact], d) {
		r.artifacts[artifact] = append(r.artifacts[artifact], d)
	}
}

// with is what runs once some documents more are known.
func (r *running) with(ctx context.Context, s store.Store, added []uint32) (*running, error) {
	meta, err := s.Documents(ctx, added)
	if err != nil {
		return nil, err
	}
	next := *r
	next.artifacts = nil
	for i := range meta {
		s := &meta[i].Subject
		for _, d := range append(slices.Clip(s.Digests), ident.RoledDigest{Digest: s.Claimed}) {
			if len(r.images[d.Digest]) == 0 {
				continue
			}
			if next.artifacts == nil {
				next.artifacts, next.indexes = maps.Clone(r.artifacts), maps.Clone(r.indexes)
			}
			if d.Role == ident.RoleIndex {
				next.indexes[d.Digest] = true
			}
			next.artifacts[meta[i].Artifact] = slices.Clone(next.artifacts[meta[i].Artifact])
			next.add(meta[i].Artifact, d.Digest)
		}
	}
	if next.artifacts == nil {
		return r, nil
	}
	next.sum()
	return &next, nil
}

// sum makes the sets.
func (r *running) sum() {
	r.set, r.zones, r.clusters = index.Set{}, map[string]index.Set{}, map[string]index.Set{}
	put := func(m map[string]index.Set, k string, a uint32) {
		s := m[k]
		s.Add(a)
		m[k] = s
	}
	for a, digests := range r.artifacts {
		r.set.Add(a)
		for _, d := range digests {
			for i := range r.images[d] {
				put(r.zones, r.images[d][i].Zone, a)
				put(r.clusters, r.images[d][i].Cluster, a)
			}
		}
	}
}

// workloads are those that run an artifact, in a zone and a cluster where those are
// given.
func (r *running) workloads(artifact uint32, zone, cluster string) []Workload {
	var out []Workload
	for _, d := range r.artifacts[artifact] {
		for _, w := range r.images[d] {
			if (zone == "" || w.Zone == zone) && (cluster == "" || w.Cluster == cluster) {
				out = append(out, w)
			}
		}
	}
	slices.SortFunc(out, compareWorkloads)
	return out
}

func compareWorkloads(a, b Workload) int {
	return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Container, b.Container))
}

// Report makes workloads the whole of what runs in a cluster from now on. Who
// reports says so of the cluster: what is not among them has ended.
func (c *Catalog) Report(ctx context.Context, by authz.Actor, cluster string, workloads []Workload) (changed int, err error) {
	workloads = slices.Clone(workloads)
	slices.SortStableFunc(workloads, func(a, b Workload) int {
		return cmp.Or(cmp.Compare(a.key(), b.key()), cmp.Compare(a.Digest.String(), b.Digest.String()))
	})
	rows := make([]store.State, 0, len(workloads))
	for i := range workloads {
		w := workloads[i]
		key := w.key()
		if i > 0 && key == workloads[i-1].key() {
			if w.Digest == workloads[i-1].Digest {
				continue
			}
			key += "@" + w.Digest.String() // it rolls out: some pods run another image
		}
		w.Cluster, w.Since = "", time.Time{} // the row says both
		if w.Namespace == "" || w.Kind == "" || w.Name == "" || w.Container == "" {
			return 0, ident.Errorf(ident.KindInvalid, "workload %d has no namespace, kind, name or container", i)
		}
		body, err := json.Marshal(&w)
		if err != nil {
			return 0, err
		}
		subject := ""
		if !w.Digest.IsZero() {
			subject = w.Digest.String()
		}
		rows = append(rows, store.State{Kind: store.StateRuns, Key: key, Subject: subject, Body: body})
	}
	n, err := c.store.Assert(ctx, c.mutation(by), store.StateRuns, cluster, rows)
	if err != nil {
		return n, storeError(err)
	}
	if err := c.reported(ctx, by, ClusterReporter, cluster); err != nil || n == 0 {
		return n, err
	}
	return n, c.settle(ctx)
}

// key names the container within its cluster.
func (w *Workload) key() string {
	return w.Namespace + "/" + w.Kind + "/" + w.Name + "/" + w.Container
}
