package rewrite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/segment"
)

// side is one direction of one workload.
type side struct {
	workload int
	d        segment.Gress
}

// work is what is still to be cut.
type work struct {
	r       *Rewriter
	ctx     context.Context
	entries map[side][]entry
	hard    map[side]*hardening
	names   map[[3]string]bool // of new objects
	inside  []Change           // policies that keep the internet out where none isolates
}

// alone reports whether an edge could be cut if it were the only one, but for the
// dividing of policies.
func (w *work) alone(s side, x entry) *refusal {
	for _, p := range w.r.among[w.r.m.Endpoints[w.r.pods[s.workload][0]].Namespace] {
		if w.ctx.Err() != nil {
			return nil
		}
		if !p.read.Isolates[s.d] {
			continue
		}
		if pods := w.r.selected(p.read, s.workload); len(pods) > 0 {
			n := &narrowing{r: w.r, p: p, d: s.d, subject: pods, touched: make(map[int]bool)}
			rules := func() ([]rule, *refusal) { return n.rules([]entry{x}) }
			if h := w.hard[s]; h != nil {
				rules = func() ([]rule, *refusal) { return n.reduced(h) }
			}
			if _, err := rules(); err != nil {
				return err
			}
		}
	}
	return nil
}

// part is what a policy becomes for some of the workloads that it selects.
type part struct {
	spec      networkingv1.NetworkPolicySpec
	key       string // equal for equal specs
	changed   bool
	workloads []int
	entries   []entry
	notes     []string
}

// attempt rewrites every policy. Where it cannot, it names the edges that stand in
// the way, and why; the changes are then not complete.
func (w *work) attempt() ([]Change, map[int]*refusal) {
	var out []Change
	refused := make(map[int]*refusal)
	taken := maps.Clone(w.names)
	out = append(append(out, w.inside...), w.fresh()...)
	for _, p := range w.r.policies {
		if w.ctx.Err() != nil {
			return nil, nil
		}
		parts := w.parts(p, refused)
		if slices.ContainsFunc(parts, func(x *part) bool { return x.changed }) {
			out = append(out, w.divide(p, parts, taken, refused)...)
		}
	}
	return out, refused
}

// block refuses the edges of some entries.
func block(refused map[int]*refusal, entries []entry, why *refusal) {
	for _, e := range entries {
		if refused[e.edge] == nil {
			refused[e.edge] = why
		}
	}
}

// parts narrows a policy for each workload that it selects, and joins those for
// which it comes out the same. A policy that no edge concerns has none.
func (w *work) parts(p *policy, refused map[int]*refusal) []*part {
	var order []int
	pods := make(map[int][]int)
	concerned := false
	if p.ns >= 0 && slices.ContainsFunc(w.r.members[p.ns], func(e int) bool { return w.concerns(w.r.m.Endpoints[e].Workload) }) {
		for _, e := range w.r.members[p.ns] {
			if x := w.r.m.Endpoints[e].Workload; w.r.selects(p.read.Cluster, &p.read.Subject, e) {
				if pods[x] == nil {
					order = append(order, x)
				}
				pods[x] = append(pods[x], e)
				concerned = concerned || w.concerns(x)
			}
		}
	}
	if !concerned {
		return nil
	}
	was := &part{spec: p.typed.Object.Spec}
	parts := []*part{was}
	for _, x := range order {
		into := was
		if w.concerns(x) {
			now := w.narrowed(p, x, pods[x], refused)
			if len(now.entries) > 0 {
				i := slices.IndexFunc(parts, func(y *part) bool { return y.changed && y.key == now.key })
				if i < 0 {
					i = len(parts)
					parts = append(parts, now)
				} else {
					parts[i].entries = append(parts[i].entries, now.entries...)
				}
				into = parts[i]
			}
		}
		into.workloads = append(into.workloads, x)
	}
	if len(was.workloads) == 0 {
		parts = parts[1:]
	}
	return parts
}

// concerns reports whether an edge is to be cut at a workload.
func (w *work) concerns(workload int) bool {
	return len(w.entries[side{workload, segment.Egress}])+len(w.entries[side{workload, segment.Ingress}]) > 0
}

