package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/compare"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// SBOMDiff is the answer of `sbom diff`.
type SBOMDiff struct {
	SchemaVersion string             `json:"schemaVersion"`
	Releases      []ReleaseDiff      `json:"releases"`
	Gate          *Gate              `json:"gate,omitempty"`
	Coverage      inventory.Coverage `json:"coverage"`
}

// ReleaseDiff is one artifact in both releases; Diff is nil where one side has no
// document of it.
type ReleaseDiff struct {
	Artifact        string            `json:"artifact"`
	OldArtifact     string            `json:"oldArtifact,omitempty"` // where two single documents are about different ones
	Old             *DocumentName     `json:"old"`
	New             *DocumentName     `json:"new"`
	Diff            *compare.Diff     `json:"diff"`
	Vulnerabilities *compare.Findings `json:"vulnerabilities"` // null without advisories
	Unmatched       int               `json:"unmatched"`       // entries of the new document that could not be compared with all advisories
}

// DocumentName names one document.
type DocumentName struct {
	File    string       `json:"file"`
	Digest  ident.Digest `json:"digest"`
	Format  sbom.Format  `json:"format"`
	Version string       `json:"version"` // of what it is about
	Tools   []string     `json:"tools"`
}

// title is what a table calls the document: one that a server keeps has no file.
func (n *DocumentName) title() string { return cmp.Or(n.File, n.Digest.String()) }

// NameOf names a document.
func NameOf(d *sbom.Document) DocumentName { return *nameOf(d) }

func nameOf(d *sbom.Document) *DocumentName {
	if d == nil {
		return nil
	}
	n := &DocumentName{File: d.File, Digest: d.Digest, Format: d.Format, Version: d.Subject.Version, Tools: []string{}}
	for _, t := range d.Tools {
		n.Tools = append(n.Tools, strings.TrimSpace(t.Name+" "+t.Version))
	}
	return n
}

// NewReleaseDiff names the documents of a release.
func NewReleaseDiff(r compare.Release) ReleaseDiff {
	out := ReleaseDiff{Artifact: r.Artifact, Old: nameOf(r.Old), New: nameOf(r.New)}
	if r.Old != nil {
		if name := compare.Artifact(r.Old); name != r.Artifact {
			out.OldArtifact = name
		}
	}
	return out
}

// Judge counts the changes that words of --fail-on name. A vulnerability of which
// nothing is known any more is none that appeared.
func (a *SBOMDiff) Judge(words []string) *Gate {
	g := &Gate{FailOn: words}
	for _, r := range a.Releases {
		for _, w := range words {
			g.Count += r.count(w)
		}
	}
	g.Failed = g.Count > 0
	return g
}

// Uncompared counts the releases of which nothing could be compared with advisories, where
// the gate asks what appeared in them.
func (a *SBOMDiff) Uncompared() int {
	n := 0
	if a.Gate == nil || !slices.Contains(a.Gate.FailOn, "new-vulnerability") && !slices.Contains(a.Gate.FailOn, "any") {
		return n
	}
	for i := range a.Releases {
		if v := a.Releases[i].Vulnerabilities; v != nil && v.Uncompared {
			n++
		}
	}
	return n
}

func (r *ReleaseDiff) count(word string) int {
	n := 0
	if v := r.Vulnerabilities; v != nil && (word == "new-vulnerability" || word == "any") {
		n += len(v.Appeared)
	}
	if r.Diff == nil {
		if word == "any" || word == "new-component" && r.Old == nil {
			return n + 1
		}
		return n
	}
	switch word {
	case "new-component":
		n += len(r.Diff.Added)
	case "any":
		n += len(r.Diff.Added) + len(r.Diff.Removed) + len(r.Diff.Changed) + len(r.Diff.NewNeeds) + len(r.Diff.GoneNeeds)
	}
	for _, c := range r.Diff.Changed {
		if word == "other-bytes" && c.OtherBytes || word == "supplier" && c.Supplier || (word == "licence" || word == "license") && c.Licenses {
			n++
		}
	}
	return n
}

func sbomDiffTable(w io.Writer, a *SBOMDiff, o Options) error {
	p := newPrinter(w, o)
	for i := range a.Releases {
		if i > 0 {
			p.blank()
		}
		p.release(&a.Releases[i])
	}
	if g := a.Gate; g != nil {
		p.blank()
		if g.Failed {
			p.linef("%s: %s", p.red("GATE FAILED on "+clean(strings.Join(g.FailOn, ","))), plural(g.Count, "change"))
		} else {
			p.passed(g.FailOn, false, a.Coverage.Quarantined, a.Uncompared())
		}
	}
	p.blank()
	line := "compared " + plural(len(a.Releases), "artifact")
	switch {
	case a.Coverage.AdvisoriesAsOf != "":
		line += "; " + clean(a.Coverage.Advisories())
	default:
		line += "; no advisories were loaded: nothing is said about vulnerabilities"
	}
	if n := a.Coverage.Quarantined; n > 0 {
		line += "; " + plural(n, "input") + " quarantined"
	}
	p.linef("%s", p.dim(line))
	return p.done()
}

