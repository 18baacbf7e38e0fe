package report

import (
	"io"

	"github.com/cofferdam-io/cofferdam/fact"
	"github.com/cofferdam-io/cofferdam/ident"
)

// Signed is the answer of `sign` and `attest`.
type Signed struct {
	SchemaVersion string      `json:"schemaVersion"`
	Signatures    []Signature `json:"signatures"`
	// Warnings are about who else could sign the same: a token that lives long, an
	// identity that many have.
	Warnings []string `json:"warnings,omitempty"`
	// Unproven is what provenance from an environment says and cannot prove.
	Unproven []string `json:"unproven,omitempty"`
	Notes    []string `json:"notes,omitempty"`
}

// Signature is one thing that was signed.
type Signature struct {
	Artifact      string       `json:"artifact"` // as it was named
	Digest        ident.Digest `json:"digest"`   // what was signed, or is spoken of
	PredicateType string       `json:"predicateType,omitempty"`
	Bundle        string       `json:"bundle,omitempty"` // file
	Image         string       `json:"image,omitempty"`  // by its digest, where it was attached
	Attached      ident.Digest `json:"attached,omitzero"`
	// Fact is what the bundle proves, by the trusted root of the services that made it;
	// nil where none was given.
	Fact *fact.Fact `json:"fact,omitempty"`
}

func signedTable(w io.Writer, a *Signed, o Options) error {
	p := newPrinter(w, o)
	for _, s := range a.Signatures {
		word := p.green("SIGNED")
		if s.PredicateType != "" {
			word = p.green("ATTESTED")
		}
		p.linef("%s  %s", word, clean(s.Artifact))
		if s.PredicateType != "" {
			p.linef("  says: %s", clean(s.PredicateType))
		}
		p.linef("  digest: %s", s.Digest)
		if s.Bundle != "" {
			p.linef("  bundle: %s", clean(s.Bundle))
		}
		if s.Image != "" {
			p.linef("  attached to %s as %s", clean(s.Image), s.Attached)
		}
		if s.Fact != nil {
			p.signedBy(s.Fact)
		}
	}
	for _, x := range a.Warnings {
		p.linef("%s", p.yellow("warning: "+clean(x)))
	}
	for _, x := range a.Unproven {
		p.linef("%s", p.yellow("not proved: "+clean(x)))
	}
	for _, n := range a.Notes {
		p.linef("%s", p.dim("note: "+clean(n)))
	}
	return p.done()
}
