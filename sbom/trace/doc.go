// Package trace answers "why is it here": the shortest ways from the subject of a
// document to a component, over what the document records of dependencies and
// containment.
//
//	g := trace.New(doc)
//	ways := g.Ways(trace.Find(doc, "log4j-core"), 5)
//	fmt.Println(ways.Recorded, ways.Paths)
//
// A document that records no way gives none; it is not for guessing one.
package trace