func (p *printer) release(r *ReleaseDiff) {
	title := p.bold(clean(r.Artifact))
	switch {
	case r.Old == nil:
		p.linef("%s  %s  %s", title, p.yellow("NEW"), p.dim("only "+clean(r.New.title())+" is about it"))
		p.vulnerabilities(r)
		return
	case r.New == nil:
		p.linef("%s  %s  %s", title, p.yellow("GONE"), p.dim("only "+clean(r.Old.title())+" is about it"))
		return
	case r.Old.Version != r.New.Version:
		title += " " + shortVersion(r.Old.Version) + " → " + shortVersion(r.New.Version)
	}
	p.linef("%s  %s", title, p.dim(clean(r.Old.title())+" → "+clean(r.New.title())))
	if r.OldArtifact != "" {
		p.linef("%s: the old document is about %s", p.yellow("PERHAPS NOT THE SAME"), clean(r.OldArtifact))
	}
	d := r.Diff
	if d.Empty() {
		p.linef("%s in %s", p.green("NO CHANGE"), plural(d.Unchanged, "package"))
	} else {
		p.linef("%d added, %d removed, %d changed, %d the same", len(d.Added), len(d.Removed), len(d.Changed), d.Unchanged)
	}
	if d.Incomplete {
		p.linef("%s: a document calls its own list incomplete, so that what is missing may be there all the same", p.yellow("INCOMPLETE"))
	}
	p.vulnerabilities(r)
	var bytes, changed [][]string
	for _, c := range d.Changed {
		if c.OtherBytes {
			bytes = append(bytes, []string{p.red(p.bold(clean(c.Name))), clean(c.New.Version), clean(c.New.PURL)})
		}
		if c.Direction == "" && !c.Licenses && !c.Supplier {
			continue
		}
		what := string(c.Direction)
		if c.Direction == compare.Downgrade {
			what = p.yellow(what)
		}
		row := []string{p.bold(clean(c.Name)), clean(c.Old.Version), clean(c.New.Version), what, "", ""}
		if c.Direction == "" {
			row[2] = ""
		}
		if c.Licenses {
			row[4] = p.yellow(clean(licenceChange(&c)))
		}
		if c.Supplier {
			row[5] = p.yellow(clean(c.Old.Supplier + " → " + c.New.Supplier))
		}
		changed = append(changed, row)
	}
	if len(bytes) > 0 {
		p.heading("SAME VERSION, OTHER BYTES", len(bytes), "what is published under a version does not change: find out who replaced it")
		p.table([]column{{"NAME", 20}, {"VERSION", 12}, {"PACKAGE URL", 24}}, bytes)
	}
	if len(changed) > 0 {
		p.heading("CHANGED", len(changed), "")
		p.table([]column{{"NAME", 20}, {"OLD", 10}, {"NEW", 10}, {"VERSION", 0}, {"LICENCE", 16}, {"SUPPLIER", 16}}, changed)
	}
	if len(d.Added) > 0 {
		rows := make([][]string, 0, len(d.Added))
		for _, x := range d.Added {
			rows = append(rows, []string{p.bold(clean(x.Name)), clean(x.Version), clean(licences(&x.Package)), clean(strings.Join(x.Way[:max(0, len(x.Way)-1)], " › "))})
		}
		p.heading("ADDED", len(rows), "")
		p.table([]column{{"NAME", 20}, {"VERSION", 10}, {"LICENCE", 16}, {"BY WAY OF", 20}}, rows)
	}
	if len(d.Removed) > 0 {
		rows := make([][]string, 0, len(d.Removed))
		for _, x := range d.Removed {
			rows = append(rows, []string{p.bold(clean(x.Name)), clean(x.Version)})
		}
		p.heading("REMOVED", len(rows), "")
		p.table([]column{{"NAME", 20}, {"VERSION", 10}}, rows)
	}
	p.needs("NEW NEEDS", "between packages that were there before", d.NewNeeds)
	p.needs("GONE NEEDS", "between packages that are still there", d.GoneNeeds)
}

func (p *printer) needs(title, remark string, list []compare.Need) {
	if len(list) == 0 {
		return
	}
	rows := make([][]string, 0, len(list))
	for _, n := range list {
		rows = append(rows, []string{p.bold(clean(n.From)), clean(n.Kind), clean(n.To)})
	}
	p.heading(title, len(rows), remark)
	p.table([]column{{"PACKAGE", 20}, {"", 0}, {"PACKAGE", 20}}, rows)
}

