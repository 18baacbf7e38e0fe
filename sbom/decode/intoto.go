package decode

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// maxSubjects bounds the subjects of one statement. BuildKit names every file of
// an exported folder; a large root file system has some hundred thousand.
const maxSubjects = 1 << 20

// subject is one artifact that a statement is about.
type subject struct{ name, sha256 string }

// statement unwraps an in-toto Statement (v0.1, v1) whose predicate is an SBOM.
// Its subjects are the artifacts that the SBOM is about.
func (d *decoder) statement(raw []byte, wrappers int) ([]*sbom.Document, error) {
	var (
		subjects      []subject
		predicate     []byte
		predicateType string
	)
	r := jsonscan.New(raw, jsonscan.Options{})
	if r.RequireObject() {
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			switch string(key) {
			case "predicateType":
				predicateType, _ = r.TryString()
			case "subject":
				subjects = readSubjects(r)
			case "predicate":
				predicate = r.Raw()
			}
		}
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	if len(subjects) > maxSubjects {
		return nil, ident.Errorf(ident.KindLimit, "the in-toto statement has more than %d subjects", maxSubjects)
	}
	if !strings.Contains(predicateType, "spdx") && !strings.Contains(predicateType, "cyclonedx") {
		return nil, ident.Errorf(ident.KindUnsupported, "is an in-toto statement of type %.120q and no SBOM", predicateType)
	}
	// cosign's older form wraps the document once more: {"Data": …, "Timestamp": …}.
	if old, ok := member(predicate, "Data"); ok {
		predicate = old
	}
	if len(predicate) > 0 && predicate[0] == '"' {
		var text string
		if err := json.Unmarshal(predicate, &text); err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "the predicate of the in-toto statement is malformed: %w", err)
		}
		predicate = []byte(text)
	}
	docs, err := d.decode(predicate, wrappers+1)
	if err != nil {
		return nil, err
	}
	for _, doc := range docs {
		about(doc, subjects)
	}
	return docs, nil
}

// readSubjects reads the subjects up to one beyond the limit.
func readSubjects(r *jsonscan.Reader) []subject {
	var out []subject
	if !r.Array() {
		return nil
	}
	for r.NextItem() {
		if len(out) > maxSubjects || !r.Object() {
			continue
		}
		var s subject
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			switch string(key) {
			case "name":
				s.name, _ = r.TryString()
			case "digest":
				if !r.Object() {
					continue
				}
				for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
					if string(key) == "sha256" {
						s.sha256, _ = r.TryString()
					}
				}
			}
		}
		out = append(out, s)
	}
	return out
}

// member returns the bytes of a member of the top level; false where raw is no
// object or has none of that name.
func member(raw []byte, name string) ([]byte, bool) {
	r := jsonscan.New(raw, jsonscan.Options{})
	if r.Kind() != jsonscan.Object || !r.Object() {
		return nil, false
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		if string(key) == name {
			value := r.Raw()
			return value, len(value) > 0
		}
	}
	return nil, false
}

// about gives a document the identities that a statement's subjects have. BuildKit
// has a folder scanned and names the image in the subject alone, by a package URL
// with the platform, whose digest is that of the platform's manifest; cosign and
// others name it by its repository, with the digest of whatever was signed.
func about(doc *sbom.Document, subjects []subject) {
	s := &doc.Subject
	of := identities{subject: s, digests: map[ident.Digest]int{}, references: map[ident.ImageRef]bool{}}
	for i, g := range s.Digests {
		of.digests[g.Digest] = i
	}
	for _, r := range s.References {
		of.references[r] = true
	}
	folder := s.Kind == "directory" || s.Kind == "file"
	if folder && strings.HasPrefix(s.Name, extraPrefix) && slices.ContainsFunc(subjects, byBuildKit) {
		doc.Warnings = append(doc.Warnings, sbom.Warning{Pointer: "/subject",
			Message: fmt.Sprintf("it lists what stood in the build's %s, not in the image that the statement names: it is matched with none", stage(s.Name))})
		return
	}
	named := false
	for _, sub := range subjects {
		digest, err := ident.ParseDigest("sha256:" + sub.sha256)
		if err != nil {
			continue
		}
		role, ref, isImage := image(sub.name)
		if !isImage && folder && strings.Contains(sub.name, "/") {
			continue // a file of the folder that was scanned
		}
		named = true
		of.digest(role, digest)
		switch {
		case s.Name == "":
			s.Name = sub.name
		case isImage && folder && s.Kind != "container" && s.PURL == "":
			s.Kind, s.Name, s.Version = "container", sub.name, ""
			if strings.HasPrefix(sub.name, "pkg:") {
				s.PURL = sub.name
			}
			if !ref.IsZero() {
				s.Name, s.Version = ref.Name(), ref.Tag
			}
		}
		if !ref.IsZero() {
			ref.Digest = digest
			of.reference(ref)
		}
	}
	if !named {
		doc.Warnings = append(doc.Warnings, sbom.Warning{Pointer: "/subject", Message: "the in-toto statement names no image: the SBOM can be matched with none"})
	}
}

// extraPrefix begins the name under which BuildKit has the context or a stage of a
// build scanned, where the Dockerfile asks for it. Their statements have the image
// for their subject like that of the image itself, whose name is "sbom".
const extraPrefix = "sbom-"

func stage(name string) string {
	if name = strings.TrimPrefix(name, extraPrefix); name == "context" {
		return "context"
	}
	return fmt.Sprintf("stage %.80q", name)
}

func byBuildKit(s subject) bool {
	p, ok := sbom.ParseImagePURL(s.name)
	return ok && p.Platform != ""
}

// image reads the name of a subject as that of an image: a package URL, or a
// repository with its registry. What is left is a file's name, or a name that
// only its writer understands.
func image(name string) (ident.DigestRole, ident.ImageRef, bool) {
	if p, ok := sbom.ParseImagePURL(name); ok {
		if p.Role == ident.RoleUnknown && p.Platform != "" {
			p.Role = ident.RoleManifest
		}
		return p.Role, p.Reference, true
	}
	host, _, ok := strings.Cut(name, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return ident.RoleUnknown, ident.ImageRef{}, false
	}
	ref, err := ident.ParseImageRef(name)
	return ident.RoleUnknown, ref, err == nil
}

// identities collects what a subject is known by, each once however many there are.
type identities struct {
	subject    *sbom.Subject
	digests    map[ident.Digest]int
	references map[ident.ImageRef]bool
}

func (s *identities) digest(role ident.DigestRole, d ident.Digest) {
	i, ok := s.digests[d]
	if !ok {
		s.digests[d] = len(s.subject.Digests)
		s.subject.Digests = append(s.subject.Digests, ident.RoledDigest{Role: role, Digest: d})
		return
	}
	if g := &s.subject.Digests[i]; g.Role == ident.RoleUnknown {
		g.Role = role
	}
}

func (s *identities) reference(r ident.ImageRef) {
	if !s.references[r] {
		s.references[r] = true
		s.subject.References = append(s.subject.References, r)
	}
}
