package tighten

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// rank orders what is declared: what nothing is declared about is medium.
func rank(criticality string) int {
	switch criticality {
	case "low":
		return 0
	case "high":
		return 2
	case "critical":
		return 3
	}
	return 1
}

// stages orders the roll-out: watch, then one namespace after the other, those
// first that matter least and that the fewest others depend on, and the policies
// that many share at the end.
func (s *solver) stages(plan *Plan) []Stage {
	if len(plan.objects) == 0 && len(lastRemoved(plan.Left)) == 0 {
		return []Stage{}
	}
	type space struct {
		cluster, name   string
		matters, depend int
		objects         []*object
		workloads       []ident.Ref
	}
	spaces := make(map[[2]string]*space)
	var order []*space
	for _, o := range plan.objects {
		key := [2]string{o.ref.Cluster, o.ref.Namespace}
		x := spaces[key]
		if x == nil {
			x = &space{cluster: key[0], name: key[1]}
			spaces[key] = x
			order = append(order, x)
		}
		x.objects = append(x.objects, o)
		if !slices.Contains(x.workloads, o.subject) {
			x.workloads = append(x.workloads, o.subject)
			x.matters = max(x.matters, rank(s.p.about(o.subject).Criticality))
		}
	}
	for _, x := range order {
		x.depend = s.dependents(x.cluster, x.name)
		slices.SortStableFunc(x.workloads, func(a, b ident.Ref) int {
			return cmp.Or(cmp.Compare(rank(s.p.about(a).Criticality), rank(s.p.about(b).Criticality)), cmp.Compare(s.clients(a), s.clients(b)), a.Compare(b))
		})
	}
	slices.SortFunc(order, func(a, b *space) int {
		return cmp.Or(cmp.Compare(a.matters, b.matters), cmp.Compare(a.depend, b.depend), cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.name, b.name))
	})
	out := []Stage{{Title: "observe",
		Do:    fmt.Sprintf("go on recording until the records cover what runs rarely: month's ends, restores, failovers; %s mentioned by no record so far", are(plan.Observed.Silent)),
		Watch: "make this proposal again with the longer records; a permission that is no longer listed as unused is in use"}}
	for _, x := range order {
		st := Stage{Title: "apply to " + x.name, Namespace: x.name, Workloads: x.workloads}
		for _, o := range x.objects {
			if o.removed {
				st.Remove = append(st.Remove, removal(o.ref))
			} else {
				st.Apply = append(st.Apply, o.file())
			}
		}
		st.Do = fmt.Sprintf("apply %s", counted(len(st.Apply), "file"))
		if len(st.Remove) > 0 {
			st.Do += fmt.Sprintf(", then delete %s", counted(len(st.Remove), "policy"))
		}
		st.Do += fmt.Sprintf("; %s of other namespaces were seen to connect here", counted(x.depend, "workload"))
		st.Watch = "connections from and to " + x.name + " that the network refuses, and restarts and failing probes there, for as long as the records cover; with newer records this command lists what was refused; the way back is to apply the files that were replaced"
		out = append(out, st)
	}
	last := Stage{Title: "remove what many share", Watch: "the same, in every namespace named here: these policies hid what the narrow ones lack"}
	for _, l := range plan.Left {
		if l.RemovedLast {
			last.Remove = append(last.Remove, removal(segment.PolicyRef{Kind: l.Kind, Cluster: l.Cluster, Namespace: l.Namespace, Name: l.Name}))
		}
	}
	if len(last.Remove) > 0 {
		last.Do = fmt.Sprintf("delete %s that only tightened workloads are selected by: until then these still allow what they did", counted(len(last.Remove), "policy"))
		out = append(out, last)
	}
	return out
}

func removal(r segment.PolicyRef) string {
	return strings.ToLower(r.Kind) + " " + r.Namespace + " " + r.Name
}

func are(n int) string {
	if n == 1 {
		return "1 workload is"
	}
	return strconv.Itoa(n) + " workloads are"
}

func counted(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "y"):
		return strconv.Itoa(n) + " " + strings.TrimSuffix(what, "y") + "ies"
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// clients counts the workloads that were seen to connect to one.
func (s *solver) clients(r ident.Ref) int {
	seen := make(map[ident.Ref]bool)
	for _, e := range s.p.Observed.In(r) {
		if e.Src != r && !e.Src.IsCIDR() && !e.Dropped() {
			seen[e.Src] = true
		}
	}
	return len(seen)
}

// dependents counts the workloads of other namespaces that were seen to connect to one.
func (s *solver) dependents(cluster, ns string) int {
	seen := make(map[ident.Ref]bool)
	for i := range s.p.Observed.Edges {
		e := &s.p.Observed.Edges[i]
		if e.Dst.Namespace == ns && e.Dst.Cluster == cluster && !e.Src.IsCIDR() && !e.Dropped() && (e.Src.Namespace != ns || e.Src.Cluster != cluster) {
			seen[e.Src] = true
		}
	}
	return len(seen)
}
