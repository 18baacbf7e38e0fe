package k8s_test

import (
	"context"
	"fmt"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
)

func ExampleModel() {
	const manifests = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
`
	ctx := context.Background()
	set, err := manifest.Decode(ctx, []manifest.Input{{Name: "shop.yaml", Data: []byte(manifests)}}, manifest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	model, err := k8s.Model(set, segment.Generic())
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err := segment.Build(ctx, model)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range g.Workloads() {
		fmt.Println(w.Short(), "ingress isolated:", g.Isolation(w).Ingress)
	}
	// Output: shop/web ingress isolated: yes
}
