package license_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/sbom/license"
)

func ExampleValid() {
	for _, s := range []string{"MIT OR (BSD-3-Clause AND LicenseRef-ours)", "GPL v2 or later"} {
		fmt.Println(license.Valid(s))
	}
	// Output:
	// true
	// false
}

func TestValid(t *testing.T) {
	for _, s := range []string{"MIT", "mit", "GPL-2.0+", "GPL-2.0-only WITH Classpath-exception-2.0", "(MIT)", "MIT AND Apache-2.0 OR ISC",
		"((MIT))", "LicenseRef-a.b-C", " MIT\n", strings.Repeat("(", 100) + "MIT" + strings.Repeat(")", 100)} {
		if !license.Valid(s) {
			t.Errorf("%q is an expression", s)
		}
	}
	for _, s := range []string{"", "NONE", "NOASSERTION", "MIT and ISC", "MIT ISC", "(MIT", "MIT)", "MIT AND", "OR MIT", "()", "BSD", "Apache 2.0",
		"LicenseRef-", "LicenseRef-a_b", "DocumentRef-x:LicenseRef-y", "MIT WITH", "MIT WITH ISC", "389-exception", "MIT WITH MIT WITH MIT", "MIT++", "AND",
		strings.Repeat("(", 101) + "MIT" + strings.Repeat(")", 101), strings.Repeat("MIT AND ", 9000) + "MIT"} {
		if license.Valid(s) {
			t.Errorf("%.60q is no expression", s)
		}
	}
}

func TestRefs(t *testing.T) {
	var got []string
	license.Refs("(LicenseRef-a OR MIT) AND LicenseRef-b", func(id string) { got = append(got, id) })
	if !slices.Equal(got, []string{"LicenseRef-a", "LicenseRef-b"}) {
		t.Errorf("%q", got)
	}
}

func TestListIsThatOfCycloneDX(t *testing.T) {
	raw, err := os.ReadFile("../schema/rules/spdx.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s struct{ Enum []string }
	if err := json.Unmarshal(raw, &s); err != nil || len(s.Enum) < 800 {
		t.Fatalf("%v, %d identifiers", err, len(s.Enum))
	}
	for _, id := range s.Enum {
		if !license.Listed(id) && !license.Valid("MIT WITH "+id) {
			t.Errorf("%s is not listed", id)
		}
	}
}

func TestParse(t *testing.T) {
	for s, want := range map[string]string{
		"mit": "MIT", "GPL-2.0+": "GPL-2.0+", "apache-2.0+ ": "Apache-2.0+", "MIT AND Apache-2.0 OR ISC": "MIT AND Apache-2.0 OR ISC",
		"MIT AND (Apache-2.0 OR ISC)": "MIT AND (Apache-2.0 OR ISC)", "((MIT) OR (ISC OR 0BSD))": "MIT OR ISC OR 0BSD",
		"gpl-2.0-only with classpath-exception-2.0": "", "gpl-2.0-only WITH classpath-exception-2.0": "GPL-2.0-only WITH Classpath-exception-2.0",
	} {
		e, err := license.Parse(s)
		if (err == nil) != (want != "") || err == nil && e.String() != want {
			t.Errorf("%q is read as %v, %v", s, e, err)
		}
	}
	for s, want := range map[string]string{"MIT AND BSD": `"BSD" is no licence`, "MIT WITH x": `"x" is no exception`, "MIT OR": "ends where", "(MIT": "ends where",
		"MIT ISC": `"ISC" is not due`, "": "ends where", "MIT AND OR": `"OR" is not due`} {
		if _, err := license.Parse(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestDeprecatedAreListed(t *testing.T) {
	n := 0
	for _, id := range []string{"GPL-2.0", "AGPL-3.0", "GPL-3.0-with-GCC-exception", "Net-SNMP"} {
		if license.Deprecated(id) && license.Listed(id) {
			n++
		}
	}
	if n != 4 || license.Deprecated("GPL-2.0-only") || license.Deprecated("MIT") {
		t.Errorf("%d", n)
	}
}

func FuzzValid(f *testing.F) {
	f.Add("MIT OR (BSD-3-Clause AND LicenseRef-ours)")
	f.Add("(((")
	f.Fuzz(func(t *testing.T, s string) {
		if license.Valid(s) && !license.Valid("("+s+") AND MIT") && len(s) < license.MaxBytes-10 && !strings.Contains(s, "((((") {
			t.Errorf("%q is an expression and no part of one", s)
		}
		e, err := license.Parse(s)
		if (err == nil) != license.Valid(s) {
			t.Errorf("%q: valid is %v, parsing it gives %v", s, license.Valid(s), err)
		}
		if err == nil && strings.Count(s, "(") < 50 {
			again, err := license.Parse(e.String())
			if err != nil || again.String() != e.String() {
				t.Errorf("%q is written as %q, and read as %v, %v", s, e, again, err)
			}
		}
		license.Refs(s, func(id string) {
			if !license.Valid(id) {
				t.Errorf("%q is no LicenseRef", id)
			}
		})
	})
}
