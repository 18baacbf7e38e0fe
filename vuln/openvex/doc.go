// Package openvex decodes OpenVEX documents (https://openvex.dev), of version 0.2.0 and
// of the form before it, whose products and vulnerabilities are plain strings.
//
// It reads bytes and never files, and it applies nothing: package vuln says which
// statements are about which findings, and whose are trusted. A statement that breaks
// the specification where it matters (no status, "not_affected" without a reason) costs
// only itself.
//
//	statements, faults, err := openvex.Decode(ctx, "product.openvex.json", data)
//	known := &vuln.Intelligence{Statements: vuln.NewStatements(statements, trust)}
//	report, err := vuln.Scan(ctx, documents, db, known)
package openvex
