package notation

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/callout"
)

const (
	// pluginTime bounds one command; some ask a cloud, and log in before.
	pluginTime = 60 * time.Second
	// maxAnswer bounds what a plugin prints. An answer has some 500 bytes; the contract lets
	// it have 64 MiB.
	maxAnswer = 1 << 20
)

// Plugins are those of one folder, for one verification of whatever many signatures: what
// was asked once is not asked again. Whoever may attach signatures can attach one often, with
// something unsigned in it that differs. It is safe for concurrent use.
type Plugins struct {
	Dir     string
	Environ []string      // NAME=VALUE, from which Environment picks
	Time    time.Duration // of one command; 0: a minute

	mu   sync.Mutex
	said map[question]*word
}

// question is what a plugin is asked.
type question struct{ name, command, request string }

// word is what it said.
type word struct {
	turn   chan struct{} // of one: who has it may look, and ask
	said   bool
	answer []byte
	err    error
}

// maxQuestions bounds what is remembered; what is asked beyond is asked each time.
const maxQuestions = 1000

// pluginName is what a plugin may be called: one part of a path that is none by itself.
var pluginName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// prefixes are the beginnings of the variables that well-known plugins read.
var prefixes = map[string][]string{
	"com.amazonaws.signer.notation.plugin": {"AWS_"},
}

// Environment returns what a plugin sees of the environment: where it finds programs, its
// home and the network, what its own cloud's tools read, what begins with
// COFFERDAM_NOTATION_, and the variables that COFFERDAM_NOTATION_ENV names, with commas
// between.
func Environment(name string, environ []string) []string {
	var named []string
	for _, e := range environ {
		if list, is := strings.CutPrefix(e, "COFFERDAM_NOTATION_ENV="); is {
			named = strings.Split(list, ",")
		}
	}
	return callout.Environment(environ, named, append([]string{"COFFERDAM_NOTATION_"}, prefixes[name]...))
}

// find returns the program of a plugin. Links are refused, as the contract says, and so is
// what anybody on the machine may replace.
func (p *Plugins) find(name string) (string, error) {
	if !pluginName.MatchString(name) {
		return "", ident.Errorf(ident.KindIndeterminate, "the signature names the plugin %.80q, which is no name of one", name).WithHint("letters, digits, ., _ and - make one: no such signature can be checked")
	}
	folder := filepath.Join(p.Dir, name)
	path := filepath.Join(folder, "notation-"+name)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", ident.Unreadable(path, err)
	}
	for _, part := range []struct {
		at   string
		kind fs.FileMode
	}{{folder, fs.ModeDir}, {path, 0}} {
		st, err := os.Lstat(part.at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", ident.Errorf(ident.KindIndeterminate, "the signature needs the plugin %s, which is not installed: there is no %s", name, part.at).WithHint("put it there, or name its folder by --notation-plugins")
		case err != nil:
			return "", ident.Errorf(ident.KindIndeterminate, "the plugin %s cannot be looked at: %w", name, err)
		case st.Mode().Type() != part.kind:
			return "", ident.Errorf(ident.KindIndeterminate, "the plugin %s is not run: %s is a link, or no folder with a program in it", name, part.at).WithHint("copy the program to where the link is")
		case st.Mode()&0o002 != 0 && runtime.GOOS != "windows":
			return "", ident.Errorf(ident.KindIndeterminate, "the plugin %s is not run: anybody may write to %s", name, part.at).WithHint("chmod o-w %s, and see who wrote to it", part.at)
		case part.kind == 0 && st.Mode()&0o111 == 0 && runtime.GOOS != "windows":
			return "", ident.Errorf(ident.KindIndeterminate, "the plugin %s is not run: %s is not executable", name, part.at).WithHint("chmod +x %s", part.at)
		}
	}
	return path, nil
}

// Ask has a plugin carry out a command, by the contract of verify.Plugins. The answer is
// not to be changed.
func (p *Plugins) Ask(ctx context.Context, name, command string, request []byte) ([]byte, error) {
	w := p.word(question{name, command, string(request)})
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	switch {
	case ctx.Err() != nil: // a select takes either where both are ready
		return nil, context.Cause(ctx)
	case w.said:
		return w.answer, w.err
	}
	answer, err := p.run(ctx, name, command, request)
	if ctx.Err() == nil {
		w.said, w.answer, w.err = true, answer, err
	}
	return answer, err
}

func (p *Plugins) word(q question) *word {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.said[q]
	if w == nil {
		w = &word{turn: make(chan struct{}, 1)}
		if p.said == nil {
			p.said = map[question]*word{}
		}
		if len(p.said) < maxQuestions {
			p.said[q] = w
		}
	}
	return w
}

// run starts a plugin once.
func (p *Plugins) run(ctx context.Context, name, command string, request []byte) ([]byte, error) {
	path, err := p.find(name)
	if err != nil {
		return nil, err
	}
	limit := p.Time
	if limit == 0 {
		limit = pluginTime
	}
	a, err := callout.Call{Program: path, Args: []string{command}, Stdin: request, Env: Environment(name, p.Environ), Dir: filepath.Dir(path), Time: limit, Most: maxAnswer, Detached: true}.Run(ctx)
	failed := func(format string, args ...any) error {
		return ident.Errorf(ident.KindIndeterminate, "the plugin %s "+format, append([]any{name}, args...)...).WithHint("try it by hand: echo '{}' | %s get-plugin-metadata", path)
	}
	switch {
	case errors.Is(err, callout.ErrSlow):
		return nil, failed("did not answer within %s", limit)
	case errors.Is(err, callout.ErrLong):
		return nil, failed("answers with more than %d bytes", maxAnswer)
	case err != nil:
		return nil, err
	case a.Ended != nil:
		var said struct{ ErrorCode, ErrorMessage string }
		if json.Unmarshal(a.Complaint, &said) == nil && said.ErrorCode != "" {
			return nil, failed("says: %.500s (%.40s)", strings.Join(strings.Fields(said.ErrorMessage), " "), said.ErrorCode)
		}
		return nil, failed("failed: %s", a.Why())
	}
	return a.Out, nil
}
