package report

import (
	"fmt"
	"io"
	"strings"
)

// LayoutVerification is the answer of `verify layout`: whether an artifact came about as
// an in-toto layout lays down.
type LayoutVerification struct {
	SchemaVersion string      `json:"schemaVersion"`
	Layout        string      `json:"layout"`
	At            string      `json:"at"` // RFC 3339
	Verdict       VerdictWord `json:"verdict"`
	Class         VerdictWord `json:"class,omitempty"` // of what failed: refused or indeterminate
	// Reason is a word that programs can read: layout-signature, layout-expired, threshold,
	// links-differ, artifact-rule, artifact-mismatch, malformed, inspections.
	Reason  string `json:"reason,omitempty"`
	Step    string `json:"step,omitempty"` // that is not kept
	Message string `json:"message,omitempty"`
	Hint    string `json:"hint,omitempty"`

	Expires string       `json:"expires,omitempty"` // RFC 3339
	Steps   []LayoutStep `json:"steps"`
	// Inspections are commands that the layout asks to be run. None was.
	Inspections []string `json:"inspections"`
	Artifacts   []string `json:"artifacts"` // that are to have come about so
	Notes       []string `json:"notes,omitempty"`
}

// LayoutStep is a step that was carried out as laid down.
type LayoutStep struct {
	Name      string   `json:"name"`
	Threshold int      `json:"threshold"`
	Keys      []string `json:"keys"` // of those who carried it out: SHA-256 of SubjectPublicKeyInfo
	// Signers says of each key what more is known: a GPG key's fingerprint, a certificate's
	// name and authority; "" is nothing.
	Signers   []string `json:"signers,omitempty"`
	Layout    bool     `json:"layout,omitempty"`
	Materials int      `json:"materials"`
	Products  int      `json:"products"`
}

// Inspections is the reason of a layout whose inspections nobody ran.
const Inspections = "inspections"

func layoutVerificationTable(w io.Writer, a *LayoutVerification, o Options) error {
	p := newPrinter(w, o)
	name := clean(a.Layout)
	switch a.Verdict {
	case Verified:
		p.linef("%s  %s", p.green("VERIFIED"), name)
	case Refused:
		p.linef("%s  %s: %s", p.red("REFUSED"), name, clean(a.Message))
	default:
		p.linef("%s  %s: %s", p.yellow("COULD NOT CHECK"), name, clean(a.Message))
	}
	if a.Hint != "" {
		p.linef("  hint: %s", clean(a.Hint))
	}
	if a.Reason != "" {
		p.linef("  reason: %s", clean(a.Reason))
	}
	if a.Expires != "" {
		p.linef("  holds until %s", clean(a.Expires))
	}
	for _, f := range a.Artifacts {
		p.linef("  artifact: %s", clean(f))
	}
	if len(a.Steps) > 0 {
		p.heading("STEPS", len(a.Steps), "")
		rows := make([][]string, 0, len(a.Steps))
		for _, s := range a.Steps {
			how := "link"
			if s.Layout {
				how = "layout"
			}
			var keys []string
			for _, k := range s.Keys {
				keys = append(keys, short(k))
			}
			rows = append(rows, []string{p.bold(clean(s.Name)), fmt.Sprintf("%d of %d", len(s.Keys), s.Threshold), strings.Join(keys, ", "), how, fmt.Sprint(s.Materials), fmt.Sprint(s.Products)})
		}
		p.table([]column{{"STEP", 12}, {"CARRIED OUT BY", 0}, {"KEYS", 20}, {"TOLD BY", 0}, {"WENT IN", 0}, {"CAME OUT", 0}}, rows)
		for _, s := range a.Steps {
			for _, who := range s.Signers {
				if who != "" {
					p.linef("%s: %s", clean(s.Name), clean(who))
				}
			}
		}
	}
	for _, i := range a.Inspections {
		p.linef("%s %s", p.yellow("not run:"), clean(i))
	}
	for _, n := range a.Notes {
		p.linef("%s", p.dim("note: "+clean(n)))
	}
	return p.done()
}

func layoutVerificationJUnit(w io.Writer, a *LayoutVerification, _ Options) error {
	s := junitSuite{Name: "verify layout " + clean(a.Layout)}
	c := junitCase{Name: clean(a.Layout)}
	switch a.Verdict {
	case Refused:
		c.Failure = &junitFailure{Message: clean(a.Message), Type: a.Reason}
	case Indeterminate:
		c.Error = &junitFailure{Message: clean(a.Message), Type: a.Reason}
	}
	s.add(c)
	return junitSuites{Suites: []junitSuite{s}}.write(w)
}
