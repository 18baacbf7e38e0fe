package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Scan is the answer of `scan`.
type Scan struct {
	SchemaVersion string           `json:"schemaVersion"`
	Findings      []vuln.Finding   `json:"findings"`
	Unmatched     []vuln.Unmatched `json:"unmatched"`
	Documents     int              `json:"documents"`
	Components    int              `json:"components"`
	// Uncompared are the documents of which no component was compared with any advisory.
	Uncompared int                `json:"uncompared,omitempty"`
	Coverage   inventory.Coverage `json:"coverage"`
	Gate       *Gate              `json:"gate,omitempty"`
	At         time.Time          `json:"at,omitzero"` // of the evaluation
	// Baseline is what the findings were held against, and Remediated what it has and was
	// not found any more.
	Baseline   string       `json:"baseline,omitempty"`
	Remediated []vuln.Known `json:"remediated,omitempty"`
	// Reconciliation holds reports of other scanners against the findings.
	Reconciliation *vuln.Reconciliation `json:"reconciliation,omitempty"`
	// Upgrades are what the findings ask for, the one that clears most first.
	Upgrades []vuln.Upgrade `json:"upgrades,omitempty"`

	// Origins say what is known of where the findings come from, for each base.
	Origins []vuln.OriginCount `json:"origins,omitempty"`

	places   map[site][]string       // by Locate
	subjects map[ident.Digest]string // package URLs of what documents are about, by Locate
}

// site is where a finding is: a package URL in a document.
type site struct {
	document ident.Digest
	purl     string
}

// Locate notes the JSON pointers of what was found, for the formats that point
// into documents.
func (a *Scan) Locate(docs []*sbom.Document) {
	a.places = map[site][]string{}
	a.subjects = map[ident.Digest]string{}
	byDigest := map[ident.Digest]*sbom.Document{}
	for _, d := range docs {
		byDigest[d.Digest] = d
		a.subjects[d.Digest] = d.Subject.PURL
	}
	for _, f := range a.Findings {
		d := byDigest[f.Document]
		if d == nil {
			continue
		}
		at := site{f.Document, f.PURL}
		for _, i := range f.Indices {
			if i >= 0 && i < len(d.Components) && d.Components[i].Pointer != "" && !slices.Contains(a.places[at], d.Components[i].Pointer) {
				a.places[at] = append(a.places[at], d.Components[i].Pointer)
			}
		}
	}
}

// Gate is the outcome of --fail-on.
type Gate struct {
	FailOn []string `json:"failOn"`
	Failed bool     `json:"failed"`
	Count  int      `json:"count"` // findings that made it fail
	// Baselined are findings at or above the line that a baseline has.
	Baselined int `json:"baselined,omitempty"`
	// Above are those that made it fail.
	Above []vuln.Finding `json:"-"`
}

// passed says that nothing is above the line, unless nobody knows that.
func (p *printer) passed(on []string, nothing bool, unread, uncompared int) {
	line := clean(strings.Join(on, ","))
	switch {
	case unread > 0:
		p.linef("%s: %s could not be read", p.yellow("GATE NOT DECIDED on "+line), plural(unread, "input"))
	case nothing:
		p.linef("%s: nothing was searched", p.yellow("GATE NOT DECIDED on "+line))
	case uncompared > 0:
		p.linef("%s: nothing that %s could be compared with advisories", p.yellow("GATE NOT DECIDED on "+line), listed(uncompared))
	default:
		p.linef("%s", p.green("GATE PASSED on "+line))
	}
}

// listed is documents and what they do.
func listed(documents int) string {
	if documents == 1 {
		return "1 document lists"
	}
	return plural(documents, "document") + " list"
}

