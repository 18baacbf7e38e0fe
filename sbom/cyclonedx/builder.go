package cyclonedx

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/textset"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// builder collects a document of either encoding in document order.
type builder struct {
	ctx     context.Context
	opt     Options
	doc     *sbom.Document
	ids     map[string]int32 // bom-ref → component, or sbom.SubjectIndex
	others  textset.Set      // bom-refs of services, which dependencies may name
	count   int              // components
	linked  int              // dependencies
	os      sbom.Distro      // the first that is among the components
	handing *handing         // where components are handed over
	noted   noted
	dropped int
	err     error

	// Of a JSON document only.
	at       string // where it stands in the text
	format   string // its bomFormat
	late     struct{ dependencies, compositions *jsonscan.Reader }
	props    []property // of the component that is read, for their memory
	releases releases
}

// property is one name and value.
type property struct{ name, value string }

func (b *builder) warn(pointer, format string, args ...any) {
	if len(b.doc.Warnings) >= b.opt.MaxWarnings {
		b.dropped++
		return
	}
	b.doc.Warnings = append(b.doc.Warnings, sbom.Warning{Pointer: pointer, Message: fmt.Sprintf(format, args...)})
}

// next returns where the next component is to be read into.
func (b *builder) next() *sbom.Component {
	if b.handing != nil {
		return b.handing.next()
	}
	b.doc.Components = append(b.doc.Components, sbom.Component{})
	return &b.doc.Components[len(b.doc.Components)-1]
}

// add takes a component from next, which stands below parent, into the document or hands
// it over. It returns its index.
func (b *builder) add(c *sbom.Component, parent int32) int32 {
	i := int32(b.count) //nolint:gosec // MaxComponents is far below
	if b.count >= b.opt.MaxComponents {
		b.err = ident.Errorf(ident.KindLimit, "the document has more than %d components", b.opt.MaxComponents)
		return i
	}
	if b.count++; i%1024 == 0 && b.err == nil {
		b.err = b.ctx.Err()
	}
	if c.Name == "" {
		b.warn(c.Pointer, "the component has no name")
	} else if c.Type == operatingSystem && b.os.ID == "" {
		b.os = distro(c)
	}
	b.name(c.ID, i, c.Pointer)
	if parent != noParent {
		b.depend(parent, i, sbom.Contains)
	} else {
		b.noted.top = append(b.noted.top, i)
	}
	if b.handing != nil {
		b.handing.hand(b.opt.Each)
	}
	return i
}

// noParent is for components that stand at the top of the document.
const noParent int32 = -2

func (b *builder) name(id string, i int32, pointer string) {
	if id == "" {
		return
	}
	if b.handing != nil {
		if b.handing.ids.Add(id) {
			if i == sbom.SubjectIndex {
				b.handing.subject = id
			}
			return
		}
	} else if _, taken := b.ids[id]; !taken {
		b.ids[id] = i
		return
	}
	b.warn(pointer, "the bom-ref %.80q is taken; dependencies mean its first bearer", id)
}

// named returns what bears a bom-ref: a component, or sbom.SubjectIndex. Of components
// that are handed over it is known only that one does.
func (b *builder) named(ref []byte) (i int32, ok bool) {
	if h := b.handing; h != nil {
		if len(ref) > 0 && string(ref) == h.subject {
			return sbom.SubjectIndex, true
		}
		return handedOver, h.ids.Has(ref)
	}
	i, ok = b.ids[string(ref)]
	return i, ok
}

func (b *builder) depend(from, to int32, kind sbom.DependencyKind) {
	if from == to && from != handedOver {
		return
	}
	if b.linked >= b.opt.MaxDependencies {
		b.err = ident.Errorf(ident.KindLimit, "the document has more than %d dependencies", b.opt.MaxDependencies)
		return
	}
	if b.linked++; b.handing == nil {
		b.doc.Dependencies = append(b.doc.Dependencies, sbom.Dependency{From: from, To: to, Kind: kind})
	}
}

// dependent is what depends on others, by its bom-ref.
type dependent struct {
	ref   []byte
	index int32
	known bool
}

// link records a dependency by bom-refs; a reference that leads nowhere, or to
// a service or another document, is no dependency between components. It reports
// whether it leads somewhere.
func (b *builder) link(from *dependent, to []byte, kind sbom.DependencyKind) (known bool) {
	if !from.known {
		return true
	}
	switch t, known := b.named(to); {
	case !known:
		return b.others.Has(to) || bytes.HasPrefix(to, []byte("urn:cdx:"))
	case b.handing == nil || !bytes.Equal(from.ref, to):
		b.depend(from.index, t, kind)
	}
	return true
}

// leadsNowhere warns of a dependency that link did not find.
func (b *builder) leadsNowhere(to []byte, pointer string) {
	b.warn(pointer, "the dependency %.80q names nothing in the document", to)
}

