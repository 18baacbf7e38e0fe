package vuln

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Upgrade is one change of a version, and what it clears.
type Upgrade struct {
	Component string         `json:"component"`
	From      string         `json:"from"`
	To        string         `json:"to"`
	Clears    int            `json:"clears"` // findings, in all documents
	KEV       int            `json:"kev"`    // of them, those known to be exploited
	Worst     ident.Severity `json:"worst"`
	Documents int            `json:"documents"`
}

// Upgrades lists the upgrades that findings ask for, the one that clears most first:
// what is known to be exploited counts before anything else. An upgrade is to the
// highest version that a finding of the component needs; a finding counts where that
// version is the one that mends it, or none of its fixed versions is higher. Findings
// that statements clear, or that nothing mends, ask for none.
func Upgrades(fs []Finding) []Upgrade {
	type component struct{ typ, name, version string }
	var order []component
	groups := map[component][]*Finding{}
	for i := range fs {
		f := &fs[i]
		p, err := ParsePURL(f.PURL)
		if f.Fix == "" || f.Status.Clears() || err != nil {
			continue
		}
		k := component{p.Type, f.Component.Name, f.Component.Version}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], f)
	}
	out := make([]Upgrade, 0, len(order))
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
		u := Upgrade{Component: k.name, From: k.version, To: to}
		documents := map[ident.Digest]bool{}
		for _, f := range groups[k] {
			if v := f.target(); v != to && slices.ContainsFunc(f.Fixed, func(x string) bool { return higher(o, x, to) }) {
				continue
			}
			u.Clears++
			if f.KEV {
				u.KEV++
			}
			u.Worst = max(u.Worst, f.Severity)
			documents[f.Document] = true
		}
		u.Documents = len(documents)
		out = append(out, u)
	}
	slices.SortStableFunc(out, func(a, b Upgrade) int {
		return cmp.Or(cmp.Compare(b.KEV, a.KEV), cmp.Compare(b.Clears, a.Clears), cmp.Compare(b.Worst, a.Worst), strings.Compare(a.Component, b.Component), strings.Compare(a.From, b.From))
	})
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
