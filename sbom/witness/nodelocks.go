package witness

import (
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

const undivided = "perhaps of development, or of another platform" // a file that does not tell which

// yarnLock reads yarn.lock as Yarn 1 and as Yarn 2 and later write it (yarnpkg.com). Both
// write an entry's patterns at the margin and its members two blanks in; neither says what
// is of development.
func yarnLock(raw []byte) (*List, error) {
	l := &List{Kind: "yarn.lock", Type: "npm"}
	text := string(raw)
	if !strings.Contains(text, "# yarn lockfile v1") && !strings.Contains(text, "__metadata:") {
		return nil, ident.Errorf(ident.KindInvalid, "is no yarn.lock: neither the words of Yarn 1 nor the metadata of later ones are in it")
	}
	var e yarnEntry
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n\t ")
		switch {
		case line == "", line[0] == '#', line == ":": // the colon of a key that YAML calls complex
		case line[0] != ' ':
			l.yarn(e)
			key, long := strings.CutPrefix(line, "? ")
			key, ends := strings.CutSuffix(key, ":")
			if !ends && !long {
				return nil, ident.Errorf(ident.KindInvalid, "is no yarn.lock: line %d is no entry", n)
			}
			first, _, _ := strings.Cut(strings.ReplaceAll(key, `"`, ""), ", ")
			e = yarnEntry{pattern: first, line: n}
		case strings.HasPrefix(line, "  ") && len(line) > 2 && line[2] != ' ':
			key, value, _ := strings.Cut(line[2:], " ")
			switch key = strings.Trim(strings.TrimSuffix(key, ":"), `"`); key {
			case "version":
				e.version = strings.Trim(value, `"`)
			case "resolution":
				e.resolution = strings.Trim(value, `"`)
			}
		}
	}
	l.yarn(e)
	return l, nil
}

type yarnEntry struct {
	pattern, version string
	resolution       string // of Yarn 2 and later
	line             int
}

// nameRange cuts "@scope/name@range"; the range is "" where there is none.
func nameRange(s string) (name, wanted string) {
	if s == "" {
		return "", ""
	}
	if i := strings.IndexByte(s[1:], '@'); i >= 0 {
		return s[:i+1], s[i+2:]
	}
	return s, ""
}

func (l *List) yarn(e yarnEntry) {
	if e.pattern == "" || e.pattern == "__metadata" {
		return
	}
	name, wanted := nameRange(e.pattern)
	if e.resolution != "" {
		name, wanted = nameRange(e.resolution)
		switch {
		case strings.HasPrefix(wanted, "workspace:"):
			return // the project's own
		case strings.HasPrefix(wanted, "npm:"), strings.HasPrefix(wanted, "patch:"): // a patch is of the version that it is written with
			wanted = ""
		}
	} else if alias, ok := strings.CutPrefix(wanted, "npm:"); ok {
		name, wanted = nameRange(alias)
	}
	switch {
	case strings.HasPrefix(wanted, "link:"), strings.HasPrefix(wanted, "portal:"): // a folder of the project's own
	case strings.ContainsAny(wanted, ":/"):
		l.Unknown = append(l.Unknown, name+" comes from "+clipped(wanted)+", and not from a registry")
	case name == "" || !digit(e.version):
		l.Unknown = append(l.Unknown, clipped(e.pattern)+" has no version")
	default:
		l.Packages = append(l.Packages, Package{Name: name, Version: e.version, Line: e.line, Perhaps: undivided})
	}
}

func digit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

// clipped is a text of the file in a message.
func clipped(s string) string { return s[:min(len(s), 120)] }

