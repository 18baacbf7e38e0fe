package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/internal/cli"
)

// run executes one command line as a user would.
func run(t *testing.T, stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(context.Background(), args, stdin, &out, &errs)
	return code, out.String(), errs.String()
}

// offered are the formats that a command's help lists.
func offered(t *testing.T, command []string) []string {
	t.Helper()
	_, help, _ := run(t, nil, append(slices.Clone(command), "--help")...)
	m := regexp.MustCompile(`Output \(-o\): ([^.]+(?:\.6[^.]*)*)\.`).FindStringSubmatch(help)
	if m == nil {
		t.Fatalf("%v: the help lists no output:\n%s", command, help)
	}
	return strings.Split(m[1], ", ")
}

// TestFormats is the matrix of commands and formats: what the help of a command
// offers works, and everything else is a usage error that names what there is.
func TestFormats(t *testing.T) {
	const ex = "../../examples/estate/"
	estate := []string{"-f", ex + "../dump", "--sbom", ex + "sbom/storefront-bff.spdx.json", "--sbom", ex + "sbom/orders-orders-api.spdx.json", "--advisories", ex + "advisories", "--image-map", ex + "indexes"}
	t.Setenv("COFFERDAM_CACHE", t.TempDir())
	if code, _, errs := run(t, nil, "advisories", "update", "--from", ex+"advisories"); code != 0 {
		t.Fatal(errs)
	}
	commands := []struct {
		command, args []string
		least         []string // formats that the contract names
	}{
		{[]string{"map"}, estate, []string{"table", "json", "cyclonedx", "cyclonedx1.6", "spdx", "dot", "mermaid", "html", "markdown", "yaml"}},
		{[]string{"where"}, append([]string{"CVE-2023-44487"}, estate...), []string{"table", "json", "yaml", "markdown"}},
		{[]string{"blast"}, append([]string{"CVE-2023-44487"}, estate...), []string{"table", "json", "yaml", "markdown"}},
		{[]string{"reach", "list"}, estate[:2], []string{"table", "json", "yaml", "markdown"}},
		{[]string{"reach", "why"}, []string{"storefront/bff", "orders/orders-api", "-f", ex + "../dump"}, []string{"table", "json", "yaml", "markdown"}},
		{[]string{"scan"}, []string{ex + "sbom/storefront-bff.spdx.json", "--advisories", ex + "advisories"}, []string{"table", "json", "yaml", "sarif", "junit", "markdown"}},
		{[]string{"sbom", "validate"}, []string{ex + "sbom/catalog-search.spdx.json", ex + "sbom/identity-login.cdx.json"}, []string{"table", "json", "yaml", "sarif", "junit", "markdown"}},
		{[]string{"sbom", "score"}, []string{ex + "sbom/catalog-search.spdx.json", ex + "sbom/identity-login.cdx.json"}, []string{"table", "json", "yaml", "sarif", "junit", "markdown"}},
		{[]string{"sbom", "licenses"}, []string{ex + "sbom/catalog-search.spdx.json"}, []string{"table", "json", "yaml", "csv", "markdown"}},
		{[]string{"sbom", "show"}, []string{ex + "sbom/catalog-search.spdx.json"}, []string{"table", "json", "yaml"}},
		{[]string{"advisories", "status"}, nil, []string{"table", "json", "yaml"}},
		{[]string{"demo"}, []string{"--no-serve"}, []string{"table", "json", "yaml"}},
		{[]string{"bench", "segment"}, []string{"--pods", "20", "--workloads", "10", "--policies", "5"}, []string{"table", "json"}},
		{[]string{"bench", "verify"}, []string{"--bundles", "2"}, []string{"table", "json"}},
		{[]string{"version"}, nil, []string{"table", "json", "yaml"}},
	}
	all := []string{"nonsense", "cyclonedx-vex", "openvex", "csv", "JSON", "table,json"}
	has := map[string][]string{}
	for _, c := range commands {
		name := strings.Join(c.command, " ")
		has[name] = offered(t, c.command)
		all = append(all, has[name]...)
		for _, f := range c.least {
			if !slices.Contains(has[name], f) {
				t.Errorf("%s does not offer %s", name, f)
			}
		}
	}
	slices.Sort(all)
	for _, c := range commands {
		name := strings.Join(c.command, " ")
		for _, f := range slices.Compact(slices.Clone(all)) {
			t.Run(name+"/"+f, func(t *testing.T) {
				code, out, errs := run(t, nil, slices.Concat(c.command, c.args, []string{"-o", f})...)
				if !slices.Contains(has[name], f) {
					if code != 2 || out != "" || !strings.Contains(errs, "one of: table") {
						t.Errorf("a format that is not offered: exit %d\n%s%s", code, out, errs)
					}
					return
				}
				if code != 0 && code != 4 {
					t.Fatalf("exit %d\n%s", code, errs)
				}
				shape(t, f, out)
			})
		}
	}
}

