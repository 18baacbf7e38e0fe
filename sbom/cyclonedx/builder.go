package cyclonedx

import (
	"context"
	"fmt"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// builder collects a document of either encoding in document order.
type builder struct {
	ctx     context.Context
	opt     Options
	doc     *sbom.Document
	ids     map[string]int32 // bom-ref → component, or sbom.SubjectIndex
	others  map[string]bool  // bom-refs of services, which dependencies may name
	noted   noted
	dropped int
	err     error

	// Of a JSON document only.
	at     string // where it stands in the text
	format string // its bomFormat
	late   struct{ dependencies, compositions *jsonscan.Reader }
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

// add appends a component below its parent and returns its index.
func (b *builder) add(c sbom.Component, parent int32) int32 {
	i := int32(len(b.doc.Components)) //nolint:gosec // MaxComponents is far below
	if int(i) >= b.opt.MaxComponents {
		b.err = ident.Errorf(ident.KindLimit, "the document has more than %d components", b.opt.MaxComponents)
		return i
	}
	if i%1024 == 0 && b.err == nil {
		b.err = b.ctx.Err()
	}
	if c.Name == "" {
		b.warn(c.Pointer, "the component has no name")
	}
	b.name(c.ID, i, c.Pointer)
	b.doc.Components = append(b.doc.Components, c)
	if parent != noParent {
		b.depend(parent, i, sbom.Contains)
	} else {
		b.noted.top = append(b.noted.top, i)
	}
	return i
}

// noParent is for components that stand at the top of the document.
const noParent int32 = -2

func (b *builder) name(id string, i int32, pointer string) {
	if id == "" {
		return
	}
	if _, taken := b.ids[id]; taken {
		b.warn(pointer, "the bom-ref %.80q is taken; dependencies mean its first bearer", id)
		return
	}
	b.ids[id] = i
}

func (b *builder) depend(from, to int32, kind sbom.DependencyKind) {
	if from == to {
		return
	}
	if len(b.doc.Dependencies) >= b.opt.MaxDependencies {
		b.err = ident.Errorf(ident.KindLimit, "the document has more than %d dependencies", b.opt.MaxDependencies)
		return
	}
	b.doc.Dependencies = append(b.doc.Dependencies, sbom.Dependency{From: from, To: to, Kind: kind})
}

// link records a dependency by bom-refs; a reference that leads nowhere, or to
// a service or another document, is no dependency between components.
func (b *builder) link(from, to, pointer string, kind sbom.DependencyKind) {
	f, ok := b.ids[from]
	t, known := b.ids[to]
	switch {
	case ok && known:
		b.depend(f, t, kind)
	case !known && !b.others[to] && !strings.HasPrefix(to, "urn:cdx:") && ok:
		b.warn(pointer, "the dependency %.80q names nothing in the document", to)
	}
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
	b.doc.Subject.OS = distribution(b.doc.Components)
	b.settleNotes()
	if b.dropped > 0 {
		b.doc.Warnings = append(b.doc.Warnings, sbom.Warning{Message: fmt.Sprintf("%d more warnings are left out", b.dropped)})
	}
}

// distribution is the operating system that stands among the components: the
// first that has a name.
func distribution(cs []sbom.Component) sbom.Distro {
	for i := range cs {
		if c := &cs[i]; c.Type == "operating-system" && c.Name != "" {
			return sbom.Distro{ID: strings.ToLower(c.Name), VersionID: c.Version}
		}
	}
	return sbom.Distro{}
}
