package segment

// speaker is a pod that speaks for those of its workload that look alike: in
// one class, and on one node where that can matter.
type speaker struct {
	workload, endpoint int
	other              int  // another pod of the class and the workload; -1: there is none
	first              bool // of those of its class and workload
}

// listPods adds the changes of pods that those of workloads do not show: where a
// workload has pods that differ, or a pod and its own node are the ends.
func (x *policyDiff) listPods(d *difference, pairs []uint64) {
	wanted := newBitset(x.now.classes.len())
	for _, k := range pairs {
		wanted.add(int(k >> 32))
		wanted.add(int(uint32(k))) //nolint:gosec // the lower half
	}
	for _, subjects := range x.outside {
		wanted.or(subjects)
	}
	speakers := x.speakers(wanted)
	for _, k := range pairs {
		src, dst := int(k>>32), int(uint32(k)) //nolint:gosec // the lower half
		nodes := x.now.ownNodePair(src, dst) != No
		for _, a := range speakers[uint32(src)] { //nolint:gosec // a class number
			for _, b := range speakers[uint32(dst)] { //nolint:gosec // as above
				from, to := a.endpoint, b.endpoint
				switch {
				case !nodes && !(a.first && b.first):
					continue
				case from == to:
					to = a.other
				case a.workload != b.workload && !nodes && x.ofOneClass(a.workload) && x.ofOneClass(b.workload):
					continue // the workloads' change is theirs
				}
				if to >= 0 {
					d.between(x.podSide(x.old, from), x.podSide(x.old, to), x.podSide(x.now, from), x.podSide(x.now, to))
				}
			}
		}
	}
	for dir, kind := range []lineKind{Egress: row, Ingress: column} {
		for c := range x.outside[dir].all() {
			for _, a := range speakers[uint32(c)] { //nolint:gosec // a class number
				if !x.ofOneClass(a.workload) || !x.now.nodes.address.empty() {
					d.beyond(x.podSide(x.old, a.endpoint), x.podSide(x.now, a.endpoint), kind)
				}
			}
		}
	}
}

// speakers finds those of some classes.
func (x *policyDiff) speakers(wanted bitset) map[uint32][]speaker {
	type look struct {
		class    uint32
		workload int
		node     string
	}
	out := make(map[uint32][]speaker)
	at := make(map[look]int)
	first := make(map[look]int)
	for i := range x.now.m.Endpoints {
		c := x.now.classOf.at(i)
		if c == gone || !wanted.has(int(c)) {
			continue
		}
		e := &x.now.m.Endpoints[i]
		k := look{class: c, workload: e.Workload}
		if n, known := first[k]; known && out[c][n].other < 0 {
			out[c][n].other = i
		}
		full := k
		if x.now.freesOwnNode() {
			full.node = e.Node
		}
		if _, known := at[full]; known {
			continue
		}
		at[full] = len(out[c])
		_, known := first[k]
		if !known {
			first[k] = len(out[c])
		}
		out[c] = append(out[c], speaker{e.Workload, i, -1, !known})
	}
	return out
}

// ofOneClass reports whether all pods of a workload of the model look alike.
func (x *policyDiff) ofOneClass(workload int) bool {
	return len(x.now.workloads.classes.at(workload)) == 1
}

// podSide is the end of a question about one pod.
func (x *policyDiff) podSide(g *Graph, endpoint int) side {
	return side{ref: g.m.Endpoints[endpoint].Ref, classes: []uint32{g.classOf.at(endpoint)}, end: -1, by: ByPod, endpoint: endpoint}
}
