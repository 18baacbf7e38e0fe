package cli_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// badInput are the commands by which scripts make input that nobody would
// commit, and run cofferdam on it within bounds.
//
//	sparse FILE BYTES                  a file of that size that takes no disk
//	repeat FILE PREFIX UNIT N SUFFIX   PREFIX, N times UNIT, SUFFIX
//	bytes FILE TEXT                    TEXT with Go's escapes
//	zipbomb FILE MEMBER MIB            an archive with one member of so many spaces
//	gzipbomb FILE MIB                  so many spaces, compressed
//	within CODE MIB ARG…               runs cofferdam: the exit code, and the most memory that it may take
//
// within leaves standard output in the file out and standard error in err.
func badInput() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"sparse": func(ts *testscript.TestScript, _ bool, args []string) {
			f, err := os.Create(ts.MkAbs(args[0]))
			ts.Check(err)
			ts.Check(errors.Join(f.Truncate(number(ts, args[1])), f.Close()))
		},
		"repeat": func(ts *testscript.TestScript, _ bool, args []string) {
			text := unquote(ts, args[1]) + strings.Repeat(unquote(ts, args[2]), int(number(ts, args[3]))) + unquote(ts, args[4])
			ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
		},
		"bytes": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(unquote(ts, args[1])), 0o600))
		},
		"zipbomb": func(ts *testscript.TestScript, _ bool, args []string) {
			var b bytes.Buffer
			z := zip.NewWriter(&b)
			z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
			w, err := z.Create(args[1])
			ts.Check(err)
			_, err = io.CopyN(w, spaces{}, number(ts, args[2])<<20)
			ts.Check(errors.Join(err, z.Close(), os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600)))
		},
		"gzipbomb": func(ts *testscript.TestScript, _ bool, args []string) {
			var b bytes.Buffer
			z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
			ts.Check(err)
			_, err = io.CopyN(z, spaces{}, number(ts, args[1])<<20)
			ts.Check(errors.Join(err, z.Close(), os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600)))
		},
		"within": within,
	}
}

// patience is far above what any of the inputs takes on a slow machine.
const patience = 2 * time.Minute

func within(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: within CODE MIB ARG…")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, found(ts, "cofferdam"), args[2:]...) //nolint:gosec // the program under test
	c.Dir = ts.MkAbs(".")
	for _, k := range []string{"PATH", "HOME", "COFFERDAM_CACHE", "NO_COLOR", "GORACE"} {
		c.Env = append(c.Env, k+"="+ts.Getenv(k))
	}
	c.Env = append(c.Env, peakFile+"="+ts.MkAbs("peak"))
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	ts.Check(errors.Join(os.WriteFile(ts.MkAbs("out"), out.Bytes(), 0o600), os.WriteFile(ts.MkAbs("err"), errs.Bytes(), 0o600)))
	if ctx.Err() != nil {
		ts.Fatalf("cofferdam %v did not end within %v", args[2:], patience)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("cofferdam: %v", err)
	}
	if code := c.ProcessState.ExitCode(); int64(code) != number(ts, args[0]) {
		ts.Fatalf("cofferdam %v exits %d\n%s%s", args[2:], code, out.String(), errs.String())
	}
	peak, err := os.ReadFile(ts.MkAbs("peak"))
	if errors.Is(err, fs.ErrNotExist) && runtime.GOOS != "linux" {
		return // a system that does not say
	}
	ts.Check(err)
	if got, most := number(ts, string(peak))>>10, number(ts, args[1])*memoryFactor; got > most {
		ts.Fatalf("cofferdam %v took %d MiB, more than %d", args[2:], got, most)
	}
}

// peakFile names the variable that says where a program under test leaves the most
// memory that it held, in KiB.
const peakFile = "COFFERDAM_TEST_PEAK"

// leavePeak does so. What a parent sees of its child (getrusage(2), ru_maxrss) begins
// with what the parent itself held when it started the child: that is no measure of a
// program that a process with servers in it starts.
func leavePeak() error {
	file := os.Getenv(peakFile)
	if file == "" || runtime.GOOS != "linux" {
		return nil
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, said, _ := strings.Cut(string(status), "VmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(said), " ")
	return os.WriteFile(file, []byte(kib), 0o600)
}

func found(ts *testscript.TestScript, name string) string {
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		if p := filepath.Join(dir, name); dir != "" {
			if st, err := os.Stat(p); err == nil && !st.IsDir() {
				return p
			}
		}
	}
	ts.Fatalf("%s is not in PATH", name)
	return ""
}

func number(ts *testscript.TestScript, s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	ts.Check(err)
	return n
}

func unquote(ts *testscript.TestScript, s string) string {
	out, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	ts.Check(err)
	return out
}

// spaces compress as well as anything.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
