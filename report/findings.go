package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// RunningFindings is the answer of `findings`: the vulnerabilities of what runs, as a
// server knows them.
type RunningFindings struct {
	SchemaVersion string `json:"schemaVersion"`
	// Sequence is what the server had taken in, and AdvisoriesLoaded when it read its
	// advisories, at the look that the answer is of; absent for the past.
	Sequence         uint64           `json:"sequence,omitempty"`
	AdvisoriesLoaded time.Time        `json:"advisoriesLoaded,omitzero"`
	Counts           map[string]int   `json:"counts,omitempty" doc:"By severity, of all pages; absent for the past"`
	KEV              int              `json:"kev" doc:"Known to be exploited, of all pages"`
	Deadlines        bool             `json:"deadlines,omitempty" doc:"Whether the server has deadlines, without which nothing is overdue"`
	Overdue          int              `json:"overdue,omitempty" doc:"That were to be gone by now, of all pages"`
	Cleared          int              `json:"cleared,omitempty" doc:"That statements (VEX) of trusted authors clear, of all pages: not among the counts"`
	Total            int              `json:"total" doc:"On all pages; 0 for the past"`
	OriginUnknown    int              `json:"originUnknown,omitempty" doc:"Left out because it is not known whether a base image brought the component, where origin was asked for"`
	OriginPending    int              `json:"originPending,omitempty" doc:"Artifacts that run and whose documents were not read for their origins yet"`
	Items            []RunningFinding `json:"items"`
	Next             string           `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
}

// BaseImage says which image another one was built on.
type BaseImage struct {
	Base   string         `json:"base" doc:"Its reference, with its digest" example:"registry.example/debian@sha256:…" maxLength:"1000"`
	Layers []ident.Digest `json:"layers,omitempty" doc:"Digests of all its layers, compressed, or of their content, or both" maxItems:"500"`
}

// RunningFinding is a vulnerability in a component of a running container, for a time.
type RunningFinding struct {
	Cluster     string                `json:"cluster"`
	Container   string                `json:"container" doc:"namespace/kind/name/container"`
	Image       string                `json:"image"`
	Zone        string                `json:"zone,omitempty"`
	Service     string                `json:"service,omitempty"`
	Owner       string                `json:"owner,omitempty"`
	ID          string                `json:"id"`
	Aliases     []string              `json:"aliases,omitempty"`
	PURL        string                `json:"purl"`
	Component   vuln.FindingComponent `json:"component"`
	Severity    string                `json:"severity" enum:"unknown,none,low,medium,high,critical"`
	KEV         bool                  `json:"kev" doc:"Known to be exploited"`
	EPSSReached float64               `json:"epssReached,omitempty" doc:"The highest of the server's steps (findings.epssSteps) that the likelihood of exploitation within thirty days reaches; absent where it reaches none or nobody scored it"`
	Fixed       []string              `json:"fixed,omitempty"`
	Fix         string                `json:"fix,omitempty"`
	Status      string                `json:"status" enum:"affected,not_affected,fixed,under_investigation" doc:"affected, or what statements (VEX) of trusted authors say"`
	VEXSource   string                `json:"vexSource,omitempty"`
	Origin      string                `json:"origin,omitempty" enum:"base,application,both" doc:"What brought the component: the image that this one was built on, or what was put on it; both where there are two copies; absent where it is not known"`
	Base        string                `json:"base,omitempty" doc:"The image that this one was built on, where origin is known"`
	Doubtful    bool                  `json:"doubtful,omitempty" doc:"Which of an index's images runs is not known"`
	Unheard     bool                  `json:"unheard,omitempty" doc:"No loaded advisory has it any more"`
	From        time.Time             `json:"from" doc:"Known since, in this form"`
	Until       time.Time             `json:"until,omitzero" doc:"Absent while it is so"`
	State       string                `json:"state" enum:"new,triaged,accepted,proposed,remediated" doc:"proposed: somebody accepts it, and nobody else has approved that yet"`
	Exposed     time.Time             `json:"exposed,omitzero" doc:"Since when the container has it, whatever images came between; absent where the server has no deadlines"`
	Due         time.Time             `json:"due,omitzero" doc:"Until when it is to be gone"`
	Overdue     bool                  `json:"overdue,omitempty"`
	Decision    *FindingDecision      `json:"decision,omitempty"`
}

// FindingDecision is what somebody decided about findings.
type FindingDecision struct {
	ID        string    `json:"id" doc:"Of the vulnerability, by any of its names" maxLength:"200"`
	Component string    `json:"component,omitempty" doc:"Package URL with its version; any if absent" maxLength:"2000"`
	Cluster   string    `json:"cluster,omitempty" doc:"Any if absent" maxLength:"256"`
	Container string    `json:"container,omitempty" doc:"namespace/kind/name/container, of the cluster; any if absent" maxLength:"1100"`
	State     string    `json:"state" enum:"new,triaged,accepted" doc:"new takes a decision back"`
	Reason    string    `json:"reason,omitempty" maxLength:"2000"`
	Ticket    string    `json:"ticket,omitempty" maxLength:"200"`
	Until     time.Time `json:"until,omitzero" doc:"Of accepted: at most 366 days from now"`
	By        string    `json:"by,omitempty" doc:"Who decided" readOnly:"true"`
	Approved  string    `json:"approved,omitempty" doc:"Who else approved the acceptance" readOnly:"true"`
	Since     time.Time `json:"since,omitzero" readOnly:"true"`
	Ended     time.Time `json:"ended,omitzero" doc:"When another decision took its place, or it was taken back" readOnly:"true"`
	Counts    bool      `json:"counts,omitempty" doc:"It counts: it has not ended, and was approved where that is asked for" readOnly:"true"`
}

func findingsTable(w io.Writer, a *RunningFindings, o Options) error {
	p := newPrinter(w, o)
	past := a.Counts == nil
	var n [6]int
	open := 0
	for i := range a.Items {
		f := &a.Items[i]
		if !vuln.Status(f.Status).Clears() {
			n[f.severity()]++
		}
		if f.Until.IsZero() {
			open++
		}
	}
	switch {
	case len(a.Items) == 0 && past:
		p.linef("%s is written down for that time", p.bold("NOTHING"))
	case len(a.Items) == 0:
		p.linef("%s in what runs, of what is asked for and what has a document", p.green("NO FINDINGS"))
	case past:
		p.linef("%s: %s; %d of them hold still", p.bold(plural(len(a.Items), "finding")), counts(n), open)
	default:
		p.linef("%s: %s", p.bold(plural(len(a.Items)-a.Cleared, "finding")), counts(n))
		if a.KEV > 0 {
			p.linef("%s: %s", p.red("KNOWN TO BE EXPLOITED"), plural(a.KEV, "finding"))
		}
		if a.Overdue > 0 {
			p.linef("%s: %s", p.red("OVERDUE"), plural(a.Overdue, "finding"))
		}
		if a.Cleared > 0 {
			p.linef("%s cleared by statements of trusted authors, and listed all the same", plural(a.Cleared, "finding"))
		}
	}
	if len(a.Items) > 0 {
		rows := make([][]string, 0, len(a.Items))
		for _, f := range worstFirst(a.Items) {
			rows = append(rows, []string{p.severity(f.severity()), p.exploited(f.KEV) + likelyStep(f.EPSSReached), p.bold(clean(f.ID)), clean(f.Component.Name + " " + f.Component.Version), clean(f.Cluster + ":" + f.Container), clean(f.Zone),
				p.findingSpan(f), p.decided(f), clean(f.Fix), clean(f.Owner), clean(f.Origin)})
		}
		p.heading("FINDINGS", len(rows), "the worst first")
		p.table([]column{{"SEVERITY", 0}, {"EXPLOITED", 0}, {"ID", 0}, {"COMPONENT", 20}, {"CONTAINER", 28}, {"ZONE", 0}, {"KNOWN", 0}, {"STATE", 16}, {"FIX", 16}, {"OWNER", 8}, {"ORIGIN", 0}}, rows)
	}
	if !past {
		p.blank()
		p.linef("%s", p.dim("of what runs and has a document, as of change "+strconv.FormatUint(a.Sequence, 10)+"; advisories read "+a.AdvisoriesLoaded.UTC().Format(time.RFC3339)+"; `cofferdam coverage` says what has none"))
	}
	return p.done()
}

// severity is unknown too where a later server has another word.
func (f *RunningFinding) severity() ident.Severity {
	s, _ := ident.ParseSeverity(f.Severity)
	return s
}

// worstFirst puts findings into the order in which people look at them: what holds
// and nobody cleared or accepted, of that what is exploited, then by severity, those of
// one vulnerability together. The list itself stays as it is: its cursor follows it.
func worstFirst(list []RunningFinding) []*RunningFinding {
	out := make([]*RunningFinding, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	later := func(f *RunningFinding) int {
		switch {
		case !f.Until.IsZero():
			return 2
		case vuln.Status(f.Status).Clears(), f.State == "accepted":
			return 1
		}
		return 0
	}
	exploited := func(f *RunningFinding) int {
		if f.KEV {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(out, func(a, b *RunningFinding) int {
		return cmp.Or(cmp.Compare(later(a), later(b)), cmp.Compare(exploited(a), exploited(b)), cmp.Compare(b.severity(), a.severity()), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// findingSpan says since when a finding is known, and until when it was.
func (p *printer) findingSpan(f *RunningFinding) string {
	s := f.From.UTC().Format(time.DateOnly)
	if !f.Exposed.IsZero() {
		s = f.Exposed.UTC().Format(time.DateOnly)
	}
	switch {
	case f.Overdue:
		s += " " + p.red("due "+f.Due.UTC().Format(time.DateOnly))
	case !f.Due.IsZero():
		s += " due " + f.Due.UTC().Format(time.DateOnly)
	}
	if !f.Until.IsZero() {
		s += " to " + f.Until.UTC().Format(time.DateOnly)
	}
	return s
}

// decided says what was decided about a finding, and what is doubtful about it.
func (p *printer) decided(f *RunningFinding) string {
	s := f.State
	if d := f.Decision; d != nil && (f.State == d.State || f.State == "proposed") {
		if !d.Until.IsZero() {
			s += " until " + d.Until.UTC().Format(time.DateOnly)
		}
		s = strings.TrimSpace(s + " " + clean(strings.TrimSpace(d.Ticket+" "+d.Reason)))
	}
	if f.VEXSource != "" {
		s += ", " + strings.ReplaceAll(f.Status, "_", " ") + " by " + clean(f.VEXSource)
	}
	if f.Unheard {
		s += p.yellow(" (no loaded advisory has it any more)")
	}
	if f.Doubtful {
		s += p.yellow(" (which image of the index runs is not known)")
	}
	return s
}

// Remediation is the answer of `findings remediation`: how long vulnerabilities stay in
// what runs.
type Remediation struct {
	SchemaVersion string             `json:"schemaVersion"`
	Since         time.Time          `json:"since"`
	Classes       []RemediationClass `json:"classes" doc:"By severity, the worst first"`
}

// RemediationClass are the exposures of one severity: a container is exposed to a
// vulnerability from when it was known until nothing that it runs has it.
type RemediationClass struct {
	Severity       string  `json:"severity"`
	Open           int     `json:"open" doc:"That hold"`
	OldestSeconds  float64 `json:"oldestSeconds" doc:"The longest of them"`
	Overdue        int     `json:"overdue" doc:"Of the open: beyond their deadline; accepted ones too"`
	Remediated     int     `json:"remediated" doc:"Ended since, and the container runs on"`
	Late           int     `json:"late" doc:"Of the remediated: after their deadline"`
	Gone           int     `json:"gone" doc:"Ended since with their container"`
	MeanSeconds    float64 `json:"meanSeconds" doc:"Of the remediated"`
	MedianSeconds  float64 `json:"medianSeconds"`
	P90Seconds     float64 `json:"p90Seconds"`
	SlowestSeconds float64 `json:"slowestSeconds"`
}

func remediationTable(w io.Writer, a *Remediation, o Options) error {
	p := newPrinter(w, o)
	var rows [][]string
	var sum RemediationClass
	for i := range a.Classes {
		c := &a.Classes[i]
		sum.Open, sum.Remediated, sum.Gone = sum.Open+c.Open, sum.Remediated+c.Remediated, sum.Gone+c.Gone
		if c.Open+c.Remediated+c.Gone == 0 {
			continue
		}
		var s ident.Severity
		_ = s.UnmarshalText([]byte(c.Severity))
		took := func(seconds float64, n int) string {
			if n == 0 {
				return ""
			}
			return days(seconds)
		}
		rows = append(rows, []string{p.severity(s), strconv.Itoa(c.Open), took(c.OldestSeconds, c.Open), strconv.Itoa(c.Overdue), strconv.Itoa(c.Remediated), strconv.Itoa(c.Late), took(c.MedianSeconds, c.Remediated),
			took(c.P90Seconds, c.Remediated), took(c.MeanSeconds, c.Remediated), took(c.SlowestSeconds, c.Remediated), strconv.Itoa(c.Gone)})
	}
	p.linef("%s remediated since %s, %d open", p.bold(plural(sum.Remediated, "exposure")), a.Since.UTC().Format(time.DateOnly), sum.Open)
	if len(rows) > 0 {
		p.heading("BY SEVERITY", len(rows), "a container's to a vulnerability, from when it was known until nothing that it runs has it")
		p.table([]column{{"SEVERITY", 0}, {"OPEN", 0}, {"OLDEST", 0}, {"OVERDUE", 0}, {"REMEDIATED", 0}, {"LATE", 0}, {"MEDIAN", 0}, {"P90", 0}, {"MEAN", 0}, {"SLOWEST", 0}, {"GONE", 0}}, rows)
	}
	return p.done()
}

// days writes seconds as people say them.
func days(seconds float64) string {
	switch d := time.Duration(seconds * float64(time.Second)); {
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	default:
		return fmt.Sprintf("%.1f d", d.Hours()/24)
	}
}
