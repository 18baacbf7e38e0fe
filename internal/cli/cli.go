package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// env is what a command works with: its streams, the options that every
// command has, and the outcome that becomes the exit code.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	format          string
	outputFile      string
	quiet, verbose  bool
	color           string
	all             bool
	allowIncomplete bool
	at              string

	clock clock
	meter *meter // nil: nothing is shown

	outcome outcome
	ran     bool // a command's own code has begun: later errors are not usage errors by default
}

// Run executes one command line and returns its exit code. It writes data to
// stdout and everything else to stderr, and returns once all it started has ended.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return run(ctx, args, stdin, stdout, stderr, wallClock())
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, c clock) int {
	e := &env{stdin: app.StandardInput(stdin), stdout: stdout, stderr: stderr, clock: c}
	root := newRoot(e)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !e.ran {
		err = asUsage(root, err)
	}
	if errors.Is(err, errClosedPipe) {
		err = nil // the reader (head, less) has seen enough
	}
	if err != nil && !interrupted(ctx, err) {
		printError(stderr, err, e.verbose)
	}
	return e.outcome.code(ctx, err, e.allowIncomplete)
}

// asUsage turns the errors of the flag parser into usage errors.
func asUsage(root *cobra.Command, err error) error {
	var known *ident.Error
	if errors.As(err, &known) {
		return err
	}
	msg := strings.TrimSuffix(strings.SplitN(err.Error(), "\n", 2)[0], ".")
	if _, rest, ok := strings.Cut(msg, `unknown command "`); ok {
		word, _, _ := strings.Cut(rest, `"`)
		if near := root.SuggestionsFor(word); len(near) > 0 {
			return ident.Errorf(ident.KindUsage, "%s", msg).WithHint("did you mean: %s", strings.Join(near, ", "))
		}
	}
	return ident.Errorf(ident.KindUsage, "%s", msg).WithHint("cofferdam help lists the commands, cofferdam help COMMAND its flags")
}

func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "cofferdam",
		Short: "Where does it run, what can it reach, and what is the smallest change that contains it",
		Long: `Cofferdam joins SBOMs, advisories, Kubernetes workloads and network policies,
and answers, when a vulnerability surfaces: where does the affected component
run, what can it reach, who can reach it. An answer always says what it covers.

Start with:  cofferdam demo
With yours:  kubectl get all,ns,netpol,ingress -A -o yaml | cofferdam map -f -

Exit codes: 0 ran; 1 failed; 2 wrong usage; 3 a gate failed or a document was
refused; 4 the answer is incomplete (input was quarantined, or an unknown could
change it; --allow-incomplete makes it 0); 130 interrupted.`,
		SilenceErrors: true, SilenceUsage: true,
		Version: version(),
	}
	root.SetVersionTemplate("cofferdam {{.Version}}\n")
	root.CompletionOptions.HiddenDefaultCmd = false
	f := root.PersistentFlags()
	f.StringVarP(&e.format, "output", "o", "", "output `FORMAT`; each command's help lists its own (wide: no column is shortened)")
	f.StringVar(&e.outputFile, "output-file", "", "write the answer to `FILE` instead of standard output")
	f.BoolVarP(&e.quiet, "quiet", "q", false, "no notes and no progress on standard error")
	f.BoolVarP(&e.verbose, "verbose", "v", false, "notes and causes in full")
	f.StringVar(&e.color, "color", "auto", "colour `WHEN`: auto, always or never; NO_COLOR is honoured")
	f.BoolVar(&e.all, "all", false, "every row of every table, and what is summed up otherwise")
	f.BoolVar(&e.allowIncomplete, "allow-incomplete", false, "exit 0 instead of 4 when the answer is incomplete")
	f.StringVar(&e.at, "at", "", "evaluate at this `TIME` (RFC 3339) instead of now")
	completions(root)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return ident.Errorf(ident.KindUsage, "%s", err.Error()).WithHint("%s --help lists the flags", c.CommandPath())
	})
	root.AddGroup(&cobra.Group{ID: "estate", Title: "The estate:"}, &cobra.Group{ID: "reach", Title: "Reachability:"},
		&cobra.Group{ID: "sbom", Title: "SBOMs and vulnerabilities:"}, &cobra.Group{ID: "policy", Title: "Verification and gates:"}, &cobra.Group{ID: "catalogue", Title: "The catalogue:"})
	root.AddCommand(demoCommand(e), mapCommand(e), whereCommand(e), blastCommand(e), containCommand(e), tightenCommand(e), reachCommand(e),
		sbomCommand(e), scanCommand(e), verifyCommand(e), signCommand(e), attestCommand(e), attachCommand(e), gateCommand(e), policyCommand(e), advisoriesCommand(e), serveCommand(e), pushCommand(e), searchCommand(e), historyCommand(e), changesCommand(e), coverageCommand(e), driftCommand(e), findingsCommand(e), indicatorsCommand(e), vexCommand(e), trustCommand(e), decisionsCommand(e), blockedCommand(e), documentsCommand(e), deployableCommand(e), tokenCommand(e), benchCommand(e), versionCommand(e), conformVerifyCommand(e), conformSignCommand(e))
	root.AddCommand(journalCommand(e), catalogueCommand(e))
	laterCommands(root)
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	ownHelp(root)
	onceOnly(root)
	return root
}

