package vuln

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Reported is one finding of another scanner.
type Reported struct {
	Tool     string         `json:"tool"`
	IDs      []string       `json:"ids"` // the leading one first
	PURL     string         `json:"purl,omitempty"`
	Name     string         `json:"name"`
	Version  string         `json:"version,omitempty"`
	Fixed    string         `json:"fixed,omitempty"` // as written
	Severity ident.Severity `json:"severity"`
	File     string         `json:"file"`
	Reason   string         `json:"reason,omitempty"` // why it is not among our findings, or does not count there
	// Contradicted is true where what is loaded knows the vulnerability and says
	// otherwise; false where nobody here can tell.
	Contradicted bool          `json:"contradicted,omitempty"`
	In           []ComponentAt `json:"-"` // what it is about, of what is not agreed
}

// ComponentAt is a component of a document, by their places.
type ComponentAt struct{ Document, Component int }

// Reconciliation holds reports of other scanners against findings: one row for each
// vulnerability, all of its identifiers together, and component.
type Reconciliation struct {
	Agreed     int        `json:"agreed"` // reported findings that are ours, too
	OnlyOurs   []Finding  `json:"onlyOurs"`
	OnlyTheirs []Reported `json:"onlyTheirs"`
	// Cleared are reported findings that are ours, too, and that statements (VEX) clear.
	Cleared []Reported `json:"cleared,omitempty"`
}

// Reconcile holds reported findings against a scan of documents. A report names
// components by package URL, or by name and version alone; identifiers are the same where
// an advisory of the database says so.
func Reconcile(r *Report, reported []Reported, db *Database, docs []*sbom.Document) *Reconciliation {
	out := &Reconciliation{OnlyOurs: []Finding{}, OnlyTheirs: []Reported{}}
	byID := map[string][]int{}
	for i := range r.Findings {
		r.Findings[i].identifiers(func(id string) bool {
			byID[strings.ToUpper(id)] = append(byID[strings.ToUpper(id)], i)
			return true
		})
		for _, id := range r.Findings[i].Advisories {
			byID[strings.ToUpper(id)] = append(byID[strings.ToUpper(id)], i)
		}
	}
	listed := map[string]bool{} // names and versions of what documents list
	places := map[string][]ComponentAt{}
	for at, d := range docs {
		for i := range d.Components {
			c := &d.Components[i]
			version := c.Version
			if p, err := purlOf(c); err == nil {
				version = withEpoch(p.Version, p.Qualifier("epoch"))
			}
			for _, n := range namesOf(c.PURL, c.Name) {
				listed[n] = true
				places[n] = append(places[n], ComponentAt{at, i})
				listed[n+"\x00"+plainVersion(c.Version)] = true
				listed[n+"\x00"+plainVersion(version)] = true
			}
		}
	}
	unmatched := map[string]string{}
	for _, u := range r.Unmatched {
		for _, n := range namesOf(u.PURL, u.Name) {
			unmatched[n] = u.Reason
		}
	}
	seen := make([]bool, len(r.Findings))
	rows := map[string]bool{}
	for _, x := range reported {
		agreed, cleared := false, ""
		counts := false
		for _, id := range x.IDs {
			for _, i := range byID[strings.ToUpper(id)] {
				if x.means(&r.Findings[i]) {
					seen[i], agreed = true, true
					if f := &r.Findings[i]; f.Status.Clears() {
						cleared = string(f.Status) + " says " + f.VEXSource
					} else {
						counts = true
					}
				}
			}
		}
		row := x.key(db)
		if rows[row] {
			continue
		}
		rows[row] = true
		if agreed {
			out.Agreed++
			if !counts {
				x.Reason, x.Contradicted, x.In = cleared, true, x.places(places, docs)
				out.Cleared = append(out.Cleared, x)
			}
			continue
		}
		x.Reason = x.reason(db, listed, unmatched)
		x.Contradicted = x.Reason == rangesHoldNot || x.Reason == allWithdrawn
		x.In = x.places(places, docs)
		out.OnlyTheirs = append(out.OnlyTheirs, x)
	}
	for i, is := range seen {
		if !is {
			out.OnlyOurs = append(out.OnlyOurs, r.Findings[i])
		}
	}
	return out
}

