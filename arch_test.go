// Package cofferdam_test holds the direction of imports: the tree is the
// architecture (ARCHITECTURE.md), and this test is what keeps it true.
package cofferdam_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/cofferdam-io/cofferdam/"

// layers says which of our own packages each package may import directly.
// "x/..." stands for x and everything below it. A package that is not listed
// fails the test, so that a new one gets its place by decision.
var layers = map[string][]string{
	"ident":     {},
	"jsonscan":  {"ident"},
	"jsonwrite": {},
	"overlay":   {},

	"sbom":           {"ident"},
	"sbom/schema":    {"ident", "jsonscan", "sbom/schema/..."},
	"sbom/spdx":      {"ident", "sbom", "sbom/note", "sbom/license", "jsonscan", "jsonwrite", "internal/textset"},
	"sbom/cyclonedx": {"ident", "sbom", "sbom/note", "sbom/license", "jsonscan", "jsonwrite", "internal/textset"},
	"sbom/syft":      {"ident", "sbom", "jsonscan"},
	"sbom/trivy":     {"ident", "sbom", "jsonscan", "sbom/cyclonedx"},
	"sbom/swid":      {"ident", "sbom"},
	"sbom/note":      {"ident", "sbom"},
	"sbom/license":   {"ident"},
	"sbom/decode":    {"ident", "sbom/...", "jsonscan"},
	"sbom/survey":    {"ident", "sbom", "jsonscan"},
	"sbom/trace":     {"sbom"},
	"sbom/compare":   {"ident", "sbom", "sbom/trace", "vuln"},
	"sbom/quality":   {"ident", "sbom", "sbom/license", "vuln"},
	"sbom/licensing": {"ident", "sbom", "sbom/license", "vuln"},
	"sbom/redact":    {"ident", "sbom", "vuln"},
	"sbom/merge":     {"ident", "sbom"},
	"sbom/witness":   {"ident", "jsonscan", "sbom", "vuln"},
	"sbom/encode":    {"ident", "sbom", "sbom/cyclonedx", "sbom/spdx"},

	"vuln":         {"ident", "overlay", "sbom"},
	"vuln/osv":     {"ident", "vuln", "jsonscan"},
	"vuln/kev":     {"ident", "vuln", "jsonscan"},
	"vuln/epss":    {"ident", "vuln"},
	"vuln/openvex": {"ident", "vuln", "jsonscan"},
	"vuln/scanner": {"ident", "vuln", "jsonscan"},
	"vuln/pack":    {"ident", "vuln"},
	"vuln/csaf":    {"ident", "vuln", "jsonscan"},
	"vuln/cdxvex":  {"ident", "vuln", "jsonscan", "sbom", "sbom/cyclonedx"},
	"vuln/vex":     {"ident", "vuln", "jsonscan", "vuln/openvex", "vuln/csaf", "vuln/cdxvex"},

	"estate":                   {"ident"},
	"estate/manifest":          {"ident", "estate", "jsonscan", "estate/manifest/ciliumv2"},
	"estate/manifest/ciliumv2": {},

	"segment":               {"ident", "estate"},
	"segment/k8s":           {"ident", "estate", "estate/manifest", "segment", "segment/cilium", "segment/clusterpolicy"},
	"segment/clusterpolicy": {"ident", "estate", "estate/manifest", "segment"},
	"segment/cilium":        {"ident", "estate", "estate/manifest/...", "segment"},
	"segment/synth":         {"ident", "segment"},
	"segment/intent":        {"ident", "estate", "segment"},
	"segment/cni":           {"ident", "estate", "segment"},
	"segment/reachtest":     {"ident", "estate", "estate/manifest", "segment", "segment/cni", "segment/k8s"},

	"flow":         {"ident", "jsonscan", "estate", "segment", "flow/parquet"},
	"flow/parquet": {"ident"},

	"provenance":           {"ident", "jsonscan"},
	"provenance/pipeline":  {"ident"},
	"provenance/predicate": {"ident", "jsonscan", "provenance"},
	"provenance/layout":    {"ident", "jsonscan", "provenance"},
	"provenance/rebuild":   {"ident"},
	"provenance/record":    {"ident", "fact", "provenance/predicate"},
	"provenance/toolchain": {"ident", "provenance/predicate", "sbom", "vuln"},
	"provenance/slsa":      {"ident", "jsonscan", "fact", "provenance/predicate"},

	"fact":                {"ident"},
	"policy":              {"ident", "fact", "estate", "vuln", "policy/glob"},
	"policy/glob":         {},
	"policy/rego":         {"ident"},
	"policy/cue":          {"ident"},
	"policy/strict":       {"estate/manifest", "sbom/schema/phrase"},
	"verify":              {"ident", "jsonscan", "provenance", "fact"},
	"verify/synth":        {},
	"policy/clusterimage": {"ident", "fact", "jsonscan", "estate", "policy", "policy/strict", "policy/glob"},
	"policy/kyverno":      {"estate/manifest", "policy/strict"},
	"policy/gatekeeper":   {"estate/manifest", "policy/strict"},
	"policy/decode":       {"ident", "estate", "estate/manifest", "vuln", "policy/..."},
	"policy/policytest":   {"ident", "fact", "estate/manifest", "vuln", "policy", "policy/strict"},

	"authz": {"ident"},

	"evidence": {"ident"},

	"inventory": {"ident", "sbom", "vuln", "estate", "segment"},

	"index":       {"ident", "overlay", "sbom", "vuln"},
	"index/synth": {"ident", "sbom", "vuln", "index"},

	"contain":         {"ident", "estate", "estate/manifest", "segment", "segment/k8s", "segment/intent", "inventory", "flow", "contain/..."},
	"contain/tighten": {"ident", "estate", "estate/manifest", "segment", "segment/k8s", "inventory", "flow", "contain", "contain/patch", "contain/pick", "contain/rewrite"},
	"contain/pick":    {"ident", "segment"},
	"contain/trigger": {"ident", "jsonscan", "vuln", "estate", "segment", "inventory"},
	"contain/cut":     {},
	"contain/patch":   {"ident", "jsonscan", "estate"},
	"contain/rewrite": {"ident", "estate", "estate/manifest", "segment", "contain/pick"},

	"report":          {"ident", "sbom", "sbom/compare", "sbom/trace", "sbom/quality", "sbom/licensing", "sbom/witness", "vuln", "estate", "segment", "segment/intent", "segment/reachtest", "inventory", "contain", "contain/trigger", "contain/tighten", "evidence", "fact", "policy", "provenance/rebuild", "provenance/record", "provenance/slsa"},
	"report/microseg": {"ident", "estate", "segment", "inventory"},
	"report/graph":    {"ident", "segment", "inventory"},
	"report/html":     {"ident", "segment", "inventory", "sbom/quality"},

	"examples":        {},
	"internal/corpus": {"internal/testenv/used"},

	"internal/store":            {"ident", "evidence", "internal/wholefile"},
	"internal/store/ledger":     {"ident", "evidence", "internal/store", "internal/zstdframe"},
	"internal/store/sqlite":     {"ident", "evidence", "internal/store", "internal/store/ledger"},
	"internal/store/postgres":   {"ident", "internal/retry", "internal/store", "internal/store/ledger"},
	"internal/store/storetest":  {"ident", "evidence", "internal/store", "internal/store/ledger", "internal/testenv/used"},
	"internal/zstdframe":        {},
	"internal/testenv/keyring":  {},
	"internal/testenv/pg":       {},
	"internal/testenv/module":   {},
	"internal/testenv/program":  {},
	"internal/testenv/oci":      {"ident", "internal/testenv/program"},
	"internal/testenv/sigstore": {"internal/testenv/program", "verify/synth"},
	"internal/testenv/tuf":      {},
	"internal/testenv/used":     {},

	"internal/clip":      {},
	"internal/callout":   {"internal/clip"},
	"internal/kms":       {"ident", "internal/callout"},
	"internal/notation":  {"ident", "internal/callout"},
	"internal/listen":    {"ident"},
	"internal/confine":   {"ident", "policy/rego", "policy/cue"},
	"internal/retry":     {},
	"internal/wholefile": {},
	"internal/mapped":    {},
	"internal/textset":   {},
	"internal/trustroot": {"ident"},
	"internal/signing":   {"ident", "provenance", "internal/retry"},
	"internal/ticket":    {"ident", "report", "internal/listen", "internal/retry", "internal/wholefile"},
	"internal/notify":    {"ident", "report", "internal/listen", "internal/retry", "internal/wholefile"},
	"internal/job":       {"ident", "internal/retry", "internal/store"},
	"internal/registry":  {"ident", "jsonscan", "sbom", "provenance", "internal/retry", "internal/callout"},
	"internal/catalog":   {"ident", "overlay", "authz", "evidence", "sbom/...", "vuln", "vuln/vex", "index", "inventory", "provenance", "internal/mapped", "internal/retry", "internal/store", "internal/zstdframe"},
	"internal/server":    {"ident", "authz", "evidence", "sbom/...", "vuln", "index", "inventory", "report", "internal/catalog", "internal/store", "internal/wholefile"},
	"internal/feeds":     {"ident", "vuln", "vuln/osv", "vuln/pack", "internal/retry", "internal/wholefile"},
	"internal/client":    {"ident", "vuln", "inventory", "report", "internal/listen", "internal/retry"},
	"internal/app": {"ident", "authz", "evidence", "jsonscan", "sbom/...", "vuln/...", "estate/...", "segment/...", "inventory", "flow", "contain", "report", "index/...", "policy/...", "fact", "verify/...", "provenance/...", "internal/trustroot", "internal/signing",
		"internal/catalog", "internal/client", "internal/confine", "internal/feeds", "internal/job", "internal/kms", "internal/listen", "internal/mapped", "internal/notation", "internal/notify", "internal/registry", "internal/retry", "internal/server", "internal/store/...", "internal/ticket", "internal/wholefile"},
	"internal/web": {"ident", "inventory", "internal/listen"},
	"internal/cli": {"ident", "authz", "provenance/rebuild", "verify", "sbom/...", "vuln/...", "estate/...", "segment/...", "inventory", "flow", "contain", "contain/trigger", "contain/tighten", "report/...", "examples", "index/synth",
		"internal/app", "internal/client", "internal/feeds", "internal/web", "internal/wholefile"},

	"cmd/cofferdam": {"internal/cli"},
}