// narrowed is what a policy becomes for one workload.
func (w *work) narrowed(p *policy, workload int, pods []int, refused map[int]*refusal) *part {
	out := &part{spec: *p.typed.Object.Spec.DeepCopy(), changed: true}
	for d := range segment.Gress(2) {
		entries := w.entries[side{workload, d}]
		if len(entries) == 0 || !p.read.Isolates[d] {
			continue
		}
		n := &narrowing{r: w.r, p: p, d: d, subject: pods, touched: make(map[int]bool)}
		var rules []rule
		var err *refusal
		if h := w.hardenedOf(workload, d); h != nil {
			rules, err = n.reduced(h)
			n.touched[h.edge] = n.touched[h.edge] || err != nil
		} else {
			rules, err = n.rules(entries)
		}
		touched := slices.DeleteFunc(slices.Clone(entries), func(e entry) bool { return !n.touched[e.edge] })
		if err != nil {
			block(refused, touched, err)
			continue
		}
		if len(touched) == 0 {
			continue
		}
		setRules(p, &out.spec, d, rules)
		out.entries = append(out.entries, touched...)
		out.notes = append(out.notes, n.notes...)
	}
	out.key = keyOf(&out.spec)
	return out
}

func keyOf(s *networkingv1.NetworkPolicySpec) string {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Sprintf("%p", s) // not reached; equal to nothing else
	}
	return string(b)
}

// maxParts bounds the objects that one policy is divided into.
const maxParts = 32

// divide makes one object for each part. The first part stays in the object that
// there is; it is the one that did not change, if any did not. If a part cannot be
// selected by itself its edges are refused.
func (w *work) divide(p *policy, parts []*part, taken map[[3]string]bool, refused map[int]*refusal) []Change {
	old := p.typed.Object
	first := parts[0]
	change := func(spec *networkingv1.NetworkPolicySpec, from *part, name string, is *networkingv1.NetworkPolicy) Change {
		now := old.DeepCopy()
		if is == nil {
			now = &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: old.Namespace}}
		}
		now.TypeMeta = metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: kind}
		now.Spec = *spec.DeepCopy()
		return Change{Cluster: p.read.Cluster, Old: is, New: now, Policy: p.typed.Policy, Source: p.typed.Policy.Source,
			Why: w.why(from), Edges: edgesOf(from.entries), NewPods: from.notes}
	}
	if len(parts) == 1 {
		return []Change{change(&first.spec, first, old.Name, old)}
	}
	remain := []metav1.LabelSelector{old.Spec.PodSelector}
	var out []Change
	var away []entry
	var notes []string
	for _, x := range parts[1:] {
		picks, failed := w.r.separate(p, x.workloads)
		if len(failed) > 0 {
			for _, e := range x.entries {
				if err := failed[e.subject]; err != nil {
					block(refused, []entry{e}, err)
				}
			}
			continue
		}
		for i := range picks {
			sel, _, ok := and(&old.Spec.PodSelector, picks[i].Selector)
			if !ok {
				continue // nobody is selected
			}
			if w.redundant(p, x) {
				notes = append(notes, newPod(old.Namespace, picks[i].Selector)+" is not selected")
			} else {
				spec := *x.spec.DeepCopy()
				spec.PodSelector = *sel
				word := "without"
				if slices.ContainsFunc(x.entries, func(e entry) bool { return e.peer == internet }) {
					word = "without-internet"
				}
				c := change(&spec, x, w.r.name(p, word, w.peers(x), taken), nil)
				c.NewPods = append([]string{"as a pod that the policy is about: " + picks[i].NewPods}, c.NewPods...)
				notes = append(notes, newPod(old.Namespace, picks[i].Selector)+" is not selected, but by "+c.New.Name)
				out = append(out, c)
			}
			var rest []metav1.LabelSelector
			for j := range remain {
				for _, not := range pick.Not(picks[i].Selector) {
					if s, _, ok := and(&remain[j], not); ok {
						rest = append(rest, *s)
					}
				}
			}
			remain = rest
		}
		away = append(away, x.entries...)
		if len(out)+len(remain) > maxParts {
			block(refused, x.entries, &refusal{reason: fmt.Sprintf("%s would become more than %d objects", p.read.Object(), maxParts)})
			return nil
		}
	}
	var kept []Change
	for i := range remain {
		spec := *first.spec.DeepCopy()
		spec.PodSelector = remain[i]
		is, name := old, old.Name
		if i > 0 {
			is, name = nil, w.r.name(p, "part", nil, taken)
		}
		c := change(&spec, first, name, is)
		c.Edges = edgesOf(slices.Concat(first.entries, away))
		c.NewPods = slices.Concat(notes, first.notes)
		if len(first.entries) == 0 {
			c.Why = "it no longer selects pods of " + list(workloadsOf(parts[1:]), w.r) + ", for which a narrower object takes its place"
		}
		kept = append(kept, c)
	}
	return append(kept, out...)
}

