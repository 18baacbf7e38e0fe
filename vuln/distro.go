package vuln

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// debianReleases and ubuntuReleases map code names, which package URLs may
// carry as distro, to the numbers that OSV uses.
var debianReleases = map[string]string{
	"wheezy": "7", "jessie": "8", "stretch": "9", "buster": "10", "bullseye": "11",
	"bookworm": "12", "trixie": "13", "forky": "14", "duke": "15",
}

var ubuntuReleases = map[string]string{
	"trusty": "14.04", "xenial": "16.04", "bionic": "18.04", "focal": "20.04", "jammy": "22.04", "kinetic": "22.10",
	"lunar": "23.04", "mantic": "23.10", "noble": "24.04", "oracular": "24.10", "plucky": "25.04", "questing": "25.10",
}

// distroIDs maps the identifiers of os-release(5), the namespaces of package
// URLs and the families of scanners to one word per distribution.
var distroIDs = map[string]string{
	"redhat": "rhel", "rhel": "rhel", "red hat": "rhel",
	"rocky": "rocky", "rockylinux": "rocky", "rocky-linux": "rocky",
	"alma": "almalinux", "almalinux": "almalinux",
	"suse": "sles", "sles": "sles", "sle": "sles", "sled": "sles", "sles_sap": "sles", "suse linux enterprise server": "sles",
	"opensuse": "opensuse", "opensuse-leap": "opensuse-leap", "opensuse.leap": "opensuse-leap",
	"opensuse-tumbleweed": "opensuse-tumbleweed", "opensuse.tumbleweed": "opensuse-tumbleweed",
	"azurelinux": "azurelinux", "mariner": "azurelinux", "cbl-mariner": "azurelinux",
}

func distroID(s string) string {
	s = strings.ToLower(s)
	if id, ok := distroIDs[s]; ok {
		return id
	}
	return s
}

// sameFamily reports whether a distribution (of the qualifier or the image) may
// be the one that a package URL's namespace names.
func sameFamily(namespace, id string) bool {
	family := func(s string) string {
		switch {
		case strings.HasPrefix(s, "opensuse"), s == "sles":
			return "suse"
		}
		return s
	}
	return family(namespace) == family(id)
}

// distroOf finds the distribution and release of a package: the purl qualifier
// "distro" ("debian-12", "opensuse-leap-15.4", "3.18.4", "bookworm"), else what
// the document says about its subject, provided both mean the same distribution.
func distroOf(p PURL, subject sbom.Distro) (id, release string) {
	ns := distroID(p.Namespace)
	if q := strings.ToLower(p.Qualifier("distro")); q != "" {
		if id, release = splitDistro(q); id == "" {
			id = ns
		}
		if release != "" {
			return id, release
		}
	}
	if subjectID := distroID(subject.ID); subject.VersionID != "" && (ns == "" || ns == "redhat" || sameFamily(ns, subjectID)) {
		return subjectID, strings.ToLower(subject.VersionID)
	}
	if id == "" {
		id = ns
	}
	return id, release
}

// splitDistro cuts "debian-12" into identifier and release. A code name gives
// its distribution; a bare number gives no identifier.
func splitDistro(q string) (id, release string) {
	if q == "" {
		return "", "" // what follows the hyphen of "distro=-"
	}
	if r, ok := debianReleases[q]; ok {
		return "debian", r
	}
	if r, ok := ubuntuReleases[q]; ok {
		return "ubuntu", r
	}
	if isDigit(q[0]) || q[0] == 'v' && len(q) > 1 && isDigit(q[1]) {
		return "", strings.TrimPrefix(q, "v")
	}
	for i := 1; i < len(q); i++ {
		if q[i-1] == '-' && (isDigit(q[i]) || q[i:] == "edge" || q[i:] == "rolling" || q[i:] == "sid") {
			return distroID(q[:i-1]), q[i:]
		}
	}
	if name, code, ok := strings.Cut(q, "-"); ok {
		if _, release = splitDistro(code); release != "" {
			return distroID(name), release
		}
	}
	return distroID(q), ""
}

// releases remembers the ecosystems of distributions by what tells of them; a nil one
// remembers nothing.
type releases map[releaseOf]string

