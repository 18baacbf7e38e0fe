package glob_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/policy/glob"
)

// matches is the obvious matcher.
func matches(pattern, s string) bool {
	if pattern == "" {
		return s == ""
	}
	if rest, ok := strings.CutPrefix(pattern, "**"); ok {
		for i := range len(s) + 1 {
			if matches(rest, s[i:]) {
				return true
			}
		}
		return false
	}
	if pattern[0] == '*' {
		for i := 0; ; i++ {
			if matches(pattern[1:], s[i:]) {
				return true
			}
			if i == len(s) || s[i] == '/' {
				return false
			}
		}
	}
	return s != "" && s[0] == pattern[0] && matches(pattern[1:], s[1:])
}

func TestAgainstTheObviousMatcher(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab/*]{0,8}`).Draw(t, "pattern")
		s := rapid.StringMatching(`[ab/]{0,8}`).Draw(t, "s")
		if got, want := glob.Match(pattern, s), matches(pattern, s); got != want {
			t.Fatalf("%q matches %q: %v, want %v", pattern, s, got, want)
		}
	})
}

// A pattern that makes matchers that try everything run for hours.
func TestHostilePattern(t *testing.T) {
	if glob.Match(strings.Repeat("**a", 100)+"b", strings.Repeat("a", 2000)) {
		t.Error("matches")
	}
}

func Example() {
	fmt.Println(glob.Match("r.example/*", "r.example/web:1"), glob.Match("r.example/*", "r.example/shop/web"), glob.Match("**/web", "r.example/shop/web"))
	// Output: true false true
}