func scanTable(w io.Writer, a *Scan, o Options) error {
	p := newPrinter(w, o)
	var n [6]int
	open, cleared := split2(a.Findings, func(f vuln.Finding) bool { return !f.Status.Clears() })
	for _, f := range open {
		n[f.Severity]++
	}
	head := p.green("NO FINDINGS")
	switch {
	case a.Documents == 0:
		head = p.yellow("NOTHING WAS SEARCHED")
	case len(open) > 0:
		head = p.bold(plural(len(open), "finding")) + ": " + counts(n)
	case len(cleared) > 0:
		head = p.green("NO FINDINGS but those that VEX clears")
	case len(a.Unmatched) > 0:
		head = p.yellow("NO FINDINGS in what could be matched")
	case a.Coverage.Quarantined > 0:
		head = p.yellow("NO FINDINGS in what could be read")
	}
	if len(open) > 0 && len(cleared) > 0 {
		head += fmt.Sprintf(", and %d that VEX clears", len(cleared))
	}
	p.linef("%s, in %s of %s", head, plural(a.Components, "component"), plural(a.Documents, "document"))
	if g := a.Gate; g != nil {
		if g.Failed {
			p.linef("%s: %s at or above the line", p.red("GATE FAILED on "+clean(strings.Join(g.FailOn, ","))), plural(g.Count, "finding"))
		} else {
			p.passed(g.FailOn, a.Documents == 0, a.Coverage.Quarantined, a.Uncompared)
		}
	}
	p.standing(a)
	p.origins(a.Origins)
	for _, line := range upgrades(a.Upgrades) {
		p.linef("%s", line)
	}
	if len(open) > 0 {
		p.heading("FINDINGS", len(open), "")
		rows := make([][]string, 0, len(open))
		for _, f := range open {
			rows = append(rows, []string{p.severity(f.Severity), p.exploited(f.KEV) + likely(f.EPSS), p.bold(clean(f.ID)), clean(f.Component.Name) + " " + clean(f.Component.Version),
				clean(f.Fix), string(f.Origin), string(f.State), stated(f), clean(f.Range), clean(f.File)})
		}
		p.table([]column{{"SEVERITY", 0}, {"EXPLOITED", 0}, {"ID", 0}, {"COMPONENT", 24}, {"FIX", 20}, {"ORIGIN", 0}, {"STATE", 0}, {"VEX", 14}, {"AFFECTED", 16}, {"DOCUMENT", 16}}, rows)
	}
	p.cleared(cleared)
	p.unapplied(a.Findings)
	p.unbound(a.Coverage.VEX)
	p.reconciled(a.Reconciliation)
	p.unmatchedReasons(a.Unmatched)
	p.blank()
	line := fmt.Sprintf("searched %s; %s without identity", plural(a.Documents, "document"), plural(a.Coverage.ComponentsWithoutIdentity, "component"))
	if a.Coverage.AdvisoriesAsOf != "" {
		line += "; " + clean(a.Coverage.Advisories())
	}
	for _, part := range known(a.Coverage) {
		line += "; " + part
	}
	if n := a.Coverage.Quarantined; n > 0 {
		line += "; " + plural(n, "input") + " quarantined"
	}
	p.linef("%s", p.dim(line))
	return p.done()
}

// unmatchedReasons sums up what could not be compared, by reason: thousands of
// rows of it say no more than their counts.
func (p *printer) unmatchedReasons(us []vuln.Unmatched) {
	if len(us) == 0 {
		return
	}
	count := map[string]int{}
	example := map[string]string{}
	for _, u := range us {
		count[u.Reason]++
		if _, ok := example[u.Reason]; !ok {
			example[u.Reason] = strings.TrimSpace(u.Name + " " + u.Version)
		}
	}
	reasons := make([]string, 0, len(count))
	for r := range count {
		reasons = append(reasons, r)
	}
	slices.SortFunc(reasons, func(a, b string) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return strings.Compare(a, b)
	})
	p.heading("NOT MATCHED", len(us), "these were compared with no advisory, or not with all")
	rows := make([][]string, 0, len(reasons))
	for _, r := range reasons {
		rows = append(rows, []string{fmt.Sprint(count[r]), clean(r), clean(example[r])})
	}
	p.table([]column{{"COUNT", 0}, {"REASON", 30}, {"SUCH AS", 20}}, rows)
}

// score is the highest base score, in the decimal form that code scanning sorts by.
func score(f vuln.Finding) string {
	best := -1.0
	for _, c := range f.CVSS {
		if c.Base > best { // NaN compares false
			best = c.Base
		}
	}
	if best < 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", best)
}

func findingText(f vuln.Finding) string {
	s := fmt.Sprintf("%s %s is affected by %s (%s)", f.Component.Name, f.Component.Version, f.ID, f.Severity)
	if f.KEV {
		s += "; known to be exploited"
	}
	if f.Fix != "" {
		s += "; " + f.Fix
	}
	return s
}
