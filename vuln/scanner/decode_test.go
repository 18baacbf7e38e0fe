package scanner_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/scanner"
)

const (
	trivy = `{"SchemaVersion":2,"ArtifactName":"web","Results":[{"Target":"package.json","Class":"lang-pkgs","Type":"npm","Vulnerabilities":[
 {"VulnerabilityID":"CVE-2021-23337","VendorIDs":["GHSA-35jh-r3h4-6jhm"],"PkgName":"lodash","PkgIdentifier":{"PURL":"pkg:npm/lodash@4.17.20"},"InstalledVersion":"4.17.20","FixedVersion":"4.17.21","Severity":"HIGH"}]},{"Target":"x"}]}`
	grype = `{"matches":[{"vulnerability":{"id":"GHSA-35jh-r3h4-6jhm","severity":"High","fix":{"versions":["4.17.21"],"state":"fixed"}},"relatedVulnerabilities":[{"id":"CVE-2021-23337"}],
 "artifact":{"name":"lodash","version":"4.17.20","purl":"pkg:npm/lodash@4.17.20"}}],"descriptor":{"name":"grype"}}`
	osvScanner = `{"results":[{"source":{"path":"/x/package-lock.json"},"packages":[{"package":{"name":"lodash","version":"4.17.20","ecosystem":"npm"},
 "vulnerabilities":[{"id":"GHSA-35jh-r3h4-6jhm","aliases":["CVE-2021-23337"]}],"groups":[{"ids":["GHSA-35jh-r3h4-6jhm"],"aliases":["CVE-2021-23337","GHSA-35jh-r3h4-6jhm"]}]}]}]}`
	sarif = `{"version":"2.1.0","runs":[{"results":[{"ruleId":"CVE-2021-23337","message":{"text":"Package: lodash\nInstalled Version: 4.17.20\nVulnerability CVE-2021-23337\nSeverity: HIGH"}},
 {"ruleId":"CVE-2021-23337-lodash","message":{"text":"The path /app reports lodash at version 4.17.20  which is a vulnerable (npm) package"}}],"tool":{"driver":{"name":"Trivy"}}}]}`
)

