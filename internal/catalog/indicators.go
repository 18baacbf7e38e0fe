package catalog

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/inventory"
)

// Goals are what indicators are held against. A zero member is no goal.
type Goals struct {
	SBOMAge  time.Duration // the oldest that a document of what runs may be
	Licenses time.Duration // within which a licence that nobody asserted is to be found out
	// Own are the beginnings of the names of one's own images: others are third parties'. None:
	// nobody knows which those are.
	Own []string
}

// IndicatorQuery selects what is measured. Zero fields select everything.
type IndicatorQuery struct {
	Tenant        string
	Mine          bool   // leave out what no document of the tenant is about
	By            string // owner, service, zone or cluster: a row for each; "": one row
	Cluster, Zone string
	Since         time.Time // of what ended: from then on
	At            time.Time // as was known then; zero: now
}

// IndicatorGroups are what rows can be of.
func IndicatorGroups() []string { return []string{"owner", "service", "zone", "cluster"} }

// Indicators is how well what runs is known and kept.
type Indicators struct {
	At, Since time.Time
	Goals     Goals
	// Licensed is false where the server judges no documents: of licences nothing is known then.
	Licensed bool
	Groups   []IndicatorGroup // of everything first, with the name ""
}

// IndicatorGroup is a row.
type IndicatorGroup struct {
	Name string
	// Containers run; of Covered a document describes just the image that runs, by its digest.
	Containers, Covered int
	// SBOMAge is how old the newest document of each covered container is, since it was made;
	// Undated say no time. Fresh are not older than the goal.
	SBOMAge        Spread
	Undated, Fresh int
	// ThirdParty are images of others that run, and Verified those whose document's signature
	// verified.
	ThirdParty, Verified int
	// LicensesOpen are artifacts that run and in whose newest document the licence of a package is declared as unknown,
	// and LicensePackages those packages. LicenseAge is since when that is so, and LicenseTook how
	// long it was in those where it ended since; LicensesLate are beyond the goal.
	LicensesOpen, LicensePackages, LicensesLate int
	LicenseAge, LicenseTook                     Spread
	Remediation                                 []RemediationClass
	// Gates is nil where no gate recorded what it decided: nobody knows then.
	Gates *GateBlocks
}

// Indicators measures what runs, or ran at a time, by the documents that were in then.
func (c *Catalog) Indicators(ctx context.Context, q IndicatorQuery) (*Indicators, error) {
	v := c.follow.now()
	runs, err := c.ran(ctx, v, q.Tenant, q.At)
	if err != nil {
		return nil, err
	}
	out := &Indicators{At: q.At, Since: q.Since, Goals: c.goals, Licensed: c.scoring != nil}
	if out.At.IsZero() {
		out.At = c.now()
	}
	m := &measuring{c: c, q: &q, at: out.At, runs: runs, groups: map[string]*measured{}, labels: map[uint32][]string{}}
	m.group("") // it is told of everything, also where nothing runs
	for _, step := range []func(context.Context) error{m.documents, m.thirdParties, m.licenses, m.gates} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	all, err := c.exposures(ctx, &FindingQuery{Tenant: q.Tenant, Mine: q.Mine, Cluster: q.Cluster, Zone: q.Zone}, q.At, func(f *Finding) string {
		return q.label(&Workload{Cluster: f.Cluster, Zone: f.Said.Zone, Service: f.Said.Service, Owner: f.Said.Owner})
	})
	if err != nil {
		return nil, err
	}
	for _, list := range all {
		for i := range list {
			m.group(list[i].group)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.groups)) {
		g := m.groups[name]
		g.Name, g.SBOMAge, g.LicenseAge, g.LicenseTook = name, spread(g.ages), spread(g.open), spread(g.took)
		g.Remediation = c.classes(all, runs, name, q.Since, out.At)
		g.Gates = g.gates.sum(m.decided)
		out.Groups = append(out.Groups, g.IndicatorGroup)
	}
	return out, nil
}

// nobody is the row of what belongs to none.
const nobody = "(none)"

