package catalog

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Search asks which artifacts contain a component, and where they run. Exactly one
// of Component, Name, License, Supplier and Hash is given.
type Search struct {
	Tenant    string
	Component string // package URL or bare name, with or without a version or range
	Name      string
	Match     index.NameMatch
	License   string
	Supplier  string
	Hash      string

	Running bool   // only what runs
	Zone    string // only what runs in it
	Cluster string // the same
	At      time.Time

	After uint32 // artifacts with higher numbers only; 0 with Begin
	Begin bool   // from the first on
	Limit int
}

// Found is the answer of a search.
type Found struct {
	Sequence   uint64 // what was taken in up to here is covered
	Total      int    // artifacts that contain it
	Artifacts  []FoundArtifact
	More       bool
	Doubtful   []FoundArtifact // that may contain it: versions that cannot be compared
	Components []FoundComponent
	// CutComponents is how many more components were meant than are listed.
	CutComponents int
	Coverage      Coverage
}

// FoundArtifact is an artifact that contains what was asked for.
type FoundArtifact struct {
	Artifact  uint32
	Documents []store.Document // that say so, oldest first
	Running   []Workload
	// Components are the entries of Found.Components that are in it; nil where there
	// are too many of them to say.
	Components []int
}

// FoundComponent is a component that was meant.
type FoundComponent struct {
	PURL, Name, Version, Supplier string
	Licenses                      []string
}

// Coverage says what an answer covers, and what it cannot.
type Coverage struct {
	Artifacts int // of the tenant, with a document
	// Workloads are the containers reported to run; of them, WithSBOM have a document,
	// and Unresolved have an image whose digest nobody knows.
	Workloads, WithSBOM, Unresolved int
	Clusters                        []string
}

// Bounds of what one answer lists.
const (
	mostComponents = 500
	mostAttributed = 64
	mostDoubtful   = 100
)

// Search answers a question.
func (c *Catalog) Search(ctx context.Context, q Search) (*Found, error) {
	v := c.follow.now()
	runs, err := c.ran(ctx, v, q.Tenant, q.At)
	if err != nil {
		return nil, err
	}
	iq := index.Query{Name: q.Name, Match: q.Match, License: q.License, Supplier: q.Supplier, Hash: q.Hash, Within: q.within(v, runs)}
	if q.Component != "" {
		parsed, err := vuln.ParseComponentQuery(q.Component)
		if err != nil {
			return nil, err
		}
		iq.Component = parsed
	}
	a, err := v.index.Find(ctx, iq)
	if err != nil {
		return nil, err
	}
	return c.found(ctx, v, runs, &q, a)
}

// within are the artifacts that a search is about.
func (q *Search) within(v *view, runs *running) []index.Set {
	out := []index.Set{v.tenants[q.Tenant]}
	if q.Running || q.Zone != "" || q.Cluster != "" {
		out = append(out, runs.set)
	}
	if q.Zone != "" {
		out = append(out, runs.zones[q.Zone])
	}
	if q.Cluster != "" {
		out = append(out, runs.clusters[q.Cluster])
	}
	return out
}

// found is the page of an index's answer that a search asks for.
func (c *Catalog) found(ctx context.Context, v *view, runs *running, q *Search, a *index.Answer) (*Found, error) {
	out := &Found{Sequence: v.seq, Total: a.Artifacts.Len(), Coverage: coverage(v, runs, q.Tenant)}
	page := index.Set{}
	n := 0
	for id := range a.Artifacts.All() {
		if !q.Begin && id <= q.After {
			continue
		}
		if n == q.Limit {
			out.More = true
			break
		}
		page.Add(id)
		n++
	}
	var err error
	if out.Artifacts, err = c.list(ctx, v, runs, q, page, a.Documents); err != nil {
		return nil, err
	}
	if q.Begin && a.Doubtful.Len() > 0 {
		few := index.Set{}
		for id := range a.Doubtful.All() {
			if few.Len() == mostDoubtful {
				break
			}
			few.Add(id)
		}
		if out.Doubtful, err = c.list(ctx, v, runs, q, few, a.DoubtfulDocuments); err != nil {
			return nil, err
		}
	}
	return out, c.components(ctx, v, q.Tenant, a, out)
}