// shape judges an output by the rules of its format.
func shape(t *testing.T, format, out string) {
	t.Helper()
	if strings.TrimSpace(out) == "" || !strings.HasSuffix(out, "\n") {
		t.Fatalf("the output is empty, or its last line does not end")
	}
	var err error
	ok := true
	switch format {
	case "json", "sarif", "cyclonedx", "cyclonedx1.6", "spdx":
		ok = json.Valid([]byte(out))
	case "yaml":
		var v map[string]any
		err = yaml.Unmarshal([]byte(out), &v)
		ok = len(v) > 0
	case "junit":
		err = xml.Unmarshal([]byte(out), new(struct{ XMLName xml.Name }))
	case "html":
		ok = strings.HasPrefix(out, "<!DOCTYPE html>") && strings.Contains(out, "</html>")
	case "dot":
		ok = strings.HasPrefix(out, "digraph") && strings.HasSuffix(out, "}\n")
	case "mermaid":
		ok = strings.HasPrefix(out, "flowchart")
	case "markdown":
		ok = !strings.Contains(out, "\n\n\n") && !strings.ContainsAny(out, "\x1b\ue000\ue001")
		for line := range strings.SplitSeq(out, "\n") { // what is indented is a nested item, or it would be lost in a paragraph
			ok = ok && (!strings.HasPrefix(line, " ") || strings.HasPrefix(line, "  - ") || strings.Contains(out, "```"))
		}
	}
	if err != nil || !ok {
		t.Errorf("this is not %s (%v):\n%.400s", format, err, out)
	}
}

// TestFormatIsCheckedFirst: a typing error costs no reading, and beats what else
// is wrong.
func TestFormatIsCheckedFirst(t *testing.T) {
	code, _, errs := run(t, unread{t}, "map", "-f", "-", "-o", "sarif")
	if code != 2 || !strings.Contains(errs, "-o sarif is not an output of cofferdam map") {
		t.Errorf("exit %d: %s", code, errs)
	}
	out := filepath.Join(t.TempDir(), "out")
	if code, _, _ := run(t, nil, "map", "-f", "absent.yaml", "-o", "nonsense", "--output-file", out); code != 2 {
		t.Errorf("exit %d", code)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a file was written")
	}
}

type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("standard input was read")
	return 0, io.EOF
}

// TestCompletion: words that the shell offers for values and arguments.
func TestCompletion(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"map", "-o", ""}, "mermaid\n"},
		{[]string{"scan", "-o", ""}, "sarif\n"},
		{[]string{"reach", "list", "--by", ""}, "pod\n"},
		{[]string{"map", "--cni", ""}, "auto\ngeneric\naws-vpc\ncalico\n"},
		{[]string{"map", "--color", ""}, "always\n"},
		{[]string{"scan", "--fail-on", ""}, "critical\n"},
		{[]string{"reach", "why", "-f", "../../examples/estate/manifests", ""}, "orders/cart\n"},
		{[]string{"reach", "why", "-f", "../../examples/estate/manifests", "orders/cart", ""}, "internet\n"},
		{[]string{"blast", "-f", "../../examples/estate/manifests", "led"}, "ledger/ledger-db\n"},
		{[]string{"re"}, "reach\t"},
		{[]string{"map", "--sel"}, "--selector\t"},
	} {
		code, out, _ := run(t, unread{t}, append([]string{"__complete"}, c.args...)...)
		if code != 0 || !strings.Contains(out, c.want) {
			t.Errorf("%q: exit %d, %q is not offered:\n%s", c.args, code, c.want, out)
		}
	}
	// Standard input belongs to the command, not to the shell's question.
	if _, out, _ := run(t, unread{t}, "__complete", "reach", "why", "-f", "-", ""); !strings.Contains(out, "internet") {
		t.Errorf("%s", out)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, out, _ := run(t, nil, "completion", shell); code != 0 || !strings.Contains(out, "cofferdam") {
			t.Errorf("%s: exit %d", shell, code)
		}
	}
}
