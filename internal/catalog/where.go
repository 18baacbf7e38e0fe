package catalog

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// WhereQuestion asks where something runs, as `cofferdam where` does.
type WhereQuestion struct {
	Tenant string
	Query  inventory.Query
	At     time.Time // what ran then; zero: what runs now

	After uint32 // artifacts with higher numbers only; 0 with Begin
	Begin bool   // from the first on
	Limit int    // artifacts
}

// WherePage is the answer for some of the artifacts. Advisory, Found and Coverage are
// of the whole; NotCovered and Unknowns are on the first page only, and Components
// list the artifacts of the page.
type WherePage struct {
	inventory.Where
	Sequence uint64
	Last     uint32 // the page's last artifact
	More     bool
	// CutNotCovered and CutUnknowns are how many more there are than are listed.
	CutNotCovered, CutUnknowns int
}

// Bounds of one answer.
const (
	mostMeant      = 20_000 // components that a query may mean: each costs a look-up
	mostNotCovered = 20_000
)

// asked is a question on its way.
type asked struct {
	c    *Catalog
	v    *view
	runs *running
	m    *matched // nil: no advisory is asked for
	g    *vuln.Group
	q    *WhereQuestion
	out  *WherePage

	said   *vouchers
	budget *comparing
}

// Where answers in which workloads the query's subject runs, by what their clusters
// reported and the documents of a tenant. An identifier that no loaded advisory has is
// an error of KindUsage; a workload that nobody reported, of KindNotFound.
func (c *Catalog) Where(ctx context.Context, q WhereQuestion) (*WherePage, error) {
	v := c.follow.now()
	runs, err := c.ran(ctx, v, q.Tenant, q.At)
	if err != nil {
		return nil, err
	}
	said, err := c.vouchersAt(ctx, v, q.At)
	if err != nil {
		return nil, err
	}
	w := &asked{c: c, v: v, runs: runs, q: &q, said: said, budget: newComparing(), out: &WherePage{Sequence: v.seq, Where: inventory.Where{SchemaVersion: inventory.SchemaVersion, Query: q.Query.String(),
		Sites: []inventory.Site{}, Components: []inventory.ComponentHit{}, NotRunning: []inventory.Artifact{}, NotCovered: []inventory.NotCovered{}, Unknowns: []inventory.Unknown{}}}}
	if err := w.coverage(ctx); err != nil {
		return nil, err
	}
	component, is := q.Query.Component()
	switch {
	case q.Query.Advisory() != "":
		err = w.advisory(ctx, q.Query.Advisory())
	case is:
		err = w.component(ctx, component)
	case !q.Query.Digest().IsZero():
		err = w.digest(ctx, q.Query.Digest())
	default:
		err = w.workload(ctx, q.Query.Workload())
	}
	if err != nil {
		return nil, err
	}
	w.out.Sites = inventory.SortSites(w.out.Sites)
	inventory.SortComponents(w.out.Components)
	if q.Begin && q.Query.Workload() == (ident.Ref{}) {
		w.uncovered()
		if err := w.incomplete(ctx); err != nil {
			return nil, err
		}
	}
	return w.out, nil
}

func (w *asked) within() []index.Set { return []index.Set{w.v.tenants[w.q.Tenant]} }

func (w *asked) advisory(ctx context.Context, id string) error {
	var err error
	if w.m, err = w.c.matched(ctx, w.v); err != nil {
		return err
	}
	g, ok := w.m.Database.Lookup(id)
	if !ok {
		return w.m.unheard(id, ident.KindUsage)
	}
	w.g = g
	known := true
	w.out.Advisory, w.out.Coverage.AdvisoryKnown = inventory.Summarise(g, id, w.m.Intelligence), &known
	a, err := w.m.index.Find(ctx, w.v.index, id, w.within())
	if err != nil {
		return err
	}
	if err := w.hits(ctx, a); err != nil || !w.q.Begin {
		return err
	}
	among := w.v.index.ArtifactsOf(a.DoubtfulDocuments)
	for _, s := range w.within() {
		among.And(s)
	}
	among.And(w.runs.set) // what nothing runs changes no answer about workloads
	doubts, more, err := w.m.doubts(ctx, w.v, g, a, among)
	if err != nil {
		return err
	}
	w.out.CutUnknowns = more
	for _, u := range doubts {
		w.unknown(object(u.PURL, u.Name, u.Version), u.Reason, u.artifacts)
	}
	return nil
}

func object(purl, name, version string) string {
	switch {
	case purl != "":
		return purl
	case name != "":
		return strings.TrimSpace(name + " " + version)
	}
	return "packages of a distribution"
}

