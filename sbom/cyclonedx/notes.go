package cyclonedx

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/note"
)

// noted gathers the notes that wait for the end of the document.
type noted struct {
	document  []note.Note
	contained []containment
	top       []int32 // components that nothing is written around
}

// containment is a component that something else contains besides what it is
// written in.
type containment struct {
	index int32
	by    string
}

// fill reads the notes among the properties of a component.
func (b *builder) fill(c *sbom.Component, props []property) {
	var licenses []sbom.License
	for _, p := range props {
		name, ok := strings.CutPrefix(p.name, note.Prefix)
		if !ok {
			continue
		}
		n := note.Note{Name: name, Value: p.value}
		switch name {
		case note.ContainedBy:
		case note.License:
			licenses = append(licenses, n.AsLicense())
		case note.Type:
			if c.Type != fallbackType {
				b.contradicts(c.Pointer, n)
				continue
			}
			c.Type = n.Value
		default:
			if !note.Fill(c, n) {
				b.contradicts(c.Pointer, n)
			}
		}
	}
	if licenses == nil {
		return
	}
	// The notes count only where they say what everybody reads.
	if !slices.Equal(readable(licenses, Version(b.doc.SpecVersion)), c.Licenses) {
		b.contradicts(c.Pointer, note.OfLicense(licenses[0]))
		return
	}
	c.Licenses = licenses
}

func (b *builder) contradicts(pointer string, n note.Note) {
	b.warn(pointer, "the property %.80q says other than the document does, or nothing known; it is passed over", note.Prefix+n.Name)
}

// containers notes what contains a component, which may stand later.
func (b *builder) containers(index int32, props []property) {
	for _, p := range props {
		if p.name == note.Prefix+note.ContainedBy {
			b.noted.contained = append(b.noted.contained, containment{index, p.value})
		}
	}
}

// documentNote keeps a note of metadata.properties until the end.
func (b *builder) documentNote(p property) {
	if d := b.doc.Details; d != nil && len(d.Properties) < maxProperties {
		d.Properties = append(d.Properties, sbom.Property{Name: p.name, Value: p.value})
	}
	if name, ok := strings.CutPrefix(p.name, note.Prefix); ok {
		b.noted.document = append(b.noted.document, note.Note{Name: name, Value: p.value})
	}
}

// settleNotes reads the notes about the document and its subject.
func (b *builder) settleNotes() {
	for _, c := range b.noted.contained {
		if from, ok := b.named([]byte(c.by)); ok {
			b.depend(from, c.index, sbom.Contains)
		} else {
			b.warn("", "what contains a component, %.80q, is nothing in the document", c.by)
		}
	}
	d := b.doc
	var tools []sbom.Tool
	var authors []string
	for _, n := range b.noted.document {
		switch n.Name {
		case note.DocumentName:
			d.Name = n.Value
		case note.SubjectID:
			d.Subject.ID = n.Value
		case note.SubjectKind:
			if subjectType(n.Value) != d.Subject.Kind {
				b.contradicts("", n)
				continue
			}
			d.Subject.Kind = n.Value
		case note.Contains:
			for _, i := range b.noted.top {
				b.depend(sbom.SubjectIndex, i, sbom.Contains)
			}
		case note.Tool:
			t := note.Split(n.Value, 3)
			tools = append(tools, sbom.Tool{Vendor: t[0], Name: t[1], Version: t[2]})
		case note.Author:
			authors = append(authors, n.Value)
		case note.LicenseText:
			t := note.Split(n.Value, 3)
			d.LicenseTexts = append(d.LicenseTexts, sbom.LicenseText{ID: t[0], Name: t[1], Text: t[2]})
		case note.From, note.FromDigest, note.FromSerial:
		default:
			if !note.Identity(&d.Subject, n) && !note.Redaction(d, n) {
				b.contradicts("", n)
			}
		}
	}
	if tools != nil && slices.Equal(nativeTools(tools), d.Tools) {
		d.Tools = tools
	}
	if authors != nil && slices.Equal(readableAuthors(authors), d.Authors) {
		d.Authors = authors
	}
}
