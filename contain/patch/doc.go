// Package patch changes the text of manifests: what must change and nothing
// else, so that comments, order, indentation and quotes stay as their author
// wrote them, and it writes the change down as a unified diff or, for objects
// whose source is out of reach, as a merge patch.
//
//	tree, _ := patch.Object(file, policy.Source)
//	tree.(map[string]any)["spec"] = spec
//	changed, err := patch.File(file, policy.Source, tree)
//
// A spec that took a trip through the API's Go types is brought back by Carry.
//
// It knows YAML and JSON and no Kubernetes: what an object ought to say is its
// caller's business, and whether a file is the source of an object at all is
// estate.Management's. It is no formatter and no merge of two people's edits.
package patch
