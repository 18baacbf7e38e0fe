package inventory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// hit is one component of one document that the query means.
type hit struct {
	doc      *document
	index    int
	version  string
	name     string
	fixed    []string
	advisory string
	rng      string
}

// search is the outcome of looking through every document.
type search struct {
	summary  *AdvisorySummary
	group    *vuln.Group // of the advisory that was asked for; nil for other queries
	hits     []hit
	doubts   []doubt
	whole    map[*document]bool // the query means these documents as a whole
	workload ident.Ref          // the query means this workload
	needsAll bool               // absence is worth something only with full coverage
}

// doubt is a component that could be meant and could not be compared.
type doubt struct {
	doc    *document
	index  int
	reason string
	object string // what the doubt is about, if not the component alone
}

// find runs a query over the documents.
func (s *Snapshot) find(ctx context.Context, q Query) (*search, error) {
	out := &search{whole: map[*document]bool{}}
	switch {
	case q.advisory != "":
		return out, s.findAdvisory(ctx, q, out)
	case q.component != nil:
		out.needsAll = true
		return out, s.eachComponent(ctx, func(d *document, i int, c *sbom.Component) {
			match, known := q.component.Match(c, d.Subject.OS)
			switch {
			case match:
				out.hits = append(out.hits, hit{doc: d, index: i, name: fullName(c), version: c.Version})
			case !known:
				out.doubts = append(out.doubts, doubt{doc: d, index: i, reason: "the version of " + fullName(c) + " cannot be compared"})
			}
		})
	case !q.digest.IsZero():
		s.findDigest(q, out)
		return out, nil
	default:
		refs, err := s.in.Graph.Resolve(q.workload)
		if err != nil {
			return nil, err
		}
		if len(refs) > 1 {
			var names []string
			for _, r := range refs {
				names = append(names, r.String())
			}
			return nil, ident.Errorf(ident.KindUsage, "%s is ambiguous", q.text).WithHint("one of: %s", strings.Join(names, ", "))
		}
		out.workload = refs[0]
		if s.byRef[refs[0]] == nil {
			return nil, ident.Errorf(ident.KindNotFound, "%s is a pod of a workload", q.text).WithHint("ask for the workload: reach list shows them")
		}
		return out, nil
	}
}

func (s *Snapshot) eachComponent(ctx context.Context, f func(*document, int, *sbom.Component)) error {
	for _, d := range s.docs.docs {
		if err := ctx.Err(); err != nil {
			return err
		}
		for i := range d.Components {
			f(d, i, &d.Components[i])
		}
	}
	return nil
}

func (s *Snapshot) findAdvisory(ctx context.Context, q Query, out *search) error {
	db := s.in.Database
	if db == nil {
		if s.reports(q.advisory) {
			return nil // the reports are told, and that nothing here knows it
		}
		return ident.Errorf(ident.KindUsage, "no advisories are loaded, so nothing is known about %s", q.advisory).
			WithHint("--advisories PATH, or once: cofferdam advisories update --from PATH")
	}
	g, ok := db.Lookup(q.advisory)
	if !ok {
		if s.reports(q.advisory) {
			return nil // as above
		}
		return ident.Errorf(ident.KindUsage, "no loaded advisory has %s: that is not the same as not affected", q.advisory).
			WithHint("%d advisories as of %s are loaded; --advisories names others", db.Len(), db.AsOf().Format(time.DateOnly))
	}
	out.summary, out.group = summarise(g, q.advisory), g
	out.summary.know(s.in.Intelligence)
	out.needsAll = true
	scan := vuln.NewScanner(db)
	homeless := map[*document]*unplaced{}
	err := s.eachComponent(ctx, func(d *document, i int, c *sbom.Component) {
		if c.Type == "file" && c.PURL == "" {
			return
		}
		a := scan.Assess(c, d.Subject.OS)
		for _, m := range a.Matches {
			if !g.Has(m.Advisory) {
				continue
			}
			h := hit{doc: d, index: i, name: fullName(c), version: c.Version, fixed: m.Fixed, advisory: m.Advisory.ID, rng: m.Range}
			if n := len(out.hits); n > 0 && out.hits[n-1].doc == d && out.hits[n-1].index == i {
				h.fixed = mergeTexts(out.hits[n-1].fixed, m.Fixed)
				h.advisory, h.rng = out.hits[n-1].advisory, out.hits[n-1].rng
				out.hits[n-1] = h
				continue
			}
			out.hits = append(out.hits, h)
		}
		for _, u := range a.Unmatched {
			if slices.ContainsFunc(g.Advisories, func(v *vuln.Advisory) bool { return concerns(v, u, c, d.Subject.OS) }) {
				out.doubts = append(out.doubts, doubt{doc: d, index: i, reason: u.Reason})
			} else if u.Class == vuln.UnmatchedIdentity {
				if homeless[d] == nil {
					homeless[d] = &unplaced{first: i}
				}
				homeless[d].add(g, c, d.Subject.OS)
			}
		}
	})
	for _, d := range s.docs.docs {
		if h := homeless[d]; h != nil && h.count > 0 && !h.sources {
			out.doubts = append(out.doubts, h.doubt(d))
		}
	}
	return err
}

