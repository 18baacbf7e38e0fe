package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/report"
)

// What runs and has a vulnerability, what is decided about it, and how long it stays.
func TestFindingsCommands(t *testing.T) {
	records := t.TempDir()
	if err := os.WriteFile(filepath.Join(records, "a.json"), []byte(lodashRecord), 0o600); err != nil {
		t.Fatal(err)
	}
	s := served(t, "--advisories", records)
	t.Setenv("COFFERDAM_SERVER", s.url)
	admin := []string{"--token-file", s.dir + "/data/admin.token"}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) { // until the advisories are read
		if out, _ := s.run(0, "findings"); strings.Contains(out, "NO FINDINGS") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the server reads its advisories for a minute")
		}
	}
	s.run(0, "push", s.file("web.json", imageSBOM("web", 1, "pkg:npm/lodash@4.17.20")), s.file("api.json", imageSBOM("api", 2, "pkg:npm/lodash@4.17.21")))
	before := time.Now().UTC().Format(time.RFC3339Nano)
	s.report(container("web", 1) + "," + container("api", 2))
	out, _ := s.run(0, "findings")
	for _, want := range []string{"1 finding: 1 high", "CVE-2021-23337", "lodash 4.17.20", "prod:shop/Deployment/web/app", "dmz", "new", "4.17.21", "team-shop"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	out, _ = s.run(0, "findings", "-o", "json", "--zone", "dmz", "--severity", "high")
	var a report.RunningFindings
	if err := json.Unmarshal([]byte(out), &a); err != nil || a.SchemaVersion != "1" || len(a.Items) != 1 || a.Counts["high"] != 1 || a.Items[0].From.IsZero() || a.Items[0].Fix == "" {
		t.Errorf("%v %s", err, out)
	}
	for _, none := range [][]string{{"--severity", "critical"}, {"--zone", "restricted"}, {"--cluster", "test"}, {"--exploited"}, {"CVE-1999-0001"}, {"--state", "accepted"}, {"--owner", "team-x"}} {
		if out, _ = s.run(0, append([]string{"findings"}, none...)...); !strings.Contains(out, "NO FINDINGS") {
			t.Errorf("%v: %s", none, out)
		}
	}
	if out, _ = s.run(0, "findings", "--at", before); !strings.Contains(out, "NOTHING") {
		t.Errorf("before it ran: %s", out)
	}

	if out, _ = s.run(0, "indicators", "--by", "owner"); !strings.Contains(out, "2 containers run, 100 % (2 of 2)") || !strings.Contains(out, "team-shop") || !strings.Contains(out, "REMEDIATION") {
		t.Errorf("%s", out)
	}
	out, _ = s.run(0, "indicators", "--at", before, "-o", "json")
	var numbers report.Indicators
	if err := json.Unmarshal([]byte(out), &numbers); err != nil || numbers.SchemaVersion != "1" || len(numbers.Groups) != 1 || numbers.Groups[0].Containers != 0 || numbers.Groups[0].Licenses == nil || numbers.Groups[0].ThirdParty != nil {
		t.Errorf("before it ran: %v %s", err, out)
	}
	s.run(2, "indicators", "--by", "planet")

	if _, said := s.run(1, "findings", "--fail-on", "overdue"); !strings.Contains(said, "has no deadlines") {
		t.Errorf("a gate by deadlines without any: %s", said)
	}
	decide := []string{"findings", "decide", "GHSA-35jh-r3h4-6jhm", "--state", "accepted", "--reason", "no templates", "--ticket", "SEC-7", "--until", time.Now().AddDate(0, 0, 30).Format(time.DateOnly)}
	if _, said := s.run(2, decide...); !strings.Contains(said, "triager") {
		t.Errorf("somebody who may not: %s", said)
	}
	s.run(0, append(decide, admin...)...)
	if out, _ = s.run(0, "findings", "CVE-2021-23337", "--state", "accepted"); !strings.Contains(out, "accepted until") || !strings.Contains(out, "SEC-7 no templates") {
		t.Errorf("%s", out)
	}
	s.run(1, append([]string{"findings", "decide", "CVE-2021-23337", "--state", "accepted", "--reason", "x"}, admin...)...) // until?
	s.run(2, append([]string{"findings", "decide", "CVE-2021-23337", "--state", "ignored"}, admin...)...)
	s.run(2, append([]string{"findings", "decide", "CVE-2021-23337", "--state", "accepted", "--until", "soon"}, admin...)...)
	s.run(2, "findings", "--severity", "dire")
	s.run(2, "findings", "--state", "old")
	s.run(2, "findings", "a", "b")

	s.report(container("web", 2) + "," + container("api", 2))
	if out, _ = s.run(0, "findings"); !strings.Contains(out, "NO FINDINGS") {
		t.Errorf("what is mended is listed: %s", out)
	}
	if out, _ = s.run(0, "findings", "--history"); !strings.Contains(out, "remediated") || !strings.Contains(out, "0 of them hold") {
		t.Errorf("%s", out)
	}
	if out, _ = s.run(0, "findings", "remediation", "--since", "1h"); !strings.Contains(out, "1 exposure remediated") || !strings.Contains(out, "high      0") {
		t.Errorf("%s", out)
	}
	s.run(2, "findings", "remediation", "--since", "yesterday")
	if out, _ = s.run(0, "changes"); !strings.Contains(out, "findings") || !strings.Contains(out, "triage") {
		t.Errorf("a change is an event: %s", out)
	}
}

