// Package osv decodes documents of the OSV schema
// (https://ossf.github.io/osv-schema/): one record in JSON or YAML, arrays and
// lines of records, YAML streams, and zip archives of all of these as osv.dev
// and GitHub publish them.
//
// It reads bytes and never files, and it compares no versions: package vuln
// does, and finds ranges whose events are out of order there. Advisories in
// RustSec's own form, and other databases' native formats, are refused with a hint.
//
//	advisories, faults, err := osv.Decode(ctx, "all.zip", data, osv.Limits{})
//	db, err := vuln.NewDatabase(advisories, vuln.Options{})
//	group, ok := db.Lookup("CVE-2023-39325")
package osv
