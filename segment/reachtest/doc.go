// Package reachtest is the engine's test language: manifests and what they are
// expected to let pass, in one text file, so that a report of a wrong answer is a
// test case.
//
// A test is a txtar archive. Its comment, or a file named test, is the script;
// every other file holds manifests. A script has one statement on a line:
//
//	cni generic
//	enforcement generic (chosen)
//	eval shop/web -> shop/db tcp/5432
//	expect allow by NetworkPolicy shop/db#0
//	eval internet -> shop/db tcp/5432
//	expect deny by NetworkPolicy shop/db
//	expect egress allow by default
//	ports shop/web -> shop/db = tcp/5432, udp/53
//	reach shop/web = shop/db, shop/cache
//	exposed shop/web internet
//	cause AuthorizationPolicy
//	idle ClusterNetworkPolicy guard
//
// Without cni the network is the one that DaemonSets among the manifests show.
//
// It is not a policy language, and it never reads a cluster.
//
//	result, err := reachtest.Run(ctx, "shop.txtar", data)
//	for _, f := range result.Failures { … }
package reachtest
