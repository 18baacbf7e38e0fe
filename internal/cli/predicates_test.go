package cli_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/cli"
	"github.com/cofferdam-io/cofferdam/internal/testenv/keyring"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
)

const csafVEX = `{"document":{"category":"csaf_vex","csaf_version":"2.0","title":"t","publisher":{"category":"vendor","name":"Shop","namespace":"https://shop.example"},
"tracking":{"id":"1","status":"final","version":"1","initial_release_date":"2026-11-20T10:00:00Z","current_release_date":"2026-11-20T10:00:00Z","revision_history":[{"date":"2026-11-20T10:00:00Z","number":"1","summary":"s"}]}},
"product_tree":{"full_product_names":[{"product_id":"web","name":"web","product_identification_helper":{"purl":"pkg:oci/web"}}]},
"vulnerabilities":[{"cve":"CVE-2026-0001","product_status":{"known_not_affected":["web"]},"flags":[{"label":"component_not_present","product_ids":["web"]}]}]}`

// signedStatement is the bundle of a statement about a digest, signed with a key.
func signedStatement(t *testing.T, key crypto.Signer, about ident.Digest, kind, predicate string) string {
	t.Helper()
	payload := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"web","digest":{"sha256":%q}}],"predicateType":%q,"predicate":%s}`, about.Hex(), kind, predicate)
	sum := sha256.Sum256(dsse.PAE("application/vnd.in-toto+json", []byte(payload)))
	sig, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":""}},"dsseEnvelope":{"payload":%q,"payloadType":"application/vnd.in-toto+json","signatures":[{"sig":%q}]}}`,
		base64.StdEncoding.EncodeToString([]byte(payload)), base64.StdEncoding.EncodeToString(sig))
}