// label is the row that a container belongs to; "" where there is but one.
func (q *IndicatorQuery) label(w *Workload) string {
	switch q.By {
	case "owner":
		return cmp.Or(w.Owner, nobody)
	case "service":
		return cmp.Or(w.Service, nobody)
	case "zone":
		return cmp.Or(w.Zone, nobody)
	case "cluster":
		return cmp.Or(w.Cluster, nobody)
	}
	return ""
}

func (q *IndicatorQuery) selects(w *Workload) bool {
	return (q.Cluster == "" || w.Cluster == q.Cluster) && (q.Zone == "" || w.Zone == q.Zone)
}

// measured is a row while it is made.
type measured struct {
	IndicatorGroup
	ages, open, took []time.Duration
	gates            *gatesMeasured
}

type measuring struct {
	c      *Catalog
	q      *IndicatorQuery
	at     time.Time
	runs   *running
	groups map[string]*measured
	labels map[uint32][]string // of artifacts that run
	// decided is whether a gate recorded what it came to.
	decided bool
}

func (m *measuring) group(name string) *measured {
	g := m.groups[name]
	if g == nil {
		g = &measured{}
		m.groups[name] = g
	}
	return g
}

// each hands over the row of a label, and that of everything.
func (m *measuring) each(label string, do func(*measured)) { m.eachOf([]string{label}, do) }

// eachOf hands over the row of everything, and those of several labels.
func (m *measuring) eachOf(labels []string, do func(*measured)) {
	do(m.group(""))
	for _, label := range labels {
		if label != "" {
			do(m.group(label))
		}
	}
}

// documents measures which containers have a document that describes them, and how old it is.
func (m *measuring) documents(ctx context.Context) error {
	for d, ws := range m.runs.images {
		covered, made, some, err := m.described(ctx, d)
		if err != nil {
			return err
		}
		if m.q.Mine && !some {
			continue
		}
		for i := range ws {
			w := &ws[i]
			if !m.q.selects(w) {
				continue
			}
			m.each(m.q.label(w), func(g *measured) {
				g.Containers++
				if !covered {
					return
				}
				g.Covered++
				if made.IsZero() {
					g.Undated++
					return
				}
				age := max(m.at.Sub(made), 0)
				g.ages = append(g.ages, age)
				if m.c.goals.SBOMAge == 0 || age <= m.c.goals.SBOMAge {
					g.Fresh++
				}
			})
		}
	}
	for i := range m.runs.unknown {
		if w := &m.runs.unknown[i]; m.q.selects(w) && !m.q.Mine {
			m.each(m.q.label(w), func(g *measured) { g.Containers++ })
		}
	}
	return nil
}

// described says whether a document that was in then describes an image, and when the newest
// such was made; some is whether one is about it at all.
func (m *measuring) described(ctx context.Context, image ident.Digest) (covered bool, made time.Time, some bool, err error) {
	c := m.c
	ids, err := c.store.Named(ctx, m.q.Tenant, store.ByDigest, image.String(), -1, store.MaxPage)
	if err != nil {
		return false, made, false, storeError(err)
	}
	docs, err := c.store.Documents(ctx, ids)
	if err != nil {
		return false, made, false, storeError(err)
	}
	for i := range docs {
		d := &docs[i]
		if d.Time.After(m.at) {
			continue
		}
		some = true
		doubts, err := c.doubts(ctx, d, image, 0)
		if err != nil {
			return false, made, false, err
		}
		if slices.ContainsFunc(doubts, func(x Doubt) bool { return x.Kind.stale() }) || c.status == store.StatusDraft && d.Status != store.StatusPublished {
			continue
		}
		covered = true
		for _, w := range m.runs.images[image] {
			if l := m.q.label(&w); m.q.selects(&w) && !slices.Contains(m.labels[d.Artifact], l) {
				m.labels[d.Artifact] = append(m.labels[d.Artifact], l)
			}
		}
		if d.Subject.Made.After(made) {
			made = d.Subject.Made
		}
	}
	return covered, made, some, nil
}

