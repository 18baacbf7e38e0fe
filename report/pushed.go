package report

import (
	"io"
	"strconv"

	"github.com/cofferdam-io/cofferdam/inventory"
)

// Pushed is the answer of `push`: what became of each document.
type Pushed struct {
	SchemaVersion string           `json:"schemaVersion"`
	Stored        int              `json:"stored"`    // on the server's disk now
	Known         int              `json:"known"`     // and was before
	Refused       int              `json:"refused"`   // kept in the server's quarantine
	Documents     []PushedDocument `json:"documents"` // in the order of the arguments
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
	Error      string   `json:"error,omitempty"`
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
	if a.Refused > 0 {
		p.heading("REFUSED", a.Refused, "kept in the server's quarantine with the reason")
		var rows [][]string
		for i := range a.Documents {
			if d := &a.Documents[i]; d.Error != "" {
				rows = append(rows, []string{p.bold(clean(d.File)), clean(d.Error)})
			}
		}
		p.table([]column{{"FILE", 24}, {"WHY", 40}}, rows)
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
