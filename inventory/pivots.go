package inventory

import (
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
// among them: nobody knows that nothing in it can be exploited.
func (s *Snapshot) Clean() []Clean {
	return s.without(func(a *vuln.Assessment) bool { return len(a.Findings) > 0 },
		"no loaded advisory affects any of its %d components, and all of them could be compared")
}

// Unexploited lists the workloads that are as Clean, but that what is found there
// is in no catalogue of vulnerabilities known to be exploited; none where no
// catalogue was read.
func (s *Snapshot) Unexploited() []Clean {
	if s.in.Intelligence == nil || s.in.Intelligence.Exploited == nil {
		return nil
	}
	known := s.in.Intelligence.Exploited
	return s.without(func(a *vuln.Assessment) bool {
		return slices.ContainsFunc(a.Findings, func(f vuln.Finding) bool { _, is := known.Of(&f); return is })
	}, "nothing that is known to be exploited affects any of its %d components by the loaded advisories and the catalogue of "+known.Released.Format(time.DateOnly)+
		", and all of them could be compared")
}

// without lists the workloads of which everything is known, and no component of
// which counts; why says so of a number of components.
func (s *Snapshot) without(counts func(*vuln.Assessment) bool, why string) []Clean {
	if s.in.Database == nil || s.in.Database.Len() == 0 {
		return nil
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
		if ok {
			out = append(out, Clean{Workload: w.Ref, Why: fmt.Sprintf(why, components)})
		}
	}
	return out
}
