package vuln

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Artifact is what a document is about, as statements may name it.
type Artifact struct {
	digests  []ident.Digest
	images   []ident.ImageRef
	subject  sbom.Component
	document ident.Digest
	serial   string
	version  int
	id       string
	os       sbom.Distro
}

// ArtifactOf gathers the identities of a document's subject. more are digests that are
// known to be its, from a registry or from what runs.
func ArtifactOf(d *sbom.Document, more ...ident.Digest) *Artifact {
	a := &Artifact{subject: d.Subject.Described(), images: slices.Clone(d.Subject.References), document: d.Digest, serial: d.Serial, version: d.Version,
		id: d.Subject.ID, os: d.Subject.OS, digests: slices.Clone(more)}
	for _, g := range d.Subject.Digests {
		if g.Role != ident.RoleDocument {
			a.digests = append(a.digests, g.Digest)
		}
	}
	for _, r := range d.Subject.References {
		if !r.Digest.IsZero() {
			a.digests = append(a.digests, r.Digest)
		}
	}
	if p, ok := sbom.ParseImagePURL(d.Subject.PURL); ok {
		if !p.Digest.IsZero() {
			a.digests = append(a.digests, p.Digest)
		}
		if !p.Reference.IsZero() {
			a.images = append(a.images, p.Reference)
		}
	}
	a.digests = append(a.digests, digestsOf(a.subject.Hashes)...)
	return a
}

// digestsOf are the hashes that are digests of ours.
func digestsOf(hashes []sbom.Hash) []ident.Digest {
	var out []ident.Digest
	for _, h := range hashes {
		name := strings.ToLower(strings.ReplaceAll(h.Algorithm, "-", ""))
		if d, err := ident.ParseDigest(name + ":" + h.Value); err == nil {
			out = append(out, d)
		}
	}
	return out
}

// Binding says how a statement's product was found to be what a finding is in. More
// specific ones are greater.
type Binding uint8

// The bindings.
const (
	BoundNot       Binding = iota
	BoundComponent         // the product is the component, by package URL or hash
	BoundImage             // the product is the artifact, by the name of its image or package
	BoundDigest            // the product is the artifact, by a digest or its own document
)

var bindingNames = [...]string{"", "component", "image", "digest"}

// String returns "digest", "image" or "component".
func (b Binding) String() string { return bindingNames[b] }

// MarshalText writes String.
func (b Binding) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// bind reports how a product is what a component of an artifact is or is in.
func (p *Product) bind(a *Artifact, c *sbom.Component) Binding {
	if p.Unbound != "" || !p.onPlatform(a, c) {
		return BoundNot
	}
	if b := p.isArtifact(a); b != BoundNot {
		if len(p.Subcomponents) == 0 || slices.ContainsFunc(p.Subcomponents, func(s string) bool { return covers(s, "", c, a.os) }) {
			return b
		}
		return BoundNot
	}
	// Within a component nothing is told apart: a subcomponent of it is another thing.
	if len(p.Subcomponents) == 0 && p.isComponent(a, c) {
		return BoundComponent
	}
	return BoundNot
}

// isArtifact reports how the product is the artifact as a whole. What names a digest
// or a document is that one and no other.
func (p *Product) isArtifact(a *Artifact) Binding {
	if !p.BOM.IsZero() && a.is(p.BOM) && (p.BOM.Ref == "" || p.BOM.Ref == a.id) {
		return BoundDigest
	}
	if shares(p.Digests, a.digests) {
		return BoundDigest
	}
	image, isImage := sbom.ParseImagePURL(p.PURL)
	switch {
	case isImage && !image.Digest.IsZero():
		if slices.Contains(a.digests, image.Digest) {
			return BoundDigest
		}
		return BoundNot
	case len(p.Digests) > 0:
		return BoundNot
	case isImage:
		if p.isImage(a) {
			return BoundImage
		}
	case p.PURL != "" && a.subject.PURL != "":
		if covers(p.PURL, p.Versions, &a.subject, a.os) {
			return BoundImage
		}
	}
	return BoundNot
}

// isImage compares repositories and, where the product names one, the tag. The last
// part of a repository alone is no name: everybody has an "nginx".
func (p *Product) isImage(a *Artifact) bool {
	q, err := ParsePURL(p.PURL)
	if err != nil {
		return false
	}
	// ParseImagePURL gives no reference without a tag or digest, which the product may
	// leave open: any tag will do to have the repository spelled out.
	tag := q.Qualifier("tag")
	if q.Type == "docker" && tag == "" {
		tag = q.Version
	}
	if q.Type == "oci" && q.Qualifier("repository_url") == "" {
		return false
	}
	if tag == "" {
		q.Qualifiers = append(slices.Clone(q.Qualifiers), Qualifier{"tag", "any"})
	}
	want, ok := sbom.ParseImagePURL(q.String())
	if !ok || want.Reference.IsZero() {
		return false
	}
	return slices.ContainsFunc(a.images, func(r ident.ImageRef) bool {
		return r.Name() == want.Reference.Name() && (tag == "" || r.Tag == want.Reference.Tag)
	})
}

// isComponent reports whether the product is one component of the artifact.
func (p *Product) isComponent(a *Artifact, c *sbom.Component) bool {
	if !p.BOM.IsZero() && p.BOM.Ref != "" && p.BOM.Ref == c.ID && a.is(p.BOM) {
		return true
	}
	if len(p.Digests) > 0 {
		return shares(p.Digests, digestsOf(c.Hashes))
	}
	return p.PURL != "" && covers(p.PURL, p.Versions, c, a.os)
}

// is reports whether the artifact's document is a BOM.
func (a *Artifact) is(b BOMRef) bool {
	if !b.Digest.IsZero() && b.Digest == a.document {
		return true
	}
	return b.Serial != "" && strings.EqualFold(b.Serial, a.serial) && (b.Version == 0 || b.Version == a.version)
}

// onPlatform reports whether the product is about the distribution of a component.
func (p *Product) onPlatform(a *Artifact, c *sbom.Component) bool {
	if p.Platform == "" {
		return true
	}
	id, release := distroID(a.os.ID), strings.ToLower(a.os.VersionID)
	if c.PURL != "" {
		if u, err := purlOf(c); err == nil {
			id, release = distroOf(u, a.os)
		}
	}
	return id == p.Platform && (p.Release == "" || release == p.Release || strings.HasPrefix(release, p.Release+"."))
}

func shares(a, b []ident.Digest) bool {
	return slices.ContainsFunc(a, func(d ident.Digest) bool { return slices.Contains(b, d) })
}

// covers reports whether a package URL of a statement is about a component: type and
// name are the same, the version is where one is given, and so is every qualifier that
// is given. A version that cannot be compared is not covered.
func covers(purl, versions string, c *sbom.Component, os sbom.Distro) bool {
	p, err := ParsePURL(purl)
	if err != nil {
		return false
	}
	q := ComponentQuery{exact: p.Version}
	p.Version = ""
	q.purl = p
	if versions != "" {
		q.exact = ""
		if q.vers, err = ParseVers(versions); err != nil {
			return false
		}
	}
	match, known := q.Match(c, os)
	return match && known
}
