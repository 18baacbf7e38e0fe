package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/trace"
)

// ComponentWays is the answer of `sbom why`.
type ComponentWays struct {
	SchemaVersion string         `json:"schemaVersion"`
	File          string         `json:"file"`
	Document      ident.Digest   `json:"document"`
	Subject       string         `json:"subject"`
	Query         string         `json:"query"`
	Components    []ComponentWay `json:"components"`
	Incomplete    bool           `json:"incomplete"` // the document says so of itself
}

// ComponentWay is one component that was asked for, and the ways to it.
type ComponentWay struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	PURL    string `json:"purl,omitempty"`
	Pointer string `json:"pointer,omitempty"`
	// Recorded is true where the document says how the subject comes by it;
	// ListedOnly where all it says is that the subject contains it.
	Recorded   bool        `json:"recorded"`
	ListedOnly bool        `json:"listedOnly"`
	Count      int         `json:"count"` // of shortest ways
	Paths      [][]WayStep `json:"paths"`
}

// WayStep is one component on a way, and how what stands before it comes by it.
type WayStep struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	PURL    string `json:"purl,omitempty"`
	By      string `json:"by"` // "depends on", "contains", "provides"; "" where a way begins without the subject
}

// NewComponentWays views ways.
func NewComponentWays(d *sbom.Document, query string, ways []trace.Ways) *ComponentWays {
	a := &ComponentWays{SchemaVersion: inventory.SchemaVersion, File: d.File, Document: d.Digest, Query: query, Components: []ComponentWay{}, Incomplete: d.Incomplete,
		Subject: strings.TrimSpace(d.Subject.Name + " " + d.Subject.Version)}
	for _, w := range ways {
		c := &d.Components[w.Component]
		v := ComponentWay{Name: fullName(c), Version: c.Version, PURL: c.PURL, Pointer: c.Pointer, Recorded: w.Recorded, Count: w.Count, Paths: [][]WayStep{}}
		v.ListedOnly = w.Recorded
		for _, p := range w.Paths {
			var steps []WayStep
			for _, s := range p {
				c := &d.Components[s.Component]
				step := WayStep{Name: fullName(c), Version: c.Version, PURL: c.PURL}
				if !s.Begin {
					step.By = [...]string{sbom.DependsOn: "depends on", sbom.Contains: "contains", sbom.Provides: "provides"}[s.Kind]
				}
				steps = append(steps, step)
			}
			v.ListedOnly = v.ListedOnly && len(p) == 1 && p[0].Kind == sbom.Contains
			v.Paths = append(v.Paths, steps)
		}
		a.Components = append(a.Components, v)
	}
	return a
}

func fullName(c *sbom.Component) string {
	if c.Group != "" {
		return c.Group + "/" + c.Name
	}
	return c.Name
}

func waysText(w io.Writer, a *ComponentWays, o Options) error {
	p := newPrinter(w, o)
	subject := clean(a.Subject)
	if subject == "" {
		subject = "the subject"
	}
	for i, c := range a.Components {
		if i > 0 {
			p.blank()
		}
		p.linef("%s  %s", p.bold(clean(c.Name+" "+c.Version)), p.dim(clean(c.PURL)))
		switch {
		case c.ListedOnly:
			p.linef("  %s: the document lists it in %s, and records of nothing that it needs or contains it", p.yellow("NO WAY IS RECORDED"), subject)
			continue
		case !c.Recorded && len(c.Paths) > 0 && len(c.Paths[0]) == 1:
			p.linef("  %s: the document records of nothing that it needs or contains it", p.yellow("NO WAY IS RECORDED"))
			continue
		case !c.Recorded:
			p.linef("  %s: the document does not say how %s comes by these", p.yellow("NOT FROM THE SUBJECT"), subject)
		}
		for n, path := range c.Paths {
			if n > 0 {
				p.linef("  or")
			}
			indent := "  "
			if path[0].By != "" {
				p.linef("%s%s", indent, subject)
			}
			for _, s := range path {
				line := clean(strings.TrimSpace(s.Name + " " + s.Version))
				if s.By != "" {
					indent += "  "
					line = p.dim(s.By) + " " + line
				}
				p.linef("%s%s", indent, line)
			}
		}
		if more := c.Count - len(c.Paths); more > 0 {
			p.linef("  %s", p.dim(fmt.Sprintf("… and %s of that length (--all)", plural(more, "more way"))))
		}
	}
	p.blank()
	line := plural(len(a.Components), "component") + " of " + clean(a.File)
	if a.Incomplete {
		line += "; the document calls itself incomplete"
	}
	p.linef("%s", p.dim(line))
	return p.done()
}