// pnpmLock reads pnpm-lock.yaml of the versions 5, 6 and 9 (github.com/pnpm/spec, lockfile):
// its packages, as pnpm writes them, a key two blanks in and members four. It is refused where
// it is written otherwise.
func pnpmLock(raw []byte) (*List, error) {
	l := &List{Kind: "pnpm-lock.yaml", Type: "npm"}
	invalid := func(format string, args ...any) error {
		return ident.Errorf(ident.KindInvalid, "is no pnpm-lock.yaml: "+format, args...)
	}
	major, inside, n := 0, false, 0
	var e pnpmEntry
	for line := range strings.Lines(string(raw)) {
		n++
		line = strings.TrimRight(line, "\r\n\t ")
		switch {
		case line == "", strings.HasPrefix(strings.TrimLeft(line, " "), "#"):
		case line[0] != ' ':
			l.pnpm(e, major)
			e = pnpmEntry{}
			key, value, ok := strings.Cut(line, ":")
			if !ok && line != "---" {
				return nil, invalid("line %d is no member", n)
			}
			inside = key == "packages"
			if inside && major == 0 {
				return nil, invalid("it has packages before its lockfileVersion")
			}
			if inside && strings.TrimSpace(value) != "" && strings.TrimSpace(value) != "{}" {
				return nil, invalid("the packages at line %d are not below each other", n)
			}
			if key == "lockfileVersion" {
				text, _, _ := strings.Cut(strings.Trim(strings.TrimSpace(value), `'"`), ".")
				version, err := strconv.Atoi(text)
				if err != nil || version < 5 || version > 9 {
					return nil, ident.Errorf(ident.KindUnsupported, "is of lockfileVersion %.20q, and 5 to 9 are read", strings.TrimSpace(value))
				}
				major = version
			}
		case !inside:
		case strings.HasPrefix(line, "    ") && len(line) > 4 && line[4] != ' ':
			key, value, _ := strings.Cut(line[4:], ":")
			switch value = strings.TrimSpace(value); key {
			case "dev":
				e.dev = value == "true"
			case "optional":
				e.optional = value == "true"
			case "name":
				e.name = strings.Trim(value, `'"`)
			}
		case strings.HasPrefix(line, "  ") && line[2] != ' ':
			l.pnpm(e, major)
			key := strings.TrimSuffix(line[2:], " {}")
			path, ok := strings.CutSuffix(key, ":")
			if !ok {
				return nil, invalid("line %d is no package", n)
			}
			e = pnpmEntry{path: strings.Trim(path, `'"`), line: n}
		case line[1] != ' ' || line[3] != ' ' && line[2] == ' ':
			return nil, invalid("line %d is indented by one or by three", n)
		}
	}
	l.pnpm(e, major)
	if major == 0 {
		return nil, invalid("it has no lockfileVersion")
	}
	l.Whole = major < 9
	return l, nil
}

type pnpmEntry struct {
	path, name    string // name: of what comes from no registry
	line          int
	dev, optional bool
}

// pnpm adds what a path names: /name/version_peers in version 5, /name@version(peers) in
// version 6, name@version after it. Others are of folders, repositories and addresses.
func (l *List) pnpm(e pnpmEntry, major int) {
	if e.path == "" {
		return
	}
	path, registry := e.path, true
	if major < 7 {
		path, registry = strings.CutPrefix(path, "/")
	}
	path, _, _ = strings.Cut(path, "(")
	name, version := nameRange(path)
	if major == 5 {
		i := strings.LastIndexByte(path, '/')
		name, version = path[:max(i, 0)], path[i+1:]
		version, _, _ = strings.Cut(version, "_")
	}
	if !registry || e.name != "" || name == "" || !digit(version) || strings.ContainsAny(version, ":/") {
		shown := e.path
		if e.name != "" {
			shown = e.name
		}
		l.Unknown = append(l.Unknown, clipped(shown)+" has no version of the registry's")
		return
	}
	p := Package{Name: name, Version: version, Line: e.line}
	switch {
	case major >= 7:
		p.Perhaps = undivided
	case e.dev:
		p.Perhaps = "dev"
	case e.optional:
		p.Perhaps = "optional"
	}
	l.Packages = append(l.Packages, p)
}
