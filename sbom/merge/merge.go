package merge

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// Options of Documents.
type Options struct {
	Name, Version string // of what the documents are parts of
	Kind          string // "" is application
	Flat          bool   // unite components with one identity
	At            time.Time
}

// Report says what was done.
type Report struct {
	Documents int
	United    int // components that became one with another
	KeptApart int // of one package URL, and hashes that contradict each other
	Renamed   int // licences of the documents' own that shared a name
}

type merger struct {
	out  *sbom.Document
	o    Options
	r    *Report
	ids  map[string]bool
	byID map[string][]int32 // by identity, flat
	refs map[string]string  // text of a LicenseRef
}

// Documents merges documents in their order.
func Documents(docs []*sbom.Document, o Options) (*sbom.Document, *Report) {
	kind := o.Kind
	if kind == "" {
		kind = "application"
	}
	m := &merger{o: o, r: &Report{Documents: len(docs)}, ids: map[string]bool{}, byID: map[string][]int32{}, refs: map[string]string{}, out: &sbom.Document{
		Format: sbom.CycloneDX, Encoding: sbom.JSON, Name: o.Name, Created: o.At,
		Subject: sbom.Subject{Kind: kind, Name: o.Name, Version: o.Version, Component: &sbom.Component{Type: kind, Name: o.Name, Version: o.Version}},
	}}
	for n, d := range docs {
		m.document(n, d)
	}
	slices.SortFunc(m.out.Dependencies, func(a, b sbom.Dependency) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind))
	})
	m.out.Dependencies = slices.Compact(m.out.Dependencies)
	m.out.Dependencies = slices.DeleteFunc(m.out.Dependencies, func(e sbom.Dependency) bool { return e.From == e.To })
	return m.out, m.r
}

func (m *merger) document(n int, d *sbom.Document) {
	out := m.out
	rename := m.licenseTexts(n, d)
	for _, t := range d.Tools {
		if !slices.Contains(out.Tools, t) {
			out.Tools = append(out.Tools, t)
		}
	}
	for _, a := range d.Authors {
		if !slices.Contains(out.Authors, a) {
			out.Authors = append(out.Authors, a)
		}
	}
	for _, l := range d.Lifecycle {
		if !slices.Contains(out.Lifecycle, l) {
			out.Lifecycle = append(out.Lifecycle, l)
		}
	}
	out.Incomplete = out.Incomplete || d.Incomplete
	out.Redacted += d.Redacted
	subject := m.subject(d)
	root := m.add(n, &subject, rename)
	out.Dependencies = append(out.Dependencies, sbom.Dependency{From: sbom.SubjectIndex, To: root, Kind: sbom.Contains})
	at := make([]int32, len(d.Components))
	for i := range d.Components {
		at[i] = m.add(n, &d.Components[i], rename)
	}
	settle := func(i int32) int32 {
		if i == sbom.SubjectIndex {
			return root
		}
		return at[i]
	}
	contained := make([]bool, len(d.Components))
	for _, e := range d.Dependencies {
		out.Dependencies = append(out.Dependencies, sbom.Dependency{From: settle(e.From), To: settle(e.To), Kind: e.Kind})
		if e.Kind == sbom.Contains && e.To >= 0 {
			contained[e.To] = true
		}
	}
	for i, c := range contained {
		if !c {
			out.Dependencies = append(out.Dependencies, sbom.Dependency{From: root, To: at[i], Kind: sbom.Contains})
		}
	}
}

// subject is what a document is about, as a component with the digests that identify it.
func (m *merger) subject(d *sbom.Document) sbom.Component {
	c := d.Subject.Described()
	c.ID, c.Pointer = d.Subject.ID, ""
	if c.Type == "" {
		c.Type = d.Subject.Kind
	}
	if c.Name == "" {
		c.Name = d.Name
	}
	if c.Name == "" {
		c.Name = d.File
	}
	c.Hashes = slices.Clone(c.Hashes)
	for _, g := range d.Subject.Digests {
		h := sbom.Hash{Algorithm: "SHA-256", Value: g.Digest.Hex()}
		if g.Role != ident.RoleIndex && g.Digest.Algorithm() == "sha256" && !slices.Contains(c.Hashes, h) {
			c.Hashes = append(c.Hashes, h)
		}
	}
	return c
}

