// Package compare says how two SBOMs differ in what they say of packages: which
// came, went or changed their version, licence, supplier or bytes, and what now
// needs what. An upgrade is one row and not a removal and an addition.
//
//	diff, err := compare.Documents(ctx, before, after)
//	for _, c := range diff.Changed {
//		fmt.Println(c.Name, c.Old.Version, c.New.Version)
//
// Documents pair packages by package URL without version, in each ecosystem's own
// spelling, else by type, group and name; tools and formats may differ. Together
// unites documents of one artifact and says what only some of their tools saw.
//
// It is not a diff of texts: order, identifiers, timestamps and formats are no
// difference. It does not match advisories, which is package vuln's.
package compare
