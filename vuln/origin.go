package vuln

import (
	"maps"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Origin says what brought a component into an image: the image that it was built on, or
// what was built there. "" is unknown.
type Origin string

// The origins. OriginBoth is of a component that is there twice.
const (
	OriginUnknown     Origin = ""
	OriginBase        Origin = "base"
	OriginApplication Origin = "application"
	OriginBoth        Origin = "both"
)

// Is reports whether an origin is among words: base, application or unknown. What has
// both is of each.
func (o Origin) Is(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		switch Origin(w) {
		case OriginBase, OriginApplication:
			return o == Origin(w) || o == OriginBoth
		}
		return w == "unknown" && o == OriginUnknown
	})
}

// Base is what is known of an image that others were built on.
type Base struct {
	Name string
	// Layers are all of its layers, under every digest that they have, compressed or not;
	// none where only documents tell of some.
	Layers    []ident.Digest
	Documents []*sbom.Document // what is in it
}

// Origins tells what came with a base. It is safe for concurrent use.
type Origins struct {
	name     string
	layers   map[ident.Digest]bool
	packages map[string]map[string]bool // versioned package → where it lies
	names    map[string]bool            // packages without version
	types    map[string]bool            // of package URLs
	tools    map[string]bool
	os       sbom.Distro
	partial  bool // a document of it says that it does not list everything
}

// osTypes are package URL types of which an image has one database: the same version
// there twice is the same package.
var osTypes = []string{"deb", "rpm", "apk", "alpm"}

// NewOrigins prepares a base for comparison.
func NewOrigins(b Base) *Origins {
	o := &Origins{name: b.Name, layers: map[ident.Digest]bool{}, packages: map[string]map[string]bool{}, names: map[string]bool{}, types: map[string]bool{}, tools: map[string]bool{}}
	for _, l := range b.Layers {
		o.layers[l] = true
	}
	for _, d := range b.Documents {
		o.partial = o.partial || d.Incomplete || d.Redacted > 0
		if o.os == (sbom.Distro{}) {
			o.os = d.Subject.OS
		}
		for _, t := range d.Tools {
			o.tools[t.Name] = true
		}
		for i := range d.Components {
			c := &d.Components[i]
			if !c.Layer.IsZero() {
				o.layers[c.Layer] = true
			}
			name, version, typ := versioned(c)
			if typ == "" {
				continue
			}
			o.names[name], o.types[typ] = true, true
			if o.packages[version] == nil {
				o.packages[version] = map[string]bool{}
			}
			for _, l := range c.Locations {
				o.packages[version][l] = true
			}
		}
	}
	return o
}

// versioned names a component's package without and with its version, apart from
// qualifiers, which tools write differently; typ is "" for what is no package.
func versioned(c *sbom.Component) (name, version, typ string) {
	p, err := purlOf(c)
	if err != nil || p.Type == "" || p.Type == "oci" || p.Type == "docker" || c.Type == "operating-system" {
		return "", "", ""
	}
	name = p.Type + "\x00" + p.FullName()
	return name, name + "\x00" + withEpoch(p.Version, p.Qualifier("epoch")), p.Type
}

// Under reports whether a document can be of an image that was built on the base: they
// share a layer where both tell layers; else they are of one distribution, and the
// document lists at least half of the base's packages, in whatever version.
func (o *Origins) Under(d *sbom.Document) bool {
	layered := false
	for i := range d.Components {
		if l := d.Components[i].Layer; !l.IsZero() {
			layered = true
			if o.layers[l] {
				return true
			}
		}
	}
	if layered && len(o.layers) > 0 || len(o.names) == 0 {
		return false
	}
	if a, b := d.Subject.OS, o.os; a.ID != "" && b.ID != "" && a.ID != b.ID {
		return false
	}
	have := map[string]bool{}
	for i := range d.Components {
		if name, _, typ := versioned(&d.Components[i]); typ != "" && o.names[name] {
			have[name] = true
		}
	}
	return 2*len(have) >= len(o.names)
}

// of says what brought a component of a document that is of an image on the base.
func (o *Origins) of(d *sbom.Document, c *sbom.Component) Origin {
	if !c.Layer.IsZero() && len(o.layers) > 0 {
		if o.layers[c.Layer] {
			return OriginBase
		}
		return OriginApplication
	}
	_, version, typ := versioned(c)
	if typ == "" {
		return OriginUnknown
	}
	at, listed := o.packages[version]
	switch {
	case listed && slices.Contains(osTypes, typ):
		return OriginBase
	case listed && len(at) > 0 && len(c.Locations) > 0:
		if slices.ContainsFunc(c.Locations, func(l string) bool { return at[l] }) {
			return OriginBase
		}
		return OriginApplication
	case listed:
		return OriginUnknown // the base has it, and the application may have another copy
	case !o.partial && (o.types[typ] || slices.ContainsFunc(d.Tools, func(t sbom.Tool) bool { return o.tools[t.Name] })):
		return OriginApplication
	}
	return OriginUnknown // nobody may have looked for such packages in the base
}

