// Package kyverno turns Kyverno's ImageValidatingPolicy (policies.kyverno.io) into
// ClusterImagePolicy resources of Sigstore's policy controller, which package
// clusterimage reads: its attestors and attestations, and those of its validations
// that ask for signatures. What cannot be turned is said, with what that means.
//
//	out := kyverno.Convert(root, &faults)
//	for _, p := range out.Policies { text, err := p.YAML() }
//	for _, n := range out.Notes { fmt.Println(n.Effect, n.Message) }
//
// It never makes a policy that admits what the old one refused without saying so: a
// note with the effect Missing. It evaluates no expression, and verifies nothing.
package kyverno
