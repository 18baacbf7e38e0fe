package syft

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// source is what syft looked at. What describes it is read once its type is known.
type source struct {
	id, name, version, kind string
	metadata                *jsonscan.Reader
	target                  *jsonscan.Reader // before schema 9
}

func readSource(r *jsonscan.Reader) (s source) {
	if !r.Object() {
		return s
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "id":
			s.id = r.String()
		case "name":
			s.name = r.String()
		case "version":
			s.version = r.String()
		case "type":
			s.kind = r.String()
		case "metadata":
			s.metadata = r.Defer()
		case "target":
			s.target = r.Defer()
		}
	}
	return s
}

// image is what describes a source that is an image.
type image struct {
	userInput, imageID, manifestDigest string
	tags, repoDigests                  []string
}

func (m *image) read(r *jsonscan.Reader) error {
	if r.Object() {
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			switch string(key) {
			case "userInput":
				m.userInput = r.String()
			case "imageID":
				m.imageID = r.String()
			case "manifestDigest":
				m.manifestDigest = r.String()
			case "tags":
				m.tags = r.Strings()
			case "repoDigests":
				m.repoDigests = r.Strings()
			}
		}
	}
	return r.Err()
}

// subject fills the subject with every identity of an image; of other sources
// only the name is known.
func (s *source) subject(out *sbom.Subject) error {
	out.Name, out.Version, out.ID, out.Kind = s.name, s.version, s.id, s.kind
	if s.kind != "image" {
		return nil
	}
	out.Kind = "container"
	var m image
	for _, r := range []*jsonscan.Reader{s.metadata, s.target} {
		if r == nil || m.userInput != "" {
			continue
		}
		if err := m.read(r); err != nil {
			return err
		}
	}
	out.Name = first(m.userInput, out.Name)
	if g, err := ident.ParseDigest(m.manifestDigest); err == nil {
		out.Digests = append(out.Digests, ident.RoledDigest{Role: ident.RoleManifest, Digest: g})
	}
	if g, err := ident.ParseDigest(m.imageID); err == nil {
		out.Digests = append(out.Digests, ident.RoledDigest{Role: ident.RoleConfig, Digest: g})
	}
	out.AddReferences(slices.Concat([]string{m.userInput}, m.tags, m.repoDigests)...)
	return nil
}

// distro is the release of the image, in the words of os-release(5).
type distro struct{ id, name, versionID, version string }

func readDistro(r *jsonscan.Reader) (d distro) {
	if !r.Object() {
		return d
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "id":
			d.id = r.String()
		case "name":
			d.name = r.String()
		case "versionID":
			d.versionID = r.String()
		case "version":
			d.version = r.String()
		}
	}
	return d
}

func (d distro) release() sbom.Distro {
	return sbom.Distro{ID: strings.ToLower(first(d.id, d.name)), VersionID: first(d.versionID, d.version)}
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
