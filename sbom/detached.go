package sbom

import (
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Detached returns a copy that shares no memory with the component, for those that keep
// it longer than its document: a decoder's texts are pieces of blocks that hold many.
// Pointer, Details and Known, which are of the document and its reader, are left out.
func (c *Component) Detached() Component {
	k := *c
	k.Pointer, k.Details, k.Known = "", nil, nil
	k.CPEs, k.Locations = slices.Clone(k.CPEs), slices.Clone(k.Locations)
	k.Hashes, k.Licenses = slices.Clone(k.Hashes), slices.Clone(k.Licenses)
	layer := k.Layer.String()
	size := len(layer)
	k.texts(func(t *string) { size += len(*t) })
	var all strings.Builder
	all.Grow(size)
	k.texts(func(t *string) { all.WriteString(*t) })
	all.WriteString(layer)
	rest := all.String()
	k.texts(func(t *string) {
		n := len(*t)
		*t, rest = rest[:n], rest[n:]
	})
	if !k.Layer.IsZero() {
		k.Layer, _ = ident.ParseDigest(rest) // it was one
	}
	return k
}

// texts calls f for every text, always in the same order.
func (c *Component) texts(f func(*string)) {
	for _, t := range [...]*string{&c.ID, &c.Type, &c.Group, &c.Name, &c.Version, &c.PURL, &c.Supplier, &c.Origin, &c.Scope, &c.Source.Name, &c.Source.Version} {
		f(t)
	}
	for i := range c.CPEs {
		f(&c.CPEs[i])
	}
	for i := range c.Locations {
		f(&c.Locations[i])
	}
	for i := range c.Hashes {
		f(&c.Hashes[i].Algorithm)
		f(&c.Hashes[i].Value)
	}
	for i := range c.Licenses {
		f(&c.Licenses[i].Expression)
	}
}
