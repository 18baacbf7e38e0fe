package contain_test

import (
	"context"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// TestQuarantineLabels: where labels cannot tell a workload from a neighbour, the plan
// with labels cuts no neighbour, and holds when it is checked from its files.
func TestQuarantineLabels(t *testing.T) {
	labelled, plain := 0, 0
	for seed := range uint64(estatesTried) / 20 {
		p := small(t, seed)
		without, err := contain.Make(context.Background(), p)
		if err != nil {
			continue
		}
		p.QuarantineLabels = true
		plan, err := contain.Make(context.Background(), p)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(without.Neighbours) > 0 && len(plan.Labels) == 0 || len(plan.Neighbours) > 0 {
			t.Fatalf("seed %d: neighbours %v, with labels %v: %v", seed, without.Neighbours, plan.Labels, plan.Neighbours)
		}
		if len(plan.Labels) == 0 {
			plain++
			continue
		}
		labelled++
		checkProof(t, seed, p, plan, hosts(p.Graph.Model()))
	}
	t.Logf("%d plans with labels, %d without", labelled, plain)
	if labelled == 0 || plain == 0 {
		t.Error("the estates do not exercise it")
	}
}

// twins are a Deployment and a CronJob whose pods look the same.
func twins(t *testing.T, kinds ...string) *contain.Problem {
	t.Helper()
	m := &segment.Model{Profile: segment.Generic(), Namespaces: []segment.Namespace{{Name: "shop", Declared: true, Labels: map[string]string{"kubernetes.io/metadata.name": "shop"}}}}
	m.Profile.ClusterNetworkPolicy = segment.Yes
	for i, kind := range append(kinds, "Deployment") {
		ref := ident.Ref{Namespace: "shop", Kind: kind, Name: string(rune('w' + i))}
		labels := map[string]string{"app": "same"}
		if i == len(kinds) {
			ref.Name, labels = "db", map[string]string{"app": "db"}
		}
		m.Workloads = append(m.Workloads, segment.Workload{Ref: ref, Labels: labels})
		m.Endpoints = append(m.Endpoints, segment.Endpoint{Ref: ref, Workload: i, Labels: labels})
	}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return &contain.Problem{Query: "shop/w", Graph: g, QuarantineLabels: true, Engine: "test",
		Affected: []ident.Ref{m.Workloads[0].Ref}, Protected: []ident.Ref{m.Workloads[len(kinds)].Ref}}
}

func TestPatchesOfTemplates(t *testing.T) {
	for _, tc := range []struct{ kind, want, why string }{
		{"StatefulSet", "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: w, namespace: shop}, spec: {template: {metadata: {labels: {KEY: w}}}}}", "restarts its pods"},
		{"CronJob", "{apiVersion: batch/v1, kind: CronJob, metadata: {name: w, namespace: shop}, spec: {jobTemplate: {spec: {template: {metadata: {labels: {KEY: w}}}}}}}", "next run"},
		{"Pod", "{apiVersion: v1, kind: Pod, metadata: {name: w, namespace: shop, labels: {KEY: w}}}", "where it runs"},
		{"ReplicaSet", "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: w, namespace: shop}, spec: {template: {metadata: {labels: {KEY: w}}}}}", "made after it"},
	} {
		p := twins(t, tc.kind, "Deployment")
		plan, err := contain.Make(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		folder, err := plan.Folder(nil)
		if err != nil {
			t.Fatal(err)
		}
		name := "labels/shop_" + strings.ToLower(tc.kind) + "_w.yaml"
		found := false
		for i, f := range folder {
			if f.Name != name {
				continue
			}
			found = true
			got, err1 := yaml.YAMLToJSON(f.Data)
			want, err2 := yaml.YAMLToJSON([]byte(strings.ReplaceAll(tc.want, "KEY", pick.QuarantineKey)))
			if err1 != nil || err2 != nil || string(got) != string(want) || !strings.Contains(string(f.Data), tc.why) {
				t.Errorf("%s: %s, %v, %v", tc.kind, f.Data, err1, err2)
			}
			folder[i].Data = append(folder[i].Data, '\n')
			if _, faults, err := contain.Open(folder); err != nil || len(faults) != 1 {
				t.Errorf("a changed patch: %v, %v", faults, err)
			}
		}
		if !found || len(plan.Neighbours) > 0 {
			t.Errorf("%s: no patch, or neighbours %v", tc.kind, plan.Neighbours)
		}
	}
	_, err := contain.Make(context.Background(), twins(t, "Job", "Deployment"))
	if ident.KindOf(err) != ident.KindUnsupported || !strings.Contains(err.Error(), "none can be put on the pods of a Job") {
		t.Error(err)
	}
}

// TestLabelledRefusesOtherLabels: a plan that was edited cannot make a check believe
// that pods have other labels.
func TestLabelledRefusesOtherLabels(t *testing.T) {
	p := twins(t, "Deployment")
	plan := &contain.Plan{Labels: []contain.Label{{Workload: p.Affected[0], Label: "app=db"}}}
	if _, err := plan.Labelled(context.Background(), p.Graph); ident.KindOf(err) != ident.KindRefused {
		t.Error(err)
	}
}
