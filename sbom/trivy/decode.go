package trivy

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Options limit what a document may hold.
type Options = sbom.Limits

// Decode reads a report in one pass. One whose results hold no package lists is
// of kind unsupported: absence from it would prove nothing. Names of members are
// matched as they are written. A name that occurs twice in one object, anywhere
// in the report, is an error, and so is a value of another type than Trivy's
// among those that are read. Errors are *ident.Error, below a
// *jsonscan.SyntaxError with the JSON pointer where a value is at fault, or the
// context's.
func Decode(ctx context.Context, data []byte, o Options) (*sbom.Document, error) {
	if err := o.Admit(data); err != nil {
		return nil, err
	}
	d := decoder{
		ctx: ctx, maxComponents: o.MaxComponents,
		r:   jsonscan.New(data, jsonscan.Options{StrictSkip: true}),
		doc: &sbom.Document{Format: sbom.Trivy, Encoding: sbom.JSON, Digest: o.Digest, Size: int64(len(data))},
	}
	if err := d.report(); err != nil {
		return nil, err
	}
	if d.doc.Digest.IsZero() {
		d.doc.Digest = ident.SHA256(data)
	}
	return d.doc, nil
}

// decoder reads the members of a report in whatever order they stand.
type decoder struct {
	ctx           context.Context
	maxComponents int
	r             *jsonscan.Reader
	doc           *sbom.Document
	results       int
	without       int   // results without packages that are lists of packages by their class
	err           error // a limit was met or the context ended
}

func (d *decoder) report() error {
	r := d.r
	schema := int64(0)
	artifact, kind := "", ""
	tool := sbom.Tool{Vendor: "aquasecurity", Name: "trivy"}
	var m metadata
	if r.Object() {
		for key, ok := r.NextKey(); ok && d.err == nil; key, ok = r.NextKey() {
			switch string(key) {
			case "SchemaVersion":
				schema = r.Int()
			case "CreatedAt":
				if t, err := time.Parse(time.RFC3339, r.String()); err == nil {
					d.doc.Created = t
				}
			case "ArtifactName":
				artifact = r.String()
			case "ArtifactType":
				kind = r.String()
			case "Trivy":
				tool.Version = member(r, "Version")
			case "Metadata":
				m = readMetadata(r)
			case "Results":
				d.readResults()
			}
		}
	}
	if d.err != nil {
		return d.err
	}
	if err := r.End(); err != nil {
		return err
	}
	if d.results > 0 && len(d.doc.Components) == 0 {
		return ident.Errorf(ident.KindUnsupported, "is a Trivy report without package lists, which is no SBOM").
			WithHint("trivy image --format json --list-all-pkgs, or --format cyclonedx")
	}
	// An image without packages has no results at all; a report that left packages
	// out looks the same.
	d.doc.Incomplete = d.results == 0 || d.without > 0
	d.doc.SpecVersion, d.doc.Name, d.doc.Tools = strconv.FormatInt(schema, 10), artifact, []sbom.Tool{tool}
	m.subject(&d.doc.Subject, artifact, kind)
	return nil
}

// member reads the text that one member of an object is; "" where it has none.
func member(r *jsonscan.Reader, name string) (text string) {
	if r.Object() {
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			if string(key) == name {
				text = r.String()
			}
		}
	}
	return text
}

// metadata describes the artifact.
type metadata struct {
	os                    sbom.Distro
	imageID               string
	repoTags, repoDigests []string
}

func readMetadata(r *jsonscan.Reader) (m metadata) {
	if !r.Object() {
		return m
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "OS":
			m.os = readOS(r)
		case "ImageID":
			m.imageID = r.String()
		case "RepoTags":
			m.repoTags = r.Strings()
		case "RepoDigests":
			m.repoDigests = r.Strings()
		}
	}
	return m
}

func readOS(r *jsonscan.Reader) (os sbom.Distro) {
	if !r.Object() {
		return os
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "Family":
			os.ID = strings.ToLower(r.String())
		case "Name":
			os.VersionID = r.String()
		}
	}
	return os
}

func (m *metadata) subject(s *sbom.Subject, artifact, kind string) {
	s.Name, s.Kind, s.OS = artifact, kind, m.os
	if kind != "container_image" {
		return
	}
	s.Kind = "container"
	if g, err := ident.ParseDigest(m.imageID); err == nil {
		s.Digests = append(s.Digests, ident.RoledDigest{Role: ident.RoleConfig, Digest: g})
	}
	s.AddReferences(slices.Concat([]string{artifact}, m.repoTags, m.repoDigests)...)
}
