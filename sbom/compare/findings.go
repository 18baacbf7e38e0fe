package compare

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/vuln"
)

// Findings are how the vulnerabilities of two documents differ.
type Findings struct {
	Appeared []vuln.Finding `json:"appeared"`
	Gone     []vuln.Finding `json:"gone"`
	// Unknown were found in the old document, and nothing can be said of their
	// package in the new one: it could not be compared with the advisories.
	Unknown   []vuln.Finding `json:"unknown"`
	Remaining int            `json:"remaining"` // packages with a vulnerability that they had
	// Uncompared says that nothing that the new document lists was compared with any
	// advisory: that nothing appeared means nothing.
	Uncompared bool `json:"uncompared,omitempty"`
}

// Vulnerabilities compares two reports by vulnerability and package, so that an
// upgrade that does not help is no news. Findings keep the order of their report.
func Vulnerabilities(before, after *vuln.Report) *Findings {
	type found struct{ id, name string }
	key := func(f *vuln.Finding) found {
		return found{f.ID, strings.ToLower(packageName(f.PURL, f.Component.Name))}
	}
	was, is := map[found]bool{}, map[found]bool{}
	for i := range before.Findings {
		was[key(&before.Findings[i])] = true
	}
	for i := range after.Findings {
		is[key(&after.Findings[i])] = true
	}
	doubt := map[string]map[string]bool{} // advisories in doubt by package; "" is all
	for _, u := range after.Unmatched {
		name := strings.ToLower(packageName(u.PURL, u.Name))
		if doubt[name] == nil {
			doubt[name] = map[string]bool{}
		}
		doubt[name][u.Advisory] = true
	}
	out := &Findings{Appeared: []vuln.Finding{}, Gone: []vuln.Finding{}, Unknown: []vuln.Finding{}, Uncompared: after.Uncompared > 0}
	for _, f := range after.Findings {
		if was[key(&f)] {
			out.Remaining++
		} else {
			out.Appeared = append(out.Appeared, f)
		}
	}
	told := map[found]bool{}
	for _, f := range before.Findings {
		k := key(&f)
		if is[k] || told[k] {
			continue
		}
		told[k] = true
		unsure := doubt[k.name][""]
		for _, id := range f.Advisories {
			unsure = unsure || doubt[k.name][id]
		}
		if unsure {
			out.Unknown = append(out.Unknown, f)
		} else {
			out.Gone = append(out.Gone, f)
		}
	}
	return out
}

func packageName(purl, name string) string {
	if p, err := vuln.ParsePURL(purl); err == nil {
		return p.Type + "/" + p.FullName()
	}
	return name
}
