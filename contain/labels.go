package contain

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/contain/patch"
	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// labelsDir holds the patches of pod templates that a plan wants first.
const labelsDir = "labels/"

// templatePaths say where the labels of a kind's pods are. The template of a Job
// cannot be changed, and other kinds are their operators' own affair.
var templatePaths = map[string]struct {
	version string
	path    []string
}{
	"Deployment":            {"apps/v1", []string{"spec", "template"}},
	"StatefulSet":           {"apps/v1", []string{"spec", "template"}},
	"DaemonSet":             {"apps/v1", []string{"spec", "template"}},
	"ReplicaSet":            {"apps/v1", []string{"spec", "template"}},
	"ReplicationController": {"v1", []string{"spec", "template"}},
	"CronJob":               {"batch/v1", []string{"spec", "jobTemplate", "spec", "template"}},
	"Pod":                   {"v1", nil},
}

// quarantine finds the labels that tell the workloads of some ways from all others,
// and puts them on the pods of the model that policies are written for. It reports
// whether there was any to put.
func (s *solver) quarantine(ctx context.Context, ways []way) (bool, error) {
	ends := make(map[int]bool)
	for _, w := range ways {
		for _, k := range w.pairs {
			ends[int(k.From)], ends[int(k.To)] = true, true
		}
		for _, us := range w.harden {
			for _, u := range us {
				ends[u] = true
			}
		}
	}
	taken := make(map[string]bool)
	for _, l := range s.labels {
		taken[l.Workload.Cluster+"\x00"+l.Workload.Namespace+"\x00"+l.Label] = true
	}
	found := false
	for _, u := range sortedKeys(ends) {
		p := s.picks.of([]int{u})
		if p.Quarantine == "" {
			continue
		}
		ref := s.n.refs[u]
		if _, known := templatePaths[ref.Kind]; !known {
			return false, ident.Errorf(ident.KindUnsupported, "labels cannot tell %s from %s, and none can be put on the pods of a %s by a patch of it", ref.Short(), names(p.Also, 3), ref.Kind).
				WithHint("without --quarantine-labels the plan names the neighbours that it cuts, too")
		}
		label, base := p.Quarantine, p.Quarantine
		for n := 2; taken[ref.Cluster+"\x00"+ref.Namespace+"\x00"+label]; n++ {
			label = fmt.Sprintf("%s-%d", base, n)
		}
		taken[ref.Cluster+"\x00"+ref.Namespace+"\x00"+label] = true
		l := Label{Workload: ref, Label: label, Why: "its labels are those of " + names(p.Also, 3) + "; " + restarts(ref.Kind)}
		l.File = l.file()
		s.labels = append(s.labels, l)
		s.n.labelled, found = append(s.n.labelled, ref), true
	}
	if !found {
		return false, nil
	}
	m := labelledModel(s.n.model, s.labels)
	g, err := segment.Build(ctx, m)
	if err != nil {
		return false, err
	}
	s.n.model, s.graph, s.put, s.rewriter = m, g, nil, nil
	s.picks = newPicks(s.n)
	return true, nil
}

// restarts says what a change of the labels of a kind's pods does.
func restarts(kind string) string {
	switch kind {
	case "Pod":
		return "a label of a pod is changed where it runs"
	case "ReplicaSet", "ReplicationController":
		return "the change reaches pods that are made after it: delete those that run, once their evidence is collected"
	case "CronJob":
		return "the change reaches the pods of its next run"
	}
	return "the change of the pod template restarts its pods: collect evidence first"
}

// labelledModel is a model with labels on the pods of workloads.
func labelledModel(m *segment.Model, labels []Label) *segment.Model {
	of := make(map[ident.Ref]string, len(labels))
	for _, l := range labels {
		of[l.Workload] = l.Label
	}
	with := func(was map[string]string, ref ident.Ref) map[string]string {
		key, value, ok := strings.Cut(of[ref], "=")
		if !ok {
			return was
		}
		out := maps.Clone(was)
		if out == nil {
			out = make(map[string]string, 1)
		}
		out[key] = value
		return out
	}
	out := *m
	out.Workloads, out.Endpoints = slices.Clone(m.Workloads), slices.Clone(m.Endpoints)
	for i := range out.Workloads {
		out.Workloads[i].Labels = with(out.Workloads[i].Labels, out.Workloads[i].Ref)
	}
	for i := range out.Endpoints {
		out.Endpoints[i].Labels = with(out.Endpoints[i].Labels, out.Workloads[out.Endpoints[i].Workload].Ref)
	}
	return &out
}

// Labelled is an estate with the labels that the plan wants on pods, which is the
// estate itself where it wants none.
func (p *Plan) Labelled(ctx context.Context, g *segment.Graph) (*segment.Graph, error) {
	if len(p.Labels) == 0 {
		return g, nil
	}
	for _, l := range p.Labels {
		if key, _, ok := strings.Cut(l.Label, "="); !ok || key != pick.QuarantineKey {
			return nil, ident.Errorf(ident.KindRefused, "a plan puts the label %s on pods, and no other: %.80q", pick.QuarantineKey, l.Label)
		}
	}
	return segment.Build(ctx, labelledModel(g.Model(), p.Labels))
}

// file is where the patch of a label stands in the plan's folder.
func (l *Label) file() string {
	parts := []string{l.Workload.Namespace, strings.ToLower(l.Workload.Kind), l.Workload.Name}
	if l.Workload.Cluster != "" {
		parts = append([]string{l.Workload.Cluster}, parts...)
	}
	return labelsDir + strings.Join(parts, "_") + ".yaml"
}

// patchOf is a strategic merge patch that puts the label on new pods.
func (p *Plan) patchOf(l *Label) (File, error) {
	at := templatePaths[l.Workload.Kind]
	key, value, _ := strings.Cut(l.Label, "=")
	tree := map[string]any{"apiVersion": at.version, "kind": l.Workload.Kind, "metadata": map[string]any{"name": l.Workload.Name, "namespace": l.Workload.Namespace}}
	meta, _ := tree["metadata"].(map[string]any)
	if len(at.path) > 0 {
		meta = make(map[string]any, 1)
		inner := map[string]any{"metadata": meta}
		for _, step := range slices.Backward(at.path) {
			inner = map[string]any{step: inner}
		}
		maps.Copy(tree, inner)
	}
	meta["labels"] = map[string]any{key: value}
	text, err := yaml.Marshal(tree)
	if err != nil {
		return File{}, ident.Errorf(ident.KindFailure, "cannot write a patch: %w", err)
	}
	why := fmt.Sprintf("%s: %s. Before apply/: kubectl -n %s patch %s %s --patch-file %s", p.Query, l.Why,
		l.Workload.Namespace, strings.ToLower(l.Workload.Kind), l.Workload.Name, l.File)
	return File{l.File, append(patch.Comment(why), text...)}, nil
}
