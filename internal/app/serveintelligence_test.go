package app_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
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

// A likelihood that crosses a step is a changed finding: in the list, in the journal with its times,
// and told to who asked for it. One that moves between steps is none.
func TestServerTellsOfLikelihoods(t *testing.T) {
	receiver, got := signedMessages(t)
	dir := t.TempDir()
	write := writer(t, dir)
	day := 0
	scored := func(score string) string {
		t.Helper()
		day++
		f := write("epss.new", fmt.Sprintf("#model_version:v2026.01.01,score_date:2026-11-%02dT00:00:00+0000\ncve,epss,percentile\nCVE-2026-0001,%s,0.5\n", day, score))
		to := filepath.Join(dir, "epss.csv")
		if err := os.Rename(f, to); err != nil {
			t.Fatal(err)
		}
		return to
	}
	record, secret := write("record.json", everyLodash), write("secret", "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcy4uLi4=")
	config := write("c.yaml", fmt.Sprintf("advisories: [%q]\nepss: %q\nwebhooks:\n- {name: likely, url: %q, secretFile: %q, epss: 0.1, initial: true}\n", record, scored("0.09999"), receiver, secret))
	c, end := exposed(t, filepath.Join(dir, "data"), config)
	defer end()
	wait := func(what string, reached float64) {
		t.Helper()
		for until := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			st, err := c.Advisories(t.Context())
			a, ferr := c.RunningFindings(t.Context(), client.FindingQuery{})
			if err == nil && ferr == nil && slices.ContainsFunc(st.Feeds, func(f report.ServerFeed) bool { return f.Feed == "epss" && f.Newest.Day() == day }) && len(a.Items) == 1 && a.Items[0].EPSSReached == reached {
				return
			}
			if time.Now().After(until) {
				t.Fatalf("%s: %+v %v, %+v %v", what, st, err, a, ferr)
			}
		}
	}
	told := func(what string, all ...string) {
		t.Helper()
		select {
		case m := <-got:
			for _, want := range all {
				if !strings.Contains(m, want) {
					t.Errorf("%s: %s is not in %s", what, want, m)
				}
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: nobody is told", what)
		}
	}
	wait("below the first step", 0)
	scored("0.10000")
	wait("on the first step", 0.1)
	told("on the first step", `"begun":[{`, `"epssReached":0.1`, `"CVE-2026-0001"`)
	scored("0.30000")
	wait("between two steps", 0.1)
	scored("0.94321")
	wait("on the second step", 0.5)
	told("on the second step", `"changed":[{`, `"epssReached":0.5`)
	if a, err := c.RunningFindings(t.Context(), client.FindingQuery{EPSS: 0.5}); err != nil || len(a.Items) != 1 {
		t.Errorf("%+v %v", a, err)
	}
	scored("0.00100")
	wait("unlikely again", 0)
	told("unlikely again", `"ended":[{`, `"CVE-2026-0001"`)
	if a, err := c.RunningFindings(t.Context(), client.FindingQuery{EPSS: 0.1}); err != nil || len(a.Items) != 0 {
		t.Errorf("%+v %v", a, err)
	}
	a, err := c.RunningFindings(t.Context(), client.FindingQuery{History: true})
	if err != nil {
		t.Fatal(err)
	}
	var was []float64
	for _, f := range a.Items {
		was = append(was, f.EPSSReached)
	}
	if !slices.Equal(was, []float64{0, 0.1, 0.5, 0}) {
		t.Errorf("it was %v: a score between steps was written down, or one that crossed one was not", was)
	}
	if _, err := c.RunningFindings(t.Context(), client.FindingQuery{EPSS: 0.3}); ident.KindOf(err) != ident.KindUsage && !strings.Contains(fmt.Sprint(err), "not told apart") {
		t.Errorf("a likelihood that is no step: %v", err)
	}
	select {
	case m := <-got:
		t.Errorf("told once too often: %s", m)
	default:
	}
}

// What a configuration may say about likelihoods.
func TestLikelihoodSteps(t *testing.T) {
	dir := t.TempDir()
	write := writer(t, dir)
	for text, want := range map[string]string{
		"findings: {epssSteps: [0.5, 0.1]}\n": "each above the one before",
		"findings: {epssSteps: [0]}\n":        "above 0",
		"findings: {epssSteps: [1.5]}\n":      "up to 1",
		"webhooks:\n- {name: a, url: 'https://h.example', secretFile: " + write("secret", "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcy4uLi4=") + ", epss: 0.2}\n": "none of findings.epssSteps",
	} {
		err := (&app.Loader{}).Serve(t.Context(), app.ServeOptions{Data: filepath.Join(dir, "data"), Config: write("c.yaml", text), Addr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
