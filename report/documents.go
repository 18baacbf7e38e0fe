package report

import (
	"io"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Documents is the answer of `sbom show`.
type Documents struct {
	SchemaVersion string         `json:"schemaVersion"`
	Documents     []DocumentView `json:"documents"`
}

// DocumentView is one document as it is shown.
type DocumentView struct {
	File        string          `json:"file"`
	Digest      ident.Digest    `json:"digest"`
	Format      sbom.Format     `json:"format"`
	SpecVersion string          `json:"specVersion"`
	Encoding    sbom.Encoding   `json:"encoding"`
	Name        string          `json:"name,omitempty"`
	Serial      string          `json:"serial,omitempty"`
	Created     string          `json:"created,omitempty"`
	Tools       []string        `json:"tools"`
	Subject     SubjectView     `json:"subject"`
	Components  []ComponentView `json:"components"`
	Warnings    []WarningView   `json:"warnings"`
}

// SubjectView is the artifact that a document is about.
type SubjectView struct {
	Kind       string              `json:"kind,omitempty"`
	Name       string              `json:"name"`
	Version    string              `json:"version,omitempty"`
	PURL       string              `json:"purl,omitempty"`
	Digests    []ident.RoledDigest `json:"digests"`
	References []string            `json:"references"`
	OS         string              `json:"os,omitempty"`
}

// ComponentView is one component.
type ComponentView struct {
	Name     string   `json:"name"`
	Version  string   `json:"version,omitempty"`
	Type     string   `json:"type,omitempty"`
	PURL     string   `json:"purl,omitempty"`
	Licenses []string `json:"licenses"`
	Supplier string   `json:"supplier,omitempty"`
	Pointer  string   `json:"pointer,omitempty"`
}

// WarningView is a fault that was tolerated.
type WarningView struct {
	Pointer string `json:"pointer"`
	Message string `json:"message"`
}

// NewDocuments views documents.
func NewDocuments(docs []*sbom.Document) *Documents {
	out := &Documents{SchemaVersion: inventory.SchemaVersion, Documents: []DocumentView{}}
	for _, d := range docs {
		v := DocumentView{
			File: d.File, Digest: d.Digest, Format: d.Format, SpecVersion: d.SpecVersion, Encoding: d.Encoding, Name: d.Name, Serial: d.Serial,
			Tools: []string{}, Components: make([]ComponentView, 0, len(d.Components)), Warnings: []WarningView{},
			Subject: SubjectView{Kind: d.Subject.Kind, Name: d.Subject.Name, Version: d.Subject.Version, PURL: d.Subject.PURL,
				Digests: append([]ident.RoledDigest{}, d.Subject.Digests...), References: []string{}, OS: strings.TrimSpace(d.Subject.OS.ID + " " + d.Subject.OS.VersionID)},
		}
		if !d.Created.IsZero() {
			v.Created = d.Created.UTC().Format(time.RFC3339)
		}
		for _, t := range d.Tools {
			v.Tools = append(v.Tools, strings.TrimSpace(strings.TrimSpace(t.Vendor+" "+t.Name)+" "+t.Version))
		}
		for _, r := range d.Subject.References {
			v.Subject.References = append(v.Subject.References, r.String())
		}
		for _, c := range d.Components {
			cv := ComponentView{Name: c.Name, Version: c.Version, Type: c.Type, PURL: c.PURL, Licenses: []string{}, Supplier: c.Supplier, Pointer: c.Pointer}
			if c.Group != "" {
				cv.Name = c.Group + "/" + c.Name
			}
			for _, l := range c.Licenses {
				cv.Licenses = append(cv.Licenses, l.Expression)
			}
			v.Components = append(v.Components, cv)
		}
		for _, w := range d.Warnings {
			v.Warnings = append(v.Warnings, WarningView{w.Pointer, w.Message})
		}
		out.Documents = append(out.Documents, v)
	}
	return out
}

func documentsTable(w io.Writer, a *Documents, o Options) error {
	p := newPrinter(w, o)
	for i, d := range a.Documents {
		if i > 0 {
			p.blank()
		}
		p.linef("%s  %s", p.bold(clean(d.Subject.Name+" "+d.Subject.Version)), p.dim(clean(d.File)))
		p.linef("  %s %s (%s) by %s, %s", d.Format, clean(d.SpecVersion), d.Encoding, clean(strings.Join(d.Tools, ", ")), clean(d.Created))
		p.linef("  document  %s", d.Digest)
		for _, g := range d.Subject.Digests {
			p.linef("  %-9s %s", g.Role, g.Digest)
		}
		for _, r := range d.Subject.References {
			p.linef("  reference %s", clean(r))
		}
		p.heading("COMPONENTS", len(d.Components), "")
		rows := make([][]string, 0, len(d.Components))
		for _, c := range d.Components {
			rows = append(rows, []string{p.bold(clean(c.Name)), clean(c.Version), clean(c.PURL), clean(strings.Join(c.Licenses, ", "))})
		}
		p.table([]column{{"NAME", 20}, {"VERSION", 12}, {"PACKAGE URL", 24}, {"LICENCES", 16}}, rows)
		if len(d.Warnings) > 0 {
			p.heading("TOLERATED", len(d.Warnings), "faults of the document that were read past")
			rows := make([][]string, 0, len(d.Warnings))
			for _, x := range d.Warnings {
				rows = append(rows, []string{clean(x.Pointer), clean(x.Message)})
			}
			p.table([]column{{"AT", 20}, {"FAULT", 30}}, rows)
		}
	}
	p.blank()
	p.linef("%s", p.dim(plural(len(a.Documents), "document")))
	return p.done()
}
