package report

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/provenance/record"
)

// BuildRecord is the answer of `verify record`: what transparency logs hold of an image.
type BuildRecord struct {
	SchemaVersion string           `json:"schemaVersion"`
	Image         string           `json:"image"` // as it was asked for
	At            string           `json:"at"`    // when it was read, RFC 3339
	Records       []*record.Record `json:"records"`
	// Unchecked are questions that the registry did not answer: the record may be longer.
	Unchecked []string `json:"unchecked"`
	Notes     []string `json:"notes,omitempty"`
}

func buildRecordTable(w io.Writer, a *BuildRecord, o Options) error {
	p := newPrinter(w, o)
	for _, r := range a.Records {
		word := p.green("RECORD")
		switch {
		case len(r.Conflicts) > 0:
			word = p.red("RECORD THAT CONTRADICTS ITSELF")
		case len(r.Entries) == 0:
			word = p.yellow("NO RECORD")
		}
		p.linef("%s  %s: %s of %s", word, clean(a.Image), plural(len(r.Entries), "log entry"), r.Artifact)
		for _, c := range r.Conflicts {
			p.linef("  %s", p.red("conflict: "+clean(c)))
		}
		for i := range r.Builds {
			p.build(&r.Builds[i])
		}
		for i := range r.Entries {
			p.logged(&r.Entries[i])
		}
		if r.Missing > 0 {
			p.linef("  %s", p.yellow(plural(r.Missing, "more statement")+" verified, and no log holds it: not part of the record"))
		}
	}
	for _, u := range a.Unchecked {
		p.linef("%s", p.yellow("not checked: "+clean(u)))
	}
	for _, n := range a.Notes {
		p.linef("%s", p.dim("note: "+clean(n)))
	}
	return p.done()
}

func (p *printer) build(b *record.Build) {
	p.blank()
	p.linef("built by %s (%s)", clean(b.Builder), clean(b.Type))
	if b.Invocation != "" {
		p.linef("  run: %s", clean(b.Invocation))
	}
	if !b.Started.IsZero() || !b.Finished.IsZero() {
		p.linef("  from %s to %s", stamp(b.Started), stamp(b.Finished))
	}
	for i, in := range b.Inputs {
		if i == mostRows && !p.o.All {
			p.linef("  %s; --all shows them", plural(len(b.Inputs)-i, "more input"))
			break
		}
		p.linef("  of %s %s", clean(in.Name), clean(in.Digest))
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "a time that is not said"
	}
	return t.UTC().Format(time.RFC3339)
}

func (p *printer) logged(e *record.Entry) {
	p.blank()
	p.linef("%s  %s", stamp(e.At), clean(e.What))
	who := "  by " + clean(e.Signer)
	if e.Issuer != "" {
		who += ", for whom " + clean(e.Issuer) + " vouched"
	}
	p.linef("%s", who)
	if r := e.Run; r != nil {
		var parts []string
		for _, x := range []struct{ what, value string }{{"repository", r.Repository}, {"commit", r.Commit}, {"ref", r.Ref}, {"workflow", r.Workflow}, {"run", r.Invocation}, {"trigger", r.Trigger}, {"runner", r.Environment}} {
			if x.value != "" {
				parts = append(parts, x.what+" "+clean(x.value))
			}
		}
		p.linef("  certified: %s", strings.Join(parts, ", "))
	}
	for _, l := range e.Logs {
		p.linef("  log: entry %d (%s)%s", l.Index, clean(l.Kind), from(l.Log))
	}
}

// Conflicting reports whether something that was logged contradicts itself.
func (a *BuildRecord) Conflicting() bool {
	return slices.ContainsFunc(a.Records, func(r *record.Record) bool { return len(r.Conflicts) > 0 })
}