// unplaced are the packages of a document which may be what an advisory is about
// under the name of their source package: the document says neither the release of
// their distribution nor, of any of them, the source.
type unplaced struct {
	first, count int
	distribution string
	sources      bool // the document does name sources, so that a package without one is its own
}

func (u *unplaced) add(g *vuln.Group, c *sbom.Component, os sbom.Distro) {
	p, ok := vuln.UnplacedPackage(c, os)
	if !ok {
		return
	}
	u.sources = u.sources || p.Source != ""
	if slices.ContainsFunc(g.Advisories, func(a *vuln.Advisory) bool {
		return slices.ContainsFunc(a.Affected, func(af vuln.Affected) bool { return p.In(af.Ecosystem) })
	}) {
		u.count++
		u.distribution = p.Distribution
	}
}

func (u *unplaced) doubt(d *document) doubt {
	return doubt{doc: d, index: u.first, object: "SBOM " + cmp.Or(d.File, d.Subject.Name, d.Digest.String()),
		reason: fmt.Sprintf("it names neither the release of %s nor the source packages of its %d packages, and advisories go by both",
			cmp.Or(u.distribution, "the distribution"), u.count)}
}

// concerns reports whether a component that could not be compared may be what
// an advisory is about: the advisory itself is in doubt for it, or it bears the
// name of a package that the advisory lists.
func concerns(a *vuln.Advisory, u vuln.Unmatched, c *sbom.Component, os sbom.Distro) bool {
	if u.Advisory != "" {
		return u.Advisory == a.ID
	}
	if u.Class == vuln.UnmatchedEcosystem {
		return false
	}
	source := c.Source.Name
	if p, ok := vuln.UnplacedPackage(c, os); ok {
		source = p.Source
	}
	for _, af := range a.Affected {
		if strings.EqualFold(af.Name, c.Name) || strings.EqualFold(af.Name, fullName(c)) || source != "" && af.Name == source {
			return true
		}
	}
	return false
}

func (s *Snapshot) findDigest(q Query, out *search) {
	for _, d := range s.docs.docs {
		if d.Digest == q.digest {
			out.whole[d] = true
		}
	}
	for _, f := range s.docs.byDigest[q.digest] {
		out.whole[f.doc] = true
	}
	for _, d := range s.docs.byIdentity(q.digest).docs {
		out.whole[d] = true
	}
}

func fullName(c *sbom.Component) string {
	if c.Group != "" {
		return c.Group + "/" + c.Name
	}
	return c.Name
}

