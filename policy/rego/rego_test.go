package rego

import (
	"context"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

const statement = `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","predicate":{"builder":"b","n":[1,2,3]}}`

func TestEvaluate(t *testing.T) {
	for name, c := range map[string]struct{ source, want, warning string }{
		"holds":           {`package sigstore` + "\n" + `isCompliant { input.predicate.builder == "b" }`, "", ""},
		"does not":        {`package sigstore` + "\n" + `isCompliant { input.predicate.builder == "c" }`, "not compliant", ""},
		"default":         {`package sigstore` + "\n" + `default isCompliant = false` + "\n" + `isCompliant { input.predicate.n[_] == 3 }`, "", ""},
		"newer words":     {"package sigstore\nimport future.keywords.if\nimport future.keywords.in\nisCompliant if { 3 in input.predicate.n }", "", ""},
		"words":           {`package sigstore` + "\n" + `isCompliant[r] { input.predicate.builder != "c"; r := {"result": false, "error": "wrong builder", "warning": "look"} }`, "wrong builder", "look"},
		"words of a pass": {`package sigstore` + "\n" + `isCompliant[r] { r := {"result": true, "warning": "soon no more"} }`, "", "soon no more"},
		"no words at all": {`package sigstore` + "\n" + `isCompliant[r] { false; r := {"result": true} }`, "not compliant", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Compile(t.Context(), c.source)
			if err != nil {
				t.Fatal(err)
			}
			got, warnings, err := p.Evaluate(t.Context(), []byte(statement))
			if err != nil || (got == "") != (c.want == "") || !strings.Contains(got, c.want) || strings.Join(warnings, "") != c.warning {
				t.Errorf("%q %q %v", got, warnings, err)
			}
		})
	}
}

// What cannot be evaluated is an error and no answer.
func TestErrors(t *testing.T) {
	for name, c := range map[string]struct{ source, want string }{
		"syntax":       {"package sigstore\nisCompliant { input. }", "line 2, column"},
		"package":      {"package other\nisCompliant { true }", "of the package other"},
		"rule":         {"package sigstore\nallow { true }", "no rule isCompliant"},
		"recursion":    {"package sigstore\nisCompliant { a }\na { isCompliant }", "recursive"},
		"a type":       {"package sigstore\nisCompliant { 1 + \"a\" == 2 }", "invalid argument"},
		"a function":   {"package sigstore\nisCompliant { to_number(input.predicate.builder) == 1 }", "to_number"},
		"another type": {"package sigstore\nisCompliant = \"yes\" { true }", "neither a boolean"},
		"no object":    {"package sigstore\nisCompliant[r] { r := 1 }", "no object"},
		"conflict":     {"package sigstore\nisCompliant = true { true }\nisCompliant = false { true }", "conflict"},
		"large":        {strings.Repeat("#", MaxSource+1), "larger"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Compile(t.Context(), c.source)
			if err == nil {
				_, _, err = p.Evaluate(t.Context(), []byte(statement))
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// Nothing outside can be asked.
func TestReachesNothing(t *testing.T) {
	for call, name := range map[string]string{
		`http.send({"method": "GET", "url": "http://127.0.0.1:1"})`: "http.send", `time.now_ns()`: "time.now_ns", `opa.runtime()`: "opa.runtime", `rand.intn("a", 9)`: "rand.intn",
		`uuid.rfc4122("a")`: "uuid.rfc4122", `net.lookup_ip_addr("localhost")`: "net.lookup_ip_addr", `json.match_schema({}, {"$ref": "http://127.0.0.1:1"})`: "json.match_schema",
		`io.jwt.decode_verify("a", {})`: "io.jwt.decode_verify",
	} {
		_, err := Compile(t.Context(), "package sigstore\nisCompliant { x := "+call+"; x }")
		if err == nil || !strings.Contains(err.Error(), "undefined function "+name) {
			t.Errorf("%s: %v", call, err)
		}
	}
	if c := capabilities(); c.AllowNet == nil || len(c.AllowNet) > 0 {
		t.Error("hosts are allowed")
	}
}

// A new version of the engine brings functions that somebody has to look at first.
func TestBuiltinsAreKnown(t *testing.T) {
	raw, err := os.ReadFile("testdata/builtins.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range capabilities().Builtins {
		got = append(got, b.Name)
	}
	slices.Sort(got)
	if text := strings.Join(got, "\n") + "\n"; text != string(raw) {
		t.Errorf("functions that policies may call have changed; where each new one only computes, write them to testdata/builtins.txt:\n%s", text)
	}
}

// A loop that would take hours is ended by its steps, or by its caller.
func TestEnds(t *testing.T) {
	const loop = "package sigstore\nisCompliant { count([1 | numbers.range(1, 3000)[a]; numbers.range(1, 3000)[b]; numbers.range(1, 3000)[c]; a + b + c < 0]) > 0 }"
	p, err := Compile(t.Context(), loop)
	if err != nil {
		t.Fatal(err)
	}
	if p.steps != maxSteps {
		t.Errorf("%d steps", p.steps)
	}
	p.steps = 10_000
	if _, _, err := p.Evaluate(t.Context(), []byte(statement)); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("%v", err)
	}
	p.steps = math.MaxInt // some 27 thousand million are to be taken
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, _, err := p.Evaluate(ctx, []byte(statement)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a cancelled evaluation answers: %v", err)
	}
}

func FuzzCompile(f *testing.F) {
	f.Add("package sigstore\nisCompliant { input.predicate.builder == \"b\" }")
	f.Add("package sigstore\nisCompliant[r] { some i; input.predicate.n[i] > 1; r := {\"result\": true} }")
	f.Add("package sigstore\nimport future.keywords.every\nisCompliant { every x in input.predicate.n { x > 0 } }")
	f.Fuzz(func(t *testing.T, source string) {
		p, err := Compile(t.Context(), source)
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, _ = p.Evaluate(ctx, []byte(statement))
	})
}
