package report

import (
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/vuln"
)

// VEXDocuments is the answer of `vex list`: the statements that were handed over to a
// server.
type VEXDocuments struct {
	SchemaVersion string        `json:"schemaVersion"`
	Items         []VEXDocument `json:"items"`
	Next          string        `json:"next,omitempty" doc:"The cursor of the next page; absent on the last"`
}

// VEXDocument is a document of statements that somebody handed over, for a time.
type VEXDocument struct {
	ID         string           `json:"id" doc:"By which it is withdrawn"`
	Document   string           `json:"document" doc:"The document's own identifier, or its digest"`
	Digest     string           `json:"digest" doc:"SHA-256 of its bytes"`
	Uploader   string           `json:"uploader" doc:"Who handed it over: trust goes by that, where nobody signed it"`
	Signer     string           `json:"signer,omitempty" doc:"Whose signature over it verified: trust goes by that"`
	Authors    []string         `json:"authors" doc:"That the document names: nobody has proved it, unless it is signed"`
	Trusted    bool             `json:"trusted" doc:"The signer's statements are applied, or the uploader's where nobody signed, to some products at least; those of others are shown"`
	Statements int              `json:"statements" doc:"Of one with very many products several"`
	First      []vuln.Statement `json:"first" doc:"The first of them"`
	From       time.Time        `json:"from"`
	Until      time.Time        `json:"until,omitzero" doc:"Absent while it counts"`
}

// VEXReceipt acknowledges a document of statements.
type VEXReceipt struct {
	VEXDocument
	File    string   `json:"file,omitempty" doc:"On the command line: where it was read from"`
	Changed bool     `json:"changed" doc:"It is new, or says something else than before"`
	Faults  []string `json:"faults,omitempty" doc:"Statements that could not be read, and why: they are not among it"`
}

// VEXPushed is the answer of `vex push`.
type VEXPushed struct {
	SchemaVersion string       `json:"schemaVersion"`
	Documents     []VEXReceipt `json:"documents"`
	Refused       []Refusal    `json:"refused,omitempty"`
}

// Refusal is a file that was not taken, and why.
type Refusal struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// refusals lists what was not taken.
func (p *printer) refusals(list []Refusal) {
	for _, r := range list {
		p.linef("%s  %s: %s", p.red("refused"), clean(r.File), clean(r.Reason))
	}
}

func vexPushedTable(w io.Writer, a *VEXPushed, o Options) error {
	p := newPrinter(w, o)
	for i := range a.Documents {
		d := &a.Documents[i]
		word := "taken"
		if !d.Changed {
			word = "there already"
		}
		p.linef("%s  %s: %s, %s, number %s", p.green(word), clean(d.File), clean(d.Document), plural(d.Statements, "statement"), clean(d.ID))
		if d.Signer != "" {
			p.linef("  signed by %s", clean(d.Signer))
		}
		if !d.Trusted {
			p.linef("  %s", p.yellow("shown and not applied: the server's vexUploaders do not name "+clean(d.Uploader)))
		}
		for _, f := range d.Faults {
			p.linef("  %s", p.yellow("left out: "+clean(f)))
		}
	}
	p.refusals(a.Refused)
	return p.done()
}

func vexDocumentsTable(w io.Writer, a *VEXDocuments, o Options) error {
	p := newPrinter(w, o)
	if len(a.Items) == 0 {
		p.linef("%s were handed over, of what is asked for; those that the server reads from files are not listed", p.bold("NO STATEMENTS"))
		return p.done()
	}
	rows := make([][]string, 0, len(a.Items))
	for i := range a.Items {
		d := &a.Items[i]
		trusted := p.green("applied")
		if !d.Trusted {
			trusted = p.yellow("shown only")
		}
		if d.Signer != "" {
			trusted += ", signed by " + clean(d.Signer)
		}
		var says []string
		for k := range d.First {
			if k == 2 {
				break
			}
			if s := &d.First[k]; len(s.Vulnerability) > 0 {
				says = append(says, clean(s.Vulnerability[0])+" "+string(s.Status))
			}
		}
		if n := d.Statements - len(says); n > 0 {
			says = append(says, "and "+strconv.Itoa(n)+" more")
		}
		until := ""
		if !d.Until.IsZero() {
			until = d.Until.UTC().Format(time.DateOnly)
		}
		rows = append(rows, []string{p.bold(clean(d.ID)), clean(d.Document), strings.Join(says, ", "), trusted, clean(d.Uploader), clean(strings.Join(d.Authors, ", ")), d.From.UTC().Format(time.DateOnly), until})
	}
	p.heading("STATEMENTS", len(rows), "")
	p.table([]column{{"NUMBER", 0}, {"DOCUMENT", 20}, {"SAYS", 24}, {"TRUST", 0}, {"HANDED OVER BY", 12}, {"NAMES AS AUTHOR", 12}, {"SINCE", 0}, {"UNTIL", 0}}, rows)
	return p.done()
}
