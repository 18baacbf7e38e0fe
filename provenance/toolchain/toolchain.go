package toolchain

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/provenance/predicate"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Tool is a compiler, a runtime or another program that a build says it used.
type Tool struct {
	Name    string // "go", "node"; as the builder calls it where it is not known
	Version string // a whole one; "" where only a moving name is told, such as the tag "1.22" or "latest"
	Pointer string // the member that tells it, below the predicate
	Said    string // what stands there
}

// known are the programs that images, package URLs and builders name, under each of their
// names.
var known = map[string]string{
	"go": "go", "golang": "go", "goversion": "go", "go-version": "go", "golang-version": "go",
	"node": "node", "nodejs": "node", "node-version": "node", "python": "python", "cpython": "python", "python-version": "python",
	"rust": "rust", "rustc": "rust", "ruby": "ruby", "php": "php", "openjdk": "java", "java": "java", "temurin": "java", "eclipse-temurin": "java", "jdk": "java",
	"maven": "maven", "gradle": "gradle", "gcc": "gcc", "clang": "clang", "dotnet": "dotnet", "buildkit": "buildkit",
}

var (
	// reWhole is a version that names one release, with what images add to it.
	reWhole = regexp.MustCompile(`^(?:go|v)?([0-9]+\.[0-9]+\.[0-9]+(?:[._-]?(?:rc|beta|alpha)\.?[0-9]+)?)(?:[-_+ ].*)?$`)
	// reGoFirst is a Go release without a patch number, which until Go 1.21 was the first of
	// its line where a toolchain says it, and is the newest of it where a tag does.
	reGoFirst = regexp.MustCompile(`^go1\.(?:[0-9]|1[0-9]|20)$`)
)

// Of lists the tools that provenance names: in builder.version, and among
// resolvedDependencies (materials of v0.2) and builderDependencies as package URLs of
// toolchains and as images of languages. In that order, each once.
func Of(p *predicate.Provenance) []Tool {
	var out []Tool
	add := func(name, version, pointer, said string) {
		name = strings.ToLower(name)
		t := Tool{Name: name, Pointer: pointer, Said: said}
		if k, ok := known[name]; ok {
			t.Name = k
		}
		if m := reWhole.FindStringSubmatch(version); m != nil {
			t.Version = m[1]
		} else if reGoFirst.MatchString(version) {
			t.Version = strings.TrimPrefix(version, "go")
		}
		if !slices.ContainsFunc(out, func(o Tool) bool { return o.Name == t.Name && o.Version == t.Version }) {
			out = append(out, t)
		}
	}
	builder, inputs := "/builder/", "/materials/"
	if p.Version == "v1" {
		builder, inputs = "/runDetails/builder/", "/buildDefinition/resolvedDependencies/"
	}
	for _, name := range slices.Sorted(maps.Keys(p.Builder.Version)) {
		version := p.Builder.Version[name]
		add(name, version, builder+"version/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), version)
	}
	each := func(list []predicate.Resource, at string) {
		for i := range list {
			if name, version, is := named(list[i].URI); is {
				add(name, version, at+strconv.Itoa(i), list[i].URI)
			}
		}
	}
	each(p.Dependencies, inputs)
	each(p.Builder.Dependencies, builder+"builderDependencies/")
	return out
}

// named reads which program a URI names; is is false where it is none.
func named(uri string) (name, version string, is bool) {
	if p, err := vuln.ParsePURL(uri); err == nil {
		switch p.Type {
		case "golang":
			switch p.FullName() {
			case "stdlib", "std", "toolchain", "go":
				return "go", p.Version, true
			case "golang.org/toolchain": // v0.0.1-go1.22.1.linux-amd64
				_, release, _ := strings.Cut(p.Version, "-")
				release, _, _ = strings.Cut(release, "-")
				if i := strings.LastIndexByte(release, '.'); i > 0 {
					release = release[:i]
				}
				return "go", release, true
			}
			return "", "", false
		case "docker", "oci":
			version = p.Version
			if strings.HasPrefix(version, "sha256:") || version == "" {
				version = p.Qualifier("tag")
			}
			_, ok := known[p.Name]
			return p.Name, version, ok
		case "generic", "github":
			_, ok := known[p.Name]
			return p.Name, p.Version, ok
		}
		return "", "", false
	}
	for _, prefix := range []string{"docker-image://", "oci://", "docker://"} {
		if rest, ok := strings.CutPrefix(uri, prefix); ok {
			r, err := ident.ParseImageRef(rest)
			if err != nil {
				return "", "", false
			}
			name = r.Repository[strings.LastIndexByte(r.Repository, '/')+1:]
			_, ok := known[name]
			return name, r.Tag, ok
		}
	}
	return "", "", false
}

// purls are the package URLs under which advisories speak of a tool. Of a Go release these are
// the standard library, which is in every program, and the commands.
func (t *Tool) purls() []string {
	write := func(kind, name string) string { return vuln.PURL{Type: kind, Name: name, Version: t.Version}.String() }
	if t.Name == "go" {
		return []string{write("golang", "stdlib"), write("golang", "toolchain")}
	}
	return []string{write("generic", t.Name)}
}

// Document is the tools of a build as a document, to be compared with advisories, and what of them
// is left open. raw are the bytes that hold the provenance, and name where they were read.
func Document(name string, raw []byte, p *predicate.Provenance) (d *sbom.Document, open []string) {
	d = &sbom.Document{Format: sbom.Provenance, Encoding: sbom.JSON, Digest: ident.SHA256(raw), Size: int64(len(raw)), File: name, Name: "what built it, by " + name,
		Created: p.Invocation.Finished, Subject: sbom.Subject{Kind: "application", Name: "toolchain"}}
	for _, t := range Of(p) {
		if t.Version == "" {
			open = append(open, t.Name+" is named as "+strconv.Quote(t.Said)+", which is no one release ("+t.Pointer+")")
			continue
		}
		for _, purl := range t.purls() {
			c := sbom.Component{Type: "application", Name: t.Name, Version: t.Version, PURL: purl, Pointer: t.Pointer}
			if strings.HasPrefix(purl, "pkg:golang/stdlib@") {
				c.Name = "stdlib"
			}
			d.Components = append(d.Components, c)
		}
	}
	if len(d.Components)+len(open) == 0 {
		open = append(open, "the provenance names no compiler or runtime")
	}
	d.Incomplete = len(open) > 0
	return d, open
}
