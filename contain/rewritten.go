package contain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cofferdam-io/cofferdam/contain/cut"
	"github.com/cofferdam-io/cofferdam/contain/patch"
	"github.com/cofferdam-io/cofferdam/contain/rewrite"
	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// rewritten writes the NetworkPolicies that allow the pairs of a cut so that they
// no longer do. Where the end that the cover chose cannot do it, the other is
// asked; where no NetworkPolicy isolates either, one of them gets a default deny with
// what it needs, if what it needs is known.
func (s *solver) rewritten(ctx context.Context, c *candidate, at *cut.Enforced) ([]*object, *cut.Enforced, error) {
	if s.p.Set == nil {
		return nil, nil, ident.Errorf(ident.KindUnsupported, "the policies' manifests were not given, so none can be rewritten")
	}
	if s.rewriter == nil {
		s.rewriter = rewrite.New(s.p.Set, s.n.model, s.picks.picker)
	}
	for {
		r, faults, err := s.asked(ctx, c, at)
		if err != nil {
			return nil, nil, err
		}
		if len(faults) > 0 {
			if err := s.denyByDefault(c, faults); err != nil {
				return nil, nil, err
			}
			if at, err = s.cover(c); err != nil {
				return nil, nil, err
			}
			continue
		}
		var out []*object
		for i := range r.Changes {
			o, err := s.changed(c.id, &r.Changes[i])
			if err != nil {
				return nil, nil, err
			}
			out = append(out, o)
		}
		return out, at, nil
	}
}

// fault is an edge that could not be taken away from NetworkPolicies.
type fault struct {
	pair   cut.Pair
	open   [2]bool // by direction: no NetworkPolicy isolates that end
	reason string
}

// asked asks for the edges and hardenings of a candidate, the edges at the ends
// that at says, and those that cannot be cut there at their others.
func (s *solver) asked(ctx context.Context, c *candidate, at *cut.Enforced) (*rewrite.Result, []fault, error) {
	edges := make([]rewrite.Edge, len(c.rest))
	for i, k := range c.rest {
		edges[i] = rewrite.Edge{Src: s.n.refs[k.From], Dst: s.n.refs[k.To], At: segment.Egress, Keep: s.n.rails.kept(int(k.From), int(k.To))}
		if at.Ingress[i] {
			edges[i].At = segment.Ingress
		}
	}
	edges = append(edges, c.internetEdges(s.n)...)
	hard := make([]rewrite.Hardening, 0, len(c.reduced))
	for _, r := range c.reduced {
		h := s.n.asHardening(r)
		h.NotInternet = r.dir == segment.Ingress && slices.Contains(c.outside, r.node)
		hard = append(hard, h)
	}
	r, err := s.rewriter.Harden(ctx, edges, hard)
	if err != nil {
		return nil, nil, err
	}
	for i := range r.Hardened {
		if x := &r.Hardened[i]; !x.Done {
			return nil, nil, ident.Errorf(ident.KindUnsupported, "%s, %s: %s", x.Hardening.Workload.Short(), x.Hardening.Direction, x.Reason)
		}
	}
	first := r.Outcomes
	if other := s.turned(c, edges, r); other != nil {
		if r, err = s.rewriter.Harden(ctx, other, hard); err != nil {
			return nil, nil, err
		}
		edges = other
	}
	for i := range r.Outcomes[len(c.rest):] {
		if o := &r.Outcomes[len(c.rest)+i]; !o.Cut {
			return nil, nil, ident.Errorf(ident.KindUnsupported, "the internet reaches %s itself: %s", o.Edge.Dst.Short(), o.Reason)
		}
	}
	var out []fault
	for i := range c.rest {
		at.Ingress[i] = edges[i].At == segment.Ingress
		if o := &r.Outcomes[i]; !o.Cut {
			f := fault{pair: c.rest[i], reason: first[i].Reason}
			for _, x := range []*rewrite.Outcome{&first[i], o} {
				if f.open[x.Edge.At&1] = x.NotIsolated; !x.NotIsolated && x.Reason != "" {
					f.reason = x.Reason
				}
			}
			out = append(out, f)
		}
	}
	return r, out, nil
}

