package quality

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// Signals are what helps to judge a document and is no element of a standard.
type Signals struct {
	Created string `json:"created,omitempty"`
	AgeDays *int   `json:"ageDays,omitempty"` // at the time of asking; absent: not known
	// Coverage of the document, by what it lists.
	OSPackages       int            `json:"osPackages"`
	LanguagePackages int            `json:"languagePackages"`
	Ecosystems       map[string]int `json:"ecosystems"`                // by type of package URL
	Dependencies     int            `json:"dependencies"`              // edges of need
	Transitive       string         `json:"transitive"`                // "yes", "no"; "unknown" where no dependency is recorded
	SaysIncomplete   bool           `json:"saysIncomplete"`            // the document itself says so
	Unresolved       int            `json:"unresolvedLicenses"`        // components of which no licence is asserted
	UnresolvedSince  string         `json:"unresolvedSince,omitempty"` // the oldest of them: the date of the first document that says so
	Redacted         int            `json:"redacted"`                  // components whose name or version is withheld
	Build            Build          `json:"build"`
}

// Build is what a document says of how its subject was built.
type Build struct {
	Compilers   []string `json:"compilers,omitempty"`
	BaseImage   string   `json:"baseImage,omitempty"` // name and digest, as labels or properties have them
	Formulation bool     `json:"formulation"`         // CycloneDX formulation
	BuildTools  int      `json:"buildTools"`          // SPDX relationships to build tools
	Lifecycle   []string `json:"lifecycle,omitempty"`
}

func (b Build) empty() bool {
	return len(b.Compilers) == 0 && b.BaseImage == "" && !b.Formulation && b.BuildTools == 0
}

// osTypes are the types of package URLs of distributions' package managers.
var osTypes = map[string]bool{"deb": true, "rpm": true, "apk": true, "alpm": true, "qpkg": true, "opkg": true, "ebuild": true, "portage": true, "alpine": true}

// anonymousTypes are no package managers' at all.
var anonymousTypes = map[string]bool{"generic": true, "oci": true, "docker": true, "github": true, "bitbucket": true}

func (v *view) signals(at time.Time) Signals {
	d := v.d
	s := Signals{Ecosystems: map[string]int{}, SaysIncomplete: v.incomplete, Transitive: v.transitive(), Build: v.build()}
	if !d.Created.IsZero() {
		s.Created = d.Created.UTC().Format(time.RFC3339)
		if !at.IsZero() {
			n := days(max(0, at.Sub(d.Created)))
			s.AgeDays = &n
		}
	}
	var oldest time.Time
	for i := range d.Components {
		c := &d.Components[i]
		var kind string
		var silent bool
		if j := v.remembered[i]; j != nil {
			kind, silent = j.kind, j.silent
		} else {
			kind = purlType(c.PURL)
			silent = unresolved(c)
		}
		if kind != "" {
			if _, met := s.Ecosystems[kind]; !met {
				kind = strings.Clone(kind) // the document may end before the report
			}
			s.Ecosystems[kind]++
			switch {
			case osTypes[kind]:
				s.OSPackages++
			case !anonymousTypes[kind]:
				s.LanguagePackages++
			}
		}
		if silent {
			s.Unresolved++
			if since := v.licensed.since(c, d.Created); !since.IsZero() && (oldest.IsZero() || since.Before(oldest)) {
				oldest = since
			}
		}
		if strings.EqualFold(c.Version, "withheld") || strings.EqualFold(c.Version, "redacted") || strings.EqualFold(c.Name, "redacted") {
			s.Redacted++
		}
	}
	if !oldest.IsZero() {
		s.UnresolvedSince = oldest.UTC().Format(time.RFC3339)
	}
	for _, e := range d.Dependencies {
		if e.Kind == sbom.DependsOn {
			s.Dependencies++
		}
	}
	return s
}

// purlType is the type of a package URL; "" of what is none.
func purlType(purl string) string {
	rest, ok := strings.CutPrefix(purl, "pkg:")
	if !ok {
		return ""
	}
	kind, _, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
	return strings.ToLower(kind)
}

// transitive says whether any component needs another: direct dependencies alone start
// at the subject.
func (v *view) transitive() string {
	found := "unknown"
	for _, e := range v.d.Dependencies {
		if e.Kind != sbom.DependsOn {
			continue
		}
		if e.From != sbom.SubjectIndex {
			return "yes"
		}
		found = "no"
	}
	return found
}

// labels of images that name the base image (OCI annotations, "Pre-Defined Annotation Keys").
const (
	baseName   = "org.opencontainers.image.base.name"
	baseDigest = "org.opencontainers.image.base.digest"
)

func (v *view) build() Build {
	d := v.d
	b := Build{Lifecycle: d.Lifecycle}
	compilers := map[string]bool{}
	for i := range d.Components {
		c := &d.Components[i]
		if c.Details != nil {
			for _, p := range c.Details.Properties {
				if strings.HasSuffix(p.Name, ":goCompiledVersion") && p.Value != "" {
					compilers["go "+strings.TrimPrefix(p.Value, "go")] = true
				}
			}
		}
		if c.Name == "stdlib" && strings.HasPrefix(c.PURL, "pkg:golang/stdlib@") && c.Version != "" {
			compilers["go "+strings.TrimPrefix(strings.TrimPrefix(c.Version, "v"), "go")] = true
		}
	}
	b.Compilers = slices.Sorted(maps.Keys(compilers))
	if det := d.Details; det != nil {
		b.Formulation, b.BuildTools = det.Formulation, det.BuildTools
		name, digest := "", ""
		for _, p := range det.Properties {
			switch {
			case strings.HasSuffix(p.Name, baseName):
				name = p.Value
			case strings.HasSuffix(p.Name, baseDigest):
				digest = p.Value
			}
		}
		if b.BaseImage = name; digest != "" {
			b.BaseImage = name + "@" + digest
		}
	}
	return b
}
