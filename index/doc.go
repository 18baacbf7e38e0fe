// Package index answers which artifacts of an organisation contain a component,
// over any number of SBOMs, in memory and within a millisecond.
//
// It is derived data. The truth is one forward row per document (EncodeRow) and
// the dictionary of component keys (KeyOf), which a store commits; the index is
// rebuilt from them, or opened from its last checkpoint and told what was
// committed since. It reads no files and runs no background work: the store keeps
// the pieces of a checkpoint, and decides when one is made. It keeps no
// documents, dependencies or scopes: those are in the originals.
//
//	x := index.New()
//	err := x.Apply(index.Batch{Seq: 1, Keys: keys, Documents: []index.Document{{ID: 0, Artifact: 0, Components: ids}}})
//	answer, err := x.Snapshot().Find(ctx, index.Query{Component: q, Within: []index.Set{running, restricted}})
//
// docs/design/index.md describes the structure, byte by byte.
package index
