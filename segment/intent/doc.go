// Package intent judges a reachability graph by rules that say what is meant to
// talk to what.
//
// It reads the rules and asks the graph; it evaluates no network policy itself,
// and a rule changes nothing that the cluster enforces.
//
//	rules, err := intent.Parse("rules.txt", text)
//	results, err := intent.Check(ctx, graph, members, rules)
//	for _, r := range results { fmt.Println(r.Rule.Text, r.Outcome) }
package intent
