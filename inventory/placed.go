package inventory

import (
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Place is where a document counts: which workloads run what it is about, and
// which packages it lists.
type Place struct {
	Workloads []ident.Ref     // sorted
	PURLs     map[string]bool // as the document writes them
}

// Placed returns the place of the SBOM with a digest, and false where the
// snapshot has no such SBOM.
func (s *Snapshot) Placed(digest ident.Digest) (*Place, bool) {
	out := &Place{PURLs: make(map[string]bool)}
	var docs []*document
	for _, d := range s.docs.docs {
		if d.Digest != digest {
			continue
		}
		docs = append(docs, d)
		out.PURLs[d.Subject.PURL] = true
		for i := range d.Components {
			out.PURLs[d.Components[i].PURL] = true
		}
	}
	if len(docs) == 0 {
		return nil, false
	}
	for _, w := range s.workloads {
		if slices.ContainsFunc(w.images, func(im *image) bool {
			return slices.ContainsFunc(docs, func(d *document) bool { return slices.Contains(im.join.docs, d) })
		}) {
			out.Workloads = append(out.Workloads, w.Ref)
		}
	}
	return out, true
}

// NotCovered returns the containers that no SBOM describes, so that nothing is
// known of what they hold.
func (s *Snapshot) NotCovered() []NotCovered { return s.notCovered() }
