// Command gen reduces the official CycloneDX schemas to their rules.
//
// The official JSON Schema and XSD files are mostly prose. gen keeps everything that decides whether a document is
// valid and drops the rest, so that the result is small enough to embed and its diff between two releases of the
// specification shows changed rules and nothing else. It never fetches: it reads a folder of official schemas and
// writes a folder of reduced ones.
//
//	go run ./sbom/schema/gen -schemas path/to/specification/schema -out sbom/schema/rules
//
// Without -schemas the folder is sbom/cdx-spec-tests/schema below the folder that COFFERDAM_DATA names; without
// either it refuses to run. A keyword or an XSD construct that gen does not know is an error, never silently dropped:
// it may be a rule.
//
// gen is not part of the program; package schema embeds what it wrote.
package main
