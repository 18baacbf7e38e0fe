package synth

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// VulnerableConfig says how many components and ranges of advisories to make.
type VulnerableConfig struct {
	Components int // distinct
	Ranges     int // of all advisories together
	Seed       uint64
	// Known are real advisories. They count as ranges, and some of the components are of
	// the packages that they name, in the versions that their ranges name.
	Known []*vuln.Advisory
}

// Vulnerable are components of every ecosystem that has an order of versions, and
// advisories about the packages that they are of. Popular packages have more of both.
type Vulnerable struct {
	Components []sbom.Component
	OS         []sbom.Distro // of the document of each
	Advisories []*vuln.Advisory
	Ranges     int
}

// flavour is a kind of packages with its way of writing versions. Versions of a package
// are numbered in their order.
type flavour struct {
	typ, ecosystem string // of package URLs, and of OSV
	namespace      string // of package URLs; a verb takes the number of the package
	distro         sbom.Distro
	share          int // of a hundred of what is made
	version        func(pkg, n int) string
}

func dotted(n int) string { return fmt.Sprintf("%d.%d.%d", n/60, n/6%10, n%6) }

var flavours = [...]flavour{
	{typ: "npm", ecosystem: "npm", share: 22, version: func(pkg, n int) string {
		if (pkg+n)%9 == 0 {
			return dotted(n) + "-rc.1"
		}
		return dotted(n)
	}},
	{typ: "golang", ecosystem: "Go", namespace: "github.com/owner%d", share: 10, version: func(pkg, n int) string {
		if pkg%5 == 0 {
			return fmt.Sprintf("v0.0.0-%d-%012x", 20150101000000+n*1_000_000, mix(uint64(n)<<20|uint64(pkg))>>16) //nolint:gosec // small numbers
		}
		return "v" + dotted(n)
	}},
	{typ: "maven", ecosystem: "Maven", namespace: "org.group%d", share: 10, version: func(pkg, n int) string {
		return dotted(n) + [...]string{"", ".RELEASE", "-jre", ".Final"}[pkg%4]
	}},
	{typ: "pypi", ecosystem: "PyPI", share: 10, version: func(pkg, n int) string {
		return dotted(n) + [...]string{"", "", "rc1", ".post1"}[(pkg+n)%4]
	}},
	{typ: "gem", ecosystem: "RubyGems", share: 3, version: func(_, n int) string { return dotted(n) }},
	{typ: "nuget", ecosystem: "NuGet", share: 4, version: func(pkg, n int) string { return dotted(n) + [...]string{"", ".0"}[pkg%2] }},
	{typ: "cargo", ecosystem: "crates.io", share: 3, version: func(_, n int) string { return dotted(n) }},
	{typ: "composer", ecosystem: "Packagist", namespace: "vendor%d", share: 3, version: func(pkg, n int) string { return [...]string{"", "v"}[pkg%2] + dotted(n) }},
	{typ: "pub", ecosystem: "Pub", share: 1, version: func(_, n int) string { return dotted(n) }},
	{typ: "hex", ecosystem: "Hex", share: 1, version: func(_, n int) string { return dotted(n) }},
	{typ: "cran", ecosystem: "CRAN", share: 1, version: func(_, n int) string { return fmt.Sprintf("%d.%d-%d", n/60, n/6%10, n%6) }},
	{typ: "deb", ecosystem: "Debian:12", namespace: "debian", distro: sbom.Distro{ID: "debian", VersionID: "12"}, share: 8, version: debVersion("deb12u")},
	{typ: "deb", ecosystem: "Debian:13", namespace: "debian", distro: sbom.Distro{ID: "debian", VersionID: "13"}, share: 4, version: debVersion("deb13u")},
	{typ: "deb", ecosystem: "Ubuntu:22.04:LTS", namespace: "ubuntu", distro: sbom.Distro{ID: "ubuntu", VersionID: "22.04"}, share: 6, version: func(pkg, n int) string {
		return fmt.Sprintf("%d.%d-0ubuntu0.22.04.%d", 1+pkg%7, n/20, 1+n%20)
	}},
	{typ: "apk", ecosystem: "Alpine:v3.20", namespace: "alpine", distro: sbom.Distro{ID: "alpine", VersionID: "3.20.1"}, share: 4, version: apkVersion},
	{typ: "apk", ecosystem: "Wolfi", namespace: "wolfi", distro: sbom.Distro{ID: "wolfi", VersionID: "20230201"}, share: 3, version: apkVersion},
	{typ: "rpm", ecosystem: "Red Hat:enterprise_linux:9::baseos", namespace: "redhat", distro: sbom.Distro{ID: "rhel", VersionID: "9.4"}, share: 4, version: rpmVersion(".el9_4")},
	{typ: "rpm", ecosystem: "SUSE:Linux Enterprise Server 15 SP5", namespace: "suse", distro: sbom.Distro{ID: "sles", VersionID: "15.5"}, share: 3, version: rpmVersion(".150500")},
}

