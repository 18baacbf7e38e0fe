// Package rebuild compares two builds of what is said to be the same source: are they the
// same bytes, and if not, what differs, down to files of layers, what tar says of them, how
// they were compressed, and how Go programs were built.
//
// That a build can be repeated is a signal of its own and no level (SLSA v1.2 has none for
// it). Whether two builds really are of one source this package cannot tell: provenance
// says that, and package provenance/slsa reads it.
package rebuild
