package tighten

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/cofferdam-io/cofferdam/contain/patch"
	"github.com/cofferdam-io/cofferdam/contain/rewrite"
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

const networkPolicy = "NetworkPolicy"

// policy is an existing NetworkPolicy.
type policy struct {
	ref      segment.PolicyRef
	at       *estate.Policy
	spec     map[string]any
	labels   map[string]string
	notes    map[string]string
	isolates [2]bool
	grants   bool // it has a rule
	everyPod bool // of its namespace
	selected []ident.Ref
	// made is true where a controller, maker, makes it from another object: what is
	// changed or deleted comes back.
	made  bool
	maker estate.Keeper
}

func (p *policy) String() string { return networkPolicy + " " + p.ref.Namespace + "/" + p.ref.Name }

// indexPolicies reads the NetworkPolicies that have effect.
func (s *solver) indexPolicies(m *segment.Model) {
	read := make(map[segment.PolicyRef]*segment.Policy, len(m.Policies))
	for i := range m.Policies {
		if p := &m.Policies[i]; p.Kind == networkPolicy {
			read[p.Ref()] = p
		}
	}
	selected := s.p.Graph.Selections()
	s.places = make(map[segment.PolicyRef]string)
	for _, p := range s.p.Set.Estate.Policies {
		s.places[segment.PolicyRef{Kind: p.Kind, Cluster: p.Cluster, Namespace: p.Namespace, Name: p.Name}] = source(p.Source)
	}
	for _, t := range s.p.Set.NetworkPolicies {
		ref := segment.PolicyRef{Kind: networkPolicy, Cluster: t.Policy.Cluster, Namespace: t.Object.Namespace, Name: t.Object.Name}
		p := read[ref]
		if p == nil {
			continue
		}
		spec, err := tree(t.Object.Spec)
		if err != nil {
			continue // it was decoded from such a tree
		}
		x := &policy{ref: ref, at: t.Policy, spec: spec, labels: t.Object.Labels, notes: t.Object.Annotations,
			isolates: p.Isolates, grants: len(p.Rules[0])+len(p.Rules[1]) > 0, everyPod: len(p.Subject.Pods) == 0, selected: selected[ref]}
		x.maker, x.made = t.Policy.Management.MadeBy()
		s.policies = append(s.policies, x)
	}
	slices.SortFunc(s.policies, func(a, b *policy) int { return comparePolicies(a.ref, b.ref) })
	s.madeFor = make(map[unitKey][]*policy)
	for _, p := range s.policies {
		for d := range p.isolates {
			if !p.made || !p.isolates[d] || len(read[p.ref].Rules[d]) == 0 {
				continue
			}
			for _, r := range p.selected {
				k := unitKey{r, segment.Gress(d)} //nolint:gosec // one of two
				s.madeFor[k] = append(s.madeFor[k], p)
			}
		}
	}
}

func comparePolicies(a, b segment.PolicyRef) int {
	return strings.Compare(a.Cluster+"\x00"+a.Namespace+"\x00"+a.Name, b.Cluster+"\x00"+b.Namespace+"\x00"+b.Name)
}

// tightened reports whether a workload has a proposal in a direction.
func (s *solver) tightened(r ident.Ref, d segment.Gress) bool {
	u := s.byUnit[unitKey{r, d}]
	return u != nil && u.denial != nil
}

// object is one that is applied or deleted.
type object struct {
	ref       segment.PolicyRef
	was       *estate.Policy // nil if it is new
	removed   bool
	text      []byte
	edit      *patch.Edit // of was's source
	unpatched string
	subject   ident.Ref
	dirs      []string
	why       string
	newPods   string
}

func (o *object) file() string {
	parts := []string{"networkpolicy", o.ref.Namespace, o.ref.Name}
	if o.ref.Cluster != "" {
		parts = append([]string{o.ref.Cluster}, parts...)
	}
	return applyDir + strings.Join(parts, "_") + ".yaml"
}

