package app

import (
	"slices"
	"strconv"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/segment"
)

const (
	// benchRounds is how often each kind of change is made.
	benchRounds = 400
	// benchLeaving is how many namespaces of the estate go with all that is in them.
	benchLeaving = 20
)

// kinds measures what comes, changes and goes, kind by kind: first a namespace of
// its own with what is in it, then workloads and namespaces that the estate has.
func (b *bench) kinds() error {
	g, err := b.g.Apply(b.ctx, &segment.Delta{PutPolicies: []segment.Policy{b.policy(0)}}) // makes the indexes of changes
	if err != nil {
		return err
	}
	times := make(map[string][]time.Duration)
	var kinds []string
	apply := func(kind string, d *segment.Delta) error {
		t, err := spent(func() error {
			next, err := g.Apply(b.ctx, d)
			g = next
			return err
		})
		if times[kind] == nil {
			kinds = append(kinds, kind)
		}
		times[kind] = append(times[kind], t)
		return err
	}
	for i := range benchRounds {
		for _, s := range b.round("bench-" + strconv.Itoa(i)) {
			if err := apply(s.kind, &s.delta); err != nil {
				return err
			}
		}
	}
	left := slices.Clone(b.m.Workloads)
	drop := func(i int) ident.Ref {
		r := left[i].Ref
		left = slices.Delete(left, i, i+1)
		return r
	}
	for range min(benchRounds, len(left)/2) {
		if err := apply("workload of the estate removed", &segment.Delta{DropWorkloads: []ident.Ref{drop(b.some(len(left)))}}); err != nil {
			return err
		}
	}
	for i := range min(benchLeaving, len(b.m.Namespaces)/2) {
		n := b.m.Namespaces[i]
		if err := apply("namespace of the estate removed", &segment.Delta{DropNamespaces: []segment.NamespaceRef{{Cluster: n.Cluster, Name: n.Name}}}); err != nil {
			return err
		}
	}
	for _, k := range kinds {
		b.out.DeltaKinds = append(b.out.DeltaKinds, report.DeltaKind{Kind: k, Quantiles: quantiles(times[k])})
	}
	b.g, err = segment.Build(b.ctx, b.m)
	return err
}

type benchStep struct {
	kind  string
	delta segment.Delta
}

// round is a namespace that comes, changes and goes.
func (b *bench) round(name string) []benchStep {
	space := func(team string) []segment.Namespace {
		return []segment.Namespace{{Name: name, Declared: true, Labels: map[string]string{"kubernetes.io/metadata.name": name, "team": team}}}
	}
	w := segment.Workload{Ref: ident.Ref{Namespace: name, Kind: "Deployment", Name: "web"}, Labels: map[string]string{"app": "app-1"}}
	pod := func(app string) []segment.Endpoint {
		return []segment.Endpoint{{Ref: ident.Ref{Namespace: name, Kind: "Pod", Name: "web-0"}, Workload: len(b.m.Workloads), Namespace: len(b.m.Namespaces),
			Labels: map[string]string{"app": app, "tier": "web"}}}
	}
	p := b.policy(0)
	p.Namespace, p.Subject.InNamespace = name, name
	entry := segment.Entry{Workload: len(b.m.Workloads), Kind: "LoadBalancer", Object: "Service web"}
	with := append(slices.Clone(b.m.Entries), entry)
	without := b.m.Entries
	if without == nil {
		without = []segment.Entry{}
	}
	return []benchStep{
		{"namespace added", segment.Delta{PutNamespaces: space("a")}},
		{"workload added", segment.Delta{PutWorkloads: []segment.Workload{w}, PutEndpoints: pod("app-1")}},
		{"policy added", segment.Delta{PutPolicies: []segment.Policy{p}}},
		{"service added", segment.Delta{Entries: &with}},
		{"namespace changed", segment.Delta{PutNamespaces: space("b")}},
		{"pod changed", segment.Delta{PutEndpoints: pod("app-2")}},
		{"service removed", segment.Delta{Entries: &without}},
		{"policy removed", segment.Delta{DropPolicies: []segment.PolicyRef{p.Ref()}}},
		{"pod removed", segment.Delta{DropEndpoints: []ident.Ref{pod("")[0].Ref}}},
		{"workload removed", segment.Delta{DropWorkloads: []ident.Ref{w.Ref}}},
		{"namespace removed", segment.Delta{DropNamespaces: []segment.NamespaceRef{{Name: name}}}},
	}
}
