package segment

// filed finds, of the atoms that are not of one namespace, those that may match a
// class: an atom whose selector wants one of some values of a label is filed under
// these, so that a class asks of it only if it has one.
type filed struct {
	n         int // of them, those that are filed
	pod, ns   map[labelled][]int
	undecided []int // ask for no value
}

type labelled struct{ key, value string }

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
	for k, v := range a.m.Endpoints[c.rep].Labels {
		out = append(out, a.filed.pod[labelled{k, v}]...)
	}
	for k, v := range n.Labels {
		out = append(out, a.filed.ns[labelled{k, v}]...)
	}
	return out
}

// fileElsewhere files the atoms that came since it was last asked.
func (a *atoms) fileElsewhere() {
	f := &a.filed
	if f.pod == nil {
		f.pod, f.ns = make(map[labelled][]int), make(map[labelled][]int)
	}
	for ; f.n < len(a.elsewhere); f.n++ {
		at := a.elsewhere[f.n]
		def := &a.defs[at]
		into, r := f.pod, (*Requirement)(nil)
		if def.union == nil && def.peer.Kind == PeerPods {
			if r = def.peer.Pods.Pods.value(); r == nil {
				into, r = f.ns, def.peer.Pods.Namespaces.value()
			}
		}
		if r == nil {
			f.undecided = append(f.undecided, at)
			continue
		}
		for _, v := range r.Values {
			k := labelled{r.Key, v}
			into[k] = append(into[k], at)
		}
	}
}

// value returns a requirement of one of the fewest values, or nil if the selector
// asks for none.
func (s Selector) value() *Requirement {
	best := -1
	for i := range s {
		if s[i].Op == In && (best < 0 || len(s[i].Values) < len(s[best].Values)) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	return &s[best]
}
