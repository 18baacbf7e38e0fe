package vuln_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

func TestVersContainment(t *testing.T) {
	matches, err := filepath.Glob(filepath.Join(dataDir(t, "vuln", "vers-spec", "tests"), "*_range_containment_test.json"))
	if err != nil || len(matches) < 2 {
		t.Fatal(matches, err)
	}
	ran := 0
	for _, f := range matches {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var suite struct {
			Tests []struct {
				Input  struct{ Vers, Version string } `json:"input"`
				Output bool                           `json:"expected_output"`
			}
		}
		if err := json.Unmarshal(b, &suite); err != nil {
			t.Fatal(err)
		}
		for _, c := range suite.Tests {
			ran++
			r, err := vuln.ParseVers(c.Input.Vers)
			if err != nil {
				t.Errorf("%s: %v", c.Input.Vers, err)
				continue
			}
			if got, err := r.Contains(c.Input.Version); err != nil || got != c.Output {
				t.Errorf("%s holds %s: %v, %v, want %v", c.Input.Vers, c.Input.Version, got, err, c.Output)
			}
		}
	}
	t.Logf("%d cases", ran)
}

// The suites of single versions hold the comparators of the orders we use.
func TestVersOrder(t *testing.T) {
	ecosystems := map[string]string{"maven": "Maven", "nuget": "NuGet", "alpine": "Alpine", "conan": "ConanCenter"}
	known := map[string]string{
		"conan": "other than semantic versions are refused and so unmatched; a prerelease pre1.0 is not pre1 there",
	}
	for scheme, eco := range ecosystems {
		b, err := os.ReadFile(dataDir(t, "vuln", "vers-spec", "tests", scheme+"_version_cmp_test.json"))
		if err != nil {
			t.Fatal(err)
		}
		var suite struct {
			Tests []struct {
				Type   string `json:"test_type"`
				Input  struct{ Versions []string }
				Output json.RawMessage `json:"expected_output"`
			}
		}
		if err := json.Unmarshal(b, &suite); err != nil {
			t.Fatal(err)
		}
		ran, refused, wrong := 0, 0, 0
		for _, c := range suite.Tests {
			if len(c.Input.Versions) != 2 {
				continue
			}
			ran++
			got, err := vuln.CompareVersions(eco, c.Input.Versions[0], c.Input.Versions[1])
			if err != nil {
				refused++
				continue
			}
			var ok bool
			if c.Type == "equality" {
				var want bool
				_ = json.Unmarshal(c.Output, &want)
				ok = (got == 0) == want
			} else {
				var want []string
				_ = json.Unmarshal(c.Output, &want)
				ok = len(want) == 2 && got != 0 && strings.EqualFold(want[max(got, 0)], c.Input.Versions[0])
			}
			if !ok {
				wrong++
				if known[scheme] == "" {
					t.Errorf("%s: %v compare as %d, want %s", scheme, c.Input.Versions, got, c.Output)
				} else if wrong <= 5 {
					t.Logf("%s: %v compare as %d, want %s", scheme, c.Input.Versions, got, c.Output)
				}
			}
		}
		t.Logf("%s: %d comparisons, %d refused as no version, %d wrong; %s", scheme, ran, refused, wrong, known[scheme])
	}
}

func TestParseVersRefuses(t *testing.T) {
	for _, s := range []string{
		"", "vers:", "vers:npm", "npm/>=1", "vers:npm/", "vers:NPM/1", "vers:npm/>=1.0.0| <2.0.0", "vers:npm/|>=1.0.0", "vers:npm/>=1||<2",
		"vers:npm/>=1|", "vers:npm/1.0%2G0", "vers:npm/>", "vers:npm/*|1.0.0", "vers:npm/>=one",
	} {
		if _, err := vuln.ParseVers(s); err == nil {
			t.Errorf("%q was accepted", s)
		}
	}
}

