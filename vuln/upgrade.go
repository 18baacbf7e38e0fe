package vuln

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// UpgradeKind tells what is changed.
type UpgradeKind string

// The kinds. UpgradeBase is to build on a newer base image: which of its versions has
// the fixes nobody here knows, so that it clears at most what is said.
const (
	UpgradePackage UpgradeKind = "package"
	UpgradeBase    UpgradeKind = "base-image"
)

// Upgrade is one change of a version, and what it clears.
type Upgrade struct {
	Kind      UpgradeKind    `json:"kind"`
	Component string         `json:"component"` // the base image's name where that is changed
	From      string         `json:"from"`
	To        string         `json:"to"`
	Origin    Origin         `json:"origin,omitempty"` // of a package's findings, where it is known
	Clears    int            `json:"clears"`           // findings, in all documents
	KEV       int            `json:"kev"`              // of them, those known to be exploited
	Worst     ident.Severity `json:"worst"`
	Documents int            `json:"documents"`
}

// Upgrades lists the upgrades that findings ask for, the one that clears most first:
// what is known to be exploited counts before anything else. An upgrade is to the
// highest version that a finding of the component needs; a finding counts where that
// version is the one that mends it, or none of its fixed versions is higher. Findings
// that statements clear, or that nothing mends, ask for none. What a base image brought
// is a package's upgrade there, and the base image's as well.
func Upgrades(fs []Finding) []Upgrade {
	type component struct {
		typ, name, version string
		origin             Origin
	}
	var order []component
	groups := map[component][]*Finding{}
	for i := range fs {
		f := &fs[i]
		p, err := ParsePURL(f.PURL)
		if f.Fix == "" || f.Status.Clears() || err != nil {
			continue
		}
		k := component{p.Type, f.Component.Name, f.Component.Version, f.Origin}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], f)
	}
	out := bases(fs)
	for _, k := range order {
		o := orderOfType(k.typ)
		if k.typ == "golang" {
			o = goOrder
		}
		to := ""
		for _, f := range groups[k] {
			if v := f.target(); to == "" || higher(o, v, to) {
				to = v
			}
		}
		u := Upgrade{Kind: UpgradePackage, Component: k.name, From: k.version, To: to, Origin: k.origin}
		var of []*Finding
		for _, f := range groups[k] {
			if v := f.target(); v != to && slices.ContainsFunc(f.Fixed, func(x string) bool { return higher(o, x, to) }) {
				continue
			}
			of = append(of, f)
		}
		u.clear(of)
		out = append(out, u)
	}
	slices.SortStableFunc(out, func(a, b Upgrade) int {
		return cmp.Or(cmp.Compare(b.KEV, a.KEV), cmp.Compare(b.Clears, a.Clears), cmp.Compare(b.Worst, a.Worst), strings.Compare(a.Component, b.Component), strings.Compare(a.From, b.From), strings.Compare(string(a.Origin), string(b.Origin)))
	})
	return out
}

// clear counts the findings that an upgrade ends.
func (u *Upgrade) clear(fs []*Finding) {
	documents := map[ident.Digest]bool{}
	for _, f := range fs {
		u.Clears++
		if f.KEV {
			u.KEV++
		}
		u.Worst = max(u.Worst, f.Severity)
		documents[f.Document] = true
	}
	u.Documents = len(documents)
}

// bases are the upgrades of base images. A component that the application has a second
// copy of is not cleared by one.
func bases(fs []Finding) []Upgrade {
	var order []string
	of := map[string][]*Finding{}
	for i := range fs {
		f := &fs[i]
		if f.Origin != OriginBase || f.Fix == "" || f.Status.Clears() {
			continue
		}
		if of[f.Base] == nil {
			order = append(order, f.Base)
		}
		of[f.Base] = append(of[f.Base], f)
	}
	out := make([]Upgrade, 0, len(order))
	for _, name := range order {
		u := Upgrade{Kind: UpgradeBase, Component: name}
		u.clear(of[name])
		out = append(out, u)
	}
	return out
}

// target is the version that Fix asks for.
func (f *Finding) target() string { return f.Fix[strings.LastIndexByte(f.Fix, ' ')+1:] }

// higher reports whether a is known to be after b.
func higher(o *order, a, b string) bool {
	if o == nil {
		return false
	}
	va, errA := o.parse(a)
	vb, errB := o.parse(b)
	return errA == nil && errB == nil && o.compare(va, vb) > 0
}
