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

const noassertionLicense = "noassertion-license"

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

func (n *inspection) say(check at, c *sbom.Component, format string, args ...any) {
	if n.off[check] {
		return
	}
	f := &n.found[check]
	f.Places++
	if n.most >= 0 && len(f.Findings) >= n.most {
		return
	}
	v := Violation{Pointer: n.place(""), Message: fmt.Sprintf(format, args...)}
	if c != nil {
		v.Pointer, v.Component = c.Pointer, label(c)
	}
	f.Findings = append(f.Findings, v)
}

func (n *inspection) inspect() {
	for i := range checks {
		n.off[i] = n.policy.rule(checks[i].ID).Level == Off
	}
	n.seen = make(map[string]*sbom.Component, len(n.d.Components))
	if c := n.subject(); c != nil {
		n.component(c, sbom.SubjectIndex)
	}
	for i := range n.d.Components {
		n.component(&n.d.Components[i], int32(i)) //nolint:gosec // decoders bound it
	}
	d := n.d
	if len(d.Components) == 0 {
		n.say(noPackages, nil, "no component is listed")
		return
	}
	switch n.transitive() {
	case "no":
		n.say(noTransitive, nil, "every recorded dependency starts at what the document is about")
	case "unknown":
		n.say(noDependencies, nil, "no dependency is recorded")
	}
	if d.Details != nil && n.build().empty() {
		n.say(noBuildMetadata, nil, "nothing is said of compilers, build tools or the base image")
	}
}

func (n *inspection) component(c *sbom.Component, i int32) {
	switch said(c.Version) {
	case Absent:
		n.say(missingVersion, c, "no version")
	case Declared:
		n.say(missingVersion, c, "the version is %s", c.Version)
	}
	if max(said(c.Supplier), said(c.Origin)) != Present && (c.Details == nil || said(c.Details.Manufacturer) != Present) {
		n.say(missingSupplier, c, "nobody is named who supplies or made it")
	}
	if n.edges[i+1] == alone {
		n.say(missingRelation, c, "it is in no relation to another component")
	}
	n.hashes(c, i)
	n.licenses(c)
	n.identifiers(c)
}

func (n *inspection) hashes(c *sbom.Component, i int32) {
	if c.Details != nil {
		for _, ref := range c.Details.References {
			n.malformed(c, ref.Hashes)
		}
	}
	if len(c.Hashes) == 0 {
		if i == sbom.SubjectIndex && len(n.d.Subject.Digests) > 0 {
			return
		}
		n.say(missingHash, c, "no hash")
		return
	}
	n.malformed(c, c.Hashes)
	if !slices.ContainsFunc(c.Hashes, func(h sbom.Hash) bool { return !weakHashes[h.Algorithm] }) {
		n.say(weakHash, c, "its only hash is of %s", c.Hashes[0].Algorithm)
	}
}

func (n *inspection) malformed(c *sbom.Component, hashes []sbom.Hash) {
	for _, h := range hashes {
		switch want := hashLengths[h.Algorithm]; {
		case want == 0:
			n.say(wrongHash, c, "%.40q is no algorithm that is known", h.Algorithm)
		case len(h.Value) != want || !isHex(h.Value):
			n.say(wrongHash, c, "a value of %s has %d hexadecimal digits, and this one is %.140q", h.Algorithm, want, h.Value)
		}
	}
}

func (n *inspection) licenses(c *sbom.Component) {
	resolved, asserted := false, false
	for _, l := range c.Licenses {
		switch said(l.Expression) {
		case Declared:
			asserted = true
		case Present:
			resolved = true
			n.judgeLicense(c, l)
		}
	}
	switch {
	case resolved:
	case !asserted:
		n.say(missingLicense, c, "no licence")
	default:
		rule := n.policy.rule(noassertionLicense)
		age, known := n.age(c)
		switch {
		case rule.MaxAge == 0:
			n.say(unresolvedLicense, c, "no licence is asserted")
		case !known:
			n.say(unresolvedLicense, c, "no licence is asserted, and since when is not known: the document has no date")
		case age > rule.MaxAge:
			n.say(unresolvedLicense, c, "no licence is asserted since %d days; %d are allowed", days(age), days(rule.MaxAge))
		}
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

func (n *inspection) judgeLicense(c *sbom.Component, l sbom.License) {
	found := n.license(l.Expression)
	switch {
	case l.Name && found.fault == "":
		n.say(invalidLicense, c, "%.120q is written as a name, and is an SPDX expression", l.Expression)
	case l.Name:
		n.say(invalidLicense, c, "%.120q is a name, and no SPDX expression", l.Expression)
	case found.fault != "":
		n.say(invalidLicense, c, "%.120q: %s", l.Expression, found.fault)
	}
	for _, id := range found.deprecated {
		n.say(deprecatedLicense, c, "%s in %.120q is deprecated", id, l.Expression)
	}
}

func (n *inspection) identifiers(c *sbom.Component) {
	d := c.Details
	if d == nil {
		d = &noDetails
	}
	if c.PURL == "" && len(c.CPEs)+len(d.SWIDs)+len(d.Identifiers) == 0 {
		n.say(missingIdentifier, c, "no package URL, CPE or SWID tag")
	}
	if len(d.PURLs) > 0 {
		n.say(severalPURLs, c, "%s and %s", clip(c.PURL), clip(d.PURLs[0]))
	}
	if c.PURL == "" {
		return
	}
	p, err := vuln.ParsePURL(c.PURL)
	if err != nil {
		n.say(invalidPURL, c, "%v", err)
		return
	}
	if message := contradiction(p, c); message != "" {
		n.say(contradictingPURL, c, "%s", message)
	}
	if len(c.Hashes) == 0 || n.off[conflictingHashes] {
		return
	}
	other := n.seen[c.PURL]
	if other == nil {
		n.seen[c.PURL] = c
		return
	}
	for _, h := range c.Hashes {
		for _, o := range other.Hashes {
			if h.Algorithm == o.Algorithm && h.Value != o.Value {
				n.say(conflictingHashes, c, "%s has another %s at %s", clip(c.PURL), h.Algorithm, other.Pointer)
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