func Example() {
	reported, err := scanner.Decode(context.Background(), "trivy.json", []byte(trivy))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(reported[0].Tool, reported[0].IDs, reported[0].PURL, reported[0].Severity)
	// Output: trivy [CVE-2021-23337 GHSA-35jh-r3h4-6jhm] pkg:npm/lodash@4.17.20 high
}

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []vuln.Reported
	}{
		"trivy": {trivy, []vuln.Reported{{Tool: "trivy", IDs: []string{"CVE-2021-23337", "GHSA-35jh-r3h4-6jhm"}, PURL: "pkg:npm/lodash@4.17.20", Name: "lodash", Version: "4.17.20", Fixed: "4.17.21", Severity: ident.SeverityHigh, File: "f"}}},
		"grype": {grype, []vuln.Reported{{Tool: "grype", IDs: []string{"GHSA-35jh-r3h4-6jhm", "CVE-2021-23337"}, PURL: "pkg:npm/lodash@4.17.20", Name: "lodash", Version: "4.17.20", Fixed: "4.17.21", Severity: ident.SeverityHigh, File: "f"}}},
		"osv":   {osvScanner, []vuln.Reported{{Tool: "osv-scanner", IDs: []string{"GHSA-35jh-r3h4-6jhm", "CVE-2021-23337", "GHSA-35jh-r3h4-6jhm"}, Name: "lodash", Version: "4.17.20", File: "f"}}},
		"sarif": {sarif, []vuln.Reported{{Tool: "trivy", IDs: []string{"CVE-2021-23337"}, Name: "lodash", Version: "4.17.20", File: "f"}, {Tool: "trivy", IDs: []string{"CVE-2021-23337"}, Name: "lodash", Version: "4.17.20", File: "f"}}},
		"none":  {`{"SchemaVersion":2,"ArtifactName":"web"}`, nil},
	} {
		got, err := scanner.Decode(context.Background(), "f", []byte(c.text))
		if d := cmp.Diff(c.want, got); err != nil || d != "" {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
	for name, text := range map[string]string{"nothing": ``, "a list": `[]`, "an SBOM": `{"bomFormat":"CycloneDX"}`, "cut short": trivy[:200], "of text": `{"matches":"no"}`} {
		if got, err := scanner.Decode(context.Background(), "f", []byte(text)); err == nil || got != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestReconcile(t *testing.T) {
	fixed := func(v string) []vuln.Range {
		return []vuln.Range{{Type: vuln.RangeSemver, Events: []vuln.Event{{Introduced: "0"}, {Fixed: v}}}}
	}
	db, err := vuln.NewDatabase([]*vuln.Advisory{
		{ID: "GHSA-35jh-r3h4-6jhm", Aliases: []string{"CVE-2021-23337"}, Affected: []vuln.Affected{{Ecosystem: "npm", Name: "lodash", Ranges: fixed("4.17.21")}}},
		{ID: "GHSA-ours", Aliases: []string{"CVE-2026-1"}, Affected: []vuln.Affected{{Ecosystem: "npm", Name: "lodash", Ranges: fixed("5.0.0")}}},
		{ID: "GHSA-older", Aliases: []string{"CVE-2026-2"}, Affected: []vuln.Affected{{Ecosystem: "npm", Name: "lodash", Ranges: fixed("4.0.0")}}},
	}, vuln.Options{})
	if err != nil {
		t.Fatal(err)
	}
	docs := []*sbom.Document{{Components: []sbom.Component{{Name: "lodash", Version: "4.17.20", PURL: "pkg:npm/lodash@4.17.20"}, {Name: "odd", Version: "1"}}}}
	report, err := vuln.Scan(context.Background(), docs, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"trivy": trivy, "grype": grype, "osv": osvScanner, "sarif": sarif} {
		reported, err := scanner.Decode(context.Background(), "f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		r := vuln.Reconcile(report, reported, db, docs)
		if r.Agreed != 1 || len(r.OnlyTheirs) != 0 || len(r.OnlyOurs) != 1 || r.OnlyOurs[0].ID != "CVE-2026-1" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for _, c := range []struct {
		x    vuln.Reported
		want string
	}{
		{vuln.Reported{IDs: []string{"CVE-2026-1"}, Name: "left-pad", Version: "1"}, "no document lists the package"},
		{vuln.Reported{IDs: []string{"CVE-2026-1"}, Name: "lodash", Version: "4.17.19"}, "the documents list the package in another version"},
		{vuln.Reported{IDs: []string{"CVE-1999-1"}, Name: "lodash", Version: "4.17.20"}, "no loaded advisory has the identifier"},
		{vuln.Reported{IDs: []string{"CVE-2026-2"}, PURL: "pkg:npm/lodash@4.17.20", Name: "lodash", Version: "4.17.20"}, "the ranges of the loaded advisories do not hold this version"},
		{vuln.Reported{IDs: []string{"CVE-2026-2"}, Name: "odd", Version: "1"}, "the component could not be compared: it has no package URL"},
	} {
		r := vuln.Reconcile(report, []vuln.Reported{c.x, c.x}, db, docs)
		if len(r.OnlyTheirs) != 1 || r.OnlyTheirs[0].Reason != c.want || len(r.OnlyOurs) != 2 {
			t.Errorf("%+v: %+v, want %q", c.x, r.OnlyTheirs, c.want)
		}
	}
}

func TestRealReports(t *testing.T) {
	dir := os.Getenv("COFFERDAM_DATA")
	if dir == "" {
		t.Skip("COFFERDAM_DATA is not set: no real reports are read")
	}
	for _, tool := range []string{"trivy", "grype"} {
		raw, err := os.ReadFile(filepath.Join(dir, "vuln", "chainguard-vex", "examples", "sarif", "nginx-"+tool+".sarif.json"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := scanner.Decode(context.Background(), tool, raw)
		if err != nil || len(got) < 50 {
			t.Errorf("%s: %d findings, %v", tool, len(got), err)
		}
		for _, x := range got {
			if x.Tool != tool || x.Name == "" || x.Version == "" {
				t.Errorf("%s: incomplete: %+v", tool, x)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{trivy, grype, osvScanner, sarif} {
		f.Add([]byte(text))
	}
	db, err := vuln.NewDatabase(nil, vuln.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := scanner.Decode(context.Background(), "f", raw)
		if err != nil {
			return
		}
		r := vuln.Reconcile(&vuln.Report{}, got, db, nil)
		if r.Agreed != 0 || len(got) > 0 && len(r.OnlyTheirs) == 0 {
			t.Fatalf("%+v", r)
		}
	})
}
