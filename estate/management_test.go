package estate

import (
	"strings"
	"testing"
)

func TestManagementOf(t *testing.T) {
	type tags = map[string]string
	for _, c := range []struct {
		name   string
		marks  Marks
		advice []string // a part of each, in order
		undoes Undoing
	}{
		{"nothing", Marks{Labels: tags{"app": "web"}}, nil, NotUndone},
		{"Helm", Marks{Labels: tags{"app.kubernetes.io/managed-by": "Helm"}, Annotations: tags{"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"}},
			[]string{"Helm release web in namespace shop: change the chart's values; a kubectl apply is undone by the next upgrade"}, NextRun},
		{"rendered chart", Marks{Labels: tags{"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "web"}}, []string{"Helm release web: "}, NextRun},
		{"Helm 2", Marks{Labels: tags{"heritage": "Tiller", "release": "web"}}, []string{"Helm release web: "}, NextRun},
		{"an instance label alone proves nothing", Marks{Labels: tags{"app.kubernetes.io/instance": "web"}}, nil, NotUndone},
		{"Argo CD", Marks{Group: "networking.k8s.io", Kind: "NetworkPolicy", Namespace: "shop", Name: "web", Annotations: tags{"argocd.argoproj.io/tracking-id": "shop-app:networking.k8s.io/NetworkPolicy:shop/web"}},
			[]string{"Argo CD Application shop-app: change it in the Git repository"}, AtOnce},
		{"Argo CD, application in another namespace", Marks{Group: "networking.k8s.io", Kind: "NetworkPolicy", Namespace: "shop", Name: "web", Annotations: tags{"argocd.argoproj.io/tracking-id": "team-a_shop:networking.k8s.io/NetworkPolicy:shop/web"}},
			[]string{"Argo CD Application shop in namespace team-a: "}, AtOnce},
		{"Argo CD, object without namespace", Marks{Group: "policy.networking.k8s.io", Kind: "ClusterNetworkPolicy", Name: "deny", Annotations: tags{"argocd.argoproj.io/tracking-id": "a:policy.networking.k8s.io/ClusterNetworkPolicy:argocd/deny"}},
			[]string{"Argo CD Application a: change"}, AtOnce},
		{"copied tracking-id", Marks{Group: "networking.k8s.io", Kind: "NetworkPolicy", Namespace: "shop", Name: "web-copy", Annotations: tags{"argocd.argoproj.io/tracking-id": "shop:networking.k8s.io/NetworkPolicy:shop/web"}},
			[]string{"its mark names NetworkPolicy shop/web and was copied; Argo CD does not keep this object"}, NotUndone},
		{"tracking-id that cannot be read", Marks{Kind: "NetworkPolicy", Name: "web", Annotations: tags{"argocd.argoproj.io/tracking-id": "shop"}}, []string{"cannot be read: shop"}, NotUndone},
		{"Argo CD by label", Marks{Labels: tags{"argocd.argoproj.io/instance": "shop"}}, []string{"Argo CD Application shop: "}, AtOnce},
		{"Flux and Helm at once", Marks{Labels: tags{"app.kubernetes.io/managed-by": "Helm", "helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "flux-system"},
			Annotations: tags{"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"}},
			[]string{"Flux HelmRelease web in namespace flux-system: ", "Helm release web in namespace shop: "}, AtOnce},
		{"Flux Kustomization", Marks{Labels: tags{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}}, []string{"Flux Kustomization apps in namespace flux-system: change it in the Git"}, AtOnce},
		{"Flux that leaves it alone", Marks{Labels: tags{"kustomize.toolkit.fluxcd.io/name": "apps"}, Annotations: tags{"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}}, []string{"told to leave this object alone"}, NotUndone},
		{"operator", Marks{Owners: []OwnerReference{{Kind: "Elasticsearch", Name: "logs", Controller: true}}}, []string{"Elasticsearch logs: change Elasticsearch logs, from which it is made; a kubectl apply is undone by its controller"}, AtOnce},
		{"owner that is no controller", Marks{Owners: []OwnerReference{{Kind: "Kafka", Name: "orders"}}}, []string{"undone by what made it"}, AtOnce},
		{"kubectl", Marks{Annotations: tags{lastApplied: "{}"}}, []string{"kubectl: change the file that it was applied from; a change made in the cluster is undone by the next kubectl apply"}, NextRun},
		{"Terraform by its field manager", Marks{Managers: []string{"kube-controller-manager", "Terraform"}}, []string{"Terraform: change the Terraform configuration"}, NextRun},
		{"Terraform by both", Marks{Labels: tags{"app.kubernetes.io/managed-by": "terraform"}, Managers: []string{"Terraform"}}, []string{"Terraform: "}, NextRun},
		{"Kyverno", Marks{Labels: tags{"app.kubernetes.io/managed-by": "kyverno", "generate.kyverno.io/policy-name": "default-deny"}}, []string{"Kyverno policy default-deny: change the rule that generates it"}, AtOnce},
		{"HNC", Marks{Labels: tags{"app.kubernetes.io/managed-by": "hnc.x-k8s.io", "hnc.x-k8s.io/inherited-from": "acme"}}, []string{"HNC copy from namespace acme: "}, AtOnce},
		{"Fleet", Marks{Annotations: tags{"objectset.rio.cattle.io/id": "default-shop-shop"}}, []string{"Rancher object set default-shop-shop: change what it is applied from, a bundle of Fleet"}, AtOnce},
		{"K3s", Marks{Annotations: tags{"objectset.rio.cattle.io/id": "", "objectset.rio.cattle.io/owner-name": "coredns", "objectset.rio.cattle.io/owner-namespace": "kube-system"}}, []string{"Rancher owner coredns in namespace kube-system"}, AtOnce},
		{"some operator by its label", Marks{Labels: tags{"app.kubernetes.io/managed-by": "strimzi-cluster-operator"}}, []string{"strimzi-cluster-operator: change what it makes this object from"}, AtOnce},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := ManagementOf(c.marks)
			got := m.Advice()
			if len(got) != len(c.advice) {
				t.Fatalf("got %q, want %d keepers", got, len(c.advice))
			}
			for i := range got {
				if !strings.Contains(got[i], c.advice[i]) {
					t.Errorf("got %q, want %q", got[i], c.advice[i])
				}
			}
			if m.Undoes() != c.undoes {
				t.Errorf("undone %d, want %d", m.Undoes(), c.undoes)
			}
		})
	}
}

// TestElsewhere: a mark that stands in sources, too, does not say that the source is
// another text.
func TestElsewhere(t *testing.T) {
	for _, c := range []struct {
		name, want string
		marks      Marks
	}{
		{"no marks", "", Marks{}},
		{"Flux", "Flux Kustomization apps", Marks{Labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"}}},
		{"Flux that leaves it alone", "", Marks{Labels: map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"}, Annotations: map[string]string{"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}}},
		{"copied from another object", "", Marks{Kind: "Secret", Name: "b", Annotations: map[string]string{"argocd.argoproj.io/tracking-id": "shop:/Secret:shop/a"}}},
		{"Helm, applied by hand", "Helm release web", Marks{Labels: map[string]string{"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "web"}, Annotations: map[string]string{lastApplied: "{}"}}},
		{"kubectl", "", Marks{Annotations: map[string]string{lastApplied: "{}"}}},
		{"kustomize", "", Marks{Labels: map[string]string{"app.kubernetes.io/managed-by": "kustomize"}}},
		{"the addon manager", "", Marks{Labels: map[string]string{"addonmanager.kubernetes.io/mode": "Reconcile"}}},
		{"an operator", "Database books", Marks{Owners: []OwnerReference{{Kind: "Database", Name: "books"}}}},
	} {
		k, elsewhere := ManagementOf(c.marks).Elsewhere()
		if elsewhere != (c.want != "") || elsewhere && k.String() != c.want {
			t.Errorf("%s: %t, %q; want %q", c.name, elsewhere, k, c.want)
		}
	}
}