// turned asks the other ends of those edges that could not be cut, unless those are
// hardened; nil if there is none to ask.
func (s *solver) turned(c *candidate, edges []rewrite.Edge, r *rewrite.Result) []rewrite.Edge {
	var out []rewrite.Edge
	for i := range c.rest {
		other, end := segment.Ingress-edges[i].At, int(c.rest[i].From)
		if other == segment.Ingress {
			end = int(c.rest[i].To)
		}
		if r.Outcomes[i].Cut || slices.Contains(c.harden[other], end) {
			continue
		}
		if out == nil {
			out = slices.Clone(edges)
		}
		out[i].At = other
	}
	return out
}

// denyByDefault hardens an end of each edge that nothing can be taken away from, as
// few as will do. It fails where what an end needs is not known, or hardening does
// not take the edge.
func (s *solver) denyByDefault(c *candidate, faults []fault) error {
	pairs := make([]cut.Pair, 0, len(faults))
	able := [2]map[int]bool{{}, {}}
	for _, f := range faults {
		found := false
		for d, u := range [2]int{segment.Egress: int(f.pair.From), segment.Ingress: int(f.pair.To)} {
			if f.open[d] && s.n.hardenable(s.picks, u) && !slices.Contains(c.harden[d], u) {
				able[d][u], found = true, true
			}
		}
		if !found {
			if f.open[0] || f.open[1] {
				deny := "no NetworkPolicy isolates an end of it that could be isolated, so there is nothing to take away; a default deny with what it needs wants flow records of it (--observed), or --accept-unobserved"
				if f.open[0] != f.open[1] { // what is against the end that is isolated
					deny = f.reason + "; at the other end " + deny
				}
				f.reason = deny
			}
			return ident.Errorf(ident.KindUnsupported, "%s → %s: %s", s.n.refs[f.pair.From].Short(), s.n.refs[f.pair.To].Short(), f.reason)
		}
		pairs = append(pairs, f.pair)
	}
	price := func(d segment.Gress) func(int) cut.Price {
		return func(u int) cut.Price {
			const one = 1 << 20
			switch {
			case !able[d][u]:
				return cut.Never
			case d == segment.Egress:
				return one + 1 // of equals, the shorter list
			}
			return one
		}
	}
	at, err := cut.Cover(pairs, price(segment.Egress), price(segment.Ingress))
	if err != nil {
		return ident.Errorf(ident.KindUnsupported, "no default deny holds a connection of the cut: %w", err)
	}
	for d, us := range [2][]int{segment.Egress: at.EgressOf, segment.Ingress: at.IngressOf} {
		c.harden[d] = slices.Sorted(slices.Values(slices.Concat(c.harden[d], us)))
	}
	c.note = "with a default deny where no NetworkPolicy isolates anything"
	return s.reduce(c)
}

// asHardening is a reduction as package rewrite takes it.
func (n *network) asHardening(r *reduction) rewrite.Hardening {
	h := rewrite.Hardening{Workload: n.refs[r.node], Direction: r.dir, Names: r.dir == segment.Egress && n.unseenNames(n.refs[r.node].Cluster)}
	for _, v := range sortedKeys(r.keep) {
		if x := r.keep[v]; !x.free {
			h.Allow = append(h.Allow, rewrite.Need{Peer: n.refs[v], Conns: x.conns})
		}
	}
	return h
}

// changed writes one policy: a new one whole, another as its source has it, with
// its comments, and what changes changed.
func (s *solver) changed(id string, c *rewrite.Change) (*object, error) {
	why := s.p.Query + ": " + c.Why
	spec, err := tree(c.New.Spec)
	if err != nil {
		return nil, err
	}
	whole := map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": spec,
		"metadata": map[string]any{"name": c.New.Name, "namespace": c.New.Namespace},
	}
	if c.Old == nil {
		meta, _ := whole["metadata"].(map[string]any)
		meta["labels"], meta["annotations"] = s.n.marks(id), s.n.notes()
		o, err := newObject(c.Cluster, why, whole)
		if err != nil {
			return nil, err
		}
		o.newPods = c.NewPods
		return o, nil
	}
	o, err := newObject(c.Cluster, why, withMeta(whole, c.New.Labels, c.New.Annotations))
	if err != nil {
		return nil, err
	}
	if k, made := c.Policy.Management.MadeBy(); made {
		return nil, ident.Errorf(ident.KindUnsupported, "NetworkPolicy %s/%s would have to change, and does not stay changed; %s", c.New.Namespace, c.New.Name, k.Advice())
	}
	o.was, o.newPods = c.Policy, c.NewPods
	if c.Policy.Dumped {
		was, err := tree(c.Old.Spec)
		if err != nil {
			return nil, err
		}
		o.merge = map[string]any{"spec": patch.MergePatch(was, spec)}
	}
	if s.p.Text == nil {
		return o, nil
	}
	if file, err := s.p.Text(c.Source.File); err != nil {
		o.unpatched = "its source cannot be read again: " + err.Error()
	} else {
		was, err := tree(c.Old.Spec)
		if err != nil {
			return nil, err
		}
		o.patch(file, c.Source, was, spec)
	}
	return o, nil
}

