package swid

import (
	"fmt"
	"iter"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

const (
	// mostLinks bounds the other tags that one names.
	mostLinks    = 10_000
	tooManyLinks = "the tag names more than %d other tags"
	// unknownRegistration is the regid of an entity of which none is known (6.1.5.2).
	unknownRegistration = "invalid.unavailable"
)

// tag becomes the document, whichever encoding it is read from: both have one vocabulary
// (RFC 9393, 1.2).
type tag struct {
	limits  sbom.Limits
	doc     *sbom.Document
	self    *sbom.Component // nil until identify
	ids     map[string]int32
	links   int
	pointer string // of the tag's root
}

func begin(data []byte, o sbom.Limits, e sbom.Encoding, version, pointer string) *tag {
	t := &tag{limits: o, ids: map[string]int32{}, pointer: pointer,
		doc: &sbom.Document{Format: sbom.SWIDTag, SpecVersion: version, Encoding: e, Digest: o.Digest, Size: int64(len(data))}}
	if t.doc.Digest.IsZero() {
		t.doc.Digest = ident.SHA256(data)
	}
	if o.Details {
		t.doc.Details = &sbom.DocumentDetails{}
	}
	return t
}

func (t *tag) warn(format string, args ...any) {
	t.doc.Warnings = append(t.doc.Warnings, sbom.Warning{Pointer: t.pointer, Message: fmt.Sprintf(format, args...)})
}

// identify says what the tag is of. It comes before everything else.
func (t *tag) identify(name, version, id string) {
	s := &t.doc.Subject
	s.Kind, s.Name, s.Version, s.ID = "application", name, version, id
	t.doc.Name, t.doc.Serial = name, id
	t.add(name, version, id, "")
}

// ofKind notes that it is a patch, corpus or supplemental tag.
func (t *tag) ofKind(kind string) {
	t.warn("it is a %s tag, which alone does not say what is installed", kind)
}

// add appends a component that a tag identifier names; below is where, under the root.
func (t *tag) add(name, version, id, below string) int32 {
	c := sbom.Component{ID: id, Type: "application", Name: name, Version: version, Pointer: t.pointer + below}
	if t.limits.Details {
		c.Detailed().SWIDs = []sbom.SWID{{TagID: id, Name: name, Version: version}}
	}
	at := int32(len(t.doc.Components)) //nolint:gosec // mostLinks bounds it
	t.ids[id] = at
	t.doc.Components = append(t.doc.Components, c)
	t.self = &t.doc.Components[0]
	return at
}

// entity notes who had to do with the software or the tag (8.5.2, roles of 8.5.2.3).
func (t *tag) entity(name, contact string, roles iter.Seq[string]) {
	if strings.HasSuffix(contact, unknownRegistration) {
		contact = ""
	}
	for role := range roles {
		switch role {
		case "tagCreator":
			t.doc.Authors = append(t.doc.Authors, name)
			if det := t.doc.Details; det != nil && det.AuthorContact == "" {
				det.AuthorContact = contact
			}
		case "softwareCreator":
			t.self.Origin = name
			if t.self.Supplier == "" {
				t.self.Supplier = name
			}
			if t.limits.Details {
				t.self.Detailed().Contact = contact
			}
		case "distributor":
			t.self.Supplier = name
		}
	}
}

// link notes a relation to another tag (8.5.4): what the software consists of and needs. It
// is false where there are more than mostLinks; element is what the encoding calls a link.
func (t *tag) link(rel, href, element string) bool {
	var kind sbom.DependencyKind
	switch rel {
	case "component":
		kind = sbom.Contains
	case "requires":
		kind = sbom.DependsOn
	default:
		return true
	}
	id, ok := strings.CutPrefix(href, "swid:")
	if !ok || id == "" {
		t.warn("the link %s leads to no tag identifier: %.80q", rel, href)
		return true
	}
	if t.links++; t.links > mostLinks {
		return false
	}
	at, known := t.ids[id]
	if !known {
		at = t.add(id, "", id, "/"+element) // what it is called, only its own tag says
	}
	if at != 0 {
		t.doc.Dependencies = append(t.doc.Dependencies, sbom.Dependency{From: 0, To: at, Kind: kind})
	}
	return true
}
