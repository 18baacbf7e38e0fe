// Package cdxvex decodes what CycloneDX documents in JSON say about vulnerabilities
// (vulnerabilities[].analysis): SBOMs that carry their own VEX, and stand-alone VEX
// documents that point into others by BOM-Link.
//
// It reads bytes and never files, and it applies nothing: package vuln says which
// statements are about which findings, and whose are trusted. A vulnerability without
// an analysis is a finding of whoever wrote the document, and no statement. VEX in XML
// is refused.
//
//	statements, faults, err := cdxvex.Decode(ctx, "product.vex.cdx.json", data)
//	known := &vuln.Intelligence{Statements: vuln.NewStatements(statements, trust)}
//	report, err := vuln.Scan(ctx, documents, db, known)
package cdxvex
