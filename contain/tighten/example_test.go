package tighten_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/contain/tighten"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/flow"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
)

const shop = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {selector: {matchLabels: {app: api}}, template: {metadata: {labels: {app: api}}, spec: {containers: [{name: c}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop}
spec: {selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c}]}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {}}]
`

// read is what a program does with files: decode, translate, compile.
func read(manifests, flows string) (*manifest.Set, *segment.Graph, *flow.Observed, error) {
	ctx := context.Background()
	set, err := manifest.Decode(ctx, []manifest.Input{{Name: "shop.yaml", Data: []byte(manifests)}}, manifest.Options{})
	if err != nil {
		return nil, nil, nil, err
	}
	m, err := k8s.Model(set, segment.Generic())
	if err != nil {
		return nil, nil, nil, err
	}
	g, err := segment.Build(ctx, m)
	if err != nil {
		return nil, nil, nil, err
	}
	a := flow.NewAggregator(flow.Options{Book: flow.NewBook(set.Estate, flow.BookOptions{})})
	if err := a.Read(ctx, "flows.csv", strings.NewReader(flows), flow.Auto); err != nil {
		return nil, nil, nil, err
	}
	return set, g, a.Observed(), nil
}

func ExampleMake() {
	set, g, seen, err := read(shop, `time,src,dst,protocol,port
2026-11-20T10:00:00Z,shop/web,shop/api,TCP,8080
2026-11-20T10:00:01Z,shop/api,shop/db,TCP,5432
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := tighten.Make(context.Background(), &tighten.Problem{Graph: g, Set: set, Observed: seen, At: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
		Directions: []segment.Gress{segment.Ingress}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range plan.Edits {
		fmt.Println(e.Action, e.Namespace+"/"+e.Name)
	}
	for _, x := range plan.Workloads[1].Sides[0].Unused {
		fmt.Println("unused:", x.Peer.Short(), "→ shop/db", segment.Summary(x.Connections, 2), x.Rule.Name, x.Source)
	}
	// Output:
	// create shop/api-least
	// replace shop/db
	// create shop/web-least
	// unused: shop/api → shop/db 1-5431/TCP, 5433-65535/TCP, and 2 more db shop.yaml:21
	// unused: shop/web → shop/db any port db shop.yaml:21
}