var licenseRef = regexp.MustCompile(`LicenseRef-[A-Za-z0-9.-]+`)

// licenseTexts takes over the licences that a document writes out; one whose name
// another document uses for another text gets a name of its own.
func (m *merger) licenseTexts(n int, d *sbom.Document) map[string]string {
	var rename map[string]string
	for _, t := range d.LicenseTexts {
		text, taken := m.refs[t.ID]
		switch {
		case !taken:
		case text == t.Text:
			continue
		default:
			if rename == nil {
				rename = map[string]string{}
			}
			was := t.ID
			t.ID = "LicenseRef-" + strconv.Itoa(n+1) + "-" + strings.TrimPrefix(t.ID, "LicenseRef-")
			rename[was] = t.ID
			m.r.Renamed++
		}
		m.refs[t.ID] = t.Text
		m.out.LicenseTexts = append(m.out.LicenseTexts, t)
	}
	return rename
}

// add takes a component over, or unites it with one of the same identity.
func (m *merger) add(n int, c *sbom.Component, rename map[string]string) int32 {
	own := *c
	own.Details = nil
	if rename != nil {
		own.Licenses = slices.Clone(own.Licenses)
		for i := range own.Licenses {
			own.Licenses[i].Expression = licenseRef.ReplaceAllStringFunc(own.Licenses[i].Expression, func(id string) string {
				if to, ok := rename[id]; ok {
					return to
				}
				return id
			})
		}
	}
	key := identity(&own)
	if m.o.Flat && key != "" {
		for _, i := range m.byID[key] {
			if m.same(&m.out.Components[i], &own) {
				unite(&m.out.Components[i], &own)
				m.r.United++
				return i
			}
		}
		if own.PURL != "" && len(m.byID[key]) > 0 {
			m.r.KeptApart++
		}
	}
	own.ID = m.unused(n, own.ID)
	i := int32(len(m.out.Components)) //nolint:gosec // decoders bound each document
	m.out.Components = append(m.out.Components, own)
	if key != "" {
		m.byID[key] = append(m.byID[key], i)
	}
	return i
}

// identity is what components are looked up by; "" is none.
func identity(c *sbom.Component) string {
	switch {
	case c.PURL != "":
		return c.PURL
	case c.Name != "":
		return strings.Join([]string{c.Type, c.Group, c.Name, c.Version}, "\x00")
	}
	return ""
}

// same reports whether two components with one identity are one thing.
func (m *merger) same(a, b *sbom.Component) bool {
	if a.Name != b.Name || a.Group != b.Group || a.Version != b.Version {
		return false
	}
	common := false
	for _, x := range a.Hashes {
		for _, y := range b.Hashes {
			if x.Algorithm == y.Algorithm {
				if x.Value != y.Value {
					return false
				}
				common = true
			}
		}
	}
	return common || a.PURL != ""
}

// unite adds what b says to a.
func unite(a, b *sbom.Component) {
	first := func(x *string, y string) {
		if *x == "" {
			*x = y
		}
	}
	first(&a.Type, b.Type)
	first(&a.Supplier, b.Supplier)
	first(&a.Origin, b.Origin)
	if a.Scope != b.Scope {
		a.Scope = "" // needed in one, optional in the other
	}
	if a.Layer != b.Layer {
		a.Layer = ident.Digest{}
	}
	if a.Source == (sbom.SourcePackage{}) {
		a.Source = b.Source
	}
	a.CPEs = union(a.CPEs, b.CPEs)
	a.Hashes = union(a.Hashes, b.Hashes)
	a.Licenses = union(a.Licenses, b.Licenses)
	a.Locations = union(a.Locations, b.Locations)
}

func union[T comparable](a, b []T) []T {
	out := slices.Clip(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// unused is an identifier that no component has yet; a document's own, if it is free.
func (m *merger) unused(n int, id string) string {
	if id == "" {
		return "" // an encoder gives it one
	}
	out := id
	for k := n + 1; m.ids[out]; k++ {
		out = "document-" + strconv.Itoa(k) + ":" + id
	}
	m.ids[out] = true
	return out
}
