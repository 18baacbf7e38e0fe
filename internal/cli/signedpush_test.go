package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// A signed document counts by who signed it, whoever hands it over, and never by what it
// says of its author; what does not verify, and what is older, is refused.
func TestSignedVEXIsPushed(t *testing.T) {
	d, err := synth.New(synth.Options{At: time.Now().Add(-time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]*ecdsa.PrivateKey{}
	dir := t.TempDir()
	put := func(name, text string) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, name := range []string{"psirt", "stranger"} {
		if keys[name], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
		public, err := x509.MarshalPKIXPublicKey(keys[name].Public())
		if err != nil {
			t.Fatal(err)
		}
		put(name+".pub", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	}
	put("root.json", string(d.TrustedRoot()))
	trust := put("trust.yaml", "signers: [{name: Example PSIRT, key: psirt.pub}, {identity: psirt@example.com, issuer: https://issuer.example}]\ntrustedRoots: [root.json]\n")
	config := put("serve.yaml", "vexTrust: "+trust+"\n")
	s := served(t, "--advisories", put("a.json", lodashRecord), "--config", config)
	t.Setenv("COFFERDAM_SERVER", s.url)
	t.Setenv("COFFERDAM_TOKEN", strings.TrimSpace(readText(t, s.dir+"/data/admin.token")))
	s.run(0, "push", s.file("web.json", imageSBOM("web", 1, "pkg:npm/lodash@4.17.20")), "-f", "prod="+s.file("web.yaml", `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: app, image: "registry.example/web@sha256:`+strings.Repeat("0", 63)+`1"}]}
`))
	status := func(want string) report.RunningFinding {
		t.Helper()
		var a report.RunningFindings
		eventually(t, func() (bool, string) {
			out, errs := s.run(-1, "findings", "-o", "json")
			return json.Unmarshal([]byte(out), &a) == nil && len(a.Items) == 1 && a.Items[0].Status == want, out + errs
		})
		return a.Items[0]
	}
	status("affected")

	// doc says something as of a day; the author that it names is always the same.
	doc := func(day, stated string) string {
		return `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://psirt.example/1","author":"psirt@example.com","timestamp":"2026-11-` + day + `T00:00:00Z","version":1,"statements":[{"vulnerability":{"name":"CVE-2021-23337"},"products":[{"@id":"pkg:npm/lodash"}],` + stated + `}]}`
	}
	const clears, fixed, open = `"status":"not_affected","justification":"vulnerable_code_not_present"`, `"status":"fixed"`, `"status":"affected","action_statement":"upgrade"`
	sign := func(doc string, g synth.Signing) synth.Object {
		t.Helper()
		g.Statement = []byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://openvex.dev/ns","subject":[{"name":"web","digest":{"sha256":"` + strings.Repeat("ab", 32) + `"}}],"predicate":` + doc + `}`)
		b, err := d.Sign(nil, g)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	keyed := func(name string) synth.Signing { return synth.Signing{Key: keys[name], NoLog: true, NoStamp: true} }
	text := func(b synth.Object) string { return string(synth.Write(b)) }
	envelope := func(b synth.Object) string {
		raw, err := json.Marshal(b["dsseEnvelope"])
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	first := sign(doc("01", clears), keyed("psirt"))
	refused := func(why, file, says string) {
		t.Helper()
		if out, _ := s.run(3, "vex", "push", file); !strings.Contains(out, says) {
			t.Errorf("%s: %s", why, out)
		}
	}
	// Nothing of these moves anything.
	out, _ := s.run(0, "vex", "push", put("unsigned.json", doc("01", clears)))
	if !strings.Contains(out, "shown and not applied") {
		t.Errorf("an author who only says so: %s", out)
	}
	refused("another key", put("other.json", text(sign(doc("01", clears), keyed("stranger")))), "its statements are not applied")
	refused("another identity", put("ci.json", text(sign(doc("01", clears), synth.Signing{Subject: "ci@example.com", Issuer: "https://issuer.example"}))), "its statements are not applied")
	altered := strings.Replace(envelope(first), `"payload":"eyJ`, `"payload":"eyA`, 1)
	if altered == envelope(first) {
		t.Fatal("nothing was altered")
	}
	refused("altered", put("altered.json", altered), "")
	put("beside.json", doc("01", fixed))
	b, err := d.Sign([]byte(doc("01", clears)), keyed("psirt"))
	if err != nil {
		t.Fatal(err)
	}
	put("beside.json.sigstore.json", text(b))
	refused("a bundle of other bytes", filepath.Join(dir, "beside.json"), "its statements are not applied")
	refused("a signature alone", put("alone.json", text(b)), "without the document")
	if f := status("affected"); f.VEXSource != "" {
		t.Errorf("%+v", f)
	}

	out, _ = s.run(0, "vex", "push", put("first.json", text(first)), "-o", "json")
	var pushed report.VEXPushed
	if err := json.Unmarshal([]byte(out), &pushed); err != nil || len(pushed.Documents) != 1 || pushed.Documents[0].Signer != "Example PSIRT" || !pushed.Documents[0].Trusted || !pushed.Documents[0].Changed {
		t.Fatalf("%v %s", err, out)
	}
	if f := status("not_affected"); !strings.Contains(f.VEXSource, "signed by Example PSIRT, handed over by token:admin") {
		t.Errorf("%+v", f)
	}
	if out, _ = s.run(0, "vex", "push", filepath.Join(dir, "first.json")); !strings.Contains(out, "there already") {
		t.Errorf("%s", out)
	}
	if out, _ = s.run(0, "vex", "list"); !strings.Contains(out, "signed by Example PSIRT") {
		t.Errorf("%s", out)
	}
	// The signer takes it back; the old one cannot be brought back, by whom ever, nor by an
	// unsigned document of the same identifier.
	second := put("second.json", doc("05", open))
	if b, err = d.Sign([]byte(doc("05", open)), keyed("psirt")); err != nil {
		t.Fatal(err)
	}
	put("second.json.sigstore.json", text(b))
	if out, _ = s.run(0, "vex", "push", second, second+".sigstore.json"); strings.Count(out, "taken") != 1 {
		t.Errorf("a document and its bundle are one: %s", out)
	}
	status("affected")
	refused("the same older bundle", filepath.Join(dir, "first.json"), "something newer")
	refused("an older statement, signed anew", put("again.json", text(sign(doc("04", clears), keyed("psirt")))), "something newer")
	s.run(0, "vex", "push", put("unsigned.json", doc("09", clears)))
	if f := status("affected"); strings.Contains(f.VEXSource, "unsigned") {
		t.Errorf("%+v", f)
	}
	id := pushed.Documents[0].ID
	s.run(0, "vex", "withdraw", id)
	refused("an older one after the newer was withdrawn", filepath.Join(dir, "first.json"), "something newer")
	s.run(0, "vex", "push", put("third.json", envelope(sign(doc("06", clears), keyed("psirt"))))) // a bare envelope
	status("not_affected")
	// Another signer has documents of his own under the same identifier.
	s.run(0, "vex", "push", put("person.json", text(sign(doc("07", clears), synth.Signing{Subject: "psirt@example.com", Issuer: "https://issuer.example"}))))
	if out, _ = s.run(0, "vex", "list"); strings.Count(out, "signed by") != 2 || !strings.Contains(out, "signed by psirt@example.com") {
		t.Errorf("%s", out)
	}
}
