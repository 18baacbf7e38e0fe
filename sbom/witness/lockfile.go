package witness

import (
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// goMod reads the modules that a main module requires (go.dev/ref/mod, "go.mod files"):
// since Go 1.17 all that its packages and tests need.
func goMod(raw []byte) (*List, error) {
	f, err := modfile.Parse("go.mod", raw, nil)
	if err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "is no go.mod: %w", err)
	}
	l := &List{Kind: "go.mod", Type: "golang"}
	replaced := map[string]*modfile.Replace{}
	for _, r := range f.Replace {
		replaced[r.Old.Path+"@"+r.Old.Version] = r
	}
	for _, r := range f.Require {
		p := Package{Name: r.Mod.Path, Version: r.Mod.Version, Perhaps: "needed by packages or tests"}
		if r.Syntax != nil {
			p.Line = r.Syntax.Start.Line
		}
		by := replaced[p.Name+"@"+p.Version]
		if by == nil {
			by = replaced[p.Name+"@"]
		}
		if by != nil {
			if by.New.Version == "" {
				l.Unknown = append(l.Unknown, p.Name+" is replaced by a folder, whose version go.mod does not tell")
				continue
			}
			p.Name, p.Version = by.New.Path, by.New.Version
		}
		l.Packages = append(l.Packages, p)
	}
	return l, nil
}

// goSum reads the hashes of modules (go.dev/ref/mod, "go.sum files"). It lists what was
// ever looked at: what is not in it cannot have been built, what is in it need not be.
func goSum(raw []byte) (*List, error) {
	l := &List{Kind: "go.sum", Type: "golang", Silent: true}
	n := 0
	for line := range strings.Lines(string(raw)) {
		n++
		f := strings.Fields(line)
		switch {
		case len(f) == 0, len(f) == 3 && strings.HasSuffix(f[1], "/go.mod"):
			continue
		case len(f) != 3 || !strings.HasPrefix(f[1], "v"):
			return nil, ident.Errorf(ident.KindInvalid, "is no go.sum: line %d is not a module, a version and a hash", n)
		}
		l.Packages = append(l.Packages, Package{Name: f[0], Version: f[1], Line: n})
	}
	return l, nil
}

// npmEntry is an entry of package-lock.json.
type npmEntry struct {
	name, version          string
	dev, optional, skipped bool
}

// packageLock reads npm's lock file (docs.npmjs.com, "package-lock.json"): "packages" of
// lockfileVersion 2 and 3, "dependencies" of version 1.
func packageLock(raw []byte) (*List, error) {
	l := &List{Kind: "package-lock.json", Type: "npm", Whole: true}
	r := jsonscan.New(raw, jsonscan.Options{MaxDepth: maxDepth})
	packages := false
	old := &List{}
	if !r.RequireObject() {
		return nil, noObject(l.Kind, r.Err())
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "packages":
			packages = true
			npmPackages(r, l)
		case "dependencies":
			npmDependencies(r, old)
		}
	}
	if err := r.End(); err != nil {
		return nil, ident.Errorf(ident.KindInvalid, "is no package-lock.json: %w", err)
	}
	if !packages {
		l.Packages, l.Unknown = old.Packages, old.Unknown
	}
	return l, nil
}

// maxDepth bounds nesting: version 1 nests as deep as node_modules does.
const maxDepth = 512

func npmPackages(r *jsonscan.Reader, l *List) {
	if !r.Object() {
		return
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		path, at := string(key), r.Pointer()
		e := readNPM(r, nil)
		i := strings.LastIndex(path, "node_modules/")
		if i < 0 || e.skipped {
			continue // the project itself, its workspaces, and links to them
		}
		if e.name == "" {
			e.name = path[i+len("node_modules/"):]
		}
		l.npm(e, at)
	}
}

func npmDependencies(r *jsonscan.Reader, l *List) {
	if !r.Object() {
		return
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		name, at := string(key), r.Pointer()
		e := readNPM(r, l)
		e.name = name
		if rest, ok := strings.CutPrefix(e.version, "npm:"); ok { // an alias: npm:name@version
			if i := strings.LastIndexByte(rest, '@'); i > 0 {
				e.name, e.version = rest[:i], rest[i+1:]
			}
		}
		l.npm(e, at)
	}
}

