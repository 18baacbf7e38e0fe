package catalog

import (
	"cmp"
	"context"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Affected is the answer of which artifacts an advisory affects.
type Affected struct {
	Found
	Advisory *inventory.AdvisorySummary
	// Unmatched are the components behind Doubtful: why nobody can tell.
	Unmatched []Unmatched
	// CutUnmatched is how many more there are than are listed.
	CutUnmatched int
	By           AdvisoryState
}

// Unmatched is a component that an advisory may be about.
type Unmatched struct {
	PURL, Name, Version string
	Reason              string
	artifacts           index.Set
}

// mostUnmatched bounds how many are told: each is assessed anew.
const mostUnmatched = 500

// Affected answers which artifacts have a component that an advisory affects: id is
// the identifier of any record of its alias group. Of q, Component, Name, License,
// Supplier and Hash are not looked at. An identifier that no loaded advisory has is
// ident.KindNotFound: that is not the same as not affected.
func (c *Catalog) Affected(ctx context.Context, id string, q Search) (*Affected, error) {
	v := c.follow.now()
	m, err := c.matched(ctx, v)
	if err != nil {
		return nil, err
	}
	g, ok := m.Database.Lookup(id)
	if !ok {
		return nil, m.unheard(id, ident.KindNotFound)
	}
	runs, err := c.ran(ctx, v, q.Tenant, q.At)
	if err != nil {
		return nil, err
	}
	a, err := m.index.Find(ctx, v.index, id, q.within(v, runs))
	if err != nil {
		return nil, err
	}
	f, err := c.found(ctx, v, runs, &q, a)
	if err != nil {
		return nil, err
	}
	out := &Affected{Found: *f, Advisory: inventory.Summarise(g, id, m.Intelligence), By: c.AdvisoryState()}
	if q.Begin {
		if out.Unmatched, out.CutUnmatched, err = m.doubts(ctx, v, g, a, a.Doubtful); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// unheard is the error for an identifier that no record has.
func (m *matched) unheard(id string, k ident.Kind) error {
	return ident.Errorf(k, "no loaded advisory has %s: that is not the same as not affected", printable(id, 100)).
		WithHint("%d advisories as of %s are loaded, read at %s; serve --advisories names others", m.Database.Len(),
			m.Database.AsOf().Format("2006-01-02"), m.Loaded.UTC().Format("2006-01-02T15:04:05Z"))
}

// unplacedReason is said of an artifact whose documents tell neither the release of its
// distribution nor any source package.
const unplacedReason = "its documents name neither the release of the distribution nor the source packages, and advisories go by both"

// doubts says why artifacts may be affected, of those that are among some: a reason
// for each component, and how many more there are.
func (m *matched) doubts(ctx context.Context, v *view, g *vuln.Group, a *index.Answer, among index.Set) (out []Unmatched, more int, err error) {
	if among.Len() == 0 {
		return nil, 0, nil
	}
	explained := index.Set{}
	for _, id := range a.Doubts {
		one, err := v.index.Find(ctx, index.Query{Entries: []uint32{id}, Within: []index.Set{among}})
		if err != nil {
			return nil, 0, err
		}
		if one.Artifacts.Len() == 0 {
			continue
		}
		explained.Or(one.Artifacts)
		if len(out) == mostUnmatched {
			more++
			continue
		}
		k, os, err := v.index.Component(id)
		if err != nil {
			return nil, 0, err
		}
		u := Unmatched{PURL: k.PURL, Name: inventory.FullName(&k), Version: k.Version, Reason: m.doubt(g, &k, os), artifacts: one.Artifacts}
		// Entries that differ in what is said about them only are one component here.
		if i := slices.IndexFunc(out, func(x Unmatched) bool {
			return x.PURL == u.PURL && x.Name == u.Name && x.Version == u.Version && x.Reason == u.Reason
		}); i >= 0 {
			out[i].artifacts = out[i].artifacts.Clone()
			out[i].artifacts.Or(u.artifacts)
			continue
		}
		out = append(out, u)
	}
	slices.SortStableFunc(out, func(a, b Unmatched) int {
		return cmp.Or(cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	rest := among.Clone()
	rest.AndNot(explained)
	if rest.Len() > 0 {
		out = append(out, Unmatched{Reason: unplacedReason, artifacts: rest})
	}
	return out, more, nil
}

// doubt is why a component may be what a group of advisories is about.
func (m *matched) doubt(g *vuln.Group, c *sbom.Component, os sbom.Distro) string {
	for _, u := range m.Database.Assess(c, os).Unmatched {
		if inventory.Concerns(g, u, c, os) {
			return u.Reason
		}
	}
	return "it bears the name of an affected package, and cannot be compared"
}
