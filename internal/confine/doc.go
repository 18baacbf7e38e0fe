// Package confine evaluates policies in Rego and CUE that strangers wrote, each in a
// process of its own that is this program once more: without environment, with a bound on
// time and memory. What a policy does to its evaluator (loops, recursion, gigabytes, a
// crash) ends that process and is an error here.
//
//	refusal, warnings, err := confine.Evaluate(ctx, confine.Policy{Language: "cue", Source: source}, statement)
//
// A program that links the package is its own child: its first argument says so before
// anything of the program runs.
package confine
