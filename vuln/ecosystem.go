package vuln

import (
	"regexp"
	"strings"
)

// scope is an OSV ecosystem string taken apart for comparison: "Debian:12" is
// base "debian", release "12"; "Ubuntu:Pro:18.04:LTS" is base "ubuntu",
// release "18.04", variant "pro". A release that the schema leaves out stands
// for every release.
type scope struct{ base, release, variant string }

// released are the ecosystems whose suffix is an operating system release.
// In the others a suffix (the repository of a Maven artifact) does not change
// what the name means.
var released = map[string]bool{
	"almalinux": true, "alpaquita": true, "alpine": true, "azure linux": true, "bellsoft hardened containers": true,
	"debian": true, "mageia": true, "openeuler": true, "opensuse": true, "photon os": true, "red hat": true,
	"rocky linux": true, "suse": true, "ubuntu": true,
}

// reSUSERelease finds "15 SP4" at the end of a SUSE product's name; long-term
// service variants of a release share its package versions.
var reSUSERelease = regexp.MustCompile(`([0-9]+)(?:[ .]SP([0-9]+))?(?:[ -](?:LTSS|ESPOS|BCL|TERADATA|LTSS Extended Security))?$`)

// baseOf returns an ecosystem without its release, in lower case.
func baseOf(ecosystem string) string {
	base, _, _ := strings.Cut(ecosystem, ":")
	return strings.ToLower(base)
}

// scopeOf takes an ecosystem string apart.
func scopeOf(ecosystem string) scope {
	_, rest, _ := strings.Cut(ecosystem, ":")
	s := scope{base: baseOf(ecosystem)}
	if !released[s.base] || rest == "" {
		return s
	}
	s.release = rest
	switch s.base {
	case "alpine":
		s.release = strings.TrimPrefix(rest, "v")
	case "ubuntu":
		parts := strings.Split(rest, ":")
		if n := len(parts) - 1; n > 0 && parts[n] == "LTS" {
			parts = parts[:n]
		}
		s.release = parts[len(parts)-1]
		s.variant = strings.ToLower(strings.Join(parts[:len(parts)-1], ":"))
	case "red hat":
		s.release, s.variant = redHatRelease(rest)
	case "suse":
		if m := reSUSERelease.FindStringSubmatch(rest); m != nil {
			s.release = m[1]
			if m[2] != "" {
				s.release += "." + m[2]
			}
		}
	case "openeuler":
		s.release = strings.Replace(rest, "-LTS", "", 1)
	case "opensuse":
		s.release = strings.ToLower(strings.TrimPrefix(rest, "Leap "))
	}
	return s
}

// redHatRelease reads the CPE remainder that scopes a Red Hat record:
// "enterprise_linux:8::baseos" is release "8"; "rhel_eus:8.4::appstream" is
// release "8.4"; other products (OpenShift, middleware) become a variant, since
// a package does not show which of them it was installed from.
func redHatRelease(cpe string) (release, variant string) {
	if isDigit(cpe[0]) {
		return cpe, "" // of a component
	}
	product, rest, _ := strings.Cut(cpe, ":")
	version, _, _ := strings.Cut(rest, ":")
	switch product {
	case "enterprise_linux":
		major, _, _ := strings.Cut(version, ".")
		return major, ""
	case "rhel_eus", "rhel_aus", "rhel_e4s", "rhel_tus", "rhel_els":
		return version, ""
	}
	return "", product
}

// coverage of one scope by another.
type covering uint8

const (
	coversNot      covering = iota
	coversPlainly           // the entry is about this release
	coversVariant           // about this release with a subscription (Ubuntu Pro)
	coversDoubtful          // about a product stream that a package does not show
)

// covers says whether an advisory's scope is about a component of scope c.
func (s scope) covers(c scope) covering {
	if s.base != c.base {
		return coversNot
	}
	switch {
	case s.base == "red hat" && s.variant != "":
		return coversDoubtful
	case s.base == "red hat" && s.release != "" && s.release != c.release:
		major, _, _ := strings.Cut(c.release, ".")
		if s.release != major {
			return coversNot
		}
	case s.release != "" && s.release != c.release:
		return coversNot
	}
	switch s.variant {
	case "":
		return coversPlainly
	case "pro":
		return coversVariant
	}
	return coversNot // FIPS and real-time kernels are packages of their own
}

// canonicalName folds a package name to the form under which advisories and
// components are compared in an ecosystem.
func canonicalName(base, name string) string {
	switch base {
	case "go":
		// The PURL type was case-insensitive for years, so tools fold module
		// paths or not; two modules that differ in case only are not published.
		return strings.ToLower(unescapeGoPath(name))
	case "pypi":
		return normalisePyPI(name)
	case "crates.io":
		// The registry refuses names that differ only in case or in "-" and "_".
		return strings.ReplaceAll(strings.ToLower(name), "_", "-")
	case "swifturl":
		name = strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(name), "https://"), "http://")
		return strings.TrimSuffix(strings.TrimSuffix(name, "/"), ".git")
	case "nuget", "packagist", "hex", "pub", "npm", "bitnami", "conancenter", "github actions", "vscode", "debian", "ubuntu":
		return strings.ToLower(name)
	}
	return name
}

// normalisePyPI folds a name as PEP 503 says: lower case, runs of "-", "_" and
// "." become one "-".
func normalisePyPI(name string) string {
	plain := true
	for i := 0; plain && i < len(name); i++ {
		c := name[i]
		plain = 'a' <= c && c <= 'z' || isDigit(c) || c == '-' && i+1 < len(name) && name[i+1] != '-' && name[i+1] != '_' && name[i+1] != '.'
	}
	if plain {
		return name // as nearly all are written
	}
	var b strings.Builder
	b.Grow(len(name))
	run := false
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '-' || c == '_' || c == '.':
			run = true
			continue
		default:
			if run {
				b.WriteByte('-')
				run = false
			}
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			b.WriteByte(c)
		}
	}
	if run {
		b.WriteByte('-')
	}
	return b.String()
}

// unescapeGoPath undoes the module cache's escape of capitals
// ("github.com/!burnt!sushi/toml"; golang.org/x/mod/module, "Escaped Paths").
func unescapeGoPath(path string) string {
	if strings.IndexByte(path, '!') < 0 {
		return path
	}
	var b strings.Builder
	b.Grow(len(path))
	for i := 0; i < len(path); i++ {
		if path[i] == '!' && i+1 < len(path) && 'a' <= path[i+1] && path[i+1] <= 'z' {
			i++
			b.WriteByte(path[i] - 'a' + 'A')
			continue
		}
		b.WriteByte(path[i])
	}
	return b.String()
}
