package pick

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// QuarantineKey is the label that separates a workload where its own labels do not.
const QuarantineKey = "cofferdam.dev/quarantine"

// Pick is a selector over the pods of one namespace, and what it selects.
type Pick struct {
	Cluster, Namespace string
	Selector           segment.Selector
	// Exact is true where Selector selects all pods that were asked for and no
	// other: Also and Missing are empty.
	Exact bool
	// NamespaceWide is true where every pod of the namespace was asked for: the
	// empty selector would select the same pods, and whatever comes later.
	NamespaceWide bool
	// Also are neighbours of which it selects pods too, since labels cannot separate
	// them; sorted.
	Also []ident.Ref
	// Missing are those asked for of which there is no pod to select: none in the
	// model, or in another namespace than the first one's; sorted.
	Missing []ident.Ref
	// Quarantine is the label ("key=value") that would separate them if the pod
	// templates had it; "" where nothing needs separating.
	Quarantine string
	// NewPods says what it means for pods that do not exist yet.
	NewPods string
}

// Picker answers for one model. It may be used by many at once.
type Picker struct {
	m        *segment.Model
	spaces   []space // by namespace of the model
	workload [][]int // workload of the model → namespaces in which it has pods
}

// New takes note of the pods of a model, which must not change afterwards:
// finished pods are not in it, and a workload without pods has its template there.
// The template of a workload that has pods counts as one of them: its next pods
// have those labels. A namespace is indexed when it is first asked about.
func New(m *segment.Model) *Picker {
	p := &Picker{m: m, spaces: make([]space, len(m.Namespaces)), workload: make([][]int, len(m.Workloads))}
	for i := range m.Endpoints {
		e := &m.Endpoints[i]
		s := &p.spaces[e.Namespace]
		s.pods = append(s.pods, i)
		if !slices.Contains(p.workload[e.Workload], e.Namespace) {
			p.workload[e.Workload] = append(p.workload[e.Workload], e.Namespace)
		}
	}
	return p
}

// space returns the index of a namespace.
func (p *Picker) space(ns int) *space {
	s := &p.spaces[ns]
	s.once.Do(func() {
		for _, i := range s.pods {
			s.add(p.m.Endpoints[i].Labels, p.m.Endpoints[i].Workload)
		}
		pods := len(s.members)
		for i := range pods {
			w := s.members[i].workload
			if i > 0 && s.members[i-1].workload == w || len(p.m.Workloads[w].Labels) == 0 || len(p.workload[w]) > 1 {
				continue
			}
			if maps.Equal(s.members[i].labels, p.m.Workloads[w].Labels) {
				continue // that pod is as the next one will be
			}
			s.add(p.m.Workloads[w].Labels, w)
		}
	})
	return s
}

// Pick finds the selector for workloads of one namespace, given as positions in
// Model.Workloads. What lies in another namespace than the first one that has
// pods is Missing. Where none has any, Selector is nil, and so selects
// everything: ask for Missing or Exact first.
func (p *Picker) Pick(workloads []int) Pick { return p.pick(workloads, nil, false) }

// Selectable reports whether Pick of a workload alone would find pods to select,
// all in one namespace: nothing is Missing.
func (p *Picker) Selectable(workload int) bool { return len(p.workload[workload]) == 1 }

// Within is Pick among those pods only that a selector selects, which stays in
// force beside what is picked: pods that it does not select need no separating,
// and NamespaceWide says that it selects nobody else. It prefers few requirements
// to equalities, since what is excluded is said by Not.
func (p *Picker) Within(universe segment.Selector, workloads []int) Pick {
	return p.pick(workloads, universe, true)
}

