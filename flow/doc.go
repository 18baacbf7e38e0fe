// Package flow reads records of connections that were really seen, from the
// formats that networks write them in, and adds them up to observed edges
// between the workloads of an estate: who opened what to whom, how often, when
// last, and what was refused.
//
//	book := flow.NewBook(e, flow.BookOptions{})
//	a := flow.NewAggregator(flow.Options{Book: book})
//	err := a.Read(ctx, "flows.json", r, flow.Auto)
//
// What it rests on: an end that is not certain is unknown, never guessed. An
// address that two workloads had at the time is unknown, and so is one that its
// present owner got later. Whatever cannot be placed, read or kept is counted
// and named in Observed, and an edge whose other end is unknown is kept with the
// address. The rules are written down in docs/flows.md.
//
// It is not for packets, not for verdicts (package segment says what policies
// allow) and not for proofs of absence: a connection that no record shows may
// be one that nobody recorded. Observed.Coverage says what was watched.
package flow
