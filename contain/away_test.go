package contain_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
)

// marks of objects, as they stand in a list of metadata in flow style.
const (
	fromFile = ""
	dumped   = ", uid: 0c9c1c5e-8b7c-4d7e-9a55-6a3f7d0f5d11, resourceVersion: '7'"
	byArgo   = ", annotations: {argocd.argoproj.io/tracking-id: 'shop:networking.k8s.io/NetworkPolicy:NAMESPACE/NAME'}"
	byFlux   = ", labels: {kustomize.toolkit.fluxcd.io/name: shop, kustomize.toolkit.fluxcd.io/namespace: flux-system}"
	disabled = byFlux + ", annotations: {kustomize.toolkit.fluxcd.io/reconcile: disabled}"
	byHand   = ", labels: {app.kubernetes.io/managed-by: kustomize}"
)

// network writes pods, and NetworkPolicies of them.
type network struct{ strings.Builder }

func (n *network) pods(namespace string, names ...string) {
	fmt.Fprintf(n, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: %s, labels: {kubernetes.io/metadata.name: %s}}\n", namespace, namespace)
	for _, x := range names {
		fmt.Fprintf(n, "---\napiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: %s, labels: {app: %s}}\nspec: {containers: [{name: c, image: registry.example/%s:1}]}\n", x, namespace, x, x)
	}
}

func (n *network) policy(namespace, name, marks, spec string) {
	marks = strings.NewReplacer("NAMESPACE", namespace, "NAME", name).Replace(marks)
	fmt.Fprintf(n, "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: %s, namespace: %s%s}\nspec: %s\n", name, namespace, marks, spec)
}

func (n *network) problem(t *testing.T, adminTier bool, affected, protected []ident.Ref) *contain.Problem {
	t.Helper()
	text := strings.TrimPrefix(n.String(), "---\n")
	if adminTier {
		text += "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: clusternetworkpolicies.policy.networking.k8s.io}\nspec: {group: policy.networking.k8s.io, scope: Cluster, names: {kind: ClusterNetworkPolicy, plural: clusternetworkpolicies}, versions: [{name: v1alpha2, served: true, storage: true}]}\n"
	}
	set, err := manifest.Decode(context.Background(), []manifest.Input{{Name: "m.yaml", Data: []byte(text)}}, manifest.Options{})
	if err != nil || len(set.Estate.Faults) > 0 {
		t.Fatal(err, set.Estate.Faults)
	}
	m, err := k8s.Model(set, segment.Generic())
	if err != nil {
		t.Fatal(err)
	}
	m.Profile.ClusterNetworkPolicy = segment.Yes
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return &contain.Problem{Query: "q", Graph: g, Set: set, Engine: "test", Affected: affected, Protected: protected,
		Text: func(string) ([]byte, error) { return []byte(text), nil }}
}

func pod(namespace, name string) ident.Ref {
	return ident.Ref{Namespace: namespace, Kind: "Pod", Name: name}
}

// changes are what a plan does, by kind and name.
func changes(p *contain.Plan) []string {
	var out []string
	for _, e := range p.Edits {
		out = append(out, e.Action+" "+e.Kind+" "+e.Name)
	}
	if p.Means == contain.AdminTier {
		out = []string{fmt.Sprint(len(out), " in the Admin tier")}
	}
	return out
}

