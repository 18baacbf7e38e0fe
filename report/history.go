package report

import (
	"io"
	"strconv"
	"strings"
	"time"
)

// History is the answer of `history`: what was handed over about artifacts, and when
// and where those ran.
type History struct {
	SchemaVersion string            `json:"schemaVersion"`
	Documents     []HistoryDocument `json:"documents"` // in the order in which they came
	Runs          []HistoryRun      `json:"runs"`      // oldest first
	MoreRuns      bool              `json:"moreRuns,omitempty"`
}

// HistoryDocument is a document that was handed over.
type HistoryDocument struct {
	Digest   string    `json:"digest"`
	Document uint32    `json:"document"` // its number: the same bytes about two artifacts are two documents
	Artifact uint32    `json:"artifact"`
	Name     string    `json:"name,omitempty"`
	Version  string    `json:"version,omitempty"`
	Format   string    `json:"format"`
	Status   string    `json:"status"` // draft, reviewed, published
	Build    string    `json:"build,omitempty"`
	Release  string    `json:"release,omitempty"`
	Service  string    `json:"service,omitempty"`
	Owner    string    `json:"owner,omitempty"`
	Made     time.Time `json:"made,omitzero"` // when it says it was made
	By       string    `json:"by"`
	Time     time.Time `json:"time"`
	// Archived is the number of the change that took it out of the index; 0 while it is in.
	Archived uint64 `json:"archived,omitempty"`
}

// HistoryRun is an interval in which a container ran an artifact.
type HistoryRun struct {
	Artifact uint32 `json:"artifact"`
	Cluster  string `json:"cluster"`
	RunningContainer
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"` // absent while it runs
}

// minute is a time for people.
func minute(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func historyTable(w io.Writer, a *History, o Options) error {
	p := newPrinter(w, o)
	runs := 0
	for i := range a.Runs {
		if a.Runs[i].Until.IsZero() {
			runs++
		}
	}
	p.linef("%s, %s running now", p.bold(plural(len(a.Documents), "document")), plural(runs, "container"))
	rows := make([][]string, 0, len(a.Documents))
	for i := range a.Documents {
		d := &a.Documents[i]
		status := clean(d.Status)
		if d.Archived != 0 {
			status += p.yellow(", archived")
		}
		rows = append(rows, []string{minute(d.Time), p.bold(clean(artifactName(d.Name, d.Version))), clean(d.Release), clean(d.Build), status, clean(d.By), clean(d.Service), clean(d.Owner), clean(d.Format), clean(d.Digest)})
	}
	p.heading("HANDED OVER", len(rows), "oldest first; times are UTC")
	p.table([]column{{"TIME", 0}, {"ARTIFACT", 24}, {"RELEASE", 8}, {"BUILD", 8}, {"STATUS", 0}, {"BY", 12}, {"SERVICE", 8}, {"OWNER", 8}, {"FORMAT", 0}, {"DOCUMENT", 19}}, rows)
	if len(a.Runs) > 0 {
		remark := "oldest first"
		if a.MoreRuns {
			remark += "; there are more"
		}
		rows = rows[:0]
		for i := range a.Runs {
			r := &a.Runs[i]
			until := minute(r.Until)
			if until == "" {
				until = p.bold("now")
			}
			rows = append(rows, []string{minute(r.Since), until, p.bold(clean(r.Cluster + ":" + r.Namespace + "/" + r.Name)), clean(r.Container), clean(shortImage(r.Image)), clean(r.Zone)})
		}
		p.heading("RAN", len(rows), remark)
		p.table([]column{{"FROM", 0}, {"UNTIL", 0}, {"WORKLOAD", 20}, {"CONTAINER", 8}, {"IMAGE", 18}, {"ZONE", 0}}, rows)
	}
	return p.done()
}

// Changes is the answer of `changes`: what a server took in and noticed, in order.
type Changes struct {
	SchemaVersion string   `json:"schemaVersion"`
	Items         []Change `json:"items"`
	Next          string   `json:"next"` // what --after goes on with
}

// Change is one step of a server's sequence.
type Change struct {
	Sequence uint64 `json:"sequence"`
	Kind     string `json:"kind"`
	Document uint32 `json:"document,omitempty"`
	Artifact uint32 `json:"artifact,omitempty"`
	From     uint32 `json:"from,omitempty"` // the artifact that is the same as Artifact
}

func changesTable(w io.Writer, a *Changes, o Options) error {
	p := newPrinter(w, o)
	rows := make([][]string, 0, len(a.Items))
	number := func(c *Change, n uint32) string {
		if !strings.HasPrefix(c.Kind, "document-") && c.Kind != "artifacts-joined" {
			return ""
		}
		return strconv.FormatUint(uint64(n), 10)
	}
	for i := range a.Items {
		c := &a.Items[i]
		document := number(c, c.Document)
		if c.Kind == "artifacts-joined" {
			document = "artifact " + strconv.FormatUint(uint64(c.From), 10)
		}
		rows = append(rows, []string{strconv.FormatUint(c.Sequence, 10), p.bold(clean(c.Kind)), document, number(c, c.Artifact)})
	}
	p.heading("CHANGES", len(rows), "")
	p.table([]column{{"SEQUENCE", 0}, {"KIND", 16}, {"DOCUMENT", 0}, {"ARTIFACT", 0}}, rows)
	p.blank()
	p.linef("what comes after: --after %s", clean(a.Next))
	return p.done()
}
