// Package cilium translates CiliumNetworkPolicy and
// CiliumClusterwideNetworkPolicy (cilium.io/v2) to the engine's model, at layers
// 3 and 4. What looks inside connections (HTTP, Kafka, TLS names, DNS names other
// than all) or hangs on facts that no manifest holds (addresses behind domain
// names, cloud security groups, mutual authentication) is in doubt for the edges
// it touches only. It does not evaluate anything, and it does not decide whether
// a cluster enforces these kinds: segment.Profile does.
//
//	policies, taints := cilium.Translate(set.CiliumPolicies)
//
// docs/design/cilium.md says which sentence of Cilium's documentation or source
// each rule rests on.
package cilium
