package vuln

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Status is what is known about a finding, in VEX's words.
type Status string

// The statuses. Matching alone says affected; statements of a trusted author
// move a finding to another one.
const (
	StatusAffected           Status = "affected"
	StatusNotAffected        Status = "not_affected"
	StatusFixed              Status = "fixed"
	StatusUnderInvestigation Status = "under_investigation"
)

// Finding is one vulnerability in one component of one document: the element of
// findings in "cofferdam scan -o json".
type Finding struct {
	ID         string   `json:"id"`         // of the alias group: CVE, else GHSA, else the ecosystem's own
	Aliases    []string `json:"aliases"`    // the group's other identifiers, sorted
	Advisories []string `json:"advisories"` // records that matched, sorted
	// Upstream are the vulnerabilities that a matched record is about beside the group's
	// own identifiers: an update of a distribution mends several. Sorted.
	Upstream  []string         `json:"upstream,omitempty"`
	Summary   string           `json:"summary"`
	PURL      string           `json:"purl"` // as the document writes it
	Component FindingComponent `json:"component"`
	Document  ident.Digest     `json:"document"`
	File      string           `json:"file,omitempty"`
	Severity  ident.Severity   `json:"severity"`
	CVSS      []Score          `json:"cvss"`
	EPSS      *float64         `json:"epss"`
	KEV       bool             `json:"kev"`
	Fixed     []string         `json:"fixed"` // versions above the installed one that end an affected range, ascending
	Fix       string           `json:"fix"`   // "upgrade X to Y", or "" where no version fixes it
	Status    Status           `json:"status"`
	VEXSource string           `json:"vexSource,omitempty"`
	// VEX are the statements about the finding: those that decided its status first,
	// then those that were not applied, and why.
	VEX   []Claim `json:"vex,omitempty"`
	Range string  `json:"range"` // the range that holds the installed version
	// State says where the finding stands against a baseline; "" where there was none.
	State    State       `json:"state,omitempty"`
	Accepted *Acceptance `json:"accepted,omitempty"`
	// FirstKnown is since when it is known of the artifact; nil where nobody says.
	FirstKnown *FirstKnown `json:"firstKnown,omitempty"`
	// AcceptedRunning says that a server has it accepted in what runs.
	AcceptedRunning bool `json:"acceptedRunning,omitempty"`
	// Layer is the image layer that brought the component, where the document tells.
	Layer ident.Digest `json:"layer,omitzero"`
	// Origin says whether the image's base brought it, and Base which that is; "" where
	// that is not known or was not asked.
	Origin Origin `json:"origin,omitempty"`
	Base   string `json:"base,omitempty"`

	// Indices are the places in Document.Components that hold this package
	// URL; -1 is the document's subject.
	Indices []int `json:"-"`
}

// FindingComponent is the affected component, named by its package URL so that
// every SBOM format gives the same name.
type FindingComponent struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// findingsOf turns matches into one finding per alias group.
func (db *Database) findingsOf(p PURL, ids []Identity, matches map[Identity][]Match) []Finding {
	var order []*Group
	byGroup := map[*Group]*groupMatches{}
	for _, id := range ids {
		for _, m := range matches[id] {
			g := db.group.At(m.Advisory)
			gm := byGroup[g]
			if gm == nil {
				gm = &groupMatches{id: id}
				byGroup[g] = gm
				order = append(order, g)
			}
			gm.matches = append(gm.matches, m)
		}
	}
	out := make([]Finding, 0, len(order))
	for _, g := range order {
		out = append(out, db.findingOf(p, g, byGroup[g]))
	}
	return out
}

// groupMatches are the matches of one group, and the first identity that matched.
type groupMatches struct {
	id      Identity
	matches []Match
}

func (db *Database) findingOf(p PURL, g *Group, gm *groupMatches) Finding {
	f := Finding{
		ID: g.ID, Aliases: slices.Clone(g.Aliases),
		Component:  FindingComponent{Name: displayName(p), Version: p.Version},
		Status:     StatusAffected,
		CVSS:       []Score{},
		Fixed:      []string{},
		Advisories: []string{},
	}
	if f.Aliases == nil {
		f.Aliases = []string{}
	}
	slices.SortStableFunc(gm.matches, func(a, b Match) int { return compareIDs(a.Advisory.ID, b.Advisory.ID) })
	var ranges []string
	for _, m := range gm.matches {
		f.Advisories = append(f.Advisories, m.Advisory.ID)
		for _, u := range m.Advisory.Upstream {
			if u != g.ID && !slices.Contains(f.Aliases, u) {
				f.Upstream = append(f.Upstream, u)
			}
		}
		if f.Summary == "" {
			f.Summary = m.Advisory.Summary
		}
		sev, scores := severityOf(m.Advisory, m.Affected)
		f.Severity = max(f.Severity, sev)
		for _, s := range scores {
			if strings.HasPrefix(s.Type, "CVSS_") && !slices.ContainsFunc(f.CVSS, func(t Score) bool { return t.Type == s.Type && t.Vector == s.Vector }) {
				f.CVSS = append(f.CVSS, s)
			}
		}
		f.Fixed = append(f.Fixed, m.Fixed...)
		if !slices.Contains(ranges, m.Range) {
			ranges = append(ranges, m.Range)
		}
	}
	slices.Sort(f.Advisories)
	f.Advisories = slices.Compact(f.Advisories)
	slices.Sort(f.Upstream)
	f.Upstream = slices.Compact(f.Upstream)
	slices.SortFunc(f.CVSS, func(a, b Score) int {
		return cmp.Or(strings.Compare(b.Type, a.Type), strings.Compare(a.Vector, b.Vector))
	})
	f.Fixed = sortVersions(orderOf(gm.id.Ecosystem), f.Fixed)
	f.Range = strings.Join(ranges, " || ")
	// The smallest fixed version that none of the group's records holds
	// affected: records of two databases may draw the line differently.
	for _, v := range f.Fixed {
		candidate := gm.id
		candidate.Version = v
		if !db.affects(g, candidate) {
			f.Fix = "upgrade " + f.Component.Name + " to " + asInstalled(gm.id, p, v)
			break
		}
	}
	return f
}

// displayName is the name that the ecosystem's own tools use.
func displayName(p PURL) string {
	if p.Type == "maven" {
		return p.Namespace + ":" + p.Name
	}
	switch p.Type {
	case "deb", "rpm", "apk", "conan":
		return p.Name // the namespace is the distribution or vendor
	}
	return p.FullName()
}

// asInstalled writes a fixed version as the ecosystem's tools expect it: Go
// modules are required with a "v", which advisories leave out.
func asInstalled(id Identity, p PURL, v string) string {
	if id.Ecosystem == "Go" && strings.HasPrefix(p.Version, "v") && !strings.HasPrefix(v, "v") {
		return "v" + v
	}
	return v
}