// summarise tells an alias group as one advisory: the record that was asked
// for if it is among them, else the group's first.
func summarise(g *vuln.Group, asked string) *AdvisorySummary {
	lead := g.Advisories[0]
	for _, a := range g.Advisories {
		if strings.EqualFold(a.ID, asked) {
			lead = a
		}
	}
	out := &AdvisorySummary{ID: g.ID, Aliases: append([]string{}, g.Aliases...), Summary: lead.Summary, Fixed: []FixedIn{}}
	for _, a := range g.Advisories {
		var scores []vuln.Score
		scores = append(scores, a.Severity...)
		for _, af := range a.Affected {
			scores = append(scores, af.Severity...)
			f := FixedIn{Ecosystem: af.Ecosystem, Package: af.Name}
			for _, r := range af.Ranges {
				if r.Type == vuln.RangeGit {
					continue
				}
				for _, e := range r.Events {
					if e.Fixed != "" {
						f.Versions = append(f.Versions, e.Fixed)
					}
				}
			}
			if len(f.Versions) > 0 && !slices.ContainsFunc(out.Fixed, func(x FixedIn) bool {
				return x.Ecosystem == f.Ecosystem && x.Package == f.Package && slices.Equal(x.Versions, f.Versions)
			}) {
				out.Fixed = append(out.Fixed, f)
			}
		}
		out.Severity = max(out.Severity, vuln.SeverityOf(scores, a.DatabaseSeverity))
		if out.Summary == "" {
			out.Summary = a.Summary
		}
	}
	out.Published, out.Modified = stamp(lead.Published), stamp(lead.Modified)
	if g.Withdrawn {
		out.Withdrawn = stamp(lead.Withdrawn)
	}
	return out
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// sites are the places where hits run, sorted by zone, workload, container.
func (s *Snapshot) sites(f *search) []Site {
	byDoc := map[*document][]hit{}
	for _, h := range f.hits {
		byDoc[h.doc] = append(byDoc[h.doc], h)
	}
	out := []Site{}
	for _, w := range s.workloads {
		for _, im := range w.images {
			for _, d := range im.join.docs {
				base := Site{Workload: w.Ref, Zone: w.zone, Owner: w.owner, Contact: w.contact, Container: im.Container, Image: im.Image.Image,
					SBOM: s.match(im, d)}
				artifact := vuln.ArtifactOf(d.Document, im.Digests...)
				for _, h := range byDoc[d] {
					c := &d.Components[h.index]
					site := base
					site.VEX, site.VEXSource = s.stated(f.group, artifact, c)
					site.PURL, site.Name, site.Version, site.Fixed, site.Pointer = c.PURL, h.name, h.version, h.fixed, c.Pointer
					out = append(out, site)
				}
				if f.whole[d] || f.workload == w.Ref && !f.workload.IsZero() {
					site := base
					site.Name, site.Version, site.PURL = d.Subject.Name, d.Subject.Version, d.Subject.PURL
					out = append(out, site)
				}
			}
		}
	}
	return SortSites(out)
}

// components groups hits by package URL with the artifacts that hold them.
func (s *Snapshot) components(f *search) []ComponentHit {
	out := []ComponentHit{}
	at := map[string]int{}
	for _, h := range f.hits {
		c := &h.doc.Components[h.index]
		key := c.PURL
		if key == "" {
			key = h.name + "\x00" + h.version
		}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, ComponentHit{PURL: c.PURL, Name: h.name, Version: h.version, Fixed: h.fixed, Advisory: h.advisory, Range: h.rng, Artifacts: []Artifact{}})
		}
		if a := artifactOf(h.doc); !slices.Contains(out[i].Artifacts, a) {
			out[i].Artifacts = append(out[i].Artifacts, a)
		}
	}
	SortComponents(out)
	return out
}

