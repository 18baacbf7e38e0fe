package segment

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
)

// Isolation says per direction whether a NetworkPolicy selects every pod of a
// workload, or a ClusterNetworkPolicy denies every other pod by default: only
// then does nothing pass but what rules list. A reference that names no workload
// or pod is unknown in both.
func (g *Graph) Isolation(r ident.Ref) Isolation {
	s, err := g.side(r)
	if err != nil || s.end < 0 {
		return Isolation{}
	}
	return Isolation{Ingress: g.isolation(s, Ingress), Egress: g.isolation(s, Egress)}
}

func (g *Graph) isolation(s side, d Gress) Answer {
	a := Yes
	if len(s.classes) == 0 {
		return Maybe
	}
	for _, c := range s.classes {
		if g.isolated[d].has(int(c)) || g.deniedByDefault(int(c), d) {
			continue
		}
		if g.perhapsIsolated[d].has(int(c)) {
			a = Maybe
		}
		for i := range g.taints {
			if t := &g.taints[i]; t.t.CanDeny && t.t.Gress[d] && t.who.has(int(c)) {
				a = Maybe
			}
		}
		if a != Maybe {
			return No
		}
	}
	return a
}

// deniedByDefault reports whether a rule of the Admin or Baseline tier denies
// class c all ports from (or to) every pod of its cluster.
func (g *Graph) deniedByDefault(c int, d Gress) bool {
	var others bitset
	for _, t := range orderedTiers() {
		for _, i := range g.tiers[t] {
			p := g.policies.at(i)
			if !g.atoms.at(p.subject).must.has(c) {
				continue
			}
			for j := range p.rules[d] {
				r := &p.rules[d][j]
				if r.r.Action != Deny || !g.specs[r.spec].all {
					continue
				}
				if others == nil {
					others = slices.Clone(g.universe[g.classes.ref(c).cluster])
					others.and(g.allPods)
					others.andNot(g.nodes.hosts)
				}
				who := newBitset(g.classes.len())
				for _, at := range r.peers {
					g.atoms.at(at).must.addTo(who)
				}
				if others.within(who) {
					return true
				}
			}
		}
	}
	return false
}

// PoliciesOf returns the policies that select any pod of a workload, one entry
// for each direction that they filter, in the order of evaluation. Rule is -1.
func (g *Graph) PoliciesOf(r ident.Ref) []RuleRef {
	s, err := g.side(r)
	if err != nil || s.end < 0 {
		return nil
	}
	var out []RuleRef
	for _, p := range g.ordered() {
		if !slices.ContainsFunc(s.classes, func(c uint32) bool { return membership(g.atoms.at(p.subject), int(c)) != No }) {
			continue
		}
		for _, d := range []Gress{Egress, Ingress} {
			if p.filters(d) {
				out = append(out, p.p.ref(d, nil))
			}
		}
	}
	return out
}

// Selected returns the workloads of which a policy may select a pod, sorted.
func (g *Graph) Selected(r PolicyRef) []ident.Ref {
	ends := newBitset(g.workloads.inside())
	for i := range g.policies.len() {
		if p := g.policies.at(i); p != nil && p.p.Ref() == r {
			g.addSubjects(ends, p)
		}
	}
	return g.refsOf(ends)
}

// Selections returns for every policy that is enforced what Selected does.
func (g *Graph) Selections() map[PolicyRef][]ident.Ref {
	sets := make(map[PolicyRef]bitset, g.policies.len())
	for i := range g.policies.len() {
		p := g.policies.at(i)
		if p == nil {
			continue
		}
		r := p.p.Ref()
		if sets[r] == nil {
			sets[r] = newBitset(g.workloads.inside())
		}
		g.addSubjects(sets[r], p)
	}
	out := make(map[PolicyRef][]ident.Ref, len(sets))
	for r, ends := range sets {
		out[r] = g.refsOf(ends)
	}
	return out
}

// addSubjects adds the workloads of which a policy may select a pod.
func (g *Graph) addSubjects(ends bitset, p *compiled) {
	for _, c := range g.atoms.at(p.subject).classes() {
		g.addEnds(ends, int(c))
	}
}

func (g *Graph) refsOf(ends bitset) []ident.Ref {
	var out []ident.Ref
	for end := range ends.all() {
		out = append(out, *g.workloads.ref(end))
	}
	return out
}

// Segment is a set of workloads that no rule tells apart.
type Segment struct {
	// Name is what a person would call it: "shop/web" for one workload, "shop/*"
	// for a whole namespace, "shop/tier=web" for common labels.
	Name    string      `json:"name"`
	Members []ident.Ref `json:"members"` // sorted
}

