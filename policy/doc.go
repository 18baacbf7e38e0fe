// Package policy turns facts into verdicts by rules: expressions in CEL over who said
// what of an image, what was found in it and where it is to run. A verdict says for
// each rule what was expected, what was found and how to mend it.
//
//	p, faults := compiler.Compile(policy.Spec{Name: "signed", Mode: policy.Enforce, Rules: rules})
//	in, err := policy.Prepare(policy.Input{Image: ref, Digests: digests, Facts: facts})
//	v := policy.Evaluate([]*policy.Policy{p}, in, policy.Context{At: now})
//
// It verifies no signature (package verify does), reads no resource (package
// policy/decode does) and knows no clock: expressions see Context.At and nothing of
// the machine. Every expression is bounded in size, depth and cost; one that cannot be
// evaluated refuses under Enforce, and says so.
package policy
