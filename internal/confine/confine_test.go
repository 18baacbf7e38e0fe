package confine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

const statement = `{"predicateType":"https://slsa.dev/provenance/v1","predicate":{"builder":"b"}}`

func TestEvaluate(t *testing.T) {
	for name, c := range map[string]struct {
		policy Policy
		want   string
	}{
		"cue holds":     {Policy{"cue", `predicate: builder: "b"`}, ""},
		"cue does not":  {Policy{"cue", `predicate: builder: "c"`}, "predicate.builder"},
		"rego holds":    {Policy{"rego", "package sigstore\nisCompliant { input.predicate.builder == \"b\" }"}, ""},
		"rego does not": {Policy{"rego", "package sigstore\nisCompliant { input.predicate.builder == \"c\" }"}, "not compliant"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := Evaluate(t.Context(), c.policy, []byte(statement))
			if err != nil || (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("%q %v", got, err)
			}
		})
	}
	_, warnings, err := Evaluate(t.Context(), Policy{"rego", `package sigstore` + "\n" + `isCompliant[r] { r := {"result": true, "warning": "soon no more"} }`}, []byte(statement))
	if err != nil || len(warnings) != 1 {
		t.Errorf("%q %v", warnings, err)
	}
	if _, _, err := Evaluate(t.Context(), Policy{"lua", ""}, []byte(statement)); ident.KindOf(err) != ident.KindUnsupported {
		t.Errorf("%v", err)
	}
}

// A fault of a policy comes back with its kind, place and remedy.
func TestCheck(t *testing.T) {
	err := Check(t.Context(), Policy{"rego", "package sigstore\nisCompliant { http.send({}) }"})
	var e *ident.Error
	if !errors.As(err, &e) || e.Kind != ident.KindInvalid || !strings.Contains(e.Message, "line 2, column 15") || !strings.Contains(e.Hint, "no network") {
		t.Errorf("%+v", e)
	}
	if err := Check(t.Context(), Policy{"cue", "a: 1"}); err != nil {
		t.Error(err)
	}
}

// What a hostile policy does to its evaluator is an error, soon, and the caller lives.
func TestHostile(t *testing.T) {
	doubled := "package sigstore\n" + `a0 := "xxxxxxxxxxxxxxxx"` + "\n"
	for i := range 40 {
		doubled += strings.NewReplacer("NEXT", string(rune('b'+i/26))+string(rune('a'+i%26)), "LAST", last(i)).Replace("NEXT := concat(\"\", [LAST, LAST])\n")
	}
	doubled += "isCompliant { count(" + last(40) + ") > 1 }"
	for name, p := range map[string]Policy{
		"cue, memory":  {"cue", "import \"list\"\na: [for x in list.Range(0, 100000000, 1) {x}]"},
		"cue, time":    {"cue", "import \"list\"\nr: list.Range(0, 3000, 1)\na: len([for x in r for y in r for z in r if x+y+z < 0 {x}])"},
		"rego, memory": {"rego", doubled},
		"rego, time":   {"rego", "package sigstore\nisCompliant { count([1 | numbers.range(1, 3000)[a]; numbers.range(1, 3000)[b]; numbers.range(1, 3000)[c]; a + b + c < 0]) > 0 }"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := question{Policy: p, Document: []byte(statement), Memory: 128 << 20}
			if strings.HasSuffix(name, "time") {
				q.Memory = maxMemory
			}
			began := time.Now()
			refusal, _, err := ask(t.Context(), q, 3*time.Second)
			if ident.KindOf(err) != ident.KindLimit || err == nil {
				t.Errorf("%q %v", refusal, err)
			}
			if took := time.Since(began); took > time.Minute { // it would take hours
				t.Errorf("it took %s", took)
			}
		})
	}
}

// last names the value of a step.
func last(i int) string {
	if i == 0 {
		return "a0"
	}
	i--
	return string(rune('b'+i/26)) + string(rune('a'+i%26))
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Evaluate(ctx, Policy{"cue", "a: 1"}, []byte(statement)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, _, err := Evaluate(t.Context(), Policy{"cue", "a: 1"}, make([]byte, MaxDocument+1)); ident.KindOf(err) != ident.KindLimit {
		t.Errorf("%v", err)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	for _, p := range []Policy{{"cue", `predicate: builder: "b"`}, {"rego", "package sigstore\nisCompliant { input.predicate.builder == \"b\" }"}} {
		b.Run(p.Language, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := Evaluate(b.Context(), p, []byte(statement)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
