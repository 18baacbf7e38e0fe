package segment

// filed finds, of the atoms that are not of one namespace, those that may match a
// class: an atom whose selectors want one of some values of a label, of the pod or
// of its namespace or of both, is filed under these, so that a class asks of it
// only if it has them.
type filed struct {
	n         int // of them, those that are filed
	under     map[wanted][]int
	undecided []int // want no value
}

// wanted is a label of a pod and one of its namespace; the zero label is any.
type wanted struct{ pod, ns labelled }

type labelled struct{ key, value string }

// maxWanted bounds under how many pairs of labels an atom is filed.
const maxWanted = 64

// candidates appends the atoms that may match a class of pods, in no particular
// order.
func (a *atoms) candidates(out []int, c *class) []int {
	out = append(out, a.inNS[c.ns]...)
	n := &a.m.Namespaces[c.ns]
	if !n.Declared { // it may have any label
		return append(out, a.elsewhere...)
	}
	a.fileElsewhere()
	out = append(out, a.filed.undecided...)
	for k, v := range n.Labels {
		out = append(out, a.filed.under[wanted{ns: labelled{k, v}}]...)
	}
	for k, v := range a.m.Endpoints[c.rep].Labels {
		w := wanted{pod: labelled{k, v}}
		out = append(out, a.filed.under[w]...)
		for k, v := range n.Labels {
			w.ns = labelled{k, v}
			out = append(out, a.filed.under[w]...)
		}
	}
	return out
}

// fileElsewhere files the atoms that came since it was last asked.
func (a *atoms) fileElsewhere() {
	f := &a.filed
	if f.under == nil {
		f.under = make(map[wanted][]int)
	}
	for ; f.n < len(a.elsewhere); f.n++ {
		at := a.elsewhere[f.n]
		def := &a.defs[at]
		var pods, namespaces []labelled
		if def.union == nil && def.peer.Kind == PeerPods {
			pods, namespaces = def.peer.Pods.Pods.values(), def.peer.Pods.Namespaces.values()
		}
		if len(pods) > 0 && len(namespaces) > maxWanted/len(pods) {
			namespaces = nil
		}
		switch {
		case len(pods)+len(namespaces) == 0:
			f.undecided = append(f.undecided, at)
			continue
		case len(pods) == 0:
			pods = []labelled{{}}
		case len(namespaces) == 0:
			namespaces = []labelled{{}}
		}
		for _, p := range pods {
			for _, n := range namespaces {
				f.under[wanted{p, n}] = append(f.under[wanted{p, n}], at)
			}
		}
	}
}

// values lists the labels of which a selector wants one: those of a requirement of
// the fewest values; none if it wants no value.
func (s Selector) values() []labelled {
	best := -1
	for i := range s {
		if s[i].Op == In && (best < 0 || len(s[i].Values) < len(s[best].Values)) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	out := make([]labelled, len(s[best].Values))
	for i, v := range s[best].Values {
		out[i] = labelled{s[best].Key, v}
	}
	return out
}
