// Package secondopinion holds the reachability engine against an engine that
// somebody else wrote and that clusters run: the policy engine of
// kube-network-policies. Its tests ask both about the same packets, and, where
// the machine allows it, send real ones through network namespaces in which that
// engine decides.
//
// It is a module of its own, so that client-go and what comes with it stay out
// of the program. It is not a simulator for users, and nothing imports it.
//
//	objects, err := Decode(files)
//	engine, err := NewEngine(objects)
//	passes, err := engine.Passes(ctx, Packet{Src: a, Dst: b, Protocol: corev1.ProtocolTCP, Port: 443})
package secondopinion
