// Package note is the vocabulary of our own namespace in the documents that we
// write: what the model of package sbom holds and a format has no place for. In
// CycloneDX a note is a property, in SPDX 2.3 a line of an annotation; the codecs
// write them and read them back.
//
//	notes = append(notes, note.Note{Name: note.Group, Value: c.Group})
//	line := notes[0].Line() // "cofferdam:sbom:group=org.apache"
//	ok := note.Fill(&component, notes[0])
//
// A note only adds: what a document says in the words of its format is what
// every reader sees, and no note replaces it. It is not for facts that were
// derived, and not for other programs' properties.
package note
