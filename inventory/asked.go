package inventory

import (
	"cmp"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// What follows is what another holder of documents needs to give the same answer
// as a Snapshot: the catalogue of a server.

// Advisory returns the identifier that is asked for; "" where it is something else.
func (q Query) Advisory() string { return q.advisory }

// Component returns the component that is asked for; false where it is something else.
func (q Query) Component() (vuln.ComponentQuery, bool) {
	if q.component == nil {
		return vuln.ComponentQuery{}, false
	}
	return *q.component, true
}

// Digest returns the digest that is asked for; zero where it is something else.
func (q Query) Digest() ident.Digest { return q.digest }

// Workload returns the workload that is asked for; zero where it is something else.
func (q Query) Workload() ident.Ref { return q.workload }

// Summarise tells an alias group as one advisory, with what is known of it beside: the
// record that was asked for if it is among them, else the group's first.
func Summarise(g *vuln.Group, asked string, in *vuln.Intelligence) *AdvisorySummary {
	out := summarise(g, asked)
	out.know(in)
	return out
}

// Concerns reports whether a component that could not be compared may be what a
// group of advisories is about: one of them is itself in doubt for it, or it bears the name
// of a package that one lists. u is what vuln.Database.Assess left open.
func Concerns(g *vuln.Group, u vuln.Unmatched, c *sbom.Component, os sbom.Distro) bool {
	return slices.ContainsFunc(g.Advisories, func(a *vuln.Advisory) bool { return concerns(a, u, c, os) })
}

// FullName is a component's name with its group.
func FullName(c *sbom.Component) string { return fullName(c) }

// SortSites sorts by zone, workload, container and package. One package that stands
// at several places of what a container runs is one site.
func SortSites(sites []Site) []Site {
	slices.SortStableFunc(sites, func(a, b Site) int {
		return cmp.Or(cmp.Compare(a.Zone, b.Zone), a.Workload.Compare(b.Workload), cmp.Compare(a.Container, b.Container), cmp.Compare(a.PURL, b.PURL))
	})
	return slices.CompactFunc(sites, func(a, b Site) bool {
		return a.Workload == b.Workload && a.Container == b.Container && a.Image == b.Image && a.PURL == b.PURL && a.PURL != "" && a.Version == b.Version
	})
}

// SortComponents sorts by package URL, name and version.
func SortComponents(hits []ComponentHit) {
	slices.SortStableFunc(hits, func(a, b ComponentHit) int {
		return cmp.Or(cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
}
