package spdx

import (
	"bytes"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// imageFacts is what trivy says about an image beside its package.
type imageFacts struct {
	imageID     string
	repoDigests []string
	repoTags    []string
}

// remark reads one attribution text or comment of trivy ("ImageID: sha256:…") into
// the facts, which it makes when there is the first, or into the component's layer.
func remark(f *imageFacts, c *sbom.Component, text []byte) *imageFacts {
	key, value, ok := bytes.Cut(text, []byte(": "))
	if !ok {
		return f
	}
	switch string(key) {
	case "LayerDigest", "LayerDiffID":
		d, err := ident.ParseDigest(string(value))
		if err == nil && (c.Layer.IsZero() || string(key) == "LayerDigest") {
			c.Layer = d
		}
		return f
	case "ImageID", "RepoDigest", "RepoTag":
	default:
		return f
	}
	if f == nil {
		f = new(imageFacts)
	}
	switch string(key) {
	case "ImageID":
		f.imageID = string(value)
	case "RepoDigest":
		f.repoDigests = append(f.repoDigests, string(value))
	case "RepoTag":
		f.repoTags = append(f.repoTags, string(value))
	}
	return f
}

// Prefixes that scanners give to the identifier of the artifact itself. A package
// so named stands for what was scanned and not for something found in it.
const (
	syftRoot      = "SPDXRef-DocumentRoot-"
	syftImage     = "SPDXRef-DocumentRoot-Image-"
	syftDirectory = "SPDXRef-DocumentRoot-Directory-"
	syftFile      = "SPDXRef-DocumentRoot-File-"
	trivyImage    = "SPDXRef-ContainerImage-"
	trivyFiles    = "SPDXRef-Filesystem-"
	trivyRepo     = "SPDXRef-Repository-"
	trivyOS       = "SPDXRef-OperatingSystem-"
)

func isImage(c *sbom.Component) bool {
	return c.Type == "container" || strings.HasPrefix(c.ID, trivyImage) || strings.HasPrefix(c.ID, syftImage) ||
		strings.HasPrefix(c.PURL, "pkg:oci/") || strings.HasPrefix(c.PURL, "pkg:docker/")
}

// isArtifact reports whether a described package is the scanned thing alone.
func (b *builder) isArtifact(i int32) bool { return standsAlone(&b.doc.Components[i]) }

func standsAlone(c *sbom.Component) bool {
	if isImage(c) {
		return true
	}
	for _, p := range []string{syftRoot, trivyFiles, trivyRepo} {
		if strings.HasPrefix(c.ID, p) {
			return true
		}
	}
	return false
}

// subject fills the document's subject. It returns the package that it is, or -1,
// and the described packages that stay components.
func (b *builder) subject() (subject int32, roots []int32) {
	if b.marked {
		b.distribution()
		b.layers()
	}
	seen := map[int32]bool{}
	var described []int32
	for _, id := range b.described {
		i, ok := b.ids.of(id)
		if ok && !seen[i] {
			seen[i] = true
			described = append(described, i)
		}
	}
	if len(described) == 0 && b.fileName == "" {
		// Older trivy and syft name the image without describing it.
		for i := range b.doc.Components {
			if id := b.doc.Components[i].ID; strings.HasPrefix(id, trivyImage) || strings.HasPrefix(id, syftImage) {
				described = append(described, int32(i)) //nolint:gosec // MaxPackages is far below
			}
		}
	}
	if len(described) != 1 {
		b.nameSubject()
		return -1, described
	}
	i := described[0]
	b.fillSubject(i)
	b.platforms(i)
	if b.isArtifact(i) {
		return i, nil
	}
	return i, described
}

// nameSubject is for documents that describe no package, or several: they say
// what they are about by their own name only.
func (b *builder) nameSubject() {
	s := &b.doc.Subject
	s.Name = b.doc.Name
	if b.fileName != "" {
		s.Name, s.Kind = b.fileName, "file"
		return
	}
	for _, k := range []struct{ part, kind string }{
		{"/syft/image/", "container"}, {"/container_image/", "container"}, {"/trivy/container/", "container"}, {"trivy.dev/container/", "container"},
		{"/syft/dir/", "directory"}, {"/syft/file/", "file"}, {"/filesystem/", "directory"},
	} {
		if strings.Contains(b.doc.Serial, k.part) {
			s.Kind = k.kind
			break
		}
	}
	if s.Kind == "container" {
		b.written(s.Name)
	}
}

func (b *builder) fillSubject(i int32) {
	c := &b.doc.Components[i]
	s := &b.doc.Subject
	described := *c
	s.Component = &described
	s.Name, s.Version, s.PURL, s.ID, s.Kind = fullName(c), c.Version, c.PURL, c.ID, kindOf(c)
	if isImage(c) {
		b.imageIdentity(c, b.images[i])
	}
}

// kindOf is the kind of subject that a described package is.
func kindOf(c *sbom.Component) string {
	switch {
	case isImage(c):
		return "container"
	case strings.HasPrefix(c.ID, syftDirectory), strings.HasPrefix(c.ID, trivyFiles), strings.HasPrefix(c.ID, trivyRepo):
		return "directory"
	case strings.HasPrefix(c.ID, syftFile):
		return "file"
	}
	return c.Type
}

// imageIdentity collects the digests and references of an image. What a digest was
// computed over is said only where a media type tells or the generator leaves no choice: syft puts the
// manifest's digest into version, checksum and package URL; trivy's ImageID is the
// configuration's, its RepoDigest that of an index or of a manifest.
func (b *builder) imageIdentity(c *sbom.Component, f *imageFacts) {
	role := ident.RoleUnknown
	syft := strings.HasPrefix(c.ID, syftImage) && b.madeBy("syft")
	if syft {
		role = ident.RoleManifest
	}
	if p, ok := sbom.ParseImagePURL(c.PURL); ok {
		b.purl(p, role)
	}
	b.digest(role, c.Version)
	if syft {
		for _, h := range c.Hashes {
			if h.Algorithm == "SHA-256" {
				b.digest(role, "sha256:"+h.Value)
			}
		}
	}
	if f != nil {
		b.digest(ident.RoleConfig, f.imageID)
		for _, s := range f.repoDigests {
			b.reference(s)
			if _, d, ok := strings.Cut(s, "@"); ok {
				b.digest(ident.RoleUnknown, d)
			}
		}
		for _, s := range f.repoTags {
			b.reference(s)
		}
	}
	b.written(c.Name)
	if c.Version != "" && !strings.Contains(c.Version, ":") && !strings.Contains(c.Name, "@") {
		b.written(c.Name + ":" + c.Version)
	}
	b.written(b.doc.Name)
}

func (b *builder) purl(p sbom.ImagePURL, generator ident.DigestRole) {
	role := p.Role
	if role == ident.RoleUnknown {
		role = generator
	}
	b.digest(role, p.Digest.String())
	b.reference(p.Reference.String())
}

// maxPlatforms bounds the platforms of an index that are taken for identities: the
// largest real ones have some dozens.
const maxPlatforms = 256

// platforms adds the identities of an index's manifests to its own: bom describes
// the index and writes an image package for each platform that it contains.
func (b *builder) platforms(subject int32) {
	if p, ok := sbom.ParseImagePURL(b.doc.Components[subject].PURL); !ok || p.Role != ident.RoleIndex {
		return
	}
	n := 0
	for _, e := range b.edges {
		if e.From != subject || e.Kind != sbom.Contains || e.To < 0 {
			continue
		}
		c := &b.doc.Components[e.To]
		p, ok := sbom.ParseImagePURL(c.PURL)
		if !ok || p.Role != ident.RoleManifest {
			continue
		}
		if n++; n > maxPlatforms {
			b.warn(c.Pointer, "the index has more than %d platforms: it is not matched by those beyond", maxPlatforms)
			return
		}
		c.Type = "container"
		b.purl(p, ident.RoleManifest)
	}
}

// marks reports whether a package may be an operating system or a layer, which are looked
// for among all.
func marks(c *sbom.Component) bool {
	return c.Type == systemType || strings.HasPrefix(c.ID, trivyOS) || strings.HasPrefix(c.Name, layerName)
}

// How an operating system is marked, and how bom names a layer.
const (
	systemType = "operating-system"
	layerName  = "sha256:"
)

// layers finds the packages that bom writes for the layers of an image: files named
// by their own digest, which are no software, and which brought what they contain.
func (b *builder) layers() {
	found := map[int32]ident.Digest{}
	for i := range b.doc.Components {
		c := &b.doc.Components[i]
		if !strings.HasPrefix(c.Name, layerName) || c.PURL != "" || c.Type != "" || c.Version != "" {
			continue
		}
		d, err := ident.ParseDigest(c.Name)
		if err != nil || !slices.Contains(c.Hashes, sbom.Hash{Algorithm: "SHA-256", Value: d.Hex()}) {
			continue
		}
		c.Type = "file"
		found[int32(i)] = d //nolint:gosec // MaxPackages is far below
	}
	if len(found) == 0 {
		return
	}
	for _, e := range b.edges {
		if d, ok := found[e.From]; ok && e.Kind == sbom.Contains && e.To >= 0 && b.doc.Components[e.To].Layer.IsZero() {
			b.doc.Components[e.To].Layer = d
		}
	}
}

// digest adds a digest to the subject, once; a known role replaces an unknown one.
func (b *builder) digest(role ident.DigestRole, s string) {
	d, err := ident.ParseDigest(s)
	if err != nil {
		return
	}
	for i := range b.doc.Subject.Digests {
		if have := &b.doc.Subject.Digests[i]; have.Digest == d {
			if have.Role == ident.RoleUnknown {
				have.Role = role
			}
			return
		}
	}
	b.doc.Subject.Digests = append(b.doc.Subject.Digests, ident.RoledDigest{Role: role, Digest: d})
}

// written adds a name as a reference only if it carries a tag or digest: a bare
// name, or the path of an archive, would match what it does not mean.
func (b *builder) written(s string) {
	if last := s[strings.LastIndexByte(s, '/')+1:]; strings.ContainsAny(last, ":@") {
		b.reference(s)
	}
}

func (b *builder) reference(s string) { b.doc.Subject.AddReferences(s) }

// distribution finds the operating system, which trivy writes as a package.
func (b *builder) distribution() {
	for i := range b.doc.Components {
		c := &b.doc.Components[i]
		if c.Type == "" && strings.HasPrefix(c.ID, trivyOS) {
			c.Type = systemType
		}
	}
	b.doc.Subject.OS = distribution(b.doc.Components)
}

// distribution is the one operating system among the components, in the words of
// os-release(5).
func distribution(cs []sbom.Component) sbom.Distro {
	var found sbom.Distro
	for i := range cs {
		c := &cs[i]
		if c.Type != systemType || c.PURL != "" && !strings.HasPrefix(c.PURL, "pkg:generic/") {
			continue
		}
		d := sbom.Distro{ID: osReleaseID(c.Name), VersionID: c.Version}
		if found != (sbom.Distro{}) && found != d {
			return sbom.Distro{} // several: none of them is the document's
		}
		found = d
	}
	return found
}

func osReleaseID(name string) string {
	name = strings.ToLower(name)
	switch name {
	case "redhat":
		return "rhel"
	case "amazon":
		return "amzn"
	case "oracle":
		return "ol"
	case "alma":
		return "almalinux"
	case "suse linux enterprise server":
		return "sles"
	}
	return name
}