// Segments returns the workloads grouped by how the rules see them: selected by
// the same policies, matched by the same peers, with the same meaning of port
// names. Every workload is in exactly one.
func (g *Graph) Segments() []Segment {
	signature := g.visible()
	gr := &g.workloads
	index := make(map[string]int)
	var groups [][]int
	for end := range gr.inside() {
		sigs := make([]string, 0, len(gr.of(end)))
		for _, c := range gr.of(end) {
			sigs = append(sigs, signature[c])
		}
		slices.Sort(sigs)
		key := strings.Join(slices.Compact(sigs), "\xff")
		i, ok := index[key]
		if !ok {
			i = len(groups)
			index[key] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], end)
	}
	perNamespace := make(map[[2]string]int)
	for end := range gr.inside() {
		r := gr.ref(end)
		perNamespace[[2]string{r.Cluster, r.Namespace}]++
	}
	out := make([]Segment, 0, len(groups))
	names := make(map[string]int)
	for _, ends := range groups {
		s := Segment{Name: g.segmentName(ends, perNamespace)}
		for _, e := range ends {
			s.Members = append(s.Members, *gr.ref(e))
		}
		names[s.Name]++
		if n := names[s.Name]; n > 1 {
			s.Name += " (" + strconv.Itoa(n) + ")"
		}
		out = append(out, s)
	}
	slices.SortStableFunc(out, func(a, b Segment) int { return a.Members[0].Compare(b.Members[0]) })
	return out
}

// visible writes for each class everything that rules can see of it.
func (g *Graph) visible() []string {
	sig := make([][]byte, g.pods)
	for c := range g.pods {
		sig[c] = binary.AppendUvarint(sig[c], uint64(g.classes.ref(c).cluster)) //nolint:gosec // an index
		if g.classes.ref(c).host {
			sig[c] = append(sig[c], 'h')
		}
	}
	mark := func(kind byte, i int, who members) {
		for c := range who.all() {
			if c < g.pods {
				sig[c] = append(sig[c], kind)
				sig[c] = binary.AppendUvarint(sig[c], uint64(i)) //nolint:gosec // an index
			}
		}
	}
	policies := g.ordered()
	for i, p := range policies {
		mark('s', i, g.atoms.at(p.subject).must)
		mark('S', i, g.atoms.at(p.subject).maybe)
	}
	used := make(map[int]bool)
	named := make([]bool, len(g.named)) // after changes not every name is used
	for _, p := range policies {
		for _, rules := range p.rules {
			for j := range rules {
				for _, at := range rules[j].peers {
					used[at] = true
				}
				for _, u := range g.specs[rules[j].spec].named {
					named[u] = true
				}
			}
		}
	}
	for at := range g.atoms.len() {
		if used[at] {
			mark('p', at, g.atoms.at(at).must)
			mark('P', at, g.atoms.at(at).maybe)
		}
	}
	for u := range g.named {
		for i := range g.named[u] {
			if !named[u] {
				break
			}
			mark('n', u<<16|i, g.named[u][i].who)
		}
	}
	for i := range g.taints {
		mark('t', i, members{bits: g.taints[i].who})
	}
	out := make([]string, g.pods)
	for c := range sig {
		out[c] = string(sig[c])
	}
	return out
}

// RolloutLabel reports whether a label changes with every rollout or pod: it names
// nothing to a person, and a selector on it selects nothing tomorrow.
func RolloutLabel(k string) bool {
	switch k {
	case "pod-template-hash", "controller-revision-hash", "pod-template-generation", "statefulset.kubernetes.io/pod-name",
		"apps.kubernetes.io/pod-index", "controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name",
		"batch.kubernetes.io/job-completion-index":
		return true
	}
	return false
}

func (g *Graph) segmentName(ends []int, perNamespace map[[2]string]int) string {
	gr := &g.workloads
	first := gr.ref(ends[0])
	if len(ends) == 1 {
		return first.Short()
	}
	var spaces []string
	for _, e := range ends {
		if ns := gr.ref(e).Namespace; !slices.Contains(spaces, ns) {
			spaces = append(spaces, ns)
		}
	}
	slices.Sort(spaces)
	if len(spaces) == 1 {
		if perNamespace[[2]string{first.Cluster, first.Namespace}] == len(ends) {
			return spaces[0] + "/*"
		}
		if l := g.commonLabels(ends); l != "" {
			return spaces[0] + "/" + l
		}
		return first.Short() + " and " + strconv.Itoa(len(ends)-1) + " more"
	}
	if len(spaces) <= 3 {
		return strings.Join(spaces, ", ")
	}
	if l := g.commonLabels(ends); l != "" {
		return l
	}
	return strings.Join(spaces[:2], ", ") + " and " + strconv.Itoa(len(spaces)-2) + " more namespaces"
}

// commonLabels returns up to two labels that all the workloads share.
func (g *Graph) commonLabels(ends []int) string {
	labels := func(end int) map[string]string { return g.m.Workloads[g.workloads.order[end]].Labels }
	var common []string
	for k, v := range labels(ends[0]) {
		same := !RolloutLabel(k)
		for _, e := range ends[1:] {
			if w, ok := labels(e)[k]; !ok || w != v {
				same = false
			}
		}
		if same {
			common = append(common, k+"="+v)
		}
	}
	slices.Sort(common)
	return strings.Join(common[:min(2, len(common))], ",")
}
