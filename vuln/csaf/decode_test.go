package csaf_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/csaf"
)

const small = `{"document":{"category":"csaf_vex","csaf_version":"2.0","publisher":{"category":"vendor","name":"Example PSIRT","namespace":"https://example.com"},
 "tracking":{"id":"EX-1","current_release_date":"2026-01-02T03:04:05Z","status":"final","version":"1"}},
"product_tree":{"branches":[{"category":"vendor","name":"Example","branches":[
  {"product":{"name":"Lib, older","product_id":"P-RANGE","product_identification_helper":{"purl":"pkg:npm/lib"}},"name":"vers:npm/<2.0.0","category":"product_version_range"},
  {"category":"product_version_range","name":"all before 3","product":{"name":"Lib, in words","product_id":"P-WORDS","product_identification_helper":{"purl":"pkg:npm/words"}}},
  {"category":"product_version","name":"2.0.0","product":{"name":"Lib 2.0.0","product_id":"P-2","product_identification_helper":{"purl":"pkg:npm/lib@2.0.0"}}},
  {"category":"product_name","name":"RHEL 9","product":{"name":"Red Hat Enterprise Linux 9","product_id":"RHEL9","product_identification_helper":{"cpe":"cpe:/o:redhat:enterprise_linux:9"}}},
  {"category":"product_name","name":"Box","product":{"name":"Box","product_id":"BOX"}},
  {"category":"product_version","name":"openssl","product":{"name":"openssl","product_id":"SSL","product_identification_helper":{"purl":"pkg:rpm/redhat/openssl"}}}]}],
 "full_product_names":[{"product_id":"IMG","name":"Image","product_identification_helper":{"purl":"pkg:oci/web?repository_url=registry.example/shop/web"}}],
 "relationships":[
  {"category":"default_component_of","product_reference":"SSL","relates_to_product_reference":"RHEL9","full_product_name":{"name":"openssl on RHEL 9","product_id":"RHEL9:SSL"}},
  {"category":"default_component_of","product_reference":"P-2","relates_to_product_reference":"IMG","full_product_name":{"name":"Lib in Image","product_id":"IMG:P-2"}},
  {"category":"default_component_of","product_reference":"P-2","relates_to_product_reference":"BOX","full_product_name":{"name":"Lib in Box","product_id":"BOX:P-2"}}],
 "product_groups":[{"group_id":"G","product_ids":["RHEL9:SSL","IMG:P-2","BOX:P-2"]}]},
"vulnerabilities":[{"cve":"CVE-2026-1","ids":[{"system_name":"GitHub","text":"GHSA-1"}],
 "product_status":{"known_affected":["P-RANGE"],"known_not_affected":["RHEL9:SSL","IMG:P-2","BOX:P-2"],"first_fixed":["P-2"],"under_investigation":["P-WORDS"],"recommended":["P-2"]},
 "flags":[{"label":"vulnerable_code_not_present","group_ids":["G"]}],
 "threats":[{"category":"impact","details":"it is not compiled in","product_ids":["RHEL9:SSL"]},{"category":"exploit_status","details":"no","product_ids":["P-2"]}],
 "remediations":[{"category":"vendor_fix","details":"take 2.0.0","product_ids":["P-RANGE"]}]}]}`

func Example() {
	statements, _, err := csaf.Decode(context.Background(), "f", []byte(small))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range statements {
		fmt.Println(s.Status, s.Justification+s.Action, len(s.Products))
	}
	// Output:
	// affected take 2.0.0 1
	// not_affected vulnerable_code_not_present 1
	// not_affected vulnerable_code_not_present 2
	// fixed  1
	// under_investigation  1
}

