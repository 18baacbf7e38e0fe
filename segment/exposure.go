package segment

import (
	"net/netip"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Exposure says from where a workload can be reached from outside its cluster:
// the ways in that the input shows, each combined with the policies of the
// workload's pods. A way that the policies close is not listed.
func (g *Graph) Exposure(r ident.Ref) Exposure {
	s, err := g.side(r)
	if err != nil || s.end < 0 {
		return Exposure{Level: ExposedUnknown}
	}
	return g.exposure(s, 0)
}

// maxControllerDepth bounds controllers behind controllers: a load balancer in
// front of a gateway in front of an ingress controller.
const maxControllerDepth = 3

func (g *Graph) exposure(s side, depth int) Exposure {
	x := Exposure{Level: ExposedNone}
	if s.by == ByPod {
		s = g.endSide(ByWorkload, g.workloads.find(&g.m.Workloads[g.m.Endpoints[s.endpoint].Workload].Ref))
	}
	for _, i := range g.entriesOf[int(g.workloads.order[s.end])] {
		w := g.way(&g.m.Entries[i], s, depth)
		if w.Level == ExposedNone {
			continue
		}
		x.Ways = append(x.Ways, w)
		x.Level = moreExposed(x.Level, w.Level)
	}
	if x.Level == ExposedNone && slices.Contains(g.m.NotSeen, "Service") {
		// What leads in was not in the input; closed policies still close.
		public, private := g.outside(&Entry{}, s, g.ports.full)
		if mostOpen(public, private) != Denied {
			x.Level = ExposedUnknown
		}
	}
	return x
}

// moreExposed orders levels: internet, then unknown (which may be internet),
// then internal, then none.
func moreExposed(a, b ExposureLevel) ExposureLevel {
	rank := func(l ExposureLevel) int {
		return slices.Index([]ExposureLevel{ExposedNone, ExposedInternal, ExposedUnknown, ExposedInternet}, l)
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// way judges one entry.
func (g *Graph) way(e *Entry, s side, depth int) Way {
	w := Way{Kind: e.Kind, Object: e.Object, Conns: e.Conns, Level: ExposedNone}
	if len(e.Conns) == 0 {
		w.Conns = g.ports.conns(g.ports.full)
	}
	mask := g.maskOf(w.Conns)
	if e.Routed {
		g.routed(e, s, depth, mask, &w)
	} else {
		g.direct(e, s, mask, &w)
	}
	if e.Doubt != "" && w.Level != ExposedNone {
		w.Level, w.Reason = ExposedUnknown, e.Doubt
	}
	return w
}

func (g *Graph) maskOf(conns []Conn) []uint64 {
	mask := make([]uint64, g.ports.chunks)
	for _, c := range conns {
		g.ports.cover(mask, portRange{c.Protocol, c.From, c.To})
	}
	return mask
}

// direct judges a way on which the policies see addresses outside the cluster.
func (g *Graph) direct(e *Entry, s side, mask []uint64, w *Way) {
	public, private := g.outside(e, s, mask)
	if e.Internal {
		public, private = Denied, mostOpen(public, private)
	}
	switch {
	case public == Allowed:
		w.Level = ExposedInternet
	case public == Unknown:
		w.Level, w.Reason = ExposedUnknown, "whether its policies let outside addresses in is not known"
	case private == Allowed:
		w.Level = ExposedInternal
	case private == Unknown:
		w.Level, w.Reason = ExposedUnknown, "whether its policies let internal addresses in is not known"
	}
	open := make([]uint64, len(mask))
	for c := g.pods; c < g.classes.len(); c++ {
		if g.sourceAllowed(e, c) {
			res := g.policed(side{classes: []uint32{uint32(c)}, end: -1, endpoint: -1}, s) //nolint:gosec // a class number
			for i := range mask {
				open[i] |= res.may[i] & mask[i]
			}
		}
	}
	w.Conns = g.ports.conns(open)
}

// outside asks whether public and other outside addresses reach the workload on
// any port of mask.
func (g *Graph) outside(e *Entry, s side, mask []uint64) (public, private Verdict) {
	public, private = Denied, Denied
	for c := g.pods; c < g.classes.len(); c++ {
		if !g.sourceAllowed(e, c) {
			continue
		}
		res := g.policed(side{classes: []uint32{uint32(c)}, end: -1, endpoint: -1}, s) //nolint:gosec // a class number
		v := openOn(res, mask)
		if g.v.addresses.cells[g.classes.ref(c).cell].public {
			public = mostOpen(public, v)
		} else {
			private = mostOpen(private, v)
		}
	}
	return public, private
}

// sourceAllowed reports whether an entry admits a cell: source ranges are cuts
// of the address space, so a cell is wholly inside or wholly outside.
func (g *Graph) sourceAllowed(e *Entry, c int) bool {
	if g.classes.ref(c).cell < 0 {
		return false // an unused class
	}
	cell := &g.v.addresses.cells[g.classes.ref(c).cell]
	if cell.unnamed {
		return false // a node's address, of which the policies say what they say of those around it
	}
	if len(e.Sources) == 0 {
		return true
	}
	block := cell.block
	return slices.ContainsFunc(e.Sources, func(p netip.Prefix) bool { return contains(p.Masked(), block) })
}

func openOn(res answer, mask []uint64) Verdict {
	v := Denied
	for i := range mask {
		if res.must[i]&mask[i] != 0 {
			return Allowed
		}
		if res.may[i]&mask[i] != 0 {
			v = Unknown
		}
	}
	return v
}

func mostOpen(a, b Verdict) Verdict {
	switch {
	case a == Allowed || b == Allowed:
		return Allowed
	case a == Unknown || b == Unknown:
		return Unknown
	}
	return Denied
}

// routed judges a way through a controller that opens its own connection.
func (g *Graph) routed(e *Entry, s side, depth int, mask []uint64, w *Way) {
	if len(e.Controllers) > 0 {
		for _, m := range e.Controllers {
			g.through(e, g.endSide(ByWorkload, int(g.workloads.rank[m])), s, depth, mask, w)
		}
		return
	}
	// No controller was identified. If the policies let everything in on the
	// port, whoever the controller is gets through.
	public, private := g.outside(e, s, mask)
	pods := g.podsReach(s, mask)
	switch {
	case public == Allowed && pods == Allowed:
		w.Level = ExposedInternet
	case public == Denied && private == Denied && pods == Denied:
		return
	default:
		w.Level = ExposedUnknown
		w.Reason = "the controller that serves the route is not in the input, and the policies do not let everything in"
	}
	if e.Internal && w.Level == ExposedInternet {
		w.Level = ExposedInternal
	}
	// A workload that is itself open to outside and that the policies admit may
	// be the controller; it is named, not assumed.
	if w.Level == ExposedUnknown {
		for _, m := range g.candidates {
			c := g.endSide(ByWorkload, int(g.workloads.rank[m]))
			if c.end != s.end && openOn(g.between(c, s), mask) != Denied {
				w.Via = append(w.Via, c.ref)
			}
		}
	}
}

// podsReach says whether every (Allowed), some or doubtfully some (Unknown), or
// no pod of the cluster reaches the workload on a port of mask.
func (g *Graph) podsReach(s side, mask []uint64) Verdict {
	every, some := true, false
	for _, c := range s.classes {
		uni := g.universe[g.classes.ref(int(c)).cluster]
		seen := newBitset(g.classes.len())
		for chunk := range mask {
			for _, x := range g.line(int(c), column, chunk) {
				if x.out.may&mask[chunk] != 0 {
					some = true
				}
				if x.out.must&mask[chunk] != 0 {
					x.who.members().addTo(seen)
				}
			}
		}
		for o := range uni.all() {
			if o < g.pods && !seen.has(o) {
				every = false
				break
			}
		}
	}
	switch {
	case every:
		return Allowed
	case some:
		return Unknown
	}
	return Denied
}

// through judges the way by one controller: the controller's own exposure, and
// whether the policies let it reach the workload.
func (g *Graph) through(e *Entry, ctl, s side, depth int, mask []uint64, w *Way) {
	v := openOn(g.between(ctl, s), mask)
	if v == Denied || depth >= maxControllerDepth {
		return
	}
	level := g.exposure(ctl, depth+1).Level
	if level == ExposedNone {
		return
	}
	if e.Internal && level == ExposedInternet {
		level = ExposedInternal
	}
	if v == Unknown {
		level = ExposedUnknown
		w.Reason = "whether the controller " + ctl.ref.Short() + " may reach it is not known"
	}
	w.Level = moreExposed(w.Level, level)
	if !slices.Contains(w.Via, ctl.ref) {
		w.Via = append(w.Via, ctl.ref)
	}
}

// frameEntries indexes the ways in.
func (g *Graph) frameEntries() {
	g.entriesOf, g.candidates = make(map[int][]int), nil
	candidate := make(map[int]bool)
	for i := range g.m.Entries {
		e := &g.m.Entries[i]
		g.entriesOf[e.Workload] = append(g.entriesOf[e.Workload], i)
		if !e.Routed && !candidate[e.Workload] {
			candidate[e.Workload] = true
			g.candidates = append(g.candidates, e.Workload)
		}
	}
}

// Entrances returns the workloads that have any way in from outside, before
// policies, sorted.
func (g *Graph) Entrances() []ident.Ref {
	var out []ident.Ref
	for i, list := range g.entriesOf {
		if len(list) > 0 {
			out = append(out, g.m.Workloads[i].Ref)
		}
	}
	slices.SortFunc(out, ident.Ref.Compare)
	return out
}
