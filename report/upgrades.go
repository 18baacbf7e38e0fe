package report

import (
	"fmt"
	"slices"

	"github.com/cofferdam-io/cofferdam/vuln"
)

// origins say how many findings each base image brought.
func (p *printer) origins(os []vuln.OriginCount) {
	for _, o := range os {
		line := fmt.Sprintf("of the base %s: %s; of the application: %d", clean(o.Base), plural(o.FromBase, "finding"), o.Application)
		if o.Both > 0 {
			line += fmt.Sprintf("; of both: %d", o.Both)
		}
		if o.Unknown > 0 {
			line += "; " + p.yellow(fmt.Sprintf("not known: %d", o.Unknown))
		}
		p.linef("%s", line)
		for _, f := range o.NotBuiltOn {
			p.linef("%s", p.yellow("not known: "+clean(f)+" does not look as if its image were built on it: no layer, or less than half of the base's packages, is in it"))
		}
	}
}

// upgrades are the one change that clears most, and where that is a newer base image the
// one of what was built on it as well.
func upgrades(us []vuln.Upgrade) []string {
	var out []string
	base := slices.IndexFunc(us, func(u vuln.Upgrade) bool { return u.Kind == vuln.UpgradeBase })
	if base >= 0 {
		u := us[base]
		out = append(out, "a newer base image may clear most of its own: "+clean(u.Component)+" with the fixes clears "+cleared(u))
	}
	for _, u := range us {
		if u.Kind == vuln.UpgradeBase || base >= 0 && u.Origin == vuln.OriginBase {
			continue
		}
		line := "one upgrade clears most: "
		if base >= 0 {
			line = "one upgrade of the application's own clears most: "
		}
		return append(out, line+clean(u.Component)+" from "+clean(u.From)+" to "+clean(u.To)+", "+cleared(u))
	}
	return out
}

// cleared is what an upgrade ends.
func cleared(u vuln.Upgrade) string {
	s := plural(u.Clears, "finding") + " in " + plural(u.Documents, "document")
	if u.KEV > 0 {
		s += fmt.Sprintf(", %d known to be exploited", u.KEV)
	}
	return s
}
