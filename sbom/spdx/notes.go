package spdx

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/note"
)

var notePrefix = []byte(note.Prefix)

// notesOf reads the lines of an annotation's comment that are notes.
func notesOf(notes []note.Note, comment []byte) []note.Note {
	if !bytes.HasPrefix(comment, notePrefix) {
		return notes
	}
	for line := range strings.SplitSeq(string(comment), "\n") {
		if n, ok := note.Parse(line); ok {
			notes = append(notes, n)
		}
	}
	return notes
}

// documentAnnotations reads the notes about the document (section 12).
func (j *jsonDocument) documentAnnotations() {
	r := j.r
	for r.Array(); r.NextItem(); {
		if !r.Object() {
			continue
		}
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			if string(key) == "comment" {
				j.notes = notesOf(j.notes, r.Bytes())
			} else {
				r.Skip()
			}
		}
	}
}

// licenseTexts reads the licences that are on no list (section 10). Those that our
// encoder makes of free words are none of the document's.
func (j *jsonDocument) licenseTexts() {
	r := j.r
	for r.Array(); r.NextItem(); {
		if !r.Object() {
			continue
		}
		var t sbom.LicenseText
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			switch string(key) {
			case "licenseId":
				t.ID = r.String()
			case "extractedText":
				t.Text = r.String()
			case "name":
				if r.Kind() == jsonscan.String {
					t.Name = r.String()
				} else {
					r.Skip()
				}
			default:
				r.Skip()
			}
		}
		j.licenseText(t)
	}
}

func (b *builder) licenseText(t sbom.LicenseText) {
	if t.ID == "" || t.ID == licenseRef(t.Text) || t == (sbom.LicenseText{ID: t.ID, Text: noAssertion}) {
		return
	}
	b.doc.LicenseTexts = append(b.doc.LicenseTexts, t)
}

// fill reads the notes about a package. The identifier that it had waits until no
// relationship needs the SPDXID any more.
func (b *builder) fill(c *sbom.Component, notes []note.Note) {
	var licenses []sbom.License
	for _, n := range notes {
		ok := true
		switch n.Name {
		case note.ID:
			b.renamed = append(b.renamed, renaming{c.ID, n.Value})
		case note.License:
			licenses = append(licenses, n.AsLicense())
		case note.Type:
			if ok = c.Type == ""; ok {
				c.Type = n.Value
			}
		case note.Name:
			if ok = c.Name == unnamed && n.Value == ""; ok {
				c.Name = ""
			}
		default:
			ok = note.Fill(c, n)
		}
		if !ok {
			b.contradicts(c.Pointer, n)
		}
	}
	if licenses == nil {
		return
	}
	// The notes count only where they say what everybody reads.
	if !slices.Equal(readable(licenses), c.Licenses) {
		b.contradicts(c.Pointer, note.OfLicense(licenses[0]))
		return
	}
	c.Licenses = licenses
}

// renaming is an identifier that a component had in the document that ours was
// made from.
type renaming struct{ spdxID, was string }

func (b *builder) contradicts(pointer string, n note.Note) {
	b.warn(pointer, "the note %.80q says other than the document does, or nothing known; it is passed over", note.Prefix+n.Name)
}

// nameNotes reads what the search for the subject builds on.
func (b *builder) nameNotes() {
	for _, n := range b.notes {
		if n.Name == note.DocumentName {
			b.doc.Name = n.Value
		}
	}
}

// settleNotes reads the other notes about the document and its subject.
func (b *builder) settleNotes() {
	d := b.doc
	var tools []sbom.Tool
	var authors []string
	noted := false
	for _, n := range b.notes {
		switch n.Name {
		case note.DocumentName, note.From, note.FromDigest, note.FromSerial:
		case note.SubjectID:
			d.Subject.ID = n.Value
		case note.SubjectKind:
			d.Subject.Kind = n.Value
		case note.SubjectName:
			d.Subject.Name = n.Value
		case note.Created:
			t, err := time.Parse(time.RFC3339Nano, n.Value)
			switch {
			case n.Value == "":
				d.Created = time.Time{}
			case err != nil || !t.Truncate(time.Second).Equal(d.Created):
				b.contradicts("", n)
			default:
				d.Created = t
			}
		case note.Lifecycle:
			d.Lifecycle = append(d.Lifecycle, n.Value)
		case note.Tool:
			noted = true
			if t := note.Split(n.Value, 3); n.Value != "" {
				tools = append(tools, sbom.Tool{Vendor: t[0], Name: t[1], Version: t[2]})
			}
		case note.Author:
			authors = append(authors, n.Value)
		case note.LicenseText:
			t := note.Split(n.Value, 3)
			d.LicenseTexts = append(d.LicenseTexts, sbom.LicenseText{ID: t[0], Name: t[1], Text: t[2]})
		default:
			if !note.Identity(&d.Subject, n) && !note.Redaction(d, n) {
				b.contradicts("", n)
			}
		}
	}
	// These count only where they say what everybody reads.
	if authors == nil {
		authors = d.Authors
	}
	if !noted {
		tools = d.Tools
	}
	readTools, readAuthors := readCreators(creators(tools, authors))
	if slices.Equal(readTools, d.Tools) && slices.Equal(readAuthors, d.Authors) {
		d.Tools, d.Authors = tools, authors
	}
}

// rename gives components the identifiers that they had.
func (b *builder) rename(settle func(int32) int32) {
	for _, r := range b.renamed {
		if i, ok := b.ids.of(r.spdxID); ok {
			if at := settle(i); at >= 0 {
				b.doc.Components[at].ID = r.was
			}
		}
	}
}
