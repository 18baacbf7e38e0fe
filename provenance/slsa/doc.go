// Package slsa says what verified provenance is worth: the Build level (SLSA v1.2) of an
// artifact by a table of trusted builders, with the reasons; what is known of its
// source; how many of its dependencies are pinned; whether the build is said to be
// hermetic and isolated; and whether the provenance names the SBOM.
//
//	table, err := slsa.ParseTable(raw)
//	a := slsa.Assess(artifact, facts, table, sboms)
//	fmt.Println(a.Build.Level, a.Build.Reasons)
//
// It takes facts, whose signatures package verify has judged, and never what nobody
// verified. A level says how hard provenance is to forge, not that an artifact is good,
// and that a build can be repeated is no level: that needs a second build to compare.
package slsa
