package vuln_test

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

func TestUnplacedPackage(t *testing.T) {
	debian := sbom.Distro{ID: "debian", VersionID: "12"}
	for _, c := range []struct {
		purl         string
		os           sbom.Distro
		unplaced     bool
		distribution string
		source       string
		in, notIn    string
	}{
		{"pkg:deb/debian/libssl3@3.0.11?arch=amd64", sbom.Distro{}, true, "debian", "", "Debian:12", "Ubuntu:22.04"},
		{"pkg:deb/debian/libssl3@3.0.11?upstream=openssl", sbom.Distro{}, true, "debian", "openssl", "Debian:11", "Alpine:v3.20"},
		{"pkg:deb/ubuntu/libssl3@3.0.2", debian, true, "ubuntu", "", "Ubuntu:Pro:18.04:LTS", "Debian:12"},
		{"pkg:apk/alpine/musl@1.2.4", sbom.Distro{}, true, "alpine", "", "Alpine:v3.20", "Debian:12"},
		{"pkg:rpm/rocky/glibc@2.34", sbom.Distro{}, true, "rocky", "", "Rocky Linux:9", "Red Hat:enterprise_linux:9"},
		{"pkg:rpm/glibc@2.34", sbom.Distro{}, true, "", "", "AlmaLinux:9", "npm"},
		{"PKG:deb/debian/libssl3@3.0.11", sbom.Distro{}, true, "debian", "", "Debian:12", "npm"},
		{"pkg:DEB/debian/libssl3@3.0.11", sbom.Distro{}, true, "debian", "", "Debian:12", "npm"},
		{"pkg:deb/debian/libssl3@3.0.11", debian, false, "", "", "", ""},
		{"pkg:deb/debian/libssl3@3.0.11?distro=bookworm", sbom.Distro{}, false, "", "", "", ""},
		{"pkg:deb/debian/libssl3@3.0.11?distro=debian-sid", sbom.Distro{}, false, "", "", "", ""}, // the release is known, and has no advisories
		{"pkg:deb/astra/libssl3@3.0.11", sbom.Distro{}, false, "", "", "", ""},                    // nor has the distribution
		{"pkg:apk/wolfi/musl@1.2.4", sbom.Distro{}, false, "", "", "", ""},                        // which has no releases
		{"pkg:npm/debian@1.0.0", sbom.Distro{}, false, "", "", "", ""},
		{"", sbom.Distro{}, false, "", "", "", ""},
	} {
		u, ok := vuln.UnplacedPackage(&sbom.Component{Name: "x", PURL: c.purl}, c.os)
		if ok != c.unplaced || u.Distribution != c.distribution || u.Source != c.source {
			t.Errorf("%q of %v: %v, %+v", c.purl, c.os, ok, u)
			continue
		}
		if ok && (!u.In(c.in) || u.In(c.notIn)) {
			t.Errorf("%q: in %s %v, in %s %v", c.purl, c.in, u.In(c.in), c.notIn, u.In(c.notIn))
		}
		if _, err := vuln.IdentityOf(&sbom.Component{Name: "x", PURL: c.purl}, c.os); ok && err == nil {
			t.Errorf("%q is placed and unplaced", c.purl)
		}
	}
}
