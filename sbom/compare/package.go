package compare

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Package is one package at one version, as a document lists it.
type Package struct {
	Name       string      `json:"name"` // group and name, as written
	Version    string      `json:"version,omitempty"`
	Type       string      `json:"type,omitempty"`
	PURL       string      `json:"purl,omitempty"`
	Licenses   []string    `json:"licenses"` // declared, or of no kind; sorted, each once
	Concluded  []string    `json:"concluded,omitempty"`
	Supplier   string      `json:"supplier,omitempty"`
	Hashes     []sbom.Hash `json:"-"`
	Components []int32     `json:"-"` // the components that say so
}

// identity is what pairs packages of two documents: the same package at any
// version.
type identity struct{ kind, name string }

// variant tells packages of one identity and version apart: an architecture, a
// classifier.
type entry struct {
	Package
	id        identity
	variant   string
	ecosystem string // for the order of versions; "" where it is not known
}

// notKnown are words for nothing: an absent statement and one that asserts nothing
// are the same answer.
func notKnown(s string) bool { return s == "" || s == "NOASSERTION" }

// packages gathers the components of a document by identity, variant and version.
// Files without a package URL are no packages.
func packages(ctx context.Context, d *sbom.Document) ([]*entry, []int32, error) {
	type key struct {
		id               identity
		variant, version string
	}
	at := map[key]int32{}
	of := make([]int32, len(d.Components)) // entry by component, or -1
	var out []*entry
	for i := range d.Components {
		if i%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
		}
		c := &d.Components[i]
		of[i] = -1
		if c.Type == "file" && c.PURL == "" {
			continue
		}
		e := identify(c, d.Subject.OS)
		k := key{e.id, e.variant, e.Version}
		j, ok := at[k]
		if !ok {
			j = int32(len(out)) //nolint:gosec // decoders bound components far below
			at[k] = j
			out = append(out, e)
		}
		of[i] = j
		out[j].add(c, int32(i)) //nolint:gosec // as above
	}
	for _, e := range out {
		slices.Sort(e.Licenses)
		slices.Sort(e.Concluded)
		e.Licenses, e.Concluded = slices.Compact(e.Licenses), slices.Compact(e.Concluded)
		slices.SortFunc(e.Hashes, func(a, b sbom.Hash) int {
			return cmp.Or(cmp.Compare(a.Algorithm, b.Algorithm), cmp.Compare(a.Value, b.Value))
		})
		e.Hashes = slices.Compact(e.Hashes)
	}
	return out, of, nil
}

func (e *entry) add(c *sbom.Component, i int32) {
	e.Components = append(e.Components, i)
	for _, l := range c.Licenses {
		switch {
		case notKnown(l.Expression):
		case l.Kind == sbom.LicenseConcluded:
			e.Concluded = append(e.Concluded, l.Expression)
		default:
			e.Licenses = append(e.Licenses, l.Expression)
		}
	}
	if notKnown(e.Supplier) && !notKnown(c.Supplier) {
		e.Supplier = c.Supplier
	}
	e.Hashes = append(e.Hashes, c.Hashes...)
}

// identify names a component without its version.
func identify(c *sbom.Component, os sbom.Distro) *entry {
	e := &entry{Package: Package{Name: c.Name, Version: c.Version, Type: c.Type, PURL: c.PURL, Licenses: []string{}}}
	if c.Group != "" {
		e.Name = c.Group + "/" + c.Name
	}
	p, err := vuln.ParsePURL(c.PURL)
	if c.PURL == "" || err != nil {
		e.id = identity{"", strings.ToLower(e.Name)}
		return e
	}
	// A document that names no group may say it in the package URL.
	if full := p.FullName(); c.Group == "" && p.Namespace != "" && strings.HasSuffix(full, "/"+c.Name) && !distributed(p.Type) {
		e.Name = full
	}
	if e.Version == "" {
		e.Version = p.Version
	}
	name := p.FullName()
	if p.Subpath != "" {
		name += "#" + p.Subpath
	}
	e.id = identity{p.Type, name}
	if ids, err := vuln.IdentityOf(c, os); err == nil && len(ids) > 0 {
		e.ecosystem = ids[0].Ecosystem
		if !distributed(p.Type) && p.Subpath == "" {
			e.id.name = ids[0].Name // as the ecosystem compares names
		}
	}
	var parts []string
	for _, q := range p.Qualifiers {
		switch q.Key {
		case "arch", "classifier", "type", "platform", "os":
			parts = append(parts, q.Key+"="+q.Value)
		}
	}
	e.variant = strings.Join(parts, "&")
	return e
}

// distributed are the types whose namespace is a distribution and whose
// advisories go by source package.
func distributed(typ string) bool { return typ == "deb" || typ == "rpm" || typ == "apk" }