// artifactOf names what a document is about: the digest that runtimes use
// where the document has one.
func artifactOf(d *document) Artifact {
	a := Artifact{Image: d.Subject.Name}
	for _, r := range d.Subject.References {
		a.Image = ident.ImageRef{Registry: r.Registry, Repository: r.Repository, Tag: r.Tag}.String()
		if !r.Digest.IsZero() {
			a.Digest = r.Digest
		}
	}
	roles := []ident.DigestRole{ident.RoleConfig, ident.RoleUnknown, ident.RoleIndex, ident.RoleManifest}
	if d.index { // its manifests are platforms of one artifact
		roles = []ident.DigestRole{ident.RoleIndex}
	}
	for _, role := range roles {
		for _, g := range d.Subject.Digests {
			if g.Role == role {
				a.Digest = g.Digest
			}
		}
	}
	return a
}

// notCovered are the workloads that were not searched.
func (s *Snapshot) notCovered() []NotCovered {
	out := []NotCovered{}
	for _, w := range s.workloads {
		for _, im := range w.images {
			if im.SBOM != nil || im.Kind == "ephemeral" {
				continue
			}
			out = append(out, NotCovered{Workload: w.Ref, Zone: w.zone, Image: im.Image.Image, Reason: cmp.Or(im.Unresolved, im.join.reason)})
		}
		if len(w.images) == 0 {
			out = append(out, NotCovered{Workload: w.Ref, Zone: w.zone, Reason: "the input does not show its containers"})
		}
	}
	return out
}

// doubtUnknowns words components that could be meant and could not be compared.
func (s *Snapshot) doubtUnknowns(f *search) []Unknown {
	var out []Unknown
	for _, d := range f.doubts {
		c := &d.doc.Components[d.index]
		u := Unknown{Object: cmp.Or(d.object, c.PURL, fullName(c)+" "+c.Version), Reason: d.reason}
		for _, w := range s.workloads {
			if slices.ContainsFunc(w.images, func(im *image) bool { return slices.Contains(im.join.docs, d.doc) }) {
				u.Affects = append(u.Affects, w.Ref)
			}
		}
		if len(u.Affects) == 0 {
			continue // nothing runs it: it changes no answer about workloads
		}
		if i := slices.IndexFunc(out, func(x Unknown) bool { return x.Object == u.Object && x.Reason == u.Reason }); i >= 0 {
			for _, r := range u.Affects {
				if !slices.Contains(out[i].Affects, r) {
					out[i].Affects = append(out[i].Affects, r)
				}
			}
			continue
		}
		out = append(out, u)
	}
	return out
}

// Where answers in which workloads the query's subject runs. An identifier that
// no loaded advisory has is an error of kind usage.
func (s *Snapshot) Where(ctx context.Context, q Query) (*Where, error) {
	f, err := s.find(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &Where{SchemaVersion: SchemaVersion, Query: q.text, Advisory: f.summary, Sites: s.sites(f), Components: s.components(f),
		NotRunning: []Artifact{}, NotCovered: []NotCovered{}, Unknowns: []Unknown{}, Coverage: s.Coverage()}
	if out.Reports, err = s.Reports(ctx, &q); err != nil {
		return nil, err
	}
	if q.advisory != "" {
		known := f.group != nil
		out.Coverage.AdvisoryKnown = &known
	}
	holds := map[*document]bool{}
	for _, h := range f.hits {
		holds[h.doc] = true
	}
	for d := range f.whole {
		holds[d] = true
	}
	for _, d := range s.docs.docs {
		if holds[d] && !d.running {
			out.NotRunning = append(out.NotRunning, artifactOf(d))
		}
	}
	out.Found = len(holds) > 0 || !f.workload.IsZero()
	if f.workload.IsZero() {
		out.NotCovered = s.notCovered()
		out.Unknowns = append(out.Unknowns, s.doubtUnknowns(f)...)
		out.Unknowns = append(out.Unknowns, s.imageUnknowns()...)
	} else if w := s.byRef[f.workload]; len(out.Sites) == 0 {
		out.Sites = append(out.Sites, Site{Workload: w.Ref, Zone: w.zone, Owner: w.owner, Contact: w.contact})
	}
	return out, nil
}

func mergeTexts(a, b []string) []string {
	out := slices.Clone(a)
	for _, t := range b {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}
