package manifest

import (
	"fmt"
	"testing"
)

func TestCalicoLabels(t *testing.T) {
	for selector, want := range map[string]map[string]string{
		"":                         nil,
		"all()":                    nil,
		"app == 'web'":             {"app": "web"},
		`  app=="web"&&tier=='db'`: {"app": "web", "tier": "db"},
		"app == 'web' && has(tier) && zone != 'a'":            {"app": "web"},
		"app == 'web' && (zone == 'a' || zone == 'b')":        {"app": "web"},
		"app == 'web' || app == 'api'":                        nil,
		"!(app == 'web')":                                     nil,
		"! app == 'web'":                                      nil,
		"app == 'a' && app == 'b'":                            {"app": "a"},
		"app in {'web', 'api'} && tier == 'db'":               {"tier": "db"},
		"app == 'we && b' && x == '||'":                       {"app": "we && b", "x": "||"},
		"projectcalico.org/namespace == 'shop' && app == 'w'": {"app": "w"},
		"app == 'web":                                         nil,
		"app == web":                                          nil,
		"(app == 'web'":                                       nil,
		"app == 'web')":                                       nil,
		"app == 'a' 'b'":                                      nil,
		"app == ''":                                           {"app": ""},
		"app == 'a' == 'b'":                                   nil,
	} {
		if got := calicoLabels(selector); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %v, want %v", selector, got, want)
		}
	}
}

// FuzzCalicoLabels says that a selector of any text is read in bounds, and that
// what it demands stands in it.
func FuzzCalicoLabels(f *testing.F) {
	for _, s := range []string{"app == 'web' && has(x)", "a == \"b\" || !(c == 'd')", "{'&&'}", "a=='"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for k, v := range calicoLabels(s) {
			if terms, ok := conjunction(s); !ok {
				t.Errorf("%q demands %s=%s, and is no conjunction: %q", s, k, v, terms)
			}
		}
	})
}