func TestDecode(t *testing.T) {
	got, faults, err := csaf.Decode(context.Background(), "f", []byte(small))
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	base := vuln.Statement{Vulnerability: []string{"CVE-2026-1", "GHSA-1"}, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Author: "Example PSIRT", Document: "EX-1", File: "f", Pointer: "/vulnerabilities/0"}
	with := func(status vuln.Status, justification, impact, action string, products ...vuln.Product) vuln.Statement {
		s := base
		s.Status, s.Justification, s.Impact, s.Action, s.Products = status, justification, impact, action, products
		return s
	}
	want := []vuln.Statement{
		with("affected", "", "", "take 2.0.0", vuln.Product{Name: "Lib, older", PURL: "pkg:npm/lib", Versions: "vers:npm/<2.0.0"}),
		with("not_affected", "vulnerable_code_not_present", "it is not compiled in", "", vuln.Product{Name: "openssl on RHEL 9", PURL: "pkg:rpm/redhat/openssl", Platform: "rhel", Release: "9"}),
		with("not_affected", "vulnerable_code_not_present", "", "",
			vuln.Product{Name: "Lib in Image", PURL: "pkg:oci/web?repository_url=registry.example/shop/web", Subcomponents: []string{"pkg:npm/lib@2.0.0"}},
			vuln.Product{Name: "Lib in Box", Unbound: "the platform it is on is named by no package URL and no digest"}),
		with("fixed", "", "", "", vuln.Product{Name: "Lib 2.0.0", PURL: "pkg:npm/lib@2.0.0"}),
		with("under_investigation", "", "", "", vuln.Product{Name: "Lib, in words", PURL: "pkg:npm/words", Unbound: "the range of its versions is in words"}),
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(ident.Digest{})); d != "" {
		t.Error(d)
	}
}

func TestWhatIsRefused(t *testing.T) {
	change := func(old, with string) string {
		if !strings.Contains(small, old) {
			t.Fatalf("%q is not in the document", old)
		}
		return strings.Replace(small, old, with, 1)
	}
	for name, c := range map[string]struct {
		text string
		kind ident.Kind
		says string
	}{
		"another document":         {`{"document":{"title":"x"}}`, ident.KindUnsupported, "csaf_version"},
		"a list":                   {`[]`, ident.KindUnsupported, "no CSAF"},
		"cut short":                {small[:len(small)-2], ident.KindInvalid, "f line"},
		"a product undefined":      {change(`"first_fixed":["P-2"]`, `"first_fixed":["P-3"]`), ident.KindInvalid, "6.1.1"},
		"a product twice":          {change(`"product_id":"P-2"`, `"product_id":"IMG"`), ident.KindInvalid, "6.1.2"},
		"a product of itself":      {change(`"product_reference":"SSL"`, `"product_reference":"RHEL9:SSL"`), ident.KindInvalid, "6.1.3"},
		"a group undefined":        {change(`"group_ids":["G"]`, `"group_ids":["H"]`), ident.KindInvalid, "6.1.4"},
		"two statuses":             {change(`"first_fixed":["P-2"]`, `"first_fixed":["P-2","P-RANGE"]`), ident.KindInvalid, "6.1.6"},
		"no status at all":         {change(`{"known_affected":["P-RANGE"],"known_not_affected":["RHEL9:SSL","IMG:P-2","BOX:P-2"],"first_fixed":["P-2"],"under_investigation":["P-WORDS"],"recommended":["P-2"]}`, `{"recommended":["P-2"]}`), ident.KindInvalid, "6.1.27.7"},
		"not affected for nothing": {change(`"product_ids":["RHEL9:SSL","IMG:P-2","BOX:P-2"]`, `"product_ids":["RHEL9:SSL","IMG:P-2"]`), ident.KindInvalid, "6.1.27.9"},
		"affected, and no remedy":  {change(`"details":"take 2.0.0","product_ids":["P-RANGE"]`, `"details":"take 2.0.0","product_ids":["P-2"]`), ident.KindInvalid, "6.1.27.10"},
		"no vulnerability":         {change(small[strings.LastIndex(small, `"vulnerabilities"`)+len(`"vulnerabilities":`):], `[]}`), ident.KindInvalid, "6.1.27.11"},
		"two justifications":       {change(`"flags":[`, `"flags":[{"label":"component_not_present","product_ids":["IMG:P-2"]},`), ident.KindInvalid, "6.1.33"},
		"a date of nowhere":        {change(`2026-01-02T03:04:05Z`, `today`), ident.KindInvalid, "RFC 3339"},
		"a status of text":         {change(`"first_fixed":["P-2"]`, `"first_fixed":"P-2"`), ident.KindInvalid, "an array"},
	} {
		got, _, err := csaf.Decode(context.Background(), "f", []byte(c.text))
		if err == nil || got != nil || ident.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v (kind %v), want %q", name, err, ident.KindOf(err), c.says)
		}
	}
}

