package segment

// Openings sets the bits of the workloads to which workload i may open something,
// certainly or perhaps, itself left out. Workloads are numbered as in Workloads;
// into has a bit for each, 64 to a word, and keeps the bits that it had.
func (g *Graph) Openings(i int, into []uint64) {
	t := g.newTally(ByWorkload)
	defer t.release()
	g.eachInside(t, g.endSide(ByWorkload, i), row, func(other uint32, r *reply) bool {
		if int(other) != i && len(r.edges) > 0 {
			into[other>>6] |= 1 << (other & 63)
		}
		return true
	})
}
