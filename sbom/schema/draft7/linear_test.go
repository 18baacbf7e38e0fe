package draft7

import (
	"os"
	urlpath "path"
	"path/filepath"
	"testing"
)

// TestNoRecursionThroughAlternatives checks the claim on which the running time rests: judging a value by anyOf, oneOf,
// not or if never leads back to the same schema, so alternatives cannot multiply with depth.
func TestNoRecursionThroughAlternatives(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "rules", "bom-*.schema.json"))
	ours, ourErr := filepath.Glob(filepath.Join("..", "clauses", "*.json"))
	if err != nil || ourErr != nil || len(files) == 0 || len(ours) == 0 {
		t.Fatalf("no schemas: %v", err)
	}
	for _, file := range append(files, ours...) {
		set := NewSet(func(url string) ([]byte, error) {
			return os.ReadFile(filepath.Join(filepath.Dir(file), urlpath.Base(url)))
		})
		if _, err := set.Compile("http://cyclonedx.org/schema/" + filepath.Base(file)); err != nil {
			t.Fatal(err)
		}
		for url, s := range set.nodes {
			var trials []*Schema
			trials = append(append(trials, s.anyOf...), s.oneOf...)
			for _, x := range []*Schema{s.not, s.cond} {
				if x != nil {
					trials = append(trials, x)
				}
			}
			for _, trial := range trials {
				if leads(trial, s, map[*Schema]bool{}) {
					t.Errorf("%s: %s leads back to itself through %s", filepath.Base(file), url, trial.rule)
				}
			}
		}
	}
}

// leads reports whether judging by from may judge by to.
func leads(from, to *Schema, seen map[*Schema]bool) bool {
	if from == nil || seen[from] {
		return false
	}
	if from == to {
		return true
	}
	seen[from] = true
	next := []*Schema{from.ref, from.additional, from.items, from.beyond, from.not, from.cond, from.then, from.orElse}
	for _, list := range [][]*Schema{from.tuple, from.allOf, from.anyOf, from.oneOf} {
		next = append(next, list...)
	}
	for _, p := range from.properties {
		next = append(next, p)
	}
	for _, n := range next {
		if leads(n, to, seen) {
			return true
		}
	}
	return false
}
