package openvex_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
	"github.com/cofferdam-io/cofferdam/vuln/openvex"
)

const small = `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/vex-1","author":"Example PSIRT","timestamp":"2026-01-02T03:04:05Z","version":1,
"statements":[
 {"vulnerability":{"@id":"https://nvd.example/vuln/CVE-2023-1","name":"CVE-2023-1","aliases":["GHSA-aaaa-bbbb-cccc"]},
  "products":[{"@id":"pkg:oci/web?repository_url=registry.example/shop/web","hashes":{"sha-256":"` + hex + `"},
    "subcomponents":[{"@id":"pkg:npm/lodash@4.17.20"},"pkg:npm/minimist"]}],
  "status":"not_affected","justification":"vulnerable_code_not_in_execute_path","timestamp":"2026-01-03T00:00:00Z","last_updated":"2026-01-04T00:00:00Z"},
 {"vulnerability":"CVE-2023-2","products":["pkg:npm/left-pad@1.3.0","something else"],"status":"affected","action_statement":"upgrade"}]}`

const hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func Example() {
	statements, _, err := openvex.Decode(context.Background(), "f", []byte(small))
	if err != nil {
		fmt.Println(err)
		return
	}
	known := &vuln.Intelligence{Statements: vuln.NewStatements(statements, vuln.Trust{Everybody: true})}
	finding := vuln.Finding{ID: "CVE-2023-2"}
	known.Judge(&finding, vuln.ArtifactOf(&sbom.Document{}), &sbom.Component{PURL: "pkg:npm/left-pad@1.3.0"})
	fmt.Println(finding.Status, finding.VEX[0].Bound, finding.VEX[0].Author)
	// Output: affected component Example PSIRT
}

func TestDecode(t *testing.T) {
	got, faults, err := openvex.Decode(context.Background(), "f", []byte(small))
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	digest, err := ident.ParseDigest("sha256:" + hex)
	if err != nil {
		t.Fatal(err)
	}
	want := []vuln.Statement{
		{Vulnerability: []string{"CVE-2023-1", "GHSA-aaaa-bbbb-cccc"}, Status: vuln.StatusNotAffected, Justification: "vulnerable_code_not_in_execute_path",
			Products: []vuln.Product{{PURL: "pkg:oci/web?repository_url=registry.example/shop/web", Digests: []ident.Digest{digest}, Subcomponents: []string{"pkg:npm/lodash@4.17.20", "pkg:npm/minimist"}}},
			At:       time.Date(2026, 1, 4, 0, 0, 0, 0, time.UTC), Author: "Example PSIRT", Document: "https://example.com/vex-1", File: "f", Pointer: "/statements/0"},
		{Vulnerability: []string{"CVE-2023-2"}, Status: vuln.StatusAffected, Action: "upgrade",
			Products: []vuln.Product{{PURL: "pkg:npm/left-pad@1.3.0"}, {Name: "something else", Unbound: "the product is named by no package URL and no digest"}},
			At:       time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Author: "Example PSIRT", Document: "https://example.com/vex-1", File: "f", Pointer: "/statements/1"},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(ident.Digest{})); d != "" {
		t.Error(d)
	}
}

