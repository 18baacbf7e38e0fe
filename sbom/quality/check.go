package quality

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Check is a fault that a policy may refuse.
type Check struct{ ID, Title string }

// Checks that policies say more of than a level.
const (
	noassertionLicense = "noassertion-license"
	unacceptedFormat   = "unaccepted-format"
)

// at is the place of a check in the list.
type at int

const (
	missingVersion at = iota
	missingHash
	weakHash
	wrongHash
	missingLicense
	unresolvedLicense
	invalidLicense
	deprecatedLicense
	missingIdentifier
	invalidPURL
	severalPURLs
	contradictingPURL
	conflictingHashes
	missingSupplier
	missingRelation
	noDependencies
	noTransitive
	noBuildMetadata
	noPackages
	otherFormat
)

var checks = [...]Check{
	missingVersion:    {"missing-version", "a component without a version"},
	missingHash:       {"missing-hash", "a component without a hash"},
	weakHash:          {"weak-hash", "a component whose hashes are all of algorithms with known collisions"},
	wrongHash:         {"malformed-hash", "a hash that is not of its algorithm's length, or of no known algorithm"},
	missingLicense:    {"missing-license", "a component without a licence"},
	unresolvedLicense: {noassertionLicense, "a component of which no licence is known, and the document says so"},
	invalidLicense:    {"invalid-license", "a licence that is no SPDX expression, or names an identifier that is not on the list"},
	deprecatedLicense: {"deprecated-license", "an SPDX identifier that the list calls deprecated"},
	missingIdentifier: {"missing-identifier", "a component without a package URL, CPE or SWID tag"},
	invalidPURL:       {"invalid-purl", "a package URL that is none"},
	severalPURLs:      {"several-purls", "a component with several package URLs"},
	contradictingPURL: {"contradicting-purl", "a package URL that says another name or version than the component"},
	conflictingHashes: {"conflicting-hashes", "one package URL at several components with different hashes"},
	missingSupplier:   {"missing-supplier", "a component without supplier and producer"},
	missingRelation:   {"missing-relation", "a component that stands in no relation to another"},
	noDependencies:    {"no-dependencies", "a document that records no dependency at all"},
	noTransitive:      {"no-transitive-dependencies", "a document whose dependencies all start at what it is about"},
	noBuildMetadata:   {"no-build-metadata", "a document that says nothing of compilers, build tools or base image"},
	noPackages:        {"no-packages", "a document without components"},
	otherFormat:       {unacceptedFormat, "a document of a format or version that the policy does not accept"},
}

// Checks lists what a policy can speak of.
func Checks() []Check { return checks[:] }

// CheckIDs lists the identifiers of Checks.
func CheckIDs() []string {
	out := make([]string, len(checks))
	for i, c := range checks {
		out[i] = c.ID
	}
	return out
}

func checkNamed(id string) *Check {
	for i := range checks {
		if checks[i].ID == id {
			return &checks[i]
		}
	}
	return nil
}

// inspection looks at a document for a policy.
type inspection struct {
	*view
	policy *Policy
	at     time.Time
	most   int
	found  []CheckResult
	off    [len(checks)]bool
	seen   map[string]*sbom.Component // by package URL, those with hashes
}

// ofDocument is where say stands that speaks of no component.
const ofDocument int32 = sbom.SubjectIndex - 1

// say notes what a check finds at a component, or ofDocument.
func (n *inspection) say(check at, i int32, format string, args ...any) {
	if n.off[check] {
		return
	}
	f := &n.found[check]
	f.Places++
	if n.most >= 0 && len(f.Findings) >= n.most {
		return
	}
	v := Violation{Pointer: n.place(""), Message: fmt.Sprintf(format, args...)}
	if i != ofDocument {
		v.Pointer, v.Component = n.view.component(i).Pointer, n.label(i)
	}
	f.Findings = append(f.Findings, v)
}

func (n *inspection) inspect() {
	for i := range checks {
		n.off[i] = n.policy.rule(checks[i].ID).Level == Off
	}
	n.seen = map[string]*sbom.Component{}
	if !n.policy.accepts(n.d) {
		version := n.d.SpecVersion
		if version == "" {
			version = "of no stated version"
		}
		n.say(otherFormat, ofDocument, "it is %s %s; accepted are %s", n.d.Format, clip(version), n.policy.acceptedWords())
	}
	if c := n.subject(); c != nil {
		n.component(c, sbom.SubjectIndex)
	}
	for i := range n.d.Components {
		n.component(&n.d.Components[i], int32(i)) //nolint:gosec // decoders bound it
	}
	d := n.d
	if len(d.Components) == 0 {
		n.say(noPackages, ofDocument, "no component is listed")
		return
	}
	switch n.transitive() {
	case "no":
		n.say(noTransitive, ofDocument, "every recorded dependency starts at what the document is about")
	case "unknown":
		n.say(noDependencies, ofDocument, "no dependency is recorded")
	}
	if d.Details != nil && n.build().empty() {
		n.say(noBuildMetadata, ofDocument, "nothing is said of compilers, build tools or the base image")
	}
}

func (n *inspection) component(c *sbom.Component, i int32) {
	var own ownFaults
	if j := n.known(i); j != nil {
		own = j.own
		for _, f := range j.faults {
			n.say(f.check, i, "%s", f.message)
		}
	} else {
		own = n.inspectAlone(c, i, func(check at, format string, args ...any) { n.say(check, i, format, args...) })
	}
	if n.edges[i+1] == alone {
		n.say(missingRelation, i, "it is in no relation to another component")
	}
	if own.unresolved {
		n.unresolvedLicense(c, i)
	}
	if own.comparable && !n.off[conflictingHashes] {
		n.conflicting(c, i)
	}
}

