package confine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/policy/rego"
)

// The limits of one evaluation.
const (
	maxTime   = 10 * time.Second // real time, the child's start included
	maxMemory = 512 << 20
	// MaxDocument bounds what a policy is asked about.
	MaxDocument = 32 << 20
	maxAnswer   = 1 << 20
	// MaxSource bounds a policy: what the API server takes of an object.
	MaxSource = rego.MaxSource
)

// Policy is the text of one.
type Policy struct {
	Language string // "rego" or "cue"
	Source   string
}

// Evaluate asks a policy about a document, JSON: refusal is empty where it is compliant.
// An error says that it could not be evaluated, which is no pass; ident.KindLimit is a
// policy that took too long or too much.
func Evaluate(ctx context.Context, p Policy, document []byte) (refusal string, warnings []string, err error) {
	if len(document) > MaxDocument {
		return "", nil, ident.Errorf(ident.KindLimit, "the document is larger than %d bytes, which policies in %s are not asked about", MaxDocument, p.Language)
	}
	return ask(ctx, question{Policy: p, Document: document, Memory: maxMemory}, maxTime)
}

// Check says what is wrong with a policy before it is asked about anything.
func Check(ctx context.Context, p Policy) error {
	_, _, err := ask(ctx, question{Policy: p, Memory: maxMemory}, maxTime)
	return err
}

func ask(parent context.Context, q question, limit time.Duration) (string, []string, error) {
	ctx, cancel := context.WithTimeout(parent, limit)
	defer cancel()
	asked, err := json.Marshal(q)
	if err != nil {
		return "", nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return "", nil, ident.Errorf(ident.KindFailure, "the program does not find itself, so that policies in %s cannot be evaluated: %w", q.Language, err)
	}
	c := exec.CommandContext(ctx, exe, word) // #nosec G204 -- ourselves
	var out, faults bounded
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(asked), &out, &faults
	c.Env = []string{"PATH="} // an empty one would be the parent's
	c.Dir = "/"
	c.WaitDelay = time.Second
	err = c.Run()
	var exit *exec.ExitError
	switch {
	case parent.Err() != nil:
		return "", nil, parent.Err()
	case ctx.Err() != nil:
		return "", nil, ident.Errorf(ident.KindLimit, "the policy in %s took longer than %s", q.Language, limit).WithHint("a rule in CEL says the same in bounded time: docs/policies.md")
	case errors.As(err, &exit):
		return "", nil, ended(q, exit, faults.String())
	case err != nil:
		return "", nil, ident.Errorf(ident.KindFailure, "the evaluator of policies in %s: %w", q.Language, err)
	}
	var a answer
	if err := json.Unmarshal(out.Bytes(), &a); err != nil {
		return "", nil, ident.Errorf(ident.KindFailure, "the evaluator of policies in %s gave no answer: %w", q.Language, err)
	}
	if a.Fault != "" {
		e := ident.Errorf(a.Kind, "%s", a.Fault)
		if a.Hint != "" {
			e = e.WithHint("%s", a.Hint)
		}
		return "", nil, e
	}
	return a.Refusal, a.Warnings, nil
}

// ended says why a child ended without an answer, by its code and first words.
func ended(q question, exit *exec.ExitError, words string) error {
	first, _, _ := strings.Cut(words, "\n")
	switch {
	case exit.ExitCode() == exitMemory || strings.Contains(words, "out of memory") || strings.Contains(words, "cannot allocate memory"):
		return ident.Errorf(ident.KindLimit, "the policy in %s took more than %d MB of memory", q.Language, q.Memory>>20)
	case strings.Contains(words, "stack exceeds"):
		return ident.Errorf(ident.KindLimit, "the policy in %s recurses without end", q.Language)
	case exit.ExitCode() == 2: // of Go's runtime, where the kernel gives it no more memory
		return ident.Errorf(ident.KindLimit, "the evaluator of the policy in %s crashed, at its limit of memory or by a fault of its own: %.200s", q.Language, first)
	case !exit.Exited():
		return ident.Errorf(ident.KindLimit, "the evaluator of the policy in %s was ended by the system: %s", q.Language, exit)
	}
	return ident.Errorf(ident.KindFailure, "the evaluator of the policy in %s ended: %.200s", q.Language, first)
}

// bounded keeps the beginning of what a child says.
type bounded struct{ bytes.Buffer }

// Write fails once a child says more than any answer is.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxAnswer {
		return 0, fmt.Errorf("more than %d bytes", maxAnswer)
	}
	return b.Buffer.Write(p)
}
