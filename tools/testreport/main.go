// Command testreport reads the JSON stream of `go test -json` on standard
// input, prints the output of what failed as it fails, and ends with every
// skipped test and its reason and one line of counts. It exits 1 if anything
// failed or if nothing ran.
//
// Arguments are what was skipped before any test ran; they stand in that list.
//
//	go test -json ./... | go run ./tools/testreport [NOTE…]
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// event is one line of test2json (see `go doc cmd/test2json`).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
	// ImportPath is set on build output, which belongs to no test.
	ImportPath string
}

func main() {
	if err := run(os.Stdin, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, notes []string) error {
	type key struct{ pkg, test string }
	output := map[key][]string{}
	var passed, failed, packages int
	skips := slices.Clone(notes)
	sc := bufio.NewScanner(in)
	sc.Buffer(make([]byte, 0, 1<<20), 64<<20)
	for sc.Scan() {
		var e event
		if err := json.Unmarshal(sc.Bytes(), &e); err != nil {
			fmt.Fprintln(out, sc.Text()) // not an event: the go command itself speaks
			continue
		}
		k := key{e.Package, e.Test}
		switch e.Action {
		case "output":
			output[k] = append(output[k], e.Output)
		case "build-output":
			fmt.Fprint(out, e.Output)
		case "pass":
			if e.Test == "" {
				packages++
				fmt.Fprintf(out, "ok    %-60s %6.1fs\n", e.Package, e.Elapsed)
			} else {
				passed++
			}
			delete(output, k)
		case "fail":
			fmt.Fprintf(out, "FAIL  %s %s\n%s", e.Package, e.Test, strings.Join(output[k], ""))
			failed++
			delete(output, k)
		case "skip":
			if e.Test != "" {
				skips = append(skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(output[k])))
			}
			delete(output, k)
		}
	}
	if err := sc.Err(); err != nil {
		return err
	}
	slices.Sort(skips)
	fmt.Fprintf(out, "\n%d skipped", len(skips))
	if len(skips) > 0 {
		fmt.Fprint(out, ", each with its reason:")
	}
	fmt.Fprintln(out)
	for _, s := range skips {
		fmt.Fprintln(out, "  "+s)
	}
	fmt.Fprintf(out, "%d packages\n", packages)
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", passed, failed, len(skips))
	switch {
	case failed > 0:
		return fmt.Errorf("%d tests or packages failed", failed)
	case passed == 0:
		return fmt.Errorf("no test ran")
	}
	return nil
}

// reason takes the text that t.Skip printed, without the lines of the framework.
func reason(lines []string) string {
	var out []string
	for _, l := range lines {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "=== ") || strings.HasPrefix(l, "--- ") {
			continue
		}
		out = append(out, l)
	}
	return strings.Join(out, " ")
}