// assemble makes the objects of all proposals, sorted by workload and name.
func (s *solver) assemble() ([]*object, error) {
	taken := make(map[segment.PolicyRef]bool, len(s.policies))
	for _, t := range s.p.Set.NetworkPolicies {
		taken[segment.PolicyRef{Kind: networkPolicy, Cluster: t.Policy.Cluster, Namespace: t.Object.Namespace, Name: t.Object.Name}] = true
	}
	alone := make(map[ident.Ref][]*policy)
	for _, p := range s.policies {
		if len(p.selected) == 1 && !p.made {
			alone[p.selected[0]] = append(alone[p.selected[0]], p)
		}
	}
	var out []*object
	for _, r := range s.refs {
		objects, err := s.ofWorkload(r, alone[r], taken)
		if err != nil {
			return nil, err
		}
		out = append(out, objects...)
	}
	return out, nil
}

// ofWorkload makes the objects of one workload: its policy, which takes the place
// of one that selects nobody else where there is any, and what becomes of the
// other ones that select nobody else.
func (s *solver) ofWorkload(r ident.Ref, alone []*policy, taken map[segment.PolicyRef]bool) ([]*object, error) {
	denials := [2]*rewrite.Denial{}
	var dirs []string
	for _, d := range []segment.Gress{segment.Egress, segment.Ingress} {
		if s.tightened(r, d) {
			denials[d] = s.byUnit[unitKey{r, d}].denial
			dirs = append(dirs, d.String())
		}
	}
	if len(dirs) == 0 {
		return nil, nil
	}
	first := denials[segment.Egress]
	if first == nil {
		first = denials[segment.Ingress]
	}
	np := first.Policy.DeepCopy()
	if second := denials[segment.Ingress]; second != nil && second != first {
		np.Spec.Ingress = second.Policy.Spec.Ingress
		np.Spec.PolicyTypes = append(np.Spec.PolicyTypes, second.Policy.Spec.PolicyTypes...)
	}
	spec, err := tree(np.Spec)
	if err != nil {
		return nil, err
	}
	if s.stands(alone, denials, spec) {
		return nil, nil
	}
	own := &object{subject: r, dirs: dirs, newPods: first.NewPods,
		why: "the least that " + r.Short() + " needs for " + strings.Join(dirs, " and ") + ", as seen and declared"}
	var out []*object
	for _, p := range alone {
		var rest []segment.Gress
		shared := false
		for _, d := range []segment.Gress{segment.Egress, segment.Ingress} {
			switch {
			case !p.isolates[d]:
			case denials[d] != nil:
				shared = true
			default:
				rest = append(rest, d)
			}
		}
		switch {
		case !shared:
		case len(rest) == 0 && own.was == nil && p.isolates[0] == (denials[0] != nil) && p.isolates[1] == (denials[1] != nil):
			own.was, own.ref = p.at, p.ref
			if err := s.replace(own, p, spec); err != nil {
				return nil, err
			}
		case len(rest) == 0:
			out = append(out, &object{ref: p.ref, was: p.at, removed: true, subject: r, dirs: dirs, why: "it selects " + r.Short() + " alone, whose new policy takes its place"})
		default:
			o := &object{ref: p.ref, was: p.at, subject: r, dirs: dirs, why: "it keeps its rules for " + rest[0].String() + "; those for the other direction are replaced"}
			if err := s.replace(o, p, reduced(p.spec, rest[0])); err != nil {
				return nil, err
			}
			out = append(out, o)
		}
	}
	if own.was == nil {
		own.ref = segment.PolicyRef{Kind: networkPolicy, Cluster: r.Cluster, Namespace: np.Namespace, Name: free(np.Namespace, r, taken)}
		taken[own.ref] = true
		if own.text, err = written(own, nil, nil, spec); err != nil {
			return nil, err
		}
	}
	out = append(out, own)
	slices.SortFunc(out, func(a, b *object) int { return comparePolicies(a.ref, b.ref) })
	return out, nil
}

