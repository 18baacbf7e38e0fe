package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
)

// The gate asks the server since when what runs the image, or its service, is exposed.
func TestGateAsksServer(t *testing.T) {
	r := oci.New(t, oci.Options{Referrers: true})
	image := r.Image(t, "shop/web", "1")
	other := r.Image(t, "shop/web", "2")
	document := func(d string) string {
		return fmt.Sprintf(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","bom-ref":"image","name":"shop/web","version":%q}},"components":[{"type":"library","bom-ref":"c0","name":"lodash","version":"4.17.20","purl":"pkg:npm/lodash@4.17.20"}],"dependencies":[{"ref":"image","dependsOn":["c0"]}]}`, d)
	}
	for _, i := range []oci.Image{image, other} {
		r.Attach(t, i, "application/vnd.cyclonedx+json", oci.Layer{MediaType: "application/vnd.cyclonedx+json", Content: []byte(document(i.Digest.String()))})
	}
	files := &shell{t: t, dir: t.TempDir()}
	file := files.file
	advisory, kev := file("a.json", lodashRecord), file("kev.json", `{"catalogVersion":"2026.08.19","dateReleased":"2026-08-19T15:00:01.0000Z","count":1,"vulnerabilities":[{"cveID":"CVE-2023-44487","dateAdded":"2023-10-10"}]}`)
	asks := func(name, days string) string {
		return file(name, "apiVersion: cofferdam.dev/v1alpha1\nkind: VerificationPolicy\nmetadata: {name: p}\nspec:\n  mode: Enforce\n  remediation: {deadlineDays: "+days+", serverAcceptances: "+fmt.Sprint(strings.HasPrefix(name, "accepts"))+"}\n")
	}
	// On the server a deadline of a year, that it remembers since when; the policy's are its own.
	s := served(t, "--advisories", advisory, "--config", file("serve.yaml", "findings: {deadlineDays: {high: 365}}\ntokens: "+files.dir+"/tokens\n"))
	t.Setenv("COFFERDAM_SERVER", s.url)
	token, _ := s.run(0, "token", "create", "--tokens", files.dir+"/tokens", "--name", "ci", "--roles", "publisher,triager")
	t.Setenv("COFFERDAM_TOKEN", strings.Fields(token)[0])
	gate := func(want int, tag, policy string, words string, more ...string) {
		t.Helper()
		if out, said := s.run(want, append([]string{"gate", r.Host + "/shop/web:" + tag, "--policy", policy, "--advisories", advisory, "--kev", kev, "--fail-on", "none", "--known-since", "server"}, more...)...); !strings.Contains(out+said, words) {
			t.Errorf("%s is not said: %s%s", words, out, said)
		}
	}
	moment, year := asks("moment.yaml", "{high: 0.00000001}"), asks("year.yaml", "{high: 365}")
	gate(3, "1", year, "no container that is selected runs the image")

	s.run(0, "push", file("web.json", document(image.Digest.String())))
	pod := file("web.yaml", fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app.kubernetes.io/name: web}}\nspec: {containers: [{name: app, image: '%[1]s/shop/web:1'}]}\nstatus: {containerStatuses: [{name: app, image: '%[1]s/shop/web:1', imageID: '%[1]s/shop/web@%[2]s'}]}\n", r.Host, image.Digest))
	s.run(0, "push", "-f", "staging="+pod)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if out, _ := s.run(-1, "findings"); strings.Contains(out, "CVE-2021-23337") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing is found in what runs")
		}
	}
	gate(0, "1", year, "passed  p/remediation", "--stage", "staging")
	gate(3, "1", moment, "1 of 1 findings are beyond their deadline: CVE-2021-23337 (high) in pkg:npm/lodash@4.17.20, known since ")
	gate(3, "1", year, "no container that is selected runs the image", "--stage", "prod")
	gate(3, "2", moment, "no container that is selected runs the image")
	gate(3, "2", year, "no container that is selected runs the service orders", "--service", "orders")
	gate(3, "2", moment, "beyond their deadline", "--service", "web")
	accepts := asks("accepts.yaml", "{high: 0.00000001}")
	gate(3, "1", accepts, "beyond their deadline")
	s.run(0, "findings", "decide", "CVE-2021-23337", "--state", "accepted", "--until", time.Now().AddDate(0, 0, 30).Format(time.DateOnly), "--reason", "no templates")
	gate(3, "1", moment, "beyond their deadline")
	gate(0, "1", accepts, "passed  p/remediation")
	// What the server said, kept in a file, says the same without it.
	out, _ := s.run(0, "findings", "-o", "json")
	said := file("findings.json", out)
	t.Setenv("COFFERDAM_SERVER", "")
	s.run(3, "gate", r.Host+"/shop/web:1", "--policy", moment, "--advisories", advisory, "--kev", kev, "--fail-on", "none", "--known-since", said)
	s.run(0, "gate", r.Host+"/shop/web:1", "--policy", year, "--advisories", advisory, "--kev", kev, "--fail-on", "none", "--known-since", said)
	s.run(0, "gate", r.Host+"/shop/web:1", "--policy", accepts, "--advisories", advisory, "--kev", kev, "--fail-on", "none", "--known-since", said, "--at", time.Now().AddDate(0, 0, 1).Format(time.RFC3339))
}
