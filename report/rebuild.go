package report

import (
	"fmt"
	"io"

	"github.com/cofferdam-io/cofferdam/provenance/rebuild"
)

// Rebuild is the answer of `verify rebuild`: whether two builds are the same, and what
// differs.
type Rebuild struct {
	SchemaVersion string `json:"schemaVersion"`
	A             Built  `json:"a"`
	B             Built  `json:"b"`
	rebuild.Result
	// ManifestOnly is true where configuration and layers are the same and the manifest or
	// index around them is not: annotations, media types, order.
	ManifestOnly bool `json:"manifestOnly,omitempty"`
}

// Built is one of the two builds.
type Built struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
}

func rebuildTable(w io.Writer, a *Rebuild, o Options) error {
	p := newPrinter(w, o)
	switch {
	case a.Verdict == rebuild.Identical:
		p.linef("%s  %s and %s are the same, bit for bit", p.green("IDENTICAL"), clean(a.A.Name), clean(a.B.Name))
	case a.Verdict == rebuild.Unknown:
		p.linef("%s  whether %s and %s are the same", p.yellow("UNKNOWN"), clean(a.A.Name), clean(a.B.Name))
	case a.ManifestOnly:
		p.linef("%s  configuration and layers are the same; the manifest is not", p.yellow("DIFFERS"))
	case a.SameContent:
		p.linef("%s  every file is the same; how they were packed is not", p.yellow("DIFFERS"))
	default:
		p.linef("%s  what %s and %s hold is not the same", p.red("DIFFERS"), clean(a.A.Name), clean(a.B.Name))
	}
	p.linef("  A: %s", a.A.Digest)
	p.linef("  B: %s", a.B.Digest)
	for i := range a.Parts {
		x := &a.Parts[i]
		if x.Verdict == rebuild.Identical {
			continue
		}
		p.blank()
		what := string(x.Verdict)
		if x.Kind != "" {
			what += " in " + x.Kind
		}
		p.linef("%s: %s (%s, %s)", clean(x.Name), p.yellow(what), either(short(x.A)), either(short(x.B)))
		if x.Message != "" {
			p.linef("  what differs is not known: %s", clean(x.Message))
		}
		for _, d := range x.Differences {
			line := "  "
			if d.Path != "" {
				line += clean(d.Path) + ": "
			}
			line += clean(d.What)
			if d.A != "" || d.B != "" {
				line += fmt.Sprintf(": %s, and %s", either(clean(d.A)), either(clean(d.B)))
			}
			p.linef("%s", line)
		}
		if x.More > 0 {
			p.linef("  … and %d more", x.More)
		}
	}
	return p.done()
}

func either(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

func rebuildJUnit(w io.Writer, a *Rebuild, _ Options) error {
	s := junitSuite{Name: "verify rebuild " + clean(a.A.Name) + " " + clean(a.B.Name)}
	if a.ManifestOnly {
		s.add(junitCase{Name: "manifest", Failure: &junitFailure{Message: "the manifests differ", Type: string(rebuild.Differs)}})
	}
	for i := range a.Parts {
		x := &a.Parts[i]
		c := junitCase{Name: clean(x.Name)}
		switch x.Verdict {
		case rebuild.Differs:
			c.Failure = &junitFailure{Message: "differs in " + either(x.Kind), Type: string(x.Verdict)}
		case rebuild.Unknown:
			c.Error = &junitFailure{Message: clean(x.Message), Type: string(x.Verdict)}
		}
		s.add(c)
	}
	return junitSuites{Suites: []junitSuite{s}}.write(w)
}