func TestComponentQuery(t *testing.T) {
	tests := []struct {
		query, purl  string
		match, known bool
	}{
		{"pkg:npm/lodash", "pkg:npm/lodash@4.17.20", true, true},
		{"pkg:npm/lodash", "pkg:npm/lodash", true, true},
		{"pkg:npm/lodash", "pkg:pypi/lodash@4.17.20", false, true},
		{"pkg:npm/lodash@4.17.20", "pkg:npm/lodash@4.17.20", true, true},
		{"pkg:npm/lodash@4.17.20", "pkg:npm/lodash@4.17.21", false, true},
		{"pkg:npm/lodash@4.17.20", "pkg:npm/lodash", false, false},
		{"pkg:npm/lodash@<4.17.21", "pkg:npm/lodash@4.17.20", true, true},
		{"pkg:npm/lodash@<4.17.21", "pkg:npm/lodash@4.17.21", false, true},
		{"pkg:npm/lodash@<4.17.21", "pkg:npm/lodash@latest", false, false},
		{"pkg:npm/lodash@<4.17.21", "pkg:npm/lodash", false, false},
		{"pkg:npm/@babel/core@>=7,<8", "pkg:npm/%40babel/core@7.1.0", true, true},
		{"pkg:npm/%40babel/core@>=7,<8", "pkg:npm/%40babel/core@8.0.0", false, true},
		{"pkg:npm/lodash@vers:npm/>=1.0.0|<2.0.0", "pkg:npm/lodash@1.5.0", true, true},
		{"pkg:npm/lodash@vers:npm/>=1.0.0|<2.0.0", "pkg:npm/lodash@2.5.0", false, true},
		{"pkg:golang/golang.org/x/net", "pkg:golang/golang.org/x/net@v0.15.0", true, true},
		{"pkg:golang/golang.org/x/net@<0.17.0", "pkg:golang/golang.org/x/net@v0.15.0", true, true},
		{"pkg:golang/golang.org/x/net@v0.15.0", "pkg:golang/golang.org/x/net@0.15.0", true, true},
		{"pkg:golang/stdlib@<1.20.10", "pkg:golang/stdlib@go1.20.9", true, true},
		{"pkg:golang/stdlib", "pkg:golang/github.com/json-iterator/go@v1.1.12", false, true},
		{"pkg:golang/github.com/BurntSushi/toml", "pkg:golang/github.com/burntsushi/toml@v1", true, true},
		{"golang.org/x/net", "pkg:golang/golang.org/x/net@v0.15.0", true, true},
		{"go", "pkg:golang/github.com/json-iterator/go@v1.1.12", false, true},
		{"lodash", "pkg:npm/lodash@4.17.20", true, true},
		{"LODASH@<4.17.21", "pkg:npm/lodash@4.17.20", true, true},
		{"lodash@<4.17.21", "pkg:npm/lodash@4.17.22", false, true},
		{"@babel/core", "pkg:npm/%40babel/core@7.1.0", true, true},
		{"org.apache.logging.log4j:log4j-core", "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", true, true},
		{"log4j-core@<2.15", "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", true, true},
		{"pkg:pypi/Zope.Thing@1.0", "pkg:pypi/zope-thing@1.0.0", true, true},
		{"pkg:pypi/torch@2.0.1", "pkg:pypi/torch@2.0.1%2Bcu118", true, true},
		{"pkg:pypi/torch@2.0.1+cpu", "pkg:pypi/torch@2.0.1%2Bcu118", false, true},
		{"pkg:pypi/torch@<=2.0.1", "pkg:pypi/torch@2.0.1%2Bcu118", true, true},
		{"pkg:pypi/torch@<2.0.1", "pkg:pypi/torch@2.0.1%2Bcu118", false, true},
		{"torch@>2.0.1", "pkg:pypi/torch@2.0.1%2Bcu118", false, true},
		{"pkg:composer/acme/shop@2.0", "pkg:composer/acme/shop@v2.0.0", true, true},
		{"pkg:generic/openssl@<3", "pkg:generic/openssl@1.1.1w", false, false},
		{"pkg:generic/openssl@1.1.1w", "pkg:generic/openssl@1.1.1w", true, true},
		{"pkg:deb/debian/vim@<2:9.1", "pkg:deb/debian/vim@9.0.1378-2?epoch=2&distro=debian-12", true, true},
		{"pkg:deb/debian/vim?distro=debian-12", "pkg:deb/debian/vim@9.0.1378-2?distro=debian-12", true, true},
		{"pkg:deb/debian/vim?distro=debian-11", "pkg:deb/debian/vim@9.0.1378-2?distro=debian-12", false, true},
	}
	for _, tt := range tests {
		q, err := vuln.ParseComponentQuery(tt.query)
		if err != nil {
			t.Errorf("%s: %v", tt.query, err)
			continue
		}
		if match, known := q.Match(&sbom.Component{PURL: tt.purl}, sbom.Distro{}); match != tt.match || known != tt.known {
			t.Errorf("%s on %s: %v, %v, want %v, %v", tt.query, tt.purl, match, known, tt.match, tt.known)
		}
	}
	q, err := vuln.ParseComponentQuery("openssl")
	if err != nil {
		t.Fatal(err)
	}
	if m, k := q.Match(&sbom.Component{Name: "OpenSSL"}, sbom.Distro{}); !m || !k {
		t.Error("a bare name finds a component without package URL")
	}
	for _, bad := range []string{"", "pkg:", "pkg:npm", "pkg:npm/lodash@<", "pkg:npm/lodash@<<1", "two words", "pkg:npm/lodash@<not a version", "<1.0"} {
		if _, err := vuln.ParseComponentQuery(bad); ident.KindOf(err) != ident.KindUsage {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