// stands reports whether the one policy of a workload's own says what would be
// proposed already. Its sides are then least: what they allow beyond it is granted
// by policies that are shared.
func (s *solver) stands(alone []*policy, denials [2]*rewrite.Denial, spec map[string]any) bool {
	var own *policy
	for _, p := range alone {
		for d, isolates := range p.isolates {
			if isolates && denials[d] != nil {
				if own != nil && own != p {
					return false
				}
				own = p
			}
		}
	}
	if own == nil || own.isolates != [2]bool{denials[0] != nil, denials[1] != nil} || !reflect.DeepEqual(own.spec, spec) {
		return false
	}
	for d := range denials {
		if denials[d] != nil {
			s.byUnit[unitKey{own.selected[0], segment.Gress(d)}].side.State = Least //nolint:gosec // one of two
		}
	}
	return true
}

// reduced is a spec that filters one direction only.
func reduced(spec map[string]any, keep segment.Gress) map[string]any {
	out := map[string]any{"podSelector": spec["podSelector"], "policyTypes": []any{"Egress"}}
	key := "egress"
	if keep == segment.Ingress {
		out["policyTypes"], key = []any{"Ingress"}, "ingress"
	}
	if rules, ok := spec[key]; ok {
		out[key] = rules
	}
	return out
}

// free makes a name that no NetworkPolicy of the namespace has.
func free(ns string, r ident.Ref, taken map[segment.PolicyRef]bool) string {
	base := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-':
			return c
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		}
		return '-'
	}, r.Name)
	const most = 50 // leaves room for the ending and a number in the 63 that names are best kept to
	base = strings.Trim(base[:min(len(base), most)], "-")
	if base == "" {
		base = "workload"
	}
	name := base + "-least"
	for n := 2; taken[segment.PolicyRef{Kind: networkPolicy, Cluster: r.Cluster, Namespace: ns, Name: name}]; n++ {
		name = base + "-least-" + strconv.Itoa(n)
	}
	return name
}

// replace writes what an existing policy becomes, and the edit of its source.
func (s *solver) replace(o *object, p *policy, spec map[string]any) error {
	var err error
	if o.text, err = written(o, p.labels, p.notes, spec); err != nil {
		return err
	}
	file, why := s.file(p.at)
	if why != "" {
		o.unpatched = why
		return nil
	}
	now, err := patch.Object(file, p.at.Source)
	m, ok := now.(map[string]any)
	if err == nil && ok {
		m["spec"] = spec
		_, err = patch.File(file, p.at.Source, m)
	}
	if err != nil || !ok {
		o.unpatched = fault(err)
		return nil
	}
	o.edit = &patch.Edit{Source: p.at.Source, Want: m}
	return nil
}

// file returns the text that a policy was read from, or why it cannot be edited.
func (s *solver) file(p *estate.Policy) (text []byte, why string) {
	switch {
	case s.p.Text == nil:
		return nil, "its source was not given"
	case p.Dumped:
		return nil, "what was read is a dump of the cluster and not the source"
	}
	text, err := s.p.Text(p.Source.File)
	if err != nil {
		return nil, "its source cannot be read again: " + err.Error()
	}
	return text, ""
}

func fault(err error) string {
	var e *ident.Error
	switch {
	case errors.As(err, &e):
		return e.Message
	case err != nil:
		return err.Error()
	}
	return "it is no object"
}

// written is the text of an object with a comment above it.
func written(o *object, labels, notes map[string]string, spec map[string]any) ([]byte, error) {
	meta := map[string]any{"name": o.ref.Name, "namespace": o.ref.Namespace}
	for key, m := range map[string]map[string]string{"labels": labels, "annotations": notes} {
		kept := make(map[string]any, len(m))
		for k, v := range m {
			if k != "kubectl.kubernetes.io/last-applied-configuration" {
				kept[k] = v
			}
		}
		if len(kept) > 0 {
			meta[key] = kept
		}
	}
	text, err := patch.Text(map[string]any{"apiVersion": "networking.k8s.io/v1", "kind": networkPolicy, "metadata": meta, "spec": spec})
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "cannot write a policy: %w", err)
	}
	return append(patch.Comment(o.why), text...), nil
}

// tree writes a spec as a tree of plain values.
func tree(spec any) (map[string]any, error) {
	raw, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("cannot write a policy: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("cannot write a policy: %w", err)
	}
	return m, nil
}