// impure are imports that the domain (everything outside cmd, internal and
// tools) may not have: it is given bytes, times and contexts.
var impure = []string{"net/http", "database/sql", "os", "os/exec", "os/signal", "k8s.io/client-go", "github.com/sigstore", "math/rand"}

// sigstore is the one domain package that imports signature libraries.
const sigstore = "verify"

// kubeTypes may appear only where Kubernetes objects are decoded or translated.
var kubeTypes = map[string]bool{"estate/manifest": true, "segment/k8s": true, "segment/clusterpolicy": true, "segment/cilium": true, "estate/manifest/ciliumv2": true, "contain/rewrite": true}

// engines are the modules of policy languages: each is linked by one package, which only
// what confines it imports.
var engines = map[string]string{"github.com/open-policy-agent/": "policy/rego", "cuelang.org/go/": "policy/cue"}

func TestEnginesOfPoliciesAreConfined(t *testing.T) {
	for _, f := range goFiles(t) {
		pkg := filepath.ToSlash(filepath.Dir(f))
		for _, imp := range imports(t, f) {
			for engine, by := range engines {
				if strings.HasPrefix(imp, engine) && pkg != by {
					t.Errorf("%s: only %s links %s", f, by, engine)
				}
				if imp == module+by && pkg != "internal/confine" && !strings.HasSuffix(f, "_test.go") {
					t.Errorf("%s: what a policy in another language may do is bounded by internal/confine; only that imports %s", f, by)
				}
			}
		}
	}
}

