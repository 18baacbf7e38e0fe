package strict_test

import (
	"context"
	"fmt"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/policy/strict"
)

func Example() {
	docs, _ := manifest.Documents(context.Background(), manifest.Input{Data: []byte("spec:\n  mode: Enforce\n  images: no\n  Match: []\n")}, manifest.Options{})
	var faults []strict.Fault
	spec := strict.Root(docs[0].Root, &faults).Object("spec").Get("spec").Object("mode", "images", "match")
	spec.Get("mode").OneOf("enforce", "warn")
	spec.Get("images").Items()
	spec.Require("authorities", "add one")
	strict.Sort(faults)
	for _, f := range faults {
		fmt.Printf("%d:%d %s %s: %s; %s\n", f.At.Line, f.At.Column, f.Rule, f.Path, f.Message, f.Hint)
	}
	// Output:
	// 1:1 missing spec.authorities: authorities is missing; add one
	// 2:3 value spec.mode: "Enforce" is none of: enforce, warn; did you mean enforce?
	// 3:3 type spec.images: a list is due here and not a boolean; write it as items that begin with a dash, or in [ ]
	// 4:3 unknown-field spec.Match: the field "Match" is not known here; did you mean match?
}
