package rego

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Limits of one policy.
const (
	MaxSource = 1 << 20 // bytes: what the API server takes of an object
	// maxSteps are expressions that are tried, again and again in loops: about a second.
	maxSteps = 1_000_000
)

const (
	packageName = "sigstore"
	rule        = "isCompliant"
)

// denied are the functions that reach outside, beside those that the engine itself calls
// nondeterministic: a schema may refer to others by address, a token and a certificate are held against the
// clock, and what is printed or traced goes nowhere.
var denied = []string{"http.send", "net.lookup_ip_addr", "opa.runtime", "rand.intn", "time.now_ns", "uuid.rfc4122",
	"json.match_schema", "json.verify_schema", "io.jwt.decode_verify", "crypto.x509.parse_and_verify_certificates", "crypto.x509.parse_and_verify_certificates_with_options", "providers.aws.sign_req", "print", "internal.print", "trace", "rego.parse_module"}

// capabilities are what policies may use of the language.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(slices.Clone(c.Builtins), func(b *ast.Builtin) bool {
		return b.Nondeterministic || slices.Contains(denied, b.Name)
	})
	c.AllowNet = []string{} // nil would be every host
	return c
}

// Program is a compiled policy. It may be used from many goroutines.
type Program struct {
	query rego.PreparedEvalQuery
	steps int
}

// Compile compiles a policy. The error names line and column.
func Compile(ctx context.Context, source string) (*Program, error) {
	if len(source) > MaxSource {
		return nil, ident.Errorf(ident.KindLimit, "a policy in Rego of %d bytes is larger than %d", len(source), MaxSource)
	}
	module, err := ast.ParseModuleWithOpts(packageName+".rego", source, ast.ParserOptions{RegoVersion: ast.RegoV0, Capabilities: capabilities()})
	if err != nil {
		return nil, fault(err)
	}
	if got := strings.TrimPrefix(module.Package.Path.String(), "data."); got != packageName {
		return nil, ident.Errorf(ident.KindInvalid, "the policy in Rego is of the package %s", got).WithHint("package %s, with the rule %s", packageName, rule)
	}
	if !slices.ContainsFunc(module.Rules, func(r *ast.Rule) bool { return r.Head.Ref()[0].String() == rule }) {
		return nil, ident.Errorf(ident.KindInvalid, "the policy in Rego has no rule %s", rule).WithHint("%s { … }", rule)
	}
	query, err := rego.New(rego.Query(rule+" = data."+packageName+"."+rule), rego.ParsedModule(module), rego.SetRegoVersion(ast.RegoV0),
		rego.Capabilities(capabilities()), rego.StrictBuiltinErrors(true)).PrepareForEval(ctx)
	if err != nil {
		return nil, fault(err)
	}
	return &Program{query, maxSteps}, nil
}

// fault is a fault of the policy in this project's words, the first of them.
func fault(err error) error {
	var all ast.Errors
	if !errors.As(err, &all) || len(all) == 0 {
		return ident.Errorf(ident.KindInvalid, "the policy in Rego: %w", err)
	}
	first := all[0]
	at := ""
	if first.Location != nil {
		at = fmt.Sprintf(", line %d, column %d", first.Location.Row, first.Location.Col)
	}
	out := ident.Errorf(ident.KindInvalid, "the policy in Rego%s: %s", at, first.Message)
	if name, ok := strings.CutPrefix(first.Message, "undefined function "); ok {
		return out.WithHint("%s is not there: a policy has no network, clock, chance or environment", name)
	}
	return out.WithHint("Rego is read in its version 0, as the policy controller does")
}

// Evaluate asks whether a document, JSON, is compliant: refusal is empty where it is, and
// otherwise why not. An error says that it could not be evaluated, which is no pass.
func (p *Program) Evaluate(ctx context.Context, document []byte) (refusal string, warnings []string, err error) {
	var input any
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	if err := d.Decode(&input); err != nil {
		return "", nil, ident.Errorf(ident.KindInvalid, "the document: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	steps := &counter{most: p.steps, cancel: cancel}
	results, err := p.query.Eval(ctx, rego.EvalInput(input), rego.EvalQueryTracer(steps))
	if cause := context.Cause(ctx); cause != nil {
		return "", nil, cause
	}
	if err != nil {
		return "", nil, ident.Errorf(ident.KindInvalid, "the policy in Rego: %w", err)
	}
	refusal = "the policy in Rego says that it is not compliant"
	for _, r := range results {
		switch v := r.Bindings[rule].(type) {
		case bool:
			if v {
				return "", nil, nil
			}
		case []any: // of a set of answers, each with its words
			return answers(v, refusal)
		default:
			return "", nil, ident.Errorf(ident.KindInvalid, "the rule %s of the policy in Rego is neither a boolean nor a set of answers", rule)
		}
	}
	return refusal, nil, nil
}

// answers reads a set of {result, error, warning}: one that is compliant suffices.
func answers(all []any, refusal string) (string, []string, error) {
	var warnings []string
	for _, a := range all {
		m, ok := a.(map[string]any)
		if !ok {
			return "", nil, ident.Errorf(ident.KindInvalid, "an answer of the policy in Rego is no object with result, error and warning")
		}
		result, _ := m["result"].(bool)
		words, _ := m["error"].(string)
		if w, _ := m["warning"].(string); w != "" {
			warnings = append(warnings, w)
		}
		if result {
			return "", warnings, nil
		}
		if words != "" {
			refusal = words
		}
	}
	return refusal, warnings, nil
}

// counter ends an evaluation that takes too many steps.
type counter struct {
	steps, most int
	cancel      context.CancelCauseFunc
}

// Enabled is true: every step is told.
func (*counter) Enabled() bool { return true }

// Config asks for no more than that.
func (*counter) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent counts.
func (c *counter) TraceEvent(topdown.Event) {
	if c.steps++; c.steps == c.most {
		c.cancel(ident.Errorf(ident.KindLimit, "the policy in Rego took more than %d steps", c.most))
	}
}
