// Package contain finds the smallest change of network policies that keeps
// affected workloads from protected ones, writes it as objects that a cluster
// enforces, and proves it: the engine evaluates the estate with the change
// applied, every connection that was to go is gone, and nothing else changed.
//
// It applies nothing and reads no file: a plan is data, and its folder a set of
// named texts (docs/containment.md). It is not for hardening at large, and no
// plan of it undoes what an attacker already has: established connections, ways
// past the network and guard rails that stay open are named, not closed.
//
//	plan, err := contain.Make(ctx, &contain.Problem{Graph: g, Set: set, Affected: s, Protected: t})
//	files, err := plan.Folder(ticket)
//	v, err := contain.Verify(ctx, files, set, profile)
package contain