// sayer is told what a check finds at the component that is looked at.
type sayer func(check at, format string, args ...any)

// inspectAlone looks for what is wrong with the component itself.
func (v *view) inspectAlone(c *sbom.Component, i int32, say sayer) ownFaults {
	switch said(c.Version) {
	case Absent:
		say(missingVersion, "no version")
	case Declared:
		say(missingVersion, "the version is %s", c.Version)
	}
	if max(said(c.Supplier), said(c.Origin)) != Present && (c.Details == nil || said(c.Details.Manufacturer) != Present) {
		say(missingSupplier, "nobody is named who supplies or made it")
	}
	v.inspectHashes(c, i, say)
	return ownFaults{unresolved: v.inspectLicenses(c, say), comparable: inspectIdentifiers(c, say) && len(c.Hashes) > 0}
}

func (v *view) inspectHashes(c *sbom.Component, i int32, say sayer) {
	if c.Details != nil {
		for _, ref := range c.Details.References {
			malformed(ref.Hashes, say)
		}
	}
	if len(c.Hashes) == 0 {
		if i == sbom.SubjectIndex && len(v.d.Subject.Digests) > 0 {
			return
		}
		say(missingHash, "no hash")
		return
	}
	malformed(c.Hashes, say)
	if !slices.ContainsFunc(c.Hashes, func(h sbom.Hash) bool { return !weakHashes[h.Algorithm] }) {
		say(weakHash, "its only hash is of %s", c.Hashes[0].Algorithm)
	}
}

func malformed(hashes []sbom.Hash, say sayer) {
	for _, h := range hashes {
		switch want := hashLengths[h.Algorithm]; {
		case want == 0:
			say(wrongHash, "%.40q is no algorithm that is known", h.Algorithm)
		case len(h.Value) != want || !isHex(h.Value):
			say(wrongHash, "a value of %s has %d hexadecimal digits, and this one is %.140q", h.Algorithm, want, h.Value)
		}
	}
}

// inspectLicenses reports whether the component declares that its licence is not known.
func (v *view) inspectLicenses(c *sbom.Component, say sayer) (unresolved bool) {
	resolved := false
	for _, l := range c.Licenses {
		switch said(l.Expression) {
		case Declared:
			unresolved = true
		case Present:
			resolved = true
			v.inspectLicense(l, say)
		}
	}
	if !resolved && !unresolved {
		say(missingLicense, "no licence")
	}
	return unresolved && !resolved
}

func (n *inspection) unresolvedLicense(c *sbom.Component, i int32) {
	rule := n.policy.rule(noassertionLicense)
	age, known := n.age(c)
	switch {
	case rule.MaxAge == 0:
		n.say(unresolvedLicense, i, "no licence is asserted")
	case !known:
		n.say(unresolvedLicense, i, "no licence is asserted, and since when is not known: the document has no date")
	case age > rule.MaxAge:
		n.say(unresolvedLicense, i, "no licence is asserted since %d days; %d are allowed", days(age), days(rule.MaxAge))
	}
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }

// age is since how long no licence of a component is asserted: since the document was
// made, or an earlier one; false where it, or the time now, has no date.
func (n *inspection) age(c *sbom.Component) (time.Duration, bool) {
	if n.at.IsZero() || n.d.Created.IsZero() {
		return 0, false
	}
	return max(0, n.at.Sub(n.licensed.since(c, n.d.Created))), true
}

func (v *view) inspectLicense(l sbom.License, say sayer) {
	found := v.license(l.Expression)
	switch {
	case l.Name && found.fault == "":
		say(invalidLicense, "%.120q is written as a name, and is an SPDX expression", l.Expression)
	case l.Name:
		say(invalidLicense, "%.120q is a name, and no SPDX expression", l.Expression)
	case found.fault != "":
		say(invalidLicense, "%.120q: %s", l.Expression, found.fault)
	}
	for _, id := range found.deprecated {
		say(deprecatedLicense, "%s in %.120q is deprecated", id, l.Expression)
	}
}

// inspectIdentifiers reports whether the component has a package URL that is one.
func inspectIdentifiers(c *sbom.Component, say sayer) bool {
	d := c.Details
	if d == nil {
		d = &noDetails
	}
	if c.PURL == "" && len(c.CPEs)+len(d.SWIDs)+len(d.Identifiers) == 0 {
		say(missingIdentifier, "no package URL, CPE or SWID tag")
	}
	if len(d.PURLs) > 0 {
		say(severalPURLs, "%s and %s", clip(c.PURL), clip(d.PURLs[0]))
	}
	if c.PURL == "" {
		return false
	}
	p, err := vuln.ParsePURL(c.PURL)
	if err != nil {
		say(invalidPURL, "%v", err)
		return false
	}
	if message := contradiction(p, c); message != "" {
		say(contradictingPURL, "%s", message)
	}
	return true
}

// conflicting compares the hashes of components that have the same package URL.
func (n *inspection) conflicting(c *sbom.Component, i int32) {
	other := n.seen[c.PURL]
	if other == nil {
		n.seen[c.PURL] = c
		return
	}
	for _, h := range c.Hashes {
		for _, o := range other.Hashes {
			if h.Algorithm == o.Algorithm && h.Value != o.Value {
				n.say(conflictingHashes, i, "%s has another %s at %s", clip(c.PURL), h.Algorithm, other.Pointer)
				return
			}
		}
	}
}

func clip(s string) string {
	if len(s) > 160 {
		return strings.ToValidUTF8(s[:160], "") + "…"
	}
	return s
}
