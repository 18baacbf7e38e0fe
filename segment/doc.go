// Package segment decides who may talk to whom: it compiles policies of every
// tier into one intermediate representation over endpoint classes and
// connection sets, and answers reachability questions from an immutable Graph,
// each with the rule that decides it.
//
// It knows no Kubernetes objects: front ends (segment/k8s,
// segment/clusterpolicy) translate them into a Model. It knows no SBOMs:
// package inventory joins. It never guesses: what the model cannot decide is
// Unknown, never Allowed or Denied.
//
//	g, err := segment.Build(ctx, model)
//	for e := range g.Edges(segment.ByWorkload) { … }
//	why, err := g.Why(src, dst, &segment.Port{Protocol: segment.TCP, Number: 5432})
package segment