type releaseOf struct {
	typ, namespace, distro string // of a package URL
	subject                sbom.Distro
}

// mostReleases bounds it: there are some hundred releases, and foreign text may name any.
const mostReleases = 1 << 12

// ecosystem is distroEcosystem of what a package and its document tell.
func (r releases) ecosystem(p PURL, subject sbom.Distro) (string, error) {
	of := releaseOf{p.Type, p.Namespace, p.Qualifier("distro"), subject}
	if eco, ok := r[of]; ok {
		return eco, nil
	}
	distro, release := distroOf(p, subject)
	eco, err := distroEcosystem(p.Type, distro, release)
	if err == nil && r != nil && len(r) < mostReleases {
		r[of] = eco
	}
	return eco, err
}

// rolling are the distributions without releases, and OSV's names for them.
var rolling = map[string]string{"wolfi": "Wolfi", "chainguard": "Chainguard", "minimos": "MinimOS"}

// distroEcosystem gives OSV's name for a distribution's release, for the purl
// type that packages of it must have. An error says why there is none.
func distroEcosystem(typ, id, release string) (string, error) {
	none := func(format string, args ...any) (string, error) {
		return "", ident.Errorf(ident.KindUnsupported, format, args...)
	}
	parts := strings.Split(release, ".")
	major, minor := parts[0], ""
	if len(parts) > 1 {
		minor = parts[1]
	}
	switch id {
	case "wolfi", "chainguard", "minimos":
		if typ != "apk" {
			break
		}
		return rolling[id], nil
	case "":
		return none("the package URL names no distribution")
	}
	if release == "" && id != "opensuse-tumbleweed" {
		switch id {
		case "debian", "ubuntu", "alpine", "rhel", "rocky", "almalinux", "sles", "opensuse", "opensuse-leap", "azurelinux", "photon", "mageia", "openeuler", "alpaquita":
			return none("the release of %s is not known: neither the package URL's distro qualifier nor the document gives it", id)
		}
	}
	switch typ + " " + id {
	case "deb debian":
		if release == "sid" {
			return none("advisories do not follow Debian sid by release")
		}
		return "Debian:" + major, nil
	case "deb ubuntu":
		if minor == "" {
			return none("Ubuntu release %q is not of the form 22.04", clip(release))
		}
		return "Ubuntu:" + major + "." + minor, nil
	case "apk alpine":
		if minor == "" || major == "" || !isDigit(major[0]) {
			return none("advisories are published for Alpine release branches, and %q is none", clip(release))
		}
		minor, _, _ = strings.Cut(minor, "_")
		return "Alpine:v" + major + "." + minor, nil
	case "apk alpaquita":
		return "Alpaquita:" + release, nil
	case "rpm rhel":
		return "Red Hat:" + enterpriseLinux(release), nil
	case "rpm rocky":
		return "Rocky Linux:" + major, nil
	case "rpm almalinux":
		return "AlmaLinux:" + major, nil
	case "rpm sles":
		if minor == "" || minor == "0" {
			return "SUSE:Linux Enterprise Server " + major, nil
		}
		return "SUSE:Linux Enterprise Server " + major + " SP" + minor, nil
	case "rpm opensuse-leap", "rpm opensuse":
		if minor == "" {
			return "openSUSE:Tumbleweed", nil // snapshots are numbered by date
		}
		return "openSUSE:Leap " + major + "." + minor, nil
	case "rpm opensuse-tumbleweed":
		return "openSUSE:Tumbleweed", nil
	case "rpm azurelinux":
		return "Azure Linux:" + major, nil
	case "rpm photon":
		return "Photon OS:" + major + ".0", nil
	case "rpm mageia":
		return "Mageia:" + major, nil
	case "rpm openeuler":
		return "openEuler:" + strings.ToUpper(release), nil
	}
	return none("no advisories are published in OSV form for %s packages of %s", typ, clip(id))
}

// enterpriseLinux writes a release as Red Hat's CPE does. The minor release is
// kept: extended update streams are published for one of them.
func enterpriseLinux(release string) string {
	parts := strings.SplitN(release, ".", 3)
	if len(parts) > 1 {
		return parts[0] + "." + parts[1]
	}
	return parts[0]
}
