package encode_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// facts are what a document says, as sorted lines: two documents that say the
// same have the same lines. Identifiers among loose, of several bearers, are left out.
// Where a thing stands (Pointer), made identifiers, the
// document's own name in its format and the order of lists are no facts.
func facts(d *sbom.Document, loose map[string]bool) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	add("document name=%q created=%s incomplete=%v", d.Name, stamp(d.Created), d.Incomplete)
	for _, a := range d.Authors {
		add("author %q", a)
	}
	for _, t := range d.Tools {
		if t != tool {
			add("tool %q", t)
		}
	}
	for _, l := range d.Lifecycle {
		if l != "" {
			add("lifecycle %q", l)
		}
	}
	seen := map[sbom.LicenseText]bool{}
	for _, t := range d.LicenseTexts {
		if !seen[t] {
			seen[t] = true
			add("license text %q", t)
		}
	}
	s := &d.Subject
	add("subject %q %q %q %q os=%q", s.Kind, s.Name, s.Version, s.PURL, s.OS)
	if c := s.Component; c != nil {
		alone := *c
		alone.ID, alone.Type = "", ""
		if line := component(&alone); line != component(&sbom.Component{Group: c.Group, Name: c.Name, Version: c.Version, PURL: c.PURL}) {
			add("subject is %s", line)
		}
	}
	names := make([]string, len(d.Components))
	for i := range d.Components {
		c := d.Components[i]
		if loose[c.ID] || strings.HasPrefix(c.ID, "component-") {
			c.ID = ""
		}
		names[i] = component(&c)
		add("component %s", names[i])
	}
	name := func(i int32) string {
		if i == sbom.SubjectIndex {
			return "subject"
		}
		return names[i]
	}
	edges := map[sbom.Dependency]bool{}
	for _, e := range d.Dependencies {
		if !edges[e] {
			edges[e] = true
			add("edge %d %s -> %s", e.Kind, name(e.From), name(e.To))
		}
	}
	slices.Sort(out)
	return out
}

// shared are the identifiers that several components bear.
func shared(d *sbom.Document) map[string]bool {
	seen, out := map[string]bool{}, map[string]bool{}
	for i := range d.Components {
		id := d.Components[i].ID
		out[id] = seen[id]
		seen[id] = true
	}
	return out
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func component(c *sbom.Component) string {
	var b []byte
	for _, t := range []string{c.ID, c.Type, c.Group, c.Name, c.Version, c.PURL, c.Supplier, c.Origin, c.Scope, c.Layer.String(), c.Source.Name, c.Source.Version} {
		b = append(strconv.AppendQuote(b, t), ' ')
	}
	list := func(name string, n int, text func(int) string) {
		l := make([]string, n)
		for i := range n {
			l[i] = text(i)
		}
		slices.Sort(l)
		b = append(b, name...)
		for _, t := range l {
			b = append(strconv.AppendQuote(b, t), ' ')
		}
	}
	list("cpes ", len(c.CPEs), func(i int) string { return c.CPEs[i] })
	list("hashes ", len(c.Hashes), func(i int) string { return c.Hashes[i].Algorithm + ":" + c.Hashes[i].Value })
	list("licenses ", len(c.Licenses), func(i int) string {
		l := c.Licenses[i]
		return l.Expression + " " + strconv.Itoa(int(l.Kind)) + strconv.FormatBool(l.Name)
	})
	list("at ", len(c.Locations), func(i int) string { return c.Locations[i] })
	return string(b)
}

// identities are the digests and references by which the subject is found.
func identities(d *sbom.Document) map[string]bool {
	out := map[string]bool{}
	for _, g := range d.Subject.Digests {
		out["digest "+g.Digest.String()] = true
		if g.Role != ident.RoleUnknown {
			out[fmt.Sprintf("digest %s is of a %s", g.Digest, g.Role)] = true
		}
	}
	for _, r := range d.Subject.References {
		out["reference "+r.String()] = true
	}
	return out
}

// difference lists lines of one side only, a few of them.
func difference(want, got []string) string {
	var b strings.Builder
	n := 0
	tell := func(sign, line string) {
		if n++; n <= 6 {
			fmt.Fprintf(&b, "%s %.1500s\n", sign, line)
		}
	}
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch {
		case j == len(got) || i < len(want) && want[i] < got[j]:
			tell("-", want[i])
			i++
		case i == len(want) || want[i] > got[j]:
			tell("+", got[j])
			j++
		default:
			i, j = i+1, j+1
		}
	}
	if n > 6 {
		fmt.Fprintf(&b, "and %d more\n", n-6)
	}
	return b.String()
}
