// Package gatekeeper says of OPA Gatekeeper's resources what they ask of images, and which
// policy asks the same of verified facts: nothing of them can be turned by itself, since a
// ConstraintTemplate is a program that judges the Kubernetes object, and who signed an image
// is not in that.
//
//	if gatekeeper.Is(apiVersion, kind) {
//		for _, n := range gatekeeper.Explain(root) { fmt.Println(n.Message, n.Hint) }
//	}
//
// It evaluates nothing; policy/rego does, and only what Sigstore's policies hold.
package gatekeeper