// withMeta gives an object the labels and annotations that it had, but for what
// clients keep there for themselves.
func withMeta(whole map[string]any, labels, annotations map[string]string) map[string]any {
	meta, _ := whole["metadata"].(map[string]any)
	put := func(key string, m map[string]string) {
		out := make(map[string]any, len(m))
		for k, v := range m {
			if k != "kubectl.kubernetes.io/last-applied-configuration" {
				out[k] = v
			}
		}
		if len(out) > 0 {
			meta[key] = out
		}
	}
	put("labels", labels)
	put("annotations", annotations)
	return whole
}

// patch edits the object in the text that it came from, and takes the edited text
// for what is applied where the object stands there by itself.
func (o *object) patch(file []byte, src estate.Source, was, spec any) {
	now, err := patch.Object(file, src)
	m, ok := now.(map[string]any)
	if err != nil || !ok {
		o.unpatched = patchFault(err)
		return
	}
	m["spec"] = patch.Carry(m["spec"], was, spec)
	text, err := patch.File(file, src, m)
	if err != nil {
		o.unpatched = patchFault(err)
		return
	}
	o.edit = &patch.Edit{Source: src, Want: m}
	meta, _ := m["metadata"].(map[string]any)
	if src.Item >= 0 || meta["namespace"] == nil || meta["resourceVersion"] != nil || meta["uid"] != nil {
		return // an item of a List, or a dump: what is applied is written anew
	}
	// The file differs in this object only, so that its other end is as far from the end.
	end := int64(len(text)) - (int64(len(file)) - src.End)
	if src.Start < 0 || end < src.Start || end > int64(len(text)) {
		return
	}
	if own := text[src.Start:end]; len(own) > 0 {
		o.text = append(patch.Comment(o.why), own...)
		if own[len(own)-1] != '\n' {
			o.text = append(o.text, '\n')
		}
	}
}

func patchFault(err error) string {
	if err == nil {
		return "it is no object"
	}
	var e *ident.Error
	if errors.As(err, &e) {
		if e.Hint != "" {
			return e.Message + "; " + e.Hint
		}
		return e.Message
	}
	return err.Error()
}

// tree is a value as JSON has it.
func tree(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, ident.Errorf(ident.KindFailure, "cannot write a policy: %w", err)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, ident.Errorf(ident.KindFailure, "cannot write a policy: %w", err)
	}
	return out, nil
}

// diff is the change as text for a review, as git apply takes it: edits of the
// files that the objects came from, and the new objects.
func (p *Plan) diff() ([]byte, error) {
	var out []byte
	edits := make(map[string][]patch.Edit)
	var files []string
	for _, o := range p.objects {
		switch {
		case o.was == nil:
			out = append(out, patch.Diff("/dev/null", nil, o.file(), o.text)...)
		case o.edit != nil:
			name := o.was.Source.File
			if edits[name] == nil {
				files = append(files, name)
			}
			edits[name] = append(edits[name], *o.edit)
		}
	}
	slices.Sort(files)
	for _, name := range files {
		file, err := p.text(name)
		if err != nil {
			return nil, err
		}
		now, err := patch.Files(file, edits[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		short := strings.TrimLeft(strings.ReplaceAll(name, "../", ""), "/")
		out = append(out, patch.Diff(short, file, short, now)...)
	}
	return out, nil
}
