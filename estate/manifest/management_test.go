package manifest

import (
	"context"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate"
)

func TestManagementIsRead(t *testing.T) {
	const text = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: file
  namespace: shop
  creationTimestamp: null
  labels: {app.kubernetes.io/managed-by: Helm}
  annotations: {meta.helm.sh/release-name: web, meta.helm.sh/release-namespace: shop}
spec: {podSelector: {}}
status: {}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: live
  namespace: shop
  uid: 6c1b
  managedFields:
  - manager: Terraform
    operation: Apply
  ownerReferences:
  - {apiVersion: kafka.strimzi.io/v1, kind: Kafka, name: orders, uid: x, controller: false}
spec: {podSelector: {}}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  resourceVersion: "1"
  labels: {kustomize.toolkit.fluxcd.io/name: apps}
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: []}}}
---
apiVersion: v1
kind: Pod
metadata: {name: debug, namespace: shop, annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}}
spec: {containers: []}
status: {phase: Running}
`
	set, err := Decode(context.Background(), []Input{{Name: "f", Data: []byte(text)}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Estate.Faults) > 0 {
		t.Fatal(set.Estate.Faults)
	}
	check := func(name string, m estate.Management, dumped, wantDumped bool, want ...string) {
		t.Helper()
		got := m.Advice()
		if dumped != wantDumped {
			t.Errorf("%s: dumped is %v", name, dumped)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %q, want %q", name, got, want)
		}
		for i := range want {
			if !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("%s: %q, want %q", name, got[i], want[i])
			}
		}
	}
	p := set.Estate.Policies
	check("file", p[0].Management, p[0].Dumped, false, "Helm release web in namespace shop: ")
	check("live", p[1].Management, p[1].Dumped, true, "Kafka orders: ", "Terraform: ")
	w := set.Estate.Workloads
	check("Deployment", w[0].Management, w[0].Dumped, true, "Flux Kustomization apps: ")
	check("Pod", w[1].Management, w[1].Dumped, true, "kubectl: ")
}