func (p *Picker) pick(workloads []int, universe segment.Selector, short bool) Pick {
	asked := make(map[int]bool, len(workloads))
	ns := -1
	var out Pick
	for _, w := range workloads {
		if ns < 0 && len(p.workload[w]) > 0 {
			ns = p.workload[w][0]
		}
	}
	for _, w := range workloads {
		asked[w] = true
		if ns < 0 || !slices.Equal(p.workload[w], []int{ns}) {
			out.Missing = append(out.Missing, p.m.Workloads[w].Ref)
		}
	}
	slices.SortFunc(out.Missing, ident.Ref.Compare)
	out.Missing = slices.Compact(out.Missing)
	if ns < 0 {
		return out
	}
	s := p.space(ns)
	out.Cluster, out.Namespace = p.m.Namespaces[ns].Cluster, p.m.Namespaces[ns].Name
	want, among := newBits(len(s.groups)), newBits(len(s.groups))
	out.NamespaceWide = true
	for i := range s.members {
		x := &s.members[i]
		if !universe.Matches(x.labels) {
			continue
		}
		among.set(x.group)
		if asked[x.workload] {
			want.set(x.group)
		} else {
			out.NamespaceWide = false
		}
	}
	got, release := s.choose(want, among, short)
	out.Selector = segment.NewSelector(got.reqs)
	for i := range s.members {
		if x := &s.members[i]; !asked[x.workload] && got.keeps.has(x.group) && universe.Matches(x.labels) {
			out.Also = append(out.Also, p.m.Workloads[x.workload].Ref)
		}
	}
	slices.SortFunc(out.Also, ident.Ref.Compare)
	out.Also = slices.Compact(out.Also)
	out.Exact = len(out.Also)+len(out.Missing) == 0
	if len(out.Also) > 0 {
		out.Quarantine = QuarantineKey + "=" + p.quarantine(s, workloads)
	}
	out.NewPods = newPods(&out, release)
	return out
}

// quarantine makes a label value that no pod of the namespace has.
func (p *Picker) quarantine(s *space, workloads []int) string {
	first := slices.MinFunc(workloads, func(a, b int) int { return p.m.Workloads[a].Ref.Compare(p.m.Workloads[b].Ref) })
	name := labelValue(p.m.Workloads[first].Ref.Name)
	for value, n := name, 2; ; n++ {
		if _, taken := s.values[QuarantineKey][value]; !taken {
			return value
		}
		value = name + "-" + string(appendInt(nil, n))
	}
}

// labelValue makes a valid label value of a name, with room for a number.
func labelValue(name string) string {
	const most = validation.LabelValueMaxLength - 8
	b := []byte(name[:min(len(name), most)])
	for i, c := range b {
		if !segment.ValidLabelValue("a" + string(rune(c)) + "a") {
			b[i] = '-'
		}
	}
	if v := strings.Trim(string(b), "-_."); v != "" {
		return v
	}
	return "workload"
}

// newPods says what the selector means for pods to come.
func newPods(p *Pick, release []string) string {
	var b strings.Builder
	open := slices.ContainsFunc(p.Selector, func(r segment.Requirement) bool { return r.Op == segment.NotIn || r.Op == segment.DoesNotExist })
	closed := slices.ContainsFunc(p.Selector, func(r segment.Requirement) bool { return r.Op == segment.In || r.Op == segment.Exists })
	switch {
	case len(p.Selector) == 0:
		b.WriteString("every new pod in namespace " + p.Namespace + " is selected")
	case open && !closed:
		b.WriteString("every new pod in namespace " + p.Namespace + " is selected unless its labels are named here: " + p.Selector.String())
	default:
		b.WriteString("a new pod in namespace " + p.Namespace + " is selected if it has " + p.Selector.String() + ", whoever creates it")
	}
	if len(release) > 0 {
		b.WriteString("; " + strings.Join(release, ", ") + " changes with a release, and pods of the next one are selected only if the value stays")
	}
	return b.String()
}

// LabelSelector writes a selector as the API has it: equalities as matchLabels,
// one for each key, the rest as matchExpressions.
func LabelSelector(s segment.Selector) metav1.LabelSelector {
	ops := [...]metav1.LabelSelectorOperator{metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist}
	var out metav1.LabelSelector
	for _, r := range s {
		if _, twice := out.MatchLabels[r.Key]; r.Op == segment.In && len(r.Values) == 1 && !twice {
			if out.MatchLabels == nil {
				out.MatchLabels = make(map[string]string)
			}
			out.MatchLabels[r.Key] = r.Values[0]
			continue
		}
		out.MatchExpressions = append(out.MatchExpressions, metav1.LabelSelectorRequirement{Key: r.Key, Operator: ops[r.Op&3], Values: slices.Clone(r.Values)})
	}
	return out
}

// Not returns what a selector does not select, as selectors of which no labels
// match two. For the empty selector, which selects everything, there is none.
func Not(s segment.Selector) []segment.Selector {
	inverse := [...]segment.Operator{segment.In: segment.NotIn, segment.NotIn: segment.In, segment.Exists: segment.DoesNotExist, segment.DoesNotExist: segment.Exists}
	var out []segment.Selector
	for i, r := range s {
		r.Op = inverse[r.Op&3]
		out = append(out, segment.NewSelector(append(slices.Clone(s[:i]), r)))
	}
	return out
}
