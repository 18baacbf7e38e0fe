// Package ciliumv2 holds the fields of the API cilium.io/v2 that say what a
// CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy selects and filters, as
// plain data. It is not a client, and it does not validate: segment/cilium
// translates what is here and says what Cilium would refuse. Cilium's own module
// brings the agent with it, which is why the types are written out.
//
// A slice that is empty is not one that is absent: Cilium lets the first select
// nothing and does not look at the second, so both are kept apart.
//
//	var p ciliumv2.Policy
//	strict, err := kjson.UnmarshalStrict(raw, &p)
//	for _, rule := range p.Rules() { … }
package ciliumv2
