package segment

// Openings sets the bits of the workloads to which workload i may open something,
// certainly or perhaps, itself left out. Workloads are numbered as in Workloads;
// into has a bit for each, 64 to a word, and keeps the bits that it had.
func (g *Graph) Openings(i int, into []uint64) {
	own := into[i>>6] & (1 << (i & 63))
	for _, c := range g.workloads.of(i) {
		l := g.lineOf(int(c), row)
		bitset(into).or(g.opensTo(l.base))
		for _, d := range l.except { // they are granted more than the base says, never less
			g.addEnds(into, int(d))
		}
	}
	into[i>>6] = into[i>>6]&^(1<<(i&63)) | own
}

// opensTo returns the workloads with a pod that a base may open something to.
func (g *Graph) opensTo(b *base) bitset {
	if s := b.ends.Load(); s != nil {
		return *s
	}
	s := newBitset(g.workloads.inside())
	for d := range b.may.all() {
		g.addEnds(s, d)
	}
	b.ends.Store(&s)
	g.pool.mu.Lock()
	defer g.pool.mu.Unlock()
	g.pool.room(len(s))
	return s
}

// addEnds adds the workloads with pods of a class.
func (g *Graph) addEnds(into bitset, class int) {
	for end := range g.workloads.ends(class) {
		if int(end) < g.workloads.inside() {
			into.add(int(end))
		}
	}
}