// An acceptance that another triager has to approve, and what is beyond its deadline.
func TestApprovalCommands(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.json": lodashRecord, "serve.yaml": "findings: {approval: true, deadlineDays: {high: 0.000001}}\ntokens: " + dir + "/tokens\n", "bad.yaml": "findings: {deadlineDays: {dire: 1}}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	token := func(name, roles string) []string {
		t.Helper()
		var out, errs strings.Builder
		if code := Run(t.Context(), []string{"token", "create", "--tokens", dir + "/tokens", "--name", name, "--roles", roles}, strings.NewReader(""), &out, &errs); code != 0 {
			t.Fatal(errs.String())
		}
		return []string{"--token", strings.Fields(out.String())[0]}
	}
	ann, bob, ci := token("ann", "triager"), token("bob", "triager"), token("ci", "publisher,admin")
	s := served(t, "--advisories", filepath.Join(dir, "a.json"), "--config", filepath.Join(dir, "serve.yaml"))
	t.Setenv("COFFERDAM_SERVER", s.url)
	with := func(who []string, args ...string) []string { return append(args, who...) }
	s.run(0, with(ci, "push", s.file("web.json", imageSBOM("web", 1, "pkg:npm/lodash@4.17.20")))...)
	manifests := s.file("web.yaml", fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: app, image: 'registry.example/shop/web:1'}]}\nstatus: {containerStatuses: [{name: app, image: 'registry.example/shop/web:1', imageID: 'registry.example/shop/web@sha256:%064x'}]}\n", 1))
	s.run(0, with(ci, "push", "-f", "prod="+manifests)...)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if out, _ := s.run(-1, with(ann, "findings", "--overdue")...); strings.Contains(out, "OVERDUE: 1 finding") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing is overdue")
		}
	}
	const image = "sha256:0000000000000000000000000000000000000000000000000000000000000001"
	s.run(3, with(ann, "findings", "--cluster", "prod", "--image", image, "--fail-on", "overdue")...)
	s.run(3, with(ann, "findings", "--fail-on", "open")...)
	s.run(0, with(ann, "findings", "--severity", "critical", "--image", image, "--fail-on", "overdue")...)
	if _, said := s.run(4, with(ann, "findings", "--cluster", "prod", "--image", image[:len(image)-1]+"2", "--fail-on", "overdue")...); !strings.Contains(said, "nothing is known of it") {
		t.Errorf("an image that never ran there: %s", said)
	}
	s.run(2, with(ann, "findings", "--image", "web")...)
	s.run(2, with(ann, "findings", "--fail-on", "overdue", "--history")...)
	s.run(0, with(ann, "findings", "decide", "CVE-2021-23337", "--state", "accepted", "--until", time.Now().AddDate(0, 0, 30).Format(time.DateOnly), "--reason", "no templates")...)
	if out, _ := s.run(0, with(bob, "findings", "decisions", "--pending")...); !strings.Contains(out, "1 await approval") || !strings.Contains(out, "token:ann") {
		t.Errorf("%s", out)
	}
	if out, _ := s.run(0, with(bob, "findings", "--state", "proposed", "--overdue")...); !strings.Contains(out, "proposed until") {
		t.Errorf("what nobody approved counts: %s", out)
	}
	if _, said := s.run(-1, with(ann, "findings", "approve", "CVE-2021-23337")...); !strings.Contains(said, "somebody else has to approve it") {
		t.Errorf("her own: %s", said)
	}
	if _, said := s.run(-1, with(ci, "findings", "approve", "CVE-2021-23337")...); !strings.Contains(said, "triager") {
		t.Errorf("an administrator: %s", said)
	}
	s.run(1, with(bob, "findings", "approve", "CVE-2021-23337", "--cluster", "prod")...)
	if _, said := s.run(0, with(bob, "findings", "approve", "CVE-2021-23337")...); !strings.Contains(said, "accepted by token:ann") {
		t.Errorf("%s", said)
	}
	s.run(0, with(bob, "findings", "--image", image, "--fail-on", "overdue")...)
	if out, _ := s.run(0, with(bob, "findings", "--overdue")...); !strings.Contains(out, "NO FINDINGS") {
		t.Errorf("what was accepted is overdue: %s", out)
	}
	if out, _ := s.run(0, with(bob, "findings", "decisions", "--expiring", "1000h")...); !strings.Contains(out, "token:bob") {
		t.Errorf("%s", out)
	}
	if out, _ := s.run(0, with(ci, "journal", "list", "--action", "state.assert", "-o", "json")...); !strings.Contains(out, "token:ann") || !strings.Contains(out, "token:bob") {
		t.Errorf("the journal does not say who decided and who approved: %s", out)
	}
	if out, _ := s.run(0, with(bob, "findings", "remediation")...); !strings.Contains(out, "high      1") {
		t.Errorf("%s", out)
	}
	if _, said := s.run(2, "serve", "--data", s.dir+"/other", "--addr", "127.0.0.1:0", "--config", filepath.Join(dir, "bad.yaml")); !strings.Contains(said, `"dire" is no severity`) {
		t.Errorf("%s", said)
	}
}
