// Package cut finds the cheapest set of connections, or of workloads to
// harden, that parts protected workloads from affected ones, and proves by a
// flow of the same value that nothing cheaper does.
//
//	r, err := cut.Edges(ctx, &cut.Network{N: n, Row: row, Default: 1, Edge: observed, Sources: affected, Sinks: protected})
//	var none *cut.NoCutError // none.Path says why it cannot be contained
//	for _, p := range r.Near.Pairs { … }
//
// It is not for policies: which object takes an edge away, and what else that
// object would take, is the caller's to find out and to prove. It knows
// workloads as numbers and edges as bits.
//
// # What is exact
//
// Edges and Workloads are exact: minimum cuts by Dinic's algorithm (Dinitz
// 1970) over rows of bits, with explicit arcs only where there is flow or a
// price of its own. All minimum cuts are the closed sets of one residual
// network (Picard and Queyranne 1980), whose smallest and greatest are Near
// and Far. Cover is exact: a minimum vertex cover of a bipartite graph is a
// minimum cut (Kőnig 1931). Results do not depend on the order of a map.
// Fewest walks the lattice of the minimum cuts, best first, and says whether it
// saw all of them; cuts that cost more than the least it does not look at.
//
// # What is bounded
//
// Below, which limits what the sources can still reach, is NP-hard. Its answer
// is the best cut found, with a lower bound from the Lagrangian dual, a
// parametric cut (Gallo, Grigoriadis and Tarjan 1989), and branch and bound; it
// is called exact only where bound and price meet, which up to SmallRadius
// workloads they always do.
//
// # What it costs
//
// A bit per workload that the sources reach and workload of the network, once
// more where long chains are searched backwards, and 32 bytes per edge that
// carries flow or has a price of its own.
package cut
