package k8s_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
	"github.com/cofferdam-io/cofferdam/segment/k8s"
)

// TestHugePolicies reads policies of sizes that nobody writes by hand and that
// programs do: a selector with ten thousand values, and ten megabytes of blocks.
// They are evaluated like any other, in time that grows with their size and not
// with its square.
func TestHugePolicies(t *testing.T) {
	var b strings.Builder
	const pods, values, blocks = 100, 10_000, 240_000
	for i := range pods {
		fmt.Fprintf(&b, "apiVersion: v1\nkind: Pod\nmetadata: {name: p%d, namespace: shop, labels: {app: a%d}}\n", i, i)
		fmt.Fprintf(&b, "spec: {containers: [{name: c, image: \"registry.example/c:1\"}]}\nstatus: {phase: Running, podIP: 10.1.0.%d}\n---\n", i+1)
	}
	b.WriteString("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: values, namespace: shop}\nspec:\n")
	b.WriteString("  podSelector:\n    matchExpressions:\n    - key: app\n      operator: In\n      values:\n")
	for i := range values {
		fmt.Fprintf(&b, "      - a%d\n", 2*i)
	}
	b.WriteString("  ingress:\n  - from: [{podSelector: {matchLabels: {app: a1}}}]\n---\n")
	b.WriteString("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: blocks, namespace: shop}\nspec:\n  podSelector: {}\n  policyTypes: [Egress]\n  egress:\n")
	b.WriteString("  - to: [{podSelector: {}}]\n  - to:\n")
	for i := range blocks { // every second of some half a million
		fmt.Fprintf(&b, "    - ipBlock:\n        cidr: %d.%d.%d.0/24\n", 20+2*i/65536, 2*i/256%256, 2*i%256)
	}
	if b.Len() < 10_000_000 {
		t.Fatalf("the manifest is small: %d bytes", b.Len())
	}
	set, err := manifest.Decode(context.Background(), []manifest.Input{{Name: "huge.yaml", Data: []byte(b.String())}}, manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Estate.Faults) > 0 {
		t.Fatalf("%+v", set.Estate.Faults[0])
	}
	m, err := k8s.Model(set, segment.Generic())
	if err != nil {
		t.Fatal(err)
	}
	g, err := segment.Build(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	port := segment.Port{Protocol: segment.TCP, Number: 80}
	for _, c := range []struct {
		src, dst string
		want     segment.Verdict
	}{
		{"shop/p1", "shop/p2", segment.Allowed}, // p2 is selected, and lets a1 in
		{"shop/p3", "shop/p2", segment.Denied},
		{"shop/p3", "shop/p5", segment.Allowed}, // odd ones are not selected
		{"shop/p3", "20.0.2.1", segment.Allowed},
		{"shop/p3", "20.0.3.1", segment.Denied},
		{"shop/p3", "27.82.254.9", segment.Allowed}, // the last block
		{"shop/p3", "27.82.255.9", segment.Denied},
	} {
		src, err := ident.ParseRef(c.src)
		if err != nil {
			t.Fatal(err)
		}
		dst, err := ident.ParseRef(c.dst)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdict(t, g, src, dst, port); got != c.want {
			t.Errorf("%s -> %s is %s, want %s", c.src, c.dst, got, c.want)
		}
		if x, err := g.Why(src, dst, &port); err != nil || x.Verdict != c.want {
			t.Errorf("why %s -> %s: %+v %v", c.src, c.dst, x, err)
		}
	}
	edges := 0
	for range g.Edges(segment.ByWorkload) {
		edges++
	}
	if edges < blocks {
		t.Errorf("%d edges: the blocks outside are not among them", edges)
	}
}