func TestDirectionOfImports(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range goFiles(t) {
		pkg := filepath.ToSlash(filepath.Dir(f))
		if pkg == "." || strings.HasPrefix(pkg, "tools/") || strings.Contains(pkg+"/", "/gen/") || strings.HasSuffix(f, "_test.go") {
			continue
		}
		allowed, listed := rule(pkg)
		if !listed {
			t.Errorf("%s: package %s has no place in arch_test.go; decide which layer it is in", f, pkg)
			continue
		}
		seen[pkg] = true
		domain := !strings.HasPrefix(pkg, "internal/") && !strings.HasPrefix(pkg, "cmd/") && pkg != "examples"
		for _, imp := range imports(t, f) {
			own, isOwn := strings.CutPrefix(imp, module)
			switch {
			case isOwn && !permits(allowed, own) && !below(own, pkg):
				t.Errorf("%s: %s may not import %s", f, pkg, own)
			case pkg == sigstore && strings.HasPrefix(imp, "github.com/sigstore/"):
			case domain && slices.ContainsFunc(impure, func(p string) bool { return imp == p || strings.HasPrefix(imp, p+"/") }):
				t.Errorf("%s: the domain does no I/O and has no clock or chance of its own, but imports %s", f, imp)
			case strings.HasPrefix(imp, "k8s.io/api/") && !kubeTypes[pkg]:
				t.Errorf("%s: Kubernetes API types end at the front ends, but %s imports %s", f, pkg, imp)
			}
		}
	}
	for pkg := range layers {
		if !seen[pkg] && !strings.Contains(pkg, "/") {
			t.Errorf("arch_test.go lists %s, which has no Go file", pkg)
		}
	}
}

