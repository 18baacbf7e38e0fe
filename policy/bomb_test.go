package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
	"github.com/cofferdam-io/cofferdam/policy"
)

// TestBombs has expressions whose steps are few and whose work is not: each ends soon,
// undecided. CEL's counter charges a call after it was made, and one for what it knows
// no price of.
func TestBombs(t *testing.T) {
	double := func(seed, step string, times int) string { return seed + strings.Repeat(".map(a, "+step+")", times) }
	doubling := func(first, step string, times int) []policy.Variable {
		vars := []policy.Variable{{Name: "v0", Expression: first}}
		for i := 1; i <= times; i++ {
			vars = append(vars, policy.Variable{Name: fmt.Sprintf("v%d", i), Expression: strings.ReplaceAll(step, "a", fmt.Sprintf("v%d", i-1))})
		}
		return vars
	}
	for name, c := range map[string]struct {
		vars       []policy.Variable
		expression string
	}{
		"equal lists":          {nil, double("[[1]]", "a + a", 40) + " == [[2]] || " + double("[[1]]", "a + a", 40) + " == " + double("[[1]]", "a + a", 40)},
		"a list of variables":  {doubling("[1]", "a + a", 60), "v60 == v60"},
		"looking for one":      {doubling("[1]", "a + a", 60), "2 in v60"},
		"facts":                {doubling("facts", "a + a", 50), "v50.signatures().size() == 1"},
		"lists in lists":       {doubling("[1]", "[a, a]", 60), "v60 == v60"},
		"maps in maps":         {doubling("{'k': 1}", "{'k': a, 'l': a}", 60), "v60 == v60"},
		"texts":                {doubling("'xxxxxxxxxxxxxxxx'", "a + a", 60), "v60.size() > 0"},
		"expressions of texts": {append(doubling("'(x*)*y'", "a + a", 12), doubled("t", "'xxxxxxxxxxxxxxxx'", 16)...), "t16.matches(v12)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := rule(c.expression)
			s.Variables = c.vars
			p := compile(t, s)
			began := used.CPU(t)
			done := make(chan policy.Judgement, 1)
			go func() { done <- p.Evaluate(prepare(t, input()), policy.Context{At: noon}) }()
			select {
			case v := <-done:
				if v.Rules[0].Result != policy.Undecided {
					t.Errorf("%+v", v.Rules[0])
				}
				if len(v.Rules[0].Found) > 300 {
					t.Errorf("too many words: %s", v.Rules[0].Found)
				}
			case <-time.After(time.Minute):
				t.Errorf("it does not end")
			}
			if took := used.CPU(t) - began; took > 5*time.Second {
				t.Errorf("it took %s of processor time", took)
			}
		})
	}
}

func doubled(name, first string, times int) []policy.Variable {
	vars := []policy.Variable{{Name: name + "0", Expression: first}}
	for i := 1; i <= times; i++ {
		vars = append(vars, policy.Variable{Name: fmt.Sprintf("%s%d", name, i), Expression: fmt.Sprintf("%s%d + %s%d", name, i-1, name, i-1)})
	}
	return vars
}

// TestBoundsLeaveTheRest: what is bounded says what CEL says of what is small.
func TestBoundsLeaveTheRest(t *testing.T) {
	for _, expression := range []string{
		"[1, 2] == [1] + [2] && !([1] == [2])", "facts == facts && facts != facts.signatures()", "facts[0].predicate == facts[0].predicate",
		"image.tag in [image.tag] && !(image.tag in facts.map(f, f.claim))", "facts[0] in facts && 'k' in {'k': 1} && !(image.tag in {'k': 1})",
		"image.tag + 'x' == '1.4x' && now + duration('1h') > now && 1 + facts.size() > 1 && b'a' + b'b' == b'ab'",
		"image.tag.matches('^1[.]') && !image.tag.matches('^' + image.registry) && image.tag.matches(image.tag) && matches(image.tag, '4')",
		"facts.size() + 1 == (facts + [facts[0]]).size()", "{'a': [1]} == {'a': [1]} && {'a': image.tag} != {'a': 'x'}", "dyn(1) == dyn(1.0) && dyn(1) != dyn('1')",
	} {
		if v := compile(t, rule(expression)).Evaluate(prepare(t, input()), policy.Context{At: noon}); v.Rules[0].Result != policy.Held {
			t.Errorf("%s: %+v", expression, v.Rules[0])
		}
	}
	for expression, words := range map[string]string{
		"'x'.matches('(' + image.tag)": "missing closing", "facts.exists(f, f.predicate + 1 == 2)": "no such overload", "facts[9] == facts[0]": "out of bounds",
	} {
		if v := compile(t, rule(expression)).Evaluate(prepare(t, input()), policy.Context{At: noon}); v.Rules[0].Result != policy.Undecided || !strings.Contains(v.Rules[0].Found, words) {
			t.Errorf("%s: %+v", expression, v.Rules[0])
		}
	}
}
