// Package pipeline writes SLSA provenance (v1) from the environment of a CI system:
// GitHub Actions, GitLab CI, Jenkins and Tekton, and for builds that have none, from
// the command that was run.
//
//	b, err := pipeline.Read(env, pipeline.Options{})
//	predicate, err := b.Predicate()
//	statement := provenance.Statement{PredicateType: provenance.SLSAProvenanceV1, Predicate: predicate}
//
// It reads named variables and no others, so that no secret of an environment can come
// into a statement; passwords in addresses are taken out. What stands in an environment
// is what the build says of itself: Unproven names what only the build system's own
// signature could prove. It verifies nothing and knows no levels: a policy asks who signed.
package pipeline