func TestFileSizes(t *testing.T) {
	for _, f := range goFiles(t) {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		most := 700
		if strings.HasSuffix(f, "_test.go") {
			most = 1500
		}
		if n := strings.Count(string(b), "\n"); n > most {
			t.Errorf("%s has %d lines, more than %d: split it by subject", f, n, most)
		}
	}
}

func TestNoPackageWithoutSubject(t *testing.T) {
	for _, f := range goFiles(t) {
		for part := range strings.SplitSeq(filepath.ToSlash(filepath.Dir(f)), "/") {
			if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "types", "misc", "shared"}, part) {
				t.Errorf("%s: %q names no subject", f, part)
			}
		}
	}
}

func TestMainIsACall(t *testing.T) {
	b, err := os.ReadFile("cmd/cofferdam/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n > 40 {
		t.Errorf("cmd/cofferdam/main.go has %d lines; it is a call of at most 40", n)
	}
}

// rule finds the entry for pkg, or for the nearest parent: a package below
// another's folder shares its layer unless it has an entry of its own.
func rule(pkg string) ([]string, bool) {
	for p := pkg; ; {
		if r, ok := layers[p]; ok {
			return r, true
		}
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			return nil, false
		}
		p = p[:i]
	}
}

func permits(allowed []string, pkg string) bool {
	for _, a := range allowed {
		if base, tree := strings.CutSuffix(a, "/..."); a == pkg || tree && (pkg == base || below(pkg, base)) {
			return true
		}
	}
	return false
}

// below reports whether pkg lies in parent's folder; a package may use its own parts.
func below(pkg, parent string) bool { return strings.HasPrefix(pkg, parent+"/") }

func imports(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range f.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// goFiles lists the module's Go files: folders with a go.mod of their own,
// hidden folders and test data are not ours to judge here.
func goFiles(t *testing.T) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			name := d.Name()
			if path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") {
			out = append(out, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
