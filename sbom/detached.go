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

// DropEmpty makes lists without entries nil, as those of a component that never had any:
// a decoder may have read into the memory of another one's.
func (c *Component) DropEmpty() {
	if len(c.CPEs) == 0 {
		c.CPEs = nil
	}
	if len(c.Hashes) == 0 {
		c.Hashes = nil
	}
	if len(c.Licenses) == 0 {
		c.Licenses = nil
	}
	if len(c.Locations) == 0 {
		c.Locations = nil
	}
}

// Detached returns a copy that shares no memory with the details; nil of nil.
func (d *Details) Detached() *Details {
	if d == nil {
		return nil
	}
	k := *d
	k.PURLs, k.Identifiers = cloned(k.PURLs), cloned(k.Identifiers)
	k.SWIDs, k.References, k.Properties = slices.Clone(k.SWIDs), slices.Clone(k.References), slices.Clone(k.Properties)
	for i := range k.SWIDs {
		s := &k.SWIDs[i]
		s.TagID, s.Name, s.Version = strings.Clone(s.TagID), strings.Clone(s.Name), strings.Clone(s.Version)
	}
	for i := range k.References {
		r := &k.References[i]
		r.Type, r.URL, r.Hashes = strings.Clone(r.Type), strings.Clone(r.URL), slices.Clone(r.Hashes)
		for n, h := range r.Hashes {
			r.Hashes[n] = Hash{strings.Clone(h.Algorithm), strings.Clone(h.Value)}
		}
	}
	for i, p := range k.Properties {
		k.Properties[i] = Property{strings.Clone(p.Name), strings.Clone(p.Value)}
	}
	for _, t := range [...]*string{&k.Manufacturer, &k.Contact, &k.Copyright, &k.Verification} {
		*t = strings.Clone(*t)
	}
	return &k
}

// cloned is a list of copies; nil of nil.
func cloned(texts []string) []string {
	out := slices.Clone(texts)
	for i, t := range out {
		out[i] = strings.Clone(t)
	}
	return out
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