func (w *asked) component(ctx context.Context, q vuln.ComponentQuery) error {
	a, err := w.v.index.Find(ctx, index.Query{Component: q, Within: w.within()})
	if err != nil {
		return err
	}
	if err := w.hits(ctx, a); err != nil || !w.q.Begin {
		return err
	}
	among := append(w.within(), w.runs.set)
	for i, id := range a.Doubts {
		if i == mostUnmatched {
			w.out.CutUnknowns = len(a.Doubts) - i
			break
		}
		one, err := w.v.index.Find(ctx, index.Query{Entries: []uint32{id}, Within: among})
		if err != nil {
			return err
		}
		if one.Artifacts.Len() == 0 {
			continue
		}
		k, _, err := w.v.index.Component(id)
		if err != nil {
			return err
		}
		w.unknown(object(k.PURL, inventory.FullName(&k), k.Version), "the version of "+inventory.FullName(&k)+" cannot be compared", one.Artifacts)
	}
	return nil
}

// unknown says what nobody can tell of the workloads that run some artifacts.
func (w *asked) unknown(object, reason string, artifacts index.Set) {
	var refs []ident.Ref
	for a := range artifacts.All() {
		for _, x := range w.runs.workloads(a, "", "") {
			refs = append(refs, x.ref())
		}
	}
	if len(refs) == 0 {
		return
	}
	if i := slices.IndexFunc(w.out.Unknowns, func(u inventory.Unknown) bool { return u.Object == object && u.Reason == reason }); i >= 0 {
		w.out.Unknowns[i].Affects = sortedRefs(append(w.out.Unknowns[i].Affects, refs...))
		return
	}
	w.out.Unknowns = append(w.out.Unknowns, inventory.Unknown{Object: object, Reason: reason, Affects: sortedRefs(refs)})
}

func sortedRefs(refs []ident.Ref) []ident.Ref {
	slices.SortFunc(refs, ident.Ref.Compare)
	return slices.Compact(refs)
}

func (x *Workload) ref() ident.Ref {
	return ident.Ref{Cluster: x.Cluster, Namespace: x.Namespace, Kind: x.Kind, Name: x.Name}
}

// page are the artifacts of the page that is asked for.
func (w *asked) page(all index.Set) index.Set {
	page := index.Set{}
	n := 0
	for id := range all.All() {
		if !w.q.Begin && id <= w.q.After {
			continue
		}
		if n == w.q.Limit {
			w.out.More = true
			break
		}
		page.Add(id)
		w.out.Last = id
		n++
	}
	return page
}

// hits lists the components that were meant, the artifacts that hold them, and where
// those run.
func (w *asked) hits(ctx context.Context, a *index.Answer) error {
	if len(a.Components) > mostMeant {
		return ident.Errorf(ident.KindUsage, "the query means %d components, and at most %d are looked for at once", len(a.Components), mostMeant).
			WithHint("ask for a version, a range or a package URL")
	}
	w.out.Found = a.Artifacts.Len() > 0
	page := w.page(a.Artifacts)
	docs, err := w.documents(ctx, a.Documents, page)
	if err != nil || len(docs) == 0 {
		return err
	}
	ids := index.Set{}
	for i := range docs {
		ids.Add(docs[i].ID)
	}
	names := map[uint32]inventory.Artifact{}
	for i := range docs {
		if _, ok := names[docs[i].Artifact]; !ok {
			names[docs[i].Artifact] = artifactOf(docs, docs[i].Artifact)
		}
	}
	at := map[string]int{}
	for _, id := range a.Components {
		one, err := w.v.index.Find(ctx, index.Query{Entries: []uint32{id}, Within: []index.Set{page}})
		if err != nil {
			return err
		}
		if one.Artifacts.Len() == 0 {
			continue
		}
		k, os, err := w.v.index.Component(id)
		if err != nil {
			return err
		}
		h := w.hit(&k, os)
		key := h.PURL
		if key == "" {
			key = h.Name + "\x00" + h.Version
		}
		i, ok := at[key]
		if !ok {
			i = len(w.out.Components)
			at[key] = i
			w.out.Components = append(w.out.Components, h)
		}
		done := index.Set{}
		for d := range docs { // oldest first: the one that said so first is named
			if x := &docs[d]; one.Documents.Has(x.ID) && !done.Has(x.Artifact) {
				done.Add(x.Artifact)
				if n := names[x.Artifact]; !slices.Contains(w.out.Components[i].Artifacts, n) {
					w.out.Components[i].Artifacts = append(w.out.Components[i].Artifacts, n)
				}
				if err := w.sites(ctx, x, &h, &k, os); err != nil {
					return err
				}
			}
		}
	}
	for a := range page.All() {
		if !w.runs.set.Has(a) {
			w.out.NotRunning = append(w.out.NotRunning, names[a])
		}
	}
	return nil
}