// judged are the mandatory tests of the standard on which the meaning of a product's
// status hangs. Those of section 6.1 that are not here concern tracking, revision
// histories, CVSS, CWE, hashes, translations, other profiles or (6.1.27.5, 6.1.35 and
// later) notes and remediations, of which no statement is made.
var judged = []string{"6.1.1", "6.1.2", "6.1.3", "6.1.4", "6.1.5", "6.1.6", "6.1.27.4", "6.1.27.7", "6.1.27.8", "6.1.27.9", "6.1.27.10", "6.1.27.11", "6.1.33"}

// notOurs are cases of those tests that are about something else.
var notOurs = map[string]string{
	"csaf_security_advisory":            "not of the VEX profile",
	"csaf_deprecated_security_advisory": "not of the VEX profile",
}

func TestValidatorCases(t *testing.T) {
	dir := os.Getenv("COFFERDAM_DATA")
	if dir == "" {
		t.Skip("COFFERDAM_DATA is not set: the standard's cases are not judged")
	}
	n := 0
	for _, version := range []string{"csaf_2.0", "csaf_2.1"} {
		root := filepath.Join(dir, "vuln", "csaf-spec", version, "test", "validator", "data")
		raw, err := os.ReadFile(filepath.Join(root, "testcases.json"))
		if err != nil {
			t.Fatal(err)
		}
		type file struct {
			Name  string `json:"name"`
			Valid bool   `json:"valid"`
		}
		var cases struct {
			Tests []struct {
				ID       string `json:"id"`
				Failures []file `json:"failures"`
				Valid    []file `json:"valid"`
			} `json:"tests"`
		}
		if err := json.Unmarshal(raw, &cases); err != nil {
			t.Fatal(err)
		}
		for _, c := range cases.Tests {
			if !slices.Contains(judged, c.ID) {
				continue
			}
			for _, f := range slices.Concat(c.Failures, c.Valid) {
				raw, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(f.Name)))
				if err != nil {
					t.Fatal(err)
				}
				var head struct {
					Document struct{ Category string }
				}
				if err := json.Unmarshal(raw, &head); err != nil {
					t.Fatal(err)
				}
				if notOurs[head.Document.Category] != "" && strings.HasPrefix(c.ID, "6.1.27.") {
					continue
				}
				n++
				_, _, err = csaf.Decode(context.Background(), f.Name, raw)
				if f.Valid && err != nil {
					t.Errorf("%s is valid: %v", f.Name, err)
				}
				if !f.Valid && (err == nil || !strings.Contains(err.Error(), "("+c.ID+")")) {
					t.Errorf("%s breaks %s: %v", f.Name, c.ID, err)
				}
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d cases", n)
	}
	t.Logf("%d cases", n)
}

func TestExamples(t *testing.T) {
	dir := os.Getenv("COFFERDAM_DATA")
	if dir == "" {
		t.Skip("COFFERDAM_DATA is not set: the standard's examples are not read")
	}
	files, err := filepath.Glob(filepath.Join(dir, "vuln", "csaf-spec", "csaf_2.*", "examples", "csaf", "csaf_vex", "*.json"))
	if err != nil || len(files) < 20 {
		t.Fatal(len(files), err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		got, faults, err := csaf.Decode(context.Background(), f, raw)
		if err != nil || len(faults) > 0 || len(got) == 0 {
			t.Errorf("%s: %d statements, %v, %v", f, len(got), faults, err)
		}
		for _, s := range got {
			if s.At.IsZero() || s.Author == "" || len(s.Products) == 0 {
				t.Errorf("%s: incomplete: %+v", f, s)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"document":{"csaf_version":"2.0"},"product_tree":{"relationships":[{"full_product_name":{"product_id":"a"},"product_reference":"a","relates_to_product_reference":"a"}]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, _, err := csaf.Decode(context.Background(), "f", raw)
		for _, s := range got {
			if err != nil || len(s.Vulnerability) == 0 || s.Status == "" || len(s.Products) == 0 {
				t.Fatalf("%+v and error %v", s, err)
			}
		}
	})
}
