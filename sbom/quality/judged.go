package quality

import (
	"fmt"

	"github.com/cofferdam-io/cofferdam/sbom"
)

// judged is what is found out of a component alone, whatever document it stands in and
// whatever the policy. It lies beside components that their reader remembers (sbom.Known):
// images share most of what they hold.
type judged struct {
	row    row // relations are of the document, and not in it
	own    ownFaults
	faults []fault
	label  string
	kind   string // of its package URL; "" where there is none
	silent bool   // of no licence is anything asserted, and there is one
}

// fault is something that a check finds at a component by itself.
type fault struct {
	check   at
	message string
}

// ownFaults is what a component leaves to its document and to the policy.
type ownFaults struct {
	unresolved bool // it declares that its licence is not known: when that is a fault, a policy says
	comparable bool // its package URL is one and it has hashes, which others may contradict
}

// known returns what is known of a component from another document; nil where nobody
// remembers the component, or it was changed since, and of the subject.
func (v *view) known(index int32) *judged {
	if index == sbom.SubjectIndex {
		return nil
	}
	return v.remembered[index]
}

// remember looks up what is known of every component.
func (v *view) remember() {
	v.remembered = make([]*judged, len(v.d.Components))
	if v.d.Details == nil {
		return
	}
	for i := range v.d.Components {
		if c := &v.d.Components[i]; c.Known != nil && unchanged(c, &c.Known.Component) {
			v.remembered[i] = v.judgeKnown(&c.Known.Component, c.Known, int32(i)) //nolint:gosec // decoders bound it
		}
	}
}

func (v *view) judgeKnown(c *sbom.Component, of *sbom.Known, index int32) *judged {
	if j, ok := of.Judged.Load().(*judged); ok {
		return j
	}
	j := &judged{label: label(c), silent: unresolved(c)}
	j.kind = purlType(c.PURL)
	v.judgeAlone(c, index, &j.row)
	j.own = v.inspectAlone(c, index, func(check at, format string, args ...any) {
		j.faults = append(j.faults, fault{check, fmt.Sprintf(format, args...)})
	})
	of.Judged.Store(j)
	return j
}

// label is how a person knows a component.
func (v *view) label(index int32) string {
	if j := v.known(index); j != nil {
		return j.label
	}
	l, ok := v.labels[index]
	if !ok {
		l = label(v.component(index))
		v.labels[index] = l
	}
	return l
}

// unchanged reports whether a component still says what was remembered, as far as it is
// judged by it.
func unchanged(c, was *sbom.Component) bool {
	return c.Name == was.Name && c.Version == was.Version && c.PURL == was.PURL && c.Group == was.Group && c.ID == was.ID &&
		c.Supplier == was.Supplier && c.Origin == was.Origin && c.Details == was.Details &&
		shared(c.CPEs, was.CPEs) && shared(c.Hashes, was.Hashes) && shared(c.Licenses, was.Licenses)
}

// shared reports whether two lists are one.
func shared[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
