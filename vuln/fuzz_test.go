package vuln_test

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// A package URL that parses has a canonical form that parses to the same, and
// its identity is one that the database can be asked for.
func FuzzIdentity(f *testing.F) {
	for _, s := range everyType {
		f.Add(s, "debian", "12")
	}
	f.Add("pkg:golang/golang.org/toolchain@v0.0.1-go1.21.0.linux-amd64#x", "", "")
	f.Add("pkg:rpm/0/0?distro=-", "0", "0")
	f.Add("pkg:deb/debian/x@1?distro=debian-", "", "")
	f.Add("pkg:apk/alpine/x@1", "alpine", ".5")
	f.Add("pkg:rpm/x@1?epoch=1&upstream=-.src.rpm&distro=-", "rhel", "9.")
	db := load(f, "rapid reset", "lodash", "log4j", "libuuid", "musl", "suse", "redhat", "urllib3")
	f.Fuzz(func(t *testing.T, purl, os, release string) {
		c := &sbom.Component{PURL: purl, Name: "x"}
		a := db.Assess(c, sbom.Distro{ID: os, VersionID: release})
		if len(a.Identities) == 0 && len(a.Unmatched) == 0 {
			t.Errorf("%q has neither an identity nor a reason", purl)
		}
		p, err := vuln.ParsePURL(purl)
		if err != nil {
			return
		}
		q, err := vuln.ParsePURL(p.String())
		if err != nil || q.String() != p.String() {
			t.Errorf("%q becomes %q, which becomes %q, %v", purl, p.String(), q.String(), err)
		}
	})
}

func FuzzComponentQuery(f *testing.F) {
	for _, s := range []string{"pkg:npm/lodash@<4.17.21", "pkg:npm/lodash@vers:npm/>=1|<2", "lodash", "@babel/core@>=1,<2", "pkg:deb/debian/vim@<2:9.1?distro=debian-12"} {
		f.Add(s, "pkg:npm/lodash@4.17.20", "1.0")
	}
	f.Fuzz(func(t *testing.T, query, purl, version string) {
		q, err := vuln.ParseComponentQuery(query)
		if err != nil {
			return
		}
		if match, known := q.Match(&sbom.Component{PURL: purl, Name: "lodash", Version: version}, sbom.Distro{}); match && !known {
			t.Errorf("%q on %q: a match that is not known", query, purl)
		}
	})
}

// Comparators must neither panic nor disagree with themselves.
func FuzzCompareVersions(f *testing.F) {
	ecosystems := []string{"Go", "npm", "PyPI", "Maven", "Debian", "Alpine", "Red Hat", "RubyGems", "Packagist", "NuGet", "CRAN", "Hackage", "Pub", "GitHub Actions"}
	f.Add(0, "1.0.0-rc.1", "v1.0.0")
	f.Add(4, "1:2.3-4~5", "0")
	f.Add(3, "1-alpha-1", "1..")
	f.Fuzz(func(t *testing.T, i int, a, b string) {
		eco := ecosystems[uint(i)%uint(len(ecosystems))]
		x, err := vuln.CompareVersions(eco, a, b)
		if err != nil {
			return
		}
		if y, err := vuln.CompareVersions(eco, b, a); err != nil || x != -y {
			t.Errorf("%s: %q against %q is %d, and %d the other way (%v)", eco, a, b, x, y, err)
		}
	})
}
