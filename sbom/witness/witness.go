package witness

import (
	"path"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Limits of one witness: many times the largest lock file and database of an image seen.
const (
	MaxBytes    = 128 << 20
	MaxPackages = 500_000
)

// List is what one witness says.
type List struct {
	Source   string // the file, as the caller named it
	Kind     string // "go.mod", "dpkg", …
	Type     string // of package URLs: "golang", "npm", "deb", …
	Packages []Package
	// Whole is false where the witness lists more than what is shipped, by its nature: what
	// the document lacks of it is then perhaps an omission. Silent is true where it
	// cannot tell an omission at all, as go.sum cannot.
	Whole, Silent bool
	Unknown       []string // what it says and was not understood, or leaves open
}

// Package is one entry.
type Package struct {
	Name    string // as package URLs spell it, namespace included
	Version string
	Line    int    // in the file, 0 where it is JSON
	Pointer string // into the file, where it is JSON
	// Perhaps says why it may be rightly missing from what is shipped: "dev", "optional"; "".
	Perhaps string
}

// kinds are the names of files that are read.
var kinds = map[string]func(raw []byte) (*List, error){
	"go.mod": goMod, "go.sum": goSum, "package-lock.json": packageLock, "npm-shrinkwrap.json": packageLock,
	"poetry.lock": poetryLock, "uv.lock": uvLock, "Cargo.lock": cargoLock,
	"yarn.lock": yarnLock, "pnpm-lock.yaml": pnpmLock, "Gemfile.lock": gemfileLock, "gems.locked": gemfileLock,
	"composer.lock": composerLock, "Pipfile.lock": pipfileLock, "gradle.lockfile": gradleLock,
}

// Files lists the names of lock files that Read knows.
func Files() []string {
	return []string{"go.mod", "go.sum", "package-lock.json", "npm-shrinkwrap.json", "poetry.lock", "uv.lock", "Cargo.lock",
		"yarn.lock", "pnpm-lock.yaml", "Gemfile.lock", "gems.locked", "composer.lock", "Pipfile.lock", "gradle.lockfile"}
}

// Read reads a lock file by its name. Errors are of kind unsupported for a name that is
// not known, invalid for a file that cannot be understood, limit beyond a limit.
func Read(name string, raw []byte) (*List, error) {
	read := kinds[path.Base(strings.ReplaceAll(name, `\`, "/"))]
	if read == nil {
		return nil, ident.Errorf(ident.KindUnsupported, "%s is no lock file that is read", path.Base(name)).WithHint("one of: %s", strings.Join(Files(), ", "))
	}
	return named(name, raw, read)
}

// Dpkg reads var/lib/dpkg/status, or a file of status.d, of an image.
func Dpkg(name string, raw []byte) (*List, error) { return named(name, raw, dpkg) }

// Apk reads lib/apk/db/installed of an image.
func Apk(name string, raw []byte) (*List, error) { return named(name, raw, apk) }

func named(name string, raw []byte, read func([]byte) (*List, error)) (*List, error) {
	if len(raw) > MaxBytes {
		return nil, ident.Errorf(ident.KindLimit, "has %d bytes, more than %d", len(raw), MaxBytes).At(name)
	}
	l, err := read(raw)
	if err != nil {
		return nil, err
	}
	if len(l.Packages) > MaxPackages {
		return nil, ident.Errorf(ident.KindLimit, "lists more than %d packages", MaxPackages).At(name)
	}
	l.Source = name
	return l, nil
}

// spelled is the name of a package as its ecosystem compares it.
func spelled(kind, name string) string {
	if p, err := vuln.ParsePURL(packageURL(kind, name, "")); err == nil {
		return p.FullName()
	}
	return name
}

// packageURL writes one; the namespace is what stands before the last slash of the name.
func packageURL(kind, name, version string) string {
	p := vuln.PURL{Type: kind, Name: name, Version: version}
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		p.Namespace, p.Name = name[:i], name[i+1:]
	}
	return p.String()
}