// TestSourceOutOfReach: among plans that cut and break the same, one that changes what can be
// changed at its source comes before one that changes what cannot, and a new object
// before both.
func TestSourceOutOfReach(t *testing.T) {
	const in = "{podSelector: {matchLabels: {app: %s}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: %s}}}]}]}"
	const out = "{podSelector: {matchLabels: {app: %s}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: %s}}}]}]}"
	// a opens m, and m opens db: either of the two edges is a minimum cut.
	chain := func(first, second string) *network {
		n := &network{}
		n.pods("shop", "a", "m", "db")
		n.policy("shop", "m-in", first, fmt.Sprintf(in, "m", "a"))
		n.policy("shop", "db-in", second, fmt.Sprintf(in, "db", "m"))
		n.policy("shop", "a-in", fromFile, "{podSelector: {matchLabels: {app: a}}, policyTypes: [Ingress]}")
		return n
	}
	// a opens db, which either end's policy can end.
	edge := func(egress, ingress string) *network {
		n := &network{}
		n.pods("shop", "a", "db")
		n.policy("shop", "a-out", egress, fmt.Sprintf(out, "a", "db"))
		n.policy("shop", "db-in", ingress, fmt.Sprintf(in, "db", "a"))
		return n
	}
	a, db := []ident.Ref{pod("shop", "a")}, []ident.Ref{pod("shop", "db")}
	for _, tt := range []struct {
		name  string
		n     *network
		admin bool
		want  []string
		away  string // why the source of the first change is out of reach
		why   string
	}{
		{"both files", chain(fromFile, fromFile), false, []string{"replace NetworkPolicy m-in"}, "", "then the fewest objects, of those"},
		{"near dumped", chain(dumped, fromFile), false, []string{"replace NetworkPolicy db-in"}, "", "counts as 10; this one changes none"},
		{"far dumped", chain(fromFile, dumped), false, []string{"replace NetworkPolicy m-in"}, "", "counts as 10; this one changes none"},
		{"both dumped", chain(dumped, dumped), false, []string{"replace NetworkPolicy m-in"}, "dump of the cluster", "this one changes out of reach of the source: NetworkPolicy shop/m-in (it was read from a dump"},
		{"both dumped, with an Admin tier", chain(dumped, dumped), true, []string{"1 in the Admin tier"}, "", "by ClusterNetworkPolicy: "},
		{"near kept by Argo CD", chain(byArgo, fromFile), false, []string{"replace NetworkPolicy db-in"}, "", "changes none"},
		{"both kept by Argo CD", chain(byArgo, byArgo), false, []string{"replace NetworkPolicy m-in"}, "Argo CD Application shop keeps it", "Argo CD Application shop"},
		{"near kept by Flux", chain(byFlux, fromFile), false, []string{"replace NetworkPolicy db-in"}, "", "changes none"},
		{"near left alone by Flux", chain(disabled, fromFile), false, []string{"replace NetworkPolicy m-in"}, "", "of those that could be proved"},
		{"near of kustomize", chain(byHand, fromFile), false, []string{"replace NetworkPolicy m-in"}, "", "of those that could be proved"},
		{"one edge of files", edge(fromFile, fromFile), false, []string{"replace NetworkPolicy db-in"}, "", ""},
		{"one edge, ingress dumped", edge(fromFile, dumped), false, []string{"replace NetworkPolicy a-out"}, "", ""},
		{"one edge, egress dumped", edge(dumped, fromFile), false, []string{"replace NetworkPolicy db-in"}, "", ""},
		{"one edge, both dumped", edge(dumped, dumped), false, []string{"replace NetworkPolicy db-in"}, "dump of the cluster", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := contain.Make(context.Background(), tt.n.problem(t, tt.admin, a, db))
			if err != nil {
				t.Fatal(err)
			}
			if got := changes(plan); !slices.Equal(got, tt.want) {
				t.Errorf("the plan does %q, want %q: %s", got, tt.want, plan.Why)
			}
			if !strings.Contains(plan.Why, tt.why) {
				t.Errorf("why: %q, want %q", plan.Why, tt.why)
			}
			if got := plan.Edits[0].SourceAway; (got == "") != (tt.away == "") || !strings.Contains(got, tt.away) {
				t.Errorf("the source is out of reach since %q, want %q", got, tt.away)
			}
			if len(plan.Cuts) != 1 {
				t.Errorf("%d connections are cut", len(plan.Cuts))
			}
		})
	}
}

// TestNewObjectsRatherThanAway: two new objects before one change of what cannot be
// changed at its source, and behind one of what can.
func TestNewObjectsRatherThanAway(t *testing.T) {
	for _, tt := range []struct {
		marks string
		want  contain.Means
		edits int
	}{
		{fromFile, contain.Rewrite, 1},
		{dumped, contain.AdminTier, 2},
		{byArgo, contain.AdminTier, 2},
	} {
		n := &network{}
		n.pods("shop", "a", "api", "db")
		n.policy("shop", "a", tt.marks, "{podSelector: {matchLabels: {app: a}}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {}}]}], egress: [{to: [{podSelector: {}}]}]}")
		p := n.problem(t, true, []ident.Ref{pod("shop", "a")}, nil)
		p.Objective, p.AcceptUnobserved = contain.Isolate, true
		plan, err := contain.Make(context.Background(), p)
		if err != nil {
			t.Fatal(err)
		}
		if plan.Means != tt.want || len(plan.Edits) != tt.edits || len(plan.Cuts) != 4 {
			t.Errorf("marks %q: %d objects by %s, %d connections: %s", tt.marks, len(plan.Edits), plan.Means, len(plan.Cuts), plan.Why)
		}
	}
}
