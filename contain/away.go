package contain

import (
	"maps"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// awayWeight is how many objects one counts as whose source is out of reach: whoever
// applies such a change has to find where it lasts, while a new object is kept as a
// file of its own.
const awayWeight = 10

// sourceAway says why the source of an object that was read is out of reach; "" if
// what was read may be its source.
func sourceAway(p *estate.Policy) string {
	switch k, elsewhere := p.Management.Elsewhere(); {
	case elsewhere:
		return k.String() + " keeps it, whose source is not in the input"
	case p.Dumped:
		return "it was read from a dump of the cluster, and its source is not in the input"
	}
	return ""
}

// away says why a change of the object cannot be made where it lasts; "" for a new
// object, and where the source is what was read.
func (o *object) away() string {
	if o.was == nil {
		return ""
	}
	if why := sourceAway(o.was); why != "" {
		return why
	}
	if o.unpatched != "" {
		return "its source cannot be edited: " + o.unpatched
	}
	return ""
}

// away are the objects that a candidate changes out of reach of their sources.
func (c *candidate) away() []*object {
	var out []*object
	for _, o := range c.objects {
		if o.away() != "" {
			out = append(out, o)
		}
	}
	return out
}

// weight counts a candidate's objects, each of those out of reach for awayWeight.
func (c *candidate) weight() int { return len(c.objects) + (awayWeight-1)*len(c.away()) }

// awayNote says what a candidate changes out of reach; "" if nothing.
func (c *candidate) awayNote() string {
	const most = 3
	var parts []string
	list := c.away()
	for i, o := range list {
		if i == most {
			parts = append(parts, counted(len(list)-most, "other object"))
			break
		}
		parts = append(parts, o.String()+" ("+o.away()+")")
	}
	if len(parts) == 0 {
		return ""
	}
	return "changes out of reach of the source: " + strings.Join(parts, ", ")
}

// sources says by workloads which ends can be changed where it lasts.
type sources struct {
	mixed  bool // some policies have their source within reach, and some not
	within [2]map[ident.Ref]bool
}

// within reports whether a NetworkPolicy isolates an end of connections, and all that
// do have their source within reach; of all ends, where that says nothing since it is
// the same of all policies.
func (s *solver) within(d segment.Gress, u int) bool {
	if s.sources == nil {
		s.sources = s.findSources()
	}
	return !s.sources.mixed || s.sources.within[d][s.n.refs[u]]
}

func (s *solver) findSources() *sources {
	out := &sources{}
	if s.p.Set == nil {
		return out
	}
	reached := make(map[segment.PolicyRef]bool, len(s.p.Set.NetworkPolicies))
	for i := range s.p.Set.NetworkPolicies {
		t := &s.p.Set.NetworkPolicies[i]
		reached[segment.PolicyRef{Kind: t.Policy.Kind, Cluster: t.Policy.Cluster, Namespace: t.Object.Namespace, Name: t.Object.Name}] = sourceAway(t.Policy) == ""
	}
	some := slices.Collect(maps.Values(reached))
	if out.mixed = slices.Contains(some, true) && slices.Contains(some, false); !out.mixed {
		return out
	}
	selections := s.p.Graph.Selections()
	barred := [2]map[ident.Ref]bool{{}, {}}
	out.within = [2]map[ident.Ref]bool{{}, {}}
	m := s.p.Graph.Model()
	for i := range m.Policies {
		p := &m.Policies[i]
		ok, known := reached[p.Ref()]
		for d, isolates := range p.Isolates {
			if !isolates || !known {
				continue
			}
			for _, r := range selections[p.Ref()] {
				if ok {
					out.within[d][r] = true
				} else {
					barred[d][r] = true
				}
			}
		}
	}
	for d := range barred {
		for r := range barred[d] {
			delete(out.within[d], r)
		}
	}
	return out
}
