package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/verify/synth"
)

// TestSignedVEX trusts statements by who signed them, and never by who they say they are.
func TestSignedVEX(t *testing.T) {
	d, err := synth.New(synth.Options{At: time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filesIn[[]byte](t, dir)
	sign := func(content []byte, s synth.Signing) synth.Object {
		t.Helper()
		b, err := d.Sign(content, s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	vex := []byte(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://psirt.example/1","author":"psirt@example.com","timestamp":"2026-11-01T00:00:00Z","statements":[{"vulnerability":{"name":"GHSA-35jh-r3h4-6jhm"},"products":[{"@id":"pkg:npm/lodash"}],"status":"not_affected","justification":"vulnerable_code_not_in_execute_path"}]}`)
	statement := func(kind string, predicate []byte) []byte {
		return []byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"` + kind + `","subject":[{"name":"web","digest":{"sha256":"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}}],"predicate":` + string(predicate) + `}`)
	}
	person := synth.Signing{Subject: "psirt@example.com", Issuer: "https://issuer.example", Statement: statement("https://openvex.dev/ns", vex)}
	keyed := synth.Signing{Key: key, NoLog: true, NoStamp: true, Statement: person.Statement}
	sbom := file("web.cdx.json", []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{"type":"library","name":"lodash","version":"4.17.20","purl":"pkg:npm/lodash@4.17.20"}]}`))
	advisory := file("a.osv.json", []byte(`{"id":"GHSA-35jh-r3h4-6jhm","modified":"2024-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"4.17.21"}]}]}]}`))
	file("root.json", d.TrustedRoot())
	file("psirt.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	identity := file("identity.yaml", []byte("signers: [{identity: psirt@example.com, issuer: https://issuer.example}]\ntrustedRoots: [root.json]\n"))
	other := file("other.yaml", []byte("signers: [{identity: ci@example.com, issuer: https://issuer.example}]\ntrustedRoots: [root.json]\n"))
	byKey := file("key.yaml", []byte("signers: [{name: Example PSIRT, key: psirt.pub}]\n"))
	elsewhere := file("products.yaml", []byte("signers: [{name: Example PSIRT, key: psirt.pub, products: [\"pkg:oci/\"]}]\n"))
	named := file("authors.yaml", []byte("authors: [{name: psirt@example.com}]\n"))
	unsigned := file("unsigned.vex.json", vex)
	bundle := sign(nil, person)
	attested := file("attested.json", synth.Write(bundle))
	keyBundle := sign(nil, keyed)
	withKey := file("keyed.json", synth.Write(keyBundle))
	envelope, err := json.Marshal(keyBundle["dsseEnvelope"])
	if err != nil {
		t.Fatal(err)
	}
	bare := file("envelope.json", envelope)
	changed := file("changed.json", []byte(strings.Replace(string(envelope), `"sig":"ME`, `"sig":"MF`, 1)))
	scan := file("scan.json", synth.Write(sign(nil, synth.Signing{Key: key, NoLog: true, NoStamp: true, Statement: statement("https://cosign.sigstore.dev/attestation/vuln/v1", []byte(`{"scanner":{}}`))})))
	beside := file("beside.vex.json", vex)
	file("beside.vex.json.sigstore.json", synth.Write(sign(vex, synth.Signing{Key: key, NoLog: true, NoStamp: true})))
	forged := file("forged.vex.json", []byte(strings.Replace(string(vex), "not_in_execute_path", "not_present", 1)))
	file("forged.vex.json.sigstore.json", synth.Write(sign(vex, synth.Signing{Key: key, NoLog: true, NoStamp: true})))
	sidecar := beside + ".sigstore.json"
	t.Setenv("COFFERDAM_CACHE", t.TempDir())

	for name, c := range map[string]struct {
		vex, trust  string
		code        int
		cleared     bool
		out, stderr string
	}{
		"attested, by identity":                  {attested, identity, 0, true, `"signer": "psirt@example.com"`, ""},
		"attested, by another identity":          {attested, other, 4, false, "", "its statements are not applied"},
		"attested, and only keys count":          {attested, byKey, 4, false, "", "only keys are accepted"},
		"attested, and nobody counts":            {attested, "", 4, false, "", "nobody is named whose signature counts"},
		"attested, and only names count":         {attested, named, 4, false, "", "nobody is named whose signature counts"},
		"attested with a key":                    {withKey, byKey, 0, true, `"author": "Example PSIRT"`, ""},
		"attested with a key, identities count":  {withKey, identity, 4, false, "", "only identities are accepted"},
		"a bare envelope":                        {bare, byKey, 0, true, `"signer": "Example PSIRT"`, ""},
		"a bare envelope with another signature": {changed, byKey, 4, false, "", "its statements are not applied"},
		"of products that are not the signer's":  {withKey, elsewhere, 0, false, "nobody trusts its author", ""},
		"unsigned, in the signer's name":         {unsigned, identity, 0, false, "nobody trusts its author", ""},
		"unsigned, everybody counts":             {unsigned, "", 0, true, `"author": "psirt@example.com"`, ""},
		"a bundle beside it":                     {beside, byKey, 0, true, `"signer": "Example PSIRT"`, ""},
		"a bundle beside it that is of another":  {forged, byKey, 4, false, "", "its statements are not applied"},
		"the bundle that lies beside":            {sidecar, byKey, 0, false, "", ""},
		"an attestation of something else":       {scan, byKey, 4, false, "", "is no VEX document"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"scan", sbom, "--advisories", advisory, "--vex", c.vex, "-o", "json"}
			if c.trust != "" {
				args = append(args, "--vex-trust", c.trust)
			}
			code, out, errs := run(t, nil, args...)
			if code != c.code || strings.Contains(out, `"status": "not_affected",`+"\n      \"vexSource\"") != c.cleared || !strings.Contains(out, c.out) || !strings.Contains(errs, c.stderr) {
				t.Errorf("exit %d, want %d\n%s\n%s", code, c.code, out, errs)
			}
		})
	}
	for name, c := range map[string]struct{ text, says string }{
		"neither":        {"signers: [{name: x}]", "a key or an identity"},
		"both":           {"signers: [{key: psirt.pub, identity: x, issuer: y}]", "a key or an identity"},
		"no issuer":      {"signers: [{identity: x}]", "no issuer"},
		"no such key":    {"signers: [{key: none.pub}]", "no such file"},
		"not a key":      {"signers: [{key: root.json}]", "root.json"},
		"an empty range": {"signers: [{key: psirt.pub, products: ['']}]", "a product of signer 1 is empty"},
		"no such root":   {"trustedRoots: [none.json]", "no such file"},
	} {
		if code, out, errs := run(t, nil, "scan", sbom, "--advisories", advisory, "--vex", attested, "--vex-trust", file("bad.yaml", []byte(c.text))); code == 0 || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit %d\n%s\n%s", name, code, out, errs)
		}
	}
}
