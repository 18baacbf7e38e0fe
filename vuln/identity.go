package vuln

import (
	"regexp"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// registries maps the purl types of language registries to OSV ecosystems.
// Types of distributions (deb, rpm, apk) are in distroEcosystem; types that are
// in neither have no advisories of their own in OSV form.
var registries = map[string]string{
	"bioconductor":     "Bioconductor",
	"bitnami":          "Bitnami",
	"cargo":            "crates.io",
	"composer":         "Packagist",
	"conan":            "ConanCenter",
	"cran":             "CRAN",
	"gem":              "RubyGems",
	"github":           "GitHub Actions",
	"githubactions":    "GitHub Actions",
	"golang":           "Go",
	"hackage":          "Hackage",
	"hex":              "Hex",
	"julia":            "Julia",
	"maven":            "Maven",
	"npm":              "npm",
	"nuget":            "NuGet",
	"opam":             "opam",
	"pub":              "Pub",
	"pypi":             "PyPI",
	"swift":            "SwiftURL",
	"vscode-extension": "VSCode",
}

// IdentityOf says under which ecosystem and names advisories speak of a
// component. It reads the package URL only, never the component's name: a name
// in an SPDX document does not say which registry it is of. A package of a
// distribution can have two identities, its source package's and its own,
// since distributions publish by either.
//
// The distribution's release comes from the purl qualifier "distro", else from
// subjectOS, the distribution that the document is about. The source package
// comes from Component.Source (syft and trivy metadata), else from the purl
// qualifiers "upstream" and "source".
//
// The error is an ident.Error whose message is the reason for a reader: no
// package URL, a type without advisories, an unknown release, a version that
// the ecosystem's order does not know. No identity is returned with it.
func IdentityOf(c *sbom.Component, subjectOS sbom.Distro) ([]Identity, error) {
	_, qs, err := identify(c, subjectOS)
	if err != nil {
		return nil, err
	}
	ids := make([]Identity, len(qs))
	for i := range qs {
		ids[i] = qs[i].id
	}
	return ids, nil
}

// identify is IdentityOf with the versions parsed.
func identify(c *sbom.Component, subjectOS sbom.Distro) (PURL, []asked, error) {
	p, err := purlOf(c)
	if err != nil {
		return p, nil, err
	}
	ids, err := identities(p, c, subjectOS, nil)
	if err != nil {
		return p, nil, err
	}
	qs := make([]asked, len(ids))
	for i, id := range ids {
		qs[i].id = id
		o := orderOf(id.Ecosystem)
		if o == nil {
			if id.Version == "" {
				return p, nil, ident.Errorf(ident.KindInvalid, "it has no version")
			}
			continue
		}
		if i > 0 && qs[i-1].id.Version == id.Version {
			qs[i].orders, qs[i].parsed, qs[i].errs = qs[i-1].orders, qs[i-1].parsed, qs[i-1].errs
			continue
		}
		if _, err := qs[i].in(o); err != nil {
			return p, nil, err
		}
	}
	return p, qs, nil
}

// purlOf parses the component's package URL. A version that stands beside a
// package URL without one is taken over.
func purlOf(c *sbom.Component) (PURL, error) {
	if c.PURL == "" {
		return PURL{}, ident.Errorf(ident.KindUnsupported, "it has no package URL")
	}
	p, err := ParsePURL(c.PURL)
	if err != nil {
		return PURL{}, err
	}
	if p.Version == "" {
		p.Version = c.Version
	}
	return p, nil
}

// identities is IdentityOf without the check of the version.
func identities(p PURL, c *sbom.Component, subjectOS sbom.Distro, known releases) ([]Identity, error) {
	if p.Type == "alpine" && p.Namespace == "" {
		p.Type, p.Namespace = "apk", "alpine" // what syft wrote before the type apk was registered
	}
	switch p.Type {
	case "deb", "rpm", "apk":
		return distroIdentities(p, c.Source, subjectOS, known)
	case "golang":
		return []Identity{goIdentity(p)}, nil
	}
	eco, ok := registries[p.Type]
	if !ok {
		return nil, ident.Errorf(ident.KindUnsupported, "no advisories are published in OSV form for the package type %s", clip(p.Type))
	}
	id := Identity{Ecosystem: eco, Version: p.Version}
	switch p.Type {
	case "maven":
		id.Name = p.Namespace + ":" + p.Name
	case "conan", "cran":
		id.Name = p.Name // namespaces are vendors, not part of the recipe's name
	case "vscode-extension":
		id.Name = p.Namespace + "." + p.Name
	default:
		id.Name = p.FullName()
	}
	id.Name = canonicalName(strings.ToLower(eco), id.Name)
	return []Identity{id}, nil
}

var (
	// A Go release as "go version" prints it: "1.20.3", "go1.21rc2", with what a
	// distributor appended after a space, dash or plus.
	reGoRelease = regexp.MustCompile(`^(?:go|v)?([0-9]+)\.([0-9]+)(?:\.([0-9]+))?(?:-?(rc|beta)\.?([0-9]+))?(?:[ +-].*)?$`)
	// The version of the module golang.org/toolchain: "v0.0.1-go1.21.0.linux-amd64".
	reGoToolchain = regexp.MustCompile(`^v0\.0\.1-(go[0-9a-z.]+)\.[a-z0-9]+-[a-z0-9]+$`)
)

// goIdentity names the Go module. The standard library and the toolchain are
// the modules "stdlib" and "toolchain" of the Go vulnerability database; only
// a package URL whose whole path is one of those words means them, so that
// github.com/json-iterator/go stays what it is. The subpath is a package
// within the module and does not matter.
func goIdentity(p PURL) Identity {
	path := canonicalName("go", p.FullName())
	id := Identity{Ecosystem: "Go", Name: path, Version: p.Version}
	switch path {
	case "std", "stdlib":
		id.Name = "stdlib"
	case "toolchain":
	case "golang.org/toolchain":
		m := reGoToolchain.FindStringSubmatch(p.Version)
		if m == nil {
			return id
		}
		id.Name, id.Version = "toolchain", m[1]
	default:
		return id
	}
	id.Version = goRelease(id.Version)
	return id
}

// goRelease writes a Go release as the semantic version that the Go
// vulnerability database orders it by: "go1.21rc2" is "1.21.0-rc.2". Other
// text is returned as it stands.
func goRelease(s string) string {
	m := reGoRelease.FindStringSubmatch(s)
	if m == nil {
		return s
	}
	patch := m[3]
	if patch == "" {
		patch = "0"
	}
	v := m[1] + "." + m[2] + "." + patch
	if m[4] != "" {
		v += "-" + m[4] + "." + m[5]
	}
	return v
}

// distroIdentities names a package of a distribution by source and by itself.
func distroIdentities(p PURL, src sbom.SourcePackage, subjectOS sbom.Distro, known releases) ([]Identity, error) {
	eco, err := known.ecosystem(p, subjectOS)
	if err != nil {
		return nil, err
	}
	base := baseOf(eco)
	own := Identity{Ecosystem: eco, Name: canonicalName(base, p.Name), Version: withEpoch(p.Version, p.Qualifier("epoch"))}
	name, version := sourceOf(p, src)
	if name == "" {
		return []Identity{own}, nil
	}
	source := Identity{Ecosystem: eco, Name: canonicalName(base, name), Version: version}
	if version == "" {
		source.Version = own.Version
		if p.Type == "deb" {
			source.Version = withoutBinNMU(own.Version)
		}
	} else if p.Type == "rpm" && !strings.Contains(version, ":") {
		// The file name of a source RPM leaves out the epoch, which source and
		// binary packages nearly always share.
		if epoch, _, ok := strings.Cut(own.Version, ":"); ok {
			source.Version = withEpoch(version, epoch)
		}
	}
	if source == own {
		return []Identity{own}, nil
	}
	return []Identity{source, own}, nil
}

// withEpoch puts an epoch before a version that carries none.
func withEpoch(version, epoch string) string {
	if epoch == "" || epoch == "0" || version == "" || strings.Contains(version, ":") {
		return version
	}
	return epoch + ":" + version
}

// withoutBinNMU drops the "+b2" of a rebuild of unchanged source (Debian
// Developer's Reference, section 5.10.2.1).
func withoutBinNMU(version string) string {
	i := strings.LastIndex(version, "+b")
	if i < 0 || i+2 == len(version) || strings.Trim(version[i+2:], "0123456789") != "" {
		return version
	}
	return version[:i]
}

// sourceOf finds the source package: the tool's own metadata, else the
// qualifier "upstream" ("util-linux", "util-linux@2.36.1-8", or the file name
// of a source RPM), else the qualifier "source".
func sourceOf(p PURL, src sbom.SourcePackage) (name, version string) {
	if src.Name != "" {
		if p.Type == "rpm" && strings.HasSuffix(src.Name, ".rpm") {
			return splitSourceRPM(src.Name)
		}
		return src.Name, src.Version
	}
	up := p.Qualifier("upstream")
	if up == "" {
		up = p.Qualifier("source")
	}
	up, _, _ = strings.Cut(up, ",")
	if strings.HasSuffix(up, ".rpm") {
		return splitSourceRPM(up)
	}
	name, version, _ = strings.Cut(up, "@")
	if version == "" && name != "" {
		version = p.Qualifier("sourceversion")
	}
	return name, version
}

// splitSourceRPM reads "glibc-2.28-151.el8.src.rpm" as name and version-release.
func splitSourceRPM(file string) (name, version string) {
	file = strings.TrimSuffix(strings.TrimSuffix(file, ".rpm"), ".src")
	file = strings.TrimSuffix(file, ".nosrc")
	i := strings.LastIndexByte(file, '-')
	if i <= 0 {
		return file, ""
	}
	j := strings.LastIndexByte(file[:i], '-')
	if j <= 0 {
		return file, ""
	}
	return file[:j], file[j+1:]
}
