// Package licensing says what the licences in SBOMs ask for, and what a policy makes of
// them: a verdict for each component, obligations by how the product is used, pairs of
// licences that cannot be in one work, and hints about export controls.
//
//	p, err := licensing.ParsePolicy(raw)
//	r := licensing.Judge(docs, licensing.Options{Policy: p, At: now})
//	fmt.Println(r.Denied, r.Unknown)
//
// A choice (OR) is judged by its best part, what applies together (AND) by its worst.
// What is on no table is unknown, never allowed. It is not legal advice, reads no licence
// texts, and does not decide whether two components are one work: an edge between them
// says that they may be.
package licensing
