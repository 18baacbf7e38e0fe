// Package cue evaluates the policies in CUE that ClusterImagePolicy holds: a document is
// compliant where it unifies with the policy and nothing is left open.
//
//	refusal, err := cue.Evaluate(`predicateType: "https://slsa.dev/provenance/v1"`, statement)
//
// CUE computes and does nothing else: it has no clock and no chance, what it calls tools
// are data that nothing runs, and no file or module is loaded. It cannot be stopped or
// counted, and a few lines can fill a machine: whoever evaluates what strangers wrote does
// so in a process that may end (internal/confine). Only this package links the engine.
package cue
