package catalog

import (
	"testing"

	"pgregory.net/rapid"
)

// What a row's name is made of is read back from it, whatever containers are called; what is
// no such name is refused.
func TestFindingRow(t *testing.T) {
	text := rapid.StringOf(rapid.SampledFrom([]rune("a1 é/%\u65e5\n")))
	rapid.Check(t, func(t *rapid.T) {
		f := Finding{scope: text.Draw(t, "scope"), key: text.Draw(t, "key")}
		if scope, key, ok := ofRow(f.row()); !ok || scope != f.scope || key != f.key {
			t.Fatalf("%q is read as %q and %q, %v", f.row(), scope, key, ok)
		}
	})
	for _, bad := range []string{"", "prod/a", "prod/a CVE-1 x", "prod/a CVE-1 7", "prod/a CVE-1 -1", "prod/a CVE-1 99", "prod/a CVE-1 5"} {
		if scope, key, ok := ofRow(bad); ok {
			t.Errorf("%q is read as %q and %q", bad, scope, key)
		}
	}
}
