// Package vuln matches components against advisories: identities from package
// URLs, version ranges in each ecosystem's own order, one finding per alias group and component.
//
// It reads no files (vuln/osv decodes bytes, internal/app finds them) and says
// nothing about where a component runs (package inventory does). What cannot be
// compared (no package URL, an unknown release, a version or a range that no
// comparator understands, an ecosystem without loaded advisories) is unmatched
// with the reason, never "not affected".
//
//	db, err := vuln.NewDatabase(advisories, vuln.Options{})
//	report, err := vuln.Scan(ctx, documents, db, nil)
//	ids, err := vuln.IdentityOf(component, subjectOS) // or one by one,
//	matches, doubts := db.Match(ids[0])
package vuln