// hit is a component as it is told, with what the advisory says of it.
func (w *asked) hit(k *sbom.Component, os sbom.Distro) inventory.ComponentHit {
	h := inventory.ComponentHit{PURL: k.PURL, Name: inventory.FullName(k), Version: k.Version, Artifacts: []inventory.Artifact{}}
	if w.g == nil {
		return h
	}
	for _, m := range w.m.Database.Assess(k, os).Matches {
		if !w.g.Has(m.Advisory) {
			continue
		}
		if h.Advisory == "" {
			h.Advisory, h.Range = m.Advisory.ID, m.Range
		}
		for _, f := range m.Fixed {
			if !slices.Contains(h.Fixed, f) {
				h.Fixed = append(h.Fixed, f)
			}
		}
	}
	return h
}

// sites lists where a document's artifact runs, with a component in it.
func (w *asked) sites(ctx context.Context, d *store.Document, h *inventory.ComponentHit, k *sbom.Component, os sbom.Distro) error {
	talked := false
	var asked vuln.Finding
	if w.g != nil {
		asked = vuln.Finding{ID: w.g.ID, Aliases: w.g.Aliases}
		talked = w.m.talked(&asked)
	}
	for _, x := range w.runs.workloads(d.Artifact, "", "") {
		s, err := w.site(ctx, &x, d)
		if err != nil {
			return err
		}
		s.PURL, s.Name, s.Version, s.Fixed = h.PURL, h.Name, h.Version, h.Fixed
		if talked {
			f := w.m.judge(asked, d, k, os, x.Digest)
			s.VEX, s.VEXSource = string(f.Status), f.VEXSource
		}
		w.out.Sites = append(w.out.Sites, s)
	}
	return nil
}

func (w *asked) site(ctx context.Context, x *Workload, d *store.Document) (inventory.Site, error) {
	s := inventory.Site{Workload: x.ref(), Zone: x.Zone, Owner: x.Owner, Container: x.Container, Image: imageOf(x)}
	var err error
	if d != nil {
		s.SBOM, err = w.c.vouched(ctx, w.said, d, x.Digest, w.budget)
		s.SBOM.Match = matchedBy(w.runs, x)
	}
	return s, err
}

// nameSite makes a site one of a whole artifact.
func nameSite(s *inventory.Site, about *store.Subject) {
	s.Name, s.Version = about.Name, about.Version
	for _, r := range about.References {
		if strings.HasPrefix(r, "pkg:") {
			s.PURL = r
		}
	}
}

// imageOf names what a container runs: as its workload does, or by digest.
func imageOf(x *Workload) string {
	if x.Image != "" {
		return x.Image
	}
	return x.Digest.String()
}

// documents reads the metadata of those documents that are of some artifacts, the
// oldest first.
func (w *asked) documents(ctx context.Context, documents, artifacts index.Set) ([]store.Document, error) {
	var ids []uint32
	for d := range documents.All() {
		if a, live := w.v.index.Artifact(d); live && artifacts.Has(a) {
			ids = append(ids, d)
		}
	}
	return w.live(ctx, ids)
}

// live reads documents, as the view has them.
func (w *asked) live(ctx context.Context, ids []uint32) ([]store.Document, error) {
	docs, err := w.c.store.Documents(ctx, ids)
	if err != nil {
		return nil, storeError(err)
	}
	out := docs[:0]
	for i := range docs {
		// Artifacts are joined as documents come in: the view says what it knows.
		if a, live := w.v.index.Artifact(docs[i].ID); live && docs[i].Deleted == 0 {
			docs[i].Artifact = a
			out = append(out, docs[i])
		}
	}
	return out, nil
}

