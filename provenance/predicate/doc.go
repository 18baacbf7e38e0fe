// Package predicate reads the predicates of in-toto statements to types: SLSA
// provenance v0.2 and v1, SLSA verification summaries v1, cosign's vulnerability
// scans, SCAI attribute reports, test results, releases and runtime traces. Any other
// stays JSON.
//
//	p, err := predicate.Read(statement.PredicateType, statement.Predicate, predicate.Limits{})
//	if build, ok := p.(*predicate.Provenance); ok {
//		fmt.Println(build.Builder.ID, len(build.Dependencies))
//
// It judges nothing: a predicate is what somebody claims, and package slsa says what a
// claim is worth. SBOMs and VEX among predicates are documents of their own, which
// package provenance hands on and packages decode and vex read. It is not for
// attestations that nobody verified.
package predicate
