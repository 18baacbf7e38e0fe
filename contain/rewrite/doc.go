// Package rewrite changes NetworkPolicies so that they no longer allow some
// connections, and nothing else changes.
//
// NetworkPolicy is additive: a policy that denies is no help where another one
// allows. So every rule that admits a cut connection loses the peer: the peer goes
// if it names nobody else, or is narrowed to all others; a rule without peers,
// which means everybody, becomes a list of everybody else. A policy that also
// selects pods which keep the connection is divided by its podSelector, and both
// parts go on isolating what they select. What cannot be written exactly, because
// labels cannot separate, an ipBlock matches pods, or the network is not known
// well enough, is left alone and named.
//
// It proves nothing (package contain does, with the engine), edits no text, and
// makes a policy of its own only where DefaultDeny is asked for one.
//
//	r := rewrite.New(set, model, picker)
//	res, err := r.Cut(ctx, []rewrite.Edge{{Src: web, Dst: db, At: segment.Ingress}})
//	for _, c := range res.Changes { … }
package rewrite