func readNPM(r *jsonscan.Reader, nested *List) (e npmEntry) {
	if !r.Object() {
		e.skipped = true
		return e
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "name":
			e.name, _ = r.TryString()
		case "version":
			e.version, _ = r.TryString()
		case "link":
			e.skipped = string(r.Raw()) == "true"
		case "dev", "devOptional":
			e.dev = string(r.Raw()) == "true" || e.dev
		case "optional", "peer":
			e.optional = string(r.Raw()) == "true" || e.optional
		case "dependencies":
			if nested != nil {
				npmDependencies(r, nested)
			}
		}
	}
	return e
}

func (l *List) npm(e npmEntry, pointer string) {
	if e.name == "" {
		l.Unknown = append(l.Unknown, pointer+" has no name")
		return
	}
	if e.version == "" || strings.ContainsAny(e.version, ":/") {
		l.Unknown = append(l.Unknown, e.name+" has no version of the registry's")
		return
	}
	p := Package{Name: e.name, Version: e.version, Pointer: pointer}
	switch {
	case e.dev:
		p.Perhaps = "dev"
	case e.optional:
		p.Perhaps = "optional"
	}
	l.Packages = append(l.Packages, p)
}

func poetryLock(raw []byte) (*List, error) {
	return tomlPackages(raw, List{Kind: "poetry.lock", Type: "pypi"}, "perhaps of a group that is not installed")
}

func uvLock(raw []byte) (*List, error) {
	return tomlPackages(raw, List{Kind: "uv.lock", Type: "pypi"}, "perhaps of a group or a platform that is not installed")
}

func cargoLock(raw []byte) (*List, error) {
	return tomlPackages(raw, List{Kind: "Cargo.lock", Type: "cargo"}, "perhaps of another platform, a build or a test")
}

// tomlPackages reads the [[package]] tables of a lock file that a program wrote: one
// key on a line, basic strings. What else TOML knows does not occur there; a name
// or a version written otherwise is an error, never passed over.
func tomlPackages(raw []byte, l List, perhaps string) (*List, error) {
	var p Package
	in, local, tables, n := false, false, 0, 0
	flush := func() error {
		if !in {
			return nil
		}
		if p.Name == "" {
			return ident.Errorf(ident.KindInvalid, "is no %s: the package at line %d has no name", l.Kind, p.Line)
		}
		switch {
		case local: // the project itself, or a part of it
		case p.Version == "":
			l.Unknown = append(l.Unknown, p.Name+" has no version")
		default:
			p.Perhaps = perhaps
			l.Packages = append(l.Packages, p)
		}
		return nil
	}
	multi := "" // the quotes that end a text of several lines
	for line := range strings.Lines(string(raw)) {
		n++
		line = strings.TrimSpace(line)
		if multi != "" {
			if strings.Contains(line, multi) {
				multi = ""
			}
			continue
		}
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") && !strings.Contains(line, "=") && !strings.Contains(line, `"`) {
			table := strings.TrimSpace(strings.Trim(line, "[]"))
			if strings.HasPrefix(line, "[[") && table == "package" {
				if err := flush(); err != nil {
					return nil, err
				}
				// Cargo writes where a crate is from, except of the workspace's own.
				p, in, local = Package{Line: n}, true, l.Kind == "Cargo.lock"
				tables++
			} else { // also a table below a package: its keys are not the package's
				if err := flush(); err != nil {
					return nil, err
				}
				in = false
			}
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		for _, quotes := range []string{`"""`, `'''`} {
			if strings.HasPrefix(value, quotes) && strings.Count(value, quotes) == 1 {
				multi = quotes
			}
		}
		if !in {
			continue
		}
		switch key {
		case "name", "version":
			text, ok := basic(value)
			if !ok {
				return nil, ident.Errorf(ident.KindInvalid, "is no %s: the %s at line %d is no string on one line", l.Kind, key, n)
			}
			if key == "name" {
				p.Name = text
			} else {
				p.Version = text
			}
		case "source":
			local = strings.HasPrefix(value, "{") && (strings.Contains(value, "virtual") || strings.Contains(value, "editable") || strings.Contains(value, "directory"))
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	if tables == 0 && strings.TrimSpace(string(raw)) != "" && !strings.Contains(string(raw), "version") {
		return nil, ident.Errorf(ident.KindInvalid, "is no %s: it has neither a version nor packages", l.Kind)
	}
	return &l, nil
}

// basic reads a TOML string on one line without escapes, which names and versions have
// none of.
func basic(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' && s[0] != '\'' {
		return "", false
	}
	end := strings.IndexByte(s[1:], s[0])
	if end < 0 || strings.ContainsAny(s[1:1+end], "\\") {
		return "", false
	}
	rest := strings.TrimSpace(s[end+2:])
	return s[1 : 1+end], rest == "" || rest[0] == '#'
}
