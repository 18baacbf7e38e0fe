package cyclonedx

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonwrite"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/note"
)

// Version is a version of CycloneDX that is written.
type Version string

// The versions that are written.
const (
	V16 Version = "1.6"
	V17 Version = "1.7"
)

// EncodeOptions say how a document is written. The zero value writes 1.7 and
// names no tool.
type EncodeOptions struct {
	Version Version
	// Tool is added to the document's tools unless it is among them already.
	Tool sbom.Tool
}

// kept is where the encoder keeps what CycloneDX has no words for.
const kept = "property"

// encoder writes one document.
type encoder struct {
	ctx     context.Context
	w       *jsonwrite.Writer
	d       *sbom.Document
	version Version
	refs    []string // bom-ref by component
	subject string   // bom-ref of the subject; "" if there is none
	plan    nesting
	note.Ledger
}

// Encode writes a document as CycloneDX JSON, in the order of its components, a
// component at a time: the same document gives the same bytes, and they are valid
// by the official schema. What CycloneDX has no words for is kept in properties
// of our own namespace (package note) and listed; what could not be kept is listed
// with an empty Kept. The document says by digest which one it was made from.
//
// Errors are those of w, the context's, and one of kind usage for another version.
func Encode(ctx context.Context, w io.Writer, d *sbom.Document, o EncodeOptions) ([]sbom.Loss, error) {
	if o.Version == "" {
		o.Version = V17
	}
	if o.Version != V16 && o.Version != V17 {
		return nil, ident.Errorf(ident.KindUsage, "CycloneDX is written as 1.7 or 1.6, not %s", o.Version)
	}
	d = d.WithTool(o.Tool)
	e := &encoder{ctx: ctx, d: d, version: o.Version, Ledger: note.Ledger{In: kept}}
	e.assignRefs()
	e.nest()
	seed, err := note.Seed(d, func(w io.Writer) error { return e.write(w, "") })
	if err != nil {
		return nil, err
	}
	e.Losses = sbom.Losses{}
	err = e.write(w, ident.UUIDOf("cyclonedx", string(o.Version), o.Tool.Vendor, o.Tool.Name, o.Tool.Version, seed))
	return e.Losses.List(), err
}

