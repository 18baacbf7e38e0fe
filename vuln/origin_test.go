package vuln_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

func layer(n int) ident.Digest { return ident.SHA256([]byte{byte(n)}) }

// layered is a document of an image: one package for each layer, "-" of none.
func layered(name string, packages ...string) *sbom.Document {
	d := &sbom.Document{Digest: ident.SHA256([]byte(name)), File: name, Subject: sbom.Subject{Name: name}, Tools: []sbom.Tool{{Name: "syft"}}}
	for i := 0; i < len(packages); i += 2 {
		c := sbom.Component{Name: packages[i], PURL: packages[i]}
		var n int
		if _, err := fmt.Sscan(packages[i+1], &n); err == nil {
			c.Layer = layer(n)
		} else if packages[i+1] != "-" {
			c.Locations = []string{packages[i+1]}
		}
		d.Components = append(d.Components, c)
	}
	return d
}

const (
	libc   = "pkg:deb/debian/libc6@2.36-9?distro=debian-12"
	libcX  = "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12.4"
	libcUp = "pkg:deb/debian/libc6@2.36-10?distro=debian-12"
	bash   = "pkg:deb/debian/bash@5.2-1?distro=debian-12"
	lodash = "pkg:npm/lodash@4.17.20"
	flask  = "pkg:pypi/flask@2.0"
)

func TestOrigins(t *testing.T) {
	for name, c := range map[string]struct {
		base     *sbom.Document
		layers   []ident.Digest
		partial  bool
		doc      *sbom.Document
		want     []vuln.Origin // of the document's components
		unlikely bool
	}{
		"by layer": {base: layered("b", libc, "1", bash, "1"), doc: layered("d", libc, "1", bash, "1", lodash, "2"), want: []vuln.Origin{"base", "base", "application"}},
		"an upgrade of the base's package in another layer": {base: layered("b", libc, "1", bash, "1"), doc: layered("d", libcUp, "2", bash, "1"), want: []vuln.Origin{"application", "base"}},
		"layers of the registry alone":                      {layers: []ident.Digest{layer(1), layer(2)}, doc: layered("d", libc, "2", lodash, "3"), want: []vuln.Origin{"base", "application"}},
		"no layer in common":                                {base: layered("b", libc, "1"), doc: layered("d", libc, "7"), want: []vuln.Origin{""}, unlikely: true},
		"layers of which the document tells none":           {layers: []ident.Digest{layer(1)}, doc: layered("d", libc, "-"), want: []vuln.Origin{""}, unlikely: true},
		"by package, qualifiers apart":                      {base: layered("b", libc, "-", bash, "-"), doc: layered("d", libcX, "-", bash, "-", lodash, "-"), want: []vuln.Origin{"base", "base", "application"}},
		"half of the base's packages":                       {base: layered("b", libc, "-", bash, "-"), doc: layered("d", libcUp, "-", lodash, "-"), want: []vuln.Origin{"application", "application"}},
		"another base's":                                    {base: layered("b", "pkg:apk/alpine/musl@1", "-", "pkg:apk/alpine/busybox@1", "-", libc, "-"), doc: layered("d", libc, "-", bash, "-"), want: []vuln.Origin{"", ""}, unlikely: true},
		"a library that both may have":                      {base: layered("b", libc, "-", lodash, "-"), doc: layered("d", libc, "-", lodash, "-"), want: []vuln.Origin{"base", ""}},
		"a library by where it lies":                        {base: layered("b", libc, "-", lodash, "/usr/lib/node"), doc: layered("d", libc, "-", lodash, "/usr/lib/node", lodash, "/app"), want: []vuln.Origin{"base", "base", "application"}},
		"the base's document says that it lacks some":       {base: layered("b", libc, "-"), partial: true, doc: layered("d", libc, "-", flask, "-"), want: []vuln.Origin{"base", ""}},
	} {
		b := vuln.Base{Name: "b", Layers: c.layers}
		if c.base != nil {
			c.base.Incomplete = c.partial
			b.Documents = []*sbom.Document{c.base}
		}
		var fs []vuln.Finding
		for i := range c.doc.Components {
			fs = append(fs, vuln.Finding{PURL: c.doc.Components[i].PURL, Document: c.doc.Digest, Indices: []int{i}})
		}
		fs = append(fs, vuln.Finding{PURL: "of another document"})
		count := vuln.NewOrigins(b).Mark(fs, []*sbom.Document{c.doc})
		var got []vuln.Origin
		for _, f := range fs[:len(fs)-1] {
			got = append(got, f.Origin)
		}
		if !slices.Equal(got, c.want) || (len(count.NotBuiltOn) > 0) != c.unlikely {
			t.Errorf("%s: %q, want %q; %+v", name, got, c.want, count)
		}
		if n := count.FromBase + count.Application + count.Both + count.Unknown; n != len(got) {
			t.Errorf("%s: %d counted, and %d asked about", name, n, len(got))
		}
	}
	// Tools that look for other things than the base's tell nothing by what is not there.
	d := layered("d", libc, "-", flask, "-")
	d.Tools = []sbom.Tool{{Name: "another"}}
	fs := []vuln.Finding{{PURL: flask, Document: d.Digest, Indices: []int{1}}, {PURL: libc, Document: d.Digest, Indices: []int{0, 1}}, {PURL: libc, Document: d.Digest}, {Document: d.Digest, Indices: []int{-1}}}
	vuln.NewOrigins(vuln.Base{Documents: []*sbom.Document{layered("b", libc, "-")}}).Mark(fs, []*sbom.Document{d})
	if fs[0].Origin != "" || fs[1].Origin != "" || fs[2].Origin != vuln.OriginBase || fs[3].Origin != "" {
		t.Errorf("%+v", fs)
	}
	d = layered("d", libc, "1", lodash, "1", lodash, "2")
	fs = []vuln.Finding{{PURL: lodash, Document: d.Digest, Indices: []int{1, 2}}}
	vuln.NewOrigins(vuln.Base{Layers: []ident.Digest{layer(1)}}).Mark(fs, []*sbom.Document{d})
	if fs[0].Origin != vuln.OriginBoth || !fs[0].Origin.Is([]string{"base"}) || !fs[0].Origin.Is([]string{"application"}) || fs[0].Origin.Is([]string{"unknown"}) {
		t.Errorf("%+v", fs[0])
	}
}

