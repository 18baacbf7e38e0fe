package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/cli"
	"github.com/cofferdam-io/cofferdam/internal/testenv/keyring"
	"github.com/cofferdam-io/cofferdam/internal/testenv/oci"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
)

// components of the image that BenchmarkGate judges.
const gateComponents = 300

// BenchmarkGate is a pipeline's gate as a whole, from the flags to the summary: an image of
// 300 components in a registry of this process, with a signature, provenance, a scan and
// an SBOM attested by a key, held against twenty rules, a schema and advisories (those of
// COFFERDAM_DATA where there are any, and of the example estate). cpu-ms/op is of the
// process: the registry's and the collector's share is in it.
func BenchmarkGate(b *testing.B) {
	args := gated(b)
	begun := used.CPU(b)
	for b.Loop() {
		var out bytes.Buffer
		if code := cli.Run(context.Background(), args, nil, &out, &out); code != 0 || !strings.Contains(out.String(), "PASSED") {
			b.Fatalf("exit %d: %s", code, out.String())
		}
	}
	cpu := used.CPU(b) - begun
	b.ReportMetric(float64(cpu.Milliseconds())/float64(b.N), "cpu-ms/op")
}

// gated makes an image that passes, and returns the command line of its gate.
func gated(b *testing.B) []string {
	b.Helper()
	b.Setenv("COFFERDAM_CACHE", b.TempDir())
	r := oci.New(b, oci.Options{Referrers: true})
	r.Image(b, "shop/web", "1")
	image := r.Host + "/shop/web:1"
	file := filesIn[string](b, b.TempDir())
	var sbom, policy strings.Builder
	sbom.WriteString(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[`)
	for i := range gateComponents {
		kind := []string{"golang/example.com/group/module", "npm/package", "deb/debian/library", "pypi/package"}[i%4]
		fmt.Fprintf(&sbom, `%s{"type":"library","bom-ref":"c%d","name":"part-%d","version":"1.%d.3","purl":"pkg:%s-%d@1.%d.3","licenses":[{"license":{"id":"Apache-2.0"}}],"hashes":[{"alg":"SHA-256","content":"%064x"}]}`,
			strings.Repeat(",", min(i, 1)), i, i, i%40, kind, i, i%40, i)
	}
	sbom.WriteString("]}")
	policy.WriteString("apiVersion: cofferdam.dev/v1alpha1\nkind: VerificationPolicy\nmetadata: {name: twenty}\nspec:\n  mode: Enforce\n  rules:\n")
	for i := range 20 {
		expression := []string{`facts.signatures().size() > 0`, `facts.attestations("https://slsa.dev/provenance").exists(f, f.predicate.runDetails.builder.id.startsWith("https://"))`,
			`findings.all(f, !f.atLeast("high") || f.excepted)`, `sboms.exists(s, s.components >= 300 && s.licenses.all(l, l == "Apache-2.0"))`}[i%4]
		fmt.Fprintf(&policy, "  - name: r%d\n    expression: '%s'\n    message: m\n    hint: h\n", i, expression)
	}
	key := keyring.All(b)["p256"]
	private, public := keyring.Write(b, key), file("key.pub", string(keyring.Public(b, key)))
	advisories := []string{"../../examples/estate/advisories"}
	if data := os.Getenv("COFFERDAM_DATA"); data != "" {
		advisories = append(advisories, filepath.Join(data, "vuln", "osv-go"))
	}
	command := func(args ...string) {
		var out bytes.Buffer
		if code := cli.Run(context.Background(), args, nil, &out, &out); code != 0 {
			b.Fatalf("%v: exit %d: %s", args, code, out.String())
		}
	}
	scan := filepath.Join(b.TempDir(), "scan.json")
	command("sign", image, "--key", private)
	command("attest", image, "--key", private, "--type", "cyclonedx", "--predicate", file("sbom.json", sbom.String()))
	command("attest", image, "--key", private, "--type", "slsaprovenance", "--predicate", file("provenance.json", `{"buildDefinition":{"buildType":"https://ci.example/t","externalParameters":{}},"runDetails":{"builder":{"id":"https://ci.example/runner"}}}`))
	command("scan", file("sbom.json", sbom.String()), "--advisories", advisories[0], "-o", "json", "--output-file", scan)
	command("attest", image, "--key", private, "--type", "vuln", "--predicate", scan)
	args := []string{"gate", image, "--key", public, "--policy", file("policy.yaml", policy.String()), "-o", "markdown"}
	for _, a := range advisories {
		args = append(args, "--advisories", a)
	}
	return args
}
