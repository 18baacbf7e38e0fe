package contain

import (
	"github.com/cofferdam-io/cofferdam/contain/cut"
	"github.com/cofferdam-io/cofferdam/ident"
)

func (s *solver) rewritten(id string, pairs []cut.Pair, at *cut.Enforced) ([]*object, error) {
	return nil, ident.Errorf(ident.KindUnsupported, "not written yet")
}
