// Package toolchain says which compilers and runtimes built something, by its SLSA provenance,
// so that they can be compared with advisories: a vulnerability of a compiler or of a standard
// library is in what they built, whatever an SBOM lists.
//
//	tools := toolchain.Of(p)
//	doc, open := toolchain.Document("prov.json", raw, p)
//
// It reads what the builder wrote down and believes it: whose word that is, package verify
// finds out. Libraries that were built in are no tools, and belong to the SBOM.
package toolchain