// list reads what is known of some artifacts: those of documents that are of them.
func (c *Catalog) list(ctx context.Context, v *view, runs *running, q *Search, artifacts, documents index.Set) ([]FoundArtifact, error) {
	var ids []uint32
	for d := range documents.All() {
		if a, live := v.index.Artifact(d); live && artifacts.Has(a) {
			ids = append(ids, d)
		}
	}
	docs, err := c.store.Documents(ctx, ids)
	if err != nil {
		return nil, storeError(err)
	}
	of := map[uint32][]store.Document{}
	for i := range docs {
		if a, live := v.index.Artifact(docs[i].ID); live && docs[i].Deleted == 0 {
			of[a] = append(of[a], docs[i])
		}
	}
	var out []FoundArtifact
	for a := range artifacts.All() {
		out = append(out, FoundArtifact{Artifact: a, Documents: of[a], Running: runs.workloads(a, q.Zone, q.Cluster)})
	}
	return out, nil
}

// components names the components that were meant, and where there are few, which
// of them each artifact has.
func (c *Catalog) components(ctx context.Context, v *view, tenant string, a *index.Answer, out *Found) error {
	all, err := v.ofTenant(ctx, tenant, a.Components)
	if err != nil {
		return err
	}
	attributed := len(all) <= mostAttributed
	if len(all) > mostComponents {
		out.CutComponents = len(all) - mostComponents
		all = all[:mostComponents]
	}
	for n, id := range all {
		k, _, err := v.index.Component(id)
		if err != nil {
			return err
		}
		f := FoundComponent{PURL: k.PURL, Name: k.Name, Version: k.Version, Supplier: k.Supplier}
		for _, l := range k.Licenses { // declared and concluded are often the same
			if !slices.Contains(f.Licenses, l.Expression) {
				f.Licenses = append(f.Licenses, l.Expression)
			}
		}
		out.Components = append(out.Components, f)
		if !attributed {
			continue
		}
		one, err := v.index.Find(ctx, index.Query{Entries: []uint32{id}})
		if err != nil {
			return err
		}
		for i := range out.Artifacts {
			if one.Artifacts.Has(out.Artifacts[i].Artifact) {
				out.Artifacts[i].Components = append(out.Artifacts[i].Components, n)
			}
		}
	}
	return nil
}

// ofTenant leaves out the components that only documents of other tenants have:
// that they exist is nobody else's to know.
func (v *view) ofTenant(ctx context.Context, tenant string, components []uint32) ([]uint32, error) {
	if len(v.tenants) < 2 { // there are no others
		return components, nil
	}
	var out []uint32
	for _, id := range components {
		one, err := v.index.Find(ctx, index.Query{Entries: []uint32{id}, Within: []index.Set{v.tenants[tenant]}})
		if err != nil {
			return nil, err
		}
		if one.Artifacts.Len() > 0 {
			out = append(out, id)
		}
	}
	return out, nil
}

func coverage(v *view, runs *running, tenant string) Coverage {
	return describe(v, runs, tenant).Coverage
}

// described is what all answers of one view, about what runs at one time, share.
type described struct {
	Coverage
	known map[ident.Digest]bool // running images that a document of the tenant describes
}

// describe goes through everything that runs, once for a view.
func describe(v *view, runs *running, tenant string) *described {
	if _, ok := v.tenants[tenant]; !ok || runs != v.running {
		return describeAnew(v, runs, tenant) // of the past, or of names that somebody makes up
	}
	if d, ok := v.described.Load(tenant); ok {
		return d.(*described) //nolint:forcetypeassert // nothing else is put there
	}
	d, _ := v.described.LoadOrStore(tenant, describeAnew(v, runs, tenant))
	return d.(*described) //nolint:forcetypeassert // the same
}

func describeAnew(v *view, runs *running, tenant string) *described {
	mine := v.index.Live()
	mine.And(v.tenants[tenant])
	out := &described{Coverage: Coverage{Artifacts: mine.Len(), Unresolved: len(runs.unknown)}, known: map[ident.Digest]bool{}}
	for a, digests := range runs.artifacts {
		if mine.Has(a) {
			for _, d := range digests {
				out.known[d] = true
			}
		}
	}
	clusters := map[string]bool{}
	for d, ws := range runs.images {
		out.Workloads += len(ws)
		if out.known[d] {
			out.WithSBOM += len(ws)
		}
		for i := range ws {
			if tenant == "" || out.known[d] { // a tenant is not told where others run
				clusters[ws[i].Cluster] = true
			}
		}
	}
	for i := range runs.unknown {
		if tenant == "" {
			clusters[runs.unknown[i].Cluster] = true
		}
	}
	out.Workloads += len(runs.unknown)
	for name := range clusters {
		out.Clusters = append(out.Clusters, name)
	}
	slices.SortFunc(out.Clusters, strings.Compare)
	return out
}