// thirdParties counts images that somebody else made, and those of which a signed document
// verified.
func (m *measuring) thirdParties(ctx context.Context) error {
	if len(m.c.goals.Own) == 0 {
		return nil
	}
	verified := map[ident.Digest]bool{}
	said, err := m.c.Trust(ctx, TrustQuery{Tenant: m.q.Tenant, At: m.q.At, Trust: []string{inventory.SBOMVerified}})
	if err != nil {
		return err
	}
	for i := range said.Items {
		verified[said.Items[i].Digest] = true
	}
	for d, ws := range m.runs.images {
		seen := map[string]bool{}
		for i := range ws {
			w := &ws[i]
			if m.own(w.Image) || !m.q.selects(w) {
				continue
			}
			m.each(m.q.label(w), func(g *measured) {
				label := "of everything"
				if g != m.groups[""] {
					label = "row " + m.q.label(w)
				}
				if seen[label] {
					return
				}
				seen[label] = true
				g.ThirdParty++
				if verified[d] {
					g.Verified++
				}
			})
		}
	}
	return nil
}

// own reports whether an image is one's own by its name. One whose name cannot be read is not.
func (m *measuring) own(image string) bool {
	r, err := ident.ParseImageRef(image)
	return err == nil && slices.ContainsFunc(m.c.goals.Own, func(own string) bool { return strings.HasPrefix(r.Name(), own) })
}

// licenses follows, over the documents of each product of which one runs, since when packages have
// no asserted licence, and how long that lasted.
func (m *measuring) licenses(ctx context.Context) error {
	if m.c.scoring == nil {
		return nil
	}
	type dated struct {
		at       time.Time
		artifact uint32
		open     int
	}
	products := map[string][]dated{}
	err := m.c.eachScore(ctx, m.q.Tenant, func(s *DocumentScore) {
		d := &s.Document
		if d.Time.After(m.at) || s.Said.Fault != "" {
			return
		}
		at := d.Subject.Made
		if at.IsZero() || at.After(d.Time) {
			at = d.Time
		}
		name := cmp.Or(d.Subject.Service, d.Subject.Name)
		if r, err := ident.ParseImageRef(name); err == nil && d.Subject.Service == "" {
			name = r.Name()
		}
		products[name] = append(products[name], dated{at, d.Artifact, s.Said.Unresolved})
	})
	if err != nil {
		return err
	}
	for _, list := range products {
		slices.SortStableFunc(list, func(a, b dated) int { return a.at.Compare(b.at) })
		var since time.Time
		var took []time.Duration
		var labels []string
		for _, x := range list {
			for _, l := range m.labels[x.artifact] {
				if !slices.Contains(labels, l) {
					labels = append(labels, l)
				}
			}
			switch {
			case x.open > 0 && since.IsZero():
				since = x.at
			case x.open == 0 && !since.IsZero():
				if !x.at.Before(m.q.Since) {
					took = append(took, x.at.Sub(since))
				}
				since = time.Time{}
			}
		}
		if len(labels) == 0 {
			continue // nothing of it runs
		}
		count := func(g *measured) {
			late := func(d time.Duration) {
				if goal := m.c.goals.Licenses; goal > 0 && d > goal {
					g.LicensesLate++
				}
			}
			for _, d := range took {
				g.took = append(g.took, d)
				late(d)
			}
			if !since.IsZero() {
				g.LicensesOpen++
				g.LicensePackages += list[len(list)-1].open
				g.open = append(g.open, m.at.Sub(since))
				late(m.at.Sub(since))
			}
		}
		m.eachOf(labels, count)
	}
	return nil
}

// eachScore hands over how good every document of a tenant is now, page after page.
func (c *Catalog) eachScore(ctx context.Context, tenant string, each func(*DocumentScore)) error {
	q := ScoreQuery{Tenant: tenant, Mine: true, Limit: store.MaxPage}
	for {
		page, err := c.Scores(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Items {
			each(&page.Items[i])
		}
		if !page.More {
			return nil
		}
		last := &page.Items[len(page.Items)-1]
		q.After = &ScoreCursor{Document: last.Document.ID, From: last.From}
	}
}
