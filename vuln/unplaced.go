package vuln

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// Unplaced is a package of a distribution of which nothing says the release: its
// advisories, which are published by release, can be compared with none of them.
// Kubernetes' bom writes whole lists of such packages.
type Unplaced struct {
	Distribution string // identifier of os-release(5); "" if not even that is known
	Source       string // name of the source package, by which most advisories go; "" if the component does not tell
	base         string // of its ecosystems; "" if the distribution is not known
}

// UnplacedPackage reports whether a component is such a package.
func UnplacedPackage(c *sbom.Component, subjectOS sbom.Distro) (Unplaced, bool) {
	_, rest, _ := strings.Cut(c.PURL, ":")
	typ, _, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
	if typ = strings.ToLower(typ); typ != "deb" && typ != "rpm" && typ != "apk" {
		return Unplaced{}, false // most components are: not worth parsing
	}
	p, err := purlOf(c)
	if err != nil { // most often it lacks the distribution
		return Unplaced{Source: c.Source.Name}, true
	}
	id, release := distroOf(p, subjectOS)
	if _, err := distroEcosystem(p.Type, id, release); err == nil || release != "" {
		return Unplaced{}, false
	}
	u := Unplaced{Distribution: id}
	if id != "" {
		// Any release will do to learn how the ecosystems of the distribution begin.
		ecosystem, err := distroEcosystem(p.Type, id, "1.1")
		if err != nil {
			return Unplaced{}, false // no advisories are published for it at all
		}
		u.base = scopeOf(ecosystem).base
	}
	u.Source, _ = sourceOf(p, c.Source)
	return u, true
}

// In reports whether an ecosystem may be that of some release of its distribution.
func (u Unplaced) In(ecosystem string) bool {
	base := scopeOf(ecosystem).base
	return base == u.base || u.base == "" && released[base]
}
