package trivy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/sbom/cyclonedx"
)

// Options limit what a document may hold. The zero value has the defaults.
type Options struct {
	MaxBytes      int
	MaxComponents int
	// Digest is the SHA-256 of the bytes, where the caller has computed it.
	Digest ident.Digest
}

const (
	defaultMaxBytes      = 512 << 20
	defaultMaxComponents = 2_000_000
)

func (o Options) check(size int) (Options, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.MaxComponents <= 0 {
		o.MaxComponents = defaultMaxComponents
	}
	if size > o.MaxBytes {
		return o, ident.Errorf(ident.KindLimit, "the document has %d bytes, more than %d", size, o.MaxBytes)
	}
	return o, nil
}

type reportFile struct {
	SchemaVersion int    `json:"SchemaVersion"`
	CreatedAt     string `json:"CreatedAt"`
	ArtifactName  string `json:"ArtifactName"`
	ArtifactType  string `json:"ArtifactType"`
	Trivy         struct {
		Version string `json:"Version"`
	} `json:"Trivy"`
	Metadata struct {
		OS struct {
			Family string `json:"Family"`
			Name   string `json:"Name"`
		} `json:"OS"`
		ImageID     string   `json:"ImageID"`
		RepoTags    []string `json:"RepoTags"`
		RepoDigests []string `json:"RepoDigests"`
	} `json:"Metadata"`
	Results []struct {
		Target   string    `json:"Target"`
		Class    string    `json:"Class"`
		Type     string    `json:"Type"`
		Packages []pkgInfo `json:"Packages"`
	} `json:"Results"`
}

type pkgInfo struct {
	ID         string `json:"ID"`
	Name       string `json:"Name"`
	Version    string `json:"Version"`
	Release    string `json:"Release"`
	SrcName    string `json:"SrcName"`
	SrcVersion string `json:"SrcVersion"`
	SrcRelease string `json:"SrcRelease"`
	Maintainer string `json:"Maintainer"`
	FilePath   string `json:"FilePath"`
	Identifier struct {
		PURL string `json:"PURL"`
		UID  string `json:"UID"`
	} `json:"Identifier"`
	Licenses  []string `json:"Licenses"`
	DependsOn []string `json:"DependsOn"`
	Layer     struct {
		Digest string `json:"Digest"`
		DiffID string `json:"DiffID"`
	} `json:"Layer"`
}

// Decode reads a report. One whose results hold no package lists is of kind
// unsupported: absence from it would prove nothing.
func Decode(ctx context.Context, data []byte, o Options) (*sbom.Document, error) {
	o, err := o.check(len(data))
	if err != nil {
		return nil, err
	}
	var f reportFile
	if err := jsonscan.Check(data, jsonscan.Options{}); err != nil { // encoding/json takes the last of two names
		return nil, err
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "is not Trivy's JSON: %w", err)
	}
	listed := len(f.Results) == 0
	for _, r := range f.Results {
		listed = listed || len(r.Packages) > 0
	}
	if !listed {
		return nil, ident.Errorf(ident.KindUnsupported, "is a Trivy report without package lists, which is no SBOM").
			WithHint("trivy image --format json --list-all-pkgs, or --format cyclonedx")
	}
	d := &sbom.Document{Format: sbom.Trivy, SpecVersion: fmt.Sprint(f.SchemaVersion), Encoding: sbom.JSON, Digest: o.Digest, Size: int64(len(data)),
		Name: f.ArtifactName, Tools: []sbom.Tool{{Vendor: "aquasecurity", Name: "trivy", Version: f.Trivy.Version}}}
	// An image without packages has no results at all; a report that left packages
	// out looks the same.
	d.Incomplete = len(f.Results) == 0
	for _, r := range f.Results {
		d.Incomplete = d.Incomplete || len(r.Packages) == 0 && (r.Class == "os-pkgs" || r.Class == "lang-pkgs")
	}
	if d.Digest.IsZero() {
		d.Digest = ident.SHA256(data)
	}
	if t, err := time.Parse(time.RFC3339, f.CreatedAt); err == nil {
		d.Created = t
	}
	f.subject(d)
	for i, r := range f.Results {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		base := len(d.Components)
		if base+len(r.Packages) > o.MaxComponents {
			return nil, ident.Errorf(ident.KindLimit, "the report has more than %d packages", o.MaxComponents)
		}
		ids := map[string]int32{}
		for j := range r.Packages {
			p := &r.Packages[j]
			ids[p.ID] = int32(base + j) //nolint:gosec // MaxComponents is far below
			d.Components = append(d.Components, p.component(fmt.Sprintf("/Results/%d/Packages/%d", i, j), r.Target))
		}
		for j := range r.Packages {
			for _, to := range r.Packages[j].DependsOn {
				if t, ok := ids[to]; ok {
					d.Dependencies = append(d.Dependencies, sbom.Dependency{From: int32(base + j), To: t}) //nolint:gosec // as above
				}
			}
		}
	}
	return d, nil
}

