package spdx

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonwrite"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/note"
)

// EncodeOptions say how a document is written. The zero value names no tool.
type EncodeOptions struct {
	// Tool is added to the document's tools unless it is among them already, and
	// signs annotations.
	Tool sbom.Tool
	// At is the time of creation where the document has none: SPDX cannot be
	// without (section 6.9). It is 1970 if it is zero.
	At time.Time
}

const (
	// kept is where the encoder keeps what SPDX has no words for.
	kept = "annotation"
	// unnamed stands for a name that is not known: section 7.1 wants one.
	unnamed = "unnamed"
	// subjectStem begins the identifier of a subject that has none of its own; the
	// decoder knows by its first part that the package is the subject alone.
	subjectStem = syftRoot + "Subject"
)

// encoder writes one document.
type encoder struct {
	ctx     context.Context
	w       *jsonwrite.Writer
	d       *sbom.Document
	o       EncodeOptions
	plan    plan
	created string
	texts   []sbom.LicenseText // of LicenseRefs, in the order of their use
	written map[string]bool    // LicenseRefs among texts
	known   map[string]sbom.LicenseText
	note.Ledger
}

// Encode writes a document as SPDX 2.3 JSON, in the order of its components, a
// package at a time: the same document gives the same bytes, valid by the
// standard. What SPDX has no words for is kept in annotations under our own
// namespace (package note) and listed; what could not be kept is listed with an
// empty Kept. An annotation says by digest which document it was made from.
//
// Errors are those of w and the context's.
func Encode(ctx context.Context, w io.Writer, d *sbom.Document, o EncodeOptions) ([]sbom.Loss, error) {
	d = d.WithTool(o.Tool)
	e := &encoder{ctx: ctx, d: d, o: o, plan: planOf(d), known: map[string]sbom.LicenseText{}, Ledger: note.Ledger{In: kept}}
	for _, t := range d.LicenseTexts {
		if _, twice := e.known[t.ID]; !twice {
			e.known[t.ID] = t
		}
	}
	at := d.Created
	if at.IsZero() {
		if at = o.At; at.IsZero() {
			at = time.Unix(0, 0)
		}
	}
	e.created = at.UTC().Format(time.RFC3339)
	seed, err := note.Seed(d, func(w io.Writer) error { return e.write(w, "urn:uuid:") })
	if err != nil {
		return nil, err
	}
	e.Losses = sbom.Losses{}
	id := ident.UUIDOf("spdx", "2.3", o.Tool.Vendor, o.Tool.Name, o.Tool.Version, e.created, seed)
	err = e.write(w, "urn:uuid:"+id)
	return e.Losses.List(), err
}

func (e *encoder) write(out io.Writer, namespace string) error {
	e.w, e.texts, e.written = jsonwrite.New(out), nil, map[string]bool{}
	w, d := e.w, e.d
	w.Object()
	w.Member("spdxVersion", "SPDX-2.3")
	w.Member("dataLicense", "CC0-1.0")
	w.Member("SPDXID", usualDocID)
	w.Member("name", first(d.Name, d.Subject.Name, unnamed))
	w.Member("documentNamespace", namespace)
	notes := e.creation()
	notes = e.about(notes)
	e.annotate(append(notes, note.Provenance(d)...))
	w.Name("packages")
	w.Array()
	if e.plan.mode == apart {
		e.subject()
	}
	for i := range d.Components {
		if i%1024 == 0 {
			if err := e.alive(); err != nil {
				return err
			}
		}
		e.pkg(&d.Components[i], e.plan.ids[i])
	}
	w.EndArray()
	if err := e.relationships(); err != nil {
		return err
	}
	e.extractedTexts()
	w.EndObject()
	return w.Flush()
}