// subject fills the subject from metadata.component.
func (b *builder) subject(c sbom.Component, props []property) {
	s := &b.doc.Subject
	s.Component = &c
	s.Kind, s.Version, s.PURL, s.ID = c.Type, c.Version, c.PURL, c.ID
	s.Name = c.Name
	if c.Group != "" {
		s.Name = c.Group + "/" + c.Name
	}
	b.name(c.ID, sbom.SubjectIndex, c.Pointer)
	if c.Type != "container" {
		return
	}
	addDigest := func(role ident.DigestRole, text string) {
		if d, err := ident.ParseDigest(text); err == nil {
			b.addDigest(role, d)
		}
	}
	// syft: the version of a container is its manifest digest, or the tag.
	ref, refErr := ident.ParseImageRef(s.Name)
	if d, err := ident.ParseDigest(c.Version); err == nil {
		b.addDigest(ident.RoleUnknown, d) // of the manifest, unless an index was scanned by its digest
		if refErr == nil && strings.ContainsAny(s.Name, "/:") {
			ref.Digest = d
			b.addReference(ref)
		}
	} else if refErr == nil {
		if ref.Tag == "" && ref.Digest.IsZero() && c.Version != "" {
			if tagged, err := ident.ParseImageRef(s.Name + ":" + c.Version); err == nil {
				ref = tagged
			}
		}
		if ref.Tag != "" || !ref.Digest.IsZero() {
			b.addReference(ref)
		}
		if !ref.Digest.IsZero() {
			b.addDigest(ident.RoleUnknown, ref.Digest)
		}
	}
	for _, p := range props {
		switch p.name {
		case "aquasecurity:trivy:ImageID":
			addDigest(ident.RoleConfig, p.value)
		case "aquasecurity:trivy:RepoDigest", "aquasecurity:trivy:RepoTag":
			if r, err := ident.ParseImageRef(p.value); err == nil {
				b.addReference(r)
			}
		}
	}
	for _, h := range c.Hashes {
		if h.Algorithm == "SHA-256" {
			addDigest(ident.RoleUnknown, "sha256:"+h.Value)
		}
	}
	if p, ok := sbom.ParseImagePURL(c.PURL); ok {
		if !p.Digest.IsZero() {
			b.addDigest(p.Role, p.Digest)
		}
		if !p.Reference.IsZero() {
			b.addReference(p.Reference)
		}
	}
}

func (b *builder) addDigest(role ident.DigestRole, d ident.Digest) {
	for i, g := range b.doc.Subject.Digests {
		if g.Digest == d {
			if g.Role == ident.RoleUnknown {
				b.doc.Subject.Digests[i].Role = role
			}
			return
		}
	}
	b.doc.Subject.Digests = append(b.doc.Subject.Digests, ident.RoledDigest{Role: role, Digest: d})
}

func (b *builder) addReference(r ident.ImageRef) {
	for _, o := range b.doc.Subject.References {
		if o == r {
			return
		}
	}
	b.doc.Subject.References = append(b.doc.Subject.References, r)
}

// apply reads what tools say of a component in properties.
func apply(c *sbom.Component, props []property) {
	for _, p := range props {
		switch p.name {
		case "aquasecurity:trivy:SrcName":
			c.Source.Name = p.value
		case "aquasecurity:trivy:SrcVersion":
			c.Source.Version = p.value
		case "aquasecurity:trivy:LayerDigest":
			if d, err := ident.ParseDigest(p.value); err == nil {
				c.Layer = d
			}
		default:
			rest, ok := strings.CutPrefix(p.name, "syft:location:")
			if !ok {
				continue
			}
			switch {
			case strings.HasSuffix(rest, ":path"):
				c.Locations = append(c.Locations, p.value)
			case strings.HasSuffix(rest, ":layerID") && c.Layer.IsZero():
				if d, err := ident.ParseDigest(p.value); err == nil {
					c.Layer = d
				}
			}
		}
	}
}

// finish settles what needed the whole document.
func (b *builder) finish() {
	b.doc.Subject.OS = b.os
	b.settleNotes()
	if b.dropped > 0 {
		b.doc.Warnings = append(b.doc.Warnings, sbom.Warning{Message: fmt.Sprintf("%d more warnings are left out", b.dropped)})
	}
}

// operatingSystem is the type of a component that is a distribution.
const operatingSystem = "operating-system"

// distribution is the operating system that stands among the components: the
// first that has a name.
func distribution(cs []sbom.Component) sbom.Distro {
	for i := range cs {
		if c := &cs[i]; c.Type == operatingSystem && c.Name != "" {
			return distro(c)
		}
	}
	return sbom.Distro{}
}

func distro(c *sbom.Component) sbom.Distro {
	return sbom.Distro{ID: strings.ToLower(c.Name), VersionID: c.Version}
}
