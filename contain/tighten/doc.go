// Package tighten finds the least NetworkPolicies that allow what was seen on the
// network and what is declared necessary, proves them on the model, and says
// which permissions nobody used and in what order to take them away.
//
// What is proposed never opens anything, and never closes a connection that was
// seen or declared: the engine evaluates the estate with the proposal as texts, and
// what does not hold is held back with the reason. Where an end of a flow is not
// known, or a workload was not seen at all, nothing is proposed for it.
//
// It applies nothing and reads no file. It is not for containing a vulnerability
// (package contain cuts as little as possible, this as much as possible), and it
// proves nothing about what is not in the records: "not seen" is no proof of
// absence, and every answer says what was watched and for how long.
//
//	plan, err := tighten.Make(ctx, &tighten.Problem{Graph: g, Set: set, Observed: seen, At: at})
//	fmt.Println(len(plan.Edits), plan.Proof.Final.Edges)
//	files, err := plan.Folder()
package tighten
