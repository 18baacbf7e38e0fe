package inventory

import (
	"cmp"
	"context"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/sbom"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Reports are what other scanners found, of what is asked for, held against our own
// findings.
type Reports struct {
	Agreed     int               `json:"agreed"`     // that are ours, too
	OnlyTheirs []ReportedFinding `json:"onlyTheirs"` // with why they are not ours
	// Cleared are ours, too, and a statement (VEX) says that there is nothing to mend.
	Cleared []ReportedFinding `json:"cleared,omitempty"`
	// OnlyOurs counts what the reports do not have; of a whole map alone.
	OnlyOurs int `json:"onlyOurs,omitempty"`
}

// ReportedFinding is a finding of another scanner and what runs the component that it is
// about.
type ReportedFinding struct {
	vuln.Reported
	Sites []Site `json:"sites"`
}

// Open reports whether a report says what nothing here contradicts, about something that
// runs: an answer without it is not complete.
func (r *Reports) Open() bool {
	return len(r.Standing()) > 0
}

// Standing are those that only other scanners have, about what runs, and that nothing
// loaded here contradicts.
func (r *Reports) Standing() []ReportedFinding {
	if r == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.OnlyTheirs), func(f ReportedFinding) bool { return f.Contradicted || len(f.Sites) == 0 })
}

// Reports holds the reports of other scanners against our findings; nil where none were
// read. With a query, only what is about it is told.
func (s *Snapshot) Reports(ctx context.Context, q *Query) (*Reports, error) {
	if s.in.Reported == nil {
		return nil, nil //nolint:nilnil // none were read
	}
	reported := s.in.Reported
	if q != nil && q.advisory != "" {
		ids := s.namesOf(q.advisory)
		reported = slices.DeleteFunc(slices.Clone(reported), func(x vuln.Reported) bool { return !x.Names(ids...) })
	}
	ours, db, err := s.scanned(ctx)
	if err != nil {
		return nil, err
	}
	docs := make([]*sbom.Document, len(s.docs.docs))
	for i, d := range s.docs.docs {
		docs[i] = d.Document
	}
	r := vuln.Reconcile(ours, reported, db, docs)
	out := &Reports{Agreed: r.Agreed, OnlyTheirs: s.placed(r.OnlyTheirs), Cleared: s.placed(r.Cleared)}
	switch {
	case q == nil:
		out.OnlyOurs = len(r.OnlyOurs)
	case q.advisory == "":
		f, err := s.find(ctx, *q)
		if err != nil {
			return nil, err
		}
		out.Agreed = 0 // what agrees is among the answer's own
		out.OnlyTheirs, out.Cleared = s.within(f, out.OnlyTheirs), s.within(f, out.Cleared)
	}
	return out, nil
}

// namesOf are the identifiers of a vulnerability.
func (s *Snapshot) namesOf(id string) []string {
	ids := []string{id}
	if s.in.Database != nil {
		if g, ok := s.in.Database.Lookup(id); ok {
			ids = append(append(ids, g.ID), g.Aliases...)
		}
	}
	return ids
}

// reports reports whether another scanner names a vulnerability.
func (s *Snapshot) reports(id string) bool {
	return slices.ContainsFunc(s.in.Reported, func(x vuln.Reported) bool { return x.Names(id) })
}

// scanned are our own findings of all documents, as statements leave them.
func (s *Snapshot) scanned(ctx context.Context) (*vuln.Report, *vuln.Database, error) {
	db := s.in.Database
	if db == nil {
		var err error
		db, err = vuln.NewDatabase(nil, vuln.Options{})
		return &vuln.Report{}, db, err
	}
	images := make([][]ident.Digest, len(s.docs.docs))
	for _, w := range s.workloads {
		for _, im := range w.images {
			for _, d := range im.join.docs {
				images[d.at] = append(images[d.at], im.Digests...)
			}
		}
	}
	out := &vuln.Report{}
	for at, row := range s.assessments() {
		if err := ctx.Err(); err != nil {
			return nil, nil, context.Cause(ctx)
		}
		d := s.docs.docs[at]
		artifact := vuln.ArtifactOf(d.Document, images[at]...)
		for i, a := range row {
			if a == nil {
				continue
			}
			for _, f := range a.Findings {
				f.PURL = d.Components[i].PURL
				s.in.Intelligence.Judge(&f, artifact, &d.Components[i])
				out.Findings = append(out.Findings, f)
			}
			out.Unmatched = append(out.Unmatched, a.Unmatched...)
		}
	}
	return out, db, nil
}

// placed adds what runs the components.
func (s *Snapshot) placed(list []vuln.Reported) []ReportedFinding {
	runs := map[int][]Site{} // by document
	for _, w := range s.workloads {
		for _, im := range w.images {
			for _, d := range im.join.docs {
				runs[d.at] = append(runs[d.at], Site{Workload: w.Ref, Zone: w.zone, Owner: w.owner, Contact: w.contact, Container: im.Container, Image: im.Image.Image,
					SBOM: s.match(im, d)})
			}
		}
	}
	out := make([]ReportedFinding, 0, len(list))
	for _, x := range list {
		f := ReportedFinding{Reported: x, Sites: []Site{}}
		for _, at := range x.In {
			c := &s.docs.docs[at.Document].Components[at.Component]
			for _, site := range runs[at.Document] {
				site.PURL, site.Name, site.Version, site.Pointer = c.PURL, fullName(c), c.Version, c.Pointer
				f.Sites = append(f.Sites, site)
			}
		}
		f.Sites = SortSites(f.Sites)
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b ReportedFinding) int {
		return cmp.Or(boolOrder(len(a.Sites) > 0, len(b.Sites) > 0), boolOrder(!a.Contradicted, !b.Contradicted), cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.IDs[0], b.IDs[0]))
	})
	return out
}

// within leaves those that are about what a query found: its components, its documents,
// or what its workload runs.
func (s *Snapshot) within(f *search, list []ReportedFinding) []ReportedFinding {
	type at struct {
		doc   *document
		index int
	}
	is := map[at]bool{}
	for _, h := range f.hits {
		is[at{h.doc, h.index}] = true
	}
	return slices.DeleteFunc(list, func(x ReportedFinding) bool {
		if !f.workload.IsZero() {
			return !slices.ContainsFunc(x.Sites, func(y Site) bool { return y.Workload == f.workload })
		}
		return !slices.ContainsFunc(x.In, func(c vuln.ComponentAt) bool {
			d := s.docs.docs[c.Document]
			return f.whole[d] || is[at{d, c.Component}]
		})
	})
}