func (f *reportFile) subject(d *sbom.Document) {
	s := &d.Subject
	s.Name, s.Kind = f.ArtifactName, f.ArtifactType
	s.OS = sbom.Distro{ID: strings.ToLower(f.Metadata.OS.Family), VersionID: f.Metadata.OS.Name}
	if f.ArtifactType != "container_image" {
		return
	}
	s.Kind = "container"
	if g, err := ident.ParseDigest(f.Metadata.ImageID); err == nil {
		s.Digests = append(s.Digests, ident.RoledDigest{Role: ident.RoleConfig, Digest: g})
	}
	seen := map[ident.ImageRef]bool{}
	for _, text := range append(append([]string{f.ArtifactName}, f.Metadata.RepoTags...), f.Metadata.RepoDigests...) {
		r, err := ident.ParseImageRef(text)
		if err == nil && (r.Tag != "" || !r.Digest.IsZero()) && !seen[r] {
			seen[r] = true
			s.References = append(s.References, r)
		}
	}
}

func (p *pkgInfo) component(pointer, target string) sbom.Component {
	c := sbom.Component{ID: p.ID, Type: "library", Name: p.Name, Version: join(p.Version, p.Release), PURL: p.Identifier.PURL, Origin: p.Maintainer,
		Source: sbom.SourcePackage{Name: p.SrcName, Version: join(p.SrcVersion, p.SrcRelease)}, Pointer: pointer}
	for _, l := range p.Licenses {
		c.Licenses = append(c.Licenses, sbom.License{Expression: l})
	}
	for _, loc := range []string{p.FilePath, target} {
		if loc != "" {
			c.Locations = append(c.Locations, loc)
			break
		}
	}
	for _, l := range []string{p.Layer.Digest, p.Layer.DiffID} {
		if d, err := ident.ParseDigest(l); err == nil {
			c.Layer = d
			break
		}
	}
	return c
}

func join(version, release string) string {
	if release == "" {
		return version
	}
	return version + "-" + release
}

// DecodeReport reads one SbomReport or ClusterSbomReport object as JSON: a
// CycloneDX document inside, and the artifact beside it.
func DecodeReport(ctx context.Context, data []byte, o Options) (*sbom.Document, error) {
	o, err := o.check(len(data))
	if err != nil {
		return nil, err
	}
	var r struct {
		Report struct {
			Registry struct {
				Server string `json:"server"`
			} `json:"registry"`
			Artifact struct {
				Repository string `json:"repository"`
				Tag        string `json:"tag"`
				Digest     string `json:"digest"`
			} `json:"artifact"`
			Components json.RawMessage `json:"components"`
		} `json:"report"`
	}
	if err := jsonscan.Check(data, jsonscan.Options{}); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "the report object is malformed: %w", err)
	}
	if len(r.Report.Components) == 0 {
		return nil, ident.Errorf(ident.KindInvalid, "the report object holds no CycloneDX document (report.components)")
	}
	d, err := cyclonedx.Decode(ctx, r.Report.Components, cyclonedx.Options{MaxBytes: o.MaxBytes, MaxComponents: o.MaxComponents})
	if err != nil {
		return nil, err
	}
	d.Format = sbom.TrivyOperator
	if !o.Digest.IsZero() {
		d.Digest = o.Digest
	}
	a := r.Report.Artifact
	text := a.Repository
	if r.Report.Registry.Server != "" {
		text = r.Report.Registry.Server + "/" + text
	}
	if a.Tag != "" {
		text += ":" + a.Tag
	}
	ref, err := ident.ParseImageRef(text)
	if err != nil {
		return d, nil //nolint:nilerr // an operator that scanned no image names no reference; the document stands
	}
	if g, err := ident.ParseDigest(a.Digest); err == nil {
		ref.Digest = g
	}
	d.Subject.Kind = "container"
	d.Subject.References = append(d.Subject.References, ref)
	return d, nil
}
