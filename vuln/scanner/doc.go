// Package scanner decodes what other scanners report: Trivy, Grype and OSV-Scanner in
// their JSON, and SARIF of the first two.
//
// It reads bytes and never files, and it judges nothing: vuln.Reconcile holds a report
// against findings of our own.
//
//	reported, err := scanner.Decode(ctx, "trivy.json", data)
//	r := vuln.Reconcile(report, reported, db, documents)
//	fmt.Println(len(r.Agreed), len(r.OnlyOurs), len(r.OnlyTheirs))
package scanner
