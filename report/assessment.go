package report

import "github.com/cofferdam-io/cofferdam/provenance/slsa"

// assessed shows the SLSA levels with the reason of the last one, or all with explain.
func (p *printer) assessed(a *slsa.Assessment, explain bool) {
	p.linef("  SLSA Build level %d", a.Build.Level)
	p.reasons(a.Build.Reasons, explain)
	for _, n := range a.Notes {
		p.linef("    %s", p.yellow(clean(n)))
	}
	if !explain {
		return
	}
	p.linef("  SLSA Source level %d", a.Source.Level)
	p.reasons(a.Source.Reasons, true)
	if a.Source.Commit != "" {
		p.linef("    built from %s at %s; the certificate names the same commit: %s", clean(a.Source.Repository), clean(a.Source.Commit), a.Source.Confirmed)
	}
	d := &a.Dependencies
	p.linef("  inputs: %d of %d pinned by digest; none left out: %s", d.Pinned, d.Total, d.Complete)
	for _, name := range d.Unpinned {
		p.linef("    not pinned: %s", clean(name))
	}
	p.claim("hermetic", &a.Hermetic)
	p.claim("isolated", &a.Isolated)
	p.linef("  SBOM in the provenance: %s, %s", a.SBOM.Answer, clean(a.SBOM.Basis))
}

// reasons shows the last one, which is why it is no level more, or all.
func (p *printer) reasons(list []slsa.Reason, all bool) {
	for i, r := range list {
		if !all && i < len(list)-1 {
			continue
		}
		word := "reached"
		if !r.Holds {
			word = "not reached"
		}
		p.linef("    level %d %s: %s", r.Level, word, clean(r.Text))
	}
}

func (p *printer) claim(what string, c *slsa.Claim) {
	p.linef("  %s: %s", what, c.Answer)
	for _, b := range c.Basis {
		p.linef("    %s", clean(b))
	}
}