func workloadsOf(parts []*part) []int {
	var out []int
	for _, x := range parts {
		out = append(out, x.workloads...)
	}
	return out
}

// separate finds selectors that, beside a policy's own, select some workloads of
// those that it selects: one for all of them, or else one for each. It names those
// for which there is none.
func (r *Rewriter) separate(p *policy, workloads []int) ([]pick.Pick, map[int]*refusal) {
	all := r.picker.Within(p.read.Subject.Pods, workloads)
	if len(all.Also) == 0 {
		return []pick.Pick{all}, nil
	}
	var out []pick.Pick
	failed := make(map[int]*refusal)
	for _, w := range workloads {
		one := r.picker.Within(p.read.Subject.Pods, []int{w})
		if len(one.Also) > 0 {
			failed[w] = inseparable(&one, []int{w}, r)
			failed[w].reason = p.read.Object() + " selects more pods, and " + failed[w].reason
		}
		out = append(out, one)
	}
	return out, failed
}

func edgesOf(entries []entry) []int {
	var out []int
	for _, e := range entries {
		out = append(out, e.edge)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// peers lists the workloads that a part no longer admits.
func (w *work) peers(x *part) []int {
	var out []int
	for _, e := range x.entries {
		if e.peer >= 0 && !slices.Contains(out, e.peer) {
			out = append(out, e.peer)
		}
	}
	slices.SortFunc(out, func(a, b int) int { return w.r.ref(a).Compare(w.r.ref(b)) })
	return out
}

func (w *work) why(x *part) string {
	var from, to []int
	public := false
	for d, list := range map[segment.Gress]*[]int{segment.Ingress: &from, segment.Egress: &to} {
		for _, s := range x.workloads {
			for _, e := range w.entries[side{s, d}] {
				there := slices.ContainsFunc(x.entries, func(y entry) bool { return y.edge == e.edge })
				public = public || there && e.peer == internet
				if e.peer >= 0 && there && !slices.Contains(*list, e.peer) {
					*list = append(*list, e.peer)
				}
			}
		}
	}
	what := list(x.workloads, w.r)
	var out []string
	if public {
		out = append(out, "connections from the internet to "+what)
	}
	if len(from) > 0 {
		out = append(out, "connections from "+list(from, w.r)+" to "+what)
	}
	if len(to) > 0 {
		out = append(out, "connections from "+what+" to "+list(to, w.r))
	}
	for d, word := range map[segment.Gress]string{segment.Ingress: "to", segment.Egress: "from"} {
		if slices.ContainsFunc(x.workloads, func(s int) bool { return w.hardenedOf(s, d) != nil }) {
			out = append(out, "more connections "+word+" "+what+" than are to be kept")
		}
	}
	slices.Sort(out)
	return "it allowed " + strings.Join(out, " and ")
}

// name makes a name of an object that is a part of another.
func (r *Rewriter) name(p *policy, word string, peers []int, taken map[[3]string]bool) string {
	base := p.typed.Object.Name + "-" + word
	if word == "without" && len(peers) == 0 {
		base = p.typed.Object.Name + "-reduced"
	}
	if len(peers) > 0 {
		base += "-" + dns(r.ref(peers[0]).Name)
	}
	if n := len(peers); n > 1 {
		base += fmt.Sprintf("-and-%d-more", n-1)
	}
	return r.named(p.read, base, taken)
}

// named makes a name (RFC 1123, at most 63 characters, so that it is also a label
// value) that no NetworkPolicy of a policy's namespace has.
func (r *Rewriter) named(p *segment.Policy, base string, taken map[[3]string]bool) string {
	const most = 63
	for i := 1; ; i++ {
		name := base
		if i > 1 {
			name = fmt.Sprintf("%s-%d", base, i)
		}
		if len(name) > most {
			sum := sha256.Sum256([]byte(name))
			const digits = 8
			name = strings.TrimRight(name[:most-digits-1], "-.") + "-" + hex.EncodeToString(sum[:])[:digits]
		}
		key := [3]string{p.Cluster, p.Namespace, name}
		if !r.names[key] && !taken[key] {
			taken[key] = true
			return name
		}
	}
}

// dns makes a name of lower-case letters, digits and hyphens.
func dns(s string) string {
	b := []byte(strings.ToLower(s))
	for i, c := range b {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			b[i] = '-'
		}
	}
	if s := strings.Trim(string(b), "-"); s != "" {
		return s
	}
	return "peer"
}