func (p *printer) vulnerabilities(r *ReleaseDiff) {
	v := r.Vulnerabilities
	if v == nil {
		return
	}
	line := fmt.Sprintf("vulnerabilities: %s appeared, %d gone, %d remain", p.count(len(v.Appeared)), len(v.Gone), v.Remaining)
	if len(v.Unknown) > 0 {
		line += fmt.Sprintf(", %s", p.yellow(fmt.Sprintf("%d of which nothing is known any more", len(v.Unknown))))
	}
	if r.Unmatched > 0 {
		line += p.dim("; " + plural(r.Unmatched, "comparison") + " with advisories could not be made")
	}
	p.linef("%s", line)
	table := func(title, remark string, fs []vuln.Finding) {
		if len(fs) == 0 {
			return
		}
		rows := make([][]string, 0, len(fs))
		for _, f := range fs {
			rows = append(rows, []string{p.severity(f.Severity), p.bold(clean(f.ID)), clean(f.Component.Name) + " " + clean(f.Component.Version), clean(f.Fix)})
		}
		p.heading(title, len(rows), remark)
		p.table([]column{{"SEVERITY", 0}, {"ID", 0}, {"COMPONENT", 24}, {"FIX", 20}}, rows)
	}
	table("VULNERABILITIES THAT APPEARED", "", v.Appeared)
	table("VULNERABILITIES GONE", "", v.Gone)
	table("NOT KNOWN ANY MORE", "their packages cannot be compared with the advisories in the new document", v.Unknown)
}

func (p *printer) count(n int) string {
	if n > 0 {
		return p.red(fmt.Sprint(n))
	}
	return p.green("0")
}

// shortVersion shortens a version that is a digest, as images have it.
func shortVersion(s string) string {
	if d, err := ident.ParseDigest(s); err == nil {
		return d.Short()
	}
	if s == "" {
		return "(no version)"
	}
	return clean(s)
}

func licences(x *compare.Package) string {
	if len(x.Licenses) == 0 {
		return strings.Join(x.Concluded, ", ")
	}
	return strings.Join(x.Licenses, ", ")
}

func licenceChange(c *compare.Change) string {
	word := func(list []string) string {
		if len(list) == 0 {
			return "not known"
		}
		return strings.Join(list, ", ")
	}
	if was, is := word(c.Old.Licenses), word(c.New.Licenses); was != is {
		return was + " → " + is
	}
	return "concluded: " + word(c.Old.Concluded) + " → " + word(c.New.Concluded)
}

// SBOMUnion is the answer of `sbom diff --same-artifact`.
type SBOMUnion struct {
	SchemaVersion string          `json:"schemaVersion"`
	Documents     []*DocumentName `json:"documents"`
	Artifacts     []string        `json:"artifacts"` // what each is about: one, unless they were mixed up
	Union         *compare.Union  `json:"union"`
}

// NewSBOMUnion names the documents of a union.
func NewSBOMUnion(docs []*sbom.Document, u *compare.Union) *SBOMUnion {
	a := &SBOMUnion{SchemaVersion: inventory.SchemaVersion, Documents: []*DocumentName{}, Artifacts: []string{}, Union: u}
	seen := map[string]bool{}
	for _, d := range docs {
		a.Documents = append(a.Documents, nameOf(d))
		if name := compare.Artifact(d); !seen[name] {
			seen[name] = true
			a.Artifacts = append(a.Artifacts, name)
		}
	}
	return a
}

func sbomUnionTable(w io.Writer, a *SBOMUnion, o Options) error {
	p := newPrinter(w, o)
	p.linef("%s in %s: %d seen alike by all, %d at other versions, %d not by all", p.bold(plural(a.Union.Packages, "package")),
		plural(len(a.Documents), "document"), a.Union.Agreed, len(a.Union.Disagreed), len(a.Union.Partial))
	if len(a.Artifacts) > 1 {
		p.linef("%s: the documents name several artifacts: %s", p.yellow("PERHAPS NOT THE SAME"), clean(strings.Join(a.Artifacts, ", ")))
	}
	cols := []column{{"NAME", 20}}
	for i, d := range a.Documents {
		name := fmt.Sprintf("(%d)", i+1)
		p.linef("  %s %s  %s", p.bold(name), clean(d.title()), p.dim(clean(strings.Join(d.Tools, ", "))))
		cols = append(cols, column{name, 10})
	}
	section := func(title, remark string, list []compare.Sight) {
		if len(list) == 0 {
			return
		}
		rows := make([][]string, 0, len(list))
		for _, s := range list {
			row := []string{p.bold(clean(s.Name))}
			for _, v := range s.Versions {
				switch {
				case len(v) == 0:
					row = append(row, p.yellow("not seen"))
				case len(v) == 1 && v[0] == "":
					row = append(row, "seen")
				default:
					row = append(row, clean(strings.Join(v, ", ")))
				}
			}
			rows = append(rows, row)
		}
		p.heading(title, len(rows), remark)
		p.table(cols, rows)
	}
	section("OTHER VERSIONS", "all see the package, and not the same versions", a.Union.Disagreed)
	section("NOT SEEN BY ALL", "", a.Union.Partial)
	p.blank()
	p.linef("%s", p.dim("united "+plural(len(a.Documents), "document")))
	return p.done()
}
