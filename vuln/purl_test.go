package vuln_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/cofferdam-io/cofferdam/vuln"
)

type purlCase struct {
	Description string          `json:"description"`
	Type        string          `json:"test_type"`
	Group       string          `json:"test_group"`
	Input       json.RawMessage `json:"input"`
	Output      json.RawMessage `json:"expected_output"`
	Fails       bool            `json:"expected_failure"`
}

type purlParts struct {
	Type       *string           `json:"type"`
	Namespace  *string           `json:"namespace"`
	Name       *string           `json:"name"`
	Version    *string           `json:"version"`
	Qualifiers map[string]string `json:"qualifiers"`
	Subpath    *string           `json:"subpath"`
}

func dataDir(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("COFFERDAM_DATA")
	if root == "" {
		t.Skip("COFFERDAM_DATA is not set: the public suites and advisories are not at hand")
	}
	return filepath.Join(append([]string{root}, elem...)...)
}

// purlDeviations are the cases of the suite that are read differently on purpose.
var purlDeviations = map[string]string{
	"pkg:gem/jruby-launcher@1.1.2?Platform=java":                                                             "keys of any case are folded, as documents in the field write them",
	"pkg:Rpm/fedora/curl@7.50.3-1.fc25?Arch=i386&Distro=fedora-25":                                           "keys of any case are folded, as documents in the field write them",
	"pkg:git/github/Package-url/purl-Spec@244fd47e07d1004f0aed9c":                                            "the type git has no advisories; the case of its hosts is left alone",
	"pkg:git/codeberg.org/forgejo/forgejo@a72d2c07cfca03b55371089de6aa230d8c951fa0":                          "the type git has no advisories; a name holds no slash",
	"pkg:git/codeberg.org/forgejo/forgejo@a72d2c07cfca03b55371089de6aa230d8c951fa0#options/locale_readme.md": "the type git has no advisories; a name holds no slash",
}

func TestPURLSuite(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(dataDir(t, "vuln", "purl-spec", "tests"), "*", "*.json"))
	if err != nil || len(files) < 40 {
		t.Fatalf("%d suite files, %v", len(files), err)
	}
	ran, failed := 0, 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var suite struct{ Tests []purlCase }
		if err := json.Unmarshal(b, &suite); err != nil {
			t.Fatal(err)
		}
		for _, c := range suite.Tests {
			if c.Type == "build" {
				continue // components are never turned into package URLs here
			}
			ran++
			var in string
			if err := json.Unmarshal(c.Input, &in); err != nil {
				t.Fatal(err)
			}
			if why, ok := purlDeviations[in]; ok {
				t.Logf("not followed: %s: %s", in, why)
				continue
			}
			p, err := vuln.ParsePURL(in)
			if c.Fails {
				if err == nil {
					failed++
					t.Errorf("%s: %q accepted: %s", filepath.Base(f), in, c.Description)
				}
				continue
			}
			if err != nil {
				failed++
				t.Errorf("%s: %q: %v (%s)", filepath.Base(f), in, err, c.Description)
				continue
			}
			if c.Type == "validate" {
				var want string
				_ = json.Unmarshal(c.Output, &want)
				if got := p.String(); got != want {
					failed++
					t.Errorf("%s: %q becomes %q, want %q", filepath.Base(f), in, got, want)
				}
				continue
			}
			var want purlParts
			if err := json.Unmarshal(c.Output, &want); err != nil {
				t.Fatal(err)
			}
			str := func(s *string) string {
				if s == nil {
					return ""
				}
				return *s
			}
			q := map[string]string{}
			for _, kv := range p.Qualifiers {
				q[kv.Key] = kv.Value
			}
			same := p.Type == str(want.Type) && p.Namespace == str(want.Namespace) && p.Name == str(want.Name) &&
				p.Version == str(want.Version) && p.Subpath == str(want.Subpath) && len(q) == len(want.Qualifiers)
			for k, v := range want.Qualifiers {
				same = same && q[k] == v
			}
			if !same {
				failed++
				t.Errorf("%s: %q is %+v, want %s", filepath.Base(f), in, p, c.Output)
			}
		}
	}
	t.Logf("%d cases of the purl suite, %d failures", ran, failed)
}