// digest looks for a document, an artifact, or an image that runs.
func (w *asked) digest(ctx context.Context, d ident.Digest) error {
	docs, err := w.c.store.Lookup(ctx, w.q.Tenant, d)
	if err != nil {
		return storeError(err)
	}
	ids, err := w.c.store.Named(ctx, w.q.Tenant, store.ByDigest, d.String(), -1, store.MaxPage)
	if err != nil {
		return storeError(err)
	}
	for i := range docs {
		ids = append(ids, docs[i].ID)
	}
	slices.Sort(ids)
	all, err := w.live(ctx, slices.Compact(ids))
	if err != nil {
		return err
	}
	artifacts := index.Set{}
	for i := range all {
		artifacts.Add(all[i].Artifact)
	}
	w.out.Found = len(all) > 0 || len(w.runs.images[d]) > 0
	page := w.page(artifacts)
	said := index.Set{}
	for i := range all {
		x := &all[i]
		if !page.Has(x.Artifact) {
			continue
		}
		where := w.runs.workloads(x.Artifact, "", "")
		for k := range where {
			s, err := w.site(ctx, &where[k], x)
			if err != nil {
				return err
			}
			nameSite(&s, &x.Subject)
			w.out.Sites = append(w.out.Sites, s)
		}
		if len(where) == 0 && !said.Has(x.Artifact) {
			said.Add(x.Artifact)
			w.out.NotRunning = append(w.out.NotRunning, artifactOf(all, x.Artifact))
		}
	}
	if len(all) == 0 { // it runs, and no document says what is in it
		for i := range w.runs.images[d] {
			s, _ := w.site(ctx, &w.runs.images[d][i], nil) // without a document nothing fails
			w.out.Sites = append(w.out.Sites, s)
		}
	}
	return nil
}

// workload tells what a workload runs.
func (w *asked) workload(ctx context.Context, ref ident.Ref) error {
	var found []Workload
	var refs []ident.Ref
	each := func(x *Workload) {
		if r := x.ref(); ref.Matches(r) {
			found = append(found, *x)
			refs = append(refs, r)
		}
	}
	for _, list := range w.runs.images {
		for i := range list {
			each(&list[i])
		}
	}
	for i := range w.runs.unknown {
		each(&w.runs.unknown[i])
	}
	refs = sortedRefs(refs)
	switch {
	case len(refs) == 0:
		whose := "that reported"
		if w.q.Tenant != "" {
			whose = "in which images run that the tenant's documents describe"
		}
		return ident.Errorf(ident.KindNotFound, "no workload %s was reported to run", ref).WithHint("clusters %s: %s", whose, strings.Join(w.clusters(), ", "))
	case len(refs) > 1:
		var names []string
		for i, r := range refs {
			if i == 10 {
				names = append(names, "…")
				break
			}
			names = append(names, r.String())
		}
		return ident.Errorf(ident.KindUsage, "%s is ambiguous", w.q.Query).WithHint("one of: %s", strings.Join(names, ", "))
	}
	w.out.Found = true
	slices.SortFunc(found, compareWorkloads)
	for i := range found {
		x := &found[i]
		ids, err := w.documented(ctx, x.Digest)
		if err != nil {
			return err
		}
		docs, err := w.live(ctx, ids)
		if err != nil {
			return err
		}
		for k := range docs {
			s, err := w.site(ctx, x, &docs[k])
			if err != nil {
				return err
			}
			nameSite(&s, &docs[k].Subject)
			w.out.Sites = append(w.out.Sites, s)
		}
		if len(docs) == 0 {
			s, _ := w.site(ctx, x, nil) // the same
			w.out.Sites = append(w.out.Sites, s)
		}
	}
	return nil
}

// documented are the documents of the artifacts that an image's digest names.
func (w *asked) documented(ctx context.Context, d ident.Digest) ([]uint32, error) {
	if d.IsZero() {
		return nil, nil
	}
	var out []uint32
	for a, digests := range w.runs.artifacts {
		if !slices.Contains(digests, d) || !w.v.tenants[w.q.Tenant].Has(a) {
			continue
		}
		ids, err := w.c.store.ArtifactDocuments(ctx, a)
		if err != nil {
			return nil, storeError(err)
		}
		out = append(out, ids...)
	}
	slices.Sort(out)
	return out, nil
}

// artifactOf names an artifact by what its documents say: the digest that runtimes
// use, where one has it.
func artifactOf(docs []store.Document, artifact uint32) inventory.Artifact {
	var out inventory.Artifact
	best := -1
	strength := map[ident.DigestRole]int{ident.RoleConfig: 1, ident.RoleUnknown: 2, ident.RoleIndex: 3, ident.RoleManifest: 4}
	for i := range docs {
		d := &docs[i]
		if d.Artifact != artifact {
			continue
		}
		if d.Subject.Name != "" {
			out.Image = d.Subject.Name
		}
		for _, g := range d.Subject.Digests {
			if s := strength[g.Role]; s > best {
				best, out.Digest = s, g.Digest
			}
		}
	}
	return out
}
