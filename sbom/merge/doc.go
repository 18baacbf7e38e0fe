// Package merge makes one document of several: of the parts of a product, or of what
// several tools saw.
//
//	out, r := merge.Documents(docs, merge.Options{Name: "shop", Version: "1.4"})
//	fmt.Println(len(out.Components), r.United, r.KeptApart)
//
// Hierarchically, each document's subject becomes a component that contains what its
// document lists, and nothing is united: the same library in two images stays two.
// Flat, components with one identity become one: the same package URL, and no hash that
// says otherwise; without a package URL only what has the same name, version and a
// common hash. What differs is kept, never chosen between.
package merge
