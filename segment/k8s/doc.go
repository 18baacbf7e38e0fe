// Package k8s translates the Kubernetes objects of an estate into the model of
// package segment: NetworkPolicies, ClusterNetworkPolicies (through package
// clusterpolicy), the ways in from outside, and whatever makes verdicts unknown.
//
// It evaluates nothing. What it cannot translate becomes a taint on what it
// could touch, never nothing.
//
//	model, err := k8s.Model(set, segment.Generic())
//	g, err := segment.Build(ctx, model)
//	for e := range g.Edges(segment.ByWorkload) { … }
package k8s
