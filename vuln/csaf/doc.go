// Package csaf decodes what CSAF documents (2.0 and 2.1) say about vulnerabilities in
// products: those of the VEX profile, and security advisories with a product status.
//
// It reads bytes and never files, and it applies nothing: package vuln says which
// statements are about which findings, and whose are trusted. It is no validator of all
// of CSAF, but refuses documents that break a rule on which the meaning of a product's
// status hangs (sections 6.1.1 to 6.1.6, 6.1.27.4, .7 to .11, 6.1.33 of the standard).
//
//	statements, faults, err := csaf.Decode(ctx, "2026-001.json", data)
//	known := &vuln.Intelligence{Statements: vuln.NewStatements(statements, trust)}
//	report, err := vuln.Scan(ctx, documents, db, known)
package csaf
