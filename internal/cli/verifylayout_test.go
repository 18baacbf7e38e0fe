package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/internal/testenv/module"
)

// TestVerifyLayout judges in-toto's own demonstration by command.
func TestVerifyLayout(t *testing.T) {
	demo := filepath.Join(module.Dir(t, "github.com/in-toto/in-toto-golang"), "test", "data") + "/"
	other := filepath.Join(t.TempDir(), "other.tar.gz")
	if err := os.WriteFile(other, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	base := []string{"--layout", demo + "demo.layout", "--key", demo + "alice.pub", "--at", "2026-11-20T15:00:00Z"}
	with := func(more ...string) []string { return append(append([]string{}, base...), more...) }
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"inspections are not run": {with(demo + "foo.tar.gz"), 1, "not run: untar: tar xfz foo.tar.gz"},
		"the steps are enough":    {with("--without-inspections", demo+"foo.tar.gz"), 0, "VERIFIED"},
		"in an envelope":          {[]string{"--without-inspections", "--layout", demo + "demo.dsse.layout", "--key", demo + "alice.pub", "--at", "2026-11-20T15:00:00Z"}, 0, "1 of 1"},
		"as JUnit":                {with("-o", "junit"), 1, "inspections"},
		"another artifact":        {with("--without-inspections", other), 3, "artifact-mismatch"},
		"another owner":           {with("--key", demo+"carol.pub"), 3, "layout-signature"},
		"ended":                   {with("--at", "2031-01-01T00:00:00Z"), 3, "layout-expired"},
		"no links":                {with("--links", t.TempDir()), 3, "threshold"},
		"no key":                  {with("--key", demo+"foo.tar.gz"), 3, "no public key"},
		"no such artifact":        {with(demo + "missing"), 1, "no such file"},
		"no layout":               {[]string{"--key", demo + "alice.pub"}, 2, "which layout"},
		"whose":                   {[]string{"--layout", demo + "demo.layout"}, 2, "whose layout"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := run(t, nil, append([]string{"verify", "layout"}, c.args...)...)
			if code != c.code || !strings.Contains(out+errs, c.says) {
				t.Errorf("exit %d, want %d, %q: %s%s", code, c.code, c.says, out, errs)
			}
		})
	}
}

// TestVerifyLayoutSigners judges a layout of an owner with a GPG key, whose first step is
// for a workload with a certificate, and whose second a GPG subkey signed.
func TestVerifyLayoutSigners(t *testing.T) {
	const folder = "testdata/layout-signers/"
	for at, c := range map[string]struct {
		code int
		says []string
	}{
		"2026-11-21T00:00:00Z": {0, []string{"code: certificate of spiffe://example.com/coder, by the authority workloads", "build: GPG key 0101"}},
		"2027-01-05T00:00:00Z": {3, []string{"build.01010101.link is of a key that expired on 2026-12-29"}},
		"2027-03-01T00:00:00Z": {3, []string{"the certificate in code.abababab.link", "expired"}},
	} {
		t.Run(at, func(t *testing.T) {
			code, out, errs := run(t, nil, "verify", "layout", "--layout", folder+"root.layout", "--key", folder+"owner.json", "--at", at, folder+"app")
			for _, says := range c.says {
				if code != c.code || !strings.Contains(out+errs, says) {
					t.Errorf("exit %d, want %d, %q: %s%s", code, c.code, says, out, errs)
				}
			}
		})
	}
}
