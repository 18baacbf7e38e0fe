// Package vuln matches components against advisories: identities from package
// URLs, version ranges in each ecosystem's own order, one finding per alias group and component.
//
// It reads no files (vuln/osv decodes bytes, internal/app finds them) and says
// nothing about where a component runs (package inventory does). A version that
// no comparator understands is unmatched with the reason, never "not affected".
//
//	db := vuln.NewDatabase(advisories)
//	id, err := vuln.IdentityOf(component, subjectOS)
//	matches := db.Match(id)
package vuln
