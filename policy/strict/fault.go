package strict

import (
	"cmp"
	"slices"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
)

// Fault is one thing that is wrong with a resource.
type Fault struct {
	Path    string // "spec.authorities[0].key"; "" is the document
	At      manifest.Place
	Rule    string // in a word: "unknown-field"
	Message string
	Hint    string // how to mend it
	// Warning says that the resource can be used as it stands, and likely does not do
	// what it was written for.
	Warning bool
}

// Sort orders faults by their place.
func Sort(fs []Fault) {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column), cmp.Compare(a.Path, b.Path))
	})
}

// Broken reports whether any fault is more than a warning.
func Broken(fs []Fault) bool {
	return slices.ContainsFunc(fs, func(f Fault) bool { return !f.Warning })
}

// The rules that this package itself judges by.
const (
	RuleSyntax       = "syntax"
	RuleType         = "type"
	RuleUnknownField = "unknown-field"
	RuleMissing      = "missing"
	RuleValue        = "value"
	RuleConflict     = "conflict"
	RuleLimit        = "limit"
)
