package syft

import (
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// artifacts reads the list of packages. null is no list.
func (d *decoder) artifacts() {
	r := d.r
	if !r.Array() {
		return
	}
	d.listed = true
	for n := 0; r.NextItem() && d.alive(n); n++ {
		if n >= d.maxComponents {
			d.err = ident.Errorf(ident.KindLimit, "the document has more than %d artifacts", d.maxComponents)
			return
		}
		c := d.artifact()
		c.Pointer = "/artifacts/" + strconv.Itoa(n)
		if c.ID != "" {
			d.ids[c.ID] = int32(n) //nolint:gosec // MaxComponents is far below
		}
		d.doc.Components = append(d.doc.Components, c)
	}
}

func (d *decoder) artifact() sbom.Component {
	r := d.r
	c := sbom.Component{Type: "library"}
	kind := ""
	var late *jsonscan.Reader // metadata that stands before the type, which says how to read it
	if !r.Object() {
		return c
	}
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "id":
			c.ID = r.String()
		case "name":
			c.Name = r.String()
		case "version":
			c.Version = r.String()
		case "type":
			kind = r.String()
		case "purl":
			c.PURL = r.String()
		case "licenses":
			licenses(r, &c)
		case "cpes":
			cpes(r, &c)
		case "locations":
			locations(r, &c)
		case "metadata":
			if kind == "" {
				late = r.Defer()
			} else {
				metadata(r, kind, &c)
			}
		}
	}
	if late != nil {
		metadata(late, kind, &c)
		if err := late.Err(); err != nil && d.err == nil {
			d.err = err
		}
	}
	return c
}

// licenses reads texts, which licences were before schema 10, and objects.
func licenses(r *jsonscan.Reader, c *sbom.Component) {
	if !r.Array() {
		return
	}
	for r.NextItem() {
		var l sbom.License
		if r.Kind() == jsonscan.String {
			l.Expression = r.String()
		} else {
			l = license(r)
		}
		if l.Expression != "" {
			c.Licenses = append(c.Licenses, l)
		}
	}
}

func license(r *jsonscan.Reader) (l sbom.License) {
	value, expression := "", ""
	if r.Object() {
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			switch string(key) {
			case "value":
				value = r.String()
			case "spdxExpression":
				expression = r.String()
			case "type":
				switch string(r.Bytes()) {
				case "declared":
					l.Kind = sbom.LicenseDeclared
				case "concluded":
					l.Kind = sbom.LicenseConcluded
				}
			}
		}
	}
	l.Expression, l.Name = first(expression, value), expression == ""
	return l
}

// cpes reads texts, which CPEs were before schema 16, and objects.
func cpes(r *jsonscan.Reader, c *sbom.Component) {
	if !r.Array() {
		return
	}
	for r.NextItem() {
		cpe := ""
		if r.Kind() == jsonscan.String {
			cpe = r.String()
		} else if r.Object() {
			for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
				if string(key) == "cpe" {
					cpe = r.String()
				}
			}
		}
		if cpe != "" {
			c.CPEs = append(c.CPEs, cpe)
		}
	}
}

func locations(r *jsonscan.Reader, c *sbom.Component) {
	if !r.Array() {
		return
	}
	for r.NextItem() {
		path := ""
		if r.Object() {
			for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
				switch string(key) {
				case "path":
					path = r.String()
				case "layerID":
					text := r.Bytes()
					if !c.Layer.IsZero() {
						break // the first layer brought it
					}
					if d, err := ident.ParseDigest(string(text)); err == nil {
						c.Layer = d
					}
				}
			}
		}
		c.Locations = append(c.Locations, path)
	}
}

// metadata differs by the type of the package. Of the distributions' packages it
// names the source package, without which their advisories are not found, so that
// a value of another type is an error there. In the metadata of other packages
// such a value is another thing of the same name.
func metadata(r *jsonscan.Reader, kind string, c *sbom.Component) {
	text := r.String
	if kind != "deb" && kind != "apk" && kind != "rpm" {
		if r.Kind() != jsonscan.Object {
			return
		}
		text = func() string { s, _ := r.TryString(); return s }
	}
	if !r.Object() {
		return
	}
	maintainer, vendor := "", ""
	for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
		switch string(key) {
		case "maintainer":
			maintainer = text()
		case "vendor":
			vendor = text()
		case "source":
			if kind == "deb" {
				c.Source.Name = text()
			}
		case "sourceVersion":
			if kind == "deb" {
				c.Source.Version = text()
			}
		case "originPackage":
			if kind == "apk" {
				c.Source.Name = text()
			}
		case "sourceRpm":
			if kind == "rpm" {
				c.Source = sourceRPM(text())
			}
		}
	}
	c.Origin = first(maintainer, vendor)
}

// sourceRPM splits name-version-release.src.rpm.
func sourceRPM(s string) sbom.SourcePackage {
	s = strings.TrimSuffix(strings.TrimSuffix(s, ".rpm"), ".src")
	release := strings.LastIndexByte(s, '-')
	if release <= 0 {
		return sbom.SourcePackage{}
	}
	version := strings.LastIndexByte(s[:release], '-')
	if version <= 0 {
		return sbom.SourcePackage{}
	}
	return sbom.SourcePackage{Name: s[:version], Version: s[version+1:]}
}
