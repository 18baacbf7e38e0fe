package cue

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"

	"github.com/cofferdam-io/cofferdam/ident"
)

// MaxSource bounds a policy: what the API server takes of an object.
const MaxSource = 1 << 20

// Check says what is wrong with a policy before any document is seen; the error names
// line and column.
func Check(source string) error {
	_, err := compile(cuecontext.New(), source)
	return err
}

func compile(c *cue.Context, source string) (cue.Value, error) {
	if len(source) > MaxSource {
		return cue.Value{}, ident.Errorf(ident.KindLimit, "a policy in CUE of %d bytes is larger than %d", len(source), MaxSource)
	}
	v := c.CompileString(source, cue.Filename("policy.cue"))
	if err := v.Err(); err != nil {
		return v, ident.Errorf(ident.KindInvalid, "the policy in CUE%s", words(err)).WithHint("cue vet -c policy.cue statement.json says the same")
	}
	return v, nil
}

// Evaluate asks whether a document, JSON, unifies with the policy: refusal is empty where
// it does, and otherwise why not. A field that the policy asks for and that the document
// does not have refuses. An error says that it could not be evaluated, which is no pass.
func Evaluate(source string, document []byte) (refusal string, err error) {
	c := cuecontext.New()
	policy, err := compile(c, source)
	if err != nil {
		return "", err
	}
	// JSON is an expression of CUE.
	d := c.CompileBytes(document, cue.Filename("statement.json"))
	if err := d.Err(); err != nil {
		return "", ident.Errorf(ident.KindInvalid, "the document%s", words(err))
	}
	if err := policy.Unify(d).Validate(cue.Concrete(true)); err != nil {
		return "the policy in CUE" + words(err), nil
	}
	return "", nil
}

// words are the first of an error's faults, with its place.
func words(err error) string {
	all := errors.Errors(err)
	if len(all) == 0 {
		return ": " + err.Error()
	}
	format, args := all[0].Msg()
	out := ": " + fmt.Sprintf(format, args...)
	if path := strings.Join(all[0].Path(), "."); path != "" {
		out = ", " + path + out
	}
	if at := all[0].Position(); at.IsValid() && at.Filename() == "policy.cue" {
		out = fmt.Sprintf(", line %d, column %d", at.Line(), at.Column()) + out
	}
	return out
}