// namesOf are the names by which a component is told, in lower case.
func namesOf(purl, name string) []string {
	var p *PURL
	if u, err := ParsePURL(purl); err == nil {
		p = &u
	}
	out := AppendWords(nil, p, name)
	return slices.DeleteFunc(out, func(w string) bool { return w[0] == 0 })
}

func plainVersion(s string) string { return strings.TrimPrefix(strings.TrimSpace(s), "v") }

// means reports whether a reported finding is about the component of one of ours.
func (x *Reported) means(f *Finding) bool {
	if x.Name == "" && x.PURL == "" {
		return true // SARIF may tell the vulnerability alone
	}
	if x.Version != "" && plainVersion(x.Version) != plainVersion(f.Component.Version) {
		if p, err := ParsePURL(f.PURL); err != nil || plainVersion(x.Version) != plainVersion(withEpoch(p.Version, p.Qualifier("epoch"))) {
			return false
		}
	}
	theirs, ours := namesOf(x.PURL, x.Name), namesOf(f.PURL, f.Component.Name)
	return slices.ContainsFunc(theirs, func(n string) bool { return slices.Contains(ours, n) })
}

// key is one vulnerability in one component, whichever identifiers name it.
func (x *Reported) key(db *Database) string {
	id := strings.ToUpper(x.IDs[0])
	for _, one := range x.IDs {
		if g, ok := db.Lookup(one); ok {
			id = strings.ToUpper(g.ID)
			break
		}
	}
	return id + "\x00" + strings.ToLower(x.Name) + "\x00" + plainVersion(x.Version) + "\x00" + packageOf(x.PURL)
}

// places are the components that a reported finding is about.
func (x *Reported) places(named map[string][]ComponentAt, docs []*sbom.Document) []ComponentAt {
	var out []ComponentAt
	for _, n := range namesOf(x.PURL, x.Name) {
		for _, at := range named[n] {
			c := &docs[at.Document].Components[at.Component]
			if x.means(&Finding{PURL: c.PURL, Component: FindingComponent{Name: c.Name, Version: c.Version}}) && !slices.Contains(out, at) {
				out = append(out, at)
			}
		}
	}
	return out
}

// Names reports whether a reported finding is of a vulnerability, by one of its
// identifiers. Case does not matter.
func (x *Reported) Names(ids ...string) bool {
	return slices.ContainsFunc(x.IDs, func(a string) bool {
		return slices.ContainsFunc(ids, func(b string) bool { return strings.EqualFold(a, b) })
	})
}

// AsFinding is a reported finding in the words of our own, without its places.
func (x *Reported) AsFinding() Finding {
	f := Finding{ID: x.IDs[0], Aliases: x.IDs[1:], PURL: x.PURL, Component: FindingComponent{Name: x.Name, Version: x.Version}, Severity: x.Severity, File: x.File, Status: StatusAffected}
	if x.Fixed != "" {
		f.Fixed = []string{x.Fixed}
	}
	return f
}

// What contradicts a report.
const (
	rangesHoldNot = "the ranges of the loaded advisories do not hold this version"
	allWithdrawn  = "its advisories are withdrawn"
)

// reason says why a reported finding is not among ours.
func (x *Reported) reason(db *Database, listed map[string]bool, unmatched map[string]string) string {
	names := namesOf(x.PURL, x.Name)
	if len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return listed[n] }) {
		return "no document lists the package"
	}
	if x.Version != "" && !slices.ContainsFunc(names, func(n string) bool { return listed[n+"\x00"+plainVersion(x.Version)] }) && len(names) > 0 {
		return "the documents list the package in another version"
	}
	var groups []*Group
	for _, id := range x.IDs {
		if g, ok := db.Lookup(id); ok {
			groups = append(groups, g)
		}
	}
	if len(groups) == 0 {
		return "no loaded advisory has the identifier"
	}
	for _, n := range names {
		if why := unmatched[n]; why != "" {
			return "the component could not be compared: " + why
		}
	}
	withdrawn, about := true, false
	for _, g := range groups {
		withdrawn = withdrawn && g.Withdrawn
		for _, a := range g.Advisories {
			for _, af := range a.Affected {
				about = about || slices.Contains(names, strings.ToLower(af.Name))
			}
		}
	}
	switch {
	case withdrawn:
		return allWithdrawn
	case about:
		return rangesHoldNot
	}
	return "the loaded advisories of it are about other packages"
}
