package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/cli"
	"github.com/cofferdam-io/cofferdam/internal/testenv/keyring"
	"github.com/cofferdam-io/cofferdam/internal/testenv/sigstore"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"cofferdam": func() {
			ctx, stop := cli.Signals(context.Background())
			code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
			stop()
			if err := leavePeak(); err != nil {
				panic(err)
			}
			os.Exit(code)
		},
		// Helpers for keys that a service keeps, by either name: here files are the service.
		"cofferdam-kms-hashivault": keyring.Help,
		"sigstore-kms-file":        keyring.Help,
		// exits runs cofferdam and prints its exit code, which a script can only
		// tell from zero otherwise.
		"exits": func() {
			code := cli.Run(context.Background(), os.Args[1:], os.Stdin, os.Stderr, os.Stderr)
			if _, err := os.Stdout.WriteString("exit " + string(rune('0'+code%10)) + "\n"); err != nil {
				os.Exit(1)
			}
		},
	})
}

func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	// What tools really wrote of images, and the index under which they were pushed.
	generators, err := filepath.Abs("../../sbom/decode/testdata/generators")
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(generators, "buildkit", "greeter.index.json"))
	if err != nil {
		t.Fatal(err)
	}
	images := registryWithImages(t, filepath.Join(generators, "buildkit"))
	who := signers(t, sigstore.NewMade(t, nil))
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("EX", examples)
			e.Setenv("GEN", generators)
			e.Setenv("REGISTRY", images.Host)
			e.Setenv("GREETER", "registry.local/built/greeter:1.4@"+ident.SHA256(index).String())
			e.Setenv("COFFERDAM_DATA", os.Getenv("COFFERDAM_DATA"))
			e.Setenv("COFFERDAM_CACHE", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("NO_COLOR", "1")
			e.Setenv("GORACE", "atexit_sleep_ms=0") // a second for each command otherwise
			return who(e)
		},
		Cmds:      badInput(),
		Condition: func(cond string) (bool, error) { return cond == "data" && os.Getenv("COFFERDAM_DATA") != "", nil },
	})
}

func TestInterruptIs130(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if code := cli.Run(ctx, []string{"demo", "--no-serve"}, null, null, null); code != 130 {
		t.Errorf("an interrupted command exits %d", code)
	}
}

// filesIn returns what writes a file below a folder and says where it is.
func filesIn[C string | []byte](t testing.TB, dir string) func(name string, content C) string {
	return func(name string, content C) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
}
