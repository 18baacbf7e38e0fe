package cyclonedx

import (
	"github.com/cofferdam-io/cofferdam/internal/textset"
	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/sbom"
)

// handing is what a builder knows of components that it hands over (Options.Each).
type handing struct {
	ids     textset.Set // bom-refs, the subject's too
	subject string      // the subject's, where it bears it first
	one     sbom.Component
	lists   sbom.Component // whose lists the next one is read into
}

// handedOver stands for the index of a component that was handed over.
const handedOver int32 = -3

// next returns an empty component, with the memory of the last one's lists.
func (h *handing) next() *sbom.Component {
	h.one = sbom.Component{CPEs: h.lists.CPEs[:0], Hashes: h.lists.Hashes[:0], Licenses: h.lists.Licenses[:0], Locations: h.lists.Locations[:0]}
	return &h.one
}

// hand hands over what was read into next's component.
func (h *handing) hand(each func(*sbom.Component)) {
	c := &h.one
	h.lists = sbom.Component{CPEs: c.CPEs, Hashes: c.Hashes, Licenses: c.Licenses, Locations: c.Locations}
	c.DropEmpty()
	each(c)
}

// releaseAtOnce is how many bytes of components are released at once.
const releaseAtOnce = 4 << 20

// releases is the stretch of components that was released. It begins in the list at the
// top, and goes on in those within its components.
type releases struct {
	to int // where it ends, or will begin; 0 outside of that list
	by *jsonscan.Reader
}

// component is told that r has come to the next component.
func (s *releases) component(r *jsonscan.Reader, atOnce int) {
	at := r.Offset()
	if s.to == 0 || at-s.to < atOnce {
		return
	}
	s.tell(r)
	r.Release(s.to)
	s.to, s.by = at, r
}

// tell tells another Reader of the document what was released.
func (s *releases) tell(r *jsonscan.Reader) {
	if s.by != nil && s.by != r {
		r.Without(s.by)
	}
}
