package confine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy/cue"
	"github.com/cofferdam-io/cofferdam/policy/rego"
)

// word is the only argument of a child.
const word = "evaluate-policy-in-child"

// The exit codes of a child.
const (
	exitAnswered = 0
	exitBroken   = 1
	exitMemory   = 71
)

// The child begins here, and not where the program reads its command line: so every
// program that links the package is one, tests too, which would run themselves again.
func init() {
	if len(os.Args) == 2 && os.Args[1] == word {
		os.Exit(child(os.Stdin, os.Stdout, os.Stderr))
	}
}

// question and answer are what parent and child say to each other, as JSON.
type question struct {
	Policy
	Document []byte
	Memory   uint64
}

type answer struct {
	Refusal  string
	Warnings []string
	// Fault says why there is no answer, of the kind Kind.
	Fault, Hint string
	Kind        ident.Kind
}

// child answers one question.
func child(in io.Reader, out, faults io.Writer) int {
	var q question
	if err := json.NewDecoder(in).Decode(&q); err != nil {
		fmt.Fprintln(faults, "the question cannot be read:", err)
		return exitBroken
	}
	if err := confineSelf(q.Memory); err != nil {
		fmt.Fprintln(faults, "the limits cannot be set:", err)
		return exitBroken
	}
	debug.SetMemoryLimit(int64(q.Memory / 4 * 3))
	debug.SetMaxStack(64 << 20) // more is a recursion without end
	go watch(q.Memory)
	var a answer
	var err error
	a.Refusal, a.Warnings, err = evaluate(context.Background(), q)
	if err != nil {
		a.Kind, a.Fault = ident.KindOf(err), err.Error()
		if e, ok := err.(*ident.Error); ok { //nolint:errorlint // made by the evaluators themselves, not wrapped
			a.Hint = e.Hint
		}
	}
	if err := json.NewEncoder(out).Encode(a); err != nil {
		return exitBroken
	}
	return exitAnswered
}

func evaluate(ctx context.Context, q question) (string, []string, error) {
	switch q.Language {
	case "rego":
		p, err := rego.Compile(ctx, q.Source)
		if err != nil || q.Document == nil {
			return "", nil, err
		}
		return p.Evaluate(ctx, q.Document)
	case "cue":
		if q.Document == nil {
			return "", nil, cue.Check(q.Source)
		}
		refusal, err := cue.Evaluate(q.Source, q.Document)
		return refusal, nil, err
	}
	return "", nil, ident.Errorf(ident.KindUnsupported, "%q is no language of policies", q.Language)
}

// watch ends the process where it holds more memory than it may. It lives as long as the
// process, and is how the limit holds where the system keeps none.
func watch(limit uint64) {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	for range time.Tick(5 * time.Millisecond) {
		if metrics.Read(s); s[0].Value.Uint64()-s[1].Value.Uint64() > limit {
			os.Exit(exitMemory)
		}
	}
}