func (e *encoder) alive() error {
	if err := e.ctx.Err(); err != nil {
		return err
	}
	return e.w.Err()
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// creators are the creators as section 6.8 writes them.
func creators(tools []sbom.Tool, authors []string) []string {
	var out []string
	for _, a := range authors {
		switch {
		case a == "":
			continue
		case !strings.HasPrefix(a, "Person:") && !strings.HasPrefix(a, "Organization:"):
			a = "Person: " + a
		}
		out = append(out, a)
	}
	for _, t := range tools {
		if text := toolText(t); text != "" {
			out = append(out, "Tool: "+text)
		}
	}
	if len(out) == 0 {
		out = []string{"Tool: " + noAssertion}
	}
	return out
}

func toolText(t sbom.Tool) string {
	switch {
	case t.Name == "":
		return t.Vendor
	case t.Version == "":
		return t.Name
	}
	return t.Name + "-" + t.Version
}

// readCreators is what a reader without our notes finds in creators.
func readCreators(texts []string) (tools []sbom.Tool, authors []string) {
	b := builder{doc: &sbom.Document{}}
	for _, c := range texts {
		b.creator(c)
	}
	return b.doc.Tools, b.doc.Authors
}

func (e *encoder) creation() []note.Note {
	w, d := e.w, e.d
	w.Name("creationInfo")
	w.Object()
	w.Member("created", e.created)
	texts := creators(d.Tools, d.Authors)
	w.Name("creators")
	w.Array()
	for _, c := range texts {
		w.String(c)
	}
	w.EndArray()
	w.EndObject()

	var notes []note.Note
	if exact := d.Created.Format(time.RFC3339Nano); exact != e.created {
		if d.Created.IsZero() {
			exact = ""
		}
		notes = append(notes, note.Note{Name: note.Created, Value: exact})
		e.Losses.Add("", "that the time of creation is not known, or not in whole seconds of UTC", kept)
	}
	tools, authors := readCreators(texts)
	if !slices.Equal(tools, d.Tools) {
		e.Losses.AddN("", "a tool with its vendor, or none", kept, max(1, len(d.Tools)))
		for _, t := range d.Tools {
			notes = append(notes, note.Note{Name: note.Tool, Value: note.Join(t.Vendor, t.Name, t.Version)})
		}
		if len(d.Tools) == 0 {
			notes = append(notes, note.Note{Name: note.Tool})
		}
	}
	if !slices.Equal(authors, d.Authors) {
		e.Losses.AddN("", "that it is not said whether an author is a person or an organisation", kept, len(d.Authors))
		for _, a := range d.Authors {
			notes = append(notes, note.Note{Name: note.Author, Value: a})
		}
	}
	for _, l := range d.Lifecycle {
		notes = append(notes, note.Note{Name: note.Lifecycle, Value: l})
		e.Losses.Add("", "the phase of the lifecycle", kept)
	}
	return notes
}

// about notes what is said of the document and its subject and that the decoder
// would not find by itself.
func (e *encoder) about(notes []note.Note) []note.Note {
	d, s := e.d, &e.d.Subject
	add := func(name, value string) { notes = append(notes, note.Note{Name: name, Value: value}) }
	if d.Name == "" {
		add(note.DocumentName, "")
	}
	if e.plan.mode == byDocument && s.Name != d.Name {
		add(note.SubjectName, s.Name)
	}
	if s.ID != e.plan.subject {
		add(note.SubjectID, s.ID)
	}
	if s.Kind != e.plan.kind {
		add(note.SubjectKind, s.Kind)
		e.Losses.Add("", "the kind of the subject", kept)
	}
	if n := len(s.Digests) + len(s.References); n > 0 {
		notes = append(notes, note.Identities(s)...)
		e.Losses.AddN("", "digests with their roles and references of the subject", kept, n)
	}
	if distribution(d.Components) != s.OS {
		add(note.OS, note.Join(s.OS.ID, s.OS.VersionID))
		e.Losses.Add("", "the distribution of the subject", kept)
	}
	for _, t := range d.LicenseTexts {
		if !validRef(t.ID) {
			add(note.LicenseText, note.Join(t.ID, t.Name, t.Text))
			e.Losses.Add("", "the text of a licence without a LicenseRef", kept)
		}
	}
	return notes
}

// annotate writes notes as one annotation, a line each (section 12).
func (e *encoder) annotate(notes []note.Note) {
	if len(notes) == 0 {
		return
	}
	var b strings.Builder
	for i, n := range notes {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(n.Line())
	}
	w := e.w
	w.Name("annotations")
	w.Array()
	w.Object()
	w.Member("annotationDate", e.created)
	w.Member("annotationType", "OTHER")
	w.Member("annotator", "Tool: "+first(toolText(e.o.Tool), "cofferdam"))
	w.Member("comment", b.String())
	w.EndObject()
	w.EndArray()
}