// What a predicate says is read when it is taken in, for each type that is known: a broken
// one of a type is refused with the reason, however well it is signed, and what was taken
// in is what rules see. A type that nobody knows is any JSON.
func TestEveryPredicate(t *testing.T) {
	t.Setenv("COFFERDAM_CACHE", t.TempDir())
	r := oci.New(t, oci.Options{Referrers: true})
	digest := r.Image(t, "shop/web", "1").Digest
	image := r.Host + "/shop/web:1"
	file := filesIn[string](t, t.TempDir())
	key := keyring.All(t)["p256"]
	private, public := keyring.Write(t, key), file("key.pub", string(keyring.Public(t, key)))
	command := func(code int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if got := cli.Run(t.Context(), args, strings.NewReader(""), &out, &out); got != code {
			t.Fatalf("%v: exit %d, want %d: %s", args, got, code, out.String())
		}
		return out.String()
	}
	cases := []struct{ kind, good, rule, broken, says string }{
		{"https://slsa.dev/provenance/v1", `{"buildDefinition":{"buildType":"t","externalParameters":{}},"runDetails":{"builder":{"id":"https://ci.example"}}}`, `f.predicate.runDetails.builder.id == "https://ci.example"`,
			`{"buildDefinition":{"buildType":"t","externalParameters":{}},"runDetails":{"builder":{}}}`, "builder.id"},
		{"https://slsa.dev/provenance/v0.2", `{"builder":{"id":"b"},"buildType":"t","materials":[{"uri":"m","digest":{"sha256":"11"}}]}`, `f.predicate.materials[0].uri == "m"`, `{"builder":{"id":7},"buildType":"t"}`, "builder"},
		{"https://spdx.dev/Document", `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"web","dataLicense":"CC0-1.0","documentNamespace":"https://shop.example/1","creationInfo":{"created":"2026-11-20T10:00:00Z","creators":["Tool: t"]},"packages":[]}`, `f.predicate.name == "web"`,
			`{"spdxVersion":7}`, "cannot be read"},
		{"https://cyclonedx.org/bom", `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[]}`, `f.predicate.specVersion == "1.6"`, `{"bomFormat":"CycloneDX","specVersion":"1.6","components":{}}`, "components"},
		{"https://cosign.sigstore.dev/attestation/vuln/v1", `{"scanner":{"uri":"s","version":"1","db":{"uri":"d","version":"2"},"result":{}},"metadata":{"scanStartedOn":"2026-11-20T10:00:00Z","scanFinishedOn":"2026-11-20T10:00:00Z"}}`, `f.predicate.scanner.uri == "s"`, `{}`, "scanner.uri"},
		{"https://openvex.dev/ns/v0.2.0", `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://shop.example/1","author":"psirt@shop.example","timestamp":"2026-11-20T10:00:00Z","version":1,"statements":[{"vulnerability":{"name":"CVE-2026-0001"},"products":[{"@id":"pkg:oci/web"}],"status":"not_affected","justification":"component_not_present"}]}`,
			`f.predicate.statements[0].status == "not_affected"`,
			`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://shop.example/1","author":"psirt@shop.example","timestamp":"2026-11-20T10:00:00Z","version":1,"statements":[{"vulnerability":{"name":"CVE-2026-0001"},"products":[{"@id":"pkg:oci/web"}],"status":"harmless"}]}`, "/statements/0/status"},
		{"https://docs.oasis-open.org/csaf/csaf/v2.0/csaf_json_schema.json", csafVEX, `f.predicate.document.category == "csaf_vex"`, strings.Replace(csafVEX, `"csaf_vex"`, `7`, 1), "cannot be read"},
		{"https://in-toto.io/attestation/scai/v0.3", `{"attributes":[{"attribute":"HARDENED"}]}`, `f.predicate.attributes[0].attribute == "HARDENED"`, `{"attributes":[]}`, "attributes"},
		{"https://in-toto.io/attestation/test-result/v0.1", `{"result":"PASSED","configuration":[{"name":"suite"}]}`, `f.predicate.result == "PASSED"`, `{"result":"passed"}`, "result"},
		{"https://in-toto.io/attestation/release/v0.2", `{"purl":"pkg:npm/a@1","packageId":"7"}`, `f.predicate.packageId == "7"`, `{}`, "purl"},
		{"https://slsa.dev/verification_summary/v1", `{"verifier":{"id":"https://shop.example/v"},"timeVerified":"2026-11-20T10:00:00Z","resourceUri":"r","policy":{"uri":"p"},"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_3"]}`,
			`f.predicate.verificationResult == "PASSED"`, `{"verifier":{"id":"v"},"resourceUri":"r","verificationResult":"passed"}`, "verificationResult"},
		{"https://in-toto.io/attestation/runtime-trace/v0.1", `{"monitor":{"type":"m"},"monitoredProcess":{"hostID":"h","type":"t","event":"e"},"monitorLog":{"network":[]}}`, `f.predicate.monitor.type == "m"`, `{"monitor":{"type":"m"}}`, "monitoredProcess"},
		{"https://cofferdam.dev/attestation/micro-segmentation/v1", `{"bomFormat":"CycloneDX","specVersion":"1.7","version":1,"components":[]}`, `f.predicate.specVersion == "1.7"`, `{"bomFormat":"CycloneDX","specVersion":"1.7","components":7}`, "cannot be read"},
		{"https://shop.example/sast/v1", `{"findings":0}`, `f.predicate.findings == 0`, ``, ""},
	}
	var rules strings.Builder
	for i, c := range cases {
		bundle := func(name, predicate string) string {
			path := file(fmt.Sprintf("%s-%d.sigstore.json", name, i), "")
			command(0, "attest", image, "--key", private, "--type", c.kind, "--predicate", file(name+".json", predicate), "--no-attach", "--bundle", path)
			return path
		}
		if c.broken != "" {
			// Attest refuses some of these: they are signed by somebody who does not use it.
			path := file(fmt.Sprintf("broken-%d.sigstore.json", i), signedStatement(t, key, digest, c.kind, c.broken))
			if out := command(3, "attach", image, "--bundle", path, "--key", public); !strings.Contains(out, c.says) {
				t.Errorf("%s: %s", c.kind, out)
			}
		}
		command(0, "attach", image, "--bundle", bundle("good", c.good), "--key", public)
		fmt.Fprintf(&rules, "  - {name: r%d, expression: 'facts.attestations(%q).exists(f, %s)', message: m, hint: h}\n", i, c.kind, c.rule)
	}
	policy := file("policy.yaml", "apiVersion: cofferdam.dev/v1alpha1\nkind: VerificationPolicy\nmetadata: {name: all}\nspec:\n  mode: Enforce\n  rules:\n"+rules.String())
	var answer struct {
		Candidates []struct {
			Fact struct{ PredicateType string }
		}
	}
	if err := json.Unmarshal([]byte(command(0, "verify", "image", image, "--key", public, "--policy", policy, "-o", "json")), &answer); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, x := range answer.Candidates {
		seen[x.Fact.PredicateType] = true
	}
	for _, c := range cases {
		if !seen[c.kind] {
			t.Errorf("%s is not among what is attached", c.kind)
		}
	}
	if len(answer.Candidates) != len(cases) {
		t.Errorf("%d candidates, want %d: a broken one was attached", len(answer.Candidates), len(cases))
	}
}
