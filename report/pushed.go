package report

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/inventory"
)

// Pushed is the answer of `push`: what became of each document.
type Pushed struct {
	SchemaVersion string           `json:"schemaVersion"`
	Stored        int              `json:"stored"`    // on the server's disk now
	Known         int              `json:"known"`     // and was before
	Refused       int              `json:"refused"`   // not taken in
	Documents     []PushedDocument `json:"documents"` // in the order of the arguments
	Clusters      []PushedCluster  `json:"clusters,omitempty"`
}

// PushedCluster is what was said of a cluster.
type PushedCluster struct {
	Cluster    string `json:"cluster"`
	Containers int    `json:"containers"`
	Unresolved int    `json:"unresolved"` // of them, those whose image's digest the manifests do not say
	Changed    int    `json:"changed"`    // that began or ended since the last report
}

// PushedBlock is a component of an artifact that must not be used.
type PushedBlock struct {
	List       string   `json:"list"`
	Component  string   `json:"component"` // as it is blocked
	Reason     string   `json:"reason"`
	Ticket     string   `json:"ticket,omitempty"`
	Components []string `json:"components"` // that are meant: package URLs, or names with versions
	Doubtful   bool     `json:"doubtful,omitempty"`
}

// PushedDocument is what became of one document.
type PushedDocument struct {
	File       string   `json:"file"`
	Digest     string   `json:"digest,omitempty"`
	Sequence   uint64   `json:"sequence,omitempty"`
	Components int      `json:"components,omitempty"`
	Duplicate  bool     `json:"duplicate,omitempty"`
	Status     string   `json:"status,omitempty"`
	Warnings   []string `json:"warnings,omitempty"`
	// Blocked is what the artifact has and must not.
	Blocked []PushedBlock `json:"blocked,omitempty"`
	Error   string        `json:"error,omitempty"`
	// Where in the document the fault is, and Hint, say more of Error.
	Where string `json:"where,omitempty"`
	Hint  string `json:"hint,omitempty"`
	// Quarantine is the digest under which the server keeps a document that it refused.
	Quarantine string `json:"quarantine,omitempty"`
}

// HasBlocked reports whether an artifact has a component that must not be used, or
// may be one.
func (a *Pushed) HasBlocked() bool {
	return slices.ContainsFunc(a.Documents, func(d PushedDocument) bool { return len(d.Blocked) > 0 })
}

// NewPushed returns an answer about n documents.
func NewPushed(n int) *Pushed {
	return &Pushed{SchemaVersion: inventory.SchemaVersion, Documents: make([]PushedDocument, n)}
}

// Count sums up.
func (a *Pushed) Count() {
	a.Stored, a.Known, a.Refused = 0, 0, 0
	for i := range a.Documents {
		switch d := &a.Documents[i]; {
		case d.Error != "":
			a.Refused++
		case d.Duplicate:
			a.Known++
		default:
			a.Stored++
		}
	}
}

func pushedTable(w io.Writer, a *Pushed, o Options) error {
	p := newPrinter(w, o)
	p.linef("%s", p.bold(plural(a.Stored, "document")+" stored, "+strconv.Itoa(a.Known)+" known already, "+strconv.Itoa(a.Refused)+" refused"))
	if len(a.Clusters) > 0 {
		p.heading("RUNNING", len(a.Clusters), "as the manifests say")
		var rows [][]string
		for i := range a.Clusters {
			c := &a.Clusters[i]
			rows = append(rows, []string{p.bold(clean(c.Cluster)), strconv.Itoa(c.Containers), strconv.Itoa(c.Unresolved), strconv.Itoa(c.Changed)})
		}
		p.table([]column{{"CLUSTER", 16}, {"CONTAINERS", 0}, {"NO DIGEST", 0}, {"CHANGED", 0}}, rows)
	}
	if a.HasBlocked() {
		var rows [][]string
		for i := range a.Documents {
			for _, b := range a.Documents[i].Blocked {
				what := strings.Join(b.Components, ", ")
				if b.Doubtful {
					what += " (may be: its version cannot be compared)"
				}
				rows = append(rows, []string{p.bold(clean(a.Documents[i].File)), clean(what), clean(strings.TrimSpace(b.Ticket + " " + b.Reason))})
			}
		}
		p.heading("BLOCKED", len(rows), "components that must not be used")
		p.table([]column{{"FILE", 24}, {"HAS", 32}, {"WHY", 32}}, rows)
	}
	if a.Refused > 0 {
		note := "kept in the server's quarantine with the reason"
		var rows [][]string
		for i := range a.Documents {
			d := &a.Documents[i]
			if d.Error == "" {
				continue
			}
			why := d.Error
			if d.Hint != "" {
				why += " (" + d.Hint + ")"
			}
			if d.Quarantine == "" {
				note = "kept in the server's quarantine where nothing else is said"
				why += "; it is not kept"
			}
			rows = append(rows, []string{p.bold(clean(d.File)), clean(d.Where), clean(why)})
		}
		p.heading("REFUSED", a.Refused, note)
		p.table([]column{{"FILE", 24}, {"WHERE", 24}, {"WHY", 40}}, rows)
	}
	if a.Stored+a.Known > 0 {
		p.heading("ON THE SERVER", a.Stored+a.Known, "")
		var rows [][]string
		for i := range a.Documents {
			d := &a.Documents[i]
			if d.Error != "" {
				continue
			}
			what := "stored"
			if d.Duplicate {
				what = "known"
			}
			components := ""
			if d.Components > 0 {
				components = strconv.Itoa(d.Components)
			}
			rows = append(rows, []string{p.bold(clean(d.File)), what, clean(d.Status), components, clean(d.Digest)})
		}
		p.table([]column{{"FILE", 24}, {"", 6}, {"STATUS", 9}, {"COMPONENTS", 10}, {"DOCUMENT", 20}}, rows)
	}
	return p.done()
}
