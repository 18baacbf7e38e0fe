// Package strict reads the resources of policies field by field and names every
// fault: what is of the wrong type, missing, unknown or contradictory, each with its
// path, line and column, and how to mend it. A policy that is half understood is one
// that allows what it was written to refuse.
//
//	root := strict.Root(doc.Root, &faults)
//	spec := root.Object("apiVersion", "kind", "metadata", "spec").Get("spec")
//	mode := spec.Get("mode").OneOf("enforce", "warn")
//
// It knows no kind of resource, and parses nothing: package manifest does.
package strict
