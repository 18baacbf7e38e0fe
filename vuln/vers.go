package vuln

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// maxConstraints bounds a range that a person types or a document carries.
const maxConstraints = 1000

// VersionRange is a VERS range (https://www.packageurl.org/docs/vers): version
// constraints in one versioning scheme.
type VersionRange struct {
	Scheme      string // "npm", "pypi", …: a purl type
	all         bool   // "*"
	constraints []versionConstraint
	order       *order // nil where the scheme has none that is known
}

// versionConstraint is a comparator and a version.
type versionConstraint struct {
	op      string // "=", "!=", "<", "<=", ">", ">="
	text    string
	version version
}

// ParseVers reads "vers:SCHEME/CONSTRAINT|CONSTRAINT…" as the VERS
// specification's section "Parsing and validating version range specifiers"
// says: no spaces, no empty constraint, percent-encoded versions. Constraints
// may stand in any order and repeat each other, as ranges in the field do.
func ParseVers(s string) (*VersionRange, error) {
	bad := func(reason string) (*VersionRange, error) {
		return nil, ident.Errorf(ident.KindInvalid, "%q is not a VERS range: %s", clip(s), reason)
	}
	if len(s) > MaxPURLBytes {
		return bad("longer than 16 KiB")
	}
	rest, ok := strings.CutPrefix(s, "vers:")
	if !ok {
		return bad(`it does not start with "vers:"`)
	}
	scheme, list, ok := strings.Cut(rest, "/")
	if !ok || !validType(scheme) || scheme != strings.ToLower(scheme) {
		return bad("it names no versioning scheme in lower case")
	}
	if strings.ContainsAny(list, " \t\r\n") {
		return bad("it contains spaces")
	}
	parts := strings.Split(list, "|")
	for i, p := range parts {
		op, v := splitComparator(p)
		dec, ok := unescape(v)
		if !ok {
			return bad("a version is not percent-encoded UTF-8")
		}
		parts[i] = op + dec
	}
	r, err := newVersionRange(scheme, parts)
	if err != nil {
		return bad(err.Error())
	}
	return r, nil
}

// splitComparator cuts the comparator off; "" stands for "=".
func splitComparator(s string) (op, version string) {
	for _, op := range []string{">=", "<=", "!=", "==", "<", ">", "="} {
		if v, ok := strings.CutPrefix(s, op); ok {
			return op, v
		}
	}
	return "", s
}

func newVersionRange(scheme string, parts []string) (*VersionRange, error) {
	r := &VersionRange{Scheme: scheme, order: orderOfType(scheme)}
	if len(parts) == 0 || len(parts) > maxConstraints {
		return nil, ident.Errorf(ident.KindInvalid, "it has %d constraints, and may have 1 to %d", len(parts), maxConstraints)
	}
	if len(parts) == 1 && parts[0] == "*" {
		r.all = true
		return r, nil
	}
	for _, p := range parts {
		op, text := splitComparator(p)
		if op == "" || op == "==" {
			op = "="
		}
		if text == "" || text == "*" || strings.ContainsAny(text, "<>|!=") {
			return nil, ident.Errorf(ident.KindInvalid, "%q is no constraint", clip(p))
		}
		c := versionConstraint{op: op, text: text}
		if r.order != nil {
			v, err := r.order.parse(goExact(r.order, text))
			if err != nil {
				return nil, err
			}
			c.version = v
		}
		r.constraints = append(r.constraints, c)
	}
	r.sort()
	return r, nil
}

// sort puts the constraints in version order.
func (r *VersionRange) sort() {
	if r.order != nil {
		slices.SortStableFunc(r.constraints, func(a, b versionConstraint) int { return r.order.compare(a.version, b.version) })
	}
}

// Contains reports whether a version is in the range. The error says why that
// cannot be told.
func (r *VersionRange) Contains(version string) (bool, error) { return r.contains(r.order, version) }

// contains judges a version in the order o of the component that has it; a
// range without a scheme (a bare name's) takes that order for itself.
func (r *VersionRange) contains(o *order, version string) (bool, error) {
	if r.all {
		return true, nil
	}
	if r.order == nil && o != nil && r.Scheme == "" {
		own := &VersionRange{order: o}
		for _, c := range r.constraints {
			v, err := o.parse(goExact(o, c.text))
			if err != nil {
				return false, err
			}
			own.constraints = append(own.constraints, versionConstraint{c.op, c.text, v})
		}
		own.sort()
		return own.contains(o, version)
	}
	if r.order == nil {
		return r.containsText(version)
	}
	v, err := r.order.parse(goExact(r.order, version))
	if err != nil {
		return false, err
	}
	return r.holds(v), nil
}

// containsText judges without an order: equality is all that can be told.
func (r *VersionRange) containsText(version string) (bool, error) {
	for _, c := range r.constraints {
		if c.text == version {
			switch c.op {
			case "=", "<=", ">=":
				return true, nil
			case "!=":
				return false, nil
			}
		}
	}
	for _, c := range r.constraints {
		if c.op != "=" && c.op != "!=" {
			return false, ident.Errorf(ident.KindUnsupported, "versions of scheme %q have no known order", clip(r.Scheme))
		}
	}
	return !slices.ContainsFunc(r.constraints, func(c versionConstraint) bool { return c.op == "=" }), nil
}

// holds is the specification's "Checking if a version is contained within a
// range", over constraints in ascending order.
func (r *VersionRange) holds(v version) bool {
	var bounds []versionConstraint
	onlyExclusions := true
	for _, c := range r.constraints {
		equal := r.order.against(v, c.version) == 0
		switch {
		case equal && c.op == "!=":
			return false
		case equal && (c.op == "=" || c.op == "<=" || c.op == ">="):
			return true
		}
		if c.op != "!=" {
			onlyExclusions = false
		}
		if c.op == "=" || c.op == "!=" {
			continue
		}
		// Of bounds that follow each other in one direction the widest counts.
		if n := len(bounds); n > 0 && bounds[n-1].op[0] == c.op[0] {
			if c.op[0] == '<' {
				bounds[n-1] = c
			}
			continue
		}
		bounds = append(bounds, c)
	}
	if len(bounds) == 0 {
		return onlyExclusions
	}
	above := func(c versionConstraint) bool { return r.order.against(v, c.version) > 0 }
	below := func(c versionConstraint) bool { return r.order.against(v, c.version) < 0 }
	for i, c := range bounds {
		lower := c.op[0] == '>'
		switch {
		case i == 0 && !lower && below(c):
			return true
		case i == len(bounds)-1 && lower && above(c):
			return true
		case i+1 < len(bounds) && lower && bounds[i+1].op[0] == '<' && above(c) && below(bounds[i+1]):
			return true
		}
	}
	return false
}
