package trivy

import (
	"strconv"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// readResults reads one result for each file or package manager. null is no results.
func (d *decoder) readResults() {
	r := d.r
	if !r.Array() {
		return
	}
	for r.NextItem() && d.alive(d.results) {
		d.result("/Results/" + strconv.Itoa(d.results))
		d.results++
	}
}

// alive reports whether to go on; it looks at the context now and then.
func (d *decoder) alive(n int) bool {
	if d.err == nil && n%1024 == 0 {
		d.err = d.ctx.Err()
	}
	return d.err == nil
}

func (d *decoder) result(pointer string) {
	r := d.r
	target, class := "", ""
	base := len(d.doc.Components)
	if !r.Object() {
		return
	}
	for key, ok := r.NextKey(); ok && d.err == nil; key, ok = r.NextKey() {
		switch string(key) {
		case "Target":
			target = r.String()
		case "Class":
			class = r.String()
		case "Packages":
			d.packages(pointer + "/Packages/")
		}
	}
	packages := d.doc.Components[base:]
	if len(packages) == 0 && (class == "os-pkgs" || class == "lang-pkgs") {
		d.without++
	}
	if target == "" {
		return
	}
	at := []string{target} // shared: most packages of a result were found in the same place
	for i := range packages {
		if len(packages[i].Locations) == 0 {
			packages[i].Locations = at[:1:1]
		}
	}
}

// need is a dependency by the ID of the other package, which may come later.
type need struct {
	from int32
	on   string
}

// packages reads the packages of one result, among which their dependencies are.
func (d *decoder) packages(pointer string) {
	r := d.r
	if !r.Array() {
		return
	}
	ids := map[string]int32{}
	var needs []need
	for n := 0; r.NextItem(); n++ {
		i := len(d.doc.Components)
		if i >= d.maxComponents {
			d.err = ident.Errorf(ident.KindLimit, "the report has more than %d packages", d.maxComponents)
		}
		if !d.alive(i) {
			return
		}
		from := int32(i) //nolint:gosec // MaxComponents is far below
		c := readPackage(r, func(on string) { needs = append(needs, need{from, on}) })
		c.Pointer = pointer + strconv.Itoa(n)
		if c.ID != "" {
			ids[c.ID] = from
		}
		d.doc.Components = append(d.doc.Components, c)
	}
	for _, n := range needs {
		if to, ok := ids[n.on]; ok {
			d.doc.Dependencies = append(d.doc.Dependencies, sbom.Dependency{From: n.from, To: to})
		}
	}
}

// readPackage reads one package and tells dependsOn the IDs of those it needs.
func readPackage(r *jsonscan.Reader, dependsOn func(id string)) sbom.Component {
	c := sbom.Component{Type: "library"}
	var version, source release
	if !r.Object() {
		return c
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "ID":
			c.ID = r.String()
		case "Name":
			c.Name = r.String()
		case "Version":
			version.version = r.String()
		case "Release":
			version.release = r.String()
		case "Epoch":
			version.epoch = r.Int()
		case "SrcName":
			c.Source.Name = r.String()
		case "SrcVersion":
			source.version = r.String()
		case "SrcRelease":
			source.release = r.String()
		case "SrcEpoch":
			source.epoch = r.Int()
		case "Maintainer":
			c.Origin = r.String()
		case "FilePath":
			if s := r.String(); s != "" {
				c.Locations = []string{s}
			}
		case "Identifier":
			c.PURL = member(r, "PURL")
		case "Licenses":
			if r.Array() {
				for r.NextItem() {
					if s := r.String(); s != "" {
						c.Licenses = append(c.Licenses, sbom.License{Expression: s})
					}
				}
			}
		case "DependsOn":
			if r.Array() {
				for r.NextItem() {
					dependsOn(r.String())
				}
			}
		case "Layer":
			c.Layer = readLayer(r)
		}
	}
	c.Version, c.Source.Version = version.String(), source.String()
	return c
}

// release is a version with what distributions write before and after it: an
// epoch outranks the whole version (deb-version(7), rpm-version(7)).
type release struct {
	epoch            int64
	version, release string
}

func (v release) String() string {
	s := v.version
	if v.release != "" {
		s += "-" + v.release
	}
	if v.epoch != 0 && v.version != "" {
		s = strconv.FormatInt(v.epoch, 10) + ":" + s
	}
	return s
}

// readLayer takes the digest of the compressed layer before that of its content.
func readLayer(r *jsonscan.Reader) ident.Digest {
	digest, diffID := "", ""
	if r.Object() {
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			switch string(key) {
			case "Digest":
				digest = r.String()
			case "DiffID":
				diffID = r.String()
			}
		}
	}
	for _, text := range []string{digest, diffID} {
		if d, err := ident.ParseDigest(text); err == nil {
			return d
		}
	}
	return ident.Digest{}
}
