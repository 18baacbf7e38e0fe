package witness

import (
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
)

// gemfileLock reads Gemfile.lock (bundler.io): the gems below "specs:" of each source.
func gemfileLock(raw []byte) (*List, error) {
	l := &List{Kind: "Gemfile.lock", Type: "gem"}
	source, specs, known, n := "", false, false, 0
	for line := range strings.Lines(string(raw)) {
		n++
		line = strings.TrimRight(line, "\r\n\t ")
		switch {
		case line == "":
		case line[0] != ' ':
			if strings.Trim(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ") != "" {
				return nil, ident.Errorf(ident.KindInvalid, "is no Gemfile.lock: line %d is no section", n)
			}
			source, specs = line, false
			known = known || source == "GEM" || source == "GIT" || source == "PATH" || source == "DEPENDENCIES" || source == "PLATFORMS"
		case line == "  specs:":
			specs = true
		case specs && strings.HasPrefix(line, "    ") && line[4] != ' ':
			name, version, ok := strings.Cut(line[4:], " (")
			version, ok2 := strings.CutSuffix(version, ")")
			if !ok || !ok2 || name == "" {
				return nil, ident.Errorf(ident.KindInvalid, "is no Gemfile.lock: line %d is no gem and its version", n)
			}
			version, _, _ = strings.Cut(version, "-") // the platform: a gem's version has no hyphen there
			switch {
			case source == "PATH": // the project itself, and its parts
			case source != "GEM":
				l.Unknown = append(l.Unknown, name+" comes from "+source+", and not from a registry")
			case !digit(version):
				l.Unknown = append(l.Unknown, name+" has no version")
			default:
				l.Packages = append(l.Packages, Package{Name: name, Version: version, Line: n, Perhaps: "perhaps of a group or a platform that is not installed"})
			}
		}
	}
	if !known {
		return nil, ident.Errorf(ident.KindInvalid, "is no Gemfile.lock: it has none of its sections")
	}
	return l, nil
}

// gradleLock reads gradle.lockfile (docs.gradle.org, dependency locking): a module of Maven's
// and the configurations that resolve it, on each line.
func gradleLock(raw []byte) (*List, error) {
	l := &List{Kind: "gradle.lockfile", Type: "maven"}
	n := 0
	for line := range strings.Lines(string(raw)) {
		n++
		line = strings.TrimSpace(line)
		module, of, ok := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#', module == "empty" && ok:
			continue
		case !ok:
			return nil, ident.Errorf(ident.KindInvalid, "is no gradle.lockfile: line %d is no module and its configurations", n)
		}
		parts := strings.Split(module, ":")
		if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" || strings.ContainsAny(module, "/ ") {
			return nil, ident.Errorf(ident.KindInvalid, "is no gradle.lockfile: line %d is no group, artifact and version", n)
		}
		p := Package{Name: parts[0] + "/" + parts[1], Version: parts[2], Line: n, Perhaps: "of no configuration that is run"}
		for configuration := range strings.SplitSeq(of, ",") {
			// runtimeClasspath of the main source set, releaseRuntimeClasspath of Android's
			if strings.HasSuffix(strings.ToLower(configuration), "runtimeclasspath") && !strings.Contains(strings.ToLower(configuration), "test") {
				p.Perhaps = ""
			}
		}
		l.Packages = append(l.Packages, p)
	}
	if n == 0 {
		return nil, ident.Errorf(ident.KindInvalid, "is no gradle.lockfile: it is empty")
	}
	return l, nil
}

// noObject is the fault of a file in JSON that is no object; null is none, without an error.
func noObject(kind string, err error) error {
	if err == nil {
		return ident.Errorf(ident.KindInvalid, "is no %s: it is null", kind)
	}
	return ident.Errorf(ident.KindInvalid, "is no %s: %w", kind, err)
}

// members reads a lock file that is one object in JSON: each is asked about every member of
// it, and says whether it is what the format is known by, which is called needs.
func (l *List) members(raw []byte, needs string, each func(r *jsonscan.Reader, key string) bool) error {
	r := jsonscan.New(raw, jsonscan.Options{MaxDepth: maxDepth})
	if !r.RequireObject() {
		return noObject(l.Kind, r.Err())
	}
	found := false
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		found = each(r, string(key)) || found
	}
	if err := r.End(); err != nil {
		return ident.Errorf(ident.KindInvalid, "is no %s: %w", l.Kind, err)
	}
	if !found {
		return ident.Errorf(ident.KindInvalid, "is no %s: it has no %s", l.Kind, needs)
	}
	return nil
}

// composerLock reads composer.lock (getcomposer.org): "packages", and "packages-dev".
func composerLock(raw []byte) (*List, error) {
	l := &List{Kind: "composer.lock", Type: "composer", Whole: true}
	return l, l.members(raw, "packages", func(r *jsonscan.Reader, key string) bool {
		perhaps := ""
		switch key {
		case "packages-dev":
			perhaps = "dev"
		case "packages":
		default:
			return false
		}
		r.Items(func() {
			p := Package{Pointer: r.Pointer(), Perhaps: perhaps}
			r.Members(func(key string) {
				switch key {
				case "name":
					p.Name, _ = r.TryString()
				case "version":
					p.Version, _ = r.TryString()
				}
			})
			switch {
			case p.Name == "":
				l.Unknown = append(l.Unknown, p.Pointer+" has no name")
			case !digit(strings.TrimPrefix(p.Version, "v")), strings.HasSuffix(p.Version, "-dev"): // dev-main, 3.x-dev: branches
				l.Unknown = append(l.Unknown, p.Name+" is at "+clipped(p.Version)+", which is no release")
			default:
				l.Packages = append(l.Packages, p)
			}
		})
		return true
	})
}

// pipfileLock reads Pipfile.lock (pipenv.pypa.io): a category of packages in each member,
// of which "default" is what is installed and "develop" what is beside it for development.
func pipfileLock(raw []byte) (*List, error) {
	l := &List{Kind: "Pipfile.lock", Type: "pypi", Whole: true}
	return l, l.members(raw, "_meta", func(r *jsonscan.Reader, category string) bool {
		perhaps := ""
		switch category {
		case "_meta":
			return true
		case "default":
		case "develop":
			perhaps = "dev"
		default:
			perhaps = "of the category " + clipped(category)
		}
		r.Members(func(name string) {
			p := Package{Name: name, Pointer: r.Pointer(), Perhaps: perhaps}
			r.Members(func(key string) {
				switch key {
				case "version":
					p.Version, _ = r.TryString()
				case "markers":
					if p.Perhaps == "" {
						p.Perhaps = "where its markers hold"
					}
				}
			})
			version, exact := strings.CutPrefix(p.Version, "==")
			if p.Version = version; !exact || version == "" || name == "" {
				l.Unknown = append(l.Unknown, clipped(name)+" has no version of the registry's")
				return
			}
			l.Packages = append(l.Packages, p)
		})
		return false
	})
}