// run adapts a command's body: from here on an error is what it says it is.
func (e *env) run(body func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		switch e.color {
		case "auto", "always", "never":
		default:
			return ident.Errorf(ident.KindUsage, "--color is %q", e.color).WithHint("one of: auto, always, never")
		}
		if err := checkValues(c); err != nil {
			return err
		}
		if err := e.checkFormat(c); err != nil {
			return err
		}
		e.ran = true
		e.meter = e.startMeter()
		defer e.meter.end()
		return body(c.Context(), args)
	}
}

// now is the only clock of every evaluation.
func (e *env) now() (time.Time, error) {
	if e.at == "" {
		return time.Now().UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, e.at)
	if err != nil {
		return time.Time{}, ident.Errorf(ident.KindUsage, "--at %q is not a time", e.at).WithHint("write it as RFC 3339: 2026-11-20T15:00:00Z")
	}
	return t.UTC(), nil
}

// notef writes a note for people; -q silences it.
func (e *env) notef(format string, args ...any) {
	if !e.quiet {
		e.meter.print(func() { fmt.Fprintln(e.stderr, safe(fmt.Sprintf(format, args...))) })
	}
}

var errClosedPipe = errors.New("the reader of the output has gone")

// write renders an answer to standard output or --output-file.
func (e *env) write(answer any, o report.Options) error {
	o = e.options(o)
	if e.outputFile != "" {
		o.Color, o.Width = false, 0
	}
	return e.emit(func(w io.Writer) error { return report.Write(w, answer, o) })
}

// emit hands over where output goes. A file appears whole or not at all.
func (e *env) emit(body func(io.Writer) error) error {
	e.meter.end()
	if e.outputFile == "" {
		if err := body(e.stdout); err != nil {
			return outputError(err)
		}
		return nil
	}
	return wholeFile("--output-file", e.outputFile, body)
}

func (e *env) options(o report.Options) report.Options {
	o.Format, o.All = e.format, e.all
	if e.format == "" {
		o.Format = "table"
	}
	o.Command = "cofferdam"
	o.Tool = report.ToolInfo{Name: "cofferdam", Version: version()}
	o.Color = e.colored(e.stdout)
	o.Width = e.width()
	return o
}

func (e *env) colored(w io.Writer) bool {
	switch e.color {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w)
}

func (e *env) width() int {
	if f, ok := e.stdout.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			return w
		}
	}
	return 0
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// version is the module's version as the Go tool stamped it.
func version() string {
	if bi, ok := debug.ReadBuildInfo(); ok && bi.Main.Version != "" && bi.Main.Version != "(devel)" {
		return bi.Main.Version
	}
	return "devel"
}

// safe removes from a line what could repaint or reorder a terminal.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\n' || r == '\t' {
			return r
		}
		return '�'
	}, s)
}

func versionCommand(e *env) *cobra.Command {
	c := &cobra.Command{
		Use: "version", Short: "Print the version", Args: noArgs, ValidArgsFunction: noFiles,
		RunE: e.run(func(context.Context, []string) error {
			return e.write(&report.Version{SchemaVersion: inventory.SchemaVersion, Name: "cofferdam", Version: version(), Go: runtime.Version()}, report.Options{})
		}),
	}
	return answers(c, (*report.Version)(nil))
}
