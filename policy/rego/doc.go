// Package rego evaluates the policies in Rego that ClusterImagePolicy holds: the rule
// isCompliant of the package sigstore, over one statement, in Rego's version 0 as the
// policy controller reads it.
//
//	p, err := rego.Compile(`package sigstore
//	isCompliant { input.predicateType == "https://slsa.dev/provenance/v1" }`)
//	refusal, warnings, err := p.Evaluate(ctx, statement)
//
// A policy computes and does nothing else: there is no http.send, no clock, no chance, no
// environment, no address look-up (testdata/builtins.txt lists what is left). Its steps are
// counted. Its memory is not: whoever evaluates what strangers wrote does so in a process
// that may end (internal/confine). Only this package links the engine.
package rego
