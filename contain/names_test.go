package contain_test

import (
	"context"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
)

// TestNamesStayOnThePortsOfPods: where a Service maps port 53 to another, that is the
// port that a policy has to leave open.
func TestNamesStayOnThePortsOfPods(t *testing.T) {
	const estate = `
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: openshift-dns}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: "registry.example/c:1"}]}}}}
---
{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: dns-default, namespace: openshift-dns}, spec: {template: {metadata: {labels: {dns: default}}, spec: {containers: [{name: c, image: "registry.example/c:1", ports: [{name: dns, containerPort: 5353, protocol: UDP}, {name: dns-tcp, containerPort: 5353, protocol: TCP}]}]}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: dns-default, namespace: openshift-dns}, spec: {selector: {dns: default}, ports: [{name: dns, port: 53, targetPort: dns, protocol: UDP}, {name: dns-tcp, port: 53, targetPort: 5353, protocol: TCP}]}}
`
	set, err := manifest.Decode(context.Background(), []manifest.Input{{Name: "m.yaml", Data: []byte(estate)}}, manifest.Options{})
	if err != nil || len(set.Estate.Faults) > 0 {
		t.Fatal(err, set.Estate.Faults)
	}
	profile := segment.Generic()
	profile.Origin = "chosen" // where it is only assumed no new policy lists addresses
	m, err := k8s.Model(set, profile)
	if err != nil {
		t.Fatal(err)
	}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	web, dns := ident.Ref{Namespace: "shop", Kind: "Deployment", Name: "web"}, ident.Ref{Namespace: "openshift-dns", Kind: "DaemonSet", Name: "dns-default"}
	p := &contain.Problem{Query: "shop/web", Objective: contain.Isolate, Grain: contain.Workloads, AcceptUnobserved: true, Graph: g, Set: set, Affected: []ident.Ref{web}, Engine: "test"}
	plan, err := contain.Make(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := plan.Folder(nil)
	if err != nil {
		t.Fatal(err)
	}
	edges, err := applied(t, 0, p, plan, folder).Between(web, dns)
	if err != nil {
		t.Fatal(err)
	}
	var open []segment.Conn
	for _, e := range edges {
		open = append(open, e.Connections...)
	}
	if s := segment.Summary(open, 9); s != "53/TCP, 5353/TCP, 53/UDP, 5353/UDP" {
		t.Errorf("left open: %s", s)
	}
}
