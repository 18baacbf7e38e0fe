// Package inventory joins the four facts: component in artifact, artifact runs
// as workload, workload is member of a zone and segment, segment may talk to
// segment. A Snapshot is that join, immutable; Where, Blast and Map are its
// views, each with the coverage that makes "nothing found" worth something.
//
// It parses nothing, reads no clock, and renders nothing (package report does).
//
//	snap, err := inventory.Build(ctx, inventory.Input{Estate: est, Graph: g, SBOMs: docs, Database: db, At: now})
//	q, err := inventory.ParseQuery("CVE-2023-44487")
//	ans, err := snap.Blast(ctx, q, inventory.BlastOptions{})
package inventory
