package vuln

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// ComponentQuery selects components: a package URL without version, with one,
// or with a constraint on it, or a bare component name. The zero value selects nothing.
type ComponentQuery struct {
	text  string
	purl  PURL   // type and name; Type is "" for a bare name
	bare  string // lower case
	exact string // the version asked for; "" if any or a constraint
	vers  *VersionRange
}

// ParseComponentQuery reads
//
//	pkg:npm/lodash                  any version
//	pkg:npm/lodash@4.17.20          this version
//	pkg:npm/lodash@<4.17.21         a comparison; several are joined by "," or "|" and read as VERS does
//	pkg:npm/lodash@vers:npm/>=1|<2  a VERS range
//	lodash, lodash@<4.17.21         a bare name, in every ecosystem
//
// Qualifiers restrict the match to components that carry them with the same
// value. Errors are of KindUsage.
func ParseComponentQuery(s string) (ComponentQuery, error) {
	text := strings.TrimSpace(s)
	q := ComponentQuery{text: text}
	usage := func(format string, args ...any) (ComponentQuery, error) {
		return ComponentQuery{}, ident.Errorf(ident.KindUsage, format, args...).
			WithHint(`write pkg:TYPE/NAME, pkg:TYPE/NAME@VERSION, "pkg:TYPE/NAME@<VERSION", or a bare component name`)
	}
	if text == "" {
		return usage("the query is empty")
	}
	if len(text) > MaxPURLBytes {
		return usage("the query is longer than 16 KiB")
	}
	name, constraint := splitConstraint(text)
	if len(text) >= 4 && strings.EqualFold(text[:4], "pkg:") {
		p, err := ParsePURL(name)
		if err != nil {
			return usage("%w", err)
		}
		if constraint == "" {
			q.exact, p.Version = p.Version, ""
		}
		q.purl = p
	} else {
		q.bare = strings.ToLower(name)
		if strings.ContainsAny(name, " \t<>=|") || name == "" {
			return usage("%q is neither a package URL nor a component name", clip(text))
		}
	}
	if constraint == "" {
		return q, nil
	}
	if plain := strings.TrimSpace(constraint); !strings.ContainsAny(plain[:1], "<>=!*v") || plain[0] == 'v' && !strings.HasPrefix(plain, "vers:") {
		if strings.ContainsAny(plain, "<>|,") {
			return usage("%q is no version constraint", clip(constraint))
		}
		q.exact = plain
		return q, nil
	}
	r, err := parseConstraint(constraint, q.purl.Type)
	if err != nil {
		return usage("%w", err)
	}
	q.vers = r
	return q, nil
}

// splitConstraint cuts the constraint off that package URLs do not allow, and
// the version off a bare name ("@scope/name" keeps its first "@"). Plain
// versions of package URLs stay for ParsePURL.
func splitConstraint(s string) (name, constraint string) {
	if i := strings.Index(s, "@vers:"); i > 0 {
		return s[:i], s[i+1:]
	}
	if i := strings.IndexAny(s, "<>=!*|"); i > 0 {
		if j := strings.LastIndexByte(s[:i], '@'); j > 0 && !strings.Contains(s[j:i], "?") && strings.TrimSpace(s[j+1:]) != "" {
			return s[:j], s[j+1:]
		}
	}
	if strings.HasPrefix(strings.ToLower(s), "pkg:") {
		return s, ""
	}
	if i := strings.LastIndexByte(s, '@'); i > 0 && i+1 < len(s) && !strings.Contains(s[i:], "/") {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// parseConstraint reads "vers:…", or comparisons joined by "," or "|" that are
// read in the order of the query's purl type.
func parseConstraint(s, typ string) (*VersionRange, error) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "vers:") {
		return ParseVers(s)
	}
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '|' })
	for i := range parts {
		parts[i] = strings.ReplaceAll(strings.TrimSpace(parts[i]), " ", "")
	}
	return newVersionRange(typ, parts)
}

// String returns the query as it was written.
func (q ComponentQuery) String() string { return q.text }

// Match reports whether a component is one that the query selects. known is
// false where the component has the name but its version cannot be compared
// with the constraint: it may be one. subjectOS is the distribution that the
// component's document is about.
func (q ComponentQuery) Match(c *sbom.Component, subjectOS sbom.Distro) (match, known bool) {
	if q.purl.Type == "" && q.bare == "" {
		return false, true
	}
	k := newCandidate(c)
	if !q.means(&k) {
		return false, true
	}
	return q.version(k.versioned())
}

// named reports whether a bare name is the component's: its name as written,
// or the name or full name of its package URL.
func (q ComponentQuery) named(p PURL, c *sbom.Component) bool {
	for _, n := range []string{displayName(p), p.FullName(), c.Name} {
		if strings.ToLower(n) == q.bare {
			return true
		}
	}
	// The last element of a Go module path is no name: "go" is not github.com/json-iterator/go.
	return p.Type != "golang" && strings.ToLower(p.Name) == q.bare
}

// selects compares type, name and the qualifiers that the query gives.
func (q ComponentQuery) selects(p PURL) bool {
	if p.Type != q.purl.Type || comparableName(p) != comparableName(q.purl) {
		return false
	}
	for _, want := range q.purl.Qualifiers {
		if p.Qualifier(want.Key) != want.Value {
			return false
		}
	}
	return true
}

// comparableName folds a package URL's name as its ecosystem does.
func comparableName(p PURL) string {
	if p.Type == "golang" {
		return goIdentity(p).Name
	}
	if eco, ok := registries[p.Type]; ok {
		return canonicalName(strings.ToLower(eco), p.FullName())
	}
	return p.FullName()
}

// version applies the version part of the query.
func (q ComponentQuery) version(o *order, version string) (match, known bool) {
	switch {
	case q.exact == "" && q.vers == nil:
		return true, true
	case version == "":
		return false, false
	case q.vers != nil:
		in, err := q.vers.contains(o, version)
		return in, err == nil
	case q.exact == version:
		return true, true
	case o == nil:
		return false, true
	}
	a, errA := o.parse(goExact(o, version))
	b, errB := o.parse(goExact(o, q.exact))
	if errA != nil || errB != nil {
		return strings.EqualFold(version, q.exact), true // two texts that no order knows
	}
	return o.against(a, b) == 0, true
}

// goExact lets "go1.20.3" be asked for of the standard library.
func goExact(o *order, v string) string {
	if o == goOrder && strings.HasPrefix(v, "go") {
		return goRelease(v)
	}
	return v
}

// orderOfType returns the order of a purl type, or nil.
func orderOfType(typ string) *order {
	switch typ {
	case "deb":
		return debianOrder
	case "apk":
		return alpineOrder
	case "rpm":
		return rpmOrder
	case "alpine":
		return alpineOrder
	case "vscode-extension", "semver":
		return semverOrder
	case "pypi":
		return pypiOrder
	}
	if eco, ok := registries[typ]; ok {
		return orderOf(eco)
	}
	return nil
}
