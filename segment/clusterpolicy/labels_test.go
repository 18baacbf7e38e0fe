package clusterpolicy_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/segment"
)

// TestLabelsAreThoseOfTheAPI holds our reading of keys and values against the API
// server's own.
func TestLabelsAreThoseOfTheAPI(t *testing.T) {
	check := func(t interface{ Errorf(string, ...any) }, s string) {
		if want, got := len(validation.IsQualifiedName(s)) == 0, segment.ValidLabelKey(s); got != want {
			t.Errorf("key %q: %v, the API says %v", s, got, want)
		}
		if want, got := len(validation.IsValidLabelValue(s)) == 0, segment.ValidLabelValue(s); got != want {
			t.Errorf("value %q: %v, the API says %v", s, got, want)
		}
	}
	for _, s := range []string{"", "/", "a", "a/", "/a", "a/b", "a/b/c", "a.b-c.d/E_f.g", "A/b", "a..b/c", "a-.b/c", "-a/b", "a.-b/c", "a-/b", "a./b", "é", "a\x00", "a\n", "ä/b",
		strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 253) + "/b", strings.Repeat("a", 254) + "/b", "_a", "a_", "a--b", ".", "-", "_"} {
		check(t, s)
	}
	parts := rapid.SampledFrom([]string{"a", "Z", "7", ".", "-", "_", "/", " ", "é", strings.Repeat("b", 61), strings.Repeat("c", 250)})
	rapid.Check(t, func(t *rapid.T) { check(t, strings.Join(rapid.SliceOfN(parts, 0, 6).Draw(t, "parts"), "")) })
}
