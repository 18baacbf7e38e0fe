package inventory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// Clean is a workload in which the loaded advisories find nothing, and leave
// nothing open.
type Clean struct {
	Workload ident.Ref
	Why      string
}

// Clean lists the workloads of which every container has an SBOM that is certain to
// be its own, every component of those can be compared with the loaded advisories,
// and none is affected; sorted. A workload of which any of it is not known is not
// among them: nobody knows that nothing in it can be exploited. Nor is one in which only
// another scanner finds something, unless what is loaded contradicts that. The error is
// the context's.
func (s *Snapshot) Clean(ctx context.Context) ([]Clean, error) {
	return s.without(ctx, func(a *vuln.Assessment) bool { return len(a.Findings) > 0 },
		func(*vuln.Finding) bool { return true },
		"no loaded advisory affects any of its %d components, and all of them could be compared")
}

// Exploited is the catalogue of vulnerabilities known to be exploited; nil where none was
// read.
func (s *Snapshot) Exploited() *vuln.Exploited {
	if s.in.Intelligence == nil {
		return nil
	}
	return s.in.Intelligence.Exploited
}

// Unexploited lists the workloads that are as Clean, but that what is found there
// is in no catalogue of vulnerabilities known to be exploited; none where no
// catalogue was read.
func (s *Snapshot) Unexploited(ctx context.Context) ([]Clean, error) {
	known := s.Exploited()
	if known == nil {
		return nil, nil
	}
	exploited := func(f *vuln.Finding) bool { _, is := known.Of(f); return is }
	return s.without(ctx, func(a *vuln.Assessment) bool {
		return slices.ContainsFunc(a.Findings, func(f vuln.Finding) bool { return exploited(&f) })
	}, exploited, "nothing that is known to be exploited affects any of its %d components by the loaded advisories and the catalogue of "+known.Released.Format(time.DateOnly)+
		", and all of them could be compared")
}

// without lists the workloads of which everything is known, and no component of
// which counts, by our own findings or by one that another scanner alone reports; why
// says so of a number of components.
func (s *Snapshot) without(ctx context.Context, counts func(*vuln.Assessment) bool, reported func(*vuln.Finding) bool, why string) ([]Clean, error) {
	if s.in.Database == nil || s.in.Database.Len() == 0 {
		return nil, nil
	}
	reports, err := s.Reports(ctx, nil)
	if err != nil {
		return nil, err
	}
	theirs := map[ident.Ref]bool{}
	for _, x := range reports.Standing() {
		if f := x.AsFinding(); reported(&f) {
			for _, site := range x.Sites {
				theirs[site.Workload] = true
			}
		}
	}
	found := s.assessments()
	documents := make(map[*document]bool, len(s.docs.docs))
	for _, d := range s.docs.docs {
		compared, ok := false, !d.Incomplete
		if subject, is := vuln.SubjectPackage(d.Document); is {
			a := s.in.Database.Assess(subject, d.Subject.OS)
			compared, ok = true, ok && !counts(a) && len(a.Unmatched) == 0
		}
		for i := range d.Components {
			c := &d.Components[i]
			if a := found[d.at][i]; a != nil && c.Type != "operating-system" {
				compared = true
				ok = ok && !counts(a) && len(a.Unmatched) == 0
			}
		}
		documents[d] = ok && compared // a list of nothing says nothing
	}
	var out []Clean
	for _, w := range s.workloads {
		components, ok := 0, len(w.images) > 0
		for _, im := range w.images {
			ok = ok && len(im.join.docs) > 0 && im.Unresolved == "" && im.join.match != matchTag
			for _, d := range im.join.docs {
				ok = ok && documents[d]
				components += len(d.Components)
			}
		}
		if ok && !theirs[w.Ref] {
			out = append(out, Clean{Workload: w.Ref, Why: fmt.Sprintf(why, components)})
		}
	}
	return out, nil
}
