package cyclonedx

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/note"
)

// types of components (definition "component" of 1.6 and 1.7).
var types = []string{"application", "framework", "library", "container", "platform", "operating-system", "device", "device-driver",
	"firmware", "file", "machine-learning-model", "data", "cryptographic-asset"}

const (
	// fallbackType stands for a type that CycloneDX has no word for, or that is not
	// known: its guidance is to use the most general one.
	fallbackType = "library"
	// fallbackKind does for a subject.
	fallbackKind = "application"
	// maxVersion is the longest version that the schema admits (definition "version").
	maxVersion = 1024
)

// subjectType is the type that stands for a kind of subject.
func subjectType(kind string) string {
	switch {
	case slices.Contains(types, kind):
		return kind
	case kind == "directory":
		return "file"
	}
	return fallbackKind
}

var hashAlgorithms = []string{"MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512", "SHA3-256", "SHA3-384", "SHA3-512",
	"BLAKE2b-256", "BLAKE2b-384", "BLAKE2b-512", "BLAKE3"}

// writableHash reports whether the schema admits a hash (definitions "hash-alg",
// "hash-content").
func (e *encoder) writableHash(h sbom.Hash) bool {
	known := slices.Contains(hashAlgorithms, h.Algorithm) || e.version == V17 && strings.HasPrefix(h.Algorithm, "Streebog-")
	if !known {
		return false
	}
	switch len(h.Value) {
	case 32, 40, 64, 96, 128:
		return strings.Trim(h.Value, "0123456789abcdef") == ""
	}
	return false
}

// subjectComponent writes metadata.component: the subject as the document
// describes it, with the identities of the subject.
func (e *encoder) subjectComponent() {
	c := e.d.Subject.Described()
	c.Type = subjectType(e.d.Subject.Kind)
	e.w.Name("component")
	e.w.Object()
	e.Notes = e.Notes[:0]
	for _, p := range e.plan.containers(sbom.SubjectIndex) {
		e.Notes = append(e.Notes, note.Note{Name: note.ContainedBy, Value: e.ref(p)})
	}
	e.body(&c, e.subject)
	e.properties(e.Notes)
	e.w.EndObject()
}

// component writes one component and those it contains.
func (e *encoder) component(i int32) error {
	if i%1024 == 0 {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		if err := e.w.Err(); err != nil {
			return err
		}
	}
	c := &e.d.Components[i]
	e.w.Object()
	e.Notes = e.Notes[:0]
	for _, p := range e.plan.containers(i) {
		e.Note(note.ContainedBy, e.ref(p), c.Pointer, "that several components contain one")
	}
	e.body(c, e.refs[i])
	e.properties(e.Notes)
	if first := e.plan.child[i]; first >= 0 {
		e.w.Name("components")
		e.w.Array()
		for j := first; j >= 0; j = e.plan.sibling[j] {
			if err := e.component(j); err != nil {
				return err
			}
		}
		e.w.EndArray()
	}
	e.w.EndObject()
	return nil
}

// body writes the members of a component and gathers notes.
func (e *encoder) body(c *sbom.Component, ref string) {
	w, at := e.w, c.Pointer
	if slices.Contains(types, c.Type) {
		w.Member("type", c.Type)
	} else {
		w.Member("type", fallbackType)
		e.Note(note.Type, c.Type, at, "that the type of a component is not known, or none of CycloneDX's")
	}
	w.Member("bom-ref", ref)
	switch c.Supplier {
	case "":
	case "NOASSERTION", "NONE":
		e.Note(note.Supplier, c.Supplier, at, "that no supplier is asserted")
	default:
		w.Name("supplier")
		w.Object()
		w.Member("name", c.Supplier)
		w.EndObject()
	}
	switch c.Origin {
	case "":
	case "NOASSERTION", "NONE":
		e.Note(note.Origin, c.Origin, at, "that no originator is asserted")
	default:
		w.Member("publisher", c.Origin)
	}
	w.Some("group", c.Group)
	w.Member("name", c.Name)
	if len(c.Version) > maxVersion {
		e.Note(note.Version, c.Version, at, "a version of more than 1024 bytes")
	} else {
		w.Some("version", c.Version)
	}
	switch c.Scope {
	case "":
	case "required", "optional", "excluded":
		w.Member("scope", c.Scope)
	default:
		e.Note(note.Scope, c.Scope, at, "a scope that CycloneDX does not know")
	}
	e.hashes(c)
	e.licenses(c)
	for i, cpe := range c.CPEs {
		if i == 0 && cpe != "" {
			w.Member("cpe", cpe)
		} else {
			e.Note(note.CPE, cpe, at, "more than one CPE of a component")
		}
	}
	w.Some("purl", c.PURL)
	if len(c.Locations) > 0 {
		w.Name("evidence")
		w.Object()
		w.Name("occurrences")
		w.Array()
		for _, l := range c.Locations {
			w.Object()
			w.Member("location", l)
			w.EndObject()
		}
		w.EndArray()
		w.EndObject()
	}
	if !c.Layer.IsZero() {
		e.Note(note.Layer, c.Layer.String(), at, "the layer that brought a component")
	}
	if c.Source != (sbom.SourcePackage{}) {
		e.Note(note.Source, note.Join(c.Source.Name, c.Source.Version), at, "the source package of a component")
	}
}

func (e *encoder) hashes(c *sbom.Component) {
	open := false
	for _, h := range c.Hashes {
		if !e.writableHash(h) {
			e.Note(note.Hash, note.Join(h.Algorithm, h.Value), c.Pointer, "a hash of an algorithm or length that CycloneDX does not know")
			continue
		}
		if !open {
			open = true
			e.w.Name("hashes")
			e.w.Array()
		}
		e.w.Object()
		e.w.Member("alg", h.Algorithm)
		e.w.Member("content", h.Value)
		e.w.EndObject()
	}
	if open {
		e.w.EndArray()
	}
}