func TestFaultsCostOneStatement(t *testing.T) {
	for name, bad := range map[string]string{
		"no status":               `{"vulnerability":"CVE-1","products":["pkg:npm/a"]}`,
		"a status of its own":     `{"vulnerability":"CVE-1","products":["pkg:npm/a"],"status":"safe"}`,
		"no reason":               `{"vulnerability":"CVE-1","products":["pkg:npm/a"],"status":"not_affected"}`,
		"no vulnerability":        `{"products":["pkg:npm/a"],"status":"fixed"}`,
		"an empty vulnerability":  `{"vulnerability":{"name":""},"products":["pkg:npm/a"],"status":"fixed"}`,
		"products that are text":  `{"vulnerability":"CVE-1","products":"pkg:npm/a","status":"fixed"}`,
		"a product that is 7":     `{"vulnerability":"CVE-1","products":[7],"status":"fixed"}`,
		"no time":                 `{"vulnerability":"CVE-1","products":["pkg:npm/a"],"status":"fixed","timestamp":"now"}`,
		"no statement":            `"fixed"`,
		"subcomponents as number": `{"vulnerability":"CVE-1","products":[{"@id":"pkg:npm/a","subcomponents":[7]}],"status":"fixed"}`,
	} {
		text := strings.Replace(small, `"statements":[`, `"statements":[`+bad+`,`, 1)
		got, faults, err := openvex.Decode(context.Background(), "f", []byte(text))
		if err != nil || len(got) != 2 || len(faults) == 0 || !strings.HasPrefix(faults[0].Pointer, "/statements/0") {
			t.Errorf("%s: %d statements, faults %v, error %v", name, len(got), faults, err)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		kind ident.Kind
	}{
		"another document": {`{"bomFormat":"CycloneDX"}`, ident.KindUnsupported},
		"nothing":          {``, ident.KindUnsupported},
		"a list":           {`[]`, ident.KindUnsupported},
		"cut short":        {small[:len(small)-3], ident.KindInvalid},
		"a name twice":     {strings.Replace(small, `"version":1`, `"version":1,"version":2`, 1), ident.KindInvalid},
	} {
		got, _, err := openvex.Decode(context.Background(), "f", []byte(c.text))
		if err == nil || got != nil || ident.KindOf(err) != c.kind {
			t.Errorf("%s: %v (kind %v)", name, err, ident.KindOf(err))
		}
	}
}

func TestRealDocuments(t *testing.T) {
	dir := os.Getenv("COFFERDAM_DATA")
	if dir == "" {
		t.Skip("COFFERDAM_DATA is not set: no real documents are read")
	}
	statements, files := 0, 0
	for _, sub := range []string{"rancher-vexhub", filepath.Join("chainguard-vex", "pkg", "ctl")} {
		err := filepath.WalkDir(filepath.Join(dir, "vuln", sub), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, "vex.json") {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			got, faults, err := openvex.Decode(context.Background(), path, raw)
			// The older form had no rule that not_affected needs a reason beside an action.
			if err != nil || len(faults) > 0 && !strings.HasSuffix(path, "test.vex.json") || len(got) == 0 {
				t.Errorf("%s: %d statements, %v, %v", path, len(got), faults, err)
			}
			files++
			statements += len(got)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 30 || statements < 2000 {
		t.Errorf("only %d statements of %d files", statements, files)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"statements":[{"vulnerability":{"@id":"x/"},"products":[{}],"status":"fixed"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, _, err := openvex.Decode(context.Background(), "f", raw)
		for _, s := range got {
			if err != nil || len(s.Vulnerability) == 0 || s.Status == "" {
				t.Fatalf("%+v and error %v", s, err)
			}
		}
	})
}

// BenchmarkDecode loads statements as hubs publish them, indexed.
func BenchmarkDecode(b *testing.B) {
	const n = 50_000
	var text strings.Builder
	text.WriteString(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"x","author":"Example PSIRT","timestamp":"2026-01-02T03:04:05Z","statements":[`)
	for i := range n {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, `{"vulnerability": {"name": "CVE-2023-%d", "aliases": ["GO-2023-%d","GHSA-2wrh-%04d-2jm9"]},"products": [{"@id": "pkg:golang/example.com/product-%d","subcomponents": [{"@id": "pkg:golang/golang.org/x/net@v0.%d.0"}]}],
"status": "not_affected","justification": "vulnerable_code_not_in_execute_path","impact_statement": "Govulncheck determined that the vulnerable code isn't called","timestamp": "2026-06-19T00:00:00Z"}`, i, i, i%10000, i%500, i%40)
	}
	text.WriteString(`]}`)
	raw := []byte(text.String())
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		got, _, err := openvex.Decode(b.Context(), "f", raw)
		if err != nil || len(got) != n {
			b.Fatal(err)
		}
		vuln.NewStatements(got, vuln.Trust{})
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "statements/s")
}
