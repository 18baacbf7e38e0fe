package k8s_test

import (
	"testing"

	"github.com/cofferdam-io/cofferdam/segment"
)

// served is a database with known addresses, a Service without a selector that is
// open to outside, and one that selects nothing else than web.
const served = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: data}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: data, labels: {app: db}}
spec: {nodeName: n1, containers: [{name: c, image: d}]}
status: {phase: Running, podIP: 10.0.0.7, podIPs: [{ip: 10.0.0.7}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c, image: w}]}
status: {phase: Running, podIP: 10.0.0.8, podIPs: [{ip: 10.0.0.8}]}
---
apiVersion: v1
kind: Pod
metadata: {name: young, namespace: shop, labels: {app: young}}
spec: {containers: [{name: c, image: w}]}
---
apiVersion: v1
kind: Service
metadata: {name: out, namespace: shop}
spec: {type: LoadBalancer, ports: [{name: sql, port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`

// slice is an EndpointSlice of a Service of shop.
func slice(service, ports, endpoints string) string {
	return "\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: " + service + "-1, namespace: shop, labels: {kubernetes.io/service-name: " + service + "}}\naddressType: IPv4\nports: [" + ports +
		"]\nendpoints: [" + endpoints + "]\n"
}

// TestExposureBySlices: a Service without a selector leads to what has the addresses
// of its slices, whatever these say of them.
func TestExposureBySlices(t *testing.T) {
	const sql = "{name: sql, port: 5432}"
	on5432 := "\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: data}\nspec: {podSelector: {}, ingress: [{ports: [{port: 5432}]}]}\n"
	for _, tc := range []struct {
		name, manifests, workload string
		level                     segment.ExposureLevel
	}{
		{"no slices were read", "", "data/db", segment.ExposedUnknown},
		{"no slices were read, and no policy lets anything in", "\n---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: data}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n", "data/db", segment.ExposedNone},
		{"there are none", "\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSliceList\nitems: []\n", "data/db", segment.ExposedNone},
		{"slices, and none of this Service", slice("other", sql, "{addresses: [10.0.0.9]}"), "data/db", segment.ExposedNone},
		{"an address of nobody that is known, and a pod whose address is not", slice("out", sql, "{addresses: [10.0.0.99]}"), "shop/young", segment.ExposedUnknown},
		{"an address of nobody that is known, and a pod that has another", slice("out", sql, "{addresses: [10.0.0.99]}"), "data/db", segment.ExposedNone},
		{"an address of a pod in another namespace", slice("out", sql, "{addresses: [10.0.0.7]}"), "data/db", segment.ExposedInternet},
		{"which lets in the port of the slice", slice("out", sql, "{addresses: [10.0.0.7]}") + on5432, "data/db", segment.ExposedInternet},
		{"and not another", slice("out", "{name: sql, port: 5433}", "{addresses: [10.0.0.7]}") + on5432, "data/db", segment.ExposedNone},
		{"a port without a number may be any", slice("out", "{name: sql}", "{addresses: [10.0.0.7]}") + on5432, "data/db", segment.ExposedInternet},
		{"a port of another name", slice("out", "{name: web, port: 5432}", "{addresses: [10.0.0.7]}"), "data/db", segment.ExposedNone},
		{"a port of another protocol", slice("out", "{name: sql, protocol: UDP, port: 5432}", "{addresses: [10.0.0.7]}"), "data/db", segment.ExposedNone},
		{"not ready now", slice("out", sql, "{addresses: [10.0.0.7], conditions: {ready: false}}"), "data/db", segment.ExposedInternet},
		{"ends, and serves till then", slice("out", sql, "{addresses: [10.0.0.7], conditions: {ready: false, serving: true, terminating: true}}"), "data/db", segment.ExposedInternet},
		{"ends, and serves no more", slice("out", sql, "{addresses: [10.0.0.7], conditions: {ready: false, serving: false, terminating: true}}"), "data/db", segment.ExposedNone},
		{"the address counts, and not the name", slice("out", sql, "{addresses: [10.0.0.7], targetRef: {kind: Pod, namespace: shop, name: young}}"), "shop/young", segment.ExposedNone},
		{"the name counts where the pod's address is not known", slice("out", sql, "{addresses: [10.0.0.99], targetRef: {kind: Pod, name: young}}"), "shop/young", segment.ExposedInternet},
		{"and not of a pod that has another", slice("out", sql, "{addresses: [10.0.0.99], targetRef: {kind: Pod, name: web}}") + "", "data/db", segment.ExposedNone},
		{"an address outside", slice("out", sql, "{addresses: [192.0.2.1]}"), "data/db", segment.ExposedNone},
		{"a slice of no Service", slice("other", sql, "{addresses: [10.0.0.7]}"), "data/db", segment.ExposedNone},
		{"a foreign slice beside a selector", slice("web", "{port: 5432}", "{addresses: [10.0.0.7]}"), "data/db", segment.ExposedInternet},
		{"what is selected stays, whatever slices say", slice("web", "{port: 5432}", "{addresses: [10.0.0.7]}"), "shop/web", segment.ExposedInternet},
		{"Endpoints", "\n---\napiVersion: v1\nkind: Endpoints\nmetadata: {name: out, namespace: shop}\nsubsets: [{notReadyAddresses: [{ip: 10.0.0.7}], ports: [{name: sql, port: 5432}]}]\n", "data/db", segment.ExposedInternet},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := decoded(t, segment.Generic(), served+tc.manifests)
			if x := g.Exposure(ref(t, tc.workload)); x.Level != tc.level {
				t.Errorf("%+v, want %s", x, tc.level)
			}
		})
	}
}
