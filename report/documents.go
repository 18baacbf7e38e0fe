package report

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
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

// NewDocuments views no document yet.
func NewDocuments() *Documents {
	return &Documents{SchemaVersion: inventory.SchemaVersion, Documents: []DocumentView{}}
}

// Add views a document, which is not needed afterwards: of a long one, less than half
// is shown.
func (a *Documents) Add(d *sbom.Document) {
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
	licences := 0
	for i := range d.Components {
		licences += len(d.Components[i].Licenses)
	}
	texts := make([]string, 0, licences)
	for i := range d.Components {
		c := &d.Components[i]
		from := len(texts)
		for _, l := range c.Licenses {
			texts = append(texts, l.Expression)
		}
		cv := ComponentView{Name: c.Name, Version: c.Version, Type: c.Type, PURL: c.PURL, Licenses: texts[from:len(texts):len(texts)], Supplier: c.Supplier, Pointer: c.Pointer}
		if c.Group != "" {
			cv.Name = c.Group + "/" + c.Name
		}
		v.Components = append(v.Components, cv)
	}
	for _, w := range d.Warnings {
		v.Warnings = append(v.Warnings, WarningView{w.Pointer, w.Message})
	}
	a.Documents = append(a.Documents, v)
}

// documentsJSON writes what JSON writes, component by component: the text of a document of
// hundreds of megabytes is never held whole.
func documentsJSON(w io.Writer, a *Documents, _ Options) error {
	out := bufio.NewWriterSize(w, 64<<10)
	put := func(texts ...string) (err error) {
		for _, t := range texts {
			_, err = out.WriteString(t) // an error stays, and Flush has it too
		}
		return err
	}
	var text bytes.Buffer
	encoder := func(prefix string) func(v any) (string, error) {
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		e.SetIndent(prefix, "  ")
		return func(v any) (string, error) {
			text.Reset()
			err := e.Encode(v)
			return strings.TrimSuffix(text.String(), "\n"), err
		}
	}
	document, component := encoder("    "), encoder("        ")
	version, err := document(a.SchemaVersion)
	if err != nil {
		return err
	}
	_ = put("{\n  \"schemaVersion\": ", version, ",\n  \"documents\": [")
	for i, d := range a.Documents {
		components := d.Components
		d.Components = []ComponentView{}
		whole, err := document(d)
		if err != nil {
			return err
		}
		// A line break stands in no text of JSON, so that only the member itself is found.
		const member = "\n      \"components\": ["
		before, after, _ := strings.Cut(whole, member)
		_ = put(comma(i), "\n    ", before, member)
		for k := range components {
			c, err := component(&components[k])
			if err == nil {
				err = put(comma(k), "\n        ", c)
			}
			if err != nil {
				return err
			}
		}
		if len(components) > 0 {
			_ = put("\n      ")
		}
		_ = put(after)
	}
	if len(a.Documents) > 0 {
		_ = put("\n  ")
	}
	_ = put("]\n}\n")
	return out.Flush()
}

// comma stands before the item i of a list.
func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

func documentsTable(w io.Writer, a *Documents, o Options) error {
	p := newPrinter(w, o)
	for i, d := range a.Documents {
		if i > 0 {
			p.blank()
		}
		p.linef("%s  %s", p.bold(clean(d.Subject.Name+" "+d.Subject.Version)), p.dim(clean(d.File)))
		made := cmp.Or(clean(strings.Join(d.Tools, ", ")), "a tool that it does not name")
		p.linef("  %s %s (%s) by %s, %s", d.Format, clean(d.SpecVersion), d.Encoding, made, cmp.Or(clean(d.Created), "at a time that it does not say"))
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
