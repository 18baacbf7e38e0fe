package report

import "io"

// Attached is the answer of `attach`: what others signed, verified and put beside an image.
type Attached struct {
	SchemaVersion string      `json:"schemaVersion"`
	Signatures    []Signature `json:"signatures"`
	Notes         []string    `json:"notes,omitempty"`
}

func attachedTable(w io.Writer, a *Attached, o Options) error {
	p := newPrinter(w, o)
	for _, s := range a.Signatures {
		p.linef("%s  %s", p.green("VERIFIED AND ATTACHED"), clean(s.Bundle))
		if s.PredicateType != "" {
			p.linef("  says: %s", clean(s.PredicateType))
		}
		p.linef("  attached to %s as %s", clean(s.Image), s.Attached)
		p.signedBy(s.Fact)
	}
	for _, n := range a.Notes {
		p.linef("%s", p.dim("note: "+clean(n)))
	}
	return p.done()
}