func debVersion(suite string) func(pkg, n int) string {
	return func(pkg, n int) string {
		epoch := [...]string{"", "", "1:", "2:"}[pkg%4]
		return fmt.Sprintf("%s%d.%d.%d-%d+%s%d", epoch, 1+pkg%7, n/40, n/8%5, 1+pkg%3, suite, 1+n%8)
	}
}

func apkVersion(pkg, n int) string {
	return fmt.Sprintf("%d.%d.%d%s-r%d", 1+pkg%5, n/40, n/8%5, [...]string{"", "", "_p1"}[pkg%3], n%8)
}

func rpmVersion(dist string) func(pkg, n int) string {
	return func(pkg, n int) string {
		return fmt.Sprintf("%s%d.%d-%d%s", [...]string{"", "", "1:"}[pkg%3], 1+pkg%7, n/20, 1+n%20, dist)
	}
}

// mostVersions is how many versions there are of a package.
const mostVersions = 240

// inUse draws a version that is in use: of a popular package there are many, and few
// are old.
func inUse(pkg int, d *dice) int {
	used := 3 + 60/(1+pkg/50)
	return mostVersions - 1 - (pkg*7)%30 - 3*d.below(used)
}

func (f *flavour) purl(pkg int, version string) vuln.PURL {
	p := vuln.PURL{Type: f.typ, Namespace: f.namespace, Name: fmt.Sprintf("%s%d", syllables[pkg%len(syllables)], pkg), Version: version}
	if strings.Contains(p.Namespace, "%") {
		p.Namespace = fmt.Sprintf(p.Namespace, pkg%900)
	}
	if f.distro.ID != "" {
		p.Qualifiers = []vuln.Qualifier{{Key: "distro", Value: f.distro.ID + "-" + f.distro.VersionID}}
	}
	return p
}

// MakeVulnerable makes them.
func MakeVulnerable(c VulnerableConfig) (*Vulnerable, error) {
	if c.Components < 100 || c.Components > 5_000_000 || c.Ranges < 0 || c.Ranges > 2_000_000 {
		return nil, ident.Errorf(ident.KindUsage, "%d components and %d ranges cannot be made: 100 to 5,000,000, and up to 2,000,000", c.Components, c.Ranges)
	}
	v := &Vulnerable{Advisories: slices.Clone(c.Known)}
	d := dice{mix(c.Seed + 77)}
	v.known(c, &d)
	var weighted []int
	for i := range flavours {
		for range flavours[i].share {
			weighted = append(weighted, i)
		}
	}
	packages := max(10, c.Components/4) // of each ecosystem; few are drawn of most
	for v.Ranges < c.Ranges {
		v.advise(weighted[d.below(len(weighted))], d.zipf(packages), &d)
	}
	type drawn struct{ flavour, pkg, n int }
	seen := make(map[drawn]bool, c.Components)
	for len(v.Components) < c.Components {
		one := drawn{flavour: weighted[d.below(len(weighted))], pkg: d.zipf(packages)}
		one.n = inUse(one.pkg, &d)
		if seen[one] {
			continue
		}
		seen[one] = true
		f := &flavours[one.flavour]
		p := f.purl(one.pkg, f.version(one.pkg, one.n))
		k := sbom.Component{Type: "library", Name: p.FullName(), Version: p.Version, PURL: p.String()}
		if f.distro.ID != "" && one.pkg%4 != 0 {
			k.Source = sbom.SourcePackage{Name: f.purl(one.pkg/4*4, "").Name, Version: p.Version} // four binary packages of one source
		}
		v.Components, v.OS = append(v.Components, k), append(v.OS, f.distro)
	}
	return v, nil
}

