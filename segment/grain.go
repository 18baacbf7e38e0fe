package segment

import (
	"iter"
	"slices"

	"github.com/cofferdam-io/cofferdam/ident"
)

// grain lists the ends of edges: its members, workloads or endpoints of the model
// by their numbers, in the order of their references, then the classes of
// addresses outside. Members keep their numbers when others come and go; ends do
// not, since they are the order.
type grain struct {
	workloads []Workload // what the members are numbers of: these,
	endpoints []Endpoint // or, by pod, these
	order     []uint32   // inside end → member
	rank      []uint32   // member → end; gone for one that is not there
	table     table      // references → members, among them some that are not there any more
	late      int        // members that are not in the table
	classes   lists[uint32]
	members   lists[uint32] // class of pods → members
	cells     []uint32      // the classes of addresses outside, those of the ends after the inside ones
}

// newGrain lists some workloads or, where there are none of them, endpoints. order
// becomes part of it.
func (g *Graph) newGrain(workloads []Workload, endpoints []Endpoint, order []uint32) grain {
	gr := grain{workloads: workloads, endpoints: endpoints, cells: make([]uint32, g.classes.len()-g.pods)}
	slices.SortStableFunc(order, gr.compare)
	gr.setOrder(order)
	gr.index()
	for i := range gr.cells {
		gr.cells[i] = uint32(g.pods + i) //nolint:gosec // a class number
	}
	return gr
}

// setOrder numbers the ends.
func (gr *grain) setOrder(order []uint32) {
	gr.order, gr.rank = order, make([]uint32, max(len(gr.workloads), len(gr.endpoints)))
	for m := range gr.rank {
		gr.rank[m] = gone
	}
	for end, m := range order {
		gr.rank[m] = uint32(end) //nolint:gosec // Build limits the number
	}
}

// index makes the table.
func (gr *grain) index() {
	gr.table, gr.late = newTable(len(gr.order)), 0
	for _, m := range slices.Backward(gr.order) { // of equal references the last is found first
		gr.table.put(gr.table.hashRef(gr.member(m)), int(m))
	}
}

func (gr *grain) compare(a, b uint32) int { return gr.member(a).Compare(*gr.member(b)) }

// member returns the reference of a member, for reading only.
func (gr *grain) member(m uint32) *ident.Ref {
	if gr.endpoints != nil {
		return &gr.endpoints[m].Ref
	}
	return &gr.workloads[m].Ref
}

// inside is the number of ends before those outside, and len that of all.
func (gr *grain) inside() int { return len(gr.order) }
func (gr *grain) len() int    { return len(gr.order) + len(gr.cells) }

// ref returns the reference of an inside end, for reading only.
func (gr *grain) ref(end int) *ident.Ref { return gr.member(gr.order[end]) }

// refs returns the references of the inside ends.
func (gr *grain) refs() []ident.Ref {
	out := make([]ident.Ref, len(gr.order))
	for end := range out {
		out[end] = *gr.ref(end)
	}
	return out
}

// find returns the end of a reference, -1 if there is none.
func (gr *grain) find(r *ident.Ref) int {
	if m := gr.seek(r); m != gone {
		return int(gr.rank[m])
	}
	return -1
}

// seek returns the member that has a reference, gone if there is none.
func (gr *grain) seek(r *ident.Ref) uint32 {
	h := gr.table.hashRef(r)
	for s := gr.table.first(h); s >= 0; s = gr.table.after(s, h) {
		m := uint32(gr.table.at(s)) //nolint:gosec // a member
		if *gr.member(m) == *r && gr.rank[m] != gone {
			return m
		}
	}
	if gr.late > 0 {
		return gr.seekLate(*r)
	}
	return gone
}

// seekLate searches among all, those that are not in the table, too.
func (gr *grain) seekLate(r ident.Ref) uint32 {
	end, found := slices.BinarySearchFunc(gr.order, r, func(m uint32, r ident.Ref) int { return gr.member(m).Compare(r) })
	if !found {
		return gone
	}
	return gr.order[end]
}

// of returns the classes of an end.
func (gr *grain) of(end int) []uint32 {
	if end < len(gr.order) {
		return gr.classes.at(int(gr.order[end]))
	}
	end -= len(gr.order)
	return gr.cells[end : end+1 : end+1]
}

// ends hands over the ends of a class, in no particular order.
func (gr *grain) ends(class int) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if len(gr.cells) > 0 && class >= int(gr.cells[0]) {
			yield(uint32(len(gr.order) + class - int(gr.cells[0]))) //nolint:gosec // an end
			return
		}
		for _, m := range gr.members.at(class) {
			if !yield(gr.rank[m]) {
				return
			}
		}
	}
}

// enlist adds members after those there were.
func (gr *grain) enlist(from, to uint32) {
	added := make([]uint32, 0, to-from)
	for m := from; m < to; m++ {
		gr.classes.push(nil)
		added = append(added, m)
	}
	slices.SortFunc(added, gr.compare)
	order := make([]uint32, 0, len(gr.order)+len(added))
	at := 0
	for _, m := range added {
		n, _ := slices.BinarySearchFunc(gr.order[at:], m, gr.compare)
		order = append(append(order, gr.order[at:at+n]...), m)
		at += n
	}
	gr.setOrder(append(order, gr.order[at:]...))
	if gr.late += len(added); gr.late > len(gr.order)/8 { // else a copy of the table would be most of what a change takes
		gr.index()
	}
}

// strike takes members out that have no classes any more.
func (gr *grain) strike(members []uint32) {
	out := newBitset(len(gr.rank))
	for _, m := range members {
		out.add(int(m))
	}
	gr.setOrder(slices.DeleteFunc(slices.Clone(gr.order), func(m uint32) bool { return out.has(int(m)) }))
}