func TestBasesAmong(t *testing.T) {
	debian, node, web, other, none := layered("debian", libc, "1"), layered("node", libc, "1", bash, "2"), layered("web", libc, "1", bash, "2", lodash, "3"), layered("other", libc, "9"), layered("none", libc, "-")
	got := vuln.BasesAmong([]*sbom.Document{web, debian, other, node, none})
	if want := []*sbom.Document{node, nil, nil, debian, nil}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestUpgradesOfBases(t *testing.T) {
	finding := func(id, purl, fix string, o vuln.Origin) vuln.Finding {
		f := vuln.Finding{ID: id, PURL: purl, Fix: fix, Fixed: []string{fix[len("upgrade x to "):]}, Severity: ident.SeverityHigh, Origin: o, Status: vuln.StatusAffected}
		p, err := vuln.ParsePURL(purl)
		if err != nil {
			t.Fatal(err)
		}
		f.Component = vuln.FindingComponent{Name: p.Name, Version: p.Version}
		if o != "" {
			f.Base = "debian:12"
		}
		return f
	}
	cleared := finding("CVE-0", libc, "upgrade x to 2.36-10", vuln.OriginBase)
	cleared.Status = vuln.StatusNotAffected
	us := vuln.Upgrades([]vuln.Finding{cleared, finding("CVE-1", libc, "upgrade x to 2.36-10", vuln.OriginBase), finding("CVE-2", bash, "upgrade x to 5.2-2", vuln.OriginBase),
		finding("CVE-3", lodash, "upgrade x to 4.17.21", vuln.OriginBoth), finding("CVE-4", flask, "upgrade x to 2.1", vuln.OriginApplication)})
	var got []string
	for _, u := range us {
		got = append(got, fmt.Sprint(u.Kind, " ", u.Component, " ", u.To, " ", u.Origin, " ", u.Clears))
	}
	want := []string{"base-image debian:12   2", "package bash 5.2-2 base 1", "package flask 2.1 application 1", "package libc6 2.36-10 base 1", "package lodash 4.17.21 both 1"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
