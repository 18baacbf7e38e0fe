package callout

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/clip"
)

// What a program did instead of answering. Whoever asked says which program it was.
var (
	ErrSlow = errors.New("did not answer in time")
	ErrLong = errors.New("answers with more than may be")
)

const (
	// maxComplaint bounds what is kept of standard error.
	maxComplaint = 16 << 10
	// maxShown is how much of it a message shows.
	maxShown = 500
)

// Call is one question to a program.
type Call struct {
	Program string // path, or a name that is looked up on the PATH
	Args    []string
	Stdin   []byte
	Env     []string // all that the program sees of the environment
	Dir     string   // where it runs; "" is where this program does
	Time    time.Duration
	Most    int // bytes of standard output
	// Detached ends what the program started as well, with it or with the limit of time. A
	// program that is detached cannot ask anything at the terminal.
	Detached bool
}

// Answer is what a program said until it ended.
type Answer struct {
	Out       []byte
	Complaint []byte // the beginning of standard error
	// Ended is nil where the program exited with 0; an *exec.ExitError where with another
	// code or by a signal; else why it could not be started.
	Ended error
}

// Run starts the program and waits for its end. Errors are ErrSlow, ErrLong and the cause
// of ctx's end; that a program failed is in the Answer, since what this means is for each
// protocol to say.
func (c Call) Run(ctx context.Context) (*Answer, error) {
	within, cancel := context.WithTimeout(ctx, c.Time)
	defer cancel()
	cmd := exec.CommandContext(within, c.Program, c.Args...) // #nosec G204 -- each caller says who names it
	cmd.Stdin, cmd.Env, cmd.Dir, cmd.WaitDelay = bytes.NewReader(c.Stdin), append([]string{}, c.Env...), c.Dir, time.Second
	out, complaint := &clip.Buffer{Most: c.Most}, &clip.Buffer{Most: maxComplaint}
	cmd.Stdout, cmd.Stderr = out, complaint
	if c.Detached {
		detach(cmd)
	}
	ended := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case within.Err() != nil:
		return nil, ErrSlow
	case out.Over():
		return nil, ErrLong
	}
	return &Answer{Out: out.Bytes(), Complaint: complaint.Bytes(), Ended: ended}, nil
}

// Why says in one line why a program did not answer: its own words, or how it ended.
func (a *Answer) Why() string {
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(a.Complaint), "")), " ")
	if text == "" && a.Ended != nil {
		text = a.Ended.Error()
	}
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "")
	}
	return text
}

// always are the variables that every program gets: where it finds programs, its home, a
// folder for what is temporary, the network and whom it trusts there.
var always = []string{"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "SystemRoot", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME", "XDG_CACHE_HOME",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"}

// Environment picks from an environment (NAME=VALUE) what every program needs, the
// variables of these names, and those whose names begin so.
func Environment(environ, names, beginnings []string) []string {
	var out []string
	for _, e := range environ {
		key, _, _ := strings.Cut(e, "=")
		if slices.Contains(always, key) || slices.Contains(names, key) || slices.ContainsFunc(beginnings, func(p string) bool { return strings.HasPrefix(key, p) }) {
			out = append(out, e)
		}
	}
	return out
}