func (e *encoder) write(out io.Writer, id string) error {
	e.w = jsonwrite.New(out)
	w := e.w
	w.Object()
	w.Member("$schema", "http://cyclonedx.org/schema/bom-"+string(e.version)+".schema.json")
	w.Member("bomFormat", "CycloneDX")
	w.Member("specVersion", string(e.version))
	w.Some("serialNumber", prefixed("urn:uuid:", id))
	w.Name("version")
	w.Int(1)
	e.metadata()
	if len(e.d.Components) > 0 {
		w.Name("components")
		w.Array()
		for i := range e.d.Components {
			if e.plan.parent[i] == noParent {
				if err := e.component(int32(i)); err != nil { //nolint:gosec // decoders bound components far below
					return err
				}
			}
		}
		w.EndArray()
	}
	e.source()
	if err := e.dependencies(); err != nil {
		return err
	}
	if e.d.Incomplete {
		w.Name("compositions")
		w.Array()
		w.Object()
		w.Member("aggregate", "incomplete")
		if e.subject != "" {
			w.Name("assemblies")
			w.Array()
			w.String(e.subject)
			w.EndArray()
		}
		w.EndObject()
		w.EndArray()
	}
	w.EndObject()
	return w.Flush()
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// assignRefs gives every component a bom-ref of its own: the identifier it has,
// if no earlier one has it, or a made one. Without any, two components that say
// the same would be one item twice, which the schema forbids.
func (e *encoder) assignRefs() {
	e.refs = make([]string, len(e.d.Components))
	taken := make(map[string]bool, len(e.refs)+1)
	for i := range e.d.Components {
		if id := e.d.Components[i].ID; id != "" && !taken[id] {
			taken[id] = true
			e.refs[i] = id
		}
	}
	made := 0
	fresh := func(stem string) string {
		for {
			id := stem
			if made > 0 {
				id = fmt.Sprintf("%s-%d", stem, made)
			}
			made++
			if !taken[id] {
				taken[id] = true
				return id
			}
		}
	}
	if hasSubject(e.d) {
		if e.subject = e.d.Subject.ID; e.subject == "" || taken[e.subject] {
			e.subject = fresh("subject")
		}
		taken[e.subject] = true
	}
	made = max(made, 1)
	for i, ref := range e.refs {
		if ref == "" {
			e.refs[i] = fresh("component")
		}
	}
}

// hasSubject reports whether a document says what it is about, be it only by an
// edge.
func hasSubject(d *sbom.Document) bool {
	s := &d.Subject
	if s.Kind != "" || s.Name != "" || s.Version != "" || s.PURL != "" || s.ID != "" || s.Component != nil || len(s.Digests)+len(s.References) > 0 {
		return true
	}
	for _, x := range d.Dependencies {
		if x.From == sbom.SubjectIndex || x.To == sbom.SubjectIndex {
			return true
		}
	}
	return false
}

func (e *encoder) ref(i int32) string {
	if i == sbom.SubjectIndex {
		return e.subject
	}
	return e.refs[i]
}

func (e *encoder) metadata() {
	w, d := e.w, e.d
	w.Name("metadata")
	w.Object()
	if !d.Created.IsZero() {
		w.Member("timestamp", d.Created.Format(time.RFC3339Nano))
	}
	var notes []note.Note
	notes = e.lifecycles(notes)
	notes = e.tools(notes)
	notes = e.authors(notes)
	if e.subject != "" {
		e.subjectComponent()
	}
	if d.Name != "" {
		notes = append(notes, note.Note{Name: note.DocumentName, Value: d.Name})
		e.Losses.Add("", "the name of the document", kept)
	}
	notes = e.about(notes)
	for _, t := range d.LicenseTexts {
		notes = append(notes, note.Note{Name: note.LicenseText, Value: note.Join(t.ID, t.Name, t.Text)})
		e.Losses.Add("", "the text of a LicenseRef", kept)
	}
	notes = append(notes, note.Provenance(d)...)
	e.properties(notes)
	w.EndObject()
}

// about notes what is said of the subject and its kind does not let a reader find.
func (e *encoder) about(notes []note.Note) []note.Note {
	s := &e.d.Subject
	if e.subject != "" && e.subject != s.ID {
		notes = append(notes, note.Note{Name: note.SubjectID, Value: s.ID})
	}
	if e.subject != "" && subjectType(s.Kind) != s.Kind {
		notes = append(notes, note.Note{Name: note.SubjectKind, Value: s.Kind})
		e.Losses.Add("", "the kind of the subject", kept)
	}
	if len(s.Digests)+len(s.References) > 0 {
		notes = append(notes, note.Identities(s)...)
		e.Losses.AddN("", "digests with their roles and references of the subject", kept, len(s.Digests)+len(s.References))
	}
	if distribution(e.d.Components) != s.OS {
		notes = append(notes, note.Note{Name: note.OS, Value: note.Join(s.OS.ID, s.OS.VersionID)})
		e.Losses.Add("", "the distribution of the subject", kept)
	}
	if e.plan.all {
		notes = append(notes, note.Note{Name: note.Contains, Value: note.EveryComponent})
	}
	return notes
}

func (e *encoder) lifecycles(notes []note.Note) []note.Note {
	var known []string
	for _, p := range e.d.Lifecycle {
		if p != "" {
			known = append(known, p)
		}
	}
	if len(known) == 0 {
		return notes
	}
	w := e.w
	w.Name("lifecycles")
	w.Array()
	for _, p := range known {
		w.Object()
		if slices.Contains(phases, p) {
			w.Member("phase", p)
		} else {
			w.Member("name", p)
		}
		w.EndObject()
	}
	w.EndArray()
	return notes
}

// phases of a lifecycle (definition "lifecycles" of 1.6 and 1.7).
var phases = []string{"design", "pre-build", "build", "post-build", "operations", "discovery", "decommission"}

// nativeTools are the tools that can be written: with a name, and each once.
func nativeTools(all []sbom.Tool) []sbom.Tool {
	var out []sbom.Tool
	for _, t := range all {
		if t.Name != "" && len(t.Version) <= maxVersion && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

func (e *encoder) tools(notes []note.Note) []note.Note {
	w, native := e.w, nativeTools(e.d.Tools)
	if len(native) > 0 {
		w.Name("tools")
		w.Object()
		w.Name("components")
		w.Array()
		for _, t := range native {
			w.Object()
			w.Member("type", "application")
			w.Some("group", t.Vendor)
			w.Member("name", t.Name)
			w.Some("version", t.Version)
			w.EndObject()
		}
		w.EndArray()
		w.EndObject()
	}
	if !slices.Equal(native, e.d.Tools) {
		e.Losses.Add("", "tools without a name, or listed twice", kept)
		for _, t := range e.d.Tools {
			notes = append(notes, note.Note{Name: note.Tool, Value: note.Join(t.Vendor, t.Name, t.Version)})
		}
	}
	return notes
}

// organisation begins an author that is none of the people: the manufacturer of
// the document.
const organisation = "Organization: "

// nativeAuthors are the authors as CycloneDX writes them: people without their
// role, and one organisation.
func nativeAuthors(all []string) (people []string, manufacturer string) {
	for _, a := range all {
		if name, ok := strings.CutPrefix(a, "Organization:"); ok {
			if a = strings.TrimSpace(name); manufacturer == "" {
				manufacturer = a
				continue
			}
		}
		if a = strings.TrimSpace(strings.TrimPrefix(a, "Person:")); a != "" {
			people = append(people, a)
		}
	}
	return people, manufacturer
}

// readableAuthors is what a reader without our notes finds of the authors.
func readableAuthors(all []string) []string {
	people, manufacturer := nativeAuthors(all)
	if manufacturer != "" {
		people = append(people, organisation+manufacturer)
	}
	return people
}

func (e *encoder) authors(notes []note.Note) []note.Note {
	w := e.w
	people, manufacturer := nativeAuthors(e.d.Authors)
	if len(people) > 0 {
		w.Name("authors")
		w.Array()
		for _, a := range people {
			w.Object()
			w.Member("name", a)
			w.EndObject()
		}
		w.EndArray()
	}
	if manufacturer != "" {
		w.Name("manufacturer")
		w.Object()
		w.Member("name", manufacturer)
		w.EndObject()
	}
	if !slices.Equal(readableAuthors(e.d.Authors), e.d.Authors) {
		e.Losses.AddN("", "an author as it is written: with a role, or among several organisations", kept, len(e.d.Authors))
		for _, a := range e.d.Authors {
			notes = append(notes, note.Note{Name: note.Author, Value: a})
		}
	}
	return notes
}

// source refers to the document that this one was made from, by its digest.
func (e *encoder) source() {
	if e.d.Digest.Algorithm() != "sha256" {
		return
	}
	w := e.w
	w.Name("externalReferences")
	w.Array()
	w.Object()
	w.Member("type", "bom")
	w.Member("url", "urn:"+e.d.Digest.String())
	w.Member("comment", strings.TrimSpace(fmt.Sprintf("the document that this one was converted from: %s %s", e.d.Format, e.d.SpecVersion)))
	w.Name("hashes")
	w.Array()
	w.Object()
	w.Member("alg", "SHA-256")
	w.Member("content", e.d.Digest.Hex())
	w.EndObject()
	w.EndArray()
	w.EndObject()
	w.EndArray()
}

func (e *encoder) properties(notes []note.Note) {
	if len(notes) == 0 {
		return
	}
	e.w.Name("properties")
	e.w.Array()
	for _, n := range notes {
		e.w.Object()
		e.w.Member("name", note.Prefix+n.Name)
		e.w.Member("value", n.Value)
		e.w.EndObject()
	}
	e.w.EndArray()
}
