package syft

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
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

// file is the part of syft's schema (versions 1 to 16) that is read.
type file struct {
	Artifacts     []artifact     `json:"artifacts"`
	Relationships []relationship `json:"artifactRelationships"`
	Source        struct {
		ID      string          `json:"id"`
		Name    string          `json:"name"`
		Version string          `json:"version"`
		Type    string          `json:"type"`
		Meta    json.RawMessage `json:"metadata"`
		Target  json.RawMessage `json:"target"` // before schema 9
	} `json:"source"`
	Distro struct {
		ID        string `json:"id"`
		Name      string `json:"name"`
		VersionID string `json:"versionID"`
		Version   string `json:"version"`
	} `json:"distro"`
	Descriptor struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"descriptor"`
	Schema struct {
		Version string `json:"version"`
	} `json:"schema"`
}

type artifact struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Version   string          `json:"version"`
	Type      string          `json:"type"`
	PURL      string          `json:"purl"`
	Licenses  json.RawMessage `json:"licenses"`
	CPEs      json.RawMessage `json:"cpes"`
	Locations []struct {
		Path    string `json:"path"`
		LayerID string `json:"layerID"`
	} `json:"locations"`
	Metadata json.RawMessage `json:"metadata"`
}

type relationship struct {
	Parent string `json:"parent"`
	Child  string `json:"child"`
	Type   string `json:"type"`
}

type imageSource struct {
	UserInput      string   `json:"userInput"`
	ImageID        string   `json:"imageID"`
	ManifestDigest string   `json:"manifestDigest"`
	Tags           []string `json:"tags"`
	RepoDigests    []string `json:"repoDigests"`
}

// Decode reads one document. Errors are *ident.Error, or the context's.
func Decode(ctx context.Context, data []byte, o Options) (*sbom.Document, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.MaxComponents <= 0 {
		o.MaxComponents = defaultMaxComponents
	}
	if len(data) > o.MaxBytes {
		return nil, ident.Errorf(ident.KindLimit, "the document has %d bytes, more than %d", len(data), o.MaxBytes)
	}
	var f file
	if err := jsonscan.Check(data, jsonscan.Options{}); err != nil { // encoding/json takes the last of two names
		return nil, err
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "is not syft's JSON: %w", err)
	}
	if f.Artifacts == nil {
		return nil, ident.Errorf(ident.KindInvalid, "holds no list of artifacts, so what the image holds is not known")
	}
	if len(f.Artifacts) > o.MaxComponents {
		return nil, ident.Errorf(ident.KindLimit, "the document has more than %d artifacts", o.MaxComponents)
	}
	d := &sbom.Document{Format: sbom.Syft, SpecVersion: f.Schema.Version, Encoding: sbom.JSON, Digest: o.Digest, Size: int64(len(data)),
		Name: f.Source.Name, Tools: []sbom.Tool{{Vendor: "anchore", Name: f.Descriptor.Name, Version: f.Descriptor.Version}}}
	if d.Digest.IsZero() {
		d.Digest = ident.SHA256(data)
	}
	f.subject(d)
	ids := make(map[string]int32, len(f.Artifacts))
	for i := range f.Artifacts {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		c := f.Artifacts[i].component(fmt.Sprintf("/artifacts/%d", i))
		ids[c.ID] = int32(i) //nolint:gosec // MaxComponents is far below
		d.Components = append(d.Components, c)
	}
	for _, r := range f.Relationships {
		parent, ok := ids[r.Parent]
		child, known := ids[r.Child]
		if !ok || !known {
			continue // files, and the source itself
		}
		switch r.Type {
		case "dependency-of": // the parent is a dependency of the child
			d.Dependencies = append(d.Dependencies, sbom.Dependency{From: child, To: parent})
		case "contains", "ownership-by-file-overlap":
			d.Dependencies = append(d.Dependencies, sbom.Dependency{From: parent, To: child, Kind: sbom.Contains})
		}
	}
	return d, nil
}

func (f *file) subject(d *sbom.Document) {
	s := &d.Subject
	s.Name, s.Version, s.ID, s.Kind = f.Source.Name, f.Source.Version, f.Source.ID, f.Source.Type
	s.OS = sbom.Distro{ID: strings.ToLower(first(f.Distro.ID, f.Distro.Name)), VersionID: first(f.Distro.VersionID, f.Distro.Version)}
	if s.Kind != "image" {
		return
	}
	s.Kind = "container"
	var m imageSource
	for _, raw := range []json.RawMessage{f.Source.Meta, f.Source.Target} {
		if len(raw) > 0 && m.UserInput == "" {
			_ = json.Unmarshal(raw, &m) // what is not an image's metadata leaves m as it is
		}
	}
	s.Name = first(m.UserInput, s.Name)
	for _, x := range []struct {
		role ident.DigestRole
		text string
	}{{ident.RoleManifest, m.ManifestDigest}, {ident.RoleConfig, m.ImageID}} {
		if g, err := ident.ParseDigest(x.text); err == nil {
			s.Digests = append(s.Digests, ident.RoledDigest{Role: x.role, Digest: g})
		}
	}
	seen := map[ident.ImageRef]bool{}
	for _, text := range append(append([]string{m.UserInput}, m.Tags...), m.RepoDigests...) {
		r, err := ident.ParseImageRef(text)
		if err == nil && (r.Tag != "" || !r.Digest.IsZero()) && !seen[r] {
			seen[r] = true
			s.References = append(s.References, r)
		}
	}
}

func (a *artifact) component(pointer string) sbom.Component {
	c := sbom.Component{ID: a.ID, Type: "library", Name: a.Name, Version: a.Version, PURL: a.PURL, Pointer: pointer}
	for _, l := range a.Locations {
		c.Locations = append(c.Locations, l.Path)
		if d, err := ident.ParseDigest(l.LayerID); err == nil && c.Layer.IsZero() {
			c.Layer = d
		}
	}
	// Licences were texts before schema 10 and are objects since.
	var texts []string
	if json.Unmarshal(a.Licenses, &texts) == nil {
		for _, t := range texts {
			c.Licenses = append(c.Licenses, sbom.License{Expression: t})
		}
	} else {
		var objects []struct {
			Value string `json:"value"`
			SPDX  string `json:"spdxExpression"`
			Type  string `json:"type"`
		}
		if json.Unmarshal(a.Licenses, &objects) == nil {
			for _, l := range objects {
				lic := sbom.License{Expression: first(l.SPDX, l.Value), Name: l.SPDX == ""}
				switch l.Type {
				case "declared":
					lic.Kind = sbom.LicenseDeclared
				case "concluded":
					lic.Kind = sbom.LicenseConcluded
				}
				c.Licenses = append(c.Licenses, lic)
			}
		}
	}
	var cpes []string
	if json.Unmarshal(a.CPEs, &cpes) == nil {
		c.CPEs = cpes
	} else {
		var objects []struct {
			CPE string `json:"cpe"`
		}
		if json.Unmarshal(a.CPEs, &objects) == nil {
			for _, o := range objects {
				c.CPEs = append(c.CPEs, o.CPE)
			}
		}
	}
	var m struct {
		Source        string `json:"source"`
		SourceVersion string `json:"sourceVersion"`
		OriginPackage string `json:"originPackage"`
		SourceRPM     string `json:"sourceRpm"`
		Maintainer    string `json:"maintainer"`
		Vendor        string `json:"vendor"`
	}
	// Metadata differs by package type; fields of another type than these are not
	// the ones that are meant.
	_ = json.Unmarshal(a.Metadata, &m)
	c.Origin = first(m.Maintainer, m.Vendor)
	switch a.Type {
	case "deb":
		c.Source = sbom.SourcePackage{Name: m.Source, Version: m.SourceVersion}
	case "apk":
		c.Source.Name = m.OriginPackage
	case "rpm":
		c.Source = sourceRPM(m.SourceRPM)
	}
	return c
}

// sourceRPM splits name-version-release.src.rpm.
func sourceRPM(s string) sbom.SourcePackage {
	s = strings.TrimSuffix(strings.TrimSuffix(s, ".rpm"), ".src")
	release := strings.LastIndexByte(s, '-')
	if release <= 0 {
		return sbom.SourcePackage{}
	}
	version := strings.LastIndexByte(s[:release], '-')
	if version <= 0 {
		return sbom.SourcePackage{}
	}
	return sbom.SourcePackage{Name: s[:version], Version: s[version+1:]}
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
