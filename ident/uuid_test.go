package ident

import (
	"regexp"
	"testing"
)

func TestUUIDOf(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for _, parts := range [][]string{{}, {""}, {"a", "b"}, {"ab"}, {"a", "", "b"}, {"1:a"}} {
		u := UUIDOf(parts...)
		if !form.MatchString(u) || seen[u] || u != UUIDOf(parts...) {
			t.Errorf("%q: %s", parts, u)
		}
		seen[u] = true
	}
}
