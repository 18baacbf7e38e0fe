package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
)

// What is exploited, and what statements of trusted authors clear, on a server that is
// told where to read it: a new statement counts without a restart.
func TestServerReadsStatements(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(f+".new", f); err != nil { // whole or not at all, as whoever delivers it does
			t.Fatal(err)
		}
		return f
	}
	if err := os.Mkdir(filepath.Join(dir, "vex"), 0o700); err != nil {
		t.Fatal(err)
	}
	record := write("record.json", everyLodash)
	kev := write("kev.json", `{"title":"Known exploited","catalogVersion":"2026.11.20","dateReleased":"2026-11-20T00:00:00Z","count":1,"vulnerabilities":[{"cveID":"CVE-2026-0001","vendorProject":"x","product":"lodash",
		"vulnerabilityName":"n","dateAdded":"2026-11-01","shortDescription":"s","requiredAction":"a","dueDate":"2026-12-01","knownRansomwareCampaignUse":"Unknown","notes":""}]}`)
	trust := write("trust.yaml", "authors: [{name: Shop PSIRT}]\n")
	config := write("c.yaml", fmt.Sprintf("advisories: [%q]\nkev: %q\nvex: [%q]\nvexTrust: %q\n", record, kev, filepath.Join(dir, "vex"), trust))
	c, end := exposed(t, filepath.Join(dir, "data"), config)
	defer end()
	wait := func(what string, q client.FindingQuery, is func(a *report.RunningFindings) bool) {
		t.Helper()
		var a *report.RunningFindings
		for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
			var err error
			if a, err = c.RunningFindings(t.Context(), q); err == nil && is(a) {
				return
			}
		}
		t.Fatalf("%s: %+v", what, a)
	}
	wait("exploited", client.FindingQuery{KEV: true}, func(a *report.RunningFindings) bool {
		return a.KEV == 1 && a.Counts["high"] == 1 && a.Items[0].Status == "affected"
	})
	state := func(author, status, product string, day int) {
		t.Helper()
		write("vex/"+author[:2]+".json", fmt.Sprintf(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://shop.example/vex","author":%q,"timestamp":"2026-11-%02dT00:00:00Z","version":1,
			"statements":[{"vulnerability":{"name":"CVE-2026-0001"},"products":[%s],"status":%q,"justification":"vulnerable_code_not_in_execute_path"}]}`, author, day, product, status))
	}
	const lodash = `{"@id":"pkg:npm/lodash@4.17.20"}`
	state("Stranger", "not_affected", lodash, 1)
	state("Shop PSIRT", "not_affected", `{"@id":"pkg:oci/web@sha256%3A`+strings.Repeat("0", 63)+`1","subcomponents":[`+lodash+`]}`, 2)
	wait("a statement about the image clears it", client.FindingQuery{}, func(a *report.RunningFindings) bool {
		return len(a.Items) == 1 && a.Cleared == 1 && a.KEV == 0 && a.Counts["high"] == 0 && a.Items[0].Status == "not_affected" && strings.Contains(a.Items[0].VEXSource, "Sh.json")
	})
	w, err := c.Where(t.Context(), "CVE-2026-0001", client.Question{})
	if err != nil || len(w.Sites) != 1 || w.Sites[0].VEX != "not_affected" || w.Advisory == nil || w.Advisory.Exploited == nil {
		t.Errorf("%+v %v", w, err)
	}
	state("Shop PSIRT", "affected", lodash, 3)
	wait("it is taken back", client.FindingQuery{}, func(a *report.RunningFindings) bool { return a.KEV == 1 && a.Cleared == 0 })
	if err := os.Remove(filepath.Join(dir, "vex", "Sh.json")); err != nil {
		t.Fatal(err)
	}
	wait("a stranger's statement is not applied", client.FindingQuery{}, func(a *report.RunningFindings) bool {
		return a.KEV == 1 && a.Items[0].Status == "affected" && a.Items[0].VEXSource == ""
	})
}