// OriginCount sums up what is known of where findings come from.
type OriginCount struct {
	Base        string `json:"base"` // as it was named
	FromBase    int    `json:"fromBase"`
	Application int    `json:"application"`
	Both        int    `json:"both,omitempty"`
	Unknown     int    `json:"unknown"`
	// NotBuiltOn are the documents that do not look as if they were of an image on the
	// base: of their findings nothing is said.
	NotBuiltOn []string `json:"notBuiltOn,omitempty"`
}

// Mark gives findings of documents their origin, where it is known. A finding in several
// components has one where they agree.
func (o *Origins) Mark(fs []Finding, docs []*sbom.Document) OriginCount {
	count := OriginCount{Base: o.name}
	byDigest := map[ident.Digest]*sbom.Document{}
	of := map[ident.Digest]bool{}
	for _, d := range docs {
		of[d.Digest] = true
		if o.Under(d) {
			byDigest[d.Digest] = d
		} else {
			count.NotBuiltOn = append(count.NotBuiltOn, d.File)
		}
	}
	for i := range fs {
		f := &fs[i]
		if !of[f.Document] {
			continue
		}
		if d := byDigest[f.Document]; d != nil {
			f.Origin = o.ofFinding(d, f)
			if f.Origin != OriginUnknown {
				f.Base = o.name
			}
		}
		switch f.Origin {
		case OriginBase:
			count.FromBase++
		case OriginApplication:
			count.Application++
		case OriginBoth:
			count.Both++
		default:
			count.Unknown++
		}
	}
	return count
}

// ofFinding is the origin of all components that a finding is about.
func (o *Origins) ofFinding(d *sbom.Document, f *Finding) Origin {
	at := f.Indices
	if len(at) == 0 { // of a finding that a server told
		for i := range d.Components {
			if d.Components[i].PURL == f.PURL {
				at = append(at, i)
			}
		}
	}
	out := OriginUnknown
	for n, i := range at {
		if i < 0 || i >= len(d.Components) {
			return OriginUnknown // the subject itself
		}
		one := o.of(d, &d.Components[i])
		if n == 0 {
			out = one
		} else {
			out = out.and(one)
		}
	}
	return out
}

// and is the origin of components of which one has o and another one p.
func (o Origin) and(p Origin) Origin {
	switch {
	case o == OriginUnknown || p == OriginUnknown:
		return OriginUnknown
	case o != p:
		return OriginBoth
	}
	return o
}

// ByPackage says what brought each package URL of a document, as the document spells it:
// what several components share is known where it is known of all of them. Unknown ones
// are left out. nil is that nothing shows the document's image to be built on the base.
func (o *Origins) ByPackage(d *sbom.Document) map[string]Origin {
	if !o.Under(d) {
		return nil
	}
	out := map[string]Origin{}
	for i := range d.Components {
		c := &d.Components[i]
		if c.PURL == "" {
			continue
		}
		one := o.of(d, c)
		if had, ok := out[c.PURL]; ok {
			one = had.and(one)
		}
		out[c.PURL] = one
	}
	maps.DeleteFunc(out, func(_ string, is Origin) bool { return is == OriginUnknown })
	return out
}

// Below is how many layers the base tells where a document tells all of them and others
// above: its image was built on those. Otherwise 0.
func (o *Origins) Below(d *sbom.Document) int {
	if own := layersOf(d); len(o.layers) < len(own) && within(o.layers, own) {
		return len(o.layers)
	}
	return 0
}

// BasesAmong finds, for each document, another one whose image it may be built on: all
// layers that the other tells are layers that it tells, and it has more. Of several the
// one with the most layers. nil where there is none.
func BasesAmong(docs []*sbom.Document) []*sbom.Document {
	layers := make([]map[ident.Digest]bool, len(docs))
	for i, d := range docs {
		layers[i] = layersOf(d)
	}
	out := make([]*sbom.Document, len(docs))
	for i := range docs {
		best := 0
		for k := range docs {
			if n := len(layers[k]); n > best && n < len(layers[i]) && within(layers[k], layers[i]) {
				best, out[i] = n, docs[k]
			}
		}
	}
	return out
}

// layersOf are the layers that a document tells.
func layersOf(d *sbom.Document) map[ident.Digest]bool {
	out := map[ident.Digest]bool{}
	for k := range d.Components {
		if l := d.Components[k].Layer; !l.IsZero() {
			out[l] = true
		}
	}
	return out
}

func within(a, b map[ident.Digest]bool) bool {
	for l := range a {
		if !b[l] {
			return false
		}
	}
	return true
}
