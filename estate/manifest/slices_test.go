package manifest_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cofferdam-io/cofferdam/estate"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
)

const slices = `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: shop, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
ports: [{name: sql, port: 5432}, {name: dns, protocol: UDP}]
endpoints:
- {addresses: [10.0.0.7, "::ffff:10.0.0.8"], targetRef: {kind: Pod, name: db-0}, conditions: {ready: false}}
- {addresses: [10.0.0.9], targetRef: {kind: Pod, name: db-1, namespace: data}, conditions: {terminating: true, serving: true}}
- {addresses: [10.0.0.10], targetRef: {kind: Node, name: n}, conditions: {terminating: true, serving: false}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: nobody, namespace: shop}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1]}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: names, namespace: shop, labels: {kubernetes.io/service-name: db}}
addressType: FQDN
endpoints: [{addresses: [db.example]}]
---
apiVersion: v1
kind: Endpoints
metadata: {name: old, namespace: shop}
subsets:
- {addresses: [{ip: 10.0.0.1, targetRef: {kind: Pod, name: old-0}}], notReadyAddresses: [{ip: "fd00::1"}], ports: [{port: 80}]}
- {addresses: [{ip: 10.0.0.2}], ports: [{port: 81, protocol: SCTP}]}
`

func TestSlices(t *testing.T) {
	set, err := manifest.Decode(context.Background(), []manifest.Input{{Name: "s.yaml", Data: []byte(slices)}}, manifest.Options{})
	if err != nil || len(set.Estate.Faults) > 0 {
		t.Fatal(err, set.Estate.Faults)
	}
	ip := netip.MustParseAddr
	want := []*estate.EndpointSlice{
		{Namespace: "shop", Name: "db-1", Kind: "EndpointSlice", Service: "db", Ports: []estate.SlicePort{{Name: "sql", Protocol: "TCP", Port: 5432}, {Name: "dns", Protocol: "UDP"}},
			Endpoints: []estate.SliceEndpoint{
				{Addresses: []netip.Addr{ip("10.0.0.7"), ip("10.0.0.8")}, PodNamespace: "shop", PodName: "db-0"},
				{Addresses: []netip.Addr{ip("10.0.0.9")}, PodNamespace: "data", PodName: "db-1"},
				{Addresses: []netip.Addr{ip("10.0.0.10")}, Gone: true},
			}},
		{Namespace: "shop", Name: "old", Kind: "Endpoints", Service: "old", Ports: []estate.SlicePort{{Protocol: "TCP", Port: 80}},
			Endpoints: []estate.SliceEndpoint{{Addresses: []netip.Addr{ip("10.0.0.1")}, PodNamespace: "shop", PodName: "old-0"}, {Addresses: []netip.Addr{ip("fd00::1")}}}},
		{Namespace: "shop", Name: "old", Kind: "Endpoints", Service: "old", Ports: []estate.SlicePort{{Protocol: "SCTP", Port: 81}},
			Endpoints: []estate.SliceEndpoint{{Addresses: []netip.Addr{ip("10.0.0.2")}}}},
	}
	if diff := cmp.Diff(want, set.Estate.Slices, cmpopts.IgnoreFields(estate.EndpointSlice{}, "Source"), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// TestBrokenSlices costs a slice only itself, and no verdict.
func TestBrokenSlices(t *testing.T) {
	for _, text := range []string{
		`{addressType: IPv4, endpoints: [{addresses: [nonsense]}]}`,
		`{addressType: IPv4, endpoints: [{addresses: ["fe80::1%eth0"]}]}`,
		`{addressType: IPv4, endpoints: {}}`,
		`{addressType: IPv4, endpoints: [{addresses: [10.0.0.1], conditions: {serving: perhaps}}]}`,
		`{addressType: IPv4, ports: [{port: 70000}]}`,
	} {
		doc := "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: x, namespace: a, labels: {kubernetes.io/service-name: s}}, " + text[1:]
		set, err := manifest.Decode(context.Background(), []manifest.Input{{Name: "s.yaml", Data: []byte(doc)}}, manifest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(set.Estate.Faults) != 1 || set.Estate.Faults[0].Bears || len(set.Estate.Slices) > 0 {
			t.Errorf("%s: %+v, %d slices", text, set.Estate.Faults, len(set.Estate.Slices))
		}
	}
}
