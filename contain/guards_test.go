package contain

import (
	"context"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
)

// TestGuards: what the input does not show is not called kept.
func TestGuards(t *testing.T) {
	const web = `{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {containers: [{name: c, image: x}]}}
`
	const service = `---
{apiVersion: v1, kind: Service, metadata: {name: kubernetes, namespace: default}, spec: {clusterIP: 10.96.0.1, ports: [{port: 443}]}}
`
	const selecting = `---
{apiVersion: v1, kind: Service, metadata: {name: kubernetes, namespace: default}, spec: {clusterIP: 10.96.0.1, selector: {app: api}, ports: [{port: 443}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: api, namespace: default, labels: {app: api}}, spec: {containers: [{name: c, image: x}]}}
`
	const hosted = service + `---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: kubernetes, namespace: default, labels: {kubernetes.io/service-name: kubernetes}}, addressType: IPv4, endpoints: [{addresses: [10.1.0.9]}], ports: [{port: 6443}]}
---
{apiVersion: v1, kind: Pod, metadata: {name: hosted, namespace: tenants}, spec: {containers: [{name: c, image: x}]}, status: {phase: Running, podIP: 10.1.0.9}}
`
	const static = `---
{apiVersion: v1, kind: Pod, metadata: {name: kube-apiserver-a, namespace: kube-system, labels: {component: kube-apiserver}}, spec: {hostNetwork: true, containers: [{name: c, image: x}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: dns, namespace: kube-system, labels: {k8s-app: kube-dns}}, spec: {containers: [{name: c, image: x}]}}
`
	doubtful, policed := segment.Generic(), segment.Generic()
	doubtful.NodeToPodFree, doubtful.NodeToPodDoubt = false, "nothing says it"
	policed.NodeToPodFree = false
	for _, tt := range []struct {
		name, text string
		profile    segment.Profile
		mayCut     []string
		want       string // states of DNS, API server and probes
		says       string
	}{
		{"nothing of it", web, segment.Generic(), nil, "not known, not known, kept", "neither a pod of it nor Service default/kubernetes"},
		{"an API server outside", web + service, segment.Generic(), nil, "not known, kept, kept", "10.96.0.1: no pod of the input"},
		{"one behind a selector", web + selecting, segment.Generic(), nil, "not known, kept, kept", "default/api"},
		{"one in another namespace, behind slices", web + hosted, segment.Generic(), nil, "not known, kept, kept", "tenants/hosted"},
		{"static pods", web + static, segment.Generic(), nil, "kept, kept, kept", "kube-system/kube-apiserver-a"},
		{"given up", web + static, segment.Generic(), []string{"dns", "api-server"}, "given up, given up, kept", "--may-cut api-server"},
		{"probes in doubt", web, doubtful, nil, "not known, not known, not known", "nothing says it"},
		{"probes that policies judge", web, policed, nil, "not known, not known, kept", "polices what comes from nodes"},
	} {
		set, err := manifest.Decode(context.Background(), []manifest.Input{{Name: "m.yaml", Data: []byte(tt.text)}}, manifest.Options{})
		if err != nil || len(set.Estate.Faults) > 0 {
			t.Fatal(err, set.Estate.Faults)
		}
		m, err := k8s.Model(set, tt.profile)
		if err != nil {
			t.Fatal(err)
		}
		g, err := segment.Build(context.Background(), m)
		if err != nil {
			t.Fatal(err)
		}
		n := newNetwork(&Problem{Objective: Isolate, Graph: g, Set: set, MayCut: tt.mayCut, Affected: []ident.Ref{{Namespace: "shop", Kind: "Pod", Name: "web"}}})
		var states, words []string
		for _, x := range n.guards() {
			states, words = append(states, x.State), append(words, x.Why)
		}
		if got := strings.Join(states, ", "); got != tt.want || !strings.Contains(strings.Join(words, "\n"), tt.says) {
			t.Errorf("%s: %s; want %s\n%s", tt.name, got, tt.want, strings.Join(words, "\n"))
		}
	}
	if got := apiAddresses(&estate.Estate{Services: []*estate.Service{{Namespace: "default", Name: "kubernetes", ClusterIPs: []string{"None", ""}}}}); len(got) > 0 {
		t.Errorf("a Service without address is at %v", got)
	}
}
