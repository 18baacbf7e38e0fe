package osv

import (
	"github.com/cofferdam-io/cofferdam/vuln"
)

// affectedPackages reads the affected array. An entry that breaks the schema is
// kept and marked unparsable: the package that it names must not pass for safe.
func (p *parser) affectedPackages() {
	if !p.r.Array() {
		return
	}
	for p.r.NextItem() {
		at := p.r.Pointer()
		p.affected++
		p.broken = ""
		a := p.affectedPackage(at)
		if p.r.Err() != nil {
			return
		}
		a.Unparsable = p.broken
		p.a.Affected = append(p.a.Affected, a)
	}
	p.affected = 0
}

func (p *parser) affectedPackage(at string) vuln.Affected {
	var a vuln.Affected
	if !p.r.Object() {
		return a
	}
	packaged := false
	word := ""
	for {
		key, ok := p.r.NextKey()
		if !ok {
			break
		}
		switch string(key) {
		case "package":
			packaged = true
			p.packageName(&a)
		case "ranges":
			p.ranges(&a)
		case "versions":
			a.Versions = p.strings()
		case "severity":
			a.Severity = p.severity()
		case "database_specific", "ecosystem_specific":
			if w := p.databaseWord(); w != "" && word == "" {
				word = w
			}
		default:
			p.r.Skip()
		}
	}
	if packaged && (a.Ecosystem == "" || a.Name == "") {
		p.wrong(at+"/package", "the package lacks its ecosystem or name, so nothing can be matched with it")
	}
	if !packaged && hasVersionRange(a) {
		p.wrong(at, "versions are given without a package")
	}
	if word != "" && len(a.Severity) == 0 && len(p.a.Severity) == 0 {
		a.Severity = append(a.Severity, vuln.NewScore("database_specific", word))
	}
	return a
}

func hasVersionRange(a vuln.Affected) bool {
	for _, r := range a.Ranges {
		if r.Type != vuln.RangeGit {
			return true
		}
	}
	return len(a.Versions) > 0
}

func (p *parser) packageName(a *vuln.Affected) {
	for p.r.Object(); ; {
		key, ok := p.r.NextKey()
		if !ok {
			return
		}
		switch string(key) {
		case "ecosystem":
			a.Ecosystem = p.r.String()
		case "name":
			a.Name = p.r.String()
		case "purl":
			a.PURL = p.r.String()
		default:
			p.r.Skip()
		}
	}
}

func (p *parser) ranges(a *vuln.Affected) {
	if !p.r.Array() {
		return
	}
	for p.r.NextItem() {
		at := p.r.Pointer()
		var r vuln.Range
		if !p.r.Object() {
			continue
		}
		for {
			key, ok := p.r.NextKey()
			if !ok {
				break
			}
			switch string(key) {
			case "type":
				r.Type = vuln.RangeType(p.r.String())
			case "events":
				p.events(&r)
			default:
				p.r.Skip()
			}
		}
		switch r.Type {
		case vuln.RangeGit:
		case vuln.RangeSemver, vuln.RangeEcosystem:
			if len(r.Events) == 0 {
				p.wrong(at, "the range has no events")
			}
		default:
			p.wrong(at, "the range has no type that the schema knows")
		}
		a.Ranges = append(a.Ranges, r)
	}
}

// events reads the events of a range: objects with exactly one member each (OSV
// schema, affected[].ranges[].events).
func (p *parser) events(r *vuln.Range) {
	if !p.r.Array() {
		return
	}
	for p.r.NextItem() {
		at := p.r.Pointer()
		var e vuln.Event
		set := 0
		if !p.r.Object() {
			continue
		}
		for {
			key, ok := p.r.NextKey()
			if !ok {
				break
			}
			var into *string
			switch string(key) {
			case "introduced":
				into = &e.Introduced
			case "fixed":
				into = &e.Fixed
			case "last_affected":
				into = &e.LastAffected
			case "limit":
				into = &e.Limit
			default:
				p.r.Skip()
				continue
			}
			*into = p.r.String()
			set++
		}
		if set != 1 && r.Type != vuln.RangeGit && p.r.Err() == nil {
			p.wrong(at, "an event has exactly one of introduced, fixed, last_affected and limit")
		}
		r.Events = append(r.Events, e)
	}
}