// advise makes an advisory about a package: of every second CVE of a distribution's
// package several releases are affected.
func (v *Vulnerable) advise(flavour, pkg int, d *dice) {
	f := &flavours[flavour]
	n := len(v.Advisories)
	id := fmt.Sprintf("CVE-%d-%d", 2015+n%11, 10_000+n)
	a := &vuln.Advisory{ID: fmt.Sprintf("SYNTH-%d", n), Aliases: []string{id}, Modified: time.Date(2026, 1, 1, 0, n%1440, 0, 0, time.UTC), Summary: "A made vulnerability",
		Severity: []vuln.Score{{Type: "CVSS_V3", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Base: 9.8}}}
	from, to := 0, 1+d.below(mostVersions+20)
	e := vuln.Event{Introduced: "0"}
	if d.below(3) == 0 {
		from = d.below(to)
		e.Introduced = f.version(pkg, from)
	}
	if from == to {
		to++
	}
	end := vuln.Event{Fixed: f.version(pkg, to)}
	if d.below(12) == 0 {
		end = vuln.Event{LastAffected: f.version(pkg, to)}
	}
	kind := vuln.RangeEcosystem
	if f.typ == "npm" || f.typ == "golang" || f.typ == "cargo" {
		kind = vuln.RangeSemver
	}
	p := f.purl(pkg/4*4, "") // what is published of a source package
	if f.distro.ID == "" {
		p = f.purl(pkg, "")
	}
	name := p.FullName()
	switch {
	case f.typ == "maven":
		name = p.Namespace + ":" + p.Name
	case f.distro.ID != "":
		name = p.Name
	}
	a.Affected = []vuln.Affected{{Ecosystem: f.ecosystem, Name: name, Ranges: []vuln.Range{{Type: kind, Events: []vuln.Event{e, end}}}}}
	v.Ranges++
	v.Advisories = append(v.Advisories, a)
}

// known counts the ranges of known advisories, and adds components of the packages that
// they name.
func (v *Vulnerable) known(c VulnerableConfig, d *dice) {
	types := map[string]string{}
	for i := range flavours {
		if flavours[i].distro.ID == "" {
			types[flavours[i].ecosystem] = flavours[i].typ
		}
	}
	seen := map[string]bool{}
	for _, a := range c.Known {
		for i := range a.Affected {
			f := &a.Affected[i]
			for _, r := range f.Ranges {
				if r.Type != vuln.RangeGit {
					v.Ranges++
				}
				for _, e := range r.Events {
					version := e.Introduced + e.Fixed + e.LastAffected
					typ := types[f.Ecosystem]
					if r.Type == vuln.RangeGit || version == "0" || version == "" || typ == "" || d.below(2) == 0 || len(v.Components) >= c.Components/4 {
						continue
					}
					name := vuln.PURL{Type: typ, Name: f.Name, Version: version}
					if i := strings.LastIndexAny(f.Name, "/:"); i > 0 {
						name.Namespace, name.Name = f.Name[:i], f.Name[i+1:]
					}
					k := sbom.Component{Type: "library", Name: f.Name, Version: version, PURL: name.String()}
					if !seen[k.PURL] {
						seen[k.PURL] = true
						v.Components, v.OS = append(v.Components, k), append(v.OS, sbom.Distro{})
					}
				}
			}
		}
	}
}

// Batch is one document of all components, as an index takes it.
func (v *Vulnerable) Batch() index.Batch {
	keys := make([]string, len(v.Components))
	for i := range v.Components {
		keys[i] = index.KeyOf(&v.Components[i], v.OS[i])
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	ids := make([]uint32, len(keys))
	for i := range ids {
		ids[i] = uint32(i) //nolint:gosec // of a bounded number
	}
	return index.Batch{Seq: 1, Keys: keys, Documents: []index.Document{{Components: ids}}}
}
